# A worker is killed while it holds the lock of the zone, at any instruction of
# a write: the other workers find consistent data.

use strict;
use warnings;

use List::Util qw(sum);
use Test::More;
use Time::HiRes qw(sleep time);

use Reauth::Stream ();
use Reauth::Test sandbox_options => ['--hold'];
use Reauth::Tracer ();

my $module = $ENV{TEST_NGINX_MODULE};

if (my $missing = Reauth::Tracer::missing($module)) {
    plan skip_all => $missing;
}

my $seed = $ENV{REAUTH_SEED} // (time ^ $$) & 0xffff;
note "REAUTH_SEED=$seed";
srand $seed;

# small, so that it is filled with ended records

my $gateway = gateway(workers => 2, log_level => 'notice',
    http_config => "reauth_zone accounts:128k;\nreauth_gate_max 25s;");

my $sent     = 0;
my $shortest;                       # of the whole writes, in instructions


sub run_to {
    my ($tracer, $function, @more) = @_;

    # a traced process would not exit with its gateway
    local $SIG{ALRM} = sub {
        $tracer->kill;
        die "no $function in a minute\n";
    };
    alarm $Reauth::Test::LIMIT;
    $tracer->run_to($module, $function, @more);
    alarm 0;

    return;
}


# Stops a worker that sends an update at the call of a function.

