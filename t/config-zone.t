# nginx must not start with a reauth_zone that is missing or makes no sense.

use strict;
use warnings;

use Test::Nginx::Socket;
use Reauth::Test redis => 0, sandbox => 0;

plan tests => repeat_each() * 22;

no_root_location();

run_tests();

__DATA__

=== TEST 1: the gate without a zone
--- without: all
--- http_config
reauth_gate on;
--- must_die
--- suppress_stderr
--- error_log eval
[qr/\[emerg\] .*"reauth_gate" needs shared memory/,
 'add "reauth_zone accounts:32m;" to the http block', qr/nginx\.conf:\d+/]



=== TEST 2: reauth_status without a zone
--- without: all
--- config
location /reauth/ { reauth_status; }
--- must_die
--- suppress_stderr
--- error_log
"reauth_status" needs shared memory: add "reauth_zone accounts:32m;"



=== TEST 3: reauth_authenticate without a zone
--- without: all
--- http_config
reauth_key_file $TEST_NGINX_KEY_FILE;
--- config
location /api/authenticate { reauth_authenticate /upstream; }
--- must_die
--- suppress_stderr
--- error_log
"reauth_authenticate" needs shared memory: add "reauth_zone accounts:32m;"



=== TEST 4: reauth_redis without a zone
--- without: all
--- http_config
reauth_redis redis://127.0.0.1:6379;
--- must_die
--- suppress_stderr
--- error_log
"reauth_redis" needs shared memory: add "reauth_zone accounts:32m;"



=== TEST 5: twice
--- http_config
reauth_zone accounts:1m;
reauth_zone others:1m;
--- must_die
--- suppress_stderr
--- error_log
"reauth_zone" directive is duplicate



=== TEST 6: without a size
--- http_config
reauth_zone accounts;
--- must_die
--- suppress_stderr
--- error_log
invalid "reauth_zone" "accounts": it takes a name and a size, as in "accounts:32m"



=== TEST 7: without a name
--- http_config
reauth_zone :1m;
--- must_die
--- suppress_stderr
--- error_log
invalid "reauth_zone" ":1m"



=== TEST 8: a size that is none
--- http_config
reauth_zone accounts:large;
--- must_die
--- suppress_stderr
--- error_log
invalid size "large" in "reauth_zone" "accounts:large": use a number with k or m



=== TEST 9: too small
--- http_config
reauth_zone accounts:64k;
--- must_die
--- suppress_stderr
--- error_log eval
qr/"reauth_zone" "accounts:64k" is too small: it needs at least \d+k/



=== TEST 10: a name that another module's zone has
--- http_config
limit_req_zone $uri zone=accounts:1m rate=1r/s;
reauth_zone accounts:1m;
--- must_die
--- suppress_stderr
--- error_log
the shared memory zone "accounts" is already declared for a different use
