# Gateways whose clocks are hours ahead or behind share a Redis: all use its
# clock, and each gate opens and closes in time.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use Reauth::Clock;
use Reauth::Test sandbox_options => ['--hold'];

plan skip_all => Reauth::Clock::missing() if Reauth::Clock::missing();

my %ahead = (right => 0, ahead => 7200, behind => -7200);
my (%clock, %gateway);

for my $name (sort keys %ahead) {
    $clock{$name} = Reauth::Clock->new(
        Reauth::Test::work_dir() . "/clock-$name", $ahead{$name});

    $gateway{$name} = gateway(
        name        => $name,
        http_config => 'reauth_gate_max 10m;',
        $clock{$name}->arguments,
    );
}


sub offset {
    my ($name) = @_;

    return $gateway{$name}->http('GET', '/reauth/summary')
        ->{json}{clock_offset_ms};
}


sub about {
    my ($name, $seconds, $what) = @_;

    return ok((wait_for { abs(offset($name) - $seconds * 1000) < 60_000 }),
        $what);
}


sub gate {
    my ($name, $account) = @_;

    return $gateway{$name}->http('GET', "/reauth/gate/$account")->{status};
}


sub all_gates {
    my ($account, $status, $what) = @_;

    for my $name (sort keys %gateway) {
        ok(wait_for { gate($name, $account) == $status }
            "$name: $what");
    }

    return;
}


# The gate is not changed: neither by an event nor by a timer.

sub remains {
    my ($account, $status, $what) = @_;

    my $until = time + 1.5;

    while (time < $until) {
        for my $name (sort keys %gateway) {
            my $is = gate($name, $account);

            return is("$name $is", "$name $status", $what) if $is != $status;
        }
    }

    return pass($what);
}


sub near_now {
    my ($ms, $what) = @_;

    return cmp_ok(abs($ms - time * 1000), '<', 120_000, $what);
}

# ---- started with a wrong clock ----

about($_, $ahead{$_}, "$_: the offset is shown") for sort keys %ahead;

for my $name (sort keys %ahead) {
    my $account = "acct_$name";

    is($gateway{$name}->update($account, 'ok')->{status}, 200,
        "$name: the update is accepted");
    all_gates($account, 503, "the gate of $account is closed");
    near_now(stored($account, 'since'), "$name: begun now");
    near_now(stored($account, 'deadline') - 600_000, "$name: with its deadline");
}

remains("acct_$_", 503, "the gate of acct_$_ remains closed")
    for sort keys %ahead;

for my $name (qw(ahead behind)) {
    ok(wait_for {
        $gateway{$name}->error_log
            =~ /\[warn\] .*the system clock is 7[12]\d\d\.\d{3} s $name/
    } "$name: the wrong clock is logged");
}

unlike($gateway{right}->error_log, qr/the system clock/,
    'right: nothing is logged');

# ---- an end, reported by one whose clock is wrong ----

for my $name (sort keys %ahead) {
    my $account = "acct_$name";
    my $attempt = stored($account, 'attempt');

    sandbox('POST', "/finish/$account");
    is($gateway{behind}->http('GET', "/api/authenticate/$attempt")->{status},
        200, "$account: a poll");
    all_gates($account, 204, "the gate of $account is open");
}

# ---- the clock changes at run time ----

my $before = () = $gateway{ahead}->error_log =~ /the system clock is/g;

is($gateway{right}->update('acct_jump', 'ok')->{status}, 200,
    'an update before the jump of the clock is accepted');
all_gates('acct_jump', 503, 'the gate of acct_jump is closed');

$clock{ahead}->set(-10_800);
$clock{behind}->set(10_800);
$clock{right}->set(86_400);

about('ahead', -10_800, 'ahead: it is behind now');
about('behind', 10_800, 'behind: it is ahead now');
about('right', 86_400, 'right: it is a day ahead now');

remains('acct_jump', 503, 'the gate of acct_jump remains closed');

ok(wait_for {
    (() = $gateway{ahead}->error_log =~ /the system clock is/g) == $before + 1
} 'the change is logged once');

is($gateway{ahead}->update('acct_after', 'ok')->{status}, 200,
    'an update after the jump of the clock is accepted');
all_gates('acct_after', 503, 'the gate of acct_after is closed');
near_now(stored('acct_after', 'since'), 'begun now');

# ---- an attempt of one gateway is not stale for another ----

is($gateway{behind}->update('acct_after', 'second')->{status}, 200,
    'a second update of the account is accepted');
my $epoch = stored('acct_after', 'epoch');
is($gateway{ahead}->update('acct_after', 'third')->{status}, 200,
    'a third update of the account is accepted');
cmp_ok(stored('acct_after', 'epoch'), '>', $epoch, 'epochs never decrease');

# ---- the clock changes while Redis is unavailable ----

$clock{right}->set(0);
about('right', 0, 'right: it is right again');
ok(wait_for { $gateway{right}->error_log =~ /the system clock agrees/ }
    'a clock that is right again is logged');

redis_stop();
$clock{right}->set(7200);
about('right', 7200, 'it is set forward without Redis');
is(gate('right', 'acct_jump'), 503, 'the gate remains closed');

is($gateway{right}->update('acct_local', 'ok')->{status}, 200,
    'an update without Redis is accepted');

redis_start();
ok(wait_for { stored('acct_local', 'state') }
    'the record of an attempt without Redis is written');
near_now(stored('acct_local', 'since'), 'begun now');
all_gates('acct_local', 503, 'the gate of acct_local is closed');
all_gates('acct_jump', 503, 'the gate of acct_jump is closed');

done_testing();
