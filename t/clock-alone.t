# The wall clock of a gateway without Redis is changed by hours: gates neither
# open nor remain closed because of it.

use strict;
use warnings;

use Test::More;

use Reauth::Clock;
use Reauth::Test redis => 0, sandbox_options => ['--hold'];

plan skip_all => Reauth::Clock::missing() if Reauth::Clock::missing();

my $clock = Reauth::Clock->new(Reauth::Test::work_dir() . '/clock', 0);

my $gateway = gateway(
    $clock->arguments,
    http_config => 'reauth_gate_max 10m;',
    config      => <<'EOC',
location = /reauth/metrics { reauth_metrics; }
location /brief/ {
    reauth_gate on;
    reauth_gate_max 2s;
    empty_gif;
}
EOC
);


sub offset {
    return $gateway->http('GET', '/reauth/summary')->{json}{clock_offset_ms};
}


sub about {
    my ($ms, $what) = @_;

    return ok((wait_for { abs(offset() - $ms) < 60_000 }), $what);
}


sub gate {
    my ($account) = @_;

    return $gateway->http('GET', "/reauth/gate/$account")->{status};
}


sub times_of {
    my ($account) = @_;

    my $record = $gateway->http('GET', "/reauth/accounts/$account")->{json};

    return join ' ', $record->{state}, $record->{since};
}


cmp_ok(abs(offset()), '<', 1000, 'the clocks agree');

$gateway->update('acct_1', 'ok');
is(gate('acct_1'), 503, 'the gate is closed');

my $times = times_of('acct_1');

$clock->set(7200);
about(7_200_000, 'the clock is set forward by two hours');

my $metrics = $gateway->http('GET', '/reauth/metrics')->{body};
like($metrics, qr/^reauth_clock_offset_seconds 7[12]\d\d\.\d{3}$/m,
    'the metric says so');
like($gateway->http('GET', '/reauth/readyz')->{json}{reason},
    qr/^the system clock is off/, 'readyz reports that the clock is off');

is(gate('acct_1'), 503, 'the gate is still closed');
is(times_of('acct_1'), $times, 'the attempt is still the same');

$clock->set(-7200);
about(-7_200_000, 'the clock is set back');

$metrics = $gateway->http('GET', '/reauth/metrics')->{body};
like($metrics, qr/^reauth_clock_offset_seconds -7[12]\d\d\.\d{3}$/m,
    'the metric says so');

is(gate('acct_1'), 503, 'the gate is still closed');
is(times_of('acct_1'), $times, 'the attempt is still the same');

$gateway->update('acct_2', 'ok');
ok(wait_for {
    $gateway->http('GET', '/brief/acct_2')->{status} == 200
}, 'a gate opens after reauth_gate_max');
is(gate('acct_2'), 503, 'a gate with a longer reauth_gate_max stays closed');

$gateway->reload;
about(-7_200_000, 'a reload keeps the clock of the gateway');
is(gate('acct_1'), 503, 'the gate is closed after a reload');

sandbox('POST', '/finish/acct_1');
is($gateway->http('GET', '/api/authenticate/' . $gateway->http('GET',
    '/reauth/accounts/acct_1')->{json}{attempt_id})->{status}, 200,
    'a poll passes');
ok(wait_for { gate('acct_1') == 204 }, 'the end opens the gate');

$gateway->stop;

done_testing();
