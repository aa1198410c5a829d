# nginx must not start with an invalid gate.

use strict;
use warnings;

use Test::Nginx::Socket;
use Reauth::Test redis => 0, sandbox => 0;

plan tests => repeat_each() * 50;

run_tests();

__DATA__

=== TEST 1: a gate without an account in its path is rejected
--- config
location = /report { reauth_gate on; return 204; }
--- must_die
--- suppress_stderr
--- error_log
"reauth_gate" in location "= /report" has no account: its path contains no account ID; specify "reauth_gate_account"



=== TEST 2: dry_run without an account in its path is rejected
--- config
location = /report { reauth_gate dry_run; return 204; }
--- must_die
--- suppress_stderr
--- error_log
"reauth_gate" in location "= /report" has no account



=== TEST 3: an unknown mode is rejected
--- config
location /calls/ { reauth_gate yes; }
--- must_die
--- suppress_stderr
--- error_log
invalid value "yes" in "reauth_gate": expected "off", "on" or "dry_run"



=== TEST 4: a second reauth_gate is rejected
--- config
location /calls/ { reauth_gate on; reauth_gate on; }
--- must_die
--- suppress_stderr
--- error_log
"reauth_gate" directive is duplicate



=== TEST 5: a single account for all calls is rejected
--- config
location /calls/ { reauth_gate on; reauth_gate_account acct_1; }
--- must_die
--- suppress_stderr
--- error_log
"reauth_gate_account" "acct_1" contains no variable: expected one



=== TEST 6: an unknown variable is rejected
--- config
location /calls/ { reauth_gate on; reauth_gate_account $no_such_variable; }
--- must_die
--- suppress_stderr
--- error_log
unknown "no_such_variable" variable



=== TEST 7: a second reauth_gate_account is rejected
--- config
location /calls/ {
    reauth_gate_account $arg_a;
    reauth_gate_account $arg_b;
}
--- must_die
--- suppress_stderr
--- error_log
"reauth_gate_account" directive is duplicate



=== TEST 8: a bypass for all clients is rejected
--- config
location /calls/ { reauth_gate_bypass 1; }
--- must_die
--- suppress_stderr
--- error_log
"reauth_gate_bypass" "1" contains no variable



=== TEST 9: a second reauth_gate_bypass is rejected
--- config
location /calls/ { reauth_gate_bypass $arg_a; reauth_gate_bypass $arg_b; }
--- must_die
--- suppress_stderr
--- error_log
"reauth_gate_bypass" directive is duplicate



=== TEST 10: reauth_gate_max 0 is rejected
--- config
location /calls/ { reauth_gate_max 0; }
--- must_die
--- suppress_stderr
--- error_log
"reauth_gate_max" directive must not be 0



=== TEST 11: reauth_gate_max without a time is rejected
--- config
location /calls/ { reauth_gate_max forever; }
--- must_die
--- suppress_stderr
--- error_log
"reauth_gate_max" directive invalid value



=== TEST 12: reauth_retry_after with a minimum above its maximum is rejected
--- config
location /calls/ { reauth_retry_after 10s 2s; }
--- must_die
--- suppress_stderr
--- error_log
"reauth_retry_after" directive has a minimum larger than its maximum



=== TEST 13: reauth_retry_after 0 is rejected
--- config
location /calls/ { reauth_retry_after 0 2s; }
--- must_die
--- suppress_stderr
--- error_log
invalid time "0" in "reauth_retry_after": expected a minimum and a maximum in whole seconds



=== TEST 14: reauth_retry_after with one value is rejected
--- config
location /calls/ { reauth_retry_after 2s; }
--- must_die
--- suppress_stderr
--- error_log
invalid number of arguments in "reauth_retry_after" directive



=== TEST 15: a second reauth_retry_after is rejected
--- config
location /calls/ { reauth_retry_after 1s 2s; reauth_retry_after 1s 2s; }
--- must_die
--- suppress_stderr
--- error_log
"reauth_retry_after" directive is duplicate



=== TEST 16: reauth_status in a location with another handler is rejected
--- config
location /x/ { proxy_pass http://127.0.0.1:1; reauth_status; }
--- must_die
--- suppress_stderr
--- error_log
"reauth_status" directive cannot be used here: the location already has a content handler



=== TEST 17: reauth_authenticate without a URI is rejected
--- config
location /x/ { reauth_authenticate upstream; }
--- must_die
--- suppress_stderr
--- error_log
invalid URI "upstream" in "reauth_authenticate": expected the URI prefix of an internal location



=== TEST 18: reauth_unknown_fields with an unknown value is rejected
--- config
location /x/ { reauth_unknown_fields ignore; }
--- must_die
--- suppress_stderr
--- error_log
invalid value "ignore"



=== TEST 19: an invalid word in reauth_gate_failed is rejected
--- config
location /calls/ { reauth_gate_failed yes; }
--- must_die
--- suppress_stderr
--- error_log
"reauth_gate_failed" directive takes "off", or "on" and the time between two probes



=== TEST 20: a parameter after off in reauth_gate_failed is rejected
--- config
location /calls/ { reauth_gate_failed off probe=10s; }
--- must_die
--- suppress_stderr
--- error_log
"reauth_gate_failed" directive takes "off", or "on" and the time between two probes



=== TEST 21: a probe interval below a second is rejected
--- config
location /calls/ { reauth_gate_failed on probe=999ms; }
--- must_die
--- suppress_stderr
--- error_log
invalid parameter "probe=999ms" in "reauth_gate_failed": expected a time from 1s to 1d, such as "probe=60s"



=== TEST 22: a probe interval above a day is rejected
--- config
location /calls/ { reauth_gate_failed on probe=25h; }
--- must_die
--- suppress_stderr
--- error_log
invalid parameter "probe=25h" in "reauth_gate_failed": expected a time from 1s to 1d



=== TEST 23: a probe interval that is no time is rejected
--- config
location /calls/ { reauth_gate_failed on probe=often; }
--- must_die
--- suppress_stderr
--- error_log
invalid parameter "probe=often" in "reauth_gate_failed": expected a time from 1s to 1d



=== TEST 24: an unknown parameter of reauth_gate_failed is rejected
--- config
location /calls/ { reauth_gate_failed on interval=10s; }
--- must_die
--- suppress_stderr
--- error_log
invalid parameter "interval=10s" in "reauth_gate_failed": expected a time from 1s to 1d



=== TEST 25: a second reauth_gate_failed is rejected
--- config
location /calls/ { reauth_gate_failed on; reauth_gate_failed off; }
--- must_die
--- suppress_stderr
--- error_log
"reauth_gate_failed" directive is duplicate
