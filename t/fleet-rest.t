# A pause requested by the upstream is observed: it is shortened neither by
# another response nor by an overflow.  The rate is not affected by a gateway
# whose clock was wrong.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);
use Reauth::Peer ();
use Reauth::Test sandbox => 0;

# the first response is sent last

my $peer = Reauth::Peer->start(sub {
    my ($request) = @_;

    my ($number) = $request =~ /(?:acct|auth)_(\d)/;

    return Reauth::Peer::accepted("auth_$number") if $request =~ /\APUT/;

    if ($number == 1) {
        sleep 0.5;
        return Reauth::Peer::response('200 OK', '{"state":"authenticating"}',
            'x-rate-limit-limit-minute: 100',
            'x-rate-limit-remaining-minute: 1');
    }

    return Reauth::Peer::response('429 Too Many Requests', '{}',
        'Retry-After: ' . ($number == 2 ? 280 : 9_223_372_036_854_775_807));
});

my $port = $peer->port;
my %poll = (
    http_config => "upstream fans_api { server 127.0.0.1:$port; }",
    config      => 'reauth_poll on /upstream interval=200ms rate=120r/m;',
);
my $one = gateway(name => 'one', %poll);


sub polls { return scalar grep { /GET/ } $peer->requests; }


sub rest { return redis_cli('PTTL', '{reauth}:pause'); }


# the response to another gateway asks for the rest of the minute only

my $two = gateway(name => 'two', %poll);

$one->update("acct_$_", 'ok') for 1, 2;
ok(wait_for(sub { rest() > 0 }), '429: all rest');
sleep 1;
cmp_ok(rest(), '>', 200_000, 'the pause is as long as the response says');

my $polls = polls();
sleep 1;
is(polls(), $polls, 'nobody polls during the pause');
$_->stop for $one, $two;

# ---- a single gateway ----

redis_cli('FLUSHALL');
my $alone = gateway(name => 'alone', %poll, without => ['reauth_redis']);

$alone->update('acct_3', 'ok');
ok(wait_for(sub { $alone->error_log =~ /polling is paused for 300000 ms/ }),
    'Retry-After beyond all numbers: the longest rest');
$polls = polls();
sleep 1;
is(polls(), $polls, 'the gateway does not poll during the longest pause');
$alone->stop;

# ---- a gateway that was hours ahead has used the whole budget ----

redis_cli('HSET', '{reauth}:rate', 'tokens', 0,
    'at', sprintf '%.0f', 1000 * (time + 10_000));
$one = gateway(name => 'three', %poll);
$polls = polls();
$one->update('acct_1', 'ok');
ok(wait_for(sub { polls() > $polls }), 'the others poll all the same');

done_testing();
