package Reauth::H2;

# One HTTP/2 connection, frame by frame, for what clients do not do by
# themselves: closing in the middle, sending a body in pieces.

use strict;
use warnings;

use IO::Select ();
use IO::Socket::INET ();
use Time::HiRes qw(time);

use Reauth::Test ();

my %TYPE = (DATA => 0, HEADERS => 1, RST_STREAM => 3, SETTINGS => 4,
    WINDOW_UPDATE => 8);


sub connect_to {
    my ($class, $port) = @_;

    my $socket = IO::Socket::INET->new(
        PeerAddr => '127.0.0.1',
        PeerPort => $port,
    ) or die "cannot connect: $!\n";

    my $self = bless { socket => $socket, in => '', next => 1 }, $class;

    $self->write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    $self->frame(SETTINGS => 0, 0, '');

    return $self;
}


sub write {
    my ($self, $bytes) = @_;

    if (defined $self->{held}) {
        $self->{held} .= $bytes;
        return;
    }

    local $SIG{PIPE} = 'IGNORE';
    print { $self->{socket} } $bytes;
    $self->{socket}->flush;

    return;
}


# Sends all that the function writes at once; returns what it returns.

sub at_once {
    my ($self, $function) = @_;

    $self->{held} = '';
    my @returned = $function->();
    $self->write(delete $self->{held});

    return @returned;
}


sub frame {
    my ($self, $type, $flags, $stream, $payload) = @_;

    return $self->write(substr(pack('N', length $payload), 1)
        . pack('CCN', $TYPE{$type}, $flags, $stream) . $payload);
}


# Returns the stream.  Without a body the stream is ended; "open": the body
# follows.

sub request {
    my ($self, $method, $path, $headers, %argument) = @_;

    my $stream = $self->{next};
    $self->{next} += 2;

    my @fields = (':method' => $method, ':scheme' => 'http', ':path' => $path,
        ':authority' => $argument{authority} // 'localhost',
        %{ $headers || {} });
    my $block = '';

    # literals without indexing and without Huffman coding
    while (my ($name, $value) = splice @fields, 0, 2) {
        $block .= "\0" . chr(length $name) . $name . chr(length $value)
            . $value;
    }

    my $body = $argument{body};
    my $open = defined $body || $argument{open};

    $self->frame(HEADERS => $open ? 4 : 5, $stream, $block);
    $self->data($stream, $body, !$argument{open}) if defined $body;

    return $stream;
}


sub data {
    my ($self, $stream, $bytes, $end) = @_;

    my @parts = unpack '(a16384)*', $bytes;
    @parts = ('') if !@parts;

    for my $i (0 .. $#parts) {
        $self->frame(DATA => $end && $i == $#parts ? 1 : 0, $stream,
                     $parts[$i]);
    }

    return;
}


# Resets a stream, like a client that cancels a request.

sub cancel {
    my ($self, $stream) = @_;

    return $self->frame(RST_STREAM => 0, $stream, pack 'N', 8);
}


sub close { return close $_[0]{socket}; }


# Waits until this number of bytes can be sent in the stream.

sub await_window {
    my ($self, $stream, $bytes, $seconds) = @_;

    my $deadline = time + ($seconds // $Reauth::Test::LIMIT);

    while ($bytes > 0) {
        my ($type, $flags, $of, $payload) = $self->read_frame($deadline)
            or die "no room for $bytes bytes in stream $stream\n";

        $bytes -= unpack 'N', $payload
            if $type == $TYPE{WINDOW_UPDATE} && $of == $stream;
    }

    return;
}


# Waits for the end of a stream; returns { status, body }.

sub answer {
    my ($self, $stream, $seconds) = @_;

    return $self->answers([$stream], $seconds)->{$stream};
}


# The same for several streams at once; status is 0 for those that have not
# ended in time.

sub answers {
    my ($self, $streams, $seconds) = @_;

    my %answer   = map { $_ => { status => 0, body => '' } } @$streams;
    my %open     = map { $_ => 1 } @$streams;
    my $deadline = time + ($seconds // $Reauth::Test::LIMIT);

    while (%open) {
        my ($type, $flags, $of, $payload) = $self->read_frame($deadline)
            or last;

        next if !$open{$of};

        if ($type == $TYPE{DATA}) {
            $answer{$of}{body} .= $payload;

            # the responses are larger than the initial window of the connection
            $self->frame(WINDOW_UPDATE => 0, 0, pack 'N', length $payload)
                if length $payload;

        } elsif ($type == $TYPE{HEADERS}) {
            $answer{$of}{status} = status_of($payload);
        }

        delete $open{$of} if $type == $TYPE{RST_STREAM}
            || $flags & 1 && $type != $TYPE{SETTINGS};
    }

    return \%answer;
}


# nginx sends :status first, as an entry of the static table or a plain literal;
# a change of the size of the dynamic table may precede it.

sub status_of {
    my ($block) = @_;

    $block =~ s/\A[\x20-\x3f]//;

    my %known = (0x88 => 200, 0x89 => 204, 0x8a => 206, 0x8b => 304,
                 0x8c => 400, 0x8d => 404, 0x8e => 500);
    my $first = ord $block;

    return $known{$first} // substr $block, 2, 3;
}


# Reads the next frame; acknowledges settings.

sub read_frame {
    my ($self, $deadline) = @_;

    my $need = 9;

    while (1) {
        if (length $self->{in} >= 9) {
            my ($high, $low, $type, $flags, $stream)
                = unpack 'CnCCN', $self->{in};
            my $length = ($high << 16) + $low;
            $need = 9 + $length;

            if (length $self->{in} >= $need) {
                my $payload = substr $self->{in}, 9, $length;
                substr $self->{in}, 0, $need, '';
                $self->frame(SETTINGS => 1, 0, '')
                    if $type == $TYPE{SETTINGS} && !($flags & 1);
                return ($type, $flags, $stream & 0x7fffffff, $payload);
            }
        }

        IO::Select->new($self->{socket})->can_read($deadline - time)
            or return;
        sysread $self->{socket}, $self->{in}, 65536, length $self->{in}
            or return;
    }

    return;
}

1;
