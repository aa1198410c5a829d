package Test::Nginx::Client;

# The client side of the harness: creates the requests of a block, sends them,
# and parses the responses; Test::Nginx::Checks checks them and the logs.

use strict;
use warnings;

use Errno qw(EAGAIN EINTR EWOULDBLOCK);
use IO::Select ();
use IO::Socket::INET ();
use Test::More ();
use Time::HiRes qw(sleep);

use Test::Nginx::Checks ();

sub bail_out { return Test::Nginx::Util::bail_out(@_); }


# ---- requests ----------------------------------------------------------------


sub parse_more_headers {
    my ($text) = @_;

    my ($out, $chunked) = ('', 0);

    for my $line (split /\n+/, $text // '') {
        next if $line =~ /^\s*#/;

        my ($key, $value) = split /:\s*/, $line, 2;
        $value //= '';
        $chunked = 1
            if lc $key eq 'transfer-encoding' && $value eq 'chunked';
        $out .= "$key: $value\r\n";
    }

    return ($out, $chunked);
}


sub more_headers {
    my ($block, $index) = @_;

    my $headers = $block->more_headers;

    if (ref $headers eq 'ARRAY') {
        defined $headers->[$index]
            or bail_out($block->name,
                " - --- more_headers has no entry $index");
        $headers = $headers->[$index];
    }

    return parse_more_headers($headers);
}


# A single pattern for this would take quadratic time with many blanks.

sub trim_end {
    my $end = length $_[0];

    $end-- while $end > 0 && substr($_[0], $end - 1, 1) =~ /\s/;
    substr $_[0], $end, length($_[0]) - $end, '';

    return;
}


# Turns "PUT /x\nbody" into a complete request.  The request is a list of
# packets: the header is completed in the first one; the packets of the body are
# not changed.

