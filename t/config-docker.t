# The configuration of the image: docker/entrypoint writes it from its template,
# docker/nginx.conf, nginx accepts it, and it contains the gateway described in
# the README.

use strict;
use warnings;

use Digest::SHA ();
use Test::More;

use Reauth::Test redis_auth => 'acl', sandbox_options => ['--step-ms', 50];

plan skip_all => 'there is no envsubst (Debian: gettext-base)'
    if system('command -v envsubst >/dev/null') != 0;

my $dir  = work_dir();
my $port = free_port();

# status, output and what was written for "nginx"

sub entrypoint {
    my ($environment, @command) = @_;

    my $written = "$dir/rendered.conf";
    unlink $written;

    local %ENV = (%ENV, REAUTH_CONF => "$dir/none.conf",
        REAUTH_TEMPLATE => 'docker/nginx.conf', REAUTH_RENDERED => $written,
        %$environment);

    open my $pipe, '-|', 'sh', '-c', 'exec docker/entrypoint "$@" 2>&1', 'sh',
        @command or die "docker/entrypoint: $!\n";
    my $output = do { local $/; <$pipe> } // '';
    close $pipe or $! == 0 or die "docker/entrypoint: $!\n";

    return ($?, $output, -e $written ? Reauth::Test::slurp($written) : undef);
}

for my $invalid (
    [REAUTH_UPSTREAM     => 'api.fansapi.com'],
    [REAUTH_UPSTREAM     => 'ftp://api.fansapi.com'],
    [REAUTH_UPSTREAM     => 'https://api.fansapi.com/v1'],
    [REAUTH_UPSTREAM     => 'https://api.fansapi.com:443;'],
    [REAUTH_UPSTREAM     => 'https://a b'],
    [REAUTH_REDIS_URL    => "redis://redis\n; x"],
    [REAUTH_SERVER_NAMES => 'a; } server {'])
{
    my ($status, $output, $written)
        = entrypoint({ $invalid->[0] => $invalid->[1] }, 'nginx');

    isnt($status, 0, "an invalid value is refused: $invalid->[1]");
    like($output, qr/\Aentrypoint: invalid $invalid->[0] /,
        "the error names the variable: $invalid->[1]");
    is($written, undef, 'before anything was written');
}

my (undef, undef, $real) = entrypoint(
    { REAUTH_UPSTREAM => 'https://api.fansapi.com/' }, 'nginx', '-v');

like($real, qr/^ +server +api\.fansapi\.com:443;/m,
    'the configuration has another upstream');
like($real, qr/proxy_ssl_name +api\.fansapi\.com;/,
    'the upstream is verified by its name');
is(scalar(() = $real =~ /proxy_pass +https:\/\/fans_api/g), 2,
    'calls and updates are sent over TLS');
is(scalar(() = $real =~ /Host api\.fansapi\.com;/g), 2,
    'the Host header has the name of the upstream');

my ($status, $shown, $none) = entrypoint({}, 'echo', 'other');
is("$status $shown", "0 other\n", 'a different command is run as it is');
is($none, undef, 'a different command needs no configuration');

my (undef, $own) = entrypoint({ REAUTH_CONF => '/dev/null' }, 'nginx', '-t');
like($own, qr{/dev/null}, 'a mounted configuration is used');

# ---- the bill of materials ----

SKIP: {
    skip 'there is no dpkg', 4
        if system('command -v dpkg-query >/dev/null') != 0;

    my $sbom = JSON::PP::decode_json(scalar `docker/sbom 1.2.3`);
    my %version = map { $_->{name} => $_ } @{ $sbom->{packages} };
    my %id = map { $_->{SPDXID} => 1 } @{ $sbom->{packages} };

    is($sbom->{spdxVersion}, 'SPDX-2.3',
        'the bill of materials has the format SPDX 2.3');
    is($version{'nginx-reauth'}{versionInfo}, '1.2.3',
        'the bill of materials has the version of the module');
    like($version{libc6}{externalRefs}[0]{referenceLocator},
        qr{\Apkg:deb/debian/libc6\@\d},
        'the bill of materials has the packages');
    is(scalar keys %id, scalar @{ $sbom->{packages} },
        'the packages have different IDs');
}

