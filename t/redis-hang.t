# Redis hangs: no call waits longer than the timeout of one command.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);
use Reauth::Test redis_timeout => '', sandbox_options => ['--hold'];

# calls that do not need Redis do not wait for this timeout

my ($gateway, $patient) = map {
    gateway(name => "timeout$_", http_config => 'reauth_redis '
        . "$ENV{TEST_NGINX_REDIS_URL}$ENV{TEST_NGINX_REDIS_OPTIONS} timeout=$_;")
} qw(300ms 10s);

my $id = $patient->update('acct_1', 'ok')->{json}{attempt_id};
ok($id, 'an update of acct_1 is accepted');

redis_pause();

for my $case (
    [ 'a closed call', '/api/acct_1/me', 503 ],
    [ 'an open call', '/api/acct_2/me', 200 ],
    [ 'a poll', "/api/authenticate/$id", 200 ],
    [ 'the status', '/reauth/accounts', 200 ],
    [ 'one account', '/reauth/accounts/acct_1', 200 ])
{
    my ($what, $path, $status) = @$case;

    my $start = time;

    is($patient->http('GET', $path)->{status}, $status,
        "$what: the status is $status");
    cmp_ok(time - $start, '<', 9.5, "$what: does not wait for Redis");
}

for my $n (3 .. 6) {
    is($gateway->update("acct_$n", 'ok')->{status}, 200,
        "update $n waits no longer than the timeout");
}

my $start = time;
$_->stop for $gateway, $patient;
cmp_ok(time - $start, '<', 50, 'nginx ends all the same');

redis_resume();

done_testing();
