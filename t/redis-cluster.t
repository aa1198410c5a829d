# A Redis Cluster of six: redirections are followed, at first, when a replica
# takes over, and while the slot of the keys is moved to another node.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);
use Reauth::Test redis => 0, sandbox_options => ['--hold'];
use Reauth::Redis;

my @node  = Reauth::Redis->cluster;
my $owner = Reauth::Redis->owner(@node[0 .. 2]);
my ($second, $third) = grep { $_ != $owner } 0 .. 2;
my $slot = $node[0]->cli('CLUSTER', 'KEYSLOT', '{reauth}');


sub start_with {
    my ($name, @nodes) = @_;

    return gateway(name => $name, http_config => 'reauth_redis redis://'
        . join(',', map { $_->address } @nodes) . ' timeout=2s;');
}


sub readyz {
    my ($gateway) = @_;

    return $gateway->http('GET', '/reauth/readyz')->{json};
}


sub gate {
    my ($gateway, $account) = @_;

    return $gateway->http('GET', "/reauth/gate/$account")->{status};
}


# ---- any node leads to the one that has the keys ----

my $one = start_with('one', @node[$second, $third]);
my $two = start_with('two', $node[ $second + 3 ], $node[ $third + 3 ]);

for my $gateway ($one, $two) {
    ok(wait_for { readyz($gateway)->{status} eq 'ready' }
        'the gateway is ready with the Cluster');
    unlike($gateway->error_log, qr/\[(?:warn|error)\]/,
        'nothing is logged as a warning or an error');
}

$one->update('acct_1', 'ok');
is($node[$owner]->state_of('acct_1'), 'running', 'an update is stored there');
ok(wait_for { gate($two, 'acct_1') == 503 } 'the other gateway knows of it');

# ---- the slot is moved to another node, key by key ----

my $from = $node[$owner];
my $to   = $node[$second];

$to->cli('CLUSTER', 'SETSLOT', $slot, 'IMPORTING', $from->{id});
$from->cli('CLUSTER', 'SETSLOT', $slot, 'MIGRATING', $to->{id});

sub move_keys {
    my (@keys) = @_;

    for my $key (@keys) {
        like($from->cli('MIGRATE', '127.0.0.1', $to->port, $key, 0, 10_000),
            qr/OK|NOKEY/, "$key is moved");
    }

    return;
}

move_keys('{reauth}:a:acct_1', '{reauth}:active');

$one->update('acct_2', 'ok');
is(gate($one, 'acct_2'), 503, 'an update meanwhile is gated');
ok(wait_for { readyz($one)->{status} eq 'degraded' } 'the gateway is degraded');
ok(wait_for { readyz($one)->{reason} =~ /Redis Cluster/ }
    'the reason of the degradation names the Redis Cluster');

# the stream moves under the eyes of those who follow it

move_keys('{reauth}:events');

ok(wait_for { $two->error_log =~ /keys are being moved to/ }
    'the follower asks the other node');
is(gate($_, 'acct_1'), 503, 'the gate stays closed') for $one, $two;

# what the new owner says by then is heard

my $record = $to->cli('-c', 'GET', '{reauth}:a:acct_1');

move_keys($from->cli('CLUSTER', 'GETKEYSINSLOT', $slot, 1000));
$_->cli('CLUSTER', 'SETSLOT', $slot, 'NODE', $to->{id}) for $to, $from, $node[$third];

for my $gateway ($one, $two) {
    ok(wait_for { readyz($gateway)->{status} eq 'ready' }
        'the gateway is ready after the failover');
    is(gate($gateway, 'acct_1'), 503, 'the gate is closed still');
    ok(wait_for { gate($gateway, 'acct_2') == 503 }
        'the gate of the update during the failover is closed');
}

ok(wait_for { $to->state_of('acct_2') eq 'running' }
    'the update during the failover is stored by the new node');

# ---- the node dies, its replica takes over ----

$to->stop;
$one->update('acct_3', 'ok');
is(gate($one, 'acct_3'), 503, 'an update meanwhile is gated');

my $heir = $node[ $second + 3 ];

ok(wait_for { $heir->cli('ROLE') =~ /^master/ } 'the replica is promoted');

my $start = time;

for my $gateway ($one, $two) {
    ok(wait_for { readyz($gateway)->{status} eq 'ready' }
        'the gateway is ready after the slot has moved');
    is(gate($gateway, $_), 503, "the gate of $_ is closed")
        for qw(acct_1 acct_2);
    ok(wait_for { gate($gateway, 'acct_3') == 503 }
        'the gate of the update during the move is closed');
}

diag(sprintf 'ready %.1f s after the promotion', time - $start);

ok(wait_for { $heir->state_of('acct_3') eq 'running' }
    'the update during the move is stored by the new node');

done_testing();
