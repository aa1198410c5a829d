# GET /reauth/gate/{id}: the state of the gate, for other proxies.

use strict;
use warnings;

use Test::Nginx::Socket;
use Reauth::Requests;
use Reauth::Test redis => 0;

plan tests => repeat_each() * 86;

our $slow   = '{"email":"slow@example.com","password":"secret"}';
our $mobile = '{"auth_type":"mobile_app"}';

run_tests();

__DATA__

=== TEST 1: the gate of an unknown account is open
--- request
GET /reauth/gate/acct_nobody
--- error_code: 204
--- response_headers
Cache-Control: no-store
! Content-Type
--- response_body:



=== TEST 2: the gate of an account that logs in is closed, with Retry-After
--- request eval
[main::put('acct_1', $::slow), 'GET /reauth/gate/acct_1',
 'HEAD /reauth/gate/acct_1', 'GET /reauth/gate/acct_2']
--- more_headers
Content-Type: application/json
--- error_code eval
[200, 503, 503, 204]
--- response_headers eval
['Content-Type: application/json', "Cache-Control: no-store\n! x-should-retry",
 'Cache-Control: no-store', '! Retry-After']
--- response_headers_like eval
['Content-Type: .+', 'Retry-After: \d+', 'Retry-After: \d+',
 'Cache-Control: .+']
--- response_body_like eval
[qr/attempt_id/,
 qr/\A\{"error":"SERVICE_UNAVAILABLE",.*"account_id":"acct_1","state":"running","attempt_id":"auth_[\w-]+","since":"[^"]+","retry_after":\d+,"action_required":null/,
 qr/\A\z/, qr/\A\z/]



=== TEST 3: the gate is closed until a person acts
--- request eval
[main::put('acct_1', $::mobile), 'GET /reauth/gate/acct_1']
--- more_headers
Content-Type: application/json
--- error_code eval
[200, 503]
--- response_headers eval
['Content-Type: application/json', 'x-should-retry: false']
--- response_body_like eval
[qr/deeplink/, qr/"state":"needs_app",.*"action_required":"app"/]



=== TEST 4: an unknown query string is ignored
--- request
GET /reauth/gate/acct_1?page=2&state=x
--- error_code: 204



=== TEST 5: an invalid account ID is 422
--- request
GET /reauth/gate/somebody
--- error_code: 422
--- response_body_like: "errors":\{"account_id":\[



=== TEST 6: a path without an ID is 404
--- request
GET /reauth/gate/
--- error_code: 404



=== TEST 7: any method is accepted, also without arguments
--- request eval
[map { "$_ /reauth/gate/acct_1" } qw(POST PUT PATCH DELETE OPTIONS)]
--- error_code eval
[(204) x 5]



=== TEST 8: an authorization request of another location is accepted
--- config
location = /check {
    auth_request /reauth/gate/acct_1;
    empty_gif;
}
--- request
GET /check
--- response_headers
Content-Type: image/gif
--- no_error_log
[error]



=== TEST 9: open= and closed= set the statuses
--- request eval
[main::put('acct_1', $::slow),
 map { "GET /reauth/gate/acct_1?closed=$_&open=200" } 401, 403, 429, 503]
--- more_headers
Content-Type: application/json
--- error_code eval
[200, 401, 403, 429, 503]
--- response_headers eval
['Content-Type: application/json',
 'WWW-Authenticate: Bearer realm="nginx-reauth"', ('! WWW-Authenticate') x 3]
--- response_body_like eval
[qr/attempt_id/, (qr/"account_id":"acct_1","state":"running",.*"retry_after":\d/) x 4]



=== TEST 10: open=200 returns 200
--- request
GET /reauth/gate/acct_1?open=200&closed=403&page=2
--- error_code: 200
--- response_body chomp
{"gate":"open"}



=== TEST 11: statuses that are not allowed are 422
--- request eval
[map { "GET /reauth/gate/acct_1?$_" } 'open=500', 'closed=200', 'closed=0503',
 'closed=', 'open=200&open=204']
--- error_code eval
[(422) x 5]
--- response_body_like eval
[qr/"open":\["must be 200 or 204"/, (qr/"closed":\["must be 401, 403, 429 or 503"/) x 3,
 qr/"open":\["is specified more than once"/]



=== TEST 12: a proxy sends the method and the body of its own request
--- request eval
[main::put('acct_1', $::slow), "POST /reauth/gate/acct_1?closed=403\nbody",
 'DELETE /reauth/gate/acct_1?open=200', "PATCH /reauth/gate/acct_2?open=200\n{}"]
--- more_headers
Content-Type: application/json
--- error_code eval
[200, 403, 503, 200]
--- response_body_like eval
[qr/attempt_id/, (qr/"account_id":"acct_1","state":"running"/) x 2,
 qr/\A\{"gate":"open"\}\z/]



=== TEST 13: other paths do not accept any method
--- request eval
['POST /reauth/summary?open=200', 'POST /reauth/accounts/acct_1?closed=403']
--- error_code eval
[405, 405]
--- response_headers eval
['Allow: GET, HEAD', 'Allow: GET, HEAD, DELETE']



=== TEST 14: a path that others may read as another account is 422
--- request eval
[map { "GET /reauth/$_" } 'gate/acct_1%2f..%2facct_2',
 'gate/acct_1/../acct_2', 'gate/%61cct_2', 'gate//acct_2', './gate/acct_2',
 'gate/acct_2?x=%2f..%2facct_1']
--- error_code eval
[422, 422, 422, 422, 422, 204]
--- response_body_like eval
[(qr/"errors":\{"account_id":\["must be in its plain form/) x 5, qr/\A\z/]
