# If an override keeps a gate closed for longer than the login of the account,
# the record of the account has the time to wait of the gate, not that of the
# login.

use strict;
use warnings;

use Test::More;
use Reauth::Test sandbox_options => ['--hold'];

my $first = gateway(name => 'first');

is($first->update('acct_1', 'ok')->{status}, 200, 'the update is accepted');
ok(wait_for { stored('acct_1', 'state') eq 'running' }
    'the record is written');
$first->stop;

# A login that has lasted for 400 s: a quarter of this remains, up to half as
# much is added.  It ends in 40 s at the latest.

my $now = 1000 * time;
store('acct_1', since => $now - 400_000, deadline => $now + 40_000);

my $gateway = gateway(name => 'second',
    http_config => 'reauth_retry_after 2s 300s;',
    config      => 'location /reauth/ { reauth_status operate; }');

sub record { return $gateway->http('GET', '/reauth/accounts/acct_1')->{json}; }

ok(wait_for { (record()->{state} // '') ne 'none' }
    'the other gateway has read the record');
cmp_ok(record()->{retry_after} // 0, '<=', 60,
    'the record of the login has its time at most');

my $set = $gateway->http('PUT', '/reauth/accounts/acct_1/override', {},
    { gate => 'closed', for => '10m', reason => 'maintenance' });
is($set->{status}, 200, 'an override is set');

my %has = (
    'the response to the override'   => $set->{json},
    'the record of the account'      => record(),
    'the record in the list'         => $gateway->http('GET',
        '/reauth/accounts')->{json}{accounts}[0],
    'the response to a call'         => $gateway->http('GET',
        '/api/acct_1/chats')->{json},
);

for my $what (sort keys %has) {
    my $after = $has{$what}{retry_after} // 0;

    cmp_ok($after, '>=', 100, "$what has the time of the gate at least");
    cmp_ok($after, '<=', 300, "$what has the maximum at most");
}

my $gate = $gateway->http('GET', '/reauth/gate/acct_1');
is($gate->{status}, 503, 'the gate is closed');
cmp_ok($gate->{headers}{'retry-after'}, '>=', 100,
    'the gate has its own time at least');

done_testing();
