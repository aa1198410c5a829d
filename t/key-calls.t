# Ordinary calls: the key is sent and the token of the caller is not, whatever
# the location specifies.

use strict;
use warnings;

use Test::Nginx::Socket;
use Reauth::Requests;
use Reauth::Test redis => 0;

plan tests => repeat_each() * 32;

our $key = qr/"authorization":"Bearer sandbox-api-key-for-tests-only"/;

secret_file('tenant_key', "tenant-key\n");

run_tests();

__DATA__

=== TEST 1: the key replaces the caller's token, or is added
--- config eval: $::look
--- request eval
['GET /api/acct_1/chats', main::received('acct_1'),
 "POST /api/acct_1/chats\n{\"a\":1}", main::received('acct_1')]
--- more_headers eval
['X-A: 1', '', "Authorization: Bearer mine\nCookie: a=1", '']
--- error_code eval
[200, 200, 200, 200]
--- response_body_like eval
[qr/"account_id":"acct_1"/, $::key, qr/"body_bytes":7/,
 qr/\A(?!.*mine).*$::key.*"cookie":"a=1"/]
--- no_error_log
[error]



=== TEST 2: a location that does not set the header sends none
--- config
location /api/ { proxy_pass http://fans_api; }
location /_sandbox/ { proxy_pass http://fans_api; }
--- request eval
['GET /api/acct_2/chats', main::received('acct_2')]
--- more_headers
Authorization: Bearer mine
--- error_code eval
[401, 200]
--- response_body_like eval
[qr/API key/, qr/\A(?!.*mine).*"account":"acct_2"/]



=== TEST 3: a location that sets the caller's token sends none either
--- config
location /api/ {
    proxy_pass http://fans_api;
    proxy_set_header Authorization $http_authorization;
    proxy_set_header X-Token "[$http_authorization]";
}
location /_sandbox/ { proxy_pass http://fans_api; }
--- request eval
['GET /api/acct_3/chats', main::received('acct_3')]
--- more_headers
Authorization: Bearer mine
--- error_code eval
[401, 200]
--- response_body_like eval
[qr/API key/, qr/\A(?!.*mine).*"account":"acct_3"/]



=== TEST 4: the key is sent without buffering and over a keep-alive connection
--- config
location /api/ {
    proxy_pass http://fans_api;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_buffering off;
    proxy_request_buffering off;
    proxy_set_header Authorization $reauth_authorization;
}
location /_sandbox/ { proxy_pass http://fans_api; }
--- request eval
['GET /api/acct_4/a', "PUT /api/acct_4/b\n{\"a\":1}", 'GET /api/acct_4/c',
 main::received('acct_4', 3)]
--- error_code eval
[200, 200, 200, 200]
--- response_body_like eval
[(qr/"account_id":"acct_4"/) x 3, qr/(?:.*$::key){3}/]



=== TEST 5: a location's own key is sent there
--- config
location /api/ {
    reauth_key_file $TEST_NGINX_WORK_DIR/tenant_key;
    proxy_pass http://fans_api;
    proxy_set_header Authorization $reauth_authorization;
}
location /_sandbox/ { proxy_pass http://fans_api; }
--- request eval
['GET /api/acct_5/chats', main::received('acct_5')]
--- error_code eval
[401, 200]
--- response_body_like eval
[qr/API key/, qr/"authorization":"Bearer tenant-key"/]
