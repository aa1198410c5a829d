# $reauth_authorization has a value while an upstream request is built, and
# nowhere else: not where it could be shown to somebody.

use strict;
use warnings;

use Test::Nginx::Socket;
use Reauth::Requests;
use Reauth::Test redis => 0;

plan tests => repeat_each() * 45;

run_tests();

__DATA__

=== TEST 1: return, add_header, set, map, the log
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



=== TEST 2: around a request that was sent to the upstream
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



=== TEST 3: an error page, after the upstream was asked
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



=== TEST 4: a named location, after the upstream could not be reached
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



=== TEST 5: SSI
--- config
location /page.html { ssi on; }
--- user_files
>>> page.html
[<!--# echo var="reauth_authorization" default="" -->]
--- request
GET /page.html
--- response_body
[]



=== TEST 6: in a URL, which would be in logs; in the header it is all the same
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



=== TEST 7: the log of the subrequest
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
