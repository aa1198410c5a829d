# The upstream is unavailable: nothing was sent, so no attempt has begun, and
# the client can repeat the request.

use strict;
use warnings;

use Test::Nginx::Socket;
use Reauth::Requests;
use Reauth::Test redis => 0;

plan tests => repeat_each() * 27;

run_tests();

__DATA__

=== TEST 1: a refused connection is 502, and the gate stays open
--- config
location /upstream/ {
    internal;
    proxy_pass http://127.0.0.1:1/;
    proxy_set_header Authorization $reauth_authorization;
}
--- request eval
[main::put('acct_1', main::login('slow')), 'GET /reauth/accounts/acct_1',
 'GET /reauth/gate/acct_1']
--- more_headers
Content-Type: application/json
--- error_code eval
[502, 200, 204]
--- response_headers eval
["Content-Type: application/json\n! x-should-retry", '! X', '! X']
--- response_body_like eval
[qr/\A\{"error":"UPSTREAM_BAD_ANSWER","message":"The upstream could not be reached\.","description":"[^"]+","decision_id":"[0-9a-f]{16}"\}\z/,
 qr/"state":"rejected","gate":"open"/, qr/\A\z/]
--- no_error_log
[alert]



=== TEST 2: two servers that both refuse connections are 502
--- http_config
upstream nowhere { server 127.0.0.1:1; server 127.0.0.1:2; }
--- config
location /upstream/ {
    internal;
    proxy_pass http://nowhere/;
    proxy_next_upstream error timeout non_idempotent;
}
--- request eval
[main::put('acct_3', main::login('slow')), 'GET /reauth/accounts/acct_3']
--- more_headers
Content-Type: application/json
--- error_code eval
[502, 200]
--- response_headers eval
['! x-should-retry', '! X']
--- response_body_like eval
[qr/UPSTREAM_BAD_ANSWER/, qr/"state":"rejected","gate":"open"/]



=== TEST 3: an internal location without a proxy is 502
--- config
location /upstream/ { internal; return 204; }
--- request eval
main::put('acct_4', main::login('slow'))
--- more_headers
Content-Type: application/json
--- error_code: 502
--- response_headers
! x-should-retry
--- response_body_like: UPSTREAM_BAD_ANSWER
--- error_log
sent nothing to the upstream and returned 204 itself



=== TEST 4: a missing internal location is 502
--- config
location /api/authenticate { reauth_authenticate /nowhere; }
# "nginx -t" cannot detect that this location does not exist
location ~ ^/elsewhere/ { return 404; }
--- request eval
[main::put('acct_5', main::login('slow')), 'GET /reauth/accounts/acct_5']
--- more_headers
Content-Type: application/json
--- error_code eval
[502, 200]
--- response_body_like eval
[qr/UPSTREAM_BAD_ANSWER/, qr/"state":"rejected","gate":"open"/]
