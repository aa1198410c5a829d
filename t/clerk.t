# The worker that follows Redis and polls is stopped or killed: within seconds
# another one does its work, gates stay right, and the former one, if it goes on,
# does nothing twice.

use strict;
use warnings;

use Test::More;
use Reauth::Test sandbox_options => ['--hold'];

my $gateway = gateway(name => 'one', workers => 2,
    config => 'reauth_poll on /upstream interval=500ms max_interval=500ms'
        . ' rate=20r/s; location = /reauth/metrics { reauth_metrics; }');
my $other = gateway(name => 'two');


# The worker that is the clerk, as the last one has logged it.

sub clerk {
    my @taken = $gateway->error_log
        =~ /(\d+)#\d+: reauth: (?:this worker process runs|worker process \d+ has not)/g;

    return $taken[-1];
}

sub took_over {
    my ($former) = @_;

    return wait_for { clerk() != $former } 'another worker to take over';
}

sub readyz { return $gateway->http('GET', '/reauth/readyz')->{body}; }

sub ready {
    return wait_for { readyz() =~ /"status":"ready"/ } 'readyz to say ready';
}

sub gate {
    my ($account) = @_;

    return $gateway->http('GET', "/reauth/gate/$account")->{status};
}

sub metric {
    my ($name) = @_;

    my $body = $gateway->http('GET', '/reauth/metrics')->{body};

    return $body =~ /^\Q$name\E (\d+)$/m ? $1 : '';
}

sub stopped {
    my ($pid) = @_;

    kill 'STOP', $pid;

    return wait_for {
        Reauth::Test::slurp("/proc/$pid/stat") =~ /\) T /;
    } "worker $pid to stop";
}


my $first = clerk();

is(scalar(grep { $_ == $first } $gateway->worker_pids), 1,
    'a worker says that it polls');
is(() = $gateway->error_log =~ /this worker process runs/g, 1, 'only one does');

$other->update('acct_1', 'ok');
$gateway->becomes('acct_1', 'running', 'a login is known');
ok(wait_for { poll_times('acct_1') } 'and polled');
ready();

# ---- stopped ----

stopped($first);

$other->update('acct_2', 'ok');
sandbox('POST', '/finish/acct_1');

my ($told, $metric, $passed) = ('', '', 0);

ok(wait_for {
    my $open = gate('acct_2') == 204;

    $told   ||= readyz() =~ /runs the background work does not respond/;
    $metric ||= metric('reauth_degraded{reason="clerk"}');

    # once closed it stays closed
    $passed++ if $passed && $open;
    $passed ||= 1 if !$open;

    return clerk() != $first;
} 'another worker takes over from one that is stopped');

ok($told, 'readyz tells it meanwhile');
is($metric, 1, 'so do the metrics');
like($gateway->error_log,
    qr/\[warn\] \d+#\d+: reauth: worker process $first has not responded for (?:2[7-9]\d\d|\d{4,}) ms, this one runs/,
    'it is logged');
is(metric('reauth_clerk_takeovers_total'), 1, 'and counted');

$gateway->becomes('acct_2', 'running', 'what others do is followed again');
$gateway->becomes('acct_1', 'succeeded', 'a login ends by a poll');
is(gate('acct_1'), 204, 'its gate is open');
is(gate('acct_2'), 503, 'the other one is closed');
ok(ready(), 'ready again');
unlike(readyz(), qr/does not respond/, 'with no more to tell');

# ---- and goes on ----

my $second = clerk();

kill 'CONT', $first;
ok(wait_for {
    $gateway->error_log
        =~ /\[warn\] $first#\d+: reauth: this worker process has not responded in time/;
} 'the former one gets to know');

my $polled = poll_times('acct_2');
ok(wait_for { poll_times('acct_2') > $polled + 6 } 'polls go on');

my @times = poll_times('acct_2');
splice @times, 0, $polled;
cmp_ok(($times[-1] - $times[0]) / $#times, '>', 0.35, 'but not by both');
is(clerk(), $second, 'the one that has taken over stays');
is(gate('acct_2'), 503, 'closed as before');

# ---- killed ----

kill 'KILL', $second;
$other->update('acct_3', 'ok');
sandbox('POST', '/finish/acct_2');

ok(took_over($second), 'another worker takes over from one that is killed');
$gateway->becomes('acct_2', 'succeeded', 'a login ends by a poll');
$gateway->becomes('acct_3', 'running', 'another one begins elsewhere');
is(gate('acct_2'), 204, 'open');
is(gate('acct_3'), 503, 'closed');
is(metric('reauth_clerk_takeovers_total'), 2, 'it is counted');

# ---- a reload ----

my $third = clerk();

$gateway->reload;
ok(took_over($third), 'a new worker takes over at a reload');
sandbox('POST', '/finish/acct_3');
$gateway->becomes('acct_3', 'succeeded', 'and polls');
is(metric('reauth_clerk_takeovers_total'), 2,
    'the old one has given up its work, and was not silent');

# a worker that was stopped for longer than Redis may take says so

unlike($_->error_log =~ s/.*\[error\].*: no reply in time .* redis .*\n//gr,
    qr/\[(?:emerg|error)\]/, 'no errors') for $gateway, $other;

done_testing();