sub build_request {
    my ($block, $index, $connection, @packets) = @_;

    my $name = $block->name;
    my $text = join '', map { $_->{value} } @packets;
    my ($head, $body) = $text =~ /\A\s*([^\n]*)(?:\n(.*))?\z/s;

    my ($method, $url, $version) = ($head // '') =~ /(\S+)/g;
    defined $method or bail_out("$name - the request line is empty");
    $url     //= '/';
    $version //= 'HTTP/1.1';
    $body    //= '';
    my $skip = length($text) - length $body;

    my ($more, $chunked) = more_headers($block, $index);
    my $fixed = !$chunked && $body ne '' && $more !~ /^Content-Length:/m;

    my $headers = '';
    $headers .= 'Host: ' . Test::Nginx::Util::server_name() . "\r\n"
        if $more !~ /^Host:/mi;
    $headers .= "Connection: $connection\r\n" if $more !~ /^Connection/mi;
    $headers .= $more;

    if ($fixed) {

        # blanks around a body are layout of the test file
        trim_end($packets[-1]{value});
        trim_end($body);
        $skip += $+[0] if $body =~ /\A\s+/;
        $body =~ s/\A\s+//;
        $headers .= 'Content-Length: ' . length($body) . "\r\n";
    }

    while (@packets > 1 && $skip > length $packets[0]{value}) {
        $skip -= length((shift @packets)->{value});
    }

    my $start = "$method $url $version\r\n$headers\r\n";
    my $rest = $skip < length $packets[0]{value}
        ? substr($packets[0]{value}, $skip) : '';

    # the header is sent together with the rest of its packet
    $packets[0]{value} = $start . $rest;

    return \@packets;
}


sub packets_of {
    my ($block, $request) = @_;

    return map {
        ref $_ eq 'HASH' ? {%$_}
      : !ref $_          ? { value => $_ }
      : bail_out($block->name, ' - a packet is a string or a hash')
    } ref $request eq 'ARRAY' ? @$request : ($request);
}


sub requests_of {
    my ($block) = @_;

    my $name = $block->name;

    if (defined(my $raw = $block->raw_request)) {
        return [ packets_of($block, $raw) ];
    }

    if (my $pipelined = $block->pipelined_requests) {
        ref $pipelined eq 'ARRAY'
            or bail_out("$name - --- pipelined_requests is no array");

        my $all = '';
        for my $i (0 .. $#$pipelined) {
            my $text = Test::Nginx::Util::expand_env_in_text($pipelined->[$i],
                                                             $name);
            my $packets = build_request($block, $i,
                $i == $#$pipelined ? 'close' : 'keep-alive',
                { value => $text });
            $all .= $packets->[0]{value};
        }

        return [ { value => $all } ];
    }

    my $request = $block->request;
    defined $request or bail_out("$name - no --- request");

    if (!ref $request) {
        1 while $request =~ s/\A\s*#[^\n]+\s+|\A\s+//;
        $request = [$request];
    }

    ref $request eq 'ARRAY'
        or bail_out("$name - --- request is a string or an array");

    return map {
        build_request($block, $_, 'close',
                      packets_of($block, $request->[$_]))
    } 0 .. $#$request;
}


# ---- exchange ----------------------------------------------------------------


sub connect_to_nginx {
    my ($block, $timeout) = @_;

    my $address = $block->server_addr_for_client
        // $Test::Nginx::Util::ServerAddr;
    my $port = $Test::Nginx::Util::ServerPortForClient;

    my $socket = IO::Socket::INET->new(
        PeerAddr => $address,
        PeerPort => $port,
        Proto    => 'tcp',
        Timeout  => $timeout,
    );

    if (!$socket) {
        Test::More::fail($block->name
            . " - cannot connect to $address:$port: $@");
        return;
    }

    $socket->blocking(0);

    return $socket;
}


sub exchange {
    my ($block, $packets, $timeout) = @_;

    my $socket   = connect_to_nginx($block, $timeout) or return '';
    my $select   = IO::Select->new($socket);
    my @queue    = @$packets;
    my $pending  = (shift @queue)->{value};
    my $sending  = 1;
    my $response = '';

    local $SIG{PIPE} = 'IGNORE';

    while (1) {
        my ($readable, $writable) = IO::Select->select($select,
            $sending ? $select : undef, undef, $timeout);

        if (!defined $readable) {
            next if $! == EINTR;

            defined $block->abort
                or Test::More::fail('ERROR: client socket timed out - '
                    . $block->name);
            last;
        }

        if (@$readable) {
            my $n = sysread $socket, $response, 65536, length $response;

            if (defined $n && $n == 0) {
                last;
            }

            if (!defined $n && $! != EAGAIN && $! != EWOULDBLOCK) {
                Test::More::diag($block->name, " - reading failed: $!");
                last;
            }
        }

        next if !@$writable;

        my $n = syswrite $socket, $pending;

        if (!defined $n) {
            next if $! == EAGAIN || $! == EWOULDBLOCK;

            # nginx has responded and closed: the response has yet to be read
            Test::More::diag($block->name, " - writing failed: $!");
            $sending = 0;
            next;
        }

        substr $pending, 0, $n, '';
        next if $pending ne '';

        if (my $packet = shift @queue) {
            my $delay = $packet->{delay_before}
                // $block->raw_request_middle_delay;
            sleep $delay if $delay;
            $pending = $packet->{value};
            next;
        }

        $sending = 0;

        if (defined(my $how = $block->shutdown)) {
            shutdown $socket, $how =~ /^\s*(\d)/ ? $1 : 1;
        }
    }

    close $socket;

    return $response;
}


sub exchange_by_curl {
    my ($block, $packets, $timeout) = @_;

    my $name = $block->name;
    my ($head, $body) = split /\r\n\r\n/,
        join('', map { $_->{value} } @$packets), 2;
    my ($start, @headers) = split /\r\n/, $head;
    my ($method, $url) = split ' ', $start;

    my $address = $block->server_addr_for_client
        // $Test::Nginx::Util::ServerAddr;
    my @command = (
        qw(curl -i -sS --http2-prior-knowledge -H User-Agent: -H Accept:),
        '--max-time', $timeout,
        $method eq 'HEAD' ? '-I' : ('-X', $method),
    );

    for my $header (grep { !/^Connection\s*:/i } @headers) {
        push @command, '-H', $header;
    }

    if (defined $body && $body ne '') {
        push @command, '-H', 'Content-Type:'
            if !grep { /^Content-Type\s*:/i } @headers;

        my $file = Test::Nginx::Util::html_dir() . "/curl.data.bin";
        Test::Nginx::Util::write_file($file, $body);
        push @command, '--data-binary', "\@$file";
    }

    push @command, split ' ', $block->curl_options
        if defined $block->curl_options;
    push @command,
        "http://$address:$Test::Nginx::Util::ServerPortForClient$url";

    open my $out, '-|', @command
        or bail_out("$name - curl cannot be run: $!");
    my $response = do { local $/; <$out> } // '';

    close $out
        or Test::More::fail("$name - curl failed with status " . ($? >> 8));

    return $response;
}


# ---- responses ---------------------------------------------------------------


# Returns the response and the data that follow it in a pipeline.

sub parse_response {
    my ($name, $raw, $is_head) = @_;

    my ($head, $body) = $raw =~ /\A(.*?\r\n)\r\n(.*)\z/s
        ? ($1, $2) : ('', '');
    my ($status, @lines) = split /\r\n/, $head;
    my ($code) = ($status // '') =~ m{^HTTP/[\d.]+ +(\d+)};
    my (%headers, $left);

    for my $line (@lines) {
        my ($key, $value) = split /\s*:\s*/, $line, 2;
        push @{ $headers{ lc $key } }, $value // '';
    }

    my $response = {
        code        => $code,
        raw_headers => $head,
        headers     => \%headers,
        content     => $body,
    };

    return $response if !$code || $code == 304 || $code == 101;

    if (($headers{'transfer-encoding'}[0] // '') eq 'chunked' && !$is_head) {
        my $decoded = '';

        while (1) {
            $body =~ /\G([0-9A-Fa-f]+)[^\r\n]*\r\n/gc or last;
            my $size = hex $1;

            if ($size == 0) {
                $body =~ /\G(?:[^\r\n]+\r\n)*\r\n/gc or last;
                $left = substr $body, pos $body;
                last;
            }

            my $at = pos $body;
            last if length($body) < $at + $size + 2;

            $decoded .= substr $body, $at, $size;
            last if substr($body, $at + $size, 2) ne "\r\n";
            pos($body) = $at + $size + 2;
        }

        if (!defined $left) {
            Test::More::fail("$name - the chunked body is broken or cut off");
            return;
        }

        $response->{content} = $decoded;

    } elsif (defined(my $length = $headers{'content-length'}[0])) {
        if (length $body < $length && !$is_head) {
            Test::More::diag("$name - response body truncated: $length"
                . ' expected, but got ', length $body);

        } elsif (length $body > $length) {
            $left = substr $body, $length;
            $response->{content} = substr $body, 0, $length;
        }
    }

    return ($response, $left);
}


# ---- blocks ------------------------------------------------------------------


sub run_block {
    my ($block, $repeat) = @_;

    my $name      = $block->name;
    my @requests  = requests_of($block);
    my $pipelined = $block->pipelined_requests;
    my $answers   = $pipelined ? @$pipelined : @requests;
    my $timeout   = Test::Nginx::Util::parse_time($block->timeout)
        // Test::Nginx::Util::timeout();
    my $send      = defined $block->http2 ? \&exchange_by_curl : \&exchange;
    my $raw;

    for my $i (0 .. $answers - 1) {
        my $packets = $requests[ $pipelined ? 0 : $i ];

        if ($i == 0 || !$pipelined) {
            $raw = $send->($block, $packets, $timeout);
        }

        if (!defined $block->ignore_response) {
            my $is_head = $packets->[0]{value} =~ /^\s*HEAD\s/;
            my ($response, $left) = parse_response($name, $raw // '', $is_head);

            Test::Nginx::Checks::check_response($block, $response, $repeat, $i,
                           $pipelined || $answers > 1);

            if ($pipelined) {
                $raw = $left;

            } elsif (defined $left && $left ne '') {
                Test::More::diag("$name - unexpected bytes after the"
                    . " response: $left");
            }
        }

        Test::Nginx::Checks::check_logs($block, $repeat);
    }

    return;
}

1;
