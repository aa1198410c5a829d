# The name of a Redis is resolved again at each connect, by nginx's resolver: it
# may move, as names of managed services do in a failover.

use strict;
use warnings;

use IO::Socket::INET;
use Test::More;
use Reauth::Test redis => 0, sandbox_options => ['--hold'];
use Reauth::Redis;

# 127.0.0.2 is another server with the same port

my $one = Reauth::Redis->start;
my $two = Reauth::Redis->start(host => '127.0.0.2', port => $one->port);

my $dns = IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.1')
    or die "udp: $!\n";
my $answer = work_dir() . '/address';

# a name server that knows one name: A records only, for a second

my $pid = fork // die "fork: $!\n";

if ($pid == 0) {
    while (defined $dns->recv(my $query, 512)) {
        my ($id, $question) = unpack 'a2 x10 a*', $query;
        my ($name, $type) = $question =~ /\A((?:[^\0]+)\0)(..)/s or next;
        my $address = Reauth::Test::slurp($answer);
        my $known = $address && $type eq "\0\1";
        my $code = !$address ? 3 : 0;

        $dns->send($id . pack('n5', 0x8180 | $code, 1, $known ? 1 : 0, 0, 0)
            . $name . $type . "\0\1"
            . ($known ? pack('n3 N n a4', 0xC00C, 1, 1, 1, 4,
                pack 'C4', split /[.]/, $address) : ''));
    }
    exit 0;
}

my $resolver = 'resolver 127.0.0.1:' . $dns->sockport . ' ipv6=off valid=1s;';

sub readyz {
    my ($gateway) = @_;

    return $gateway->http('GET', '/reauth/readyz')->{json};
}

# ---- a name that nobody knows when nginx starts ----

my $gateway = gateway(
    without     => ['ready'],
    http_config => "$resolver reauth_redis redis://redis.example:"
        . $one->port . ' timeout=2s;');

ok(wait_for {
    $gateway->error_log =~ /the name of this host cannot be resolved: /
} 'the log says that the name is not known');
ok(wait_for { readyz($gateway)->{status} eq 'degraded' }
    'the gateway starts without an address and is degraded');

Reauth::Test::write_file($answer, '127.0.0.1');
ok(wait_for { readyz($gateway)->{status} eq 'ready' } 'the name is known: ready');
$gateway->update('acct_1', 'ok');
is($one->state_of('acct_1'), 'running', 'an update is stored there');

# ---- it moves ----

Reauth::Test::write_file($answer, '127.0.0.2');
$one->cli('REPLICAOF', '127.0.0.2', $two->port);
$gateway->update('acct_2', 'ok');
ok(wait_for { $two->state_of('acct_2') eq 'running' }
    'the name has moved: an update is stored at the other server');
ok(wait_for { $two->state_of('acct_1') eq 'running' }
    'an older attempt is stored by the other server');
ok(wait_for { readyz($gateway)->{status} eq 'ready' }
    'the gateway is ready with the new address');

kill 'TERM', $pid;
waitpid $pid, 0;

# ---- without the name server, what the system knows is used ----

my $local = gateway(name => 'local', http_config => 'resolver 127.0.0.1:'
    . $dns->sockport . ' ipv6=off; reauth_redis redis://localhost:'
    . $one->port . ' timeout=2s;', without => ['ready']);

ok(wait_for { $local->error_log =~ /connecting to redis 127\.0\.0\.1|is a replica/ }
    'localhost is connected to');

done_testing();