# ---- the gateway ----

my (undef, undef, $text) = entrypoint({}, 'nginx', '-v');

my $own_port = free_port();

# paths and addresses of the image are replaced by those of the test
for my $replaced (
    ['/tmp/nginx.pid',                    'logs/nginx.pid'],
    ['/tmp/',                             ''],
    ['modules/ngx_http_reauth_module.so', qq("$ENV{TEST_NGINX_MODULE}")],
    ['/dev/stdout',                       'logs/access.log'],
    ['stderr notice',                     'logs/error.log notice'],
    ['redis://gateway@redis:6379/0',      $ENV{TEST_NGINX_REDIS_URL}],
    ['/run/secrets/redis_password', "$dir/redis_password timeout=10s"],
    ['/run/secrets/upstream_api_key',     $ENV{TEST_NGINX_KEY_FILE}],
    ['sandbox:9090', "127.0.0.1:$ENV{TEST_NGINX_SANDBOX_PORT}"],
    ['listen 8080',                       "listen 127.0.0.1:$port"],
    ['listen 8081', 'listen 127.0.0.1:' . free_port()],
    ['127.0.0.1:8082', "127.0.0.1:$own_port"],
    ['include /etc/nginx/reauth/',        "include $dir/"])
{
    my ($what, $by) = @$replaced;

    $text =~ s/\Q$what\E/$by/g or die "docker/nginx.conf has no $what\n";
}

sub start {
    my ($name) = @_;

    return Reauth::Gateway->start(
        dir         => "$dir/$name",
        port        => $port,
        text        => 'daemon off; ' . ($> == 0 ? 'user root; ' : '') . $text,
        workers     => 2,
        await_ready => 1,
    );
}

my $gateway = start('container');

is($gateway->update('acct_1', 'ok')->{status}, 200,
    "an update through the image's configuration is accepted");
is($gateway->http('GET', '/api/acct_1/me')->{status}, 503, 'the gate is closed');
ok(wait_for {
    $gateway->http('GET', '/reauth/accounts/acct_1')->{json}{state}
        eq 'succeeded'
} 'nobody polls, and yet its end is known');
is($gateway->http('GET', '/api/acct_1/me')->{status}, 200, 'the gate is open');
is(stored('acct_1', 'state'), 'succeeded', 'Redis knows it');

is($gateway->http('GET', '/')->{status}, 404, 'no files of nginx are served');
is($gateway->http('GET', '/')->{json}{error}, 'NOT_FOUND',
    'the error of an unknown path has the envelope');

$gateway->reload;
ok(wait_for {
    $gateway->http('GET', '/reauth/readyz')->{json}{status} eq 'ready'
} 'the gateway is ready after a reload');

unlike($gateway->error_log, qr/\[(?:warn|error|crit|alert|emerg)\]/,
    'nothing is logged as a warning or an error');

# ---- mounted files; with callers, draining needs no token ----

mkdir "$dir/$_" or die "mkdir $dir/$_: $!\n" for qw(http server);

my $callers = secret_file('callers', 'service sha256:'
    . Digest::SHA::sha256_hex('reauth_' . 'a' x 43) . " all\n", oct '644');
Reauth::Test::write_file("$dir/http/map.conf",
    'map $host $mounted { default 418; }');
Reauth::Test::write_file("$dir/server/server.conf",
    "reauth_callers_file $callers; location = /own { return 200 \$mounted; }");

$gateway->stop;
$gateway = start('mounted');

is($gateway->http('GET', '/own')->{body}, '418',
    'files are included in http and in the server');
is($gateway->http('GET', '/reauth/accounts')->{status}, 401,
    'callers need a token');

my $drain = Reauth::Test::slurp('docker/drain') =~ s/8082/$own_port/r;
Reauth::Test::write_file("$dir/drain", $drain, oct '700');

is(system("$dir/drain", '0'), 0, 'the gateway is drained');
is($gateway->http('GET', '/reauth/readyz')->{json}{status}, 'draining',
    'readyz reports it');

done_testing();
