# Paths and methods: unknown, not allowed, and ambiguous ones.

use strict;
use warnings;

use Test::Nginx::Socket;
use Reauth::Requests;
use Reauth::Test redis => 0;

plan tests => repeat_each() * 128;

our @nowhere = ('/api/authenticate/acct_' . 'x' x 65 . '/credentials',
    qw(/api/authenticate/ /api/authenticate/nobody
    /api/authenticate/acct_ /api/authenticate/acct_1
    /api/authenticate/acct_1/ /api/authenticate/acct_1/credentials/
    /api/authenticate/acct_1/credentials/x /api/authenticate/auth_1/credentials
    /api/authenticate/auth_1/reauthenticate /api/authenticate/ACCT_1/credentials
    /api/authenticate/acct_1/Credentials /api/authenticate/acct_a.b/credentials
    /api/authenticatex /api/fansly/authenticate/acct_1
    /api/fansly/authenticate/fansly_acct_1/credentials
    /api/authenticate/fansly_acct_1/credentials
    /api/authenticate/acct_1/send-email-to-creator));

our @bad = qw(/api/authenticate/acct_1//credentials
    /api/authenticate/./acct_1/credentials
    /api/authenticate/x/../acct_1/credentials
    /api/authenticate/acct%5f1/credentials
    /api/authenticate/acct_1%2fcredentials
    /api/authenticate/acct_1/credential%73
    /api/authenticate//acct_1/credentials
    //api/authenticate/acct_1/credentials
    /api/authenticate/acct_1/credentials%00
    /x/../api/authenticate/acct_1/credentials);

our @methods = (
    ['GET',    '/api/authenticate', 'POST'],
    ['PUT',    '/api/authenticate', 'POST'],
    ['POST',   '/api/authenticate/auth_1', 'GET, HEAD, PUT'],
    ['DELETE', '/api/authenticate/auth_1', 'GET, HEAD, PUT'],
    ['GET',    '/api/authenticate/auth_1/send-email-to-creator', 'POST'],
    ['GET',    '/api/authenticate/acct_1/credentials', 'PUT'],
    ['HEAD',   '/api/authenticate/acct_1/credentials', 'PUT'],
    ['POST',   '/api/authenticate/acct_1/credentials', 'PUT'],
    ['PATCH',  '/api/authenticate/acct_1/credentials', 'PUT'],
    ['OPTIONS','/api/authenticate/acct_1/credentials', 'PUT'],
    ['put',    '/api/authenticate/acct_1/credentials', 'PUT'],
    ['GET',    '/api/authenticate/acct_1/reauthenticate', 'POST'],
    ['GET',    '/api/fansly/authenticate', 'POST'],
    ['POST',   '/api/fansly/authenticate/fansly_acct_1', 'GET, HEAD, PUT'],
    ['PUT',    '/api/fansly/authenticate/fansly_acct_1/reauthenticate', 'POST'],
);

run_tests();

__DATA__

=== TEST 1: a path that does not exist is 404, and nothing is sent
--- config eval: $::look
--- request eval
[(map { "PUT $_\n" . main::login('slow') } @::nowhere),
 main::received('acct_1')]
--- more_headers
Content-Type: application/json
--- error_code eval
[(404) x @::nowhere, 200]
--- response_body_like eval
[(qr/\A\{"error":"NOT_FOUND","message":"[^"]+","description":"[^"]+","decision_id":"[0-9a-f]{16}"\}\z/) x @::nowhere,
 qr/\A\[\]\z/]
--- no_error_log
[error]



=== TEST 2: an ambiguous path is 400, and nothing is sent
--- config eval: $::look
--- request eval
[(map { "PUT $_\n" . main::login('slow') } @::bad), main::received('acct_1')]
--- more_headers
Content-Type: application/json
--- error_code eval
[(400) x @::bad, 200]
--- response_body_unlike eval
[('attempt_id') x @::bad, 'acct_1']



=== TEST 3: a method that the path does not support is 405
--- request eval
[map { "$_->[0] $_->[1]" } @::methods]
--- error_code eval
[map { $_->[0] eq 'put' ? 400 : 405 } @::methods]
--- response_headers eval
[map { $_->[0] eq 'put' ? '! Allow' : "Allow: $_->[2]" } @::methods]
--- response_body_like eval
[map { $_->[0] eq 'HEAD' ? qr/\A\z/ : $_->[0] eq 'put' ? qr/400/
       : qr/"error":"METHOD_NOT_ALLOWED"/ } @::methods]



=== TEST 4: a query is passed and does not change the route
--- config eval: $::look
--- request eval
['PUT /api/authenticate/acct_4/credentials?a=/../x&b=%00' . "\n"
 . main::login('slow'), main::received('acct_4')]
--- more_headers
Content-Type: application/json
--- error_code eval
[200, 200]
--- response_body_like eval
[qr/attempt_id/,
 qr/"target":"\\\/api\\\/authenticate\\\/acct_4\\\/credentials\?a=\\\/\.\.\\\/x&b=%00"/]
