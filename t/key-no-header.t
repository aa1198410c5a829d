# A location with a key but without proxy_set_header Authorization: the upstream
# gets no such header, neither that of the client nor an empty one.

use strict;
use warnings;

use Test::More;

use Reauth::Peer ();
use Reauth::Test redis => 0, sandbox => 0;

my $peer = Reauth::Peer->start(sub {
    return Reauth::Peer::response('200 OK', $_[0]);
});

my $gateway = gateway(
    http_config => 'upstream fans_api { server 127.0.0.1:' . $peer->port
        . '; keepalive 8; }',
    config => <<'EOC',
location /api/ { reauth_gate on; proxy_pass http://fans_api; }
location /mirrored/ {
    auth_request /asked;
    proxy_pass http://fans_api;
    proxy_set_header X-Was "<$http_authorization>";
}
location = /asked { internal; proxy_pass http://fans_api; }
location /none/ { proxy_pass http://fans_api; proxy_pass_request_headers off; }
EOC
);

for my $path (qw(/api/acct_1/me /mirrored/x /none/x)) {
    my $answer = $gateway->http('GET', $path,
        { Authorization => 'Bearer client', Accept => 'text/x', 'X-A' => 'b' });

    is($answer->{status}, 200, "$path: passed on");
    unlike($answer->{body}, qr/^Authorization|client|^TE:/mi,
        "$path: the client's header is not passed");
    like($answer->{body}, qr{^Accept: text/x\r?$}m,
        "$path: other headers are passed")
        if $path ne '/none/x';
}

done_testing();
