# A login with the credentials stored by the upstream: polling_url contains the
# attempt ID; 400 if no login is needed.

use strict;
use warnings;

use Test::Nginx::Socket;
use Reauth::Requests;
use Reauth::Test redis => 0;

plan tests => repeat_each() * 40;

sub again {
    my ($account) = @_;

    return "POST /api/authenticate/$account/reauthenticate";
}

run_tests();

__DATA__

=== TEST 1: reauthenticate starts an attempt, which closes the gate
--- request eval
[main::again('acct_expired_1'), 'GET /reauth/accounts/acct_expired_1',
 'GET /api/acct_expired_1/chats']
--- error_code eval
[200, 200, 503]
--- response_body_like eval
[qr{\A\{"message":"[^"]+","polling_url":"http://localhost/api/authenticate/auth_\w+","success":true\}\z},
 qr/"attempt_id":"auth_\w+","state":"running","gate":"closed".*"auth_type":null.*"source":"reauthenticate"/,
 qr/SERVICE_UNAVAILABLE/]
--- no_error_log
[error]



=== TEST 2: the upstream's error is passed, and the gate stays open
--- request eval
[main::again('acct_2'), 'GET /reauth/accounts/acct_2',
 'GET /reauth/gate/acct_2']
--- error_code eval
[400, 200, 204]
--- response_body_like eval
[qr/\A\{"message":"[^"]+","reason":"already_authenticated"\}\z/,
 qr/"state":"rejected","gate":"open"/, qr/\A\z/]



=== TEST 3: while an attempt is active, the response is about that attempt
--- config eval: $::look
--- request eval
[main::put('acct_expired_3', main::login('slow')),
 main::again('acct_expired_3'), main::again('acct_expired_3'),
 main::received('acct_expired_3', 9)]
--- more_headers
Content-Type: application/json
--- error_code eval
[200, 200, 200, 200]
--- response_headers eval
['! Reauth-Coalesced', ('Reauth-Coalesced: 1') x 2, '! X']
--- response_body_like eval
[qr/attempt_id/,
 (qr{\A\{"success":true,"message":"[^"]+","polling_url":"http://localhost/api/authenticate/auth_\w+"\}\z}) x 2,
 qr/\A\[\{(?:(?!\},\{).)*\}\]\z/]



=== TEST 4: an update after it supersedes its attempt
--- request eval
[main::again('acct_expired_4'),
 main::put('acct_expired_4', main::login('slow')),
 'GET /reauth/accounts/acct_expired_4']
--- more_headers
Content-Type: application/json
--- error_code eval
[200, 200, 200]
--- response_headers eval
[('! Reauth-Coalesced') x 3]
--- response_body_like eval
[qr/success/, qr/attempt_id/,
 qr/"state":"running".*"auth_type":"email_password".*"source":"update"/]



=== TEST 5: a body is neither read nor sent
--- config eval: $::look
--- request eval
[main::again('acct_expired_5') . "\n{CANARY", main::received('acct_expired_5')]
--- error_code eval
[200, 200]
--- response_body_like eval
[qr/success/, qr/\A(?!.*CANARY).*"body":""/]
