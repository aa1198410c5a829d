# The validated update is sent in a canonical form; the sandbox reports what it
# received.

use strict;
use warnings;

use Test::Nginx::Socket;
use Reauth::Requests;
use Reauth::Test redis => 0;

plan tests => repeat_each() * 61;

our $export = '[{\"domain\":\".a.example\",\"httpOnly\":true,'
    . '\"name\":\"sess\",\"value\":\"abc\"},'
    . '{\"name\":\"auth_id\",\"value\":\"12\"}]';

our $storage = '{\"cookies\":' . $export . ',\"origins\":[]}';

our $netscape = '# Netscape HTTP Cookie File\n'
    . '.a.example\tTRUE\t/\tTRUE\t1790000000\tsess\tabc\n'
    . '#HttpOnly_.a.example\tTRUE\t/\tTRUE\t0\tauth_id\t12\n';

run_tests();

__DATA__

=== TEST 1: only the domain of an e-mail address is sent in lower case
--- config eval: $::look
--- request eval
[main::put('acct_1', '{"email":"Slow@EXAMPLE.Com","password":"p"}'),
 main::received('acct_1')]
--- more_headers
Content-Type: application/json
--- error_code eval
[200, 200]
--- response_body_like eval
[qr/attempt_id/, main::logged('{"auth_type":"email_password",'
 . '"email":"Slow@example.com","password":"p"}')]



=== TEST 2: blanks around fields are removed, but a password is kept byte for byte
--- config eval: $::look
--- request eval
[main::put('acct_2', '{"password":" \t p\u00e4ss \"\\\\ \n",'
 . '"email":"  slow@example.com\t"}'), main::received('acct_2')]
--- more_headers
Content-Type: application/json
--- error_code eval
[200, 200]
--- response_body_like eval
[qr/attempt_id/, main::logged('{"auth_type":"email_password",'
 . '"email":"slow@example.com","password":" \t p' . "\xc3\xa4"
 . 'ss \"\\\\ \n"}')]



=== TEST 3: cookies are parsed and joined again
--- config eval: $::look
--- request eval
[main::put('acct_3', main::raw_data(cookies => ' ;sess=1;;  auth=2 ; ; c=3;;')),
 main::received('acct_3')]
--- more_headers
Content-Type: application/json
--- error_code eval
[200, 200]
--- response_body_like eval
[qr/attempt_id/, main::logged(main::raw_data(cookies => 'sess=1; auth=2; c=3'))]



=== TEST 4: names used by clients are sent as those of the upstream
--- config eval: $::look
--- request eval
[main::put('acct_4', '{"auth_type":"raw_data","userAgent":"agent/1 (x)",'
 . '"x_bc":"x1","cookies":"a=1","auth_id":"slow"}'), main::received('acct_4')]
--- more_headers
Content-Type: application/json
--- error_code eval
[200, 200]
--- response_body_like eval
[qr/attempt_id/,
 main::logged(main::raw_data(xbc => 'x1', user_agent => 'agent/1 (x)'))]



=== TEST 5: a field given by both names with one value is sent once
--- config eval: $::look
--- request eval
[main::put('acct_5', '{"x_bc":" x ",' . substr main::raw_data(), 1),
 main::received('acct_5')]
--- more_headers
Content-Type: application/json
--- error_code eval
[200, 200]
--- response_body_like eval
[qr/attempt_id/, main::logged(main::raw_data())]



=== TEST 6: fields of other types are dropped
--- config eval: $::look
--- request eval
[main::put('acct_6', '{"cookies":"a=1","email":"slow@example.com","xbc":"x",'
 . '"password":"p","auth_id":"1","user_agent":"u","other":{"a":[1,2]}}'),
 main::received('acct_6')]
--- more_headers
Content-Type: application/json
--- error_code eval
[200, 200]
--- response_body_like eval
[qr/attempt_id/, main::logged('{"auth_type":"email_password",'
 . '"email":"slow@example.com","password":"p"}')]



=== TEST 7: other encodings of the same JSON are sent in one form
--- config eval: $::look
--- request eval
[main::put('acct_7', qq(\r\n\t{ "ema\\u0069l" :\n"slow\\u0040example.com" ,)
 . qq("password":"\\u0070\\/\xc3\xa9\\ud83d\\ude00" }\n)),
 main::received('acct_7')]
--- more_headers
Content-Type: application/json
--- error_code eval
[200, 200]
--- response_body_like eval
[qr/attempt_id/, main::logged('{"auth_type":"email_password",'
 . qq("email":"slow\@example.com","password":"p/\xc3\xa9\xf0\x9f\x98\x80"}))]



=== TEST 8: the length is that of the normalized body
--- config eval: $::look
--- request eval
[main::put('acct_8', '{"auth_type":  "mobile_app",  "email":"x"}'),
 main::received('acct_8')]
--- more_headers
Content-Type: application/json; charset="UTF-8"
--- error_code eval
[200, 200]
--- response_body_like eval
[qr/attempt_id/, qr{"content-length":"26","content-type":"application\\/json"}]



=== TEST 9: the largest values pass
--- config eval: $::look
--- request eval
[main::put('acct_9', main::raw_data(auth_id => 'a' x 64,
 cookies => 'c=' . 'c' x 16382, xbc => 'x' x 512, user_agent => 'u' x 1024)),
 main::received('acct_9'),
 main::put('acct_10', '{"email":"' . 'a' x 250 . '@b.c","password":"'
 . 'p' x 1024 . '"}')]
--- more_headers
Content-Type: application/json
--- error_code eval
[200, 200, 200]
--- response_body_like eval
[qr/attempt_id/, main::logged(main::raw_data(auth_id => 'a' x 64,
 cookies => 'c=' . 'c' x 16382, xbc => 'x' x 512, user_agent => 'u' x 1024)),
 qr/attempt_id/]
--- no_error_log
[error]



=== TEST 10: exports of cookies become the cookie string
--- config eval: $::look
--- request eval
[map { (main::put("acct_2$_->[0]", main::raw_data(cookies => $_->[1])),
        main::received("acct_2$_->[0]")) }
 [0 => $::export], [1 => $::storage], [2 => $::netscape],
 [3 => 'Cookie: sess=abc;auth_id=12']]
--- more_headers
Content-Type: application/json
--- error_code eval
[(200) x 8]
--- response_body_like eval
[(qr/attempt_id/, main::logged(main::raw_data(
 cookies => 'sess=abc; auth_id=12'))) x 4]



=== TEST 11: other spellings of names, a number and copied headers are accepted
--- config eval: $::look
--- request eval
[main::put('acct_11', '{"authType":"raw_data","x-bc":"X-BC: x","Cookie":"a=1",'
 . '"User-Agent":"User-Agent: Mozilla/5.0 (X)","AUTH_ID":12}'),
 main::received('acct_11')]
--- more_headers
Content-Type: application/json
--- error_code eval
[200, 200]
--- response_body_like eval
[qr/attempt_id/, main::logged(main::raw_data(auth_id => 12,
 user_agent => 'Mozilla/5.0 (X)'))]
