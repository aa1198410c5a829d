# nginx must not start with an invalid reauth_notify.

use strict;
use warnings;

use Test::Nginx::Socket;
use Reauth::Test redis => 0, sandbox => 0;

plan tests => repeat_each() * 37;

$ENV{TEST_NGINX_NOTICES} = Reauth::Test::secret_file('notices',
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n");

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value('http_config', 'reauth_redis redis://127.0.0.1:1;')
        if !defined $block->http_config;
    $block->set_value('config', $block->config
            . 'location = /notify { internal; proxy_pass http://127.0.0.1:1; }');
});

run_tests();

__DATA__

=== TEST 1: a relative URI is rejected
--- config
reauth_notify notify $TEST_NGINX_NOTICES;
--- must_die
--- suppress_stderr
--- error_log
invalid URI "notify" in "reauth_notify": expected the path of an internal location, such as "/notify"



=== TEST 2: a URI with arguments is rejected
--- config
reauth_notify /notify?a=b $TEST_NGINX_NOTICES;
--- must_die
--- suppress_stderr
--- error_log
invalid URI "/notify?a=b" in "reauth_notify": expected the path



=== TEST 3: a second receiver with the same URI is rejected
--- config
reauth_notify /notify $TEST_NGINX_NOTICES;
reauth_notify /notify $TEST_NGINX_NOTICES;
--- must_die
--- suppress_stderr
--- error_log
"reauth_notify" directive is duplicate: its URI identifies the receiver



=== TEST 4: a missing secret file is rejected
--- config
reauth_notify /notify $TEST_NGINX_WORK_DIR/nowhere;
--- must_die
--- suppress_stderr
--- error_log eval
qr/\[emerg\] .*"reauth_notify" ".*\/nowhere": .*No such file.* in .*nginx\.conf:\d+/



=== TEST 5: a secret without the prefix is rejected
--- post_setup_server_root
Reauth::Test::secret_file('bare', "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n");
--- config
reauth_notify /notify $TEST_NGINX_WORK_DIR/bare;
--- must_die
--- suppress_stderr
--- error_log eval
qr/"reauth_notify" ".*\/bare": is not a key of Standard Webhooks: expected "whsec_" and 24 to 64 bytes in base64; generate one with "echo whsec_\$\(openssl rand -base64 32\)"/
--- no_error_log
MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw



=== TEST 6: a secret file that is readable by everybody is rejected
--- post_setup_server_root
Reauth::Test::secret_file('open', "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n", 0644);
--- config
reauth_notify /notify $TEST_NGINX_WORK_DIR/open;
--- must_die
--- suppress_stderr
--- error_log eval
qr/"reauth_notify" ".*\/open": is readable by everybody/



=== TEST 7: an unknown event is rejected
--- config
reauth_notify /notify $TEST_NGINX_NOTICES events=account.failed,account.lost;
--- must_die
--- suppress_stderr
--- error_log
invalid event "account.lost" in "reauth_notify": expected names separated by commas, of "account.needs_person", "account.still_waiting", "account.failed", "account.recovered" and "gateway.degraded"



=== TEST 8: no events are rejected
--- config
reauth_notify /notify $TEST_NGINX_NOTICES events=;
--- must_die
--- suppress_stderr
--- error_log
invalid event "" in "reauth_notify"



=== TEST 9: an invalid time is rejected
--- config
reauth_notify /notify $TEST_NGINX_NOTICES after=5m,often;
--- must_die
--- suppress_stderr
--- error_log
invalid time "often" in "reauth_notify": "after=" expects at most 8 times between 1s and 7d, separated by commas



=== TEST 10: a time that is too short is rejected
--- config
reauth_notify /notify $TEST_NGINX_NOTICES after=999ms;
--- must_die
--- suppress_stderr
--- error_log
invalid time "999ms" in "reauth_notify"



=== TEST 11: a time that is too long is rejected
--- config
reauth_notify /notify $TEST_NGINX_NOTICES after=8d;
--- must_die
--- suppress_stderr
--- error_log
invalid time "8d" in "reauth_notify"



=== TEST 12: an empty time is rejected
--- config
reauth_notify /notify $TEST_NGINX_NOTICES after=5m,;
--- must_die
--- suppress_stderr
--- error_log
invalid time "" in "reauth_notify"



=== TEST 13: after= without its event is rejected
--- config
reauth_notify /notify $TEST_NGINX_NOTICES after=5m events=account.failed;
--- must_die
--- suppress_stderr
--- error_log
"reauth_notify" directive has "after=", which has no effect without the event "account.still_waiting"



=== TEST 14: another parameter is rejected
--- config
reauth_notify /notify $TEST_NGINX_NOTICES retry=5m;
--- must_die
--- suppress_stderr
--- error_log
invalid parameter "retry=5m" in "reauth_notify": expected "events=" or "after="



=== TEST 15: a parameter that is specified twice is rejected
--- config
reauth_notify /notify $TEST_NGINX_NOTICES after=5m after=1h;
--- must_die
--- suppress_stderr
--- error_log
"reauth_notify" directive has more than one "after="



=== TEST 16: events of accounts without Redis are rejected
--- http_config
--- config
reauth_notify /notify $TEST_NGINX_NOTICES events=gateway.degraded,account.failed;
--- must_die
--- suppress_stderr
--- error_log
"reauth_notify" needs Redis for events of accounts: add "reauth_redis" to the http block, or specify "events=gateway.degraded" in



=== TEST 17: more times than are supported for all receivers together
--- config
reauth_notify /notify $TEST_NGINX_NOTICES after=1s,2s,3s,4s,5s,6s;
reauth_notify /other $TEST_NGINX_NOTICES after=6s,7s,8s,9s;
--- must_die
--- suppress_stderr
--- error_log
"reauth_notify" directive has more than 8 different times in "after=", those of other receivers included



=== TEST 18: a location that does not exist is rejected, of the second one, too
--- config
reauth_notify /notify $TEST_NGINX_NOTICES;
reauth_notify /other $TEST_NGINX_NOTICES events=account.recovered;
--- must_die
--- suppress_stderr
--- error_log
"reauth_notify" sends requests to "/other", which no location of the server matches: add an "internal" one
