package Bench::Process;

# The measured processes, on cores of their own: each is started here and
# stopped at the end, by its PID.

use strict;
use warnings;

use Exporter 'import';

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Path qw(make_path remove_tree);
use IO::Socket::INET;
use POSIX qw(sysconf _SC_CLK_TCK WNOHANG);
use Time::HiRes qw(sleep time);

our @EXPORT_OK = qw($root $build $gateway_core $load_core await await_port cpu
    fresh_dir port read_file rss spawn stop stop_all template worker workers
    write_file);

our $root  = abs_path(dirname(__FILE__) . '/../../..');
our $build = "$root/build/bench";

# one core for the measured process, one for all others
our ($gateway_core, $load_core) = (0, 1);

my %running;


sub read_file {
    my ($path) = @_;

    open my $in, '<', $path or die "$path: $!\n";
    local $/ = undef;
    my $text = <$in>;
    close $in;

    return $text;
}


sub write_file {
    my ($path, $text) = @_;

    open my $out, '>', $path or die "$path: $!\n";
    print {$out} $text;
    close $out or die "$path: $!\n";

    return $path;
}


sub fresh_dir {
    my ($name) = @_;

    my $dir = "$build/run/$name";
    remove_tree($dir);
    make_path($dir);

    return $dir;
}


sub template {
    my ($name, $dir, %value) = @_;

    my $text = read_file("$root/bench/conf/$name");
    $text =~ s/@([A-Z0-9_]+)@/$value{$1} \/\/ die "$name: no $1\n"/ge;

    return write_file("$dir/$name", $text);
}


my %picked;

# a port that was not returned before: the kernel may return one again

sub port {
    while (1) {
        my $socket = IO::Socket::INET->new(Listen => 1,
            LocalAddr => '127.0.0.1') or die "no free port: $!\n";

        return $socket->sockport if !$picked{ $socket->sockport }++;
    }
}


sub spawn {
    my ($core, $log, @command) = @_;

    my $pid = fork // die "fork: $!\n";

    if ($pid == 0) {
        open STDIN,  '<',  '/dev/null';
        open STDOUT, '>>', $log;
        open STDERR, '>>', $log;
        exec 'taskset', '-c', $core, @command or POSIX::_exit(127);
    }

    $running{$pid} = $log;

    return $pid;
}


sub stop {
    my ($pid, $signal) = @_;

    return if !defined delete $running{$pid};

    kill $signal // 'TERM', $pid;

    for (1 .. 100) {
        return if waitpid($pid, WNOHANG) == $pid;
        sleep 0.05;
    }

    kill 'KILL', $pid;
    waitpid $pid, 0;

    return;
}


sub stop_all {
    stop($_) for keys %running;

    return;
}


# Waits until the condition is true, at most for the specified seconds.

sub await {
    my ($what, $seconds, $true) = @_;

    my $end = time + $seconds;

    while (time < $end) {
        my $value = $true->();
        return $value if $value;
        sleep 0.01;
    }

    die "$what did not happen within $seconds s\n";
}


sub await_port {
    my ($pid, $port) = @_;

    return await("listening on port $port", 120, sub {
        die "a process ended at once:\n", read_file($running{$pid})
            if waitpid($pid, WNOHANG) == $pid;
        return IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                     PeerPort => $port);
    });
}


# the workers of nginx

sub workers {
    my ($master, $count) = @_;

    my $pids = await("$count workers", 10, sub {
        my @pid = split ' ', read_file("/proc/$master/task/$master/children");
        return @pid >= $count ? \@pid : undef;
    });

    return @$pids;
}


# the only one

sub worker {
    my ($master) = @_;

    return (workers($master, 1))[0];
}


# processor time in seconds, user and system, of all threads

sub cpu {
    my (@pids) = @_;

    my $ticks = 0;

    for my $pid (@pids) {
        my @field = split ' ', read_file("/proc/$pid/stat") =~ s/^.*\) //r;
        $ticks += $field[11] + $field[12];
    }

    return $ticks / sysconf(_SC_CLK_TCK);
}


# resident memory in bytes; includes the used part of nginx's shared memory

sub rss {
    my ($pid, $kind) = @_;

    my ($kb) = read_file("/proc/$pid/status")
        =~ (($kind // '') eq 'private' ? qr/^RssAnon:\s+(\d+)/m
                                       : qr/^VmRSS:\s+(\d+)/m);

    return $kb * 1024;
}

END {
    my $status = $?;
    stop_all();
    $? = $status;
}

$SIG{HUP} = $SIG{INT} = $SIG{TERM} = sub { exit 130 };

1;
