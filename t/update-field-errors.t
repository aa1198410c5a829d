# Invalid fields: all are reported at once, by name and without values, and
# nothing is sent to the upstream.

use strict;
use warnings;

use Test::Nginx::Socket;
use Reauth::Requests;
use Reauth::Test redis => 0;

plan tests => repeat_each() * 87;

sub raw {
    my ($fields) = @_;

    return qq({"auth_type":"raw_data",$fields});
}

run_tests();

__DATA__

=== TEST 1: an empty object lacks the fields of e-mail and password
--- config eval: $::look
--- request eval
[main::put('acct_1', '{}'), main::received(q(acct_1), 9),
 'GET /reauth/accounts/acct_1']
--- more_headers
Content-Type: application/json
--- error_code eval
[422, 200, 404]
--- response_headers eval
["Content-Type: application/json\nCache-Control: no-store\n! x-should-retry",
 '! X', '! X']
--- response_body_like eval
[qr/\A\{"error":"VALIDATION_ERROR","message":"[^"]+","description":"[^"]+",
  "errors":\{"email":\["The\ email\ field\ is\ required\ when\ auth_type\ is\ email_password\."\],
  "password":\["The\ password\ field\ is\ required\ when\ auth_type\ is\ email_password\."\]\},
  "decision_id":"[0-9a-f]{16}"\}\z/x, qr/\A\[\]\z/, qr/NOT_FOUND/]



