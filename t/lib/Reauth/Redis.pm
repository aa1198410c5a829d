package Reauth::Redis;

# More servers of Redis than the one of Reauth::Test: replicas, Sentinels, a
# Cluster.  To be used after Reauth::Test, whose "redis => 0" leaves that one
# out.  They end with the test.

use strict;
use warnings;

use Reauth::Ports ();

my $count = 0;


# start(lines => [...], sentinel => 1, program => 'valkey-server'): lines of its
# configuration file beside those that all have.

sub start {
    my ($class, %argument) = @_;

    my $number = $count++;
    my $self   = bless {
        name    => "redis$number",
        host    => $argument{host} // '127.0.0.1',
        port    => $argument{port} // Reauth::Ports::free_port(),
        program => $argument{program} // 'redis-server',
        options => $argument{sentinel} ? ['--sentinel'] : [],
        cli     => $argument{cli} // [],
    }, $class;

    $self->{dir} = Reauth::Test::work_dir() . "/$self->{name}";
    mkdir $self->{dir} or die "mkdir $self->{dir}: $!\n";

    my @lines = $argument{sentinel} ? ()
        : ('save ""', 'appendonly no', 'repl-diskless-sync-delay 0');

    unshift @lines, "port $self->{port}"
        if !grep { /\A(?:tls-)?port / } @{ $argument{lines} // [] };

    $self->{conf} = Reauth::Test::write_file("$self->{dir}/redis.conf", join '',
        map {"$_\n"} "bind $self->{host}", "dir $self->{dir}", 'daemonize no', @lines,
        @{ $argument{lines} // [] });

    return $self->run;
}


sub run {
    my ($self) = @_;

    $self->{pid} = Reauth::Test::spawn($self->{name}, $self->{port},
        $self->{program}, $self->{conf}, @{ $self->{options} });

    return $self;
}


sub port { return $_[0]{port}; }


sub address { return "$_[0]{host}:$_[0]{port}"; }


# A kill, nothing is kept; run() starts it again.

sub stop { return Reauth::Test::reap($_[0]{name}, 'KILL'); }


sub pause  { return kill 'STOP', $_[0]{pid}; }
sub resume { return kill 'CONT', $_[0]{pid}; }


# redis-cli; in list context the lines of the answer.

sub cli {
    my ($self, @arguments) = @_;

    open my $out, '-|', 'redis-cli', '-h', $self->{host}, '-p', $self->{port},
        @{ $self->{cli} }, @arguments
        or die "redis-cli cannot be run: $!\n";
    my @lines = <$out>;
    close $out;
    chomp @lines;

    return wantarray ? @lines : join "\n", @lines;
}


# The state of an account, as this server has it.

sub state_of {
    my ($self, $account) = @_;

    my ($state) = $self->cli('GET', "{reauth}:a:$account") =~ /^state (\w+)/m;

    return $state // '';
}


# Three Sentinels that watch the primary as "main".  With shorter times, a busy
# server is taken for one that is down, and a failover is given up.

sub sentinels {
    my ($class, $primary, %argument) = @_;

    return map {
        $class->start(
            sentinel => 1,
            cli      => $argument{cli},
            lines    => [
                'sentinel monitor main 127.0.0.1 ' . $primary->port . ' 2',
                'sentinel down-after-milliseconds main 2000',
                'sentinel failover-timeout main 10000',
                @{ $argument{lines} // [] },
            ],
        )
    } 1 .. 3;
}


# A Cluster of three primaries with a replica each; the first three are the
# primaries.

sub cluster {
    my ($class) = @_;

    my @node = map {
        $class->start(lines => [
            'cluster-enabled yes',
            'cluster-port ' . Reauth::Ports::free_port(),
            'cluster-node-timeout 1500',
        ])
    } 1 .. 6;

    my @range = ([0, 5460], [5461, 10922], [10923, 16383]);

    for my $n (0 .. 5) {
        my ($bus) = Reauth::Test::slurp($node[$n]{conf}) =~ /cluster-port (\d+)/;

        $node[$n]{bus} = $bus;
        $node[$n]->cli('CLUSTER', 'SET-CONFIG-EPOCH', $n + 1);
        $node[$n]->cli('CLUSTER', 'ADDSLOTSRANGE', @{ $range[$n] }) if $n < 3;
        $node[0]->cli('CLUSTER', 'MEET', '127.0.0.1', $node[$n]->port, $bus)
            if $n > 0;
        $node[$n]{id} = $node[$n]->cli('CLUSTER', 'MYID');
    }

    for my $n (3 .. 5) {
        Reauth::Test::wait_for {
            $node[$n]->cli('CLUSTER', 'REPLICATE', $node[ $n - 3 ]{id}) eq 'OK'
        } 'a replica knows its primary';
    }

    Reauth::Test::wait_for {
        !grep { $_->cli('CLUSTER', 'INFO') !~ /cluster_state:ok/
            || (() = $_->cli('CLUSTER', 'NODES') =~ /slave /g) != 3 } @node
    } 'the cluster';

    return @node;
}


# Which node has the keys: its number, or undef.

sub owner {
    my ($class, @node) = @_;

    for my $n (0 .. $#node) {
        my $answer = $node[$n]->cli('SET', '{reauth}:owner', '1');
        return $n if $answer eq 'OK';
    }

    return;
}

1;
