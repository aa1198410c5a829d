# nginx must not start with a missing or invalid reauth_zone.

use strict;
use warnings;

use Test::Nginx::Socket;
use Reauth::Test redis => 0, sandbox => 0;

plan tests => repeat_each() * 46;

our $callers = secret_file('callers', 'one sha256:' . 'a' x 64 . " all\n",
    oct '644');

no_root_location();

run_tests();

__DATA__

=== TEST 1: the gate without a zone is rejected
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



=== TEST 5: a second reauth_zone is rejected
--- http_config
reauth_zone accounts:1m;
reauth_zone others:1m;
--- must_die
--- suppress_stderr
--- error_log
"reauth_zone" directive is duplicate



=== TEST 6: a zone without a size is rejected
--- http_config
reauth_zone accounts;
--- must_die
--- suppress_stderr
--- error_log
invalid value "accounts" in "reauth_zone": expected a name and a size, such as "accounts:32m"



=== TEST 7: a zone without a name is rejected
--- http_config
reauth_zone :1m;
--- must_die
--- suppress_stderr
--- error_log
invalid value ":1m" in "reauth_zone"



=== TEST 8: an invalid size is rejected
--- http_config
reauth_zone accounts:large;
--- must_die
--- suppress_stderr
--- error_log
invalid size "large" in "reauth_zone" "accounts:large": expected a number followed by k or m



=== TEST 9: a zone that is too small is rejected
--- http_config
reauth_zone accounts:64k;
--- must_die
--- suppress_stderr
--- error_log eval
qr/"reauth_zone" "accounts:64k" is too small: it needs at least \d+k/



=== TEST 10: the name of another module's zone is rejected
--- http_config
limit_req_zone $uri zone=accounts:1m rate=1r/s;
reauth_zone accounts:1m;
--- must_die
--- suppress_stderr
--- error_log
the shared memory zone "accounts" is already declared for a different use



=== TEST 11: callers without a zone: others must not be able to use the key
--- without: all
--- http_config eval
"reauth_key_file $ENV{TEST_NGINX_KEY_FILE};"
--- config eval
"location /api/ {
    reauth_callers_file $::callers;
    proxy_pass http://127.0.0.1:$ENV{TEST_NGINX_SERVER_PORT};
    proxy_set_header Authorization \$reauth_authorization;
}"
--- must_die
--- suppress_stderr
--- error_log eval
qr/\[emerg\] .*"reauth_callers_file" needs shared memory: add "reauth_zone accounts:32m;" to the http block in .+nginx\.conf:\d+/



=== TEST 12: reauth_redis_failure without a zone
--- without: all
--- http_config
reauth_redis_failure reject;
--- must_die
--- suppress_stderr
--- error_log eval
qr/\[emerg\] .*"reauth_redis_failure" needs shared memory: add "reauth_zone accounts:32m;" to the http block in .+nginx\.conf:\d+/



=== TEST 13: reauth_update_wait without a zone
--- without: all
--- http_config
reauth_update_wait 1s;
--- must_die
--- suppress_stderr
--- error_log eval
qr/\[emerg\] .*"reauth_update_wait" needs shared memory: add "reauth_zone accounts:32m;" to the http block in .+nginx\.conf:\d+/



=== TEST 14: reauth_wait_max without a zone
--- without: all
--- http_config
reauth_wait_max 10;
--- must_die
--- suppress_stderr
--- error_log eval
qr/\[emerg\] .*"reauth_wait_max" needs shared memory: add "reauth_zone accounts:32m;" to the http block in .+nginx\.conf:\d+/



=== TEST 15: reauth_gate_account without a zone
--- without: all
--- http_config
reauth_gate_account $arg_a;
--- must_die
--- suppress_stderr
--- error_log eval
qr/\[emerg\] .*"reauth_gate_account" needs shared memory: add "reauth_zone accounts:32m;" to the http block in .+nginx\.conf:\d+/



=== TEST 16: reauth_gate_bypass without a zone
--- without: all
--- http_config
reauth_gate_bypass $arg_b;
--- must_die
--- suppress_stderr
--- error_log eval
qr/\[emerg\] .*"reauth_gate_bypass" needs shared memory: add "reauth_zone accounts:32m;" to the http block in .+nginx\.conf:\d+/



=== TEST 17: reauth_gate_max without a zone
--- without: all
--- http_config
reauth_gate_max 1m;
--- must_die
--- suppress_stderr
--- error_log eval
qr/\[emerg\] .*"reauth_gate_max" needs shared memory: add "reauth_zone accounts:32m;" to the http block in .+nginx\.conf:\d+/



=== TEST 18: reauth_gate_hold without a zone
--- without: all
--- http_config
reauth_gate_hold 1s;
--- must_die
--- suppress_stderr
--- error_log eval
qr/\[emerg\] .*"reauth_gate_hold" needs shared memory: add "reauth_zone accounts:32m;" to the http block in .+nginx\.conf:\d+/



=== TEST 19: reauth_retry_after without a zone
--- without: all
--- http_config
reauth_retry_after 1s 2s;
--- must_die
--- suppress_stderr
--- error_log eval
qr/\[emerg\] .*"reauth_retry_after" needs shared memory: add "reauth_zone accounts:32m;" to the http block in .+nginx\.conf:\d+/



=== TEST 20: reauth_unknown_fields without a zone
--- without: all
--- http_config
reauth_unknown_fields reject;
--- must_die
--- suppress_stderr
--- error_log eval
qr/\[emerg\] .*"reauth_unknown_fields" needs shared memory: add "reauth_zone accounts:32m;" to the http block in .+nginx\.conf:\d+/



=== TEST 21: reauth_answer_max without a zone
--- without: all
--- http_config
reauth_answer_max 1k;
--- must_die
--- suppress_stderr
--- error_log eval
qr/\[emerg\] .*"reauth_answer_max" needs shared memory: add "reauth_zone accounts:32m;" to the http block in .+nginx\.conf:\d+/



=== TEST 22: reauth_poll without a zone
--- without: all
--- config
reauth_poll on /upstream;
--- must_die
--- suppress_stderr
--- error_log eval
qr/\[emerg\] .*"reauth_poll" needs shared memory: add "reauth_zone accounts:32m;" to the http block in .+nginx\.conf:\d+/
