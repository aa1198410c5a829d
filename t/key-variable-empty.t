# $reauth_authorization has a value only while an upstream request is built: it
# is empty wherever it could be shown.

use strict;
use warnings;

use Test::Nginx::Socket;
use Reauth::Requests;
use Reauth::Test redis => 0;

plan tests => repeat_each() * 73;

run_tests();

__DATA__

=== TEST 1: return, add_header, set, map and the log get an empty value
--- http_config
map $reauth_authorization $mapped { "" "none"; default "CANARY[$reauth_authorization]"; }
log_format key "key=[$reauth_authorization] mapped=$mapped";
access_log logs/access.log key;
--- config
location = /return {
    add_header X-Key "[$reauth_authorization]";
    return 200 "[$reauth_authorization] $mapped";
}
location = /set {
    set $copy "[$reauth_authorization]";
    return 200 "$copy $mapped";
}
location = /if {
    if ($reauth_authorization) { return 200 "CANARY"; }
    return 200 "[] none";
}
--- request eval
['GET /return', 'GET /set', 'GET /if']
--- error_code eval
[200, 200, 200]
--- response_headers eval
['X-Key: []', '! X', '! X']
--- response_body eval
['[] none', '[] none', '[] none']
--- access_log eval
qr/^key=\[-?\] mapped=none$/
--- no_access_log
sandbox-api-key
CANARY



=== TEST 2: the value is empty before and after a request to the upstream
--- http_config
log_format key "key=[$reauth_authorization]";
access_log logs/access.log key;
--- config
location /api/ {
    set $copy "[$reauth_authorization]";
    add_header X-Key "[$reauth_authorization]" always;
    add_header X-Copy $copy always;
    proxy_pass http://fans_api;
    proxy_set_header Authorization $reauth_authorization;
}
--- request eval
['GET /api/acct_2/chats', 'GET /api/acct_unknown_2/chats']
--- error_code eval
[200, 404]
--- response_headers eval
[("X-Key: []\nX-Copy: []") x 2]
--- response_body_unlike eval
[('sandbox-api-key') x 2]
--- access_log eval
qr/^key=\[-?\]$/
--- no_access_log
sandbox-api-key



=== TEST 3: the value is empty in an error page after the upstream's response
--- config
location /api/ {
    proxy_pass http://fans_api;
    proxy_set_header Authorization $reauth_authorization;
    proxy_intercept_errors on;
    error_page 404 /page;
}
location = /page { return 200 "[$reauth_authorization]"; }
--- request
GET /api/acct_unknown_3/chats
--- error_code: 404
--- response_body chomp
[]



=== TEST 4: the value is empty in a named location after the upstream failed
--- config
location /api/ {
    proxy_pass http://127.0.0.1:1;
    proxy_set_header Authorization $reauth_authorization;
    error_page 502 @page;
}
location @page { return 200 "[$reauth_authorization]"; }
--- request
GET /api/acct_4/chats
--- error_code: 502
--- response_body chomp
[]



=== TEST 5: the value is empty in SSI
--- config
location /page.html { ssi on; }
--- user_files
>>> page.html
[<!--# echo var="reauth_authorization" default="" -->]
--- request
GET /page.html
--- response_body
[]



=== TEST 6: the value is empty in a URL; the header still has the key
--- config
location /api/ {
    proxy_pass http://fans_api/api/acct_6/x?key=$reauth_authorization;
    proxy_set_header Authorization $reauth_authorization;
}
location /_sandbox/ { proxy_pass http://fans_api; }
--- request eval
['GET /api/acct_6/chats', main::received('acct_6')]
--- error_code eval
[200, 200]
--- response_body_like eval
[qr/"account_id":"acct_6"/,
 qr/"authorization":"Bearer sandbox-api-key.*"target":"[^"]*\?key="/]



=== TEST 7: the value is empty in the log of the subrequest
--- http_config
log_format key "$uri key=[$reauth_authorization]";
access_log logs/access.log key;
--- config
location /upstream/ {
    internal;
    log_subrequest on;
    add_header X-Key "[$reauth_authorization]" always;
    proxy_pass http://fans_api/;
    proxy_set_header Authorization $reauth_authorization;
}
--- request eval
main::put('acct_7', main::login('slow'))
--- more_headers
Content-Type: application/json
--- response_headers
! X-Key
--- response_body_like: attempt_id
--- access_log
/upstream/api/authenticate/acct_7/credentials key=[
--- no_access_log
sandbox-api-key



=== TEST 8: a map used for the header gives the key to the upstream only
--- http_config
map $http_x $kept { default "$reauth_authorization"; }
map $reauth_authorization $afresh {
    volatile; "" none; default "CANARY[$reauth_authorization]";
}
map $kept $of_a_map { "" none; default "CANARY[$kept]"; }
log_format key "$uri kept=[$kept] afresh=[$afresh] of_a_map=[$of_a_map]";
access_log logs/access.log key;
--- config
location /api/ {
    proxy_pass http://fans_api;
    proxy_set_header Authorization $kept;
    proxy_set_header X-Afresh $afresh;
    proxy_set_header X-Of-A-Map $of_a_map;
    add_header X-Copy "[$kept][$afresh]" always;
    error_page 404 /page;
    proxy_intercept_errors on;
}
location = /page {
    add_header X-Copy "[$kept][$afresh]" always;
    return 404 "[$kept] $of_a_map";
}
location /_sandbox/ { proxy_pass http://fans_api; }
--- request eval
['GET /api/acct_8/chats', 'GET /api/acct_unknown_8/chats',
 main::received('acct_8')]
--- error_code eval
[200, 404, 200]
--- response_headers eval
['X-Copy: [][none]', 'X-Copy: [][none]', '! X-Copy']
--- response_body_like eval
[qr/"account_id":"acct_8"/, qr/\A\[\] none\z/,
 qr/"authorization":"Bearer sandbox-api-key.*"x-afresh":"CANARY\[Bearer sandbox-api-key/]
--- access_log eval
qr/ kept=\[-?\] afresh=\[none\] of_a_map=\[none\]$/
--- no_access_log
sandbox-api-key
CANARY



=== TEST 9: the value is empty where a response of any location is changed
--- http_config
map $reauth_authorization $mapped { "" none; default "CANARY[$reauth_authorization]"; }
--- config
location = /auth {
    internal;
    proxy_pass http://fans_api/api/accounts;
    proxy_set_header Authorization $reauth_authorization;
    add_header X-Auth "[$reauth_authorization]" always;
}
location /api/ {
    auth_request /auth;
    auth_request_set $copy "[$reauth_authorization] $upstream_status $mapped";
    proxy_pass http://fans_api;
    proxy_set_header Authorization $reauth_authorization;
    sub_filter_types application/json;
    sub_filter account_id "account[$reauth_authorization]";
    add_header X-Copy "$copy" always;
    add_after_body /after;
    addition_types application/json;
}
location = /after { return 200 "[$reauth_authorization] $mapped"; }
--- request
GET /api/acct_9/chats
--- response_headers
X-Copy: [] 200 none
--- response_body_like: "account\[\]":.*\[\] none\z
--- no_error_log
sandbox-api-key



=== TEST 10: the debug log of the request to the upstream has no key
--- log_level: debug
--- config
location /_sandbox/ { proxy_pass http://fans_api; }
--- request eval
['GET /api/acct_10/chats', main::received('acct_10')]
--- error_code eval
[200, 200]
--- response_body_like eval
[qr/"account_id":"acct_10"/, qr/"authorization":"Bearer sandbox-api-key/]
--- no_error_log
sandbox-api-key
