# Without Redis, or while it is unavailable, each gateway polls the attempts of
# its own zone.

use strict;
use warnings;

use Test::More;
use Reauth::Test sandbox_options => ['--hold'];

my $poll = 'reauth_poll on /upstream interval=300ms rate=20r/s;';
my $one   = gateway(name => 'one', config => $poll);
my $two   = gateway(name => 'two', config => $poll);
my $alone = gateway(name => 'alone', config => $poll,
    without => ['reauth_redis']);


sub becomes {
    my ($gateway, $account, $status, $what) = @_;

    return ok(wait_for {
        $gateway->http('GET', "/reauth/gate/$account")->{status} == $status
    } $what);
}


$alone->update('acct_0', 'ok');
becomes($alone, 'acct_0', 503, 'no Redis: closed');
sandbox('POST', '/finish/acct_0');
becomes($alone, 'acct_0', 204, 'no Redis: the poller opens it');

# known to both, with its ID, when Redis becomes unavailable

$one->update('acct_1', 'ok');
$two->becomes('acct_1', 'running', 'closed on both');

redis_stop();
sandbox('POST', '/finish/acct_1');
becomes($_, 'acct_1', 204, 'Redis away: open') for $one, $two;

# begins during the outage; its end is in Redis after it

$one->update('acct_2', 'ok');
becomes($one, 'acct_2', 503, 'begun without Redis: closed');
becomes($two, 'acct_2', 204,
'an attempt begun without Redis is not known to the other gateway');

redis_start();
becomes($two, 'acct_2', 503, 'Redis is back: closed there, too');

sandbox('POST', '/finish/acct_2');
becomes($_, 'acct_2', 204,
'the gate of acct_2 opens on each gateway') for $one, $two;

done_testing();
