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

ok(wait_for { $two->cli('ROLE') =~ /connected/ } 'a primary and its replica');


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
is($gateway->update('acct_1', 'ok')->{headers}{'reauth-store'}, undef, 'an update');
is($one->state_of('acct_1'), 'running', 'is at the primary');
ok(wait_for { $other->http('GET', '/reauth/gate/acct_1')->{status} == 503 }
    'and known to the other gateway');
unlike($gateway->error_log, qr/\[(?:warn|error)\]/,
    'which is no reason to complain');

# ---- a connection that is cut is opened again, to the same server ----

for my $way ([qw(CLIENT KILL TYPE normal)], [qw(CONFIG SET timeout 1)]) {
    my $before = () = $gateway->error_log =~ /Redis closed the connection/g;

    $one->cli(@$way);
    ok(wait_for {
        (() = $gateway->error_log =~ /Redis closed the connection/g) > $before
    } "@$way: the connection is closed");
    ok(wait_for { readyz($gateway)->{status} eq 'ready' }
        "@$way: ready again");
    $one->cli(qw(CONFIG SET timeout 0));
}

$gateway->update('acct_2', 'ok');
ok(wait_for { $one->state_of('acct_2') eq 'running' } 'an update is stored');

# ---- the roles are exchanged ----

$two->cli('REPLICAOF', 'NO', 'ONE');
$one->cli('REPLICAOF', '127.0.0.1', $two->port);

is($gateway->update('acct_3', 'ok')->{status}, 200, 'an update meanwhile');
is($gateway->http('GET', '/api/acct_3/me')->{status}, 503, 'is gated');
ok(wait_for { $two->state_of('acct_3') eq 'running' }
    'and is stored at the new primary');
ok(wait_for { readyz($gateway)->{status} eq 'ready' } 'ready');
is($gateway->http('GET', '/api/acct_1/me')->{status}, 503,
    'the others are closed still');

# a gateway that has no other address says why it is degraded

ok(wait_for { readyz($other)->{status} eq 'degraded' }
    'one that has the old primary only is degraded');
ok(wait_for { readyz($other)->{reason} =~ /this Redis is a replica/ }
    'and says that it is a replica');
$other->update('acct_4', 'ok');

$two->cli('REPLICAOF', '127.0.0.1', $one->port);
$one->cli('REPLICAOF', 'NO', 'ONE');

ok(wait_for { readyz($other)->{status} eq 'ready' } 'a primary again: ready');
ok(wait_for { $one->state_of('acct_4') eq 'running' }
    'and what it did meanwhile is stored');
ok(wait_for { readyz($gateway)->{status} eq 'ready' } 'both are');

# ---- without HELLO, the first write tells the role ----

my $old = Reauth::Redis->start(lines => ['rename-command HELLO ""',
    'replicaof 127.0.0.1 ' . $one->port]);
ok(wait_for { $old->cli('ROLE') =~ /connected/ } 'a replica without HELLO');

$gateway->stop;
$gateway = start_with('three', $old->address, $one->address);
ok(wait_for { readyz($gateway)->{status} eq 'ready' }
    'is left for the primary');
like($gateway->error_log, qr/READONLY.* while writing to redis/,
    'by the error to a write');

# ---- none of them ----

$_->stop for $one, $two, $old;
ok(wait_for { readyz($gateway)->{reason} =~ /Redis is unreachable/ }
    'without any, it says that none is reached');
is($gateway->update('acct_5', 'ok')->{status}, 200, 'an update');
is($gateway->http('GET', '/api/acct_5/me')->{status}, 503, 'is gated');
$one->run;
ok(wait_for { $one->state_of('acct_5') eq 'running' }
    'and stored when one is back');

done_testing();
