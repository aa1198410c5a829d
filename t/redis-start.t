# A gateway that starts reads active attempts before it reports ready, and waits
# at most two seconds for a Redis that does not respond.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);
use Reauth::Test redis_timeout => '', sandbox_options => ['--hold'];

my $one = gateway(name => 'one');

my $attempt = $one->update('acct_active', 'ok')->{json}{attempt_id};
$one->update('acct_rejected', 'limit');
$one->update("acct_more$_", 'ok') for 1 .. 30;
ok(wait_for { stored('acct_more30', 'state')
    eq 'running' } 'one has begun some');

# ---- Redis responds ----

my $two = gateway(name => 'two', without => ['ready']);
my $ready;

ok(wait_for {
    $ready = $two->http('GET', '/reauth/readyz');
    return $ready->{status} == 200;
} 'ready');

for my $account ('acct_active', map { "acct_more$_" } 1 .. 30) {
    my $answer = $two->http('GET', "/api/$account/me");
    is($answer->{json}{state}, 'running', "$account is closed");
}

is($two->http('GET', '/reauth/accounts/acct_active')->{json}{attempt_id},
    $attempt, 'with its attempt');
is($two->http('GET', '/reauth/summary')->{json}{active}, 31, 'and no more');

# a restart of the first, with an empty zone
$one->restart;
is($one->http('GET', '/api/acct_active/me')->{status}, 503,
    'closed after a restart');

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
} 'a look in time');

is($answer->{status}, 503, 'nobody knows yet');
is($answer->{json}{state}, 'loading', 'loading');
is($answer->{json}{retry_after}, 1, 'retry_after');
is($answer->{headers}{'retry-after'}, '1', 'Retry-After');
is($answer->{headers}{'cache-control'}, 'no-store', 'Cache-Control');
is($answer->{headers}{'x-should-retry'}, undef, 'it may be tried again');
is($answer->{json}{attempt_id}, undef, 'no attempt');
is($healthz, 200, 'alive all the same');
is($readyz, 'loading',
    'but not ready');

ok(wait_for { $three->http('GET', '/api/acct_other/me')->{status} == 200 }
    'it does not wait for ever');
cmp_ok(time - $start, '>=', 1.9, 'but two seconds');
is($three->http('GET', '/reauth/readyz')->{json}{status}, 'degraded',
    'degraded');

redis_resume();
ok(wait_for { $three->http('GET', '/api/acct_active/me')->{status} == 503 }
    'what Redis has is read when it is back');
ok(wait_for { $three->http('GET', '/reauth/readyz')->{json}{status} eq 'ready' }
    'ready');

done_testing();
