# The configuration of the image, docker/nginx.conf: nginx accepts it, and it
# contains the gateway described in the README.

use strict;
use warnings;

use Test::More;

use Reauth::Test redis_auth => 'acl', sandbox_options => ['--step-ms', 50];

my $dir  = work_dir();
my $port = free_port();
my $text = Reauth::Test::slurp('docker/nginx.conf');

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
    ['listen 8080',                       "listen 127.0.0.1:$port"])
{
    my ($what, $by) = @$replaced;

    $text =~ s/\Q$what\E/$by/g or die "docker/nginx.conf has no $what\n";
}

my $gateway = Reauth::Gateway->start(
    dir         => "$dir/container",
    port        => $port,
    text        => 'daemon off; ' . ($> == 0 ? 'user root; ' : '') . $text,
    workers     => 2,
    await_ready => 1,
);

is($gateway->update('acct_1', 'ok')->{status}, 200, 'an update');
is($gateway->http('GET', '/api/acct_1/me')->{status}, 503, 'the gate is closed');
ok(wait_for {
    $gateway->http('GET', '/reauth/accounts/acct_1')->{json}{state}
        eq 'succeeded'
} 'nobody polls, and yet its end is known');
is($gateway->http('GET', '/api/acct_1/me')->{status}, 200, 'the gate is open');
is(stored('acct_1', 'state'), 'succeeded', 'Redis knows it');

$gateway->reload;
ok(wait_for {
    $gateway->http('GET', '/reauth/readyz')->{json}{status} eq 'ready'
} 'it is reloaded');

unlike($gateway->error_log, qr/\[(?:warn|error|crit|alert|emerg)\]/,
    'nothing went wrong');

done_testing();
