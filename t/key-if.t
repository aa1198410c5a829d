# An "if" in a location, which has its own configuration in nginx: the key, the
# gate and the callers apply as in the location.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Test::More;

use Reauth::Test redis => 0, sandbox_options => ['--hold'];
use Reauth::Webhook;

my $callers = secret_file('callers', <<"EOC", oct 644);
all  sha256:${\ sha256_hex('all') } all
some sha256:${\ sha256_hex('some') } all accounts=acct_b*
EOC

my $if      = 'if ($http_x_flag) { set $flag 1; }';
my $proxy   = 'proxy_http_version 1.1; proxy_set_header Connection "";'
    . ' proxy_set_header Authorization $reauth_authorization;';
my $secret  = secret_file('webhook', "$Reauth::Webhook::SECRET\n");
my $gateway = gateway(http_config => "reauth_callers_file $callers;",
    config => <<"EOC");
location /api/ {
    reauth_gate on;
    $if
    proxy_pass http://fans_api;
    $proxy
}
location /own/ {
    if (\$http_x_flag) { proxy_pass http://fans_api; }
    proxy_pass http://fans_api;
    $proxy
}
location /except/ {
    limit_except GET { allow all; }
    proxy_pass http://fans_api;
    $proxy
}
location /api/authenticate { $if reauth_authenticate /upstream; }
location /upstream/ {
    internal;
    $if
    proxy_pass http://fans_api/;
    $proxy
}
location /status/  { $if reauth_status; }
location /metrics  { $if reauth_metrics; }
location /webhook  { $if reauth_webhook $secret; }
EOC

my @workers = $gateway->worker_pids;

sub ask {
    my ($token, $method, $path, $body, %header) = @_;

    return $gateway->http($method, $path, {
        'X-Flag' => 1, Authorization => "Bearer $token", %header }, $body);
}

for my $method (qw(GET POST)) {
    my $body = $method eq 'POST' ? '{}' : undef;

    for my $path ('/api/acct_a1/me', '/own/api/acct_a1/me',
                  '/except/api/acct_a1/me') {
        my $name = "$method $path";

        is(ask('nobody', $method, $path, $body)->{status}, 401,
            "$name: a request without a token is rejected");
        is(ask('some', $method, $path, $body)->{status}, 403,
            "$name: a caller may not call an account of others");
        like(ask('all', $method, $path, $body)->{status}, qr/\A(?:200|404)\z/,
            "$name: the upstream responds to an allowed caller");
    }
}

my $update = '/api/authenticate/acct_b1/credentials';
my $put = { email => 'ok@example.com', password => 'secret' };

is(ask('nobody', 'PUT', $update, $put)->{status}, 401,
    'an update without a token is rejected');

my $answer = ask('some', 'PUT', $update, $put);
is($answer->{status}, 200, 'an update by a confined caller is accepted');
is(ask('some', 'GET', "/api/authenticate/$answer->{json}{attempt_id}")
    ->{status}, 200, 'a poll by a confined caller is accepted');
is(ask('some', 'GET', '/api/acct_b1/me')->{status}, 503, 'the gate is closed');
is(ask('some', 'GET', '/status/accounts/acct_b1')->{status}, 200,
    'a confined caller can read the status of its account');
like(ask('nobody', 'GET', '/metrics')->{body}, qr/^reauth_/m,
    'the metrics require no caller');
is(ask('nobody', 'POST', '/webhook', '{}')->{status}, 401,
    'a webhook without a signature is rejected');

is((grep { ($_->{headers}{authorization} // '')
           ne 'Bearer sandbox-api-key-for-tests-only' } sandbox_log()), 0,
    'all requests were sent with the key');
cmp_ok(scalar sandbox_log(), '>=', 3, 'at least three requests were sent');

is_deeply([$gateway->worker_pids], \@workers, 'no worker has died');
unlike($gateway->error_log, qr/\[(?:error|alert|crit)\]/, 'nothing in the log');

done_testing();
