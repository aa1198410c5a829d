# GET /reauth/accounts/{id}/timeline with Redis: the changes of all gateways.

use strict;
use warnings;

use Test::More;
use Reauth::Test sandbox_options => ['--hold'];

my $one = gateway(name => 'one');
my $two = gateway(name => 'two');

sub states {
    my ($gateway, $account) = @_;

    my $json = $gateway->http('GET', "/reauth/accounts/$account/timeline")
        ->{json};

    return join ' ', map { $_->{state} } @{ $json->{events} },
        { state => $json->{complete} ? 'complete' : 'in part' };
}

for my $gateway ($one, $two) {
    ok(wait_for { ($gateway->http('GET', '/reauth/readyz')->{json}{status}
        // '') eq 'ready' } 'the gateway is ready');
}

my $id = $one->update('acct_1', 'otp')->{json}{attempt_id};
sandbox('POST', '/step/acct_1') for 1 .. 2;
$two->http('GET', "/api/authenticate/$id");
sandbox('POST', '/finish/acct_1');
$one->http('GET', "/api/authenticate/$id");

my $all = 'starting running needs_otp succeeded complete';
ok(wait_for { states($_, 'acct_1') eq $all }
    'each gateway returns the whole timeline') for $one, $two;

# more than one page of events of other accounts in between
redis_cli('eval', <<'EOC', 0);
for i = 1, 1000 do
    redis.call('XADD', '{reauth}:events', '*', 'account', 'acct_2', 'epoch',
        tostring(i), 'state', 'failed')
end
EOC

is(states($one, 'acct_1'), $all, 'a timeline is found among many other events');

redis_cli('eval', <<'EOC', 0);
for i = 1, 4000 do
    redis.call('XADD', '{reauth}:events', '*', 'account', 'acct_2', 'epoch',
        tostring(i), 'state', 'failed')
end
EOC

is(states($one, 'acct_1'), 'in part',
    'a timeline whose events were removed is incomplete');

$one->update('acct_3', 'limit');

# without Redis: the changes that this gateway knows
redis_stop();
ok(wait_for { $one->http('GET', '/reauth/readyz')->{json}{status}
    eq 'degraded' } 'Redis is away');
is(states($one, 'acct_3'), 'starting rejected in part',
    "a timeline without Redis is that of the gateway's memory");

done_testing();