=== TEST 2: all fields that raw_data lacks are named
--- request eval
main::put('acct_1', main::raw('"email":"a@b.c","password":"p"'))
--- more_headers
Content-Type: application/json
--- error_code: 422
--- response_body_like eval
qr/"errors":\{"auth_id":\["[^"]+"\],"cookies":\["[^"]+"\],"xbc":\["[^"]+"\],
   "user_agent":\["[^"]+"\]\}/x



=== TEST 3: a blank, null or empty field is missing
--- request eval
[map { main::put('acct_1', $_) }
 '{"email":" \t\n","password":" "}', '{"email":null,"password":null}',
 '{"email":"","password":""}', main::raw('"auth_id":"  ","cookies":" ; ;; ",'
 . '"xbc":"","user_agent":null')]
--- more_headers
Content-Type: application/json
--- error_code eval
[422, 422, 422, 422]
--- response_body_like eval
[(qr/"errors":\{"email":\["The email field is required[^]]+"\],"password":\["The password field is required[^]]+"\]\}/)
 x 3, qr/"auth_id":\[.*"cookies":\["The cookies field is required.*"xbc":\[.*"user_agent":\[/]



=== TEST 4: an unknown auth_type is reported together with other errors
--- request eval
[map { main::put('acct_1', $_) }
 '{"auth_type":"","email":"a@b.c"}', '{"auth_type":"magic"}',
 '{"auth_type":5,"email":"nobody"}', '{"auth_type":"EMAIL_PASSWORD"}']
--- more_headers
Content-Type: application/json
--- error_code eval
[422, 422, 422, 422]
--- response_body_like eval
[qr/"errors":\{"auth_type":\["The auth_type field must be one of email_password, raw_data, mobile_app\."\]\}/,
 qr/must be one of(?!.*magic)/,
 qr/"auth_type":\["The auth_type field must be a string\."\],"email":\["[^"]*valid email/,
 qr/must be one of(?!.*EMAIL)/]



=== TEST 5: a value that is not a string is reported
--- request eval
[map { main::put('acct_1', $_) }
 '{"email":["a@b.c"],"password":12345678}', '{"email":{},"password":true}']
--- more_headers
Content-Type: application/json
--- error_code eval
[422, 422]
--- response_body_like eval
[(qr/"errors":\{"email":\["[^"]*must be a string[^"]*"\],"password":\["[^"]*must be a string[^"]*"\]\}(?!.*12345678)/)
 x 2]



=== TEST 6: an invalid e-mail address is reported
--- request eval
[map { main::put('acct_1', qq({"email":"$_","password":"p"})) }
 'CANARY', '@CANARY', 'CANARY@', 'CANARY@b@c', 'CAN ARY@b.c',
 'a' x 253 . '@b']
--- more_headers
Content-Type: application/json
--- error_code eval
[(422) x 6]
--- response_body_like eval
[(qr/\A(?!.*CANARY).*"errors":\{"email":\["[^"]+"\]\}/) x 5,
 qr/"email":\["The email field must not be longer than 254 bytes\."\]/]



=== TEST 7: control characters are reported
--- request eval
[main::put('acct_1', '{"email":"a\u0001@b.c","password":"p\u0001\r\n"}'),
 main::put('acct_1', main::raw('"auth_id":"a\rb","cookies":"a=1\nb: c",'
 . '"xbc":"x\ty","user_agent":"u\u007fv"'))]
--- more_headers
Content-Type: application/json
--- error_code eval
[422, 422]
--- response_body_like eval
[qr/"errors":\{"email":\["[^"]*control characters[^"]*"\]\}/,
 qr/"errors":\{"auth_id":\["[^"]*control[^"]*"\],"cookies":\["[^"]*control[^"]*"\],"xbc":\["[^"]*control[^"]*"\],"user_agent":\["[^"]*control[^"]*"\]\}/]



=== TEST 8: a value that is too long is reported
--- request eval
[main::put('acct_1', '{"email":"a@b.c","password":"' . 'p' x 1025 . '"}'),
 main::put('acct_1', main::raw('"auth_id":"' . 'a' x 65 . '","cookies":"'
 . 'c=' . 'c' x 16383 . '","xbc":"' . 'x' x 513 . '","user_agent":"' . 'u' x 1025
 . '"'))]
--- more_headers
Content-Type: application/json
--- error_code eval
[422, 422]
--- response_body_like eval
[qr/"errors":\{"password":\["[^"]*1024 bytes\."\]\}/,
 qr/"auth_id":\["[^"]* 64 bytes\."\],"cookies":\["[^"]* 16384 bytes\."\],"xbc":\["[^"]* 512 bytes\."\],"user_agent":\["[^"]* 1024 bytes\."\]/]



=== TEST 9: a name and its alias with different values are reported
--- request eval
main::put('acct_1', main::raw('"auth_id":"a","cookies":"a=1","xbc":"CANARY1",'
 . '"x_bc":"CANARY2","user_agent":"CANARY3","userAgent":"CANARY4"'))
--- more_headers
Content-Type: application/json
--- error_code: 422
--- response_body_like eval
qr/\A(?!.*CANARY).*"errors":\{"xbc":\["[^"]+"\],"user_agent":\["[^"]+"\]\}/



=== TEST 10: values are not logged
--- request eval
[main::put('acct_1', '{"email":"CANARY-1","password":["CANARY-2"]}'),
 main::put('acct_1', main::raw('"auth_id":{"CANARY-3":"CANARY-4"}'))]
--- more_headers
Content-Type: application/json
--- error_code eval
[422, 422]
--- no_error_log
CANARY
[error]



=== TEST 11: an active attempt is not changed by an invalid update
--- config eval: $::look
--- request eval
[main::put('acct_11', '{"email":"slow@example.com","password":"p"}'),
 main::put('acct_11', '{"email":"slow@example.com"}'),
 'GET /reauth/accounts/acct_11',
 main::received("acct_11", 9)]
--- more_headers
Content-Type: application/json
--- error_code eval
[200, 422, 200, 200]
--- response_body_like eval
[qr/attempt_id/, qr/VALIDATION_ERROR/, qr/"state":"running","gate":"closed"/,
 qr/\A\[\{[^\[\]]*\}\]\z/]



=== TEST 12: the error describes a value that is not cookies
--- request eval
[map { main::put('acct_12', main::raw_data(cookies => $_)) }
 'CANARY', "{'CANARY': 'CANARY=1'}", '{\"CANARY\":\"CANARY\"}',
 'CANARY=1; Path=/; HttpOnly', '[{\"name\":\"CANARY']
--- more_headers
Content-Type: application/json
--- error_code eval
[(422) x 5]
--- response_body_like eval
[map { qr/\A(?!.*CANARY).*"errors":\{"cookies":\["The cookies field looks like $_; send name=value; name=value, or [^"]+"\]\}/ }
 'a single value without =', 'a Python dict', 'a JSON object',
 'a Set-Cookie header', 'incomplete or invalid JSON']



=== TEST 13: the error suggests what was probably meant
--- request eval
[main::put('acct_13', '{"auth_id":"1","cookies":"a=1","xbc":"x"}'),
 main::put('acct_13', '{"mail":"a@b.c","pass":"CANARY"}')]
--- more_headers
Content-Type: application/json
--- error_code eval
[422, 422]
--- response_body_like eval
[qr/"auth_type":\["This looks like raw_data: set auth_type to raw_data\."\]/,
 qr/\A(?!.*CANARY).*"email":\["[^"]*; mail was sent: send it as email\."\],"password":\["[^"]*; pass was sent: send it as password\."\]/]
--- response_headers eval
['Reauth-Dropped: auth_id,cookies,xbc', 'Reauth-Dropped: mail,pass']
--- no_error_log
CANARY
