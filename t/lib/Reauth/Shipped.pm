package Reauth::Shipped;

# A gateway with a shipped configuration: only its paths, addresses and the
# scheme of the upstream are replaced by those of the test.

use strict;
use warnings;

use Cwd ();

use Reauth::Gateway ();
use Reauth::Test ();

my $count = 0;


# Reauth::Shipped->start('conf/nginx.conf', upstream => $port,
#     replace => [[$what, $by], ...], workers => 1); $by may be a function

sub start {
    my ($class, $file, %argument) = @_;

    my $dir  = Reauth::Test::work_dir();
    my $port = Reauth::Test::free_port();
    my $text = Reauth::Test::slurp($file);
    my $root = $> == 0 ? 'user root;' : '';

    my @replaced = (
        [qr/(?<=^load_module )\S+(?=;)/m,
            "\"$ENV{TEST_NGINX_MODULE}\""],
        [qr/^(?:user +www-data;|\@USER\@)$/m,      $root],
        [qr/^worker_processes +\w+;/m,
            'worker_processes ' . ($argument{workers} || 1) . ';'],
        [qr/^error_log .*;/m,                    'error_log logs/error.log info;'],
        [qr/^pid .*;/m,                          'pid logs/nginx.pid;'],
        [qr/(?<=access_log)( +)[^\s;]+/,             ' logs/access.log'],
        [qr/_temp_path( +)\S+\/(?=\w+;)/,        '_temp_path '],
        [qr/\/usr\/share\/nginx-reauth(?=\/board)|\@ROOT\@/,
            sub { Cwd::getcwd() }],
        [qr/\$\{REAUTH_REDIS_URL\}|redis:\/\/\S+/, $ENV{TEST_NGINX_REDIS_URL}],
        [qr/\$\{REAUTH_SERVER_NAMES\}/,          'gateway'],
        [qr/\$\{REAUTH_UPSTREAM_SCHEME\}/,       'http'],
        [qr/\$\{REAUTH_UPSTREAM_HOST\}/,         'fans_api'],
        [qr/^ +include +\/etc\/nginx\/reauth\/.*\n/m, ''],
        [qr/password_file=\S+(?=;)/,             "password_file=$dir/redis_password"
            . ' timeout=10s'],
        [qr/(?<=reauth_key_file)( +)\S+(?=;)/,   " $ENV{TEST_NGINX_KEY_FILE}"],
        [qr/^ +listen +(?!(?:127\.0\.0\.1:)?808[12];)\S+?((?: default_server)?);/m,
            sub { "    listen 127.0.0.1:$port$1;" }],
        [qr/^ +listen +(?:8081|127\.0\.0\.1:8082);/m,
            sub { '    listen 127.0.0.1:' . Reauth::Test::free_port() . ';' }],
        [qr/^( +server) +\S+;/m,         "    server 127.0.0.1:$argument{upstream};"],
        [qr/https:\/\/(?=fans_api)/,             'http://'],
        [qr/^( +proxy_ssl_\w+) .*;\n/m,          ''],
        @{ $argument{replace} || [] },
    );

    for my $pair (@replaced) {
        my ($what, $by) = @$pair;

        $text =~ s/$what/ref $by ? $by->() : $by/ge;
    }

    # nginx's default directories for temporary files are writable for root only
    my $temp = join ' ', map { "${_}_temp_path $_;" }
        grep { $text !~ /${_}_temp_path/ } qw(client_body proxy fastcgi scgi uwsgi);
    $text =~ s/^http \{/http { $temp/m;

    # comments may contain examples
    die "$file: not all is replaced\n"
        if $text =~ s/^ *#.*$//mgr =~ /\@[A-Z]+\@|\/etc\/|\/run\//;

    my $gateway = Reauth::Gateway->start(
        dir         => "$dir/shipped" . $count++,
        port        => $port,
        text        => "daemon off;\n" . ($text =~ /^user /m ? '' : "$root\n")
            . $text,
        workers     => $argument{workers} || 1,
        await_ready => 1,
    );

    return $gateway;
}


# The text of a recipe in docs/operations.md: the first one in this language
# under "Other proxies", or the one with this number.

sub recipe {
    my ($class, $language, $number) = @_;

    my $text = Reauth::Test::slurp('docs/operations.md');

    my ($section) = $text =~ /^## Other proxies\n(.*?)(?=^## )/ms;
    my @recipes   = ($section // '') =~ /^```\Q$language\E\n(.*?)^```$/gms;

    return $recipes[($number // 1) - 1] // die "docs/operations.md has no recipe in $language\n";
}


1;
