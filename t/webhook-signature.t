# reauth_webhook: accepted signatures, and responses to invalid webhooks.

use strict;
use warnings;

use Test::Nginx::Socket;
use Reauth::Test redis => 0, sandbox => 0;
use Reauth::Webhook;

plan tests => repeat_each() * 68;

our $test = event('test-event', undef);

sub signed {
    my ($body, $secret) = @_;

    return 'Signature: ' . signature($body, $secret);
}

sub post {
    my ($body) = @_;

    return "POST /reauth/webhook\n$body";
}

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value('config', <<'EOC') if !defined $block->config;
location = /reauth/webhook {
    reauth_webhook $TEST_NGINX_WEBHOOK_SECRET $TEST_NGINX_NEXT_WEBHOOK_SECRET;
}
EOC
});

run_tests();

__DATA__

=== TEST 1: a signed webhook is accepted
--- request eval
main::post($main::test)
--- more_headers eval
main::signed($main::test)
--- error_code: 200
--- response_headers
Content-Type: application/json
Cache-Control: no-store
--- response_body chomp
{"received":true}
--- no_error_log
[error]



=== TEST 2: a signature with a prefix, in upper case or between blanks is accepted
--- request eval
[(main::post($main::test)) x 4]
--- more_headers eval
['Signature: sha256=' . main::signature($main::test),
 'Signature: ' . uc main::signature($main::test),
 'Signature: SHA256=' . uc main::signature($main::test),
 "Signature:  \t" . main::signature($main::test) . ' ']
--- error_code eval
[(200) x 4]



=== TEST 3: a signature by the second secret is accepted
--- request eval
main::post($main::test)
--- more_headers eval
main::signed($main::test, $Reauth::Webhook::NEXT)
--- error_code: 200



=== TEST 4: with one secret, a signature by another is 401
--- config
location = /reauth/webhook { reauth_webhook $TEST_NGINX_WEBHOOK_SECRET; }
--- request eval
[(main::post($main::test)) x 2]
--- more_headers eval
[main::signed($main::test), main::signed($main::test, $Reauth::Webhook::NEXT)]
--- error_code eval
[200, 401]



=== TEST 5: a webhook without a signature is 401
--- request eval
main::post($main::test)
--- error_code: 401
--- response_headers
Content-Type: application/json
Cache-Control: no-store
--- response_body_like: \A\{"error":"INVALID_SIGNATURE","message":"[^"]+","description":"[^"]+","decision_id":"[0-9a-f]{16}"\}\z



=== TEST 6: a signature by another secret, or of another body, is 401
--- request eval
[(main::post($main::test)) x 7]
--- more_headers eval
[main::signed($main::test, 'wrong'), main::signed("$main::test "),
 'Signature: ', 'Signature: sha256=', 'Signature: ' . '0' x 64,
 'Signature: ' . substr(main::signature($main::test), 0, 62),
 'Signature: ' . main::signature($main::test) . '00']
--- error_code eval
[(401) x 7]
--- response_body_like eval
[(qr/"error":"INVALID_SIGNATURE"/) x 7]



=== TEST 7: the signature is checked before the body is read
--- request eval
[map { main::post($_) } 'no json', '{"event":"test-event" }', "\0\xff", '[]']
--- more_headers eval
['Signature: ' . main::signature('no JSON'),
 'Signature: ' . main::signature('{"event":"test-event"}'), '', '']
--- error_code eval
[(401) x 4]



=== TEST 8: a signed invalid body is 200, so that it is not sent again
--- request eval
[map { main::post($_) } 'no json', '[]', '{}', '{"event":7}',
 '{"event":"accounts.connected","event":"x"}']
--- more_headers eval
[map { main::signed($_) } 'no json', '[]', '{}', '{"event":7}',
 '{"event":"accounts.connected","event":"x"}']
--- error_code eval
[(200) x 5]
--- response_body eval
[('{"received":true}') x 5]



=== TEST 9: other events are accepted and ignored
--- request eval
[map { main::post($_) } main::event('messages.received', 'acct_1'),
 main::event('accounts.connected', undef),
 main::event('accounts.connected', 'no account')]
--- more_headers eval
[map { main::signed($_) } main::event('messages.received', 'acct_1'),
 main::event('accounts.connected', undef),
 main::event('accounts.connected', 'no account')]
--- error_code eval
[(200) x 3]
--- response_body eval
[('{"received":true}') x 3]



=== TEST 10: an empty body is accepted if it is signed
--- request eval
[('POST /reauth/webhook') x 2]
--- more_headers eval
['', main::signed('')]
--- error_code eval
[401, 200]



=== TEST 11: a method other than POST is 405
--- request eval
["GET /reauth/webhook", "PUT /reauth/webhook\n{}", "DELETE /reauth/webhook"]
--- error_code eval
[405, 405, 405]
--- response_headers eval
[('Allow: POST') x 3]
--- response_body_like eval
[(qr/"error":"METHOD_NOT_ALLOWED"/) x 3]



=== TEST 12: a body of more than 256 KB is 413, whatever client_max_body_size says
--- config
location = /reauth/webhook {
    client_max_body_size 1k;
    reauth_webhook $TEST_NGINX_WEBHOOK_SECRET;
}
--- request eval
[main::post('x' x 262144), main::post('x' x 262145)]
--- more_headers eval
[(main::signed('x' x 262144)) x 2]
--- error_code eval
[200, 413]
--- response_body_like eval
[qr/received/, qr/"error":"BODY_TOO_LARGE"/]



=== TEST 13: neither the secret nor the body is ever logged
--- log_level: debug
--- request eval
main::post('{"event":"x CANARY","payload":"CANARY"}')
--- more_headers eval
main::signed('{"event":"x CANARY","payload":"CANARY"}')
--- error_code: 200
--- no_error_log
webhook-secret-for-tests
CANARY
