# The response to a poll is passed unchanged, byte by byte.

use strict;
use warnings;

use Test::Nginx::Socket;
use Reauth::Requests;
use Reauth::Test redis => 0;

plan tests => repeat_each() * 40;

our $attempt = sandbox('POST', '/account/acct_1', { next => [map { {
    method => 'GET', status => $_->[0], body => $_->[1], headers => $_->[2]
} } [200, qq({ "state" : "authenticating",\n\t"lastAttempt":{},"x":"\\u00e9\\/",)
     . qq("account":{"id":"acct_1","onlyfans_data":{"csrf":"CANARY"}}}\n), {}],
    [200, '[1, 2', {}], [429, '{"error":"LIMIT"}', { 'Retry-After' => 7 }],
    [500, '{"message":"Server Error"}', {}]] }) && update_first();

no_shuffle();

# the gateway of this file is not yet started
sub update_first {
    return http('PUT', '/api/authenticate/acct_1/credentials',
        { Authorization => "Bearer $Reauth::Test::API_KEY" },
        { email => 'slow@example.com', password => 'p' },
        port => $ENV{TEST_NGINX_SANDBOX_PORT})->{json}{attempt_id};
}

run_tests();

__DATA__

=== TEST 1: a poll's response is not changed: blanks, escapes, errors
--- config eval: $::look
--- request eval
[("GET /api/authenticate/$::attempt?a=b&c=%20d") x 4,
 main::received('acct_1', 1)]
--- error_code eval
[200, 200, 429, 500, 200]
--- response_headers eval
["Content-Type: application/json\nCache-Control: no-cache, private\n! Set-Cookie",
 '! Set-Cookie', "Retry-After: 7\n! x-should-retry", '! x-should-retry', '! X']
--- response_body eval
[qq({ "state" : "authenticating",\n\t"lastAttempt":{},"x":"\\u00e9\\/",)
 . qq("account":{"id":"acct_1","onlyfans_data":{"csrf":"CANARY"}}}\n),
 '[1, 2', '{"error":"LIMIT"}', '{"message":"Server Error"}',
 qr/"http":"1\.1","method":"GET","n":\d+,"target":"[^"]*\?a=b&c=%20d"/]
--- no_error_log
CANARY
[error]



=== TEST 2: the response is identical to that of the sandbox
--- config eval: $::look
--- request eval
["GET /_sandbox/account/acct_1", "GET /api/authenticate/$::attempt"]
--- error_code eval
[200, 200]
--- response_body_like eval
[qr/"poll":/, qr/\A\{"account":\{.*CANARY.*"state":"authenticated"/]



=== TEST 3: an unknown attempt is the upstream's 404
--- request
GET /api/authenticate/auth_nobody
--- error_code: 404
--- response_body_like: "error":"NOT_FOUND"



=== TEST 4: HEAD is processed as GET, without the body
--- request eval
["HEAD /api/authenticate/$::attempt", 'HEAD /api/authenticate/auth_nobody']
--- error_code eval
[200, 404]
--- response_headers_like eval
["Content-Length: [1-9]\\d+", "Content-Length: [1-9]\\d+"]
--- response_body eval
['', '']
