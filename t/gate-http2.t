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
like($update, qr{^HTTP/2 200}, 'an update over HTTP/2');

my $closed = curl("http://127.0.0.1:$port/api/acct_1/me");
like($closed, qr{^HTTP/2 503}, 'closed');
like($closed, qr/^retry-after: [23]\r$/m, 'Retry-After');
like($closed, qr/^cache-control: no-store\r$/m, 'Cache-Control');
like($closed, qr/"retry_after":[23],/, 'the same in the body');
unlike($closed, qr/x-should-retry/, 'it may be tried again');

my ($id) = $update =~ /"attempt_id":"(\w+)"/;
sandbox('POST', '/step/acct_1') for 1 .. 2;
like(curl("http://127.0.0.1:$port/api/authenticate/$id"), qr{^HTTP/2 200},
    'a poll');

$closed = curl("http://127.0.0.1:$port/api/acct_1/me");
like($closed, qr/^x-should-retry: false\r$/m, 'a person must act');
like($closed, qr/"action_required":"otp"/, 'and the required action is named');

like(curl("http://127.0.0.1:$port/api/acct_2/me"), qr{^HTTP/2 200}, 'open');
like(curl('--path-as-is',
        "http://127.0.0.1:$port/api/acct_2/../acct_1/me"),
    qr{^HTTP/2 400}, 'a path written another way');
like(curl("http://127.0.0.1:$port/api/acct_/me"), qr{^HTTP/2 400},
    'an invalid ID');

done_testing();
