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
is(state_of('acct_1'), 'running', 'it logs in');

redis_stop();

is($gateway->http('GET', '/api/acct_1/me')->{status}, 503, 'the gate goes on');
is($gateway->http('GET', '/api/acct_9/me')->{status}, 200, 'open ones too');
ok(wait_for { $gateway->http('GET', '/reauth/readyz')->{json}{status}
    eq 'degraded' } 'readyz: degraded');
is($gateway->http('GET', '/reauth/readyz')->{status}, 200, 'but ready');
is($gateway->http('GET', '/reauth/summary')->{json}{store}{redis}, 'down',
    'summary: down');
is($gateway->http('GET', '/reauth/accounts')->{json}{degraded}, JSON::PP::true(),
    'accounts: degraded');

my $update = $gateway->update('acct_2', 'ok');
$id{2} = $update->{json}{attempt_id};
is($update->{status}, 200, 'an update is taken');
is(state_of('acct_2'), 'running', 'and known');
is($gateway->http('GET', '/api/acct_2/me')->{status}, 503, 'and gated');

# the previous attempt ends
sandbox('POST', '/finish/acct_1', { success => \1 });
$gateway->http('GET', "/api/authenticate/$id{1}");
is(state_of('acct_1'), 'succeeded', 'an end is taken');
is($gateway->http('GET', '/reauth/gate/acct_1')->{status}, 204, 'it is open');

# one begins and ends during the outage
$id{3} = $gateway->update('acct_3', 'ok')->{json}{attempt_id};
sandbox('POST', '/finish/acct_3', { success => \1 });
$gateway->http('GET', "/api/authenticate/$id{3}");
is(state_of('acct_3'), 'succeeded', 'another one, from start to end');

redis_start();

ok(wait_for { stored('acct_2', 'state') eq 'running' }
    'what began here is written');
ok(wait_for { stored('acct_3', 'state') eq 'succeeded' }
    'and what ended');
ok(wait_for { stored('acct_1', 'state') eq 'succeeded' }
    'an end of one that Redis had, too');
is(stored('acct_2', 'attempt'), $id{2}, 'whole');
is(redis_cli('ZCARD', '{reauth}:active'), 1, 'only the one is active');
ok(wait_for { $gateway->http('GET', '/reauth/readyz')->{json}{status}
    eq 'ready' } 'readyz: ready');
is($gateway->http('GET', '/api/acct_2/me')->{status}, 503, 'gated still');

# and another gateway learns it
my $other = gateway(name => 'other');
is($other->http('GET', '/api/acct_2/me')->{status}, 503, 'by another one too');
is($other->http('GET', '/api/acct_1/me')->{status}, 200, 'open there too');

my $errors = () = $gateway->error_log =~ /\[error\]/g;
cmp_ok($errors, '<=', 6, "an outage is no flood of errors ($errors)");

done_testing();
