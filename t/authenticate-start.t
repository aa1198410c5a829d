# A new account: the fields of an update and some others; the account ID is not
# yet known.

use strict;
use warnings;

use Test::Nginx::Socket;
use Reauth::Requests;
use Reauth::Test redis => 0;

plan tests => repeat_each() * 29;

sub start {
    my ($body) = @_;

    return "POST /api/authenticate\n$body";
}

run_tests();

__DATA__

=== TEST 1: a start is sent normalized, its polling_url leads to the gateway
--- config eval: $::look
--- request eval
[main::start('{"name":" Somebody ","email":"slow@EXAMPLE.com","password":"p ",'
 . '"proxyCountry":"us","force_connect":true,"x":1}'),
 'GET /_sandbox/log?path=/api/authenticate&last=1']
--- more_headers
Content-Type: application/json
--- error_code eval
[200, 200]
--- response_headers eval
['! Set-Cookie', '! X']
--- response_body_like eval
[qr{"attempt_id":"auth_\w+".*"polling_url":"http://localhost/api/authenticate/auth_},
 main::logged('{"auth_type":"email_password","email":"slow@example.com",'
 . '"password":"p ","name":"Somebody","proxyCountry":"us","force_connect":true}')]
--- no_error_log
[error]



=== TEST 2: a proxy of the client is passed, and all of its errors are named
--- request eval
[main::start('{"auth_type":"mobile_app","customProxy":{"host":"h","port":8080,"username":"u","password":"p"}}'),
 main::start('{"auth_type":"mobile_app","customProxy":{"host":"h h","port":0},"proxyCountry":"us","force_connect":"yes"}')]
--- more_headers
Content-Type: application/json
--- error_code eval
[200, 422]
--- response_body_like eval
[qr/attempt_id/,
 qr/"errors":\{.*"customProxy":\[.*"customProxy\.host":\[.*"customProxy\.port":\[.*"force_connect":\[/]



=== TEST 3: a start without a body is 422
--- request
POST /api/authenticate
--- error_code: 422
--- response_body_like: "errors":\{"email":\[.*"password":\[



=== TEST 4: other forms of fields that clients use are accepted
--- config eval: $::look
--- request eval
[main::start('{"email":"slow@example.com","password":"p","customProxy":[],'
 . '"force_connect":1,"display_name":" D ","proxy_country":"us",'
 . '"_internal_automatic_syncs_disabled":"true"}'),
 'GET /_sandbox/log?path=/api/authenticate&last=1',
 main::start('{"email":"slow@example.com","password":"p","force_connect":"0"}'),
 'GET /_sandbox/log?path=/api/authenticate&last=1',
 main::start('{"email":"slow@example.com","password":"p","force_connect":2}')]
--- more_headers
Content-Type: application/json
--- error_code eval
[200, 200, 200, 200, 422]
--- response_headers eval
['! Reauth-Dropped', ('! X') x 4]
--- response_body_like eval
[qr/attempt_id/,
 main::logged('{"auth_type":"email_password","email":"slow@example.com",'
 . '"password":"p","display_name":"D","proxyCountry":"us",'
 . '"force_connect":true,"_internal_automatic_syncs_disabled":true}'),
 qr/attempt_id/,
 main::logged('{"auth_type":"email_password","email":"slow@example.com",'
 . '"password":"p","force_connect":false}'),
 qr/"force_connect":\["The force_connect field must be true or false\."\]/]
