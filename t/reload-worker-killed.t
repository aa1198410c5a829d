# A worker is killed during an update: the gate remains correct, and no lock is
# left.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);
use Reauth::Test sandbox_options => ['--hold', '--stall-s', 300];

my $gateway = gateway(workers => 2);

$gateway->update('acct_running', 'ok');
$gateway->update('acct_1', 'stall', abandon => 1);
ok(wait_for { $gateway->http('GET', '/reauth/gate/acct_1')->{status} == 503 }
    'an update is on its way');


sub kill_workers {
    my %old = map { $_ => 1 } $gateway->worker_pids;

    kill 'KILL', keys %old;

    return wait_for { 2 <= grep { !$old{$_} } $gateway->worker_pids }
        'new workers';
}


ok(kill_workers(), 'all workers are killed and come again');

my $closed = $gateway->http('GET', '/api/acct_1/me');
is($closed->{status}, 503, 'the gate is closed after the sender was killed');
is($closed->{json}{state}, 'starting',
    'the state is still "starting" after the sender was killed');
is($gateway->http('GET', '/api/acct_running/me')->{json}{state}, 'running',
    'the state of another attempt is still "running"');
is($gateway->http('GET', '/api/acct_9/me')->{status}, 200,
    'calls of other accounts pass');
is($gateway->update('acct_2', 'ok')->{status}, 200, 'updates are taken');
is(stored('acct_2', 'state'), 'running',
    'an update is written to Redis after a worker was killed');

# ---- during many writes ----

my @children;

for my $child (1 .. 2) {
    my $pid = fork // die "fork: $!\n";

    if (!$pid) {
        my $until = time + 3;
        my $n = 0;

        while (time < $until) {
            $gateway->update("acct_load${child}_" . $n++, 'limit', timeout => 2);
        }

        POSIX::_exit(0);
    }

    push @children, $pid;
}

for (1 .. 5) {
    sleep 0.4;
    kill_workers();
}

waitpid $_, 0 for @children;

is($gateway->update('acct_3', 'ok')->{status}, 200,
    'an update after the crash is accepted');
is($gateway->http('GET', '/api/acct_3/me')->{status}, 503,
    'the gate of an update after the crash is closed');
is($gateway->http('GET', '/api/acct_1/me')->{status}, 503,
    'the gate of the interrupted update is closed');
is($gateway->http('GET', '/api/acct_9/me')->{status}, 200,
    'the gate of another account is open');
is($gateway->http('GET', '/reauth/accounts?limit=1000')->{status}, 200,
    'the list of accounts is returned');

sandbox_stop();

done_testing();
