# GET /reauth/summary: the number of accounts in each state.

use strict;
use warnings;

use Test::Nginx::Socket;
use Reauth::Requests;
use Reauth::Test redis => 0;

# one of the package, too
our ($version) = Reauth::Test::slurp('packaging/debian/changelog')
    =~ /\Anginx-reauth \(([\d.]+)-/ or die "no version\n";

plan tests => repeat_each() * 19;

run_tests();

__DATA__

=== TEST 1: the summary contains zeros at first
--- request
GET /reauth/summary
--- response_headers
Content-Type: application/json
Cache-Control: no-store
--- response_body_like eval
qr/\A\{"states":\{"starting":0,"running":0,"needs_otp":0,"needs_face":0,
   "needs_app":0,"needs_person":0,"unknown":0,"succeeded":0,"failed":0,"rejected":0,"expired":0\},
   "active":0,"gates_closed":0,"oldest_active_seconds":null,
   "store":\{"redis":"none","lag_ms":null\},
   "upstream":\{"state":"unknown","last_ok_at":null,"last_error_at":null,"error":null\},
   "poller":null,
   "clock_offset_ms":-?\d+,
   "zone":\{"size":1048576,"free":\d+,"accounts":0,"dropped":0\},
   "version":"$::version"\}\z/x
--- no_error_log
[error]



=== TEST 2: the summary counts accounts by state
--- request eval
[main::put('acct_1', main::login('slow')),
 main::put('acct_2', main::login('slow')),
 main::put('acct_3', '{"auth_type":"mobile_app"}'),
 main::put('acct_4', main::login('limit')),
 'GET /reauth/summary']
--- more_headers
Content-Type: application/json
--- error_code eval
[200, 200, 200, 429, 200]
--- response_body_like eval
[(qr/./) x 4,
 qr/"running":2,.*"needs_app":1,.*"rejected":1,.*"active":3,"gates_closed":3,"oldest_active_seconds":\d+,.*"accounts":4,"dropped":0/]



=== TEST 3: parameters are rejected
--- request
GET /reauth/summary?limit=3
--- error_code: 422
--- response_body_like: "errors":\{"limit":\["is unknown"\]\}



=== TEST 4: a method other than GET is 405
--- request
PUT /reauth/summary
--- error_code: 405
--- response_headers
Allow: GET, HEAD
