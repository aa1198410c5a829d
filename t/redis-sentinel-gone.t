# The Sentinels are gone and the primary is there: a failover would not be
# noticed, which readyz and a metric report.  While one Sentinel responds, nothing
# is reported.

use strict;
use warnings;

use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(sleep);

use Reauth::Redis;
use Reauth::Test redis => 0, sandbox_options => ['--hold'];

my $primary   = Reauth::Redis->start;
my @sentinels = Reauth::Redis->sentinels($primary);

my $gateway = gateway(
    workers     => 2,
    http_config => 'reauth_redis redis-sentinel://'
        . join(',', map { $_->address } @sentinels) . '/main timeout=10s;',
    config      => 'location = /reauth/metrics { reauth_metrics; }',
);

sub reasons {
    my ($gateway) = @_;

    return join ' | ',
        @{ $gateway->http('GET', '/reauth/readyz')->{json}{reasons} };
}

sub metric {
    my ($gateway) = @_;

    return $gateway->http('GET', '/reauth/metrics')->{body}
        =~ /^reauth_degraded\{reason="redis_sentinel"\} (\d)$/m ? $1 : undef;
}

ok(wait_for { reasons($gateway) eq '' } 'the gateway is ready with Sentinels');

# The kernel drops what arrives for a port whose connections are not accepted, as
# a host that is down does.

my @full;

sub unreachable {
    my $listen = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1')
        or die "listen: $!\n";

    push @full, $listen, map {
        IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $listen->sockport,
            Blocking => 0)
    } 1 .. 4;

    return '127.0.0.1:' . $listen->sockport;
}

my $patient = gateway(
    name        => 'patient',
    http_config => 'reauth_redis redis-sentinel://'
        . join(',', $sentinels[2]->address, unreachable(), unreachable())
        . '/main timeout=6s;',
);

# ---- one of three responds ----

$_->stop for @sentinels[0, 1];

my ($until, $steady) = (time + 24, 1);

while (time < $until) {
    sleep 0.2;
    $steady &&= reasons($patient) eq '';
}

ok(wait_for { reasons($gateway) eq '' }
    'the gateway is ready while one Sentinel responds');
ok($steady, 'a gateway is ready while the other Sentinels are tried for long');
$patient->stop;

# ---- none ----

$sentinels[2]->stop;

ok(wait_for { reasons($gateway) eq 'no Sentinel names a primary, or the server is a'
    . ' Sentinel: a failover may not be noticed'
} 'readyz reports that a failover may not be noticed')
    or diag(reasons($gateway));
ok(wait_for { metric($gateway) == 1 } 'the metric reports that Sentinels are missing');
ok(wait_for { $gateway->error_log =~ /\[error\] .*connecting to sentinel / }
    'the connection to Sentinels that fails is logged as an error');

is($gateway->update('acct_1', 'ok')->{status}, 200,
    'an update without Sentinels is accepted');
ok(wait_for { $primary->state_of('acct_1') eq 'running' }
    'an update without Sentinels is written to the primary');

$sentinels[1]->run;
ok(wait_for { reasons($gateway) eq '' } 'the gateway is ready with a Sentinel');
ok(wait_for { metric($gateway) == 0 } 'the metric reports no missing Sentinels');

done_testing();
