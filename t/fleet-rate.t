# The rate of the poller is shared by all gateways, however many logins are
# active; a 429 stops all of them for the specified time.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);
use Reauth::Test sandbox_options => ['--hold'];
use Reauth::Webhook ();

my %poll = (
    config => 'reauth_poll on /upstream interval=100ms max_interval=100ms'
        . ' rate=120r/m;',
);
my $one = gateway(name => 'one', %poll);
my $two = gateway(name => 'two', %poll);


sub polled { return grep { $_->{method} eq 'GET' } sandbox_log(); }


my $start = time;
$one->update("acct_$_", 'ok') for 1 .. 15;
ok(wait_for { polled() >= 15 } 'the rate is made use of');

my $polls   = polled();
my $elapsed = time - $start;
my $allowed = 10 + 2 * $elapsed;     # what five seconds may have at once

cmp_ok($polls, '<=', $allowed + 1, "$polls polls in $elapsed s");

# ---- 429 ----

sandbox('POST', "/account/acct_$_", { next => [
    { method => 'GET', path => '/authenticate/', status => 429,
      body => { error => 'RATE_LIMIT' }, headers => { 'Retry-After' => '10' } },
] }) for 1 .. 15;

ok(wait_for { redis_cli('EXISTS', '{reauth}:pause') }
    'the pause is shared by all gateways');
my $seen = time;
my $left = redis_cli('PTTL', '{reauth}:pause');
cmp_ok($left, '<=', 10_000, 'the pause is as long as Retry-After says');

sandbox('POST', "/account/acct_$_", { next => [] }) for 1 .. 15;

# after polls in progress have arrived; by the times in the log, because this
# test may be slow on a busy machine
my ($from, $to) = map { Reauth::Webhook::started_at($seen + $_ - time) }
    3, $left / 1000 - 0.1;

ok(wait_for { grep { $_->{time} gt $to } polled() }
    'polls continue after the pause');
is(scalar(grep { $_->{time} gt $from && $_->{time} lt $to } polled()), 0,
    'nobody polls until then');
like($one->error_log . $two->error_log, qr/paused for 10000 ms.*rate limit is reached/,
    'the limit is logged');

is($one->http('GET', '/reauth/accounts/acct_1')->{json}{state}, 'running',
    'a 429 says nothing of the login');

done_testing();
