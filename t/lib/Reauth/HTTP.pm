package Reauth::HTTP;

# A plain HTTP/1.1 client, which reports invalid JSON of the gateway itself.

use strict;
use warnings;

use Exporter 'import';

use IO::Select ();
use IO::Socket::INET ();
use JSON::PP ();
use Test::More ();
use Time::HiRes qw(time);

our @EXPORT_OK = qw(check_json http parse_answer);


# Sends one request on one connection: http('GET', '/x', { Header => 'value' },
# $body).  A reference is sent as JSON.  Returns { status, headers (lower case),
# body, json }; status is 0 if there was no response.

sub http {
    my ($method, $path, $headers, $body, %argument) = @_;

    my $to      = $argument{port} // Reauth::Test::server_port();
    my $timeout = $argument{timeout} // Reauth::Test::limit();
    my %header  = (Host => 'localhost', Connection => 'close',
                   %{ $headers || {} });

    if (ref $body) {
        $body = JSON::PP->new->utf8->canonical->encode($body);
        $header{'Content-Type'} //= 'application/json';
    }

    $header{'Content-Length'} //= length $body if defined $body;

    my $request = "$method $path HTTP/1.1\r\n"
        . join('', map { "$_: $header{$_}\r\n" }
               grep { defined $header{$_} } sort keys %header)
        . "\r\n" . ($body // '');

    my $socket = IO::Socket::INET->new(
        PeerAddr => '127.0.0.1',
        PeerPort => $to,
        Proto    => 'tcp',
        Timeout  => $timeout,
    ) or return { status => 0, headers => {}, body => "connect: $@" };

    local $SIG{PIPE} = 'IGNORE';
    print {$socket} $request;
    $socket->flush;

    if ($argument{abandon}) {
        close $socket;
        return { status => 0, headers => {}, body => '' };
    }

    my $select   = IO::Select->new($socket);
    my $deadline = time + $timeout;
    my $raw      = '';

    while ($select->can_read($deadline - time)) {
        my $n = sysread $socket, $raw, 65536, length $raw;
        last if !$n;
    }

    close $socket;

    return parse_answer($raw);
}


sub parse_answer {
    my ($raw) = @_;

    my ($head, $body) = split /\r\n\r\n/, $raw, 2;
    my ($start, @lines) = split /\r\n/, $head // '';
    my ($status) = ($start // '') =~ m{^HTTP/1\.[01] (\d{3})};
    my %header;

    for my $line (@lines) {
        my ($key, $value) = split /:\s*/, $line, 2;
        $key = lc $key;
        $header{$key} = defined $header{$key} ? "$header{$key}, $value" : $value;
    }

    $body //= '';

    if (($header{'transfer-encoding'} // '') eq 'chunked') {
        my $decoded = '';

        while ($body =~ s/\A([0-9A-Fa-f]+)\r\n//) {
            my $size = hex $1 or last;
            $decoded .= substr $body, 0, $size, '';
            $body =~ s/\A\r\n//;
        }

        $body = $decoded;
    }

    my $json = eval { JSON::PP::decode_json($body) };

    # responses composed by the gateway; others are those of the upstream

    fail_invalid_json($body)
        if !defined $json && $body ne ''
            && ($header{'content-type'} // '') =~ m{^application/json}
            && ($header{'cache-control'} // '') eq 'no-store'
            && length $body == ($header{'content-length'} // -1);

    return {
        status  => $status // 0,
        headers => \%header,
        body    => $body,
        json    => $json,
    };
}


# Each response composed by the gateway must be valid JSON, whatever the test
# checks.

sub fail_invalid_json {
    my ($body) = @_;

    return Test::More::fail("the gateway's own response is JSON: $body");
}


sub check_json {
    my ($block, $body) = @_;

    fail_invalid_json($body)
        if defined $body
        && $body =~ /\A\{"error":"[A-Z_]+","message":.*"decision_id":/s
        && !defined eval { JSON::PP::decode_json($body) };

    return;
}

1;
