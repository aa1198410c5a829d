# nginx must not start with an invalid reauth_heal or reauth_sweep.

use strict;
use warnings;

use Test::Nginx::Socket;
use Reauth::Test redis => 0, sandbox => 0;

plan tests => repeat_each() * 18;

run_tests();

__DATA__

=== TEST 1: an invalid word in reauth_heal is rejected
--- config
reauth_poll on /upstream;
reauth_heal yes;
--- must_die
--- suppress_stderr
--- error_log
"reauth_heal" directive takes "off", or "on" and parameters



=== TEST 2: tries an hour are rejected
--- config
reauth_poll on /upstream;
reauth_heal on max=2/h;
--- must_die
--- suppress_stderr
--- error_log
invalid parameter "max=2/h" in "reauth_heal": expected "max=" and 1 to 100 tries a day



=== TEST 3: no tries a day are rejected
--- config
reauth_poll on /upstream;
reauth_heal on max=0/d;
--- must_die
--- suppress_stderr
--- error_log
invalid parameter "max=0/d" in "reauth_heal": expected "max=" and 1 to 100 tries a day



=== TEST 4: a delay above an hour is rejected
--- config
reauth_poll on /upstream;
reauth_heal on delay=61m;
--- must_die
--- suppress_stderr
--- error_log
invalid parameter "delay=61m" in "reauth_heal": expected "max=" and 1 to 100 tries a day



=== TEST 5: a second reauth_heal is rejected
--- config
reauth_poll on /upstream;
reauth_heal on;
reauth_heal off;
--- must_die
--- suppress_stderr
--- error_log
"reauth_heal" directive is duplicate: one poller serves all servers



=== TEST 6: sweeps in less than ten seconds are rejected
--- config
reauth_poll on /upstream;
reauth_sweep 9s;
--- must_die
--- suppress_stderr
--- error_log
invalid time "9s" in "reauth_sweep": expected "off", or 10s to 1d



=== TEST 7: sweeps that are more than a day apart are rejected
--- config
reauth_poll on /upstream;
reauth_sweep 25h;
--- must_die
--- suppress_stderr
--- error_log
invalid time "25h" in "reauth_sweep": expected "off", or 10s to 1d



=== TEST 8: sweeps at an invalid time are rejected
--- config
reauth_poll on /upstream;
reauth_sweep often;
--- must_die
--- suppress_stderr
--- error_log
invalid time "often" in "reauth_sweep": expected "off", or 10s to 1d



=== TEST 9: a second reauth_sweep is rejected
--- config
reauth_poll on /upstream;
reauth_sweep 10s;
reauth_sweep off;
--- must_die
--- suppress_stderr
--- error_log
"reauth_sweep" directive is duplicate: one poller serves all servers
