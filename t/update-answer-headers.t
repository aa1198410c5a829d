# Only headers of the allow-list are returned from the upstream's response.

use strict;
use warnings;

use Test::Nginx::Socket;
use Reauth::Requests;
use Reauth::Test redis => 0;

plan tests => repeat_each() * 46;

sub forced {
    my ($account, %answer) = @_;

    return sandbox('POST', "/account/$account", { next => [\%answer] });
}

run_tests();

__DATA__

=== TEST 1: the response to an update has only headers of the list
--- request eval
main::put('acct_1', main::login('slow'))
--- more_headers
Content-Type: application/json
X-Request-Id: mine
--- response_headers
Content-Type: application/json
Cache-Control: no-cache, private
X-Request-Id: mine
x-ofapi-credits-used: 1
x-ofapi-is-cached: false
x-rate-limit-limit-minute: 1000
! Set-Cookie
! x-should-retry
! Reauth-Coalesced
--- raw_response_headers_unlike: cloudflare|CANARY



=== TEST 2: other headers of the upstream are not returned
--- init
main::forced('acct_2', status => 422, body => '{"error":"X"}', headers => {
    map({ $_ => 'theirs' } qw(Set-Cookie Location Refresh WWW-Authenticate
        Link X-Accel-Redirect X-Accel-Limit-Rate X-Anything Retry-After
        Idempotent-Replayed x-ofapi-new x-rate-limit-new X-Rate Via ETag
        Last-Modified Strict-Transport-Security Access-Control-Allow-Origin)),
    'X-Accel-Buffering' => 'no', 'X-Accel-Charset' => 'koi8-r',
    'Content-Type' => 'application/problem+json; charset=utf-8',
    'Cache-Control' => 'max-age=7' });
--- request eval
main::put('acct_2', main::login('slow'))
--- more_headers
Content-Type: application/json
--- error_code: 422
--- response_headers
Content-Type: application/problem+json; charset=utf-8
Retry-After: theirs
Idempotent-Replayed: theirs
x-ofapi-new: theirs
x-rate-limit-new: theirs
Cache-Control: max-age=7
x-should-retry: false
! Set-Cookie
! Location
! Refresh
! WWW-Authenticate
! Link
! X-Accel-Redirect
! X-Anything
! X-Rate
! Via
! ETag
! Last-Modified
! Strict-Transport-Security
! Access-Control-Allow-Origin
--- response_body chomp
{"error":"X"}



=== TEST 3: X-Accel-Redirect has no effect
--- config
location = /secret { internal; return 200 "CANARY"; }
--- init
main::forced('acct_3', status => 401, body => '{"error":"X"}',
    headers => { 'X-Accel-Redirect' => '/secret' });
--- request eval
main::put('acct_3', main::login('slow'))
--- more_headers
Content-Type: application/json
--- error_code: 401
--- response_body chomp
{"error":"X"}



=== TEST 4: a coalesced response is that of the gateway: not to be stored
--- request eval
[main::put('acct_4', main::login('slow')),
 main::put('acct_4', main::login('slow'))]
--- more_headers
Content-Type: application/json
--- error_code eval
[200, 200]
--- response_headers eval
['! Reauth-Coalesced', "Reauth-Coalesced: 1\nCache-Control: no-store\n"
 . "Content-Type: application/json\n! Set-Cookie"]



=== TEST 5: an error page of the internal location does not replace the response
--- config
location /upstream/ {
    internal;
    proxy_pass http://fans_api/;
    proxy_set_header Authorization $reauth_authorization;
    proxy_intercept_errors on;
    error_page 422 /page;
}
location = /page { internal; return 422 "{\"error\":\"OURS\"}"; }
--- init
main::forced('acct_5', status => 422, body => '{"error":"X"}');
--- request eval
[main::put('acct_5', main::login('slow')), 'GET /reauth/accounts/acct_5']
--- more_headers
Content-Type: application/json
--- error_code eval
[422, 200]
--- response_body_like eval
[qr/\A\{"error":"X"\}\z/, qr/"state":"rejected"/]
