# polling_url leads to the gateway by the client's Host, for each host that the
# upstream uses; the rest of the response is unchanged.

use strict;
use warnings;

use Test::Nginx::Socket;
use Reauth::Requests;
use Reauth::Test redis => 0;

plan tests => repeat_each() * 37;

sub forced {
    my ($account, $body) = @_;

    return sandbox('POST', "/account/$account",
        { next => [{ status => 200, body => $body }] });
}

run_tests();

__DATA__

=== TEST 1: the URL of either upstream host leads to the gateway
--- request eval
[main::put('acct_1', main::login('slow', 'one')),
 main::put('acct_1', main::login('slow', 'two'))]
--- more_headers
Content-Type: application/json
--- error_code eval
[200, 200]
--- response_body_like eval
[(qr{\A(?!.*(?:onlyfansapi|fansapi)\.com).*"polling_url":"http://localhost/api/authenticate/auth_\w+"})
 x 2]



=== TEST 2: a Host with a port is in the URL
--- request eval
main::put('acct_2', main::login('slow'))
--- more_headers
Content-Type: application/json
Host: gateway.internal:8080
--- response_body_like: "polling_url":"http://gateway\.internal:8080/api/authenticate/auth_\w+"



=== TEST 3: a Host that is an address is in the URL
--- request eval
main::put('acct_3', main::login('slow'))
--- more_headers
Content-Type: application/json
Host: [::1]:8080
--- response_body_like: "polling_url":"http://\[::1\]:8080/api/authenticate/auth_\w+"



=== TEST 4: without Host (HTTP/1.0), the URL has the address of the connection
--- raw_request eval
"PUT /api/authenticate/acct_4/credentials HTTP/1.0\r
Content-Type: application/json\r
Content-Length: 26\r
\r
{\"auth_type\":\"mobile_app\"}"
--- response_body_like eval
qr{"polling_url":"http://127\.0\.0\.1:$ENV{TEST_NGINX_SERVER_PORT}/api/authenticate/auth_\w+"}



=== TEST 5: reauthenticate and its repeat have the URL as well
--- request eval
[('POST /api/authenticate/acct_expired_6/reauthenticate') x 2]
--- more_headers
Host: gateway:81
--- error_code eval
[200, 200]
--- response_body_like eval
[(qr{\A\{(?!.*attempt_id).*"polling_url":"http://gateway:81/api/authenticate/auth_\w+".*\}\z})
 x 2]
--- response_headers eval
['! Reauth-Coalesced', 'Reauth-Coalesced: 1']



=== TEST 6: a coalesced response has the URL of each client's Host
--- request eval
[(main::put('acct_7', main::login('slow'))) x 3]
--- more_headers eval
[map { "Content-Type: application/json\nHost: $_" } 'a:1', 'b:2', 'c']
--- error_code eval
[200, 200, 200]
--- response_body_like eval
[map { qr{"polling_url":"http://$_/api/authenticate/auth_} } 'a:1', 'b:2', 'c']



=== TEST 7: other members, their order and numbers are not changed
--- init
main::forced('acct_8', '{"z":1.50,"attempt_id":"auth_8","a":[null,true,"\u00e9/"],'
    . '"message":"m","polling_url":"https://api.fansapi.com/api/authenticate/auth_8?x=1",'
    . '"big":9007199254740993}');
--- request eval
main::put('acct_8', main::login('slow'))
--- more_headers
Content-Type: application/json
--- response_body chomp
{"z":1.50,"attempt_id":"auth_8","a":[null,true,"\u00e9/"],"message":"m","polling_url":"http://localhost/api/authenticate/auth_8?x=1","big":9007199254740993}



=== TEST 8: of two polling_url, only the top-level one leads to the gateway
--- init
main::forced('acct_80', '{"message":"\"polling_url\":\"https://api.fansapi.com/api/authenticate/auth_80\"",'
    . '"old":{"polling_url":"https://api.fansapi.com/api/authenticate/auth_79"},'
    . '"attempt_id":"auth_80","polling_url":"https:\/\/api.fansapi.com\/api\/authenticate\/auth_80"}');
--- request eval
main::put('acct_80', main::login('slow'))
--- more_headers
Content-Type: application/json
--- response_body chomp
{"message":"\"polling_url\":\"https://api.fansapi.com/api/authenticate/auth_80\"","old":{"polling_url":"https://api.fansapi.com/api/authenticate/auth_79"},"attempt_id":"auth_80","polling_url":"http://localhost/api/authenticate/auth_80"}



=== TEST 9: a URL with escaped slashes is replaced
--- init
main::forced('acct_81', '{ "attempt_id":"auth_81",  "polling_url" : "https:\/\/api.fansapi.com\/api\/authenticate\/auth_81", "message":"\"polling_url\":" }');
--- request eval
main::put('acct_81', main::login('slow'))
--- more_headers
Content-Type: application/json
--- response_body chomp
{ "attempt_id":"auth_81",  "polling_url" : "http://localhost/api/authenticate/auth_81", "message":"\"polling_url\":" }



=== TEST 10: a URL that leads elsewhere is replaced, and nothing else is
--- init
main::forced('acct_9', '{ "attempt_id" : "auth_9", "polling_url":"https:\/\/other.example.com\/x" }');
--- request eval
main::put('acct_9', main::login('slow'))
--- more_headers
Content-Type: application/json
--- response_body chomp
{ "attempt_id" : "auth_9", "polling_url":"http://localhost/api/authenticate/auth_9" }
--- error_log
the upstream's polling_url is not that of the attempt



=== TEST 11: a Host that cannot be in a URL is ignored
--- request eval
[main::put('acct_10', main::login('slow')),
 main::put('acct_11', main::login('slow')),
 main::put('acct_11', main::login('slow'))]
--- more_headers eval
[map { "Content-Type: application/json\nHost: $_" }
 "\xff\xfe", 'a","b":"', "gateway\xc3"]
--- error_code eval
[200, 200, 200]
--- skip_nginx: 6: >= 1.29.4: nginx rejects them
--- response_body_like eval
[(qr{"polling_url":"http://127\.0\.0\.1:$ENV{TEST_NGINX_SERVER_PORT}/api/authenticate/auth_\w+"})
 x 3]
