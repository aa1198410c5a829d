package Bench::Arguments;

# The arguments of "./run bench".  They are checked before anything is
# installed, so this needs no other module.

use strict;
use warnings;

our @suites = qw(instructions gate update webhook status scale fleet stall
    memory);

# what "profile" accepts: the names are those of Bench::Requests
our @profiles = qw(open key caller closed update local repeated webhook status
    proxy_pass return_503 put);

my $number = qr/[1-9]\d{0,5}/;

# minutes; "peers": Lua, HAProxy and Node are required; the arguments, each
# with its pattern

my %commands = (
    all          => { minutes => 33, peers => 1 },
    instructions => { minutes => 8,  peers => 1,
                      arguments => [['keep', qr/keep/]] },
    gate         => { minutes => 6,  peers => 1,
                      arguments => [['seconds', $number], ['rounds', $number]] },
    update       => { minutes => 2,  peers => 1,
                      arguments => [['seconds', $number], ['rounds', $number]] },
    webhook      => { minutes => 1,
                      arguments => [['seconds', $number], ['rounds', $number]] },
    status       => { minutes => 1 },
    scale        => { minutes => 6 },
    fleet        => { minutes => 6 },
    stall        => { minutes => 2,  peers => 1 },
    memory       => { minutes => 2,
                      arguments => [['seconds', $number]] },
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


sub minutes {
    my ($command) = @_;

    return $commands{$command}{minutes};
}


# Run by tools/bench: prints "peers" if the peers are required.

sub main {
    my ($command) = check(@_);

    print "peers\n" if $commands{$command}{peers};

    return;
}

1;
