# nginx must not start with a gate that has no account or makes no sense.

use strict;
use warnings;

use Test::Nginx::Socket;
use Reauth::Test redis => 0, sandbox => 0;

plan tests => repeat_each() * 36;

run_tests();

__DATA__

=== TEST 1: no account can be in the path
--- config
location = /report { reauth_gate on; return 204; }
--- must_die
--- suppress_stderr
--- error_log
"reauth_gate" in location "= /report" has no account: its path names none, so say which by "reauth_gate_account"



=== TEST 2: nor for dry_run
--- config
location = /report { reauth_gate dry_run; return 204; }
--- must_die
--- suppress_stderr
--- error_log
"reauth_gate" in location "= /report" has no account



=== TEST 3: a mode that is none
--- config
location /calls/ { reauth_gate yes; }
--- must_die
--- suppress_stderr
--- error_log
invalid value "yes" in "reauth_gate": expected "off", "on" or "dry_run"



=== TEST 4: twice
--- config
location /calls/ { reauth_gate on; reauth_gate on; }
--- must_die
--- suppress_stderr
--- error_log
"reauth_gate" directive is duplicate



=== TEST 5: one account for all calls
--- config
location /calls/ { reauth_gate on; reauth_gate_account acct_1; }
--- must_die
--- suppress_stderr
--- error_log
"reauth_gate_account" "acct_1" is the same for every call: it takes a variable



=== TEST 6: a variable that nobody knows
--- config
location /calls/ { reauth_gate on; reauth_gate_account $no_such_variable; }
--- must_die
--- suppress_stderr
--- error_log
unknown "no_such_variable" variable



=== TEST 7: an account twice
--- config
location /calls/ {
    reauth_gate_account $arg_a;
    reauth_gate_account $arg_b;
}
--- must_die
--- suppress_stderr
--- error_log
"reauth_gate_account" directive is duplicate



=== TEST 8: a bypass for everybody
--- config
location /calls/ { reauth_gate_bypass 1; }
--- must_die
--- suppress_stderr
--- error_log
"reauth_gate_bypass" "1" is the same for every call



=== TEST 9: a bypass twice
--- config
location /calls/ { reauth_gate_bypass $arg_a; reauth_gate_bypass $arg_b; }
--- must_die
--- suppress_stderr
--- error_log
"reauth_gate_bypass" directive is duplicate



=== TEST 10: reauth_gate_max 0
--- config
location /calls/ { reauth_gate_max 0; }
--- must_die
--- suppress_stderr
--- error_log
"reauth_gate_max" directive must not be 0



=== TEST 11: reauth_gate_max with no time
--- config
location /calls/ { reauth_gate_max forever; }
--- must_die
--- suppress_stderr
--- error_log
"reauth_gate_max" directive invalid value



=== TEST 12: reauth_retry_after the wrong way round
--- config
location /calls/ { reauth_retry_after 10s 2s; }
--- must_die
--- suppress_stderr
--- error_log
"reauth_retry_after" directive has a minimum that is larger than its maximum



=== TEST 13: reauth_retry_after 0
--- config
location /calls/ { reauth_retry_after 0 2s; }
--- must_die
--- suppress_stderr
--- error_log
invalid time "0" in "reauth_retry_after": it takes a minimum and a maximum of whole seconds



=== TEST 14: reauth_retry_after with one value
--- config
location /calls/ { reauth_retry_after 2s; }
--- must_die
--- suppress_stderr
--- error_log
invalid number of arguments in "reauth_retry_after" directive



=== TEST 15: reauth_retry_after twice
--- config
location /calls/ { reauth_retry_after 1s 2s; reauth_retry_after 1s 2s; }
--- must_die
--- suppress_stderr
--- error_log
"reauth_retry_after" directive is duplicate



=== TEST 16: a location for one thing only
--- config
location /x/ { proxy_pass http://127.0.0.1:1; reauth_status; }
--- must_die
--- suppress_stderr
--- error_log
"reauth_status" directive can't be used here: the location already has a content handler



=== TEST 17: reauth_authenticate without a uri
--- config
location /x/ { reauth_authenticate upstream; }
--- must_die
--- suppress_stderr
--- error_log
"reauth_authenticate" "upstream" is no uri: it takes the beginning of an internal location's



=== TEST 18: reauth_unknown_fields with another value
--- config
location /x/ { reauth_unknown_fields ignore; }
--- must_die
--- suppress_stderr
--- error_log
invalid value "ignore"
