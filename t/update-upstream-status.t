# A status that is not final, or a redirect: it is not passed, and the bytes
# that follow it on the connection are no response to another request.

use strict;
use warnings;

use Test::More;

use Reauth::Peer ();
use Reauth::Test redis => 0, sandbox => 0;

my $json = "Content-Type: application/json\r\n";
my $body = '{"leaked":true}';
my $leak = "HTTP/1.1 200 OK\r\n${json}Set-Cookie: leaked=1\r\n"
    . 'Content-Length: ' . length($body) . "\r\n\r\n$body";

# The requested path selects the response: a status, and what follows.

my %first_line = (
    0 => '',
    (map { $_ => "HTTP/1.1 $_ X\r\n" } 100, 101, 102, 103, 199),
);

my $peer = Reauth::Peer->start(sub {
    my ($request, $number, $socket) = @_;

    my ($status, $how) = $request =~ m{\A\w+ \S*_(\d+)_([a-z]+)};

    return Reauth::Peer::accepted('auth_plain') if $request =~ m{\APUT \S*_plain};
    return Reauth::Peer::response('200 OK', '{"plain":true}') if !defined $status;

    if ($status >= 300) {
        my @location = $how eq 'none' ? ()
            : ('Location: ' . ($how eq 'odd' ? "/\"\\\e[31m" . 'x' x 400
                : 'https://elsewhere.example/api/'));

        return Reauth::Peer::response("$status Elsewhere", '{"attempt_id":"auth_z"}',
            @location);
    }

    # the next request of the connection must not get the rest
    return $first_line{$status} . "Set-Cookie: leaked=1\r\n"
        . ($how eq 'length' ? 'Content-Length: ' . length($leak) . "\r\n" : '')
        . ($how eq 'zero' ? "Content-Length: 0\r\n" : '')
        . ($how eq 'rest' ? "\r\n" : "X: y\r\n\r\n") . $leak;
});

my $gateway = gateway(http_config => 'upstream fans_api { server 127.0.0.1:'
    . $peer->port . '; keepalive 1; }');

my @statuses = grep { $_ } sort keys %first_line;

sub put {
    my ($account) = @_;

    return $gateway->update($account, 'slow');
}

for my $status (@statuses) {
    for my $how (qw(length zero none)) {
        my $account = "acct_${status}_$how";

        my $answer = put($account);
        is($answer->{status}, 502, "$status, $how: 502");
        is($answer->{json}{error}, 'UPSTREAM_BAD_ANSWER',
            "$status, $how: the error is UPSTREAM_BAD_ANSWER");
        is($answer->{headers}{'x-should-retry'}, 'false',
            "$status, $how: the update must not be retried");
        unlike(join(' ', $answer->{body}, %{ $answer->{headers} }), qr/leaked/,
            "$status, $how: nothing of it gets through");

        my $record = $gateway->http('GET', "/reauth/accounts/$account")->{json};
        is("$record->{state} $record->{gate}", 'unknown closed',
            "$status, $how: nobody knows");

        $answer = $gateway->http('GET', '/api/acct_plain/me');
        is($answer->{body}, '{"plain":true}',
            "$status, $how: the next request gets its own response");

        $answer = $gateway->http('GET', "/api/acct_open/x_${status}_$how");
        is($answer->{status}, 502,
            "a call, $status, $how: rejected with the 502 code");
        is($answer->{json}{error}, 'UPSTREAM_BAD_ANSWER',
            "a call, $status, $how: the error is UPSTREAM_BAD_ANSWER");
        unlike(join(' ', $answer->{body}, %{ $answer->{headers} }), qr/leaked/,
            "a call, $status, $how: nothing of it gets through");

        $answer = $gateway->http('GET', '/api/acct_plain/me');
        is($answer->{body}, '{"plain":true}',
            "a call, $status, $how: the next request gets its own response");

        $answer = $gateway->http('GET', "/api/authenticate/auth_${status}_$how");
        is($answer->{status}, 502, "a poll, $status, $how: 502");
    }
}

my $upgrade = $gateway->http('GET', '/api/acct_open/x_101_none',
    { Upgrade => 'websocket', Connection => 'Upgrade' });
is($upgrade->{status}, 502, 'a 101 response does not create a tunnel');

like($gateway->error_log, qr/reauth: the upstream sent status 103, which is not/,
    'the log says why');


for my $status (300 .. 304, 307, 308) {
    my $account = "acct_${status}_to";

    my $answer = put($account);
    is($answer->{status}, 502, "$status: rejected with the 502 code");
    is($answer->{json}{error}, 'UPSTREAM_BAD_ANSWER',
        "$status: the error is UPSTREAM_BAD_ANSWER");
    like($answer->{json}{message}, qr/redirect/,
        "$status: the message mentions the redirect");
    unlike($answer->{body}, qr/elsewhere|auth_z/,
        "$status: the body has nothing of the location");
    is($answer->{headers}{location}, undef,
        "$status: the response has no Location header");

    my $record = $gateway->http('GET', "/reauth/accounts/$account")->{json};
    is("$record->{state} $record->{gate}", 'rejected open', "$status: nothing began");

    my $log = $gateway->error_log;
    like($log, qr{\[error\] .*the upstream redirects \($status\) to "https://elsewhere\.example/api/"},
        "$status: the log says where to");
}

is($gateway->http('GET', '/api/authenticate/auth_302_to')->{status}, 502,
    'a poll that is redirected');
is($gateway->http('GET', '/api/acct_open/x_302_to')->{status}, 302,
    'an ordinary call is passed on');

is(put('acct_302_none')->{status}, 502,
    'a redirect without a location is rejected');
like($gateway->error_log, qr/redirects \(302\) without a "Location" header/,
    'the log says so');

is(put('acct_307_odd')->{status}, 502,
    'a redirect to an odd location is rejected');
like($gateway->error_log,
    qr/redirects \(307\) to "\/\\x22\\x5C\\x1B\[31mx{200,260}\.\.\."/,
    'an odd location is escaped and truncated in the log');

# An open account, and one that logs in: the gate is as before.

is(put('acct_plain')->{status}, 200, 'a login runs');

unlike($gateway->error_log, qr/\[(?:alert|emerg|crit)\]/,
    'no alerts are logged');

done_testing();
