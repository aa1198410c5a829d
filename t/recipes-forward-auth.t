# The recipes of docs/operations.md for proxies that query the gateway with the
# path of the request: the part of the gateway, queried like Envoy and Traefik
# do.

use strict;
use warnings;

use Test::More;

use Reauth::Shipped ();
use Reauth::Test redis => 0, sandbox_options => ['--hold'];

my $gateway = gateway(config =>
    join "\n", map { Reauth::Shipped->recipe('nginx', $_) } 2, 3);

is($gateway->update('acct_1', 'ok')->{status}, 200,
    'an update of acct_1 is accepted');

# ---- Envoy: its method, and the path after a prefix ----

for my $method (qw(GET POST PUT DELETE PATCH OPTIONS)) {
    is($gateway->http($method, '/ask/service/acct_2/x?open=204')->{status}, 200,
        "$method: open, whatever the request's parameters are");

    my $answer = $gateway->http($method, '/ask/service/acct_1/x?closed=503');

    is($answer->{status}, 429, "$method: the gate is closed");
    is($answer->{headers}{'retry-after'}, $answer->{json}{retry_after},
        "$method: Retry-After has the value of the body");
}

is($gateway->http('GET', "/ask/$_")->{status}, 403, "/ask/$_: not passed")
    for '', 'x', 'service/acct_2', 'service//x', 'readyz';
is($gateway->http('GET', '/ask/service/somebody/x')->{status}, 422,
    'an invalid account is rejected');

# ---- Traefik: GET, and the path in a header ----

sub traefik {
    my ($uri) = @_;

    return $gateway->http('GET', '/ask',
        defined $uri ? { 'X-Forwarded-Uri' => $uri } : {});
}

is(traefik('/service/acct_2/x?closed=403')->{status}, 204,
    'Traefik passes a request if the gate is open');

my $answer = traefik('/service/acct_1/x?open=200');
is($answer->{status}, 503, 'Traefik gets a 503 response if the gate is closed');
is($answer->{headers}{'retry-after'}, $answer->{json}{retry_after},
    'Traefik gets Retry-After with the value of the body');

is(traefik($_)->{status}, 403, ($_ // 'no header') . ': not passed')
    for undef, '', '/', '/x', '/service/acct_2', '/service/acct_%31/x',
        '/service/acct_2%2f..%2facct_1/x', '/service/..%2freadyz/x',
        '/x/service/acct_2/x';

done_testing();
