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
is($closed->{status}, 503, 'closed');
is($closed->{json}{state}, 'starting', 'its sender has been gone for no time');
is($gateway->http('GET', '/api/acct_running/me')->{json}{state}, 'running',
    'the other one, too');
is($gateway->http('GET', '/api/acct_9/me')->{status}, 200, 'others pass');
is($gateway->update('acct_2', 'ok')->{status}, 200, 'updates are taken');
is(stored('acct_2', 'state'), 'running', 'with Redis');

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

is($gateway->update('acct_3', 'ok')->{status}, 200, 'an update');
is($gateway->http('GET', '/api/acct_3/me')->{status}, 503, 'closed');
is($gateway->http('GET', '/api/acct_1/me')->{status}, 503, 'closed');
is($gateway->http('GET', '/api/acct_9/me')->{status}, 200, 'open');
is($gateway->http('GET', '/reauth/accounts?limit=1000')->{status}, 200,
    'the list');

sandbox_stop();

done_testing();
