# Headers of the upstream's response with control characters are not passed; the
# rest of the response is.

use strict;
use warnings;

use Test::More;

use Reauth::Peer;
use Reauth::Test redis => 0, sandbox => 0;

my $poll = '{"account":{"id":"acct_1"},"state":"authenticating"}';

my %headers = (
    auth_request => "X-Request-Id: a\e[31mb\r\nContent-Type: application/json",
    auth_type    => "X-Request-Id: plain\tone\r\n"
        . "Content-Type: application/json\a",
    auth_credits => "X-Ofapi-Credits-Used: 1\x7f\r\nx-ofapi-is-cached: \x01",
    auth_c1      => "X-Rate-Limit-Limit-Minute: \xc2\x9b31m\r\nCache-Control: a",
);

my $peer = Reauth::Peer->start(sub {
    my ($request) = @_;

    my ($name) = $request =~ m{/(auth_\w+) HTTP/};

    return "HTTP/1.1 200 OK\r\n$headers{$name}\r\nContent-Length: "
        . length($poll) . "\r\n\r\n$poll";
});

my $gateway = gateway(
    http_config => 'upstream fans_api { server 127.0.0.1:' . $peer->port . '; }',
    config      => 'location = /reauth/metrics { reauth_metrics; }',
);

my %answer;

for my $name (sort keys %headers) {
    my $answer = $gateway->http('GET', "/api/authenticate/$name");

    $answer{$name} = $answer->{headers};

    is($answer->{status}, 200, "$name: the response is passed");
    is($answer->{body}, $poll, "$name: the body is passed unchanged");
    unlike(join("\n", %{ $answer->{headers} }),
        qr/[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]/,
        "$name: no header has control characters");
}

is($answer{auth_request}{'x-request-id'}, undef,
    'a header with an escape sequence is not passed');
is($answer{auth_request}{'content-type'}, 'application/json',
   'the other headers are passed on');
is($answer{auth_type}{'x-request-id'}, "plain\tone", 'a tab may be there');
is($answer{auth_type}{'content-type'}, undef,
    'a Content-Type with a control character is not passed');
is($answer{auth_credits}{'x-ofapi-credits-used'}, undef,
    'a header with DEL is not passed');
is($answer{auth_credits}{'x-ofapi-is-cached'}, undef,
    'a header with another control character is not passed');
is($answer{auth_c1}{'x-rate-limit-limit-minute'}, undef,
    'a header with C1 in UTF-8 is not passed');
is($answer{auth_c1}{'cache-control'}, 'a', 'beside one that is');

like($gateway->http('GET', '/reauth/metrics')->{body},
    qr/^reauth_upstream_withheld_total\{kind="header"\} 5$/m,
    'headers that are not passed are counted');
like($gateway->error_log, qr/\[info\].*contains control characters, not passed/,
    'headers that are not passed are logged');

done_testing();
