package Bench::Arguments;

# The arguments of "./run bench".  They are checked before anything is
# installed, so this needs no other module.

use strict;
use warnings;

our @suites = qw(instructions gate update webhook status transfer http2 workers
    events scale fleet stall memory soak);

# what "profile" accepts: the names are those of Bench::Requests
our @profiles = qw(open key caller closed update local repeated webhook status
    proxy_pass return_503 put);

my $number = qr/[1-9]\d{0,5}/;
my $large  = qr/[1-9]\d{0,8}/;

# event streams: their clients are limited to 1,024 descriptors
my $listeners = qr/[1-9]\d{0,2}|[1-3]\d{3}/;

# The minutes of a run with the default arguments, or a function of them;
# "needs": packages, "peers" are Lua, HAProxy and Node; the arguments, each with
# its pattern and, if the time is proportional to it, its default.

my %commands = (
    all          => { minutes => 55, needs => 'peers http2' },
    instructions => { minutes => 8,  needs => 'peers',
                      arguments => [['keep', qr/keep/]] },
    gate         => { minutes => 6,  needs => 'peers',
                      arguments => [['seconds', $number, 2],
                                    ['rounds', $number, 5]] },
    update       => { minutes => 2,  needs => 'peers',
                      arguments => [['seconds', $number, 2],
                                    ['rounds', $number, 5]] },
    webhook      => { minutes => 1,
                      arguments => [['seconds', $number, 2],
                                    ['rounds', $number, 3]] },
    status       => { minutes => 2 },
    transfer     => { minutes => 2,
                      arguments => [['transfers', $number, 16],
                                    ['rounds', $number, 5]] },
    http2        => { minutes => 3, needs => 'http2',
                      arguments => [['seconds', $number, 2],
                                    ['rounds', $number, 5]] },
    workers      => { minutes => 3,
                      arguments => [['seconds', $number, 2],
                                    ['rounds', $number, 3]] },
    events       => { minutes => sub { return 4 * ($_[2] // 20) / 60 + 0.5 },
                      arguments => [['listeners', $listeners],
                                    ['changes', $number],
                                    ['seconds', $number]] },
    scale        => { minutes => 8 },
    fleet        => { minutes => 6 },
    stall        => { minutes => 2,  needs => 'peers' },
    memory       => { minutes => 2,
                      arguments => [['seconds', $number, 10]] },
    soak         => { minutes => sub {
                          return 1 + ($_[0] // 1e7) / 2.4e6
                              + ($_[1] // 1e6) / 6e5;
                      },
                      arguments => [['requests', $large],
                                    ['updates', $large]] },
    check        => { minutes => 4 },
    profile      => { minutes => 1,
                      arguments => [[join('|', @profiles),
                                     qr/${\ join '|', @profiles }/],
                                    ['function', qr/\w+/]],
                      required  => 1 },
    docs         => { minutes => 0 },
);


sub usage {
    my ($command) = @_;

    my $it = $commands{$command};
    my $required = $it->{required} // 0;
    my $text = "./run bench $command";

    for my $argument (@{ $it->{arguments} // [] }) {
        $text .= $required-- > 0 ? " $argument->[0]" : " [$argument->[0]]";
    }

    return $text;
}


# Returns the name of the command, and the arguments that follow it.

sub check {
    my ($command, @arguments) = @_;

    $command //= 'all';

    my $it = $commands{$command}
        or die "usage: ./run bench [all|"
            . join('|', @suites, qw(check profile docs)) . "]\n";

    my @allowed = @{ $it->{arguments} // [] };

    die 'usage: ' . usage($command) . "\n"
        if @arguments > @allowed
            || @arguments < ($it->{required} // 0)
            || grep { $arguments[$_] !~ /\A(?:$allowed[$_][1])\z/ }
                0 .. $#arguments;

    return ($command, @arguments);
}


# How long it takes, rounded up.

sub minutes {
    my ($command, @arguments) = @_;

    my $minutes = $commands{$command}{minutes};

    return int 0.999 + $minutes->(@arguments) if ref $minutes;

    for my $argument (@{ $commands{$command}{arguments} // [] }) {
        my ($given, $default) = (shift @arguments, $argument->[2]);
        $minutes *= $given / $default if defined $given && $default;
    }

    return int 0.999 + $minutes;
}


# Run by tools/bench: prints what is required beside the packages of all
# benchmarks.

sub main {
    my ($command) = check(@_);

    my $needs = $commands{$command}{needs};
    print "$needs\n" if defined $needs;

    return;
}

1;
