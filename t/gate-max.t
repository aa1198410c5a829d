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
is($long->update('acct_1', 'ok')->{status}, 200, 'it logs in');
ok(wait_for { $long->http('GET', '/shorter/acct_1')->{status} == 200 }
    'a location with a shorter one opens');
cmp_ok(time - $start, '>=', 1, 'when its time has come');
is($long->http('GET', '/api/acct_1/me')->{status}, 503, 'the others do not');

# ---- in http ----

my $gateway = gateway(http_config => 'reauth_gate_max 5s;');

$start = time;
is($gateway->update('acct_1', 'ok')->{status}, 200, 'it logs in');

my $late = 0;

ok(wait_for {
    my $answer = $gateway->http('GET', '/api/acct_1/me');

    $late++ if ($answer->{json}{retry_after} // 0) > 3;
    # the response of the upstream does not matter
    return !$answer->{json}{decision_id};
} 'it opens');
cmp_ok(time - $start, '>=', 4.9, 'not before its time');
is($late, 0, 'and says so until then');

my $record = $gateway->http('GET', '/reauth/accounts/acct_1')->{json};
is($record->{state}, 'expired', 'expired, at once');
is($record->{gate}, 'open', 'and open');

ok(wait_for { $gateway->http('GET', '/reauth/accounts/acct_1')
    ->{json}{error_code} } 'why');
$record = $gateway->http('GET', '/reauth/accounts/acct_1')->{json};
is($record->{error_code}, 'GATE_MAX', 'GATE_MAX');
is($record->{source}, 'timer', 'said by the timer');
ok(defined $record->{completed_at}, 'with its time');
like($gateway->error_log, qr/account "acct_1" is now expired: .*reauth_gate_max/,
    'and logged');

# an end is final: a later poll of a client does not close the gate again
my $id = $record->{attempt_id};
is($gateway->http('GET', "/api/authenticate/$id")->{status}, 200, 'a poll');
is($gateway->http('GET', '/reauth/gate/acct_1')->{status}, 204, 'still open');

is($gateway->update('acct_1', 'ok')->{status}, 200, 'another update');
is($gateway->http('GET', '/reauth/gate/acct_1')->{status}, 503,
    'closes it again');

done_testing();
