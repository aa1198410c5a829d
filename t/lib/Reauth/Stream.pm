package Reauth::Stream;

# A request whose response is read later or in pieces; several can be open at
# the same time.

use strict;
use warnings;

use IO::Select ();
use IO::Socket::IP ();
use Socket qw(SOL_SOCKET SO_RCVBUF);
use Time::HiRes qw(time);

use Reauth::Test ();


# Reauth::Stream->open($gateway, 'GET', '/path', \%headers, $body,
#     receive => 4096)
#
# "receive" limits the data received before it is read.  It is set before the
# window is announced: a window that is reduced later would stall the other
# side.

sub open {
    my ($class, $gateway, $method, $path, $headers, $body, %option) = @_;

    my %header = (Host => 'localhost', Connection => 'close',
                  %{ $headers || {} });

    $header{'Content-Length'} //= length $body if defined $body;

    my @options = defined $option{receive}
        ? [SOL_SOCKET, SO_RCVBUF, pack('i', $option{receive})] : ();

    my $socket = IO::Socket::IP->new(
        PeerHost => '127.0.0.1',
        PeerPort => $gateway->port,
        Proto    => 'tcp',
        Timeout  => $Reauth::Test::LIMIT,
        Sockopts => \@options,
    ) or die "connect: $@\n";

    local $SIG{PIPE} = 'IGNORE';
    print {$socket} "$method $path HTTP/1.1\r\n",
        (map { "$_: $header{$_}\r\n" } sort keys %header), "\r\n",
        $body // '';
    $socket->flush;

    return bless { socket => $socket, raw => '', start => time }, $class;
}


# Reads available data for the specified time; returns 0 if the connection is
# closed.

sub fill {
    my ($self, $seconds) = @_;

    my $socket = $self->{socket} // return 0;

    return 1 if !IO::Select->new($socket)->can_read($seconds);

    my $n = sysread $socket, $self->{raw}, 65536, length $self->{raw};

    return 1 if $n;

    $self->close;

    return 0;
}


sub close {
    my ($self) = @_;

    close $self->{socket} if $self->{socket};
    $self->{socket} = undef;
    $self->{end} //= time;

    return;
}


sub is_open {
    my ($self) = @_;

    while ($self->{socket} && IO::Select->new($self->{socket})->can_read(0)) {
        last if !$self->fill(0);
    }

    return defined $self->{socket};
}


# Waits until the received text matches; returns whether it does.  A shorter
# time than the limit is only for text that must not arrive.

sub saw {
    my ($self, $pattern, $seconds) = @_;

    my $deadline = time + ($seconds // $Reauth::Test::LIMIT);

    while ($self->text !~ $pattern) {
        my $left = $deadline - time;

        return 0 if $left <= 0 || !$self->fill($left) && $self->text !~ $pattern;
    }

    return 1;
}


# The part of the body received so far.

sub text { return $_[0]->answer->{body}; }


sub answer { return Reauth::Test::parse_answer($_[0]{raw}); }


# Waits for the end; returns the response, with the elapsed time in "took".

sub finish {
    my ($self, $seconds) = @_;

    my $deadline = time + ($seconds // $Reauth::Test::LIMIT);

    while ($self->{socket}) {
        my $left = $deadline - time;
        last if $left <= 0 || !$self->fill($left);
    }

    my $answer = $self->answer;
    $answer->{took} = ($self->{end} // time) - $self->{start};
    $answer->{ended} = defined $self->{end};

    return $answer;
}


# The server-sent events received so far: { id, event, data } each.

sub events {
    my ($self) = @_;

    my @events;

    for my $block (split /\n\n/, $self->text) {
        my %event;

        for my $line (split /\n/, $block) {
            $event{$1} = $2 if $line =~ /\A(\w+): ?(.*)\z/;
        }

        $event{json} = JSON::PP::decode_json($event{data})
            if defined $event{data} && $event{data} =~ /\A\{.*\}\z/;
        push @events, \%event if %event;
    }

    return @events;
}

1;
