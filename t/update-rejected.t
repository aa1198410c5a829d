# The upstream responds with 4xx: the response is passed, no attempt has begun,
# and the gate is as before.

use strict;
use warnings;

use Test::Nginx::Socket;
use Reauth::Requests;
use Reauth::Test redis => 0;

plan tests => repeat_each() * 86;

sub forced {
    my ($account, @answers) = @_;

    return sandbox('POST', "/account/$account", { next => \@answers });
}

run_tests();

__DATA__

=== TEST 1: 404, 402 and 403 pass with the upstream's body
--- request eval
[(map { main::put("acct_$_", main::login('slow')) }
  qw(unknown_1 credits_1 restricted_1)),
 (map { "GET /reauth/accounts/acct_$_" }
  qw(unknown_1 credits_1 restricted_1)),
 'GET /reauth/gate/acct_unknown_1']
--- more_headers
Content-Type: application/json
--- error_code eval
[404, 402, 403, 200, 200, 200, 204]
--- response_headers eval
[('x-should-retry: false') x 3, ('! x-should-retry') x 4]
--- response_body_like eval
[qr/"error":"NOT_FOUND"/, qr/"error":"INSUFFICIENT_CREDITS"/,
 qr/"error":"FORBIDDEN"/,
 qr/"state":"rejected","gate":"open".*"error_code":"NOT_FOUND"/,
 qr/"state":"rejected","gate":"open".*"error_code":"INSUFFICIENT_CREDITS"/,
 qr/"state":"rejected","gate":"open".*"error_code":"FORBIDDEN"/, qr/\A\z/]
--- no_error_log
[error]



=== TEST 2: 429 passes with the upstream's Retry-After
--- request eval
[main::put('acct_2', main::login('limit')), 'GET /reauth/gate/acct_2']
--- more_headers
Content-Type: application/json
--- error_code eval
[429, 204]
--- response_headers eval
["Retry-After: 2\n! x-should-retry", '! Retry-After']



=== TEST 3: the upstream's own validation error is passed
--- init
main::forced('acct_3', { status => 422, body => '{"error":"VALIDATION_ERROR","errors":{"email":["taken"]}}' });
--- request eval
[main::put('acct_3', main::login('slow')), 'GET /reauth/accounts/acct_3']
--- more_headers
Content-Type: application/json
--- error_code eval
[422, 200]
--- response_body_like eval
[qr/\A\{"error":"VALIDATION_ERROR","errors":\{"email":\["taken"\]\}\}\z/,
 qr/"state":"rejected"/]



=== TEST 4: an update rejected while an attempt is active leaves the gate closed
--- init
main::forced('acct_4', { status => 200, body => '{"attempt_id":"auth_first"}' },
    { status => 422, body => '{"error":"VALIDATION_ERROR"}' });
--- request eval
[main::put('acct_4', main::login('slow', 'one')),
 main::put('acct_4', main::login('slow', 'two')),
 'GET /reauth/accounts/acct_4', 'GET /api/acct_4/chats',
 main::put('acct_4', main::login('slow', 'one'))]
--- more_headers
Content-Type: application/json
--- error_code eval
[200, 422, 200, 503, 200]
--- response_headers eval
[('! Reauth-Coalesced') x 4, 'Reauth-Coalesced: 1']
--- response_body_like eval
[qr/auth_first/, qr/VALIDATION_ERROR/,
 qr/"attempt_id":"auth_first","state":"running","gate":"closed".*"error_code":null/,
 qr/"attempt_id":"auth_first"/, qr/"attempt_id":"auth_first"/]



=== TEST 5: an update rejected after an attempt has ended leaves the gate open
--- init
main::forced('acct_5', { status => 422, body => '{"error":"ONE"}' },
    { status => 409, body => '{"error":"TWO"}' });
--- request eval
[main::put('acct_5', main::login('slow', 'one')),
 main::put('acct_5', main::login('slow', 'two')),
 'GET /reauth/accounts/acct_5']
--- more_headers
Content-Type: application/json
--- error_code eval
[422, 409, 200]
--- response_body_like eval
[qr/ONE/, qr/TWO/, qr/"state":"rejected".*"error_code":"TWO"/]



=== TEST 6: a rejected update is sent again when it is repeated
--- init
main::forced('acct_6', { status => 422, body => '{"error":"ONE"}' });
--- request eval
[(main::put('acct_6', main::login('slow'))) x 2,
 'GET /reauth/accounts/acct_6']
--- more_headers
Content-Type: application/json
--- error_code eval
[422, 200, 200]
--- response_headers eval
[('! Reauth-Coalesced') x 3]
--- response_body_like eval
[qr/ONE/, qr/attempt_id/, qr/"state":"running","gate":"closed"/]



=== TEST 7: 408 does not mean that no attempt has begun
--- init
main::forced('acct_7', { status => 408, body => '{"error":"TIMEOUT"}' });
--- request eval
[main::put('acct_7', main::login('slow')), 'GET /reauth/accounts/acct_7']
--- more_headers
Content-Type: application/json
--- error_code eval
[408, 200]
--- response_headers eval
['x-should-retry: false', '! x-should-retry']
--- response_body_like eval
[qr/TIMEOUT/, qr/"state":"unknown","gate":"closed"/]



=== TEST 8: a rejected key is reported as an error of the gateway
--- init
main::forced('acct_8', { status => 401, body => '{"error":"The API key is missing or invalid."}' });
--- request eval
[main::put('acct_8', main::login('slow')), 'GET /reauth/accounts/acct_8']
--- more_headers
Content-Type: application/json
--- error_code eval
[401, 200]
--- response_headers eval
["x-should-retry: false\n! WWW-Authenticate", '! x-should-retry']
--- response_body_like eval
[qr/API key/, qr/"state":"rejected","gate":"open"/]



=== TEST 9: an error without a body passes
--- init
main::forced('acct_9', { status => 403, body => '' });
--- request eval
[main::put('acct_9', main::login('slow')), 'GET /reauth/accounts/acct_9']
--- more_headers
Content-Type: application/json
--- error_code eval
[403, 200]
--- response_body_like eval
[qr/\A\z/, qr/"state":"rejected".*"error_code":"HTTP_403"/]
--- no_error_log
[alert]
