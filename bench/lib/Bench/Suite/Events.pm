package Bench::Suite::Events;

# Event streams: what many listeners cost while accounts change, and what
# ordinary calls notice.  The changes are those of another gateway, which this
# one reads from Redis.

use strict;
use warnings;

use IO::Select ();
use IO::Socket::INET ();
use POSIX ();
use Time::HiRes qw(sleep time);

use Bench::Accounts qw(command record);
use Bench::Client ();
use Bench::Gateways qw(proxy ready redis);
use Bench::Process qw($load_core cpu);
use Bench::Report qw(publish table);
use Bench::Requests qw(%request);

# streams of one process: select() is limited to 1,024 descriptors
my $share = 250;

# ordinary calls a second, whose time is measured
my $calls = 200;

my @children;


# A child on the core of the load.  It writes a line when it is asked to end.

sub child {
    my ($work) = @_;

    pipe my $read, my $write or die "pipe: $!\n";

    my $parent = $$;
    my $pid    = fork // die "fork: $!\n";

    if (!$pid) {
        my $end = 0;

        system "taskset -cp $load_core $$ >/dev/null";
        local $SIG{TERM} = sub { $end = 1 };

        # also if the parent was killed
        my $line = eval {
            $work->(sub { $end || getppid != $parent }, $write)
        } // $@;

        syswrite $write, "$line\n";
        POSIX::_exit(0);
    }

    push @children, $pid;

    return { pid => $pid, read => $read };
}


sub finish {
    my ($child) = @_;

    kill 'TERM', $child->{pid};
    my $line = readline $child->{read};
    waitpid $child->{pid}, 0;
    @children = grep { $_ != $child->{pid} } @children;

    chomp $line;

    return $line;
}


# Reads so many streams; counts the events of the first one, and the bytes of
# all.

sub listen_to {
    my ($port, $count, $ended, $write) = @_;

    my $select = IO::Select->new;
    my ($events, $bytes, $first) = (0, 0);

    for (1 .. $count) {
        my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
            PeerPort => $port) or die "cannot connect: $!\n";

        syswrite $socket,
            "GET /reauth/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
        # the header, and the comment with which a stream begins
        sysread $socket, my $text, 1 << 16;
        die "no stream: $text\n" if ($text // '') !~ m{\AHTTP/1.1 200 };

        $select->add($socket);
        $first //= $socket;
    }

    syswrite $write, "ready\n";

    while (!$ended->()) {
        for my $socket ($select->can_read(0.1)) {
            my $n = sysread $socket, my $text, 1 << 20;

            die "a stream ended\n" if !$n;

            $bytes  += $n;
            $events += () = $text =~ /^data: /mg if $socket == $first;
        }

        # the readers share a core with Redis and the upstream: few large reads
        sleep 0.05;
    }

    return "$events $bytes";
}


# Changes that another gateway has written, of one account after another.

sub change {
    my ($port, $first, $rate, $ended) = @_;

    my ($n, $start) = (0, time);

    while (!$ended->()) {
        my $due = int((time - $start) * $rate);

        command($port, map {
            ['XADD', '{reauth}:events', 'MAXLEN', '~', 10_000, '*', 'another',
             (record($first + $_, 'succeeded'))[1]]
        } $n .. $due - 1) if $due > $n;

        $n = $due if $due > $n;
        sleep 0.005;
    }

    return $n;
}


# The milliseconds of ordinary calls, at a constant rate.

sub latencies {
    my ($gateway, $seconds) = @_;

    my $client = Bench::Client->new($gateway->{port});
    my $start  = time;
    my @took;

    for my $n (0 .. $calls * $seconds - 1) {

        # the worker is too busy: enough is known
        last if time > $start + 2 * $seconds && @took >= 100;

        my $early = $start + $n / $calls - time;
        sleep $early if $early > 0;

        # from the time at which it is due
        my $due = $start + $n / $calls;

        $request{open}->($client, $n);
        push @took, 1000 * (time - $due);
    }

    return sort { $a <=> $b } @took;
}


sub measure {
    my ($redis, $gateway, $listeners, $rate, $seconds, $first) = @_;

    my @readers;
    my $open = $listeners;

    while ($open > 0) {
        my $n = $open < $share ? $open : $share;
        push @readers, child(sub { listen_to($gateway->{port}, $n, @_) });
        $open -= $n;
    }

    # each reader writes a line as soon as its streams have begun
    for my $reader (@readers) {
        my $line = readline $reader->{read};
        die "a stream did not begin: $line" if $line ne "ready\n";
    }

    my $changes = child(sub { change($redis->{port}, $first, $rate, @_) });
    my $cpu     = cpu($gateway->{pid});
    my $start   = time;
    my @took    = latencies($gateway, $seconds);
    my $elapsed = time - $start;
    my $used    = cpu($gateway->{pid}) - $cpu;
    my $changed = finish($changes);

    die "$changed\n" if $changed !~ /\A\d+\z/;

    # what is on its way
    sleep 1;

    my ($events, $bytes) = (0, 0);

    for my $reader (@readers) {
        my ($n, $all) = finish($reader) =~ /\A(\d+) (\d+)\z/
            or die "a reader of streams failed\n";
        $events += $n;
        $bytes  += $all;
    }

    return {
        changes => $changed,
        row     => [$listeners, sprintf('%.0f', $changed / $elapsed),
            sprintf('%.1f', 100 * $used / $elapsed),
            sprintf('%.2f', $took[@took / 2]),
            sprintf('%.2f', $took[0.99 * $#took]),
            $listeners && $changed ? sprintf('%.1f', 100 * $events / @readers / $changed)
                       : '',
            sprintf('%.1f', $bytes / $elapsed / 1e6)],
    };
}


sub run {
    my ($class, $listeners, $rate, $seconds) = @_;

    $listeners //= 1000;
    $rate      //= 500;
    $seconds   //= 20;

    my $redis   = redis();
    my $gateway = proxy(REAUTH => 1, REDIS => $redis->{port}, ZONE => '128m',
        HTTP => 'reauth_wait_max ' . ($listeners + 10) . ';');

    ready($gateway);

    my $first = 1_000_000;
    my @rows;

    for my $it ([0, 0], [0, $rate], [$listeners, 0], [$listeners, $rate]) {
        my $found = measure($redis, $gateway, @$it, $seconds, $first);

        $first += $found->{changes} + 1;
        push @rows, $found->{row};
        print join(' ', "$it->[0] listeners, $it->[1] changes a second:",
            @{ $found->{row} }[2 .. 4]), "\n";
    }

    return publish('events', table(
        ['listeners', 'changes/s', '% CPU of the worker', 'p50 ms of calls',
         'p99 ms of calls', '% of the changes received', 'MB/s'], @rows));
}

END {
    kill 'TERM', @children if @children;
}

1;
