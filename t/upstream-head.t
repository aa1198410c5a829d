# Response headers of the upstream that nginx parses in a special way: to an
# ordinary call, to a poll and to an update.

use strict;
use warnings;

use Test::More;

use Reauth::Peer;
use Reauth::Test redis => 0, sandbox => 0;

my $body = '{"account":{"id":"acct_1"},"state":"authenticated",'
    . '"progress":"signed_in","lastAttempt":{"success":true,'
    . '"started_at":"2124-05-06T07:08:09.000000Z"}}';

# the last segment of the path selects the response header

my %head = (
    auth_charset   => "HTTP/1.1 200 OK\r\n"
        . "Content-Type: application/json; charset=\"\r\n",
    auth_redirect => "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        . "X-Accel-Redirect: /reauth/summary\r\n",
);

my $peer = Reauth::Peer->start(sub {
    my ($request, $number, $socket) = @_;

    my ($name) = $request =~ m{/(auth_\w+) HTTP/};

    if (!defined $name) {
        my ($account) = $request =~ m{/acct_(\w+)/credentials};
        return Reauth::Peer::accepted("auth_$account");
    }

    # nginx 1.29.7 and later keep connections by default
    syswrite $socket, ($head{$name} // '')
        . ($head{$name} ? "Connection: close\r\nContent-Length: "
            . length($body) . "\r\n\r\n" : '')
        . $body;

    return;
});

my $gateway = gateway(http_config => 'upstream fans_api { server 127.0.0.1:'
    . $peer->port . '; }');

for my $path ('/api/acct_9', '/api/authenticate') {
    my $answer = $gateway->http('GET', "$path/auth_charset");

    is($answer->{status}, 200, "$path, half a charset: passed on");
    is($answer->{headers}{'content-type'}, 'application/json; charset="',
       'the Content-Type is passed unchanged');
    is($answer->{body}, $body, 'the body is passed unchanged');

    $answer = $gateway->http('GET', "$path/auth_redirect");

    is($answer->{status}, 200, "$path, X-Accel-Redirect: passed on");
    is($answer->{body}, $body, 'X-Accel-Redirect has no effect on the body');

    $answer = $gateway->http('GET', "$path/auth_none");

    is($answer->{status}, 502, "$path, no status line: refused");
    is($answer->{headers}{'content-type'}, 'application/json',
        'the Content-Type of the error is application/json');
    is($answer->{json}{error}, 'UPSTREAM_BAD_ANSWER',
        'the error is UPSTREAM_BAD_ANSWER');
}

is($gateway->update('acct_none', 'ok')->{status}, 200,
    'an update is accepted before the poll');
is($gateway->http('GET', '/api/authenticate/auth_none')->{status}, 502,
   'a poll without a status line is rejected');
is($gateway->http('GET', '/reauth/gate/acct_none')->{status}, 503,
   'opens no gate');

like($gateway->error_log, qr/the upstream's response has no status line/,
     'a response without a status line is logged');
unlike($gateway->error_log, qr/\[(?:alert|crit|emerg)\]/, 'nothing worse is');

done_testing();
