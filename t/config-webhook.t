# nginx must not start with an invalid reauth_webhook.

use strict;
use warnings;

use Test::Nginx::Socket;
use Reauth::Test redis => 0, sandbox => 0;
use Reauth::Webhook;

plan tests => repeat_each() * 20;

no_root_location();

run_tests();

__DATA__

=== TEST 1: a webhook without a zone is rejected
--- without: all
--- config
location = /hook { reauth_webhook $TEST_NGINX_WEBHOOK_SECRET; }
--- must_die
--- suppress_stderr
--- error_log
"reauth_webhook" needs shared memory: add "reauth_zone accounts:32m;"



=== TEST 2: a missing secret file is rejected
--- config
location = /hook { reauth_webhook $TEST_NGINX_WORK_DIR/nowhere; }
--- must_die
--- suppress_stderr
--- error_log eval
qr/\[emerg\] .*"reauth_webhook" ".*\/nowhere": .*No such file.* in .*nginx\.conf:\d+/



=== TEST 3: an empty secret is rejected
--- post_setup_server_root
Reauth::Test::secret_file('empty', "\n");
--- config
location = /hook { reauth_webhook $TEST_NGINX_WORK_DIR/empty; }
--- must_die
--- suppress_stderr
--- error_log eval
qr/\[emerg\] .*"reauth_webhook" ".*\/empty": /



=== TEST 4: no secret is rejected
--- config
location = /hook { reauth_webhook pass=/events; }
--- must_die
--- suppress_stderr
--- error_log
"reauth_webhook" directive needs a file with the secret



=== TEST 5: more than two secrets are rejected
--- config
location = /hook {
    reauth_webhook $TEST_NGINX_WEBHOOK_SECRET $TEST_NGINX_WEBHOOK_SECRET
                   $TEST_NGINX_WEBHOOK_SECRET;
}
--- must_die
--- suppress_stderr
--- error_log
"reauth_webhook" directive takes at most two secret files



=== TEST 6: pass= with an invalid path is rejected
--- config
location = /hook { reauth_webhook $TEST_NGINX_WEBHOOK_SECRET pass=events; }
--- must_die
--- suppress_stderr
--- error_log
invalid "pass=events" in "reauth_webhook": expected the path



=== TEST 7: pass= with parameters is rejected
--- config
location = /hook { reauth_webhook $TEST_NGINX_WEBHOOK_SECRET pass=/e?a=b; }
--- must_die
--- suppress_stderr
--- error_log
invalid "pass=/e?a=b" in "reauth_webhook"



=== TEST 8: a second reauth_webhook is rejected
--- config
location = /hook {
    reauth_webhook $TEST_NGINX_WEBHOOK_SECRET;
    reauth_webhook $TEST_NGINX_NEXT_WEBHOOK_SECRET;
}
--- must_die
--- suppress_stderr
--- error_log
"reauth_webhook" directive is duplicate



=== TEST 9: a location with another handler is rejected
--- config
location = /hook {
    proxy_pass http://127.0.0.1:1;
    reauth_webhook $TEST_NGINX_WEBHOOK_SECRET;
}
--- must_die
--- suppress_stderr
--- error_log
"reauth_webhook" directive cannot be used here: the location already has



=== TEST 10: reauth_webhook outside a location is rejected
--- config
reauth_webhook $TEST_NGINX_WEBHOOK_SECRET;
--- must_die
--- suppress_stderr
--- error_log
"reauth_webhook" directive is not allowed here
