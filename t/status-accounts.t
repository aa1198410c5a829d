# GET /reauth/accounts: the list, its filters and its errors.

use strict;
use warnings;

use Test::Nginx::Socket;
use Reauth::Requests;
use Reauth::Test redis => 0;

plan tests => repeat_each() * 113;

our $slow   = '{"email":"slow@example.com","password":"secret"}';
our $limit  = '{"email":"limit@example.com","password":"secret"}';
our $mobile = '{"auth_type":"mobile_app"}';

our $time = qr/"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"/;

run_tests();

__DATA__

=== TEST 1: the list is empty at first
--- request
GET /reauth/accounts
--- response_headers
Content-Type: application/json
Cache-Control: no-store
--- response_body_like eval
qr/\A\{"accounts":\[\],"next_cursor":null,"generated_at":$::time,
   "store":"local","degraded":false\}\z/x
--- no_error_log
[error]



=== TEST 2: an account that logs in is listed
--- request eval
[main::put('acct_one', $::slow), 'GET /reauth/accounts']
--- more_headers
Content-Type: application/json
--- error_code eval
[200, 200]
--- response_body_like eval
[qr/"attempt_id":/,
 qr/\A\{"accounts":\[\{"account_id":"acct_one","attempt_id":"auth_[\w-]+",
    "state":"running","gate":"closed","action_required":null,
    "auth_type":"email_password","progress":(?:null|"\w+"),"error_code":null,
    "error_message":null,"caller":null,"source":"update","since":$::time,
    "started_at":(?:null|"[^"]+"),"updated_at":$::time,"completed_at":null,
    "retry_after":\d+,"last_poll":null,"override":null,"heal":null\}\],"next_cursor":null,/x]
--- no_error_log
[error]



=== TEST 3: filters by state and by type select accounts
--- request eval
[main::put('acct_one', $::slow), main::put('acct_two', $::mobile),
 'GET /reauth/accounts?state=needs_app', 'GET /reauth/accounts?state=running',
 'GET /reauth/accounts?auth_type=mobile_app',
 'GET /reauth/accounts?state=running&auth_type=mobile_app',
 'GET /reauth/accounts?state=%72unning',
 'GET /reauth/accounts?state=failed,needs_app,expired',
 'GET /reauth/accounts?gate=open', 'GET /reauth/accounts?gate=closed&state=needs_app']
--- more_headers
Content-Type: application/json
--- error_code eval
[(200) x 10]
--- response_body_like eval
[qr/attempt_id/, qr/deeplink/,
 qr/\A\{"accounts":\[\{"account_id":"acct_two"[^{}]*\}\]/,
 qr/\A\{"accounts":\[\{"account_id":"acct_one"[^{}]*\}\]/,
 qr/\A\{"accounts":\[\{"account_id":"acct_two"[^{}]*\}\]/,
 qr/\A\{"accounts":\[\]/,
 qr/\A\{"accounts":\[\{"account_id":"acct_one"[^{}]*\}\]/,
 qr/\A\{"accounts":\[\{"account_id":"acct_two"[^{}]*\}\]/,
 qr/\A\{"accounts":\[\]/,
 qr/\A\{"accounts":\[\{"account_id":"acct_two"[^{}]*\}\]/]
--- no_error_log
[alert]



=== TEST 4: active accounts are listed first
--- request eval
[main::put('acct_ended', $::limit), main::put('acct_active', $::slow),
 'GET /reauth/accounts']
--- more_headers
Content-Type: application/json
--- error_code eval
[429, 200, 200]
--- response_body_like eval
[qr/./, qr/attempt_id/,
 qr/\A\{"accounts":\[\{"account_id":"acct_active"[^{}]*\},
    \{"account_id":"acct_ended",[^{}]*"state":"rejected","gate":"open"
    [^{}]*"retry_after":null,"last_poll":null,"override":null,"heal":null\}\]/x]
--- no_error_log
[alert]



=== TEST 5: all invalid parameters are named at once
--- request
GET /reauth/accounts?state=running,&auth_type=&limit=1001&cursor=next&gate=ajar&caller=&stat=running
--- error_code: 422
--- response_headers
Content-Type: application/json
Cache-Control: no-store
--- response_body_like eval
qr/\A\{"error":"VALIDATION_ERROR",.*"errors":\{"state":\["must[ ]be[ ]one[^"]+"\],
   "auth_type":\["must[ ]be[ ][^"]+"\],"limit":\["[^"]+[ ]1[ ]to[ ]1000"\],
   "cursor":\["[^"]+"\],"gate":\["must[ ]be[ ]open[ ]or[ ]closed"\],
   "caller":\["[^"]+"\],"stat":\["is[ ]unknown"\]\},
   "decision_id":"[0-9a-f]{16}"\}\z/x



=== TEST 6: a limit that is not a number from 1 to 1000 is 422
--- request eval
[map { "GET /reauth/accounts?limit=$_" } '', 0, -1, '1x', '9' x 40]
--- error_code eval
[422, 422, 422, 422, 422]
--- response_body_like eval
[(qr/"errors":\{"limit":\["must be a whole number from 1 to 1000"\]\}/) x 5]



=== TEST 7: the limits 1 and 1000 are accepted
--- request eval
[map { "GET /reauth/accounts?limit=$_" } 1, 1000]
--- error_code eval
[200, 200]
--- response_body_like eval
[(qr/"accounts":\[\]/) x 2]



=== TEST 8: an invalid cursor is 422
--- request eval
[map { "GET /reauth/accounts?cursor=$_" }
 '', 'a', 'a-', 'a1', '1-0', 'ag-0', 'a1-0-', 'e' . 'f' x 40 . '-0']
--- error_code eval
[(422) x 8]
--- response_body_like eval
[(qr/"errors":\{"cursor":\["must be the unchanged next_cursor/) x 8]



=== TEST 9: a cursor after the last account returns the end
--- request eval
[map { "GET /reauth/accounts?cursor=$_" } 'affffff-ffff', 'effffffff-fffff']
--- error_code eval
[200, 200]
--- response_body_like eval
[(qr/"accounts":\[\],"next_cursor":null/) x 2]



=== TEST 10: a duplicate parameter and unknown names are 422
--- request
GET /reauth/accounts?limit=1&&limit=2&%22=1&=2&flag
--- error_code: 422
--- response_body_like eval
qr/"errors":\{"limit":\["is specified more than once"\],"\?":\["is unknown","is unknown"\],"flag":\["is unknown"\]\}/



=== TEST 11: HEAD has no body
--- request
HEAD /reauth/accounts
--- response_headers
Content-Type: application/json
--- response_headers_like
Content-Length: \d+
--- response_body:



=== TEST 12: other methods, with a body, are 405
--- request eval
["POST /reauth/accounts\n{\"state\":\"running\"}", "DELETE /reauth/accounts"]
--- error_code eval
[405, 405]
--- response_headers eval
["Allow: GET, HEAD", "Allow: GET, HEAD"]
--- response_body_like eval
[(qr/"error":"METHOD_NOT_ALLOWED"/) x 2]



=== TEST 13: an unknown path is 404
--- request eval
[map { "GET /reauth/$_" } '', 'account', 'accountsx', 'accounts/', 'summary/x']
--- error_code eval
[(404) x 5]
--- response_body_like eval
[(qr/"error":"NOT_FOUND".*"decision_id"/) x 5]



=== TEST 14: a prefix without a slash at its end has the paths below it
--- config
location /internal/logins { reauth_status; }
--- request eval
['GET /internal/logins/accounts', 'GET /internal/loginsaccounts']
--- error_code eval
[200, 404]
--- response_body_like eval
[qr/"accounts":\[\]/, qr/"error":"NOT_FOUND"/]
