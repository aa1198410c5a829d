# The gate over HTTP/2 responds as over HTTP/1.1.

use strict;
use warnings;

use Test::More;
use Reauth::Test redis => 0, sandbox_options => ['--hold'];

my $gateway = gateway(listen => 'http2');
my $port = $gateway->port;


sub curl {
    my (@arguments) = @_;

    open my $out, '-|', 'curl', '-s', '-i', '--http2-prior-knowledge',
        '--max-time', $Reauth::Test::LIMIT, @arguments or die "curl cannot be run: $!\n";
    local $/;
    my $answer = <$out>;
    close $out;

    return $answer;
}


my $update = curl('-X', 'PUT', '-H', 'Content-Type: application/json',
    '-d', '{"email":"otp@example.com","password":"secret"}',
    "http://127.0.0.1:$port/api/authenticate/acct_1/credentials");
like($update, qr{^HTTP/2 200}, 'an update over HTTP/2 is accepted');

my $closed = curl("http://127.0.0.1:$port/api/acct_1/me");
like($closed, qr{^HTTP/2 503}, 'a call over HTTP/2 is refused');
like($closed, qr/^retry-after: [23]\r$/m,
    'the response over HTTP/2 has Retry-After');
like($closed, qr/^cache-control: no-store\r$/m,
    'the response over HTTP/2 must not be cached');
like($closed, qr/"retry_after":[23],/,
    'the body over HTTP/2 has the value of Retry-After');
unlike($closed, qr/x-should-retry/,
    'X-Should-Retry is missing while a retry is useful');

my ($id) = $update =~ /"attempt_id":"(\w+)"/;
sandbox('POST', '/step/acct_1') for 1 .. 2;
like(curl("http://127.0.0.1:$port/api/authenticate/$id"), qr{^HTTP/2 200},
    'a poll over HTTP/2 is accepted');

$closed = curl("http://127.0.0.1:$port/api/acct_1/me");
like($closed, qr/^x-should-retry: false\r$/m, 'a person must act');
like($closed, qr/"action_required":"otp"/,
    'the response names the required action');

like(curl("http://127.0.0.1:$port/api/acct_2/me"), qr{^HTTP/2 200},
    'a call of another account is passed');
like(curl('--path-as-is',
        "http://127.0.0.1:$port/api/acct_2/../acct_1/me"),
    qr{^HTTP/2 400}, 'a path written another way');
like(curl("http://127.0.0.1:$port/api/acct_/me"), qr{^HTTP/2 400},
    'a call with an invalid ID is rejected');

done_testing();
