# A body that is not declared as JSON in UTF-8 is not read.

use strict;
use warnings;

use Test::Nginx::Socket;
use Reauth::Requests;
use Reauth::Test redis => 0;

plan tests => repeat_each() * 50;

our @bad = ('text/json', 'application/jsonx', 'application/json-patch+json',
    'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x',
    'application/json; charset=latin1', 'application/json; charset=utf-16',
    'application/json; charset=utf-8; x=y', 'application/json, text/plain',
    'application/json; boundary=x', 'text/plain');

our @good = ('application/json', 'Application/JSON', 'application/json;',
    'application/json; charset=utf-8', 'application/json;charset=UTF-8',
    'application/json ; charset="utf-8" ');

run_tests();

__DATA__

=== TEST 1: types other than JSON are 415
--- config eval: $::look
--- request eval
[(map { main::put('acct_1', main::login('slow')) } @::bad),
 main::received('acct_1')]
--- more_headers eval
[(map { "Content-Type: $_" } @::bad), '']
--- error_code eval
[(map { 415 } @::bad), 200]
--- response_body_like eval
[(map { qr/\A\{"error":"UNSUPPORTED_MEDIA_TYPE","message":"[^"]+","description":"[^"]+","decision_id":"[0-9a-f]{16}"\}\z/ } @::bad),
 qr/\A\[\]\z/]
--- no_error_log
[error]



=== TEST 2: all spellings of JSON's type are accepted
--- request eval
[map { main::put('acct_2', main::login('slow')) } @::good]
--- more_headers eval
[map { "Content-Type: $_" } @::good]
--- error_code eval
[map { 200 } @::good]



=== TEST 3: a body without a type is 415
--- request eval
main::put('acct_1', main::login('slow'))
--- error_code: 415
--- response_body_like: "error":"UNSUPPORTED_MEDIA_TYPE"



=== TEST 4: a body with a content encoding other than identity is 415
--- request eval
[map { main::put('acct_4', main::login('slow')) } 1 .. 4]
--- more_headers eval
[map { "Content-Type: application/json\nContent-Encoding: $_" }
 'gzip', 'br', 'gzip, identity', 'identity']
--- error_code eval
[415, 415, 415, 200]



=== TEST 5: a chunked body of another type is 415
--- raw_request eval
"PUT /api/authenticate/acct_1/credentials HTTP/1.1\r
Host: localhost\r
Connection: close\r
Content-Type: text/plain\r
Transfer-Encoding: chunked\r
\r
2\r
{}\r
0\r
\r
"
--- error_code: 415
--- response_body_like: "error":"UNSUPPORTED_MEDIA_TYPE"
