package Bench::Client;

# One keep-alive connection, one request at a time.

use strict;
use warnings;

use IO::Socket::INET;
use Socket qw(IPPROTO_TCP TCP_NODELAY);
use Time::HiRes qw(time);


sub new {
    my ($class, $port) = @_;

    my $self = bless { port => $port, buffer => '' }, $class;

    return $self->connect;
}


sub connect {    ## no critic (ProhibitBuiltinHomonyms)
    my ($self) = @_;

    $self->{buffer} = '';
    $self->{socket} = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $self->{port}) or die "port $self->{port}: $!\n";
    setsockopt $self->{socket}, IPPROTO_TCP, TCP_NODELAY, 1;

    return $self;
}


sub get {
    my ($self, $path) = @_;

    return $self->request(
        "GET $path HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
}


sub put {
    my ($self, $path, $body) = @_;

    return $self->request("PUT $path HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            . "Content-Type: application/json\r\nContent-Length: "
            . length($body) . "\r\n\r\n$body");
}


sub more {
    my ($self) = @_;

    my $n = sysread $self->{socket}, $self->{buffer}, 65536,
        length $self->{buffer};
    die "port $self->{port}: the connection ended\n" if !$n;

    return;
}


sub take {
    my ($self, $length) = @_;

    $self->more while length $self->{buffer} < $length;

    return substr $self->{buffer}, 0, $length, '';
}


sub line {
    my ($self) = @_;

    $self->more while index($self->{buffer}, "\r\n") < 0;

    return $self->take(index($self->{buffer}, "\r\n") + 2);
}


sub request {
    my ($self, $text) = @_;

    my $start = time;
    syswrite($self->{socket}, $text) == length $text
        or die "port $self->{port}: $!\n";

    $self->more while index($self->{buffer}, "\r\n\r\n") < 0;
    my $head = $self->take(index($self->{buffer}, "\r\n\r\n") + 4);
    my ($status) = $head =~ m{^HTTP/1\.[01] (\d+)} or die "no answer: $head\n";

    my $body = '';

    if ($head =~ /^content-length: (\d+)/im) {
        $body = $self->take($1);

    } elsif ($head =~ /^transfer-encoding: chunked/im) {
        while (my $size = hex($self->line =~ s/\r\n//r)) {
            $body .= $self->take($size);
            $self->line;
        }
        $self->line;
    }

    my $took = time - $start;

    $self->connect if $head =~ /^connection: close/im;

    return { status => $status, head => $head, body => $body, took => $took };
}

1;
