# The upstream has received the update and does not respond: 504, and the
# outcome is unknown.

use strict;
use warnings;

use Test::Nginx::Socket;
use Reauth::Requests;
use Reauth::Test redis => 0;

plan tests => repeat_each() * 20;

our $config = <<'EOC';
location /upstream/ {
    internal;
    proxy_pass http://fans_api/;
    proxy_read_timeout 300ms;
    proxy_set_header Authorization $reauth_authorization;
    proxy_ignore_client_abort on;
}
location /_sandbox/ { proxy_pass http://fans_api; }
EOC

run_tests();

__DATA__

=== TEST 1: an update without a response is 504, and the gate is closed
--- config eval: $::config
--- request eval
[main::put('acct_1', main::login('stall')), 'GET /reauth/accounts/acct_1',
 'GET /reauth/gate/acct_1', main::received('acct_1', 9)]
--- more_headers
Content-Type: application/json
--- error_code eval
[504, 200, 503, 200]
--- response_headers eval
["Content-Type: application/json\nx-should-retry: false",
 '! x-should-retry', '! x-should-retry', '! x-should-retry']
--- response_body_like eval
[qr/\A\{"error":"UPSTREAM_TIMEOUT","message":"[^"]+","description":"[^"]+","decision_id":"[0-9a-f]{16}"\}\z/,
 qr/"attempt_id":null,"state":"unknown","gate":"closed".*"error_code":"UPSTREAM_TIMEOUT"/,
 qr/"state":"unknown"/, qr/\A\[\{"account":"acct_1"(?:(?!\},\{).)*\]\z/]
--- no_error_log
[alert]



=== TEST 2: a poll is repeated
--- config
location /upstream/ {
    internal;
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/;
    proxy_read_timeout 200ms;
}
--- http_config
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    location / { limit_rate 1; return 200 "a text that takes its time"; }
}
--- request
GET /api/authenticate/auth_2
--- error_code_like: ^50[24]$
--- response_headers
! x-should-retry
--- response_body_like: "error":"UPSTREAM_(?:TIMEOUT|BAD_ANSWER)"
