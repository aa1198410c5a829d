# The upstream or a CDN responds with 5xx: the response is passed, and the
# outcome of the update is unknown: the gate stays closed.

use strict;
use warnings;

use Test::Nginx::Socket;
use Reauth::Requests;
use Reauth::Test redis => 0;

plan tests => repeat_each() * 59;

run_tests();

__DATA__

=== TEST 1: an HTML page is passed, and the gate is closed
--- request eval
[main::put('acct_1', main::login('down')), 'GET /reauth/accounts/acct_1',
 'GET /reauth/gate/acct_1']
--- more_headers
Content-Type: application/json
--- error_code eval
[502, 200, 503]
--- response_headers eval
["Content-Type: text/html; charset=UTF-8\nx-should-retry: false\n! Set-Cookie",
 '! x-should-retry', '! x-should-retry']
--- response_body_like eval
[qr{\A<!DOCTYPE html>.*<h1>Bad gateway</h1>.*</html>\n\z}s,
 qr/"attempt_id":null,"state":"unknown","gate":"closed".*"error_code":"HTTP_502"/,
 qr/"state":"unknown"/]
--- no_error_log
[error]



=== TEST 2: a repeat is sent again if the first response was lost
--- config eval: $::look
--- request eval
[main::put('acct_2', main::login('lost')), 'GET /reauth/accounts/acct_2',
 main::put('acct_2', main::login('lost')), main::received('acct_2', 9)]
--- more_headers
Content-Type: application/json
--- error_code eval
[504, 200, 504, 200]
--- response_headers eval
['x-should-retry: false', '! X', "x-should-retry: false\n! Reauth-Coalesced",
 '! X']
--- response_body_like eval
[qr/<html>/, qr/"state":"unknown"/, qr/<html>/,
 qr/\A\[\{"account":"acct_2".*\},\{"account":"acct_2".*\}\]\z/]



=== TEST 3: 5xx with or without a code, also of a CDN, is passed
--- request eval
[(map { main::put("acct_${_}_3", main::login('ok')) }
  qw(broken maintenance cdn520 cdn524)),
 (map { "GET /reauth/accounts/acct_${_}_3" }
  qw(broken maintenance cdn520 cdn524))]
--- more_headers
Content-Type: application/json
--- error_code eval
[500, 503, 520, 524, (200) x 4]
--- response_headers eval
[('x-should-retry: false') x 4, ('! x-should-retry') x 4]
--- response_body_like eval
[qr/\A\{"message":"Server Error"\}\z/, qr/"error":"SERVICE_UNAVAILABLE"/,
 qr/<html>/, qr/<html>/, (qr/"state":"unknown","gate":"closed"/) x 4]
--- no_error_log
[alert]
