package Chaos::Machines;

# Machines in network namespaces: each has an address on the switch, where
# faults happen, and one on a link to this process, where none do.  All of it
# ends with this process, which is the first of a PID namespace.

use strict;
use warnings;

use IO::Handle ();
use POSIX qw(WNOHANG);
use Time::HiRes qw(sleep time);


# Names in the order of their ports of the switch.

sub start {
    my ($class, %argument) = @_;

    my $self = bless {
        dir   => $argument{dir},
        names => $argument{names},
        cuts  => {},
    }, $class;

    my $count = 0;
    $self->{number}{$_} = $count++ for @{ $self->{names} };

    $SIG{CHLD} = sub { 1 while waitpid(-1, WNOHANG) > 0 };

    run(qw(ip link set lo up));
    $self->start_switch($argument{switch});
    $self->start_machine($_) for @{ $self->{names} };

    return $self;
}


sub start_switch {
    my ($self, $program) = @_;

    pipe my $read, $self->{commands} or die "pipe: $!\n";
    $self->{commands}->autoflush(1);

    open my $log, '>', "$self->{dir}/switch.log" or die "switch.log: $!\n";

    child($read, $log, $program,
        map {"store$self->{number}{$_}"} @{ $self->{names} });

    wait_for(sub { -s "$self->{dir}/switch.log" }, 'the switch');

    return;
}


sub start_machine {
    my ($self, $name) = @_;

    my $number = $self->{number}{$name};
    my $pid    = child(undef, undef, qw(unshare --net sleep infinity));

    $self->{pid}{$name} = $pid;

    my $own = readlink '/proc/self/ns/net';

    wait_for(sub { (readlink("/proc/$pid/ns/net") // $own) ne $own },
        "namespace of $name");

    my $far  = "far$number";
    my $near = "near$number";

    run('ip', 'link', 'set', "store$number", 'netns', $pid);
    run('ip', 'link', 'add', $near, 'type', 'veth', 'peer', 'name', $far);
    run('ip', 'link', 'set', $far, 'netns', $pid);
    run('ip', 'address', 'add', $self->near($name) . '/30', 'dev', $near);
    run('ip', 'link', 'set', $near, 'up');

    my @inside = (
        [qw(ip link set lo up)],
        [qw(ip link set), "store$number", 'address',
            sprintf '02:00:00:00:00:%02x', $number],
        [qw(ip address add), $self->address($name) . '/24', 'dev', "store$number"],
        [qw(ip link set), "store$number", 'up'],
        [qw(ip address add), $self->far($name) . '/30', 'dev', $far],
        [qw(ip link set), $far, 'up'],
    );

    run($self->inside($name), @$_) for @inside;

    return;
}


# On the switch; and on both ends of the link.

sub address { return '10.78.0.' . (1 + $_[0]{number}{ $_[1] }); }
sub near    { return "10.79.$_[0]{number}{$_[1]}.1"; }
sub far     { return "10.79.$_[0]{number}{$_[1]}.2"; }


sub inside {
    my ($self, $name) = @_;

    return ('nsenter', "--net=/proc/$self->{pid}{$name}/ns/net", '--');
}


# A process on a machine; its output is appended to a file.

sub launch {
    my ($self, $name, $log, @command) = @_;

    open my $out, '>>', $log or die "$log: $!\n";

    return child(undef, $out, $self->inside($name), @command);
}


# Those that run on a machine, but for the one that keeps its namespace.

sub processes {
    my ($self, $name) = @_;

    my $keeper = $self->{pid}{$name};
    my $own    = readlink "/proc/$keeper/ns/net";

    return grep { $_ != $keeper && (readlink("/proc/$_/ns/net") // '') eq $own }
        map { m{/(\d+)\z} ? $1 : () } glob '/proc/[0-9]*';
}


# Both ways: a delay in ms, and so many of 1000 frames lost.

sub pair {
    my ($self, $one, $two, $delay, $loss) = @_;

    print { $self->{commands} } join(' ', 'pair',
        @{ $self->{number} }{ $one, $two }, $delay, $loss), "\n";

    return;
}


sub heal {
    my ($self) = @_;

    my @names = @{ $self->{names} };

    for my $one (@names) {
        $self->pair($one, $_, 0, 0) for grep { $_ gt $one } @names;
    }

    return;
}


sub child {
    my ($in, $out, @command) = @_;

    my $pid = fork // die "fork: $!\n";

    return $pid if $pid != 0;

    setpgrp;
    chdir '/';

    open my $null, '+<', '/dev/null' or POSIX::_exit(126);
    open STDIN,  '<&', $in  // $null or POSIX::_exit(126);
    open STDOUT, '>&', $out // $null or POSIX::_exit(126);
    open STDERR, '>&', \*STDOUT      or POSIX::_exit(126);

    exec @command or POSIX::_exit(127);
}


sub run {
    my (@command) = @_;

    # the handler of SIGCHLD would take the status of "system"

    local $SIG{CHLD} = 'DEFAULT';

    system(@command) == 0 or die "@command failed\n";

    return;
}


sub wait_for {
    my ($condition, $what) = @_;

    my $end = time + 60;

    until ($condition->()) {
        die "waited a minute for $what\n" if time > $end;
        sleep 0.02;
    }

    return;
}

1;
