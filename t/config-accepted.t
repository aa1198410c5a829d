# Valid configurations similar to those that are rejected.  They are in a
# separate file, because blocks that start nginx cannot be mixed with blocks in
# which it must not start.

use strict;
use warnings;

use Test::Nginx::Socket;
use Reauth::Test redis => 0, sandbox => 0;

plan tests => repeat_each() * 13;

our $group = secret_file('group', "secret\n", oct '640');

run_tests();

__DATA__

=== TEST 1: a key file readable by its group
--- http_config eval: "reauth_key_file $::group;"
--- config
location = /t { return 204; }
--- request
GET /t
--- error_code: 204
--- no_error_log
[emerg]



=== TEST 2: a gate of one path, with an account of its own
--- config
location = /report {
    reauth_gate on;
    reauth_gate_account $arg_account;
    return 204;
}
--- request
GET /report?account=acct_1
--- error_code: 204
--- no_error_log
[emerg]



=== TEST 3: a gate of one path that names an account
--- config
location = /api/acct_1/me { reauth_gate on; return 204; }
--- request
GET /api/acct_1/me
--- error_code: 204
--- no_error_log
[emerg]



=== TEST 4: the module is loaded and not used
--- without: all
--- config
location = /t { return 204; }
--- request
GET /t
--- error_code: 204
--- no_error_log
[emerg]



=== TEST 5: a gate for all locations except one
--- http_config
reauth_gate on;
--- config
location = /report { return 204; }
location = /health { reauth_gate off; return 204; }
--- request eval
['GET /report', 'GET /health', 'GET /reauth/healthz']
--- error_code eval
[204, 204, 200]



=== TEST 6: one key in two places
--- http_config eval: "reauth_key_file $::group;"
--- config eval
"location /x/ { reauth_key_file $::group; return 204; }"
--- request
GET /x/
--- error_code: 204
--- no_error_log
[emerg]
