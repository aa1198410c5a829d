# Fields that the auth_type does not have: dropped, or with "reject" an error.

use strict;
use warnings;

use Test::Nginx::Socket;
use Reauth::Requests;
use Reauth::Test redis => 0;

plan tests => repeat_each() * 20;

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

our $many = '{' . join(',', map { qq("x$_":$_) } 1 .. 5000) . '}';

run_tests();

__DATA__

=== TEST 1: dropped, where it is said so
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



=== TEST 2: rejected, all of them, those of other types, too
--- config eval: $::reject
--- request eval
[main::put('acct_2', '{"x":"CANARY","cookies":"CANARY","y":{},'
 . substr main::login('slow'), 1), main::received('acct_2')]
--- more_headers
Content-Type: application/json
--- error_code eval
[422, 200]
--- response_body_like eval
[qr/\A(?!.*CANARY).*"errors":\{"x":\["The x field is not known; leave it out\."\],"cookies":\["[^"]+"\],"y":\["[^"]+"\]\}/,
 qr/\A\[\]\z/]



=== TEST 3: a name may be a secret itself, or break the line
--- config eval: $::reject
--- request eval
main::put('acct_1', '{"CANARY pass\nword":1,' . substr main::login('slow'), 1)
--- more_headers
Content-Type: application/json
--- error_code: 422
--- response_body_like eval
qr/\A(?!.*CANARY).*"errors":\{"a field":\["A field whose name is no plain/



=== TEST 4: together with what else is wrong
--- config eval: $::reject
--- request eval
main::put('acct_1', '{"email":"nobody","x":1}')
--- more_headers
Content-Type: application/json
--- error_code: 422
--- response_body_like eval
qr/"errors":\{"email":\[[^]]+\],"password":\[[^]]+\],"x":\[[^]]+\]\}/



=== TEST 5: what belongs there passes, under either name
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



=== TEST 6: for mobile_app nothing belongs there
--- config eval: $::reject
--- request eval
main::put('acct_1', '{"auth_type":"mobile_app","email":"a@b.c"}')
--- more_headers
Content-Type: application/json
--- error_code: 422
--- response_body_like: "errors":\{"email":\[



=== TEST 7: so many that not all can be told
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
