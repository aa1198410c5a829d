# The recipe of docs/operations.md for an nginx that queries the gateway by
# auth_request; only addresses are replaced.

use strict;
use warnings;

use Test::More;

use Reauth::Shipped ();
use Reauth::Test redis => 0, sandbox_options => ['--hold'];

my $gateway = gateway();
my $asked   = 'http://127.0.0.1:' . $gateway->port;

my $service = gateway(
    name        => 'service',
    without     => ['all'],
    config      => 'location / { return 200 $request_uri; }');

my $recipe = Reauth::Shipped->recipe('nginx');

$recipe =~ s/http:\/\/127\.0\.0\.1:8080/$asked/ or die "no address\n";
$recipe =~ s/http:\/\/service/'http:\/\/127.0.0.1:' . $service->port/e
    or die "no service\n";

my $front = gateway(
    name        => 'front',
    without     => ['all'],
    config      => "location / { return 404; }\n$recipe");

is($front->http('GET', '/service/acct_1/x')->{status}, 200,
    'a request is passed while the gate is open');
is($front->http('GET', '/service/acct_1/x', { Origin => 'https://app.example',
    'Sec-Fetch-Site' => 'cross-site' })->{status}, 200,
    'a request of a browser is passed');
is($gateway->update('acct_1', 'ok')->{status}, 200,
    'an update of acct_1 is accepted');

my $answer = $front->http('GET', '/service/acct_1/x');
is($answer->{status}, 503, 'a request is refused while the gate is closed');
like($answer->{headers}{'retry-after'}, qr/\A\d+\z/,
    'the refusal has Retry-After');
is($front->http('GET', '/service/acct_2/x')->{status}, 200,
    'a request for another account is passed');

done_testing();
