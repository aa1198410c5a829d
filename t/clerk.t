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

    return wait_for { clerk() != $former }
    'a different worker takes over';
}

sub readyz { return $gateway->http('GET', '/reauth/readyz')->{body}; }

sub ready {
    return wait_for { readyz() =~ /"status":"ready"/ } 'readyz reports "ready"';
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
    'a worker logs that it runs the background work');
is(() = $gateway->error_log =~ /this worker process runs/g, 1, 'only one worker logs it');

$other->update('acct_1', 'ok');
$gateway->becomes('acct_1', 'running', 'a login is known');
ok(wait_for { poll_times('acct_1') } 'the login is polled');
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
} 'the work of a stopped worker is taken over');

ok($told, 'readyz reports the clerk meanwhile');
is($metric, 1, 'reauth_degraded reports the clerk meanwhile');
like($gateway->error_log,
    qr/\[warn\] \d+#\d+: reauth: worker process $first has not responded for (?:2[7-9]\d\d|\d{4,}) ms, this one runs/,
    'the takeover is logged');
is(metric('reauth_clerk_takeovers_total'), 1, 'the takeover is counted');

$gateway->becomes('acct_2', 'running', 'changes of other gateways are followed again');
$gateway->becomes('acct_1', 'succeeded', 'a login ends by a poll');
is(gate('acct_1'), 204, 'the gate opens after the login');
is(gate('acct_2'), 503, 'the gate of the other account is closed');
ok(ready(), 'readyz is ready after the takeover');
unlike(readyz(), qr/does not respond/, 'readyz no longer reports the clerk');

# ---- and goes on ----

my $second = clerk();

kill 'CONT', $first;
ok(wait_for {
    $gateway->error_log
        =~ /\[warn\] $first#\d+: reauth: this worker process has not responded in time/;
} 'the former clerk logs that it was replaced');

my $polled = poll_times('acct_2');
ok(wait_for { poll_times('acct_2') > $polled + 6 }
    'polls continue after the takeover');

my @times = poll_times('acct_2');
splice @times, 0, $polled;
cmp_ok(($times[-1] - $times[0]) / $#times, '>', 0.35, 'only one worker polls');
is(clerk(), $second, 'the new clerk remains the clerk');
is(gate('acct_2'), 503, 'the gate remains closed');

# ---- killed ----

kill 'KILL', $second;
$other->update('acct_3', 'ok');
sandbox('POST', '/finish/acct_2');

ok(took_over($second), 'the work of a killed worker is taken over');
$gateway->becomes('acct_2', 'succeeded', 'a login ends by a poll');
$gateway->becomes('acct_3', 'running', 'a login of another gateway is followed');
is(gate('acct_2'), 204, 'the gate of the ended login is open');
is(gate('acct_3'), 503, 'the gate of the new login is closed');
is(metric('reauth_clerk_takeovers_total'), 2, 'the second takeover is counted');

# ---- a reload ----

my $third = clerk();

$gateway->reload;
ok(took_over($third), 'a new worker takes over at a reload');
sandbox('POST', '/finish/acct_3');
$gateway->becomes('acct_3', 'succeeded', 'the new worker polls');
is(metric('reauth_clerk_takeovers_total'), 2,
    'a reload is not a takeover: the lease was released');

# a worker that was stopped for longer than Redis may take says so

unlike($_->error_log =~ s/.*\[error\].*: no reply in time .* redis .*\n//gr,
    qr/\[(?:emerg|error)\]/,
    'no unexpected errors are logged') for $gateway, $other;

done_testing();
