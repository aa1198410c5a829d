# A gateway that starts reads active attempts before it reports ready, and waits
# at most two seconds for a Redis that does not respond.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);
use Reauth::Test redis_timeout => '', sandbox_options => ['--hold'];
use Reauth::Between;

my $one = gateway(name => 'one');

my $attempt = $one->update('acct_active', 'ok')->{json}{attempt_id};
$one->update('acct_rejected', 'limit');
$one->update("acct_more$_", 'ok') for 1 .. 30;
ok(wait_for { stored('acct_more30', 'state')
    eq 'running' } 'the first gateway has begun its attempts');

# ---- Redis responds ----

my $two = gateway(name => 'two', without => ['ready']);
my $ready;

ok(wait_for {
    $ready = $two->http('GET', '/reauth/readyz');
    return $ready->{json}{status} eq 'ready';
} 'the second gateway is ready');

for my $account ('acct_active', map { "acct_more$_" } 1 .. 30) {
    my $answer = $two->http('GET', "/api/$account/me");
    is($answer->{json}{state}, 'running', "$account is closed");
}

is($two->http('GET', '/reauth/accounts/acct_active')->{json}{attempt_id},
    $attempt, 'a new gateway knows the ID of an active attempt');
is($two->http('GET', '/reauth/summary')->{json}{active}, 31,
    'a new gateway knows only active attempts');

# a restart of the first, with an empty zone
$one->restart;
ok(wait_for { $one->http('GET', '/reauth/readyz')->{json}{status} eq 'ready' }
    'the first gateway is ready after a restart');
is($one->http('GET', '/api/acct_active/me')->{status}, 503,
    'closed after a restart');

# ---- Redis is slow, as when many gateways read all accounts ----

my $between = Reauth::Between->start;
$between->delay('ZRANGEBYSCORE', 0.5);

my $slow = gateway(name => 'slow', without => ['ready'], http_config =>
    'reauth_redis redis://gateway@127.0.0.1:' . $between->port
        . "/0$ENV{TEST_NGINX_REDIS_OPTIONS};");

ok(wait_for { $slow->http('GET', '/reauth/readyz')->{json}{status} eq 'ready' }
    'a gateway waits longer than a timeout for a page of accounts');
cmp_ok($between->answered('ZRANGEBYSCORE'), '<=', 2, 'the accounts are not read from the start again');
unlike($slow->error_log, qr/no reply in time/,
    'the connection that reads accounts is not closed');
is($slow->http('GET', '/api/acct_more30/me')->{status}, 503,
    'a gateway with a slow Redis has read all accounts');
$slow->stop;

# ---- Redis does not respond ----

redis_pause();

my ($three, $answer, $healthz, $readyz, $start);

# repeated until all of this is seen within the two seconds

ok(wait_for {
    $three->stop if $three;
    $start   = time;
    $three   = gateway(name => 'three', without => ['ready']);
    $answer  = $three->http('GET', '/api/acct_other/me');
    $healthz = $three->http('GET', '/reauth/healthz')->{status};
    $readyz  = $three->http('GET', '/reauth/readyz')->{json}{status};

    return $readyz eq 'loading';
} 'the gateway is queried while it is loading');

is($answer->{status}, 503, 'a call is refused while Redis does not respond');
is($answer->{json}{state}, 'loading',
    'the state is "loading" while Redis does not respond');
is($answer->{json}{retry_after}, 1,
    'the retry_after of a loading gateway is 1');
is($answer->{headers}{'retry-after'}, '1',
    'the Retry-After header of a loading gateway is 1');
is($answer->{headers}{'cache-control'}, 'no-store',
    'the response of a loading gateway must not be cached');
is($answer->{headers}{'x-should-retry'}, undef,
    'the response of a loading gateway can be retried');
is($answer->{json}{attempt_id}, undef,
    'the response of a loading gateway has no attempt');
is($healthz, 200, 'healthz responds while the gateway is loading');
is($readyz, 'loading',
    'a loading gateway is not ready');

ok(wait_for { $three->http('GET', '/api/acct_other/me')->{status} == 200 }
    'a gateway does not wait for Redis forever');
cmp_ok(time - $start, '>=', 1.9, 'a gateway waits for Redis for two seconds');
is($three->http('GET', '/reauth/readyz')->{json}{status}, 'degraded',
    'a gateway without Redis is degraded');

redis_resume();
ok(wait_for { $three->http('GET', '/api/acct_active/me')->{status} == 503 }
    'active attempts are read when Redis is back');
ok(wait_for { $three->http('GET', '/reauth/readyz')->{json}{status} eq 'ready' }
    'the gateway is ready when Redis is back');

done_testing();
