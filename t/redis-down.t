# Redis is killed: gate, status and updates continue to work; changes are
# written when Redis is available again.

use strict;
use warnings;

use Test::More;
use Reauth::Test sandbox_options => ['--hold'];

my $gateway = gateway(workers => 2);


sub state_of {
    my ($account) = @_;

    return $gateway->http('GET', "/reauth/accounts/$account")->{json}{state}
        // '';
}


my %id;
$id{1} = $gateway->update('acct_1', 'ok')->{json}{attempt_id};
is(state_of('acct_1'), 'running', 'a login is in progress');

redis_stop();

is($gateway->http('GET', '/api/acct_1/me')->{status}, 503, 'the gate remains closed without Redis');
is($gateway->http('GET', '/api/acct_9/me')->{status}, 200, 'open gates remain open without Redis');
ok(wait_for { $gateway->http('GET', '/reauth/readyz')->{json}{status}
    eq 'degraded' } 'readyz reports degraded');
is($gateway->http('GET', '/reauth/readyz')->{status}, 200, 'a degraded gateway is ready');
is($gateway->http('GET', '/reauth/summary')->{json}{store}{redis}, 'down',
    'the summary reports that Redis is down');
is($gateway->http('GET', '/reauth/accounts')->{json}{degraded}, JSON::PP::true(),
    'the list of accounts is degraded');

my $update = $gateway->update('acct_2', 'ok');
$id{2} = $update->{json}{attempt_id};
is($update->{status}, 200, 'an update is accepted without Redis');
is(state_of('acct_2'), 'running', 'the state is known without Redis');
is($gateway->http('GET', '/api/acct_2/me')->{status}, 503, 'the gate of its account is closed');

# the previous attempt ends
sandbox('POST', '/finish/acct_1', { success => \1 });
$gateway->http('GET', "/api/authenticate/$id{1}");
is(state_of('acct_1'), 'succeeded', 'an end is accepted without Redis');
is($gateway->http('GET', '/reauth/gate/acct_1')->{status}, 204, 'the gate opens after the end');

# one begins and ends during the outage
$id{3} = $gateway->update('acct_3', 'ok')->{json}{attempt_id};
sandbox('POST', '/finish/acct_3', { success => \1 });
$gateway->http('GET', "/api/authenticate/$id{3}");
is(state_of('acct_3'), 'succeeded', 'a login begins and ends without Redis');

redis_start();

ok(wait_for { stored('acct_2', 'state') eq 'running' }
    'the begun login is written when Redis is back');
ok(wait_for { stored('acct_3', 'state') eq 'succeeded' }
    'the ended login is written');
ok(wait_for { stored('acct_1', 'state') eq 'succeeded' }
    'the end of a login that Redis had is written');
is(stored('acct_2', 'attempt'), $id{2}, 'the record is written completely');
is(redis_cli('ZCARD', '{reauth}:active'), 1, 'one account is active in Redis');
ok(wait_for { $gateway->http('GET', '/reauth/readyz')->{json}{status}
    eq 'ready' } 'readyz reports ready');
is($gateway->http('GET', '/api/acct_2/me')->{status}, 503, 'the gate is closed when Redis is back');

# and another gateway learns it
my $other = gateway(name => 'other');
is($other->http('GET', '/api/acct_2/me')->{status}, 503,
    'a gateway that starts later closes the gate of acct_2');
is($other->http('GET', '/api/acct_1/me')->{status}, 200,
    'a gateway that starts later opens the gate of acct_1');

my $errors = () = $gateway->error_log =~ /\[error\]/g;
cmp_ok($errors, '<=', 6, "an outage logs few errors ($errors)");

done_testing();
