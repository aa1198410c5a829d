# Every way in which nginx routes a request into a location or changes its
# configuration meanwhile: the caller is checked, and the key is not exposed.

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

my $proxy = 'proxy_pass http://fans_api; proxy_http_version 1.1;'
    . ' proxy_set_header Connection "";'
    . ' proxy_set_header Authorization $reauth_authorization;';
my $secret  = secret_file('webhook', "$Reauth::Webhook::SECRET\n");
my $gateway = gateway(http_config => "reauth_callers_file $callers;",
    config => <<"EOC");
location /api/ { reauth_gate on; $proxy }
location /outer/ {
    location /outer/api/ { rewrite ^/outer(/.*)\$ \$1 break; $proxy }
}
location /last/     { rewrite ^/last(/.*)\$ \$1 last; }
location /try/      { try_files /no/such/file \@named; }
location \@named    { rewrite ^/try(/.*)\$ \$1 break; $proxy }
location /error/    { error_page 404 = \@error; return 404; }
location \@error    { rewrite ^/error(/.*)\$ \$1 break; $proxy }
location /any/ {
    satisfy any;
    allow all;
    rewrite ^/any(/.*)\$ \$1 break;
    $proxy
}
location /api/authenticate {
    limit_except GET { allow all; }
    reauth_authenticate /upstream;
}
location /status/  { limit_except POST { allow all; } reauth_status; }
location /metrics  { limit_except POST { allow all; } reauth_metrics; }
location /webhook  { limit_except GET { allow all; } reauth_webhook $secret; }
EOC

my @workers = $gateway->worker_pids;

sub ask {
    my ($token, $method, $path, $body) = @_;

    return $gateway->http($method, $path,
        { Authorization => "Bearer $token" }, $body);
}

for my $method (qw(GET POST)) {
    my $body = $method eq 'POST' ? '{}' : undef;

    for my $way ('', qw(/outer /last /try /error /any)) {
        my $path = "$way/api/acct_a1/me";
        my $name = "$method $path";

        is(ask('nobody', $method, $path, $body)->{status}, 401,
            "$name: a request without a token is rejected");
        is(ask('some', $method, $path, $body)->{status}, 403,
            "$name: a caller may not call an account of others");
        like(ask('all', $method, $path, $body)->{status}, qr/\A(?:200|404)\z/,
            "$name: the upstream responds to an allowed caller");
    }
}

is(ask('all', 'GET', '/upstream/api/acct_a1/me')->{status}, 404,
    'the internal location cannot be requested');

my $update = '/api/authenticate/acct_b1/credentials';
my $put = { email => 'ok@example.com', password => 'secret' };

is(ask('nobody', 'PUT', $update, $put)->{status}, 401,
    'an update without a token is rejected');

my $answer = ask('some', 'PUT', $update, $put);
is($answer->{status}, 200, 'an update by a confined caller is accepted');
is(ask('some', 'GET', '/status/accounts/acct_b1')->{status}, 200,
    'a confined caller can read the status of its account');
like(ask('nobody', 'GET', '/metrics')->{body}, qr/^reauth_/m,
    'the metrics require no caller');
is(ask('nobody', 'POST', '/webhook', '{}')->{status}, 401,
    'a webhook without a signature is rejected');

is((grep { ($_->{headers}{authorization} // '')
           ne 'Bearer sandbox-api-key-for-tests-only' } sandbox_log()), 0,
    'all that was sent had the key');
cmp_ok(scalar sandbox_log(), '>=', 3, 'at least three requests were sent');

is_deeply([$gateway->worker_pids], \@workers, 'no worker has died');
unlike($gateway->error_log, qr/\[(?:alert|crit)\]/, 'nothing in the log');

done_testing();
