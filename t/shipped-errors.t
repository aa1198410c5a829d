# With the shipped configurations, errors of nginx itself have the upstream's
# format; those of the gateway and of the upstream are unchanged.

use strict;
use warnings;

use IO::Socket::INET ();
use JSON::PP ();
use Test::More;

use Reauth::Peer;
use Reauth::Shipped;
use Reauth::Test sandbox => 0;

my $peer = Reauth::Peer->start(sub {
    my ($request, undef, $socket) = @_;

    return Reauth::Peer::silence($socket) if $request =~ /acct_stall/;

    my $body = $request =~ /acct_html/ ? '<html>own</html>' : '{"own":true}';

    return "HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\n"
        . 'Content-Length: ' . length($body) . "\r\n\r\n$body";
});

sub raw {
    my ($gateway, $request) = @_;

    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $gateway->port, Proto => 'tcp') or die "connect: $!\n";

    local $SIG{PIPE} = 'IGNORE';
    print {$socket} $request;
    $socket->flush;

    my $answer = do { local $/; <$socket> };

    return $answer // '';
}

sub envelope {
    my ($answer, $status, $error, $name) = @_;

    like($answer, qr/\AHTTP\/1\.1 $status /, "$name: the status is $status");
    like($answer, qr/^Content-Type: application\/json\r$/m,
        "$name: the response is JSON");
    like($answer, qr/^Cache-Control: no-store\r$/m, "$name: kept by nobody");

    my ($body) = $answer =~ /\r\n\r\n(.*)\z/s;
    my $json = eval { JSON::PP::decode_json($body) } || {};

    is($json->{error}, $error, "$name: the error is $error");
    ok(length($json->{$_} // ''),
        "$name: the response has a $_") for qw(message description);

    return;
}

my %error = (
    400 => 'BAD_REQUEST',
    403 => 'FORBIDDEN',
    404 => 'NOT_FOUND',
    405 => 'METHOD_NOT_ALLOWED',
    408 => 'REQUEST_TIMEOUT',
    411 => 'LENGTH_REQUIRED',
    413 => 'BODY_TOO_LARGE',
    414 => 'URI_TOO_LONG',
    429 => 'TOO_MANY_REQUESTS',
    500 => 'INTERNAL_ERROR',
    502 => 'UPSTREAM_BAD_ANSWER',
    503 => 'SERVICE_UNAVAILABLE',
    504 => 'UPSTREAM_TIMEOUT',
);

# These locations again, with short timeouts, for requests without a response;
# others have the time that they need.

my @impatient = map {
    my ($location, $path) = @$_;

    [qr/^( +location )$location( \{\n)(.*?^    (?:    )?\}\n)/ms, sub {
        my ($name, $open, $rest) = ($1, $2, $3);

        return "$name$location$open$rest$name$location$path$open"
            . 'proxy_read_timeout 300ms;'
            . $rest =~ s{(proxy_pass +https?://fans_api/)}{$1$path}r;
    }]
} ['/api/', 'acct_stall_'], ['/upstream/', 'api/authenticate/acct_stall_'];

my $end = "Host: localhost\r\nConnection: close\r\n\r\n";

for my $file (qw(conf/nginx.conf docker/nginx.conf conf/demo.conf)) {
    (my $id = $file) =~ s/\W/_/g;
    my $fail = join '', map { "if (\$arg_fail = $_) { return $_; }\n" }
        sort keys %error;

    my $gateway = Reauth::Shipped->start($file, upstream => $peer->port,
        replace => [
            [qr/^ +reauth_poll .*;/m, ''],
            @impatient,
            [qr/(?=^ +upstream fans_api)/m, 'limit_req_zone $arg_limit zone=limit:1m rate=1r/m;'],
            [qr/(?=reauth_gate +on;)/,
                'limit_req zone=limit; limit_req_status 429;'],
            [qr/(?=location \/reauth\/ )/, $fail],
        ]);

    my $request = sub { return raw($gateway, $_[0]) };

    envelope($request->("GET /x HTTP/1.1\r\nConnection: close\r\n\r\n"),
        400, 'BAD_REQUEST', "$file: no Host");
    envelope($request->("GET  HTTP\r\n$end"), 400, 'BAD_REQUEST',
        "$file: no request line");
    envelope($request->("GET /nowhere HTTP/1.1\r\n$end"), 404, 'NOT_FOUND',
        "$file: nowhere");
    envelope($request->("TRACE /x HTTP/1.1\r\n$end"), 405,
        'METHOD_NOT_ALLOWED', "$file: TRACE");
    envelope($request->("POST /reauth/accounts HTTP/1.1\r\n"
        . "Content-Length: 9000000\r\n$end"), 413, 'BODY_TOO_LARGE',
        "$file: a large body where none belongs");
    envelope($request->('GET /' . 'x' x 9000 . " HTTP/1.1\r\n$end"), 414,
        'URI_TOO_LONG', "$file: a long URI");
    envelope($request->("GET /x HTTP/1.1\r\nX: " . 'x' x 9000 . "\r\n$end"),
        431, 'HEADERS_TOO_LARGE', "$file: a large header");
    envelope($request->("GET /api/acct_stall_$id/x HTTP/1.1\r\n$end"), 504,
        'UPSTREAM_TIMEOUT', "$file: a call that is not answered");
    $request->("GET /api/acct_1/x?limit=1 HTTP/1.1\r\n$end");
    envelope($request->("GET /api/acct_1/x?limit=1 HTTP/1.1\r\n$end"), 429,
        'TOO_MANY_REQUESTS', "$file: too many");

    envelope($request->("GET /x?fail=$_ HTTP/1.1\r\n$end"), $_, $error{$_},
        "$file: $_") for grep { $_ != 408 } sort keys %error;

    # nginx closes the connection of a client that is too slow

    is($request->("GET /x?fail=408 HTTP/1.1\r\n$end"), '',
        "$file: a client that is too slow gets no response");

    like($request->("GET /error_of_nginx HTTP/1.1\r\n$end"),
        qr/\AHTTP\/1\.1 404 .*"NOT_FOUND"/s,
        "$file: clients cannot request the location of errors");

    # ---- errors of the gateway and of the upstream ----

    my $answer = $gateway->http('GET', '/api/acct_own/x');
    is($answer->{status}, 404,
        "$file: the status of the upstream's own error is passed");
    is($answer->{body}, '{"own":true}',
        "$file: the body of the upstream's own error is passed");

    $answer = $gateway->http('GET', '/api/acct_html/x');
    is($answer->{body}, '<html>own</html>',
        "$file: an HTML error of the upstream is passed");

    $answer = $gateway->http('POST', '/reauth/accounts', {}, '{}');
    is($answer->{status}, 405, "$file: the gateway returns its own error");
    ok($answer->{json}{decision_id},
        "$file: an error of the gateway has a decision ID");

    # the demo has it in its error log, which is at "info"

    my $id_of = $answer->{json}{decision_id};
    ok(wait_for {
        return $file =~ /demo/ ? $gateway->error_log =~ /decision $id_of/
            : $gateway->access_log =~ /"decision_id":"$id_of"/;
    } "$file: the log has a line with the decision ID");

    # ---- an update ----

    $answer = $gateway->update("acct_stall_$id", 'ok');
    is($answer->{status}, 504, "$file: an update that is not answered");
    is($answer->{json}{error}, 'UPSTREAM_TIMEOUT',
        "$file: the error of an update without a response is UPSTREAM_TIMEOUT");
    ok($answer->{json}{decision_id},
        "$file: the error of an update without a response has a decision ID");
    is($gateway->http('GET', "/reauth/accounts/acct_stall_$id")->{json}{state},
        'unknown', "$file: nobody knows");
    is($gateway->http('GET', "/api/acct_stall_$id/x")->{json}{account_id},
        "acct_stall_$id", "$file: the gate returns its own 503 response");

    unlike($gateway->error_log, qr/\[(?:crit|alert|emerg)\]/,
        "$file: nothing worse than an error is logged");
    $gateway->stop;

    # ---- the upstream is down ----

    my $alone = Reauth::Shipped->start($file, upstream => 1,
        replace => [[qr/^ +reauth_poll .*;/m, '']]);

    envelope(raw($alone, "GET /api/acct_1/x HTTP/1.1\r\n$end"), 502,
        'UPSTREAM_BAD_ANSWER', "$file: a call when the upstream is down");

    $answer = $alone->update("acct_down_$id", 'ok');
    is($answer->{status}, 502, "$file: an update when the upstream is down");
    like($answer->{json}{message}, qr/could not be reached/,
        "$file: the error says that the upstream could not be reached");
    is($alone->http('GET', "/reauth/accounts/acct_down_$id")->{json}{state},
        'rejected', "$file: nothing was started");
    $alone->stop;
}

done_testing();
