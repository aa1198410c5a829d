# Redis hangs: no call waits longer than the timeout of one command.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);
use Reauth::Test sandbox_options => ['--hold'];

my $gateway = gateway(http_config => "reauth_redis $ENV{TEST_NGINX_REDIS_URL}"
    . "$ENV{TEST_NGINX_REDIS_OPTIONS} timeout=300ms;");

my $id = $gateway->update('acct_1', 'ok')->{json}{attempt_id};
ok($id, 'it logs in');

redis_pause();

for my $case (
    [ 'a closed call', 0.2, 'GET', '/api/acct_1/me', 503 ],
    [ 'an open call', 0.2, 'GET', '/api/acct_2/me', 200 ],
    [ 'a poll', 0.2, 'GET', "/api/authenticate/$id", 200 ],
    [ 'the status', 0.2, 'GET', '/reauth/accounts', 200 ],
    [ 'one account', 0.2, 'GET', '/reauth/accounts/acct_1', 200 ])
{
    my ($what, $limit, $method, $path, $status) = @$case;
    my $start  = time;
    my $answer = $gateway->http($method, $path);
    my $took   = time - $start;

    is($answer->{status}, $status, "$what: $status");
    cmp_ok($took, '<', $limit + 0.3, sprintf '%s: %.3f s', $what, $took);
}

for my $n (3 .. 6) {
    my $start = time;
    is($gateway->update("acct_$n", 'ok')->{status}, 200, "update $n");
    cmp_ok(time - $start, '<', 0.9, "update $n: no longer than the timeout");
}

my $start = time;
$gateway->stop;
cmp_ok(time - $start, '<', 1.5, 'nginx ends all the same');

redis_resume();

done_testing();
