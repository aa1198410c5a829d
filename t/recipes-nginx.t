# The recipe of docs/operations.md for an nginx that asks the gateway by
# auth_request, with the account in the path that it proxies.

use strict;
use warnings;

use Test::More;

use Reauth::Test redis => 0, sandbox_options => ['--hold'];

my $gateway = gateway();
my $asked   = 'http://127.0.0.1:' . $gateway->port;

my $front = gateway(
    name        => 'front',
    without     => ['all'],
    config      => <<"EOC");
location / { return 404; }
location ~ ^/service/(?<account>[^/]+)/ {
    auth_request /gate;
    auth_request_set \$retry_after \$sent_http_retry_after;
    error_page 403 = \@closed;
    empty_gif;
}
location = /gate {
    internal;
    proxy_pass $asked/reauth/gate/\$account?open=200&closed=403;
    proxy_method GET;
    proxy_pass_request_body off;
    proxy_set_header Content-Length "";
}
location \@closed {
    add_header Retry-After \$retry_after always;
    return 503;
}
EOC

is($front->http('GET', '/service/acct_1/x')->{status}, 200, 'open');
is($gateway->update('acct_1', 'ok')->{status}, 200, 'it logs in');

my $answer = $front->http('GET', '/service/acct_1/x');
is($answer->{status}, 503, 'closed');
like($answer->{headers}{'retry-after'}, qr/\A\d+\z/, 'with Retry-After');
is($front->http('GET', '/service/acct_2/x')->{status}, 200, 'another account');

done_testing();
