# The rate of the poller is one for all instances, however many logins run; a
# 429 makes all of them rest as long as it says.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);
use Reauth::Test sandbox_options => ['--hold'];

my %poll = (
    config => 'reauth_poll on /upstream interval=100ms max_interval=100ms'
        . ' rate=120r/m;',
);
my $one = gateway(name => 'one', %poll);
my $two = gateway(name => 'two', %poll);


sub polls {
    return scalar grep { $_->{method} eq 'GET' } sandbox_log();
}


my $start = time;
$one->update("acct_$_", 'ok') for 1 .. 15;
sleep 5;

my $elapsed = time - $start;
my $polls   = polls();
my $allowed = 10 + 2 * $elapsed;     # what five seconds may have at once

cmp_ok($polls, '<=', $allowed + 1, "$polls polls in $elapsed s");
cmp_ok($polls, '>=', $allowed / 2, 'the rate is made use of');

# ---- 429 ----

sandbox('POST', "/account/acct_$_", { next => [
    { method => 'GET', path => '/authenticate/', status => 429,
      body => { error => 'RATE_LIMIT' }, headers => { 'Retry-After' => '3' } },
] }) for 1 .. 15;

ok(wait_for { redis_cli('EXISTS', '{reauth}:pause') } 5, 'all rest');
cmp_ok(redis_cli('PTTL', '{reauth}:pause'), '<=', 3000,
    'as long as Retry-After says');

sleep 0.5;                           # those that were under way
$polls = polls();
sleep 1.5;
is(polls(), $polls, 'nobody polls');

sandbox('POST', "/account/acct_$_", { next => [] }) for 1 .. 15;
ok(wait_for { polls() > $polls } 5, 'and goes on afterwards');
like($one->error_log . $two->error_log, qr/rate limit is reached.*3000 ms/,
    'the log tells it');

is($one->http('GET', '/reauth/accounts/acct_1')->{json}{state}, 'running',
    'a 429 says nothing of the login');

done_testing();
