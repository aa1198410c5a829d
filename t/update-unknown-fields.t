# Fields that the auth_type does not have: dropped and reported; an error with
# "reject"; passed with "pass", unless another auth_type has them.

use strict;
use warnings;

use Test::Nginx::Socket;
use Reauth::Requests;
use Reauth::Test redis => 0;

plan tests => repeat_each() * 68;

our $reject = <<'EOC' . $look;
location /api/authenticate {
    reauth_authenticate /upstream;
    reauth_unknown_fields reject;
}
EOC

our $drop = <<'EOC' . $look;
location /api/authenticate {
    reauth_authenticate /upstream;
    reauth_unknown_fields drop;
}
EOC

our $pass = <<'EOC' . $look;
location /api/authenticate {
    reauth_authenticate /upstream;
    reauth_unknown_fields pass;
}
location = /metrics { reauth_metrics; }
EOC

our $many = '{' . CORE::join(',', map { qq("x$_":$_) } 1 .. 5000) . '}';

run_tests();

__DATA__

=== TEST 1: unknown fields are dropped with "drop"
--- config eval: $::drop
--- request eval
[main::put('acct_1', '{"x":"CANARY",' . substr main::login('slow'), 1),
 main::received('acct_1')]
--- more_headers
Content-Type: application/json
--- error_code eval
[200, 200]
--- response_body_like eval
[qr/attempt_id/, main::logged('{"auth_type":"email_password",'
 . substr main::login('slow'), 1)]



=== TEST 2: unknown fields, and those of other types, are rejected with "reject"
--- config eval: $::reject
--- request eval
[main::put('acct_2', '{"x":"CANARY","cookies":"CANARY","y":{},'
 . substr main::login('slow'), 1), main::received('acct_2')]
--- more_headers
Content-Type: application/json
--- error_code eval
[422, 200]
--- response_body_like eval
[qr/\A(?!.*CANARY).*"errors":\{"x":\["The x field is unknown; omit it\."\],"cookies":\["[^"]+"\],"y":\["[^"]+"\]\}/,
 qr/\A\[\]\z/]



=== TEST 3: a name that may be a secret, or breaks the line, is not logged
--- config eval: $::reject
--- request eval
main::put('acct_1', '{"CANARY pass\nword":1,' . substr main::login('slow'), 1)
--- more_headers
Content-Type: application/json
--- error_code: 422
--- response_body_like eval
qr/\A(?!.*CANARY).*"errors":\{"a field":\["A field whose name is not a plain/



=== TEST 4: unknown fields are reported together with other errors
--- config eval: $::reject
--- request eval
main::put('acct_1', '{"email":"nobody","x":1}')
--- more_headers
Content-Type: application/json
--- error_code: 422
--- response_body_like eval
qr/"errors":\{"email":\[[^]]+\],"password":\[[^]]+\],"x":\[[^]]+\]\}/



=== TEST 5: known fields are accepted under either name
--- config eval: $::reject
--- request eval
[main::put('acct_5', main::login('slow')),
 main::put('acct_5', '{"auth_type":"mobile_app"}'),
 main::put('acct_5', '{"auth_type":"raw_data","auth_id":"slow",'
 . '"cookies":"a=1","x_bc":"x","userAgent":"u"}')]
--- more_headers
Content-Type: application/json
--- error_code eval
[200, 200, 200]



