# reauth_gate_max: the gate opens at that age at the latest, and the attempt
# becomes "expired".

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);
use Reauth::Test redis => 0, sandbox_options => ['--hold'];

my $gateway = gateway(http_config => 'reauth_gate_max 2s;', config => <<'EOC');
location /api/ {
    reauth_gate on;
    proxy_pass http://fans_api;
    proxy_set_header Authorization $reauth_authorization;
}
location /shorter/ {
    reauth_gate on;
    reauth_gate_max 500ms;
    empty_gif;
}
EOC

my $start = time;
is($gateway->update('acct_1', 'ok')->{status}, 200, 'it logs in');
is($gateway->http('GET', '/shorter/acct_1')->{status}, 503, 'closed');

sleep 0.6;
is($gateway->http('GET', '/shorter/acct_1')->{status}, 200,
    'a location with a shorter one is open');

my $closed = $gateway->http('GET', '/api/acct_1/me');
is($closed->{status}, 503, 'the others are not');
cmp_ok($closed->{json}{retry_after}, '<=', 3, 'and say so');

ok(wait_for { !$gateway->http('GET', '/api/acct_1/me')->{json}{decision_id} }
    'it opens');
my $took = time - $start;
cmp_ok($took, '>=', 1.9, 'not before its time');
cmp_ok($took, '<', 3, 'nor much later');

my $record = $gateway->http('GET', '/reauth/accounts/acct_1')->{json};
is($record->{state}, 'expired', 'expired, at once');
is($record->{gate}, 'open', 'and open');

ok(wait_for { $gateway->http('GET', '/reauth/accounts/acct_1')
    ->{json}{error_code} } 'why');
$record = $gateway->http('GET', '/reauth/accounts/acct_1')->{json};
is($record->{error_code}, 'GATE_MAX', 'GATE_MAX');
is($record->{source}, 'timer', 'said by the timer');
ok(defined $record->{completed_at}, 'with its time');
like($gateway->error_log, qr/account "acct_1" is expired now: .*reauth_gate_max/,
    'and logged');

# an end is final: what a caller sees of it later does not close it again
my $id = $record->{attempt_id};
is($gateway->http('GET', "/api/authenticate/$id")->{status}, 200, 'a poll');
is($gateway->http('GET', '/reauth/gate/acct_1')->{status}, 204, 'still open');

is($gateway->update('acct_1', 'ok')->{status}, 200, 'another update');
is($gateway->http('GET', '/reauth/gate/acct_1')->{status}, 503,
    'closes it again');

done_testing();
