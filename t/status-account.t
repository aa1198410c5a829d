# GET /reauth/accounts/{id}: one record, in each state that results from the
# upstream's response to an update.

use strict;
use warnings;

use Test::Nginx::Socket;
use Reauth::Requests;
use Reauth::Test redis => 0;

plan tests => repeat_each() * 40;

run_tests();

__DATA__

=== TEST 1: an unknown account is 404
--- request
GET /reauth/accounts/acct_nobody
--- error_code: 404
--- response_headers
Content-Type: application/json
Cache-Control: no-store
--- response_body_like: "error":"NOT_FOUND","message":"The account is unknown\."



=== TEST 2: an invalid account ID is 422
--- request eval
[map { "GET /reauth/accounts/$_" } 'acct_', 'auth_1', 'acct_a.b', 'acct_a/b',
 'acct_' . 'x' x 65]
--- error_code eval
[(422) x 5]
--- response_body_like eval
[(qr/"error":"VALIDATION_ERROR".*"errors":\{"account_id":\["must be acct_/) x 5]



=== TEST 3: an active attempt is shown, with its gate and the required action
--- request eval
[main::put('acct_1', main::login('slow')), 'GET /reauth/accounts/acct_1']
--- more_headers
Content-Type: application/json
--- error_code eval
[200, 200]
--- response_body_like eval
[qr/attempt_id/,
 qr/\A\{"account_id":"acct_1",.*"state":"running","gate":"closed","action_required":null,.*"retry_after":\d+,"last_poll":null,"override":null,"heal":null\}\z/]



=== TEST 4: an attempt that needs a person is shown as such
--- request eval
[main::put('acct_1', '{"auth_type":"mobile_app"}'),
 'GET /reauth/accounts/acct_1']
--- more_headers
Content-Type: application/json
--- error_code eval
[200, 200]
--- response_body_like eval
[qr/deeplink/,
 qr/"state":"needs_app","gate":"closed","action_required":"app","auth_type":"mobile_app"/]
--- response_body_unlike eval
["never", "fansapiauth"]



=== TEST 5: a rejected update leaves the account unchanged
--- request eval
[main::put('acct_1', main::login('limit')), 'GET /reauth/accounts/acct_1']
--- more_headers
Content-Type: application/json
--- error_code eval
[429, 200]
--- response_body_like eval
[qr/./,
 qr/"attempt_id":null,"state":"rejected","gate":"open",.*"completed_at":"[^"]+","retry_after":null,"last_poll":null,"override":null,"heal":null\}\z/]



=== TEST 6: an update whose response was lost is "unknown"
--- request eval
[main::put('acct_1', main::login('down')), 'GET /reauth/accounts/acct_1']
--- more_headers
Content-Type: application/json
--- error_code eval
[502, 200]
--- response_body_like eval
[qr/./, qr/"attempt_id":null,"state":"unknown","gate":"closed"/]



=== TEST 7: credentials are never shown
--- request eval
[main::put('acct_1', main::login('slow-me')), 'GET /reauth/accounts/acct_1',
 'GET /reauth/accounts']
--- more_headers
Content-Type: application/json
--- error_code eval
[200, 200, 200]
--- response_body_unlike eval
[(qr/slow-me|secret/) x 3]



=== TEST 8: parameters are rejected
--- request
GET /reauth/accounts/acct_1?state=running
--- error_code: 422
--- response_body_like: "errors":\{"state":\["is unknown"\]\}



=== TEST 9: a method other than GET and DELETE is 405
--- request
PUT /reauth/accounts/acct_1
--- error_code: 405
--- response_headers
Allow: GET, HEAD, DELETE
