# Only headers of the allow-list are forwarded, and the key is that of the
# gateway.

use strict;
use warnings;

use Test::Nginx::Socket;
use Reauth::Requests;
use Reauth::Test redis => 0;

plan tests => repeat_each() * 22;

# the gateway's own origin, because others are rejected
our $all = join "\n", 'Content-Type: application/json',
    'Origin: http://localhost', map { "$_: mine" }
    'Accept', 'Accept-Language', 'User-Agent', 'X-Request-Id', 'traceparent',
    'tracestate', 'Idempotency-Key', 'Authorization', 'Cookie', 'X-Api-Key',
    'X-Forwarded-For', 'X-Real-IP', 'Forwarded', 'Via', 'Referer',
    'Accept-Encoding', 'Range', 'If-None-Match', 'If-Modified-Since',
    'Proxy-Authorization', 'TE', 'Accept-Languages', 'X-Anything';

# exactly these; the log sorts them
sub headers {
    my (%more) = @_;

    my %header = (
        'accept'          => 'mine',
        'accept-language' => 'mine',
        'authorization'   => 'Bearer sandbox-api-key-for-tests-only',
        'host'            => 'fans_api',
        'idempotency-key' => 'mine',
        'traceparent'     => 'mine',
        'tracestate'      => 'mine',
        'user-agent'      => 'mine',
        'x-request-id'    => 'mine',
        %more,
    );
    my $text = join ',', map { qq("$_":"$header{$_}") } sort keys %header;

    return qr/"headers":\{\Q$text\E\}/;
}

run_tests();

__DATA__

=== TEST 1: an update has the headers of the list and the key
--- config eval: $::look
--- request eval
[main::put('acct_1', '{"auth_type":"mobile_app"}'), main::received('acct_1')]
--- more_headers eval
[$::all, '']
--- error_code eval
[200, 200]
--- response_body_like eval
[qr/attempt_id/,
 main::headers('content-length' => 26, 'content-type' => 'application\/json')]



=== TEST 2: reauthenticate has no body, but has a length
--- config eval: $::look
--- request eval
['POST /api/authenticate/acct_expired_2/reauthenticate',
 main::received('acct_expired_2')]
--- more_headers eval
[$::all, '']
--- error_code eval
[200, 200]
--- response_body_like eval
[qr/"success":true/, main::headers('content-length' => 0)]



=== TEST 3: headers that the client did not send are not added
--- config eval: $::look
--- request eval
[main::put('acct_3', '{"auth_type":"mobile_app"}'), main::received('acct_3')]
--- more_headers
Content-Type: application/json
--- error_code eval
[200, 200]
--- response_body_like eval
[qr/attempt_id/, qr/"headers":\{"authorization":"Bearer sandbox-api-key-for-tests-only","content-length":"26","content-type":"application\\\/json","host":"fans_api"\}/]



=== TEST 4: the caller's Authorization in another form is not sent
--- config eval: $::look
--- request eval
[main::put('acct_4', '{"auth_type":"mobile_app"}'), main::received('acct_4')]
--- more_headers eval
["Content-Type: application/json\nauthorization: Basic bWluZQ==", '']
--- error_code eval
[200, 200]
--- response_body_like eval
[qr/attempt_id/, qr/\A(?!.*bWluZQ).*"authorization":"Bearer sandbox-api/]
--- no_error_log
[error]



=== TEST 5: without a key in the internal location no Authorization is sent
--- config
location /upstream/ {
    internal;
    proxy_pass http://fans_api/;
}
location /_sandbox/ { proxy_pass http://fans_api; }
--- request eval
[main::put('acct_5', '{"auth_type":"mobile_app"}'), main::received('acct_5')]
--- more_headers
Content-Type: application/json
Authorization: Bearer mine
--- error_code eval
[401, 200]
--- response_body_like eval
[qr/The API key is missing or invalid/,
 qr/\A(?!.*mine).*"account":"acct_5"/]
