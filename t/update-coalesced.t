# An identical update is not sent again while its attempt is active; a different
# one supersedes it; after the end, the update is sent again.

use strict;
use warnings;

use Test::Nginx::Socket;
use Reauth::Requests;
use Reauth::Test redis => 0;

plan tests => repeat_each() * 58;

our $poll = '{"account":{"id":"%s"},"state":"%s","progress":null,'
    . '"lastAttempt":{"started_at":"2026-01-01T00:00:00.000000Z",'
    . '"completed_at":"2026-01-01T00:01:00.000000Z","success":%s,'
    . '"needs_otp":false}}';

sub forced {
    my ($account, @answers) = @_;

    return sandbox('POST', "/account/$account", { next => \@answers });
}

run_tests();

__DATA__

=== TEST 1: identical updates are sent once, and all get the response
--- config eval: $::look
--- request eval
[(main::put('acct_1', main::login('slow'))) x 3, main::received('acct_1', 9)]
--- more_headers
Content-Type: application/json
--- error_code eval
[(200) x 4]
--- response_headers eval
['! Reauth-Coalesced', ('Reauth-Coalesced: 1') x 2, '! X']
--- response_body_like eval
[(qr/\A\{"attempt_id":"auth_\w+","message":"Authentication credentials updated\. [^"]+","polling_url":"[^"]+"\}\z/) x 3,
 qr/\A\[\{(?:(?!\},\{).)*\}\]\z/]



=== TEST 2: an identical update in another form is sent once
--- config eval: $::look
--- request eval
[main::put('acct_2', '{"email":"slow@example.com","password":"p"}'),
 main::put('acct_2', '{"password":"\u0070","auth_type":"email_password","x":1,"email":" slow@EXAMPLE.com "}'),
 main::received('acct_2', 9)]
--- more_headers
Content-Type: application/json
--- error_code eval
[(200) x 3]
--- response_headers eval
['! Reauth-Coalesced', 'Reauth-Coalesced: 1', '! X']
--- response_body_like eval
[qr/attempt_id/, qr/attempt_id/, qr/\A\[\{(?:(?!\},\{).)*\}\]\z/]



=== TEST 3: a password that differs in a blank is a different update
--- config eval: $::look
--- request eval
[main::put('acct_3', main::login('slow', 'p')),
 main::put('acct_3', main::login('slow', 'p ')), main::received('acct_3', 9)]
--- more_headers
Content-Type: application/json
--- error_code eval
[(200) x 3]
--- response_headers eval
[('! Reauth-Coalesced') x 3]
--- response_body_like eval
[qr/attempt_id/, qr/attempt_id/, qr/\A\[\{.*\},\{.*\}\]\z/]



=== TEST 4: the same update of another account is sent
--- request eval
[map { main::put($_, main::login('slow')) } 'acct_4a', 'acct_4b']
--- more_headers
Content-Type: application/json
--- error_code eval
[200, 200]
--- response_headers eval
[('! Reauth-Coalesced') x 2]



=== TEST 5: a different update supersedes; the first one is sent again
--- init
main::forced('acct_5', map { { status => 200, body => qq({"attempt_id":"auth_5$_"}) } } 'a' .. 'c');
--- request eval
[main::put('acct_5', main::login('slow', 'one')),
 main::put('acct_5', main::login('slow', 'two')),
 'GET /reauth/accounts/acct_5',
 main::put('acct_5', main::login('slow', 'one')),
 'GET /reauth/accounts/acct_5']
--- more_headers
Content-Type: application/json
--- error_code eval
[(200) x 5]
--- response_headers eval
[('! Reauth-Coalesced') x 5]
--- response_body_like eval
[qr/auth_5a/, qr/auth_5b/, qr/"attempt_id":"auth_5b","state":"running"/,
 qr/auth_5c/, qr/"attempt_id":"auth_5c","state":"running"/]



=== TEST 6: the same update is sent again when its attempt has failed
--- init
main::forced('acct_6', { status => 200, body => '{"attempt_id":"auth_6"}' });
--- request eval
[main::put('acct_6', main::login('wrong')),
 main::put('acct_6', main::login('wrong')),
 'GET /reauth/accounts/acct_6']
--- more_headers
Content-Type: application/json
--- error_code eval
[(200) x 3]
--- response_headers eval
['! Reauth-Coalesced', 'Reauth-Coalesced: 1', '! X']
--- response_body_like eval
[qr/auth_6/, qr/"attempt_id":"auth_6"/, qr/"state":"running"/]
