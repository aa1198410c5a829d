# The upstream has received the update, and its response is missing, incomplete,
# too large, or a success without an attempt: 502, and the outcome is unknown.

use strict;
use warnings;

use Test::Nginx::Socket;
use Reauth::Requests;
use Reauth::Test redis => 0;

plan tests => repeat_each() * 84;

our @stories = qw(reset half garbage huge odd);

sub forced {
    my ($account, @answers) = @_;

    return sandbox('POST', "/account/$account", { next => \@answers });
}

run_tests();

__DATA__

=== TEST 1: each broken response of the sandbox is 502
--- request eval
[(map { main::put("acct_$_", main::login($_)) } @::stories),
 (map { "GET /reauth/accounts/acct_$_" } @::stories)]
--- more_headers
Content-Type: application/json
--- error_code eval
[(502) x 5, (200) x 5]
--- response_headers eval
[("Content-Type: application/json\nx-should-retry: false\n! Set-Cookie") x 5,
 ('! x-should-retry') x 5]
--- response_body_like eval
[(qr/\A\{"error":"UPSTREAM_BAD_ANSWER","message":"[^"]+","description":"[^"]+","decision_id":"[0-9a-f]{16}"\}\z/) x 5,
 (qr/"attempt_id":null,"state":"unknown","gate":"closed".*"error_code":"UPSTREAM_BAD_ANSWER"/)
 x 5]
--- no_error_log
[alert]



=== TEST 2: a success without an attempt is 502
--- init
main::forced("acct_2_$_->[0]", { status => 200, body => $_->[1] }) for
    [a => ''], [b => '[]'], [c => '{"attempt_id":"../x"}'],
    [d => '{"attempt_id":5}'], [e => '{"attempt_id":"auth_x"'],
    [f => qq({"attempt_id":"auth_x","attempt_id":"x"})];
--- request eval
[(map { main::put("acct_2_$_", main::login('slow')) } 'a' .. 'f'),
 (map { "GET /reauth/accounts/acct_2_$_" } 'a' .. 'f')]
--- more_headers
Content-Type: application/json
--- error_code eval
[(502) x 6, (200) x 6]
--- response_body_like eval
[(qr/UPSTREAM_BAD_ANSWER/) x 6, (qr/"state":"unknown","gate":"closed"/) x 6]



=== TEST 3: a response larger than reauth_answer_max is 502
--- config
location /api/authenticate {
    reauth_answer_max 1k;
    reauth_authenticate /upstream;
}
--- init
main::forced("acct_3_$_", { status => 200, body => '{"attempt_id":"auth_3","x":"'
    . 'x' x ($_ - length '{"attempt_id":"auth_3","x":""}') . '"}' }) for 1024, 1025;
--- request eval
[map { main::put("acct_3_$_", main::login('slow')) } 1024, 1025]
--- more_headers
Content-Type: application/json
--- error_code eval
[200, 502]
--- response_body_like eval
[qr/\A\{"attempt_id":"auth_3"/, qr/larger than reauth_answer_max/]



=== TEST 4: a response wrapped in "data" is accepted
--- init
main::forced('acct_4', { status => 201, body => '{"data":{"attempt_id":"auth_4",'
    . '"polling_url":"https:\/\/app.onlyfansapi.com\/api\/authenticate\/auth_4"}}' });
--- request eval
[main::put('acct_4', main::login('slow')), 'GET /reauth/accounts/acct_4']
--- more_headers
Content-Type: application/json
--- error_code eval
[201, 200]
--- response_body_like eval
[qr{\A\{"data":\{"attempt_id":"auth_4","polling_url":"http://localhost/api/authenticate/auth_4"\}\}\z},
 qr/"attempt_id":"auth_4","state":"running"/]
--- no_error_log
[error]
