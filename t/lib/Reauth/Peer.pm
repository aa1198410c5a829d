package Reauth::Peer;

# An upstream with faults: code of the test determines the response to each
# request.

use strict;
use warnings;

use IO::Socket::INET ();
use POSIX ();
use Socket qw(SOL_SOCKET SO_LINGER);

my @running;


# Calls $answer->($request, $number, $socket) for each complete request; $number
# counts the requests of a connection from 1.  It returns the raw response;
# undef closes the connection, and 'reset' resets it.  $port is that of one that
# was stopped, if it is to be used again.

sub start {
    my ($class, $answer, $port) = @_;

    my $listen = IO::Socket::INET->new(
        LocalAddr => '127.0.0.1',
        LocalPort => $port // 0,
        ReuseAddr => defined $port,
        Proto     => 'tcp',
        Listen    => 16,
    ) or die "cannot listen: $!\n";

    my $self = bless {
        port => $listen->sockport,
        log  => Reauth::Test::work_dir() . '/peer-' . $listen->sockport,
    }, $class;

    $self->{pid} = fork // die "fork failed: $!\n";

    if ($self->{pid} == 0) {
        setpgrp;
        $SIG{$_} = 'DEFAULT' for qw(TERM INT HUP);
        $SIG{CHLD} = 'IGNORE';
        $self->serve($listen, $answer);
        POSIX::_exit(0);
    }

    # also here, because either may be first
    setpgrp $self->{pid}, $self->{pid};

    push @running, $self;

    return $self;
}


sub serve {
    my ($self, $listen, $answer) = @_;

    while (1) {
        my $socket = $listen->accept or next;

        # a stalled connection must not delay others
        my $pid = fork // return;

        if ($pid == 0) {
            close $listen;
            $SIG{CHLD} = 'DEFAULT';
            $self->converse($socket, $answer);
            POSIX::_exit(0);
        }

        close $socket;
    }

    return;
}


sub converse {
    my ($self, $socket, $answer) = @_;

    for (my $number = 1; ; $number++) {

        # for each request: a connection may be used during the whole test

        alarm $Reauth::Test::LIMIT;

        my $request = read_request($socket) // return;

        $self->note($number, $request);

        my $raw = $answer->($request, $number, $socket) // return;

        if ($raw eq 'reset') {
            setsockopt $socket, SOL_SOCKET, SO_LINGER, pack 'II', 1, 0;
            return;
        }

        print {$socket} $raw;
        $socket->flush;
    }

    return;
}


sub read_request {
    my ($socket) = @_;

    my $text = '';

    while (1) {
        if ($text =~ /\r\n\r\n/g) {
            my $head = pos $text;
            my ($length) = $text =~ /^Content-Length: *(\d+)/mi;

            return $text if length $text >= $head + ($length // 0);
        }

        sysread $socket, $text, 65536, length $text or return;
    }

    return;
}


# For a response that is never sent: waits until the other side has closed.

sub silence {
    my ($socket) = @_;

    1 while sysread $socket, my $more, 65536;

    return;
}


# For a response that never ends: sends a byte now and then until the other side
# has closed.

sub drip {
    my ($socket) = @_;

    local $SIG{PIPE} = 'IGNORE';

    print {$socket} join "\r\n", 'HTTP/1.1 200 OK',
        'Content-Type: application/json', 'Content-Length: 1000', '', '{';
    $socket->flush;

    select undef, undef, undef, 0.5 while syswrite $socket, ' ';

    return;
}


sub note {
    my ($self, $number, $request) = @_;

    my ($line) = $request =~ /\A([^\r]*)/;

    open my $out, '>>', $self->{log} or return;
    syswrite $out, "$number $line\n";
    close $out;

    return;
}


sub port { return $_[0]{port}; }


# "number METHOD target version" for each received request, in order.

sub requests {
    my ($self) = @_;

    return split /\n/, Reauth::Test::slurp($self->{log});
}


# A complete response, and the response to an update.

sub response {
    my ($status, $body, @headers) = @_;

    return join "\r\n", "HTTP/1.1 $status", 'Content-Type: application/json',
        'Content-Length: ' . length $body, @headers, '', $body;
}

sub accepted {
    my ($attempt) = @_;

    return response('200 OK', qq({"attempt_id":"$attempt","message":"started",)
        . qq("polling_url":"https://api.fansapi.com/api/authenticate/$attempt"}));
}


sub stop {
    my ($self) = @_;

    my $pid = delete $self->{pid} // return;

    # also ends children that still send or wait

    local ($?, $!);
    kill 'TERM', -$pid;
    waitpid $pid, 0;

    return;
}


END {
    # a child of start() is not a child of this process
    $_->stop for @running;
}

1;
