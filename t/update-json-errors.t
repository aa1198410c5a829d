# Invalid or ambiguous JSON: the error names the position and the problem, and
# quotes nothing.

use strict;
use warnings;

use Test::Nginx::Socket;
use Reauth::Requests;
use Reauth::Test redis => 0;

plan tests => repeat_each() * 88;

sub error_at {
    my ($line, $column, $reason) = @_;

    return qr/\A(?!.*CANARY)\{"error":"INVALID_JSON","message":"[^"]+",
        "description":"$reason","line":$line,"column":$column,
        "decision_id":"[0-9a-f]{16}"\}\z/x;
}

run_tests();

__DATA__

=== TEST 1: the error describes the problem in the syntax
--- config eval: $::look
--- request eval
[(map { main::put('acct_1', $_) }
 '{"email":"CANARY"', qq({"email":"CANARY",\n"password":CANARY}),
 '{"email":"CANARY",}', '{"email" "CANARY"}', "{'email':'CANARY'}",
 '{"email":"CANARY"}CANARY', '{"email":"CANARY"}{}', '{"email":"CANARY',
 '{"a":01}', '{"a":NaN}'), main::received('acct_1', 9)]
--- more_headers
Content-Type: application/json
--- error_code eval
[(400) x 10, 200]
--- response_body_like eval
[(main::error_at('\d+', '\d+', '[^"]+')) x 10, qr/\A\[\]\z/]
--- no_error_log
CANARY



=== TEST 2: the error names line and column
--- request eval
[map { main::put('acct_1', $_) }
 qq({"email":"CANARY",\n  "password":"CANARY" "xbc":"CANARY"}),
 qq({\n"a":1,\n"a":2}), qq({"a":"CANARY\nCANARY"})]
--- more_headers
Content-Type: application/json
--- error_code eval
[400, 400, 400]
--- response_body_like eval
[main::error_at(2, '\d\d', 'a\ comma\ or\ [^"]+'),
 main::error_at(3, '\d', 'a\ name\ is\ duplicated\ in\ an\ object'),
 main::error_at('\d', '\d+', 'a\ line\ break\ inside\ a\ string[^"]+')]



=== TEST 3: JSON that is not an object is rejected
--- request eval
[map { main::put('acct_1', $_) } '["CANARY"]', '"CANARY"', '17', 'null',
 'true']
--- more_headers
Content-Type: application/json
--- error_code eval
[(400) x 5]
--- response_body_like eval
[(main::error_at(1, 1, 'the\ top\ level\ must\ be\ an\ object')) x 5]



=== TEST 4: a byte order mark is rejected
--- request eval
main::put('acct_1', qq(\xef\xbb\xbf{"email":"CANARY"}))
--- more_headers
Content-Type: application/json
--- error_code: 400
--- response_body_like eval
main::error_at(1, 1, 'a\ byte\ order\ mark[^"]+')



=== TEST 5: NUL, plain and escaped, is rejected
--- request eval
[map { main::put('acct_1', $_) }
 qq({"email":"CANARY\0"}), '{"email":"CANARY\u0000"}', '{"CANARY\u0000":1}',
 qq({}\0)]
--- more_headers
Content-Type: application/json
--- error_code eval
[(400) x 4]
--- response_body_like eval
[main::error_at(1, 17, 'a\ NUL\ byte'),
 (main::error_at(1, '\d+', '[^"]*u0000[^"]+')) x 2,
 main::error_at(1, 3, 'a\ NUL\ byte')]



=== TEST 6: invalid or truncated UTF-8 is rejected
--- request eval
[map { main::put('acct_1', qq({"email":"CANARY$_"})) } "\xff", "\xc3",
 "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", '\ud800', '\udc00', '\ud83dx']
--- more_headers
Content-Type: application/json
--- error_code eval
[(400) x 8]
--- response_body_like eval
[(main::error_at(1, '\d+', 'not\ valid\ UTF-8')) x 5,
 (main::error_at(1, '\d+', 'an\ invalid\ [^"]+')) x 3]



=== TEST 7: a duplicate name is rejected, even if it is not used
--- request eval
[map { main::put('acct_1', $_) }
 '{"email":"CANARY","email":"CANARY"}', '{"x":{"b":1,"b":2}}']
--- more_headers
Content-Type: application/json
--- error_code eval
[400, 400]
--- response_body_like eval
[(main::error_at(1, '\d+', 'a\ name\ is\ duplicated\ in\ an\ object')) x 2]



=== TEST 8: JSON that is nested too deep is rejected
--- request eval
[main::put('acct_1', '{"x":' . '[' x 15 . ']' x 15 . '}'),
 main::put('acct_1', '{"x":' . '[' x 16 . ']' x 16 . '}'),
 main::put('acct_1', '{"x":' . '[' x 60000 . '}')]
--- more_headers
Content-Type: application/json
--- error_code eval
[422, 400, 400]
--- response_body_like eval
[qr/VALIDATION_ERROR/,
 (main::error_at(1, 21, 'nested\ too\ deeply[^"]+')) x 2]
--- no_error_log
[error]
