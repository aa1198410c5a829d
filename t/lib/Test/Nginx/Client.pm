package Test::Nginx::Client;

# The client's side of the harness: makes the requests of a block, sends them
# and checks the answers and the logs.

use strict;
use warnings;

use Digest::MD5 ();
use Digest::SHA ();
use Errno qw(EAGAIN EINTR EWOULDBLOCK);
use Exporter 'import';
use IO::Select ();
use IO::Socket::INET ();
use Test::More ();
use Time::HiRes qw(sleep);

our @EXPORT = qw(add_response_body_check);

my @body_checks;

sub add_response_body_check ($) { return push @body_checks, shift; }


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


# A pattern for this takes the square of the time where blanks are many.

sub trim_end {
    my $end = length $_[0];

    $end-- while $end > 0 && substr($_[0], $end - 1, 1) =~ /\s/;
    substr $_[0], $end, length($_[0]) - $end, '';

    return;
}


# "PUT /x\nbody" becomes a whole request.  The request is a list of packets; the
# head is completed in the first one, the body's packets stay as they are cut.

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
    $headers .= "Host: $Test::Nginx::Util::ServerName\r\n"
        if $more !~ /^Host:/mi;
    $headers .= "Connection: $connection\r\n" if $more !~ /^Connection/mi;
    $headers .= $more;

    if ($fixed) {

        # blanks around a body are the test file's layout
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

    # the head goes out together with what followed it in its packet
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

            # nginx has answered and closed: the answer is still to be read
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

        my $file = "$Test::Nginx::Util::HtmlDir/curl.data.bin";
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


# Returns the response and what follows it in a pipeline.

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


sub header_of {
    my ($response, $key) = @_;

    my $values = $response && $response->{headers}{ lc $key } or return '';

    return join ', ', @$values;
}


# ---- checks ------------------------------------------------------------------


sub expected {
    my ($block, $section, $index, $need_array) = @_;

    my $value = $block->$section;

    return $value->[$index] if ref $value eq 'ARRAY';

    bail_out($block->name,
        " - several requests need an array in --- $section")
        if $need_array;

    return $value;
}


sub with_ports {
    my ($text) = @_;

    return $text if !defined $text || ref $text;

    $text =~ s/\$ServerPort\b/$Test::Nginx::Util::ServerPort/g;
    $text =~ s/\$ServerPortForClient\b
              /$Test::Nginx::Util::ServerPortForClient/gx;

    return $text;
}


sub check_code {
    my ($block, $response, @which) = @_;

    my $code = $response && $response->{code} || '';
    my $what = $block->name . ' - status code ok';

    if (defined $block->error_code_like) {
        my $pattern = expected($block, 'error_code_like', @which);
        Test::More::like($code, qr/$pattern/sm, $what);

    } else {
        Test::More::is($code,
            defined $block->error_code
                ? expected($block, 'error_code', @which) : 200, $what);
    }

    return;
}


sub header_expectations {
    my ($text) = @_;

    my %expectations;

    for my $line (split /\n/, $text // '') {
        $line =~ s/^\s+|\s+$//g;

        if ($line =~ s/^!\s*//) {
            $expectations{$line} = undef;

        } else {
            my ($key, $value) = split /\s*:\s*/, $line, 2;
            $expectations{$key} = $value if defined $key;
        }
    }

    return \%expectations;
}


sub check_headers {
    my ($block, $response, @which) = @_;

    my $name = $block->name;
    my $raw  = $response ? $response->{raw_headers} : '';

    if (defined $block->raw_response_headers_like) {
        my $re = expected($block, 'raw_response_headers_like', @which);
        Test::More::like($raw, qr/$re/s, "$name - raw resp headers like");
    }

    if (defined $block->raw_response_headers_unlike) {
        my $re = expected($block, 'raw_response_headers_unlike', @which);
        Test::More::unlike($raw, qr/$re/s, "$name - raw resp headers unlike");
    }

    if (defined $block->response_headers) {
        my $want = header_expectations(
            expected($block, 'response_headers', @which));

        for my $key (sort keys %$want) {
            if (!defined $want->{$key}) {
                Test::More::unlike($raw, qr/^\s*\Q$key\E\s*:/mi,
                    "$name - header $key not present in the raw headers");
                next;
            }

            Test::More::is(header_of($response, $key),
                with_ports($want->{$key}), "$name - header $key ok");
        }

    } elsif (defined $block->response_headers_like) {
        my $want = header_expectations(
            expected($block, 'response_headers_like', @which));

        for my $key (sort keys %$want) {
            my $re = $want->{$key} // '';
            Test::More::like(header_of($response, $key), qr/^$re$/,
                "$name - header $key like ok");
        }
    }

    return;
}


my %body_filter = (
    md5_hex  => \&Digest::MD5::md5_hex,
    sha1_hex => \&Digest::SHA::sha1_hex,
    uc       => sub { return uc shift },
    lc       => sub { return lc shift },
    ucfirst  => sub { return ucfirst shift },
    lcfirst  => sub { return lcfirst shift },
    length   => sub { return length shift },
);


sub filter_body {
    my ($block, $response, $index) = @_;

    my $filters = $block->response_body_filters;
    return if !defined $filters || !$response;

    $filters = [ split ' ', $filters ] if !ref $filters;
    $filters = [$filters]              if ref $filters ne 'ARRAY';
    $filters = $filters->[$index]      if ref $filters->[0] eq 'ARRAY';

    for my $filter (@$filters) {
        my $code = ref $filter ? $filter : $body_filter{$filter}
            or bail_out($block->name, " - unknown body filter $filter");
        $response->{content} = $code->($response->{content});
    }

    return;
}


sub check_body {
    my ($block, $response, $repeat, $index, $need_array) = @_;

    my $name = $block->name;
    my $body = $response ? $response->{content} : undef;
    my $what = "(repeated req $repeat, req $index)";

    if (defined $block->response_body) {
        my $want = Test::Nginx::Util::expand_env_in_text(
            with_ports(
                expected($block, 'response_body', $index, $need_array)),
            $name);

        if (ref $want) {
            Test::More::like($body, $want,
                "$name - response_body - like $what");

        } else {
            Test::More::is($body, $want,
                "$name - response_body - response is expected $what");
        }

    } elsif (defined $block->response_body_like) {
        my $re = with_ports(
            expected($block, 'response_body_like', $index, $need_array));
        Test::More::like($body, qr/$re/s,
            "$name - response_body_like - response is expected");

    } elsif (defined $block->response_body_unlike) {
        my $re = with_ports(
            expected($block, 'response_body_unlike', $index, $need_array));
        Test::More::unlike($body, qr/$re/s,
            "$name - response_body_unlike - response is expected");
    }

    for my $check (@body_checks) {
        $check->($block, $body, $index, $repeat, 0);
    }

    return;
}


sub patterns_of {
    my ($patterns) = @_;

    return @$patterns                     if ref $patterns eq 'ARRAY';
    return $patterns                      if ref $patterns;
    return grep { length } split /\n+/, $patterns;
}


sub matches {
    my ($line, $pattern) = @_;

    return ref $pattern ? $line =~ $pattern : index($line, $pattern) >= 0;
}


# Whether there is a line for each pattern.

sub has_lines {
    my ($block, $lines, $section) = @_;

    for my $pattern (grep { defined } patterns_of($block->$section // [])) {
        return 0 if !grep { matches($_, $pattern) } @$lines;
    }

    return 1;
}


# One test for a pattern, whether it has to be there or must not.

sub check_lines {
    my ($block, $lines, $section, $log, $wanted) = @_;

    return if !defined $block->$section;

    for my $pattern (patterns_of($block->$section)) {
        next if !defined $pattern;

        my ($found) = grep { matches($_, $pattern) } @$lines;
        my $what = $block->name . " - pattern \"$pattern\" "
            . ($wanted ? 'matches a line in' : 'does not match a line in')
            . " $log";

        if (!Test::More::ok($wanted ? defined $found : !defined $found, $what)
            && defined $found)
        {
            Test::More::diag("the line is: $found");
        }
    }

    return;
}


# What grep_error_log finds, and what it should.

sub grepped {
    my ($block, $lines, $repeat) = @_;

    my $name    = $block->name;
    my $pattern = $block->grep_error_log;
    my $want    = $block->grep_error_log_out;

    bail_out("$name - --- grep_error_log and --- grep_error_log_out go together")
        if defined $pattern xor defined $want;

    $pattern = $pattern->[$repeat] if ref $pattern eq 'ARRAY';
    return if !defined $pattern;

    $want = $want->[$repeat] if ref $want eq 'ARRAY';
    $want = Test::Nginx::Util::expand_env_in_text($want, $name);

    my $re = ref $pattern ? $pattern : qr/\Q$pattern\E/;
    my $got = join '', map { "$_\n" } grep { !/\n/ }
        map { /($re)/ ? $1 : () } @$lines;

    return ($got, $want);
}


sub check_grep {
    my ($block, $lines, $repeat) = @_;

    my $name = $block->name;
    my ($got, $want) = grepped($block, $lines, $repeat);

    return if !defined $want;

    if (ref $want) {
        Test::More::like($got, $want,
            "$name - grep_error_log_out (req $repeat)");

    } else {
        Test::More::is($got, $want,
            "$name - grep_error_log_out (req $repeat)");
    }

    return;
}


sub check_error_log {
    my ($block, $repeat) = @_;

    my $lines = Test::Nginx::Util::error_log_data(sub {
        my ($so_far) = @_;

        my ($got, $want) = grepped($block, $so_far, $repeat);

        return has_lines($block, $so_far, 'error_log')
            && (!defined $want || (ref $want ? $got =~ $want : $got eq $want));
    });

    check_grep($block, $lines, $repeat);
    check_lines($block, $lines, 'error_log',    'error.log', 1);
    check_lines($block, $lines, 'no_error_log', 'error.log', 0);

    # what no test expects: said once, and a failure where a process died
    my ($death) = grep {
        /\bAssertion .*?failed\b
         | exited\ on\ signal\ (?!9\b|15\b)
         | exited\ with\ (?:fatal\ )?code\ (?!0\b)/x
    } @$lines;
    Test::More::fail($block->name . " - $death") if defined $death;

    return if defined $block->must_die;

    my $expected = join "\n",
        map { defined $block->$_ ? patterns_of($block->$_) : () }
        qw(error_log no_error_log);

    for my $level (grep { index($expected, "[$_") < 0 } qw(alert crit emerg)) {
        my ($line) = grep { /\[$level\]/ } @$lines or next;
        Test::More::diag('WARNING: ', $block->name, " - $line");
    }

    return;
}


sub check_shutdown_error_log {
    my ($block) = @_;

    my $lines = Test::Nginx::Util::error_log_data();

    check_lines($block, $lines, 'shutdown_error_log',    'error.log', 1);
    check_lines($block, $lines, 'no_shutdown_error_log', 'error.log', 0);

    return;
}


sub check_access_log {
    my ($block) = @_;

    return if !defined $block->access_log && !defined $block->no_access_log;

    my $lines = Test::Nginx::Util::access_log_data(
        sub { return has_lines($block, $_[0], 'access_log') });

    check_lines($block, $lines, 'access_log',    'access.log', 1);
    check_lines($block, $lines, 'no_access_log', 'access.log', 0);

    return;
}


sub check_response {
    my ($block, $response, $repeat, @which) = @_;

    check_code($block, $response, @which);
    check_headers($block, $response, @which);
    filter_body($block, $response, $which[0]);
    check_body($block, $response, $repeat, @which);

    return;
}


sub check_logs {
    my ($block, $repeat) = @_;

    sleep $block->wait if $block->wait;

    check_error_log($block, $repeat);
    check_access_log($block) if !defined $block->ignore_response;

    return;
}


sub run_block {
    my ($block, $repeat) = @_;

    my $name      = $block->name;
    my @requests  = requests_of($block);
    my $pipelined = $block->pipelined_requests;
    my $answers   = $pipelined ? @$pipelined : @requests;
    my $timeout   = Test::Nginx::Util::parse_time($block->timeout)
        // $Test::Nginx::Util::Timeout;
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

            check_response($block, $response, $repeat, $i,
                           $pipelined || $answers > 1);

            if ($pipelined) {
                $raw = $left;

            } elsif (defined $left && $left ne '') {
                Test::More::diag("$name - unexpected bytes after the"
                    . " response: $left");
            }
        }

        check_logs($block, $repeat);
    }

    return;
}

1;
