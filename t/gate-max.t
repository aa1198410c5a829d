# reauth_gate_max: the gate opens at this age at the latest, and the attempt
# becomes "expired".

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);
use Reauth::Test redis => 0, sandbox_options => ['--hold'];

# ---- in a location ----

my $long = gateway(name => 'long', http_config => 'reauth_gate_max 10m;',
    config => <<'EOC');
location /shorter/ {
    reauth_gate on;
    reauth_gate_max 1s;
    empty_gif;
}
EOC

my $start = time;
is($long->update('acct_1', 'ok')->{status}, 200,
    'an update of acct_1 is accepted');
ok(wait_for { $long->http('GET', '/shorter/acct_1')->{status} == 200 }
    'a location with a shorter one opens');
cmp_ok(time - $start, '>=', 1, 'when its time has come');
is($long->http('GET', '/api/acct_1/me')->{status}, 503, 'the others do not');

# ---- in http ----

my $gateway = gateway(http_config => 'reauth_gate_max 5s;');

$start = time;
is($gateway->update('acct_1', 'ok')->{status}, 200,
    'an update of acct_1 is accepted');

my $late = 0;

ok(wait_for {
    my $answer = $gateway->http('GET', '/api/acct_1/me');

    $late++ if ($answer->{json}{retry_after} // 0) > 3;
    # the response of the upstream does not matter
    return !$answer->{json}{decision_id};
} 'the gate opens by itself');
cmp_ok(time - $start, '>=', 4.9,
    'the gate does not open before reauth_gate_max');
is($late, 0, 'retry_after is at most 3 while the gate is closed');

my $record = $gateway->http('GET', '/reauth/accounts/acct_1')->{json};
is($record->{state}, 'expired', 'expired, at once');
is($record->{gate}, 'open', 'the gate of an expired attempt is open');

ok(wait_for { $gateway->http('GET', '/reauth/accounts/acct_1')
    ->{json}{error_code} }
    'the record of an expired attempt has an error code');
$record = $gateway->http('GET', '/reauth/accounts/acct_1')->{json};
is($record->{error_code}, 'GATE_MAX',
    'the error code of an expired attempt is GATE_MAX');
is($record->{source}, 'timer', 'the source of an expired attempt is the timer');
ok(defined $record->{completed_at},
    'an expired attempt has the time of its end');
like($gateway->error_log, qr/account "acct_1" is now expired: .*reauth_gate_max/,
    'an expired attempt is logged');

# an end is final: a later poll of a client does not close the gate again
my $id = $record->{attempt_id};
is($gateway->http('GET', "/api/authenticate/$id")->{status}, 200,
    'an expired attempt can be polled');
is($gateway->http('GET', '/reauth/gate/acct_1')->{status}, 204,
    'a poll of an expired attempt does not close the gate');

is($gateway->update('acct_1', 'ok')->{status}, 200,
    'a further update is accepted');
is($gateway->http('GET', '/reauth/gate/acct_1')->{status}, 503,
    'closes it again');

done_testing();
