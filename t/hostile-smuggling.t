# Requests that two programs could parse differently: the upstream receives
# exactly one request for each that was checked, of an account whose gate is
# open, with the gateway's key only.

use strict;
use warnings;

use IO::Select ();
use IO::Socket::INET ();
use Test::More;
use Time::HiRes qw(time);

use Reauth::H2 ();
use Reauth::Peer ();
use Reauth::Test redis => 0, sandbox => 0;

my $received = work_dir() . '/received';

my $peer = Reauth::Peer->start(sub {
    my ($request) = @_;

    open my $out, '>>', $received or return;
    syswrite $out, "$request\0";
    close $out;

    return Reauth::Peer::accepted('auth_closed')
        if $request =~ m{\APUT /api/authenticate/};

    return Reauth::Peer::response('500 Error', '{}')
        if $request =~ m{\AGET /api/authenticate/};

    return Reauth::Peer::response('200 OK', '{}');
});

my $upstream = 'upstream fans_api { server 127.0.0.1:' . $peer->port
    . '; keepalive 8; }';
my $gateway  = gateway(http_config => $upstream);
my $http2    = gateway(name => 'http2', listen => 'http2',
    http_config => $upstream);

# in the form in which the gateway writes it
my $json = '{"auth_type":"email_password","email":"a@example.com",'
    . '"password":"b"}';

is($gateway->update('acct_closed', 'ok')->{status}, 200,
    'an update of acct_closed is accepted');


# Sends one request over HTTP/2; returns the status.

sub h2 {
    my ($method, $target, $headers, $body) = @_;

    my $h2 = Reauth::H2->connect_to($http2->port);
    my $stream = $h2->request($method, $target, $headers,
        defined $body ? (body => $body) : ());
    my $answer = $h2->answer($stream);
    $h2->close;

    return $answer->{status};
}

is(h2('PUT', '/api/authenticate/acct_closed/credentials',
        { 'content-type' => 'application/json' }, $json),
    200, 'an update over HTTP/2 is accepted');


# The requests received since the last call, except polls.

my $seen = 0;

