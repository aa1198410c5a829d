# Redis rejects writes, or all commands, in each way of a real server: readyz
# reports the reason, gates and polls use the gateway's own data, and records
# are written when Redis accepts them again, without a reload.

use strict;
use warnings;

use POSIX ();
use Test::More;
use Reauth::Test sandbox_options => ['--hold'];

my $gateway = gateway(
    config => 'reauth_poll on /upstream interval=200ms max_interval=200ms'
        . ' rate=1000r/m; location = /reauth/metrics { reauth_metrics; }',
);


sub readyz { return $gateway->http('GET', '/reauth/readyz')->{json}; }


sub metric {
    my ($reason) = @_;

    my ($value) = $gateway->http('GET', '/reauth/metrics')->{body}
        =~ /^reauth_degraded\{reason="$reason"\} (\d)$/m;

    return $value;
}


sub state_of {
    my ($account) = @_;

    return $gateway->http('GET', "/reauth/accounts/$account")->{json}{state}
        // '';
}


sub redis_log {
    return join '', grep { /redis: / } split /^/, $gateway->error_log;
}


# "break" and "mend" change the running Redis.

sub refuses {
    my (%case) = @_;

    my ($what, $name) = @case{qw(what name)};

    (my $account = "acct_$name") =~ s/redis_//;

    $case{break}->();

    ok(wait_for { readyz()->{status} eq 'degraded' },
        "$what: readyz is degraded before anything is written");
    ok(wait_for { (readyz()->{reason} // '') =~ $case{reason} },
        "$what: readyz reports the reason") or diag explain readyz();

    my $ready = readyz();

    is($ready->{reason}, $ready->{reasons}[0],
        "$what: the reason is the first one");
    is(metric($name), 1, "$what: the metric of the reason is 1");

    is($gateway->update($account, 'otp')->{status}, 200,
        "$what: an update is passed on");
    is($gateway->http('GET', "/api/$account/me")->{status}, 503,
        "$what: calls of the account are refused");

    sandbox('POST', "/step/$account") for 1 .. 2;
    ok(wait_for { state_of($account) eq 'needs_otp' },
        "$what: polls go on");

    is(readyz()->{status}, 'degraded', "$what: degraded all the time");

    $case{mend}->();

    # a gateway that reads all accounts again is degraded meanwhile

    ok(wait_for { ($ready = readyz())->{status} eq 'ready' },
        "$what: readyz is ready afterwards")
        or diag explain $ready;
    is_deeply($ready->{reasons}, [],
        "$what: readyz has no reasons afterwards");
    is(metric($name), 0, "$what: the metric of the reason is 0 afterwards");
    ok(wait_for { stored($account, 'state') eq 'needs_otp'
        || stored($account, 'needs') eq 'otp' },
        "$what: the pending change is written")
        or diag explain stored($account);

    return;
}


# the number of scripts run that change data

sub probes {
    return redis_cli('INFO', 'commandstats') =~ /cmdstat_evalsha:calls=(\d+)/
        ? $1 : 0;
}


sub config { return redis_cli('CONFIG', 'SET', @_); }


is(readyz()->{status}, 'ready', 'readyz is ready at first');
is_deeply(readyz()->{reasons}, [], 'readyz has no reasons at first');

refuses(
    what   => 'out of memory',
    name   => 'redis_out_of_memory',
    reason => qr/out of memory \(OOM\)/,
    break  => sub { config('maxmemory', 1) },
    mend   => sub { config('maxmemory', 0) },
);

refuses(
    what   => 'too few replicas',
    name   => 'redis_few_replicas',
    reason => qr/too few replicas \(NOREPLICAS\)/,
    break  => sub { config('min-replicas-to-write', 1) },
    mend   => sub { config('min-replicas-to-write', 0) },
);

# a directory with the name of its dump file

my $dump = work_dir() . '/dump.rdb';

refuses(
    what   => 'saving fails',
    name   => 'redis_not_saving',
    reason => qr/cannot save its data to disk \(MISCONF\)/,
    break  => sub {
        mkdir $dump or die "$dump: $!\n";
        config('save', '3600 1');
        wait_for {
            redis_cli('BGSAVE');
            redis_cli('INFO', 'persistence') =~ /last_bgsave_status:err/;
        };
    },
    mend   => sub {
        rmdir $dump or die "$dump: $!\n";
        wait_for {
            redis_cli('BGSAVE');
            redis_cli('INFO', 'persistence') =~ /last_bgsave_status:ok/;
        };
        config('save', '');
    },
);

refuses(
    what   => 'a replica',
    name   => 'redis_replica',
    reason => qr/is a replica \(READONLY\)/,
    break  => sub { redis_cli('REPLICAOF', '127.0.0.1', free_port()) },
    mend   => sub { redis_cli('REPLICAOF', 'NO', 'ONE') },
);

refuses(
    what   => 'a right is missing',
    name   => 'redis_rights',
    reason => qr/lacks a right \(NOPERM\)/,
    break  => sub { redis_cli('ACL', 'SETUSER', 'gateway', '-set') },
    mend   => sub { redis_cli('ACL', 'SETUSER', 'gateway', '+set') },
);

# a change requires more than one right

redis_cli('ACL', 'SETUSER', 'gateway', '-xadd');
$gateway->update('acct_xadd', 'ok');
ok(wait_for { (readyz()->{reason} // '') =~ /NOPERM/ },
    'readyz reports that XADD is not permitted');

my $lines = () = redis_log() =~ /writes are accepted again/g;
my $probes = probes();
ok(wait_for { probes() > $probes + 3 }, 'three more probes are sent');
is(readyz()->{status}, 'degraded',
    'the gateway is still degraded after three probes');
is(scalar(() = redis_log() =~ /writes are accepted again/g), $lines,
    'probes do not report that writes are accepted');

redis_cli('ACL', 'SETUSER', 'gateway', '+xadd');
ok(wait_for { readyz()->{status} eq 'ready' }, 'allowed again: ready');
ok(wait_for { stored('acct_xadd', 'state') eq 'running' },
    'the record is written when XADD is permitted again');

# polls that cannot be shared are sent by this gateway

redis_cli('ACL', 'SETUSER', 'gateway', '-zrangebyscore');
ok(wait_for { (readyz()->{reason} // '') =~ /NOPERM\).*polls are not shared/ },
    'readyz reports that ZRANGEBYSCORE is not permitted')
    or diag explain readyz();
$gateway->update('acct_polled', 'otp');
sandbox('POST', '/step/acct_polled') for 1 .. 2;
ok(wait_for { state_of('acct_polled') eq 'needs_otp' }, 'polls go on');
redis_cli('ACL', 'SETUSER', 'gateway', '+zrangebyscore');
ok(wait_for { readyz()->{status} eq 'ready' }, 'allowed again: ready');

# a script of another client that does not end, and is killed

config('busy-reply-threshold', 50);

my $busy;

refuses(
    what   => 'busy',
    name   => 'redis_busy',
    reason => qr/script that does not end \(BUSY\)/,
    break  => sub {
        $busy = fork // die "fork: $!\n";
        if ($busy == 0) {
            redis_cli('EVAL', 'while true do end', 0);
            POSIX::_exit(0);
        }
    },
    mend   => sub {
        redis_cli('SCRIPT', 'KILL');
        waitpid $busy, 0;
    },
);

# it loads its data slowly

config('rdbcompression', 'no');
redis_cli('EVAL', 'for i = 1, 5000 do redis.call("SET", "x" .. i, '
    . 'string.rep("x", 1024)) end', 0);
redis_cli('SAVE');

refuses(
    what   => 'loading',
    name   => 'redis_loading',
    reason => qr/loading its data \(LOADING\)/,
    break  => sub {
        redis_stop();
        my $conf = work_dir() . '/redis.conf';
        Reauth::Test::write_file($conf, Reauth::Test::slurp($conf)
            . "key-load-delay 20000\n"
            . "loading-process-events-interval-bytes 1024\n");
        redis_start();
    },
    mend   => sub { config('key-load-delay', 0) },
);

# a node of a cluster with slots that are not served

refuses(
    what   => 'a cluster',
    name   => 'redis_cluster',
    reason => qr/Cluster .*CLUSTERDOWN/,
    break  => sub {
        redis_stop();
        my $conf = work_dir() . '/redis.conf';
        my $text = Reauth::Test::slurp($conf);
        $text =~ s/^key-load.*\n|^loading-.*\n//mg;
        unlink $dump;
        Reauth::Test::write_file($conf, $text . "cluster-enabled yes\n"
            . 'cluster-port ' . free_port() . "\n"
            . "cluster-config-file nodes-$$.conf\n");
        redis_start();
    },
    mend   => sub { redis_cli('CLUSTER', 'ADDSLOTSRANGE', 0, 16383) },
);

like($gateway->error_log, qr/redis: (?:writes are rejected|failed to write a change): OOM /,
    'the log has what Redis said');
like($gateway->error_log, qr/redis: writes are accepted again/,
    'the log says that writes are accepted again');

done_testing();
