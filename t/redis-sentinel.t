# Sentinels name the primary: it is asked for at each connect, and followed when
# another one is promoted, because the old one was killed, has stopped, or is
# cut off and still accepts writes.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);
use Reauth::Test redis => 0, sandbox_options => ['--hold'];
use Reauth::Redis;

# Sentinels and replicas have a user, so that a server can refuse them only

my @users = ('user sentinel on >sentinel ~* &* +@all', 'masteruser sentinel',
    'masterauth sentinel');

my $primary  = Reauth::Redis->start(lines => \@users);
my @replicas = map {
    Reauth::Redis->start(
        lines => [@users, 'replicaof 127.0.0.1 ' . $primary->port])
} 1 .. 2;
my @sentinels = Reauth::Redis->sentinels($primary, lines => [
    'sentinel auth-user main sentinel', 'sentinel auth-pass main sentinel']);
my @servers   = ($primary, @replicas);


# What most Sentinels say, and that they agree.

sub named {
    my %name;

    $name{ ($_->cli('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'main'))[1] }++
        for @sentinels;

    my ($port) = grep { $name{$_} == @sentinels } keys %name;

    return $port && (grep { $_->port == $port } @servers)[0];
}


sub agreed {
    return wait_for {
        !grep { $_->cli('SENTINEL', 'MASTER', 'main')
            !~ /^num-slaves\n2\nnum-other-sentinels\n2$/m } @sentinels
    } 'the Sentinels know all servers';
}


sub start_with {
    my ($name, @sentinels) = @_;

    return gateway(name => $name, http_config => 'reauth_redis redis-sentinel://'
        . join(',', map { $_->address } @sentinels) . '/main timeout=2s;');
}


sub readyz {
    my ($gateway) = @_;

    return $gateway->http('GET', '/reauth/readyz')->{json};
}


ok(agreed(), 'three Sentinels know a primary and two replicas');

my $one = start_with('one', @sentinels);
my $two = start_with('two', reverse @sentinels);
my $accounts = 0;


# An update while there is no primary: gated at once where it was made, and
# everywhere when there is one.

sub promoted {
    my ($how, $old) = @_;

    my $account = 'acct_' . ++$accounts;

    $one->update($account, 'ok');
    is($one->http('GET', "/reauth/gate/$account")->{status}, 503,
        "$how: an update meanwhile is gated");

    my $new;

    # without it, the commands below would wait for a stopped server

    ok(wait_for { $new = named(); $new && $new != $old }
        "$how: a replica is promoted") or die "no failover\n";

    my $start = time;

    for my $gateway ($one, $two) {
        ok(wait_for { readyz($gateway)->{status} eq 'ready' }
            "$how: the gateway is ready again");
        ok(wait_for {
            $gateway->http('GET', "/reauth/gate/$account")->{status} == 503
        } "$how: the update is known");
    }

    diag(sprintf '%s: ready %.1f s after the promotion', $how, time - $start);

    # one that is cut off may still get it, and is left then

    ok(wait_for { $new->state_of($account) eq 'running' }
        "$how: the update is stored by the new primary");

    for my $before (1 .. $accounts) {
        is($_->http('GET', "/reauth/gate/acct_$before")->{status}, 503,
            "$how: the gate of acct_$before is closed") for $one, $two;
    }

    return $new;
}


$one->update('acct_' . ++$accounts, 'ok');
is($primary->state_of('acct_1'), 'running', 'an update is stored at the primary');
ok(wait_for { $two->http('GET', '/reauth/gate/acct_1')->{status} == 503 }
    'an update is known to the other gateway');
unlike($_->error_log, qr/\[(?:warn|error)\]/,
    'nothing is logged as a warning or an error')
    for $one, $two;

# ---- killed ----

$primary->stop;
my $second = promoted('killed', $primary);
$primary->run;
ok(agreed(), 'a killed primary is a replica when it is back');

# ---- stopped: it takes connections, and says nothing ----

$second->pause;
my $third = promoted('stopped', $second);
$second->resume;
ok(agreed(), 'a stopped primary is a replica when it continues');

# ---- cut off from Sentinels and replicas alone: it still accepts writes ----

$third->cli('ACL', 'SETUSER', 'default', qw(-ping -info -psync -subscribe));
$third->cli('ACL', 'SETUSER', 'sentinel', 'off');
$third->cli('CLIENT', 'KILL', 'USER', 'sentinel');
my $fourth = promoted('cut off', $third);
like($third->cli('ROLE'), qr/^master/,
    'the primary that is cut off is still a primary');
is($third->cli('SET', 'written', 'yes'), 'OK',
    'the primary that is cut off accepts writes');
ok(wait_for {
    !grep { $_->error_log !~ /Sentinel names another primary/ } $one, $two
} 'the gateways have left the primary that is cut off');

done_testing();
