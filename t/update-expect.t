# Expect: 100-continue: the client waits before it sends the body, and is not
# asked for one that would be rejected.

use strict;
use warnings;

use IO::Select ();
use IO::Socket::INET ();
use Test::More;

use Reauth::Test redis => 0;

plan tests => 16;

my $gateway = gateway();
my $body = '{"email":"slow@example.com","password":"secret"}';

# a response of the gateway itself
my $whole = qr/"decision_id":"\w+"\}/;

sub ask {
    my ($account, %header) = @_;

    my $socket = IO::Socket::INET->new(
        PeerAddr => '127.0.0.1',
        PeerPort => $gateway->port,
    ) or die "cannot connect: $!\n";

    %header = (
        Host           => 'localhost',
        Connection     => 'close',
        Expect         => '100-continue',
        'Content-Type' => 'application/json',
        %header,
    );
    print {$socket} "PUT /api/authenticate/$account/credentials HTTP/1.1\r\n",
        (map { "$_: $header{$_}\r\n" } sort keys %header), "\r\n";
    $socket->flush;

    return $socket;
}

sub answer {
    my ($socket, $until) = @_;

    my $text = '';

    while (IO::Select->new($socket)->can_read($Reauth::Test::LIMIT)) {
        sysread $socket, $text, 65536, length $text or last;
        last if $until && $text =~ $until;
    }

    return $text;
}

{
    my $socket = ask('acct_1', 'Content-Length' => length $body);
    is(answer($socket, qr/\r\n\r\n/), "HTTP/1.1 100 Continue\r\n\r\n",
       'asked for the body');

    print {$socket} $body;
    $socket->flush;
    like(answer($socket), qr{\AHTTP/1.1 200 .*"attempt_id"}s,
        'an update with a length is accepted');
}

{
    my $socket = ask('acct_2', 'Transfer-Encoding' => 'chunked');
    is(answer($socket, qr/\r\n\r\n/), "HTTP/1.1 100 Continue\r\n\r\n",
       'asked for the body in chunks');

    printf {$socket} "%x\r\n%s\r\n0\r\n\r\n", length $body, $body;
    $socket->flush;
    like(answer($socket), qr{\AHTTP/1.1 200 .*"attempt_id"}s,
        'a chunked update is accepted');
}

{
    my $socket = ask('acct_3', 'Content-Length' => 65537);
    my $answer = answer($socket, $whole);
    unlike($answer, qr/100 Continue/, 'a large body is not asked for');
    like($answer, qr{\AHTTP/1.1 413 .*"error":"BODY_TOO_LARGE"}s,
        'a large body is rejected');
}

{
    my $socket = ask('acct_4', 'Content-Length' => length $body,
                     'Content-Type' => 'text/plain');
    my $answer = answer($socket, $whole);
    unlike($answer, qr/100 Continue/, 'a body of another type: not asked for');
    like($answer, qr{\AHTTP/1.1 415 .*"UNSUPPORTED_MEDIA_TYPE"}s,
        'a body of another type is rejected');
}

{
    my $socket = ask('nobody', 'Content-Length' => length $body);
    my $answer = answer($socket, $whole);
    unlike($answer, qr/100 Continue/, 'a path that there is not');
    like($answer, qr{\AHTTP/1.1 404 .*"NOT_FOUND"}s,
        'an unknown path is rejected');
}

{
    my $socket = ask('acct_5', 'Transfer-Encoding' => 'chunked');
    like(answer($socket, qr/\r\n\r\n/), qr/100 Continue/,
         'a chunked body is requested');
    local $SIG{PIPE} = 'IGNORE';
    my $large = 'x' x 100_000;
    printf {$socket} "%x\r\n%s\r\n0\r\n\r\n", length $large, $large;
    $socket->flush;
    like(answer($socket), qr{\AHTTP/1.1 413 .*"BODY_TOO_LARGE"}s,
        'a body that proves too large is rejected');
}

{
    my $socket = ask('acct_6', Connection => 'keep-alive',
                     'Content-Type' => 'text/plain', 'Content-Length' => 100);
    like(answer($socket, $whole), qr/^Connection: close\r$/m,
         'the connection is closed if the body may follow or not');
}

is(scalar(@{ $gateway->http('GET', '/reauth/accounts')->{json}{accounts} }),
   2, 'two accounts are known');
is(scalar(sandbox_log()), 2, 'the upstream got two updates');
unlike($gateway->error_log, qr/\[(?:error|alert|crit)\]/, 'nothing in the log');
