# reauth_public_url: polling_url begins with the public address of the gateway,
# if another server in front of it terminates TLS or adds a prefix; a value that
# is not a URL is logged, and the address of the request is used.

use strict;
use warnings;

use Test::Nginx::Socket;
use Reauth::Requests;
use Reauth::Test redis => 0;

plan tests => repeat_each() * 28;

run_tests();

__DATA__

=== TEST 1: the URL is https if TLS is terminated in front of the gateway
--- http_config
reauth_public_url https://gateway.example;
--- request eval
main::put('acct_1', main::login('slow'))
--- more_headers
Content-Type: application/json
--- response_body_like: "polling_url":"https://gateway\.example/api/authenticate/auth_\w+"
--- no_error_log
[warn]
[error]



=== TEST 2: a port, a prefix and a trailing slash are kept
--- config
reauth_public_url https://gateway.example:8443/fans/;
--- request eval
[main::put('acct_2', main::login('slow')), main::put('acct_2', main::login('slow'))]
--- more_headers
Content-Type: application/json
--- response_headers eval
['! Reauth-Coalesced', 'Reauth-Coalesced: 1']
--- response_body_like eval
[(qr{"polling_url":"https://gateway\.example:8443/fans/api/authenticate/auth_\w+"}) x 2]



=== TEST 3: the location's value replaces the server's
--- config
reauth_public_url https://other.example;
location /api/authenticate {
    reauth_public_url http://[::1]:8080/a%20b;
    reauth_authenticate /upstream;
}
--- request
POST /api/authenticate/acct_expired_3/reauthenticate
--- response_body_like: "polling_url":"http://\[::1\]:8080/a%20b/api/authenticate/auth_\w+"
--- no_error_log
[error]



=== TEST 4: a variable's value is used; if empty, the request's address
--- http_config
map $http_x_front $front {
    a  https://a.example;
    b  https://b.example/prefix;
}
reauth_public_url $front;
--- request eval
[(main::put('acct_4', main::login('slow'))) x 3]
--- more_headers eval
[map { "Content-Type: application/json\nX-Front: $_" } 'a', 'b', 'c']
--- response_body_like eval
[map { qr{"polling_url":"$_/api/authenticate/auth_} }
 'https://a\.example', 'https://b\.example/prefix', 'http://localhost']
--- no_error_log
[error]



=== TEST 5: text around a variable is used
--- http_config
reauth_public_url https://$host/prefix;
--- request eval
main::put('acct_5', main::login('slow'))
--- more_headers
Content-Type: application/json
Host: gateway.internal
--- response_body_like: "polling_url":"https://gateway\.internal/prefix/api/authenticate/auth_\w+"
--- no_error_log
[error]



=== TEST 6: an invalid URL is logged, and the request's address is used
--- http_config
reauth_public_url $http_x_front;
--- request eval
main::put('acct_6', main::login('slow'))
--- more_headers
Content-Type: application/json
X-Front: javascript:alert(1)
--- response_body_like: "polling_url":"http://localhost/api/authenticate/auth_\w+"
--- error_log
reauth: the value "javascript:alert(1)" of "reauth_public_url" does not begin with http:// or https:// and a host, the address of the request is used
