# A gateway that starts reads back what is active before it says ready, and does
# not wait for a Redis that does not answer for more than two seconds.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);
use Reauth::Test sandbox_options => ['--hold'];

my $one = gateway(name => 'one');

my $attempt = $one->update('acct_active', 'ok')->{json}{attempt_id};
$one->update('acct_rejected', 'limit');
$one->update("acct_more$_", 'ok') for 1 .. 30;
ok(wait_for { stored('acct_more30', 'state')
    eq 'running' } 'one has begun some');

# ---- Redis answers ----

my $two = gateway(name => 'two', without => ['ready']);
my $start = time;

ok(wait_for { $two->http('GET', '/reauth/readyz')->{status} == 200 } 'ready');
cmp_ok(time - $start, '<', 1.5, 'soon');

for my $account ('acct_active', map { "acct_more$_" } 1 .. 30) {
    my $answer = $two->http('GET', "/api/$account/me");
    is($answer->{json}{state}, 'running', "$account is closed");
}

is($two->http('GET', '/reauth/accounts/acct_active')->{json}{attempt_id},
    $attempt, 'with its attempt');
is($two->http('GET', '/reauth/summary')->{json}{active}, 31, 'and no more');

# a restart of the first, whose memory is empty then
$one->restart;
is($one->http('GET', '/api/acct_active/me')->{status}, 503,
    'closed after a restart');

# ---- Redis does not ----

redis_pause();

my $three = gateway(name => 'three', without => ['ready']);
$start = time;

my $answer = $three->http('GET', '/api/acct_other/me');
is($answer->{status}, 503, 'nobody knows yet');
is($answer->{json}{state}, 'loading', 'loading');
is($answer->{json}{retry_after}, 1, 'retry_after');
is($answer->{headers}{'retry-after'}, '1', 'Retry-After');
is($answer->{headers}{'cache-control'}, 'no-store', 'Cache-Control');
is($answer->{headers}{'x-should-retry'}, undef, 'it may be tried again');
is($answer->{json}{attempt_id}, undef, 'no attempt');
is($three->http('GET', '/reauth/healthz')->{status}, 200, 'alive all the same');
is($three->http('GET', '/reauth/readyz')->{json}{status}, 'loading',
    'but not ready');

ok(wait_for { $three->http('GET', '/api/acct_other/me')->{status} == 200 }
    'it does not wait for ever');
cmp_ok(time - $start, '<', 2.6, 'but two seconds');
is($three->http('GET', '/reauth/readyz')->{json}{status}, 'degraded',
    'degraded');

redis_resume();
ok(wait_for { $three->http('GET', '/api/acct_active/me')->{status} == 503 }
    'what Redis has is read when it is back');
ok(wait_for { $three->http('GET', '/reauth/readyz')->{json}{status} eq 'ready' }
    'ready');

done_testing();
