package Chaos::Loop;

# Sockets and timers of one process, by select().

use strict;
use warnings;

use Errno qw(EAGAIN EINPROGRESS);
use IO::Socket::INET ();
use Socket qw(IPPROTO_TCP MSG_NOSIGNAL TCP_NODELAY);
use Time::HiRes qw(CLOCK_MONOTONIC clock_gettime);


sub new { return bless { timers => [], now => monotonic() }, $_[0]; }


sub monotonic { return clock_gettime(CLOCK_MONOTONIC); }


# The time at which the events of this turn are handled, in seconds.

sub now { return $_[0]{now}; }


sub after {
    my ($self, $seconds, $handler) = @_;

    my $due    = $self->{now} + $seconds;
    my $timers = $self->{timers};
    my $n      = @$timers;

    $n-- while $n > 0 && $timers->[ $n - 1 ][0] > $due;
    splice @$timers, $n, 0, [$due, $handler];

    return;
}


# A peer has "socket", "in", "out", and the methods readable() and broken().

sub add {
    my ($self, $peer) = @_;

    $peer->{in}  = '';
    $peer->{out} = '';
    $self->{peers}{ fileno $peer->{socket} } = $peer;

    return;
}


sub drop {
    my ($self, $peer) = @_;

    my $socket = delete $peer->{socket} // return;

    delete $self->{peers}{ fileno $socket };
    close $socket;

    return;
}


sub listener {
    my ($self, $socket, $handler) = @_;

    $self->{listeners}{ fileno $socket } = [$socket, $handler];

    return;
}


sub connected {
    my ($class, $address, $port) = @_;

    my $socket = IO::Socket::INET->new(
        PeerAddr => $address,
        PeerPort => $port,
        Proto    => 'tcp',
        Blocking => 0,
    ) or return;

    setsockopt $socket, IPPROTO_TCP, TCP_NODELAY, 1;

    return $socket;
}


sub turn {
    my ($self, $longest) = @_;

    my ($read, $write) = ('', '');

    vec($read, $_, 1) = 1 for keys %{ $self->{peers} }, keys %{ $self->{listeners} };

    for my $fd (keys %{ $self->{peers} }) {
        vec($write, $fd, 1) = 1 if length $self->{peers}{$fd}{out};
    }

    my $wait  = $longest;
    my $timer = $self->{timers}[0];

    if ($timer) {
        my $left = $timer->[0] - monotonic();
        $wait = $left < 0 ? 0 : $left if $left < $wait;
    }

    my $found = select $read, $write, undef, $wait;

    $self->{now} = monotonic();
    $self->handle($read, $write) if $found > 0;

    while ($self->{timers}[0] && $self->{timers}[0][0] <= $self->{now}) {
        (shift @{ $self->{timers} })->[1]->();
    }

    return;
}


sub handle {
    my ($self, $read, $write) = @_;

    for my $fd (keys %{ $self->{listeners} }) {
        next if !vec $read, $fd, 1;
        my ($socket, $handler) = @{ $self->{listeners}{$fd} };
        $handler->($socket);
    }

    for my $fd (keys %{ $self->{peers} }) {
        my $peer = $self->{peers}{$fd};

        $self->flush($peer) if $peer && vec $write, $fd, 1;

        $self->read_from($peer)
            if $peer && $peer->{socket} && vec $read, $fd, 1;
    }

    return;
}


sub write_to {
    my ($self, $peer, $data) = @_;

    $peer->{out} .= $data;

    return $self->flush($peer);
}


sub flush {
    my ($self, $peer) = @_;

    my $sent = send $peer->{socket}, $peer->{out}, MSG_NOSIGNAL;

    if (defined $sent) {
        substr $peer->{out}, 0, $sent, '';

    } elsif ($! != EAGAIN && $! != EINPROGRESS && !$!{ENOTCONN}) {
        $self->drop($peer);
        $peer->broken;
    }

    return;
}


sub read_from {
    my ($self, $peer) = @_;

    my $got = sysread $peer->{socket}, $peer->{in}, 65_536, length $peer->{in};

    if ($got) {
        $peer->readable;

    } elsif (defined $got || $! != EAGAIN) {
        $self->drop($peer);
        $peer->broken;
    }

    return;
}


# A whole message at the start of the text: its first line, head and body, which
# are taken out of the text.

sub message {
    my ($text) = @_;

    my $end = index $$text, "\r\n\r\n";
    return if $end < 0;

    my $head = substr $$text, 0, $end + 4;
    my $length = $head =~ /^content-length: *(\d+)/mi ? $1 : 0;

    return if length $$text < $end + 4 + $length;

    my $body = substr $$text, $end + 4, $length;
    substr $$text, 0, $end + 4 + $length, '';

    my ($line) = $head =~ /\A([^\r]*)/;

    return ($line, $head, $body);
}

1;
