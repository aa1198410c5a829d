# The three authentication types with their fields, and a change from one to
# another; the sandbox reports what it received.

use strict;
use warnings;

use Test::Nginx::Socket;
use Reauth::Requests;
use Reauth::Test redis => 0;

plan tests => repeat_each() * 31;

our $email = '{"email":"slow@example.com","password":"secret"}';
our $raw   = '{"auth_type":"raw_data","auth_id":"slow","cookies":"sess=1",'
    . '"xbc":"x1","user_agent":"agent/1"}';
our $mobile = '{"auth_type":"mobile_app"}';

run_tests();

__DATA__

=== TEST 1: email_password, the default, is sent explicitly
--- config eval: $::look
--- request eval
[main::put('acct_1', $::email), main::received('acct_1'),
 'GET /reauth/accounts/acct_1']
--- more_headers
Content-Type: application/json
--- error_code eval
[200, 200, 200]
--- response_body_like eval
[qr/\A\{"attempt_id":"auth_\w+","message":"[^"]+","polling_url":"[^"]+"\}\z/,
 main::logged('{"auth_type":"email_password",' . substr $::email, 1),
 qr/"state":"running".*"auth_type":"email_password"/]



=== TEST 2: null stands for the default
--- config eval: $::look
--- request eval
[main::put('acct_2', '{"auth_type":null,' . substr $::email, 1),
 main::received('acct_2')]
--- more_headers
Content-Type: application/json
--- error_code eval
[200, 200]
--- response_body_like eval
[qr/"attempt_id"/,
 main::logged('{"auth_type":"email_password",' . substr $::email, 1)]



=== TEST 3: raw_data is sent with its fields
--- config eval: $::look
--- request eval
[main::put('acct_3', $::raw), main::received('acct_3'),
 'GET /reauth/accounts/acct_3']
--- more_headers
Content-Type: application/json
--- error_code eval
[200, 200, 200]
--- response_body_like eval
[qr/"attempt_id"/, main::logged($::raw),
 qr/"state":"running".*"auth_type":"raw_data"/]



=== TEST 4: mobile_app needs a person at once
--- config eval: $::look
--- request eval
[main::put('acct_4', $::mobile), main::received('acct_4'),
 'GET /reauth/accounts/acct_4']
--- more_headers
Content-Type: application/json
--- error_code eval
[200, 200, 200]
--- response_body_like eval
[qr/"mobile_auth_session_deeplink":"fansapiauth:/, main::logged($::mobile),
 qr/"state":"needs_app".*"auth_type":"mobile_app"/]



=== TEST 5: changed while another one is active: the newer one counts
--- config eval: $::look
--- request eval
[main::put('acct_5', $::mobile), main::put('acct_5', $::raw),
 'GET /reauth/accounts/acct_5']
--- more_headers
Content-Type: application/json
--- error_code eval
[200, 200, 200]
--- response_body_like eval
[qr/deeplink/, qr/\A(?!.*deeplink).*"attempt_id"/,
 qr/"state":"running".*"auth_type":"raw_data"/]
--- no_error_log
[error]
