# The e-mail to the creator: forwarded with the key.

use strict;
use warnings;

use Test::Nginx::Socket;
use Reauth::Requests;
use Reauth::Test redis => 0;

plan tests => repeat_each() * 13;

our $attempt = http('PUT', '/api/authenticate/acct_1/credentials',
    { Authorization => "Bearer $Reauth::Test::API_KEY" },
    { email => 'slow@example.com', password => 'p' },
    port => $ENV{TEST_NGINX_SANDBOX_PORT})->{json}{attempt_id};

run_tests();

__DATA__

=== TEST 1: the response contains an address; it is passed and not logged
--- config eval: $::look
--- request eval
["POST /api/authenticate/$::attempt/send-email-to-creator",
 main::received('acct_1')]
--- more_headers
Authorization: Bearer mine
--- error_code eval
[200, 200]
--- response_body_like eval
[qr/\A\{"message":"An email was sent to slow\@example\.com\."\}\z/,
 qr/"authorization":"Bearer sandbox-api-key.*"content-length":"0".*"method":"POST"/]
--- no_error_log
slow@example.com
[error]



=== TEST 2: an unknown attempt is the upstream's 404
--- request
POST /api/authenticate/auth_nobody/send-email-to-creator
--- error_code: 404
--- response_headers
x-should-retry: false
--- response_body_like: "error":"NOT_FOUND"



=== TEST 3: an account ID instead of the attempt ID is 404
--- request
POST /api/authenticate/acct_1/send-email-to-creator
--- error_code: 404
--- response_body_like: no such endpoint
