# A gateway dies during a poll: another one takes over when the lease has
# expired, and not before.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);
use Reauth::Test sandbox_options => ['--hold'];

my %poll = (
    config => 'reauth_poll on /upstream interval=200ms rate=20r/s;',
);
my $one = gateway(name => 'one', workers => 2, %poll);


sub polls {
    return scalar grep { $_->{method} eq 'GET' } sandbox_log();
}


sub due {
    return redis_cli('ZSCORE', '{reauth}:due', 'acct_1') - 1000 * time;
}


is($one->update('acct_1', 'ok')->{status}, 200,
    'an update of acct_1 is accepted');
sandbox('POST', '/account/acct_1', { delay_ms => 600_000 });

my $polls = polls();
ok(wait_for { polls() > $polls } 'a poll is in progress');
cmp_ok(due(), '>', 1_000, 'a poll in progress has a lease');
cmp_ok(due(), '<=', 20_000, 'the lease of a poll ends in 20 seconds');

my @pids = ($one->pid, $one->worker_pids);
kill 'KILL', @pids;
ok(wait_for { !grep { runs($_) } @pids } 'the gateway is killed');

sandbox('POST', '/account/acct_1', { delay_ms => 0 });

my $two = gateway(name => 'two', %poll);
is($two->http('GET', '/reauth/gate/acct_1')->{status}, 503,
    'the second gateway has read the account from Redis');

# independent of the duration of this test
redis_cli('ZADD', '{reauth}:due', 'XX', int 1000 * (time + 600), 'acct_1');

$polls = polls();
sleep 1;
is(polls(), $polls, 'the second gateway does not poll during the lease');

# after it has expired
redis_cli('ZADD', '{reauth}:due', 'XX', int 1000 * time, 'acct_1');

ok(wait_for { polls() > $polls } 'the second gateway polls after the lease');
sandbox('POST', '/finish/acct_1');
ok(wait_for { $two->http('GET', '/reauth/gate/acct_1')->{status} == 204 }
    'the end reported by the poll opens the gate');

$one->stop;

done_testing();
