# GET /reauth/healthz and /reauth/readyz, with and without Redis, and the status
# of accounts when Redis becomes unavailable.

use strict;
use warnings;

use Test::Nginx::Socket;
use Reauth::Test;

plan tests => repeat_each() * 31;

# the last one stops Redis
no_shuffle();

sub ready {
    my ($status) = @_;

    return wait_for(sub {
        return http('GET', '/reauth/readyz')->{body} =~ /"status":"$status"/;
    }, "readyz to say $status");
}

sub without_redis {
    ready('ready');
    redis_stop();

    return ready('degraded');
}

run_tests();

__DATA__

=== TEST 1: healthz is 200
--- without: reauth_redis
--- request
GET /reauth/healthz
--- response_headers
Content-Type: application/json
Cache-Control: no-store
--- response_body chomp
{"status":"ok"}



=== TEST 2: parameters of a probe are ignored
--- without: reauth_redis
--- request eval
['GET /reauth/healthz?from=probe', 'GET /reauth/readyz?from=probe',
 'HEAD /reauth/healthz']
--- error_code eval
[200, 200, 200]



=== TEST 3: methods other than GET and HEAD are 405
--- without: reauth_redis
--- request eval
['POST /reauth/healthz', 'POST /reauth/readyz']
--- error_code eval
[405, 405]



=== TEST 4: readyz is 200 at once without reauth_redis
--- without: reauth_redis
--- request
GET /reauth/readyz
--- response_body chomp
{"status":"ready","reasons":[]}



=== TEST 5: readyz is 200 after the state was read from Redis
--- init
main::ready('ready');
--- request eval
['GET /reauth/readyz', 'GET /reauth/summary', 'GET /reauth/accounts',
 'GET /reauth/accounts/acct_nobody']
--- error_code eval
[200, 200, 200, 404]
--- response_body_like eval
[qr/\A\{"status":"ready","reasons":\[\]\}\z/, qr/"store":\{"redis":"up","lag_ms":\d+\}/,
 qr/"store":"redis","degraded":false\}\z/, qr/"error":"NOT_FOUND"/]



=== TEST 6: with Redis lost, the gateway is ready and degraded, and an account that it does not know is 503
--- init
main::without_redis();
--- request eval
['GET /reauth/healthz', 'GET /reauth/readyz', 'GET /reauth/summary',
 'GET /reauth/accounts', 'GET /reauth/accounts/acct_nobody',
 'GET /reauth/gate/acct_nobody']
--- error_code eval
[200, 200, 200, 200, 503, 204]
--- response_body_like eval
[qr/"status":"ok"/, qr/\A\{"status":"degraded","reason":"Redis is unreachable: /,
 qr/"store":\{"redis":"down","lag_ms":null\}/,
 qr/"store":"local","degraded":true\}\z/, qr/"error":"STORE_UNAVAILABLE"/,
 qr/\A\z/]