=== TEST 6: every field is unknown to mobile_app
--- config eval: $::reject
--- request eval
main::put('acct_1', '{"auth_type":"mobile_app","email":"a@b.c"}')
--- more_headers
Content-Type: application/json
--- error_code: 422
--- response_body_like: "errors":\{"email":\[



=== TEST 7: unknown fields that are too many to report are counted
--- config eval: $::reject
--- request eval
main::put('acct_1', $::many)
--- more_headers
Content-Type: application/json
--- error_code: 422
--- response_body_like eval
qr/"email":.*"password":.*"x1":.*"x30":\["[^"]+"\]\},"decision_id"/
--- no_error_log
[error]



=== TEST 8: dropped fields are reported in every response, and counted
--- config eval: $::look . 'location = /metrics { reauth_metrics; }'
--- request eval
[main::put('acct_8', '{"name":"CANARY","proxyCountry":"us","xbc":"CANARY","a b":1,'
 . substr main::login('slow'), 1),
 main::put('acct_8', '{"other":"CANARY",' . substr main::login('slow'), 1),
 main::put('acct_restricted_8', '{"other":"CANARY",' . substr main::login('slow'), 1),
 main::put('acct_82', '{"other":"CANARY","email":"nobody"}'),
 main::put('acct_83', main::login('slow')),
 'GET /metrics']
--- more_headers
Content-Type: application/json
--- error_code eval
[200, 200, 403, 422, 200, 200]
--- response_headers eval
['Reauth-Dropped: name,proxyCountry,xbc,?',
 "Reauth-Coalesced: 1\nReauth-Dropped: other", 'Reauth-Dropped: other',
 'Reauth-Dropped: other', '! Reauth-Dropped', '! Reauth-Dropped']
--- response_body_like eval
[qr/attempt_id/, qr/attempt_id/, qr/FORBIDDEN/, qr/VALIDATION_ERROR/,
 qr/attempt_id/,
 qr/^reauth_dropped_fields_total\{reason="unknown"\} 6\nreauth_dropped_fields_total\{reason="auth_type"\} 1$/m]
--- no_error_log
CANARY



=== TEST 9: at most sixteen are reported
--- config eval: $::drop
--- request eval
main::put('acct_9', '{' . CORE::join(',', map { qq("x$_":$_) } 1 .. 20) . ','
 . substr main::login('slow'), 1)
--- more_headers
Content-Type: application/json
--- error_code: 200
--- response_headers eval
'Reauth-Dropped: ' . CORE::join ',', map { "x$_" } 1 .. 16
--- error_log
reauth: 20 fields dropped: "x1,



=== TEST 10: with "pass", unknown fields are sent, except those of other types
--- config eval: $::pass
--- request eval
[main::put('acct_10', '{"z":[1,{"y":"\u00e4","x":null}],"a":"CANARY","xbc":"x",'
 . substr main::login('slow'), 1),
 main::received('acct_10'),
 main::put('acct_10', '{"a":"CANARY",' . substr(main::login('slow'), 1, -1)
 . ',"z":[1.0e0,{"x":null,"y":"\u00e4"}]}'),
 main::put('acct_10', '{"a":"CANARY",' . substr(main::login('slow'), 1, -1)
 . ',"z":[1,{"x":null,"y":"\u00e4"}]}'),
 main::put('acct_100', '{"a":"' . 'a' x 16377 . '",'
 . substr main::login('slow'), 1)]
--- more_headers
Content-Type: application/json
--- error_code eval
[200, 200, 200, 200, 422]
--- response_headers eval
['Reauth-Dropped: xbc', '! X', "! Reauth-Coalesced\n! Reauth-Dropped", '! X', '! X']
--- response_body_like eval
[qr/attempt_id/, main::logged('{"auth_type":"email_password",'
 . '"email":"slow@example.com","password":"secret","a":"CANARY",'
 . qq("z":[1,{"x":null,"y":"\xc3\xa4"}]})), qr/attempt_id/, qr/attempt_id/,
 qr/Unknown fields must not be longer than 16384 bytes in total/]



=== TEST 11: the order of unknown fields does not matter
--- config eval: $::pass
--- request eval
[main::put('acct_110', '{"z":1,"a":{"c":1,"b":2},' . substr main::login('slow'), 1),
 main::put('acct_110', '{"a":{"b":2,"c":1},"z":1,' . substr main::login('slow'), 1)]
--- more_headers
Content-Type: application/json
--- error_code eval
[200, 200]
--- response_headers eval
['! Reauth-Coalesced', 'Reauth-Coalesced: 1']
