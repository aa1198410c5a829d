# A rejected request may have a body: no part of it is read as the next request
# of the connection, which may be that of another client of a proxy, and the
# client is not asked for it.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use IO::Select ();
use IO::Socket::INET ();
use Test::More;

use Reauth::Test redis => 0, sandbox_options => ['--hold'];

my $callers = secret_file('callers', <<"EOC", oct 644);
all  sha256:${\ sha256_hex('all') } all
some sha256:${\ sha256_hex('some') } update,call accounts=acct_b*
look sha256:${\ sha256_hex('look') } status
EOC

my $secret  = secret_file('webhook', "a-secret-of-20-bytes\n");
my $gateway = gateway(
    http_config => "reauth_callers_file $callers;",
    config      => "client_body_timeout 10m; lingering_timeout 10m;\n"
        . "lingering_time 10m;\nlocation /webhook { reauth_webhook $secret; }\n"
        . 'location /metrics { reauth_metrics; }');

my $update = '/api/authenticate/acct_a1/credentials';

is($gateway->update('acct_b9', 'ok', headers => { Authorization => 'Bearer all' })
    ->{status}, 200, 'a login, so that there is a closed gate');


# Sends the bytes and returns what is received until nothing follows for a
# while.

sub answer {
    my ($bytes, $until) = @_;

    my $socket = IO::Socket::INET->new(
        PeerAddr => '127.0.0.1',
        PeerPort => $gateway->port,
    ) or die "cannot connect: $!\n";

    print {$socket} $bytes;
    $socket->flush;

    my $text = '';

    while (IO::Select->new($socket)->can_read($text =~ $until
        ? 0.3 : $Reauth::Test::LIMIT)) {
        sysread $socket, $text, 65536, length $text or last;
    }

    return $text;
}

sub statuses { return join ' ', $_[0] =~ m{HTTP/1\.1 (\d+) }g; }


for my $case (
    [ 401, 'PUT',  $update,                                   'nobody' ],
    [ 403, 'PUT',  $update,                                   'look' ],
    [ 403, 'PUT',  $update,                                   'some' ],
    [ 401, 'POST', '/api/authenticate/acct_a1/reauthenticate', 'nobody' ],
    [ 401, 'GET',  '/api/authenticate/auth_1',                'nobody' ],
    [ 404, 'PUT',  '/api/authenticate/nothing',               'all' ],
    [ 405, 'PATCH', $update,                                  'all' ],
    [ 401, 'POST', '/api/acct_a1/me',                         'nobody' ],
    [ 403, 'POST', '/api/acct_a1/me',                         'look' ],
    [ 403, 'POST', '/api/acct_a1/me',                         'some' ],
    [ 400, 'POST', '/api/acct_/me',                           'all' ],
    [ 503, 'POST', '/api/acct_b9/me',                         'all' ],
    [ 401, 'GET',  '/reauth/accounts',                        'nobody' ],
    [ 403, 'GET',  '/reauth/accounts',                        'some' ],
    [ 404, 'GET',  '/reauth/nothing',                         'look' ],
    [ 405, 'POST', '/reauth/accounts',                        'look' ],
    [ 405, 'PUT',  '/webhook',                                'all' ],
    [ 405, 'POST', '/metrics',                                'all' ],
) {
    my ($status, $method, $path, $token) = @$case;

    my $name   = "$method $path, $token";
    my $inner  = "GET /reauth/accounts HTTP/1.1\r\nHost: a\r\n"
        . "Authorization: Bearer look\r\n\r\n";
    my $header = "$method $path HTTP/1.1\r\nHost: localhost\r\n"
        . "Authorization: Bearer $token\r\nContent-Type: application/json\r\n";
    my $length = 'Content-Length: ' . length($inner) . "\r\n";
    my $next   = "GET /reauth/healthz HTTP/1.1\r\nHost: localhost\r\n"
        . "Connection: close\r\n\r\n";

    is(statuses(answer("$header$length\r\n$inner$next",
        qr/"status":"ok"/)), "$status 200",
        "$name: each request gets one response");

    is(statuses(answer(sprintf("%sTransfer-Encoding: chunked\r\n\r\n"
        . "%x\r\n%s\r\n0\r\n\r\n%s", $header, length $inner, $inner, $next),
        qr/"status":"ok"/)), "$status 200",
        "$name: each request gets one response with a chunked body");

    my $asking = answer("$header${length}Expect: 100-continue\r\n\r\n",
        qr/\r\n\r\n/);

    is(statuses($asking), $status, "$name: the body is not requested");
    like($asking, qr/^Connection: close\r$/m,
        "$name: the connection is closed if the body may follow");
}

# ---- a body that ends too early: no request waits for the rest ----

# "closes": rejected twice, so that the end was seen before the response

for my $case (
    [ 401, 'GET',  '/reauth/accounts', 'nobody', 'closes' ],
    [ 200, 'GET',  '/reauth/accounts', 'look' ],
    [ 503, 'POST', '/api/acct_b9/me',  'all' ],
    [ 413, 'PUT',  $update,            'all' ],
) {
    my ($status, $method, $path, $token, $closes) = @$case;

    my $name   = "$method $path, $token, its end";
    my $text   = '';
    my $ended;
    my $socket = IO::Socket::INET->new(
        PeerAddr => '127.0.0.1',
        PeerPort => $gateway->port,
    ) or die "cannot connect: $!\n";

    # the end has arrived when the request is read
    my @workers = $gateway->suspend;
    print {$socket} "$method $path HTTP/1.1\r\nHost: localhost\r\n"
        . "Authorization: Bearer $token\r\nContent-Type: application/json\r\n"
        . "Content-Length: 90000\r\n\r\n{";
    $socket->flush;
    shutdown $socket, 1;
    $gateway->resume(@workers);

    while (IO::Select->new($socket)->can_read($Reauth::Test::LIMIT)) {
        next if sysread $socket, $text, 65536, length $text;

        $ended = 1;
        last;
    }

    is(statuses($text), $status, "$name: the statuses are $status");
    ok($ended, "$name: closed, without a wait for the rest");
    like($text, qr/^Connection: close\r$/m,
        "$name: the connection is closed after the response")
        if $closes;
}

done_testing();
