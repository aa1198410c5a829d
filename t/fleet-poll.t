# One poller for all gateways: each login is polled by one gateway at a time,
# within one rate, and both gateways learn its end without a webhook or a
# client's poll.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep);
use Reauth::Test sandbox_options => ['--hold'];

my %poll = (
    config => 'reauth_poll on /upstream interval=500ms max_interval=500ms'
        . ' rate=20r/s;',
);
my $one = gateway(name => 'one', workers => 2, %poll);
my $two = gateway(name => 'two', workers => 2, %poll);


sub becomes {
    my @expected = @_;

    $_->becomes(@expected) for $one, $two;

    return;
}


# A poll that is logged late makes one interval longer and the next one shorter,
# so the mean is compared.

sub pause {
    my (@times) = @_;

    return ($times[-1] - $times[0]) / $#times;
}


$one->update('acct_1', 'otp');
$two->update('acct_2', 'ok');

for my $account (qw(acct_1 acct_2)) {
    ok(wait_for { poll_times($account) > 10 }
        "$account: the attempt is polled");
    cmp_ok(pause(poll_times($account)), '>', 0.35,
        "$account: only one gateway polls");
}

sandbox('POST', '/step/acct_1') for 1 .. 2;
becomes('acct_1', 'needs_otp', 'a wait for a code');

sandbox('POST', '/finish/acct_1', { success => \0, error_code => 'X' });
becomes('acct_1', 'failed', 'the end reported by a poll is a failure');
sandbox('POST', '/finish/acct_2');
becomes('acct_2', 'succeeded', 'the end reported by a poll is a success');

is($_->http('GET', '/reauth/gate/acct_2')->{status}, 204, 'the gate is open')
    for $one, $two;

# ended attempts are not polled

my $polls = poll_times('acct_1');
sleep 1.5;
is(scalar poll_times('acct_1'), $polls, 'an ended attempt is not polled');
is(redis_cli('ZCARD', '{reauth}:due'), 0, 'nothing is due');

# killing all workers of a gateway does not stop polling

$one->update('acct_3', 'ok');
kill 'KILL', $one->worker_pids, $two->worker_pids;
sandbox('POST', '/finish/acct_3');
becomes('acct_3', 'succeeded', 'workers died, others go on');

unlike($_->error_log, qr/\[(?:emerg|error)\]/,
    'no errors are logged') for $one, $two;

done_testing();