sub came {
    my @all = split /\0/, -e $received ? Reauth::Test::slurp($received) : '';
    my @new = grep { !m{\AGET /api/authenticate/} } @all[ $seen .. $#all ];
    $seen = @all;

    return @new;
}

came();


# Checks for one complete request with the gateway's key, of an open account.

sub clean {
    my ($request, $what) = @_;

    my ($head, $body) = split /\r\n\r\n/, $request, 2;
    my ($line, @headers) = split /\r\n/, $head;
    my %value;

    for (@headers) {
        return fail("$what: not a header: $_")
            if !/\A([!#\$%&'*+.^_`|~0-9A-Za-z-]+): ?([^\r\n\0]*)\z/;
        push @{ $value{ lc $1 } }, $2;
    }

    my ($length) = @{ $value{'content-length'} // ['0'] };

    my $good = $line =~ m{\A[A-Z]+ /api/[!-~]* HTTP/1\.1\z}
        && $line !~ /\A[^?]*(?:acct_closed|smuggled)/
        && @{ $value{'content-length'} // ['0'] } == 1
        && !$value{'transfer-encoding'}
        && $length =~ /\A\d+\z/ && length $body == $length
        && @{ $value{authorization} // [] } == 1
        && $value{authorization}[0] eq "Bearer $Reauth::Test::API_KEY";

    return ok($good,
    "$what: the request is complete and has the gateway's key") || diag($request);
}


# Sends bytes and returns the statuses of the responses.

sub raw {
    my ($bytes) = @_;

    my $socket = IO::Socket::INET->new(
        PeerAddr => '127.0.0.1',
        PeerPort => $gateway->port,
    ) or die "cannot connect: $!\n";

    local $SIG{PIPE} = 'IGNORE';
    print {$socket} $bytes;
    $socket->flush;

    my $text     = '';
    my $select   = IO::Select->new($socket);
    my $deadline = time + $Reauth::Test::LIMIT;

    while ($select->can_read($deadline - time)) {
        sysread $socket, $text, 65536, length $text or last;
        # a kept-alive connection is read until nothing follows
        $deadline = time + 0.5 if $bytes !~ /^Connection: close\r$/m;
    }

    return $text =~ m{HTTP/1\.[01] (\d+) }g;
}


# Checks the statuses (a pattern, or undef for any) and the number of requests
# that reached the upstream, each of them complete.

sub attack {
    my ($what, $bytes, $statuses, $count) = @_;

    my @statuses = raw($bytes);
    my @came     = came();

    like("@statuses", qr/\A$statuses\z/, "$what: answered $statuses")
        if defined $statuses;
    is(scalar @came, $count,
        "$what: the upstream receives $count requests") or diag("@came");
    clean($_, $what) for @came;

    return @came;
}


sub post {
    my ($headers, $body, $target) = @_;

    $target //= '/api/acct_open/messages';

    return "POST $target HTTP/1.1\r\nHost: gateway\r\n$headers\r\n$body";
}

my $smuggled = "GET /api/acct_closed/smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
my $close    = "Connection: close\r\n";

attack('a plain one', post("Content-Length: 2\r\n$close", 'ab'), '200', 1);

# ---- two lengths ----

attack('a length and chunks',
    post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "0\r\n\r\n$smuggled"), '400', 0);
attack('chunks and a length',
    post("Transfer-Encoding: chunked\r\nContent-Length: "
        . (5 + length $smuggled) . "\r\n", "0\r\n\r\n$smuggled"), '400', 0);
attack('two equal lengths',
    post("Content-Length: 2\r\nContent-Length: 2\r\n", 'ab'), '400', 0);
attack('two other lengths',
    post("Content-Length: 0\r\nContent-Length: " . length($smuggled) . "\r\n",
        $smuggled), '400', 0);

for my $length ('+2', '-2', '0x2', '2, 2', '2 2', "2\t2", '',
    '18446744073709551618', '99999999999999999999')
{
    attack("the length \"$length\"",
        post("Content-Length: $length\r\n$close", "ab$smuggled"),
        $length =~ /\A9+\z|\A184/ ? undef : '400', 0);
}

# ---- encodings that some programs might support ----

for my $encoding ('xchunked', 'chunked, identity', 'identity, chunked',
    'chunked, chunked', '"chunked"', "chunked\x0b", 'gzip, chunked', 'identity',
    'chunked;q=1', '')
{
    attack("the encoding \"$encoding\"",
        post("Transfer-Encoding: $encoding\r\n", "0\r\n\r\n$smuggled"),
        undef, 0);
}

attack('two encodings',
    post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "0\r\n\r\n$smuggled"), '400', 0);
attack('an encoding in HTTP/1.0',
    "POST /api/acct_open/messages HTTP/1.0\r\nTransfer-Encoding: chunked\r\n"
    . "\r\n0\r\n\r\n$smuggled", undef, 0);

# A line that nginx does not accept as a header is not forwarded, so that no
# other program can read it as one: the request has no body, and the following
# bytes are checked as the request that they are.

for my $header ("Transfer-Encoding : chunked", "Transfer_Encoding: chunked",
    "X: y\r\n Transfer-Encoding: chunked", "X: y\nTransfer-Encoding : chunked",
    "Transfer-Encoding\r\n : chunked")
{
    (my $name = $header) =~ s/\r?\n/\\n/g;
    my @statuses = raw(post("$header\r\n", $smuggled));
    my @came = came();

    unlike("@statuses", qr/200 200/,
        "\"$name\": the request does not get two responses");
    clean($_, "\"$name\"") for @came;
    unlike($_, qr/transfer.encoding/i, "\"$name\": not passed on") for @came;
}

# ---- bodies in chunks ----

my $chunked = "Transfer-Encoding: chunked\r\n$close";

for my $case (
    [ 'chunks', "2\r\nab\r\n0\r\n\r\n", '200', 1 ],
    [ 'an extension', "2;a=b\r\nab\r\n0;c\r\n\r\n", '200', 1 ],
    [ 'a quoted extension', "2;a=\"\n\"\r\nab\r\n0\r\n\r\n", undef, undef ],
    [ 'a trailer', "2\r\nab\r\n0\r\nAuthorization: x\r\n\r\n", '200', 1 ],
    [ 'leading zeros', "0000000000000002\r\nab\r\n0\r\n\r\n", '200', 1 ],
    [ 'a size of 65 bits', "10000000000000002\r\nab\r\n0\r\n\r\n", undef, 0 ],
    [ 'all bits', "ffffffffffffffff\r\nab\r\n0\r\n\r\n", undef, 0 ],
    [ 'a sign', "+2\r\nab\r\n0\r\n\r\n", '400', 0 ],
    [ 'minus', "-2\r\nab\r\n0\r\n\r\n", '400', 0 ],
    [ 'a prefix', "0x2\r\nab\r\n0\r\n\r\n", '400', 0 ],
    [ 'no size', "\r\nab\r\n0\r\n\r\n", '400', 0 ],
    [ 'no line end after the data', "2\r\nab0\r\n\r\n", '400', 0 ],
    [ 'more than told', "2\r\nabcd\r\n0\r\n\r\n", '400', 0 ],
    [ 'a bare line feed', "2\nab\n0\n\n", undef, undef ])
{
    my ($name, $body, $statuses, $count) = @$case;

    my @answers = raw(post($chunked, $body . $smuggled));
    my @came = came();

    is("@answers", $statuses,
        "$name: the statuses are $statuses") if defined $statuses;
    is(scalar @came, $count,
        "$name: the upstream receives $count requests") if defined $count;
    ok(@came <= 1, "$name: the upstream receives at most one request");

    for (@came) {
        clean($_, $name);
        like($_, qr/\r\n\r\nab\z/, "$name: the body is what was meant");
    }
}

# ---- pipelined requests: each is checked ----

my @came = attack('pipelined',
    post("Content-Length: 2\r\n", 'ab') . $smuggled
    . post("Content-Length: 2\r\n$close", 'cd'), '200 503 200', 2);
is(join(' ', map { (split /\r\n\r\n/)[1] } @came), 'ab cd',
    'pipelined: two bodies, none in the other');

attack('a body that is a request',
    post("Content-Length: " . length($smuggled) . "\r\n$close", $smuggled),
    '200', 1);

# ---- the position of the path in the request line ----

for my $case (
    [ 'absolute', 'http://gateway/api/acct_closed/me', '503', 0 ],
    [ 'absolute, another host', 'http://x.example/api/acct_closed/me', '503',
      0 ],
    [ 'an id as its host', 'http://acct_open/api/acct_closed/me', '400', 0 ],
    [ 'a path of its host alone', 'http://x.example', '404', 0 ],
    [ 'absolute with dots', 'http://x/api/acct_open/../acct_closed/me', '400',
      0 ],
    [ 'absolute with a user', 'http://a@x/api/acct_closed/me', undef, 0 ],
    [ 'a fragment', '/api/acct_closed/me#/../../acct_open', '400', 0 ],
    [ 'a fragment first', '/api/acct_open#/../acct_closed/me', undef, undef ],
    [ 'two slashes', '//api/acct_closed/me', '400', 0 ],
    [ 'a host in the path', '//x.example/api/acct_closed/me', undef, 0 ],
    [ 'an encoded NUL', '/api/acct_closed/me%00', '400', 0 ],
    [ 'NUL before the id', '/api/%00/../acct_closed/me', '400', 0 ],
    [ 'a NUL', "/api/acct_open\0/../acct_closed", '400', 0 ],
    [ 'above the root', '/../api/acct_closed/me', '400', 0 ],
    [ 'encoded above the root', '/%2e%2e/api/acct_closed/me', '400', 0 ],
    [ 'a broken escape', '/api/acct_closed/%zz', '400', 0 ],
    [ 'an asterisk', '*', '400', 0 ],
    [ 'no path', '', '400', 0 ],
    [ 'too long an id', '/api/acct_' . 'a' x 65 . '/me', '400', 0 ],
    [ 'a huge id', '/api/acct_' . 'a' x 6000 . '/me', '400', 0 ],
    [ 'a huger one than any line', '/api/acct_' . 'a' x 70_000, '414', 0 ],
    [ 'a blank in it', '/api/acct_open/x /api/acct_closed', '400', 0 ],
    [ 'a tab in it', "/api/acct_open/\t/acct_closed", undef, undef ])
{
    my ($name, $target, $statuses, $count) = @$case;

    my $bytes = "GET $target HTTP/1.1\r\nHost: gateway\r\n$close\r\n";

    if (defined $count) {
        attack($name, $bytes, $statuses, $count);

    } else {
        raw($bytes);
        clean($_, $name) for came();
    }
}

# ---- request lines and hosts ----

my $path = '/api/acct_closed/me';

for my $case (
    [ 'HTTP/1.0', "GET $path HTTP/1.0\r\n\r\n", '503', 0 ],
    [ 'HTTP/0.9', "GET $path\r\n", undef, 0 ],
    [ 'HTTP/2.0', "GET $path HTTP/2.0\r\nHost: a\r\n\r\n", '505', 0 ],
    [ 'HTTP/1.9', "GET $path HTTP/1.9\r\nHost: a\r\n$close\r\n", '503', 0 ],
    [ 'no host', "GET $path HTTP/1.1\r\n\r\n", '400', 0 ],
    [ 'two hosts', "GET $path HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", '400',
      0 ],
    [ 'a path in the host',
      "GET $path HTTP/1.1\r\nHost: a/api/acct_open\r\n$close\r\n", '400', 0 ],
    [ 'bare line feeds', "GET $path HTTP/1.1\nHost: a\nConnection: close\n\n",
      '503', 0 ],
    [ 'a bare carriage return',
      "GET /api/acct_open/x HTTP/1.1\rX: y\r\nHost: a\r\n\r\n", '400', 0 ],
    [ 'a carriage return in a header',
      "GET $path HTTP/1.1\r\nHost: a\r\nX: y\rZ: 1\r\n$close\r\n", undef, 0 ],
    [ 'a small method', "get $path HTTP/1.1\r\nHost: a\r\n\r\n", '400', 0 ],
    [ 'TRACE', "TRACE $path HTTP/1.1\r\nHost: a\r\n$close\r\n", '405', 0 ],
    # 400 since nginx 1.30
    [ 'CONNECT', "CONNECT $path HTTP/1.1\r\nHost: a\r\n$close\r\n",
      qr/40[05]/, 0 ],
    [ 'an empty line first', "\r\nGET $path HTTP/1.1\r\nHost: a\r\n$close\r\n",
      '503', 0 ])
{
    attack(@$case);
}

# ---- duplicate headers ----

attack('keys of a caller', post("Authorization: Bearer a\r\n"
    . "authorization: Bearer b\r\nContent-Length: 0\r\n$close", ''),
    '400', 0);
attack('a key of a caller', post("Authorization: Bearer a\r\n"
    . "Content-Length: 0\r\n$close", ''), '200', 1);
attack('a key that goes hop by hop', post("Authorization: Bearer a\r\n"
    . "Connection: close, Authorization\r\nContent-Length: 0\r\n", ''),
    '200', 1);

# ---- an update: validated and sent are identical ----

my $credentials = '/api/authenticate/acct_open/credentials';
my $type = "Content-Type: application/json\r\n";
my $number = 0;

for my $case (
    [ 'two types, the second one', $credentials,
      "Content-Type: text/plain\r\n$type", 0 ],
    [ 'two types, the first one', $credentials,
      "${type}Content-Type: text/plain\r\n", undef ],
    [ 'two Prefer', $credentials,
      "Prefer: wait=1\r\nPrefer: wait=999999\r\n$type", 1 ],
    [ 'a length and chunks', $credentials,
      "${type}Transfer-Encoding: chunked\r\n", 0 ],
    [ 'an account in the query',
      "$credentials?account=acct_closed&/../acct_closed", $type, 1 ],
    [ 'absolute', "http://x.example$credentials", $type, 1 ],
    [ 'dots', '/api/authenticate/acct_closed/../acct_open/credentials', $type,
      0 ],
    [ 'an encoded letter', '/api/authenticate/%61cct_open/credentials', $type,
      0 ],
    [ 'an encoded family', '/api/%61uthenticate/acct_open/credentials', $type,
      0 ],
    [ 'an encoded slash', '/api/authenticate%2Facct_open/credentials', $type,
      0 ],
    [ 'two slashes', '/api//authenticate/acct_open/credentials', $type, 0 ],
    [ 'a parameter', '/api/authenticate/acct_open;acct_closed/credentials',
      $type, 0 ],
    [ 'a backslash',
      '/api/authenticate/acct_open\\..\\acct_closed/credentials', $type, 0 ],
    [ 'the family through the gate',
      '/api/x/../authenticate/acct_open/credentials', $type, 0 ],
    [ 'another case', '/api/Authenticate/acct_closed/credentials', $type, 0 ])
{
    my ($name, $target, $headers, $count) = @$case;

    # an identical update would be answered without the upstream
    (my $body = $json) =~ s/"b"/'"b' . ++$number . '"'/e;

    raw("PUT $target HTTP/1.1\r\nHost: gateway\r\n$close${headers}"
        . 'Content-Length: ' . length($body) . "\r\n\r\n$body");
    my @puts = came();

    is(scalar @puts, $count,
        "update, $name: the upstream receives $count requests")
        if defined $count;

    for (@puts) {
        clean($_, "update, $name");
        like($_, qr{\APUT \Q$credentials\E[ ?]},
            "update, $name: the account is that of the request");
        like($_, qr/\r\n\r\n\Q$body\E\z/,
            "update, $name: the body is that of the request");
    }
}

is($gateway->http('GET', '/reauth/gate/acct_open')->{status}, 503,
    'the account that was updated is the one that is gated');

# ---- HTTP/2 ----

for my $case (
    [ 'a path', '/api/acct_closed/me', {} ],
    [ 'dots', '/api/acct_free/../acct_closed/me', {} ],
    [ 'no slash', 'api/acct_closed/me', {} ],
    [ 'absolute', 'http://x/api/acct_closed/me', {} ],
    [ 'a blank', '/api/acct_free/ HTTP/1.1 /api/acct_closed', {} ],
    [ 'a line feed', "/api/acct_free\r\nX: /api/acct_closed", {} ],
    [ 'a NUL', "/api/acct_closed\0/me", {} ],
    [ 'an encoded NUL', '/api/acct_closed%00/me', {} ],
    [ 'another path', '/api/acct_free/me', { ':path' => '/api/acct_closed' } ],
    [ 'lines in a value', '/api/acct_free/me',
      { 'x' => "y\r\n\r\n$smuggled" } ],
    [ 'lines in a name', '/api/acct_free/me', { "x: y\r\nz" => 'a' } ],
    [ 'a large letter', '/api/acct_free/me', { 'Transfer-Encoding' => 'a' } ],
    [ 'an encoding', '/api/acct_free/me', { 'transfer-encoding' => 'chunked' },
      "0\r\n\r\n$smuggled" ],
    [ 'too short a length', '/api/acct_free/me', { 'content-length' => 1 },
      "a$smuggled" ],
    [ 'too long a length', '/api/acct_free/me', { 'content-length' => 9 },
      'ab' ],
    [ 'a sign', '/api/acct_free/me', { 'content-length' => '+2' }, 'ab' ],
    [ 'another host', '/api/acct_closed/me', { host => 'x' } ],
    [ 'a connection', '/api/acct_free/me',
      { connection => 'authorization, close' } ])
{
    my ($name, $target, $headers, $body) = @$case;

    my $status = h2(defined $body ? 'POST' : 'GET', $target, $headers, $body);
    my @requests = came();
    ok(@requests <= 1,
        "HTTP/2, $name: the upstream receives at most one request");
    clean($_, "HTTP/2, $name") for @requests;
    isnt($status, 200, "HTTP/2, $name: not passed")
        if $target =~ /closed/;
}

done_testing();
