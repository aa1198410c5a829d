# An empty or missing body: {}, which lacks the fields of the default type.

use strict;
use warnings;

use Test::Nginx::Socket;
use Reauth::Requests;
use Reauth::Test redis => 0;

plan tests => repeat_each() * 12;

our $errors = qr/"errors":\{"email":\[[^]]+\],"password":\[[^]]+\]\}/;

run_tests();

__DATA__

=== TEST 1: a request without a body, a length and a type lacks its fields
--- request
PUT /api/authenticate/acct_1/credentials
--- error_code: 422
--- response_body_like eval: $::errors



=== TEST 2: a body of length 0 lacks its fields
--- request
PUT /api/authenticate/acct_1/credentials
--- more_headers
Content-Length: 0
--- error_code: 422
--- response_body_like eval: $::errors



=== TEST 3: a body of length 0 with a type lacks its fields
--- request
PUT /api/authenticate/acct_1/credentials
--- more_headers
Content-Length: 0
Content-Type: application/json
--- error_code: 422
--- response_body_like eval: $::errors



=== TEST 4: a chunked body without a chunk lacks its fields
--- raw_request eval
"PUT /api/authenticate/acct_1/credentials HTTP/1.1\r
Host: localhost\r
Connection: close\r
Content-Type: application/json\r
Transfer-Encoding: chunked\r
\r
0\r
\r
"
--- error_code: 422
--- response_body_like eval: $::errors



=== TEST 5: a body of blanks lacks its fields
--- raw_request eval
"PUT /api/authenticate/acct_1/credentials HTTP/1.1\r
Host: localhost\r
Connection: close\r
Content-Type: application/json\r
Content-Length: 5\r
\r
 \t\r\n "
--- error_code: 422
--- response_body_like eval: $::errors



=== TEST 6: an HTTP/1.0 request without a body lacks its fields
--- request
PUT /api/authenticate/acct_1/credentials HTTP/1.0
--- error_code: 422
--- response_body_like eval: $::errors
