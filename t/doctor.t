# reauth-doctor finds nothing wrong with a gateway in order, and each of the
# faults that are planted here, and says what to do.  It shows no secret.

use strict;
use warnings;

use File::Temp ();
use IO::Socket::INET;
use POSIX ();
use Test::More;

use Reauth::Test;
use Reauth::Webhook;

my $dir     = work_dir();
my $callers = callers_file(['ops', 'status,operate,team:read'], ['other', 'update']);
my %token   = map { $_ => secret_file("token-$_", "token-of-$_\n") } qw(ops other);

my $certificate = "$dir/tls.crt";
my $key         = "$dir/tls.key";

# before nginx is started, as if it had been reloaded after a change

my $before = time - 60;

sub sign {
    my ($days) = @_;

    system("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days $days"
        . " -subj /CN=localhost -keyout $key -out $certificate >$dir/openssl 2>&1") == 0
        or die "openssl failed\n";

    chmod 0600, $key;

    return utime $before, $before, $certificate, $key;
}

sign(365);

my $tls     = free_port();
my $gateway = gateway(
    http_config => <<"EOC",
reauth_callers_file $callers;
server {
    listen 127.0.0.1:$tls ssl;
    ssl_certificate "$certificate";    # with a comment; and a brace {
    ssl_certificate_key $key;
}
EOC
    config => "reauth_poll on /upstream;\nlocation = /reauth/webhook { reauth_webhook $ENV{TEST_NGINX_WEBHOOK_SECRET}; }");

# nginx -t ends without destroying the pool of its configuration
$ENV{ASAN_OPTIONS} .= ':detect_leaks=0' if defined $ENV{ASAN_OPTIONS};

my $conf = "$gateway->{dir}/nginx.conf";

# the output of the doctor, and its exit code

sub doctor {
    my (@more) = @_;

    my %argument = ('-u' => "http://127.0.0.1:${\ $gateway->port }/reauth", '-t' => $token{ops},
        '-c' => $conf, '-p' => "$gateway->{dir}/", '-n' => $ENV{TEST_NGINX_BINARY} || 'nginx');

    while (@more && $more[0] =~ /\A-[utcpn]\z/) {
        my $name = shift @more;
        $argument{$name} = shift @more;
    }

    open my $out, '-|', 'tools/reauth-doctor', %argument, @more or die "no doctor: $!\n";
    my $text = do { local $/ = undef; <$out> };
    close $out;

    return ($text, $? >> 8);
}

sub finds {
    my ($name, $what, $mend, @arguments) = @_;

    my ($text, $code) = doctor(@arguments);

    like($text, qr/^WRONG .*$what.*\n +.*$mend/m, "the doctor finds $name");
    is($code, 1, "the exit code of the doctor tells that $name was found");

    return;
}

# ---- in order ----

my ($text, $code) = doctor('-k');

is($code, 0, 'nothing is wrong') or diag($text);
unlike($text, qr/WRONG|^note/m, 'everything is checked');

like($text, qr/^ok +.*$_/m, "the doctor has checked: $_") for
    'configuration is valid', 'certificate .*tls.crt is valid until', 'reauth_key_file .*permissions',
    'ssl_certificate_key .*permissions', 'reauth_webhook .*permissions', 'version \d',
    'all rights', 'from that of Redis', 'readyz: ready', 'Redis up', 'from that of the fleet',
    'signed test event was accepted', 'accepts the API key';

