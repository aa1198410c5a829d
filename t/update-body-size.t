# 64 KB at most, for each encoding of the length, whatever client_max_body_size
# specifies.

use strict;
use warnings;

use Test::Nginx::Socket;
use Reauth::Requests;
use Reauth::Test redis => 0;

plan tests => repeat_each() * 27;

our $max = 65536;

sub padded {
    my ($size) = @_;

    my $rest = substr login('slow'), 1;
    my $fill = 'x' x ($size - length($rest) - length '{"x":"",');

    return qq({"x":"$fill",$rest);
}

sub chunked {
    my ($account, $body, $size) = @_;

    my $head = "PUT /api/authenticate/$account/credentials HTTP/1.1\r\n"
        . "Host: localhost\r\nConnection: close\r\n"
        . "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    my $chunks = join '', map { sprintf("%x\r\n", length) . "$_\r\n" }
        unpack "(a$size)*", $body;

    return "$head${chunks}0\r\n\r\n";
}

run_tests();

__DATA__

=== TEST 1: a body of 64 KB passes
--- config eval: $::look
--- request eval
[main::put('acct_1', main::padded($::max)), main::received('acct_1')]
--- more_headers
Content-Type: application/json
--- error_code eval
[200, 200]
--- response_body_like eval
[qr/attempt_id/, main::logged('{"auth_type":"email_password",'
 . substr main::login('slow'), 1)]
--- no_error_log
[error]



=== TEST 2: a body of a byte more is 413
--- config eval: $::look
--- request eval
[main::put('acct_2', main::padded($::max + 1)), main::received('acct_2')]
--- more_headers
Content-Type: application/json
--- error_code eval
[413, 200]
--- response_body_like eval
[qr/\A\{"error":"BODY_TOO_LARGE","message":"[^"]+","description":"[^"]+","decision_id":"[0-9a-f]{16}"\}\z/,
 qr/\A\[\]\z/]
--- no_error_log
[alert]



=== TEST 3: a body of 64 KB in chunks passes
--- raw_request eval
main::chunked('acct_3', main::padded($::max), 4096)
--- response_body_like: attempt_id



=== TEST 4: a body of a byte more in chunks is 413
--- raw_request eval
main::chunked('acct_4', main::padded($::max + 1), 4096)
--- error_code: 413
--- response_body_like: "error":"BODY_TOO_LARGE"
--- no_error_log
[alert]



=== TEST 5: a chunk of far more is 413
--- raw_request eval
main::chunked('acct_5', main::padded(10 * $::max), 10 * $::max)
--- error_code: 413
--- response_body_like: "error":"BODY_TOO_LARGE"



=== TEST 6: an absurd length is 413 without waiting for the body
--- raw_request eval
"PUT /api/authenticate/acct_6/credentials HTTP/1.1\r
Host: localhost\r
Connection: close\r
Content-Type: application/json\r
Content-Length: 9000000000000\r
\r
{"
--- shutdown: 1
--- error_code: 413
--- response_body_like: "error":"BODY_TOO_LARGE"



=== TEST 7: a smaller client_max_body_size has no effect
--- config
location /api/authenticate {
    client_max_body_size 1k;
    reauth_authenticate /upstream;
}
--- request eval
main::put('acct_7', main::padded($::max))
--- more_headers
Content-Type: application/json
--- response_body_like: attempt_id



=== TEST 8: with small buffers, nothing is written to a file
--- config
location /api/authenticate {
    client_body_buffer_size 1k;
    client_body_in_file_only on;
    reauth_authenticate /upstream;
}
--- request eval
main::put('acct_8', main::padded($::max))
--- more_headers
Content-Type: application/json
--- response_body_like: attempt_id
--- no_error_log
client_body
[error]
