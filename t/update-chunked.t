# A chunked body in chunks of any size.

use strict;
use warnings;

use Test::Nginx::Socket;
use Reauth::Requests;
use Reauth::Test redis => 0;

plan tests => repeat_each() * 15;

our $body = qq({"email":"slow\@example.com",\n"password":"s\xc3\xa9cret"});

our $expected = logged('{"auth_type":"email_password",'
    . qq("email":"slow\@example.com","password":"s\xc3\xa9cret"}));

sub head {
    my ($account) = @_;

    return "PUT /api/authenticate/$account/credentials HTTP/1.1\r\n"
        . "Host: localhost\r\nConnection: close\r\n"
        . "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
}

sub chunks {
    my ($size) = @_;

    return join '', (map { sprintf("%x\r\n", length) . "$_\r\n" }
                     unpack "(a$size)*", $body), "0\r\n\r\n";
}

run_tests();

__DATA__

=== TEST 1: one chunk for each byte, sent at once
--- raw_request eval
main::head('acct_1') . main::chunks(1)
--- response_body_like: attempt_id



=== TEST 2: chunks of three bytes, each byte in a separate packet
--- raw_request eval
[main::head('acct_2'), split //, main::chunks(7)]
--- raw_request_middle_delay: 0.002
--- response_body_like: attempt_id



=== TEST 3: chunks with extensions and a trailer
--- raw_request eval
main::head('acct_3') . sprintf("%x;a=b\r\n%s\r\n0\r\nX-After: 1\r\n\r\n",
    length $::body, $::body)
--- response_body_like: attempt_id



=== TEST 4: an invalid chunk is 400
--- raw_request eval
main::head('acct_4') . "2\r\n{}\r\nCANARY\r\n\r\n"
--- error_code: 400
--- no_error_log
CANARY
[alert]



=== TEST 5: the upstream gets the complete body, with a length
--- config eval: $::look
--- request eval
["PUT /api/authenticate/acct_5/credentials\n" . main::chunks(5),
 main::received('acct_5')]
--- more_headers eval
["Content-Type: application/json\nTransfer-Encoding: chunked", '']
--- error_code eval
[200, 200]
--- response_body_like eval
[qr/attempt_id/, $::expected]
--- no_error_log
[error]
