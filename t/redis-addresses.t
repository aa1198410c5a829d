# Several addresses in "reauth_redis": they are tried in turn, and a replica is
# left for another one.

use strict;
use warnings;

use Test::More;
use Reauth::Test redis => 0, sandbox_options => ['--hold'];
use Reauth::Redis;

my $one = Reauth::Redis->start;
my $two = Reauth::Redis->start(lines => ['replicaof 127.0.0.1 ' . $one->port]);
my $nobody = free_port();

ok(wait_for { $two->cli('ROLE') =~ /connected/ }
    'a replica is connected to the primary');


sub start_with {
    my ($name, @addresses) = @_;

    return gateway(name => $name, http_config => 'reauth_redis redis://'
        . join(',', @addresses) . ' timeout=2s;');
}


sub readyz {
    my ($gateway) = @_;

    return $gateway->http('GET', '/reauth/readyz')->{json};
}


my $gateway = start_with('one', "127.0.0.1:$nobody", $two->address,
    $one->address);
my $other = start_with('two', $one->address);

ok(wait_for { readyz($gateway)->{status} eq 'ready' }
    'the third address is used');
is($gateway->update('acct_1', 'ok')->{headers}{'reauth-store'}, undef,
    'an update is accepted with Redis');
is($one->state_of('acct_1'), 'running', 'an update is stored by the primary');
ok(wait_for { $other->http('GET', '/reauth/gate/acct_1')->{status} == 503 }
    'the other gateway knows of the update');
unlike($gateway->error_log, qr/\[(?:warn|error)\]/,
    'nothing is logged as a warning or an error');

# ---- a connection that is cut is opened again, to the same server ----

for my $way ([qw(CLIENT KILL TYPE normal)], [qw(CONFIG SET timeout 1)]) {
    my $before = () = $gateway->error_log =~ /Redis closed the connection/g;

    $one->cli(@$way);
    ok(wait_for {
        (() = $gateway->error_log =~ /Redis closed the connection/g) > $before
    } "@$way: the connection is closed");
    ok(wait_for { readyz($gateway)->{status} eq 'ready' }
        "@$way: the gateway is ready again");
    $one->cli(qw(CONFIG SET timeout 0));
}

$gateway->update('acct_2', 'ok');
ok(wait_for { $one->state_of('acct_2') eq 'running' } 'an update is stored');

# ---- the roles are exchanged ----

$two->cli('REPLICAOF', 'NO', 'ONE');
$one->cli('REPLICAOF', '127.0.0.1', $two->port);

is($gateway->update('acct_3', 'ok')->{status}, 200,
    'an update is accepted while the primary changes');
is($gateway->http('GET', '/api/acct_3/me')->{status}, 503,
    'calls are refused while the primary changes');
ok(wait_for { $two->state_of('acct_3') eq 'running' }
    'an update is stored by the new primary');
ok(wait_for { readyz($gateway)->{status} eq 'ready' }
    'the gateway is ready with the new primary');
is($gateway->http('GET', '/api/acct_1/me')->{status}, 503,
    'the others are closed still');

# a gateway that has no other address says why it is degraded

ok(wait_for { readyz($other)->{status} eq 'degraded' }
    'a gateway that knows only the old primary is degraded');
ok(wait_for { readyz($other)->{reason} =~ /this Redis is a replica/ }
    'the report says that Redis is a replica');
$other->update('acct_4', 'ok');

$two->cli('REPLICAOF', '127.0.0.1', $one->port);
$one->cli('REPLICAOF', 'NO', 'ONE');

ok(wait_for { readyz($other)->{status} eq 'ready' }
    'the other gateway is ready when its Redis is a primary');
ok(wait_for { $one->state_of('acct_4') eq 'running' }
    'an update without a primary is stored later');
ok(wait_for { readyz($gateway)->{status} eq 'ready' }
    'both gateways are ready');

# ---- without HELLO, the first write tells the role ----

my $old = Reauth::Redis->start(lines => ['rename-command HELLO ""',
    'replicaof 127.0.0.1 ' . $one->port]);
ok(wait_for { $old->cli('ROLE') =~ /connected/ }
    'a replica without HELLO is connected to the primary');

$gateway->stop;
$gateway = start_with('three', $old->address, $one->address);
ok(wait_for { readyz($gateway)->{status} eq 'ready' }
    'a replica is left for the primary');
like($gateway->error_log, qr/READONLY.* while writing to redis/,
    'an error to a write causes the change of the address');

# ---- none of them ----

$_->stop for $one, $two, $old;
ok(wait_for { readyz($gateway)->{reason} =~ /Redis is unreachable/ }
    'the report says that Redis is unreachable');
is($gateway->update('acct_5', 'ok')->{status}, 200,
    'an update without Redis is accepted');
is($gateway->http('GET', '/api/acct_5/me')->{status}, 503,
    'calls are refused without Redis');
$one->run;
ok(wait_for { $one->state_of('acct_5') eq 'running' }
    'an update without Redis is stored when Redis is back');

done_testing();