sub stop_at {
    my ($account, $story, $function, $times) = @_;

    my ($pid, $other) = $gateway->worker_pids;
    $gateway->stop_without_lock($other);

    my $tracer = Reauth::Tracer->attach($pid);
    my $stream = Reauth::Stream->open($gateway, 'PUT',
        "/api/authenticate/$account/credentials",
        { 'Content-Type' => 'application/json' },
        qq({"email":"$story\@example.com","password":") . $sent++ . '"}');

    run_to($tracer, $function, $times);

    return ($tracer, $pid, $other, $stream);
}


sub kill_at {
    my ($steps, @at) = @_;

    my ($tracer, $pid, $other, $stream) = stop_at(@at);

    my $count = defined $steps ? $tracer->step($steps) : $tracer->step_out;

    $tracer->kill;
    kill 'CONT', $other;
    $stream->finish(2);

    wait_for { 2 <= grep { $_ != $pid } $gateway->worker_pids }
        'a new worker';

    return $count;
}


# The other worker waits for the lock and repairs the zone.  If the new worker
# was faster, this is repeated.

sub kill_who_cleans_up {
    my ($steps) = @_;

    for (1 .. 20) {
        wait_for_room();
        my $count = try_to_kill_who_cleans_up($steps);
        return $count if defined $count;
    }

    die "a new worker cleans up each time\n";
}


sub try_to_kill_who_cleans_up {
    my ($steps) = @_;

    my ($tracer, $pid, $other, $stream) = stop_at("acct_half$sent", 'ok',
        'ngx_http_reauth_zone_write', 1);

    # the zone is still locked
    $tracer->step(int rand 0.9 * $shortest);

    kill 'CONT', $other;
    wait_for { Reauth::Test::slurp("/proc/$other/stat") !~ /\) T / };

    my $cleaner = Reauth::Tracer->attach($other);
    my $cleaned = cleaned();
    my $waits;

    my $first = eval {
        run_to($cleaner, 'ngx_http_reauth_zone_repair', 1, sub {
            $waits = Reauth::Stream->open($gateway, 'GET', '/reauth/summary');
            wait_for { Reauth::Tracer::waits($other) } 'it waits for the lock';
            $tracer->kill;

            wait_for { Reauth::Tracer::is_stopped($other)
                    || cleaned() > $cleaned } 'the lock is had';
            kill 'KILL', $other if cleaned() > $cleaned;
        });
        1;
    };

    alarm 0;
    die $@ if !$first && cleaned() == $cleaned;

    my $count;

    if ($first) {
        $count = defined $steps ? $cleaner->step($steps) : $cleaner->step_out;
        $cleaner->kill;
    }

    $_->finish(2) for $stream, $waits;

    wait_for { 2 <= grep { $_ != $pid && $_ != $other } $gateway->worker_pids }
        'new workers';

    return $count;
}


# The number of repairs that were begun.

sub cleaned {
    return scalar(() = $gateway->error_log =~ /a worker died while it had/g);
}


sub listed {
    my ($query) = @_;

    return join ' ', sort map { $_->{account_id} }
        @{ $gateway->http('GET', "/reauth/accounts?limit=1000$query")->{json}{accounts} };
}


# Describes what is wrong afterwards.

sub wrong {
    my $list   = $gateway->http('GET', '/reauth/accounts?limit=1000');
    my $update = $gateway->update('acct_probe', 'limit');
    my @wrong;

    push @wrong, "an update: $update->{status} $update->{body}" if $update->{status} != 429;
    push @wrong, "the list: $list->{status}"    if $list->{status} != 200;

    # an attempt that expires meanwhile may replace another record

    push @wrong, 'the order of updates'
        if !wait_for { listed('') eq listed('&sort=updated') };
    push @wrong, "a crash: $1"
        if $gateway->error_log =~ /exited on signal ((?!9\b)\d+)/;

    return join ', ', @wrong;
}


# If a worker dies while it allocates memory, no more can be allocated.

my $restarts = 0;

sub told {
    $gateway->http('GET', '/reauth/summary');      # takes the lock

    return $restarts < (() = $gateway->error_log =~ /; restart nginx/g);
}

sub restart_if_told {
    return if !told();

    $restarts++;
    $gateway->restart;
    wait_for { $gateway->http('GET', '/reauth/readyz')->{status} == 200 };

    return;
}


sub summary { return $gateway->http('GET', '/reauth/summary')->{json}; }


# The zone has room for 24 active accounts, whose attempts expire.

sub wait_for_room {
    return wait_for { summary()->{active} < 18 } 'some attempts have expired';
}


for (1 .. 600) {
    $gateway->update('acct_ended' . $sent++, 'limit');
}

cmp_ok(summary()->{zone}{accounts}, '<', 600, 'the zone is full');

# ---- during a write ----

sub again {
    my $account = "acct_again$sent";

    $gateway->update($account, 'ok');

    return ($account, 'ok');
}

my @writes = (
    ['a new account', sub { return ("acct_new$sent", 'ok') }, 1],
    ['an account\'s next update', \&again, 1],
    ['an end', sub { return ("acct_end$sent", 'limit') }, 2],
);

for my $write (@writes) {
    my ($what, $account, $times) = @$write;

    my @at    = ('ngx_http_reauth_zone_write', $times);
    my $whole = kill_at(undef, $account->(), @at);
    my $wrong = '';

    $shortest = $whole if !defined $shortest || $whole < $shortest;
    cmp_ok($whole, '>', 100, "$what is $whole instructions");

    for my $part (0 .. 7) {
        my $steps = int $whole * ($part + rand) / 8;

        kill_at($steps, $account->(), @at);

        $wrong = restart_if_told() || wrong();
        last if $wrong;
    }

    is($wrong, '', "$what: whoever died wherever, all goes on");
}

# ---- the repairing worker is killed too ----

my $whole = kill_who_cleans_up();
my $wrong = '';

cmp_ok($whole, '>', 1_000, "cleaning up is $whole instructions");

for my $part (0 .. 3) {
    kill_who_cleans_up(int $whole * ($part + rand) / 4);

    $wrong = restart_if_told() || wrong();
    last if $wrong;
}

is($wrong, '', 'the next worker that repairs the zone completes the repair');

# ---- during an allocation ----

wait_for_room();
$gateway->update('acct_there', 'ok');

for my $steps (map { 10 * $_ } 1 .. 10) {
    kill_at($steps, "acct_full$steps", 'limit',
        'ngx_http_reauth_zone_slab_alloc');
    last if told();
}

my $closed = $gateway->http('GET', '/api/acct_there/me');

ok(told(), 'no more memory: the log asks for a restart');
is($closed->{status}, 503, 'the gate is closed still');
is($gateway->http('GET', '/api/acct_9/me')->{status}, 200,
    'calls of other accounts pass');
is($gateway->http('GET', '/reauth/accounts')->{status}, 200,
    'the list of accounts is returned');
restart_if_told();
is(wrong(), '', 'after a restart all is as before');

# ---- the records of all accounts ----

ok(wait_for { summary()->{active} == 0 } 'each attempt comes to its end');

my $summary = summary();
my $cursor  = '';
my %state;

while (defined $cursor) {
    my $list = $gateway->http('GET', '/reauth/accounts?limit=1000'
        . ($cursor && "&cursor=$cursor"))->{json};

    $state{ $_->{account_id} } = $_->{state} for @{ $list->{accounts} };
    $cursor = $list->{next_cursor};
}

is(keys %state, $summary->{zone}{accounts}, 'all accounts are in the list');
is(sum(values %{ $summary->{states} }), $summary->{zone}{accounts},
    'the sums are right');

my @differ;

ok(wait_for {
    @differ = grep { (stored($_, 'state') // '') ne $state{$_} } sort keys %state;
    return !@differ;
} 'Redis says the same') or diag "@differ[0 .. 5]";

done_testing();