my @secrets = map { Reauth::Test::slurp($_) =~ s/\s+\z//r } $token{ops}, $key,
    "$dir/redis_password", $ENV{TEST_NGINX_KEY_FILE}, $ENV{TEST_NGINX_WEBHOOK_SECRET};

is(scalar(grep { index($text, $_) >= 0 } @secrets), 0, 'no secret is shown');

# ---- planted faults ----

chmod 0644, $key;
finds('a TLS key that others can read', 'tls.key can be read by others', 'chmod 600');
chmod 0600, $key;

chmod 0666, $callers;
finds('a callers file that others can change', '(?:callers.*changed by others|configuration is invalid)', '\S');
chmod 0644, $callers;

sign(2);
finds('a certificate that expires soon', 'expires soon', 'Renew');
sign(365);

redis_cli('ACL', 'SETUSER', 'gateway', '-zscan', '-xrevrange');
finds('missing rights in Redis', 'may not use: xrevrange zscan', 'redis-acl.rules');
redis_cli('ACL', 'SETUSER', 'gateway', '+zscan', '+xrevrange');

my $password = Reauth::Test::slurp("$dir/redis_password");
secret_file('redis_password', "another\n");
finds('a wrong password of Redis', 'rejects the password', 'password_file');
secret_file('redis_password', $password);
utime $before, $before, "$dir/redis_password";

my $other = Reauth::Test::write_file("$gateway->{dir}/other.conf", Reauth::Test::slurp($conf)
    =~ s/\Q$ENV{TEST_NGINX_WEBHOOK_SECRET}\E/secret_file('webhook_other', "another-secret-of-32-characters-000\n")/er);
finds('a webhook secret that is not in effect', 'test event returned 401 INVALID_SIGNATURE', 'reload',
    '-c' => $other);

my $invalid = Reauth::Test::write_file("$gateway->{dir}/invalid.conf",
    Reauth::Test::slurp($conf) =~ s/reauth_webhook /reauth_webhok /r);
finds('an invalid configuration', 'is invalid: unknown directive .reauth_webhok', 'Correct', '-c' => $invalid);

finds('a token without the scope', 'summary: 403', '-t', '-t' => $token{other});
finds('a token without the scope for the key', 'API key returned 403 FORBIDDEN_CALLER', 'team:read',
    '-t' => $token{other}, '-k');

$gateway->http('PUT', '/reauth/drain', { Authorization => 'Bearer token-of-ops' }, { for => '1m' });
finds('a drained gateway', 'readyz: draining', 'Draining');
$gateway->http('DELETE', '/reauth/drain', { Authorization => 'Bearer token-of-ops' });

finds('another address', 'does not respond', '-u', '-u' => 'http://127.0.0.1:' . free_port() . '/reauth');
finds('another prefix', 'readyz returned 404', '-u', '-u' => "http://127.0.0.1:${\ $gateway->port }/status");

redis_stop();
wait_for { $gateway->http('GET', '/reauth/readyz')->{json}{status} eq 'degraded' } 'Redis is away';
finds('a Redis that is not reached', 'cannot be reached', 'Start it');
finds('a degraded gateway', 'readyz: degraded: ', 'troubleshooting');
redis_start();
wait_for { $gateway->http('GET', '/reauth/readyz')->{json}{status} eq 'ready' } 'Redis is back';

is((doctor())[1], 0, 'nothing is wrong any more');

# ---- the running nginx, and the files that it reads ----

my $text_of_conf = Reauth::Test::slurp($conf);
my $later        = time + 60;

utime $later, $later, $certificate;
finds('a certificate that nginx has not read', 'ssl_certificate .*tls.crt was changed after', 'reload');
sign(365);

utime $later, $later, "$dir/redis_password";
finds('a password of Redis that nginx has not read', 'reauth_redis .*was changed after', 'reload');
utime $before, $before, "$dir/redis_password";

utime $later, $later, $callers;
is((doctor())[1], 0, 'a callers file that workers can read needs no reload');

# a configuration that is not in effect, with some directives replaced

sub changed {
    my (%directive) = @_;

    my $new = $text_of_conf;

    for my $from (keys %directive) {
        $new =~ s/$from/$directive{$from}/ or die "nothing matches $from\n";
    }

    return Reauth::Test::write_file("$gateway->{dir}/changed.conf", $new);
}

finds('a proxy_pass without URI', 'location /upstream/: proxy_pass has no URI', 'proxy_pass http://fans_api/;',
    '-c' => changed('http://fans_api/;' => 'http://fans_api;'));

SKIP: {
    skip 'only root starts workers of another user', 5 if $> != 0;

    my $secrets = File::Temp->newdir('reauth-doctor-XXXXXX', TMPDIR => 1);
    my $file    = "$secrets/key";

    Reauth::Test::write_file($file, Reauth::Test::slurp($ENV{TEST_NGINX_KEY_FILE}));

    my $nobody = changed('user root;' => 'user nobody nogroup;', 'reauth_key_file \S+;' => "reauth_key_file $file;");

    chown 0, scalar getgrnam('nogroup'), $file;
    chmod 0640, $file;
    chmod 0711, $secrets;

    my ($shown) = doctor('-c' => $nobody);
    like($shown, qr/^ok +reauth_key_file \Q$file\E: permissions/m, 'the group of the workers can read a secret');

    chmod 0700, $secrets;
    finds('a directory that workers cannot enter', "cannot enter $secrets", "chmod 711 $secrets",
        '-c' => $nobody);

    chmod 0711, $secrets;
    chmod 0600, $file;
    utime $later, $later, $file;
    finds('a secret that only root can read, and that has changed', "reauth_key_file $file was changed after",
        'reload', '-c' => $nobody);
}

# ---- logs ----

my $bin = "$dir/bin";
my $log = Reauth::Test::write_file("$dir/other.log", join '', map {
    my @time = localtime $_->[0];
    POSIX::strftime('%Y/%m/%d %H:%M:%S', @time) . " $_->[1]\n"
} [time - 7200, '[alert] 1#1: too old'], [time, '[alert] 1#1: *7 14 worker_connections are not enough, client: x-secret'],
    [time, '[error] 1#1: not serious']);

($text) = doctor('-c' => changed('logs/error.log' => $log));
like($text, qr/^note +\Q$log\E: 1 lines .*\[alert\] 14 worker_connections are not enough$/m,
    'serious lines of the error log are shown, without the request');

mkdir $bin;
Reauth::Test::write_file("$bin/df", <<'EOF');
#!/bin/sh
echo 'Filesystem     1024-blocks   Used Available Capacity Mounted on'
echo 'tmpfs                   64     60         4      94% /var/log/nginx'
EOF
chmod 0755, "$bin/df";

{
    local $ENV{PATH} = "$bin:$ENV{PATH}";
    finds('a full file system of the logs', 'error.log .* has 4 KB left', 'Free space');
}

# ---- a Redis that accepts connections and does not reply ----

my $silent = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1') or die "no socket: $!\n";

finds('a Redis that does not reply', 'Redis at .*: it does not reply', 'whether its process is stopped',
    '-c' => changed('@127\.0\.0\.1:\d+' => '@127.0.0.1:' . $silent->sockport));

# ---- arguments ----

($text, $code) = doctor('--wrong');
is($code, 2, 'an unknown argument is rejected');
($text, $code) = doctor('-h');
like($text, qr/\Ausage: reauth-doctor /, 'help is printed');
is($code, 0, 'help is no error');

# each command of the ACL is tried; ASKING needs a Cluster

my $doctor = Reauth::Test::slurp('tools/reauth-doctor');

is(join(' ', grep { $_ ne 'asking' && $doctor !~ /\['\U$_\E'/ }
    Reauth::Test::slurp('conf/redis-acl.rules') =~ /\+(\w+)/g), '',
    'the doctor tries each command of conf/redis-acl.rules');

# the manual describes each option

my $manual = Reauth::Test::slurp('docs/reauth-doctor.1');
like($manual, qr/^\.(?:BI|B|BR) \\-$_\b/m, "the manual describes -$_") for $text =~ /^  -(\w)/mg;

done_testing();
