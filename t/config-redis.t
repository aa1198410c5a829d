# nginx must not start with an invalid reauth_redis; a value that may be a
# password is never repeated.

use strict;
use warnings;

use Test::Nginx::Socket;
use Reauth::Test redis => 0, sandbox => 0;

plan tests => repeat_each() * 67;

our $password = secret_file('redis_password', "password\n");
our $open     = secret_file('open_password', "open-to-all\n", oct '644');
our $none     = work_dir() . '/no-such-file';

# Angie since 1.12.0 has a resolver by default: "resolver conf"
our $no_resolver = '';

if (qx{'$Test::Nginx::Util::NginxBinary' -V 2>&1}
    =~ m{^Angie version: Angie/(\d+)\.(\d+)}m)
{
    $no_resolver = 'resolver off;' if $1 * 1000 + $2 >= 1012;
}

run_tests();

__DATA__

=== TEST 1: an invalid URL is rejected
--- http_config
reauth_redis 127.0.0.1:6379;
--- must_die
--- suppress_stderr
--- error_log
invalid URL in "reauth_redis": expected redis://[user@]host[:port][,host[:port]...][/db]



=== TEST 2: another scheme is rejected
--- http_config
reauth_redis http://127.0.0.1:6379;
--- must_die
--- suppress_stderr
--- error_log
invalid URL in "reauth_redis"



=== TEST 3: a directive without a value is rejected
--- http_config
reauth_redis;
--- must_die
--- suppress_stderr
--- error_log
invalid number of arguments in "reauth_redis" directive



=== TEST 4: a URL without a host is rejected
--- http_config
reauth_redis redis://;
--- must_die
--- suppress_stderr
--- error_log
no host in "" of "reauth_redis": expected host[:port]



=== TEST 5: an invalid port is rejected
--- http_config
reauth_redis redis://127.0.0.1:99999;
--- must_die
--- suppress_stderr
--- error_log
invalid port in "127.0.0.1:99999" of "reauth_redis"



=== TEST 6: a name that does not resolve is rejected
--- http_config eval
"$::no_resolver reauth_redis redis://no-such-host.invalid;"
--- must_die
--- suppress_stderr
--- error_log
host not found in "no-such-host.invalid" of "reauth_redis": without "resolver" in the http block



=== TEST 7: an invalid database is rejected
--- http_config
reauth_redis redis://127.0.0.1/first;
--- must_die
--- suppress_stderr
--- error_log
invalid database in the URL of "reauth_redis": expected a number



=== TEST 8: a password in the URL is rejected
--- http_config
reauth_redis redis://gateway:hush-hush@127.0.0.1;
--- must_die
--- suppress_stderr
--- error_log
write it to a file and add password_file=path
--- no_error_log
hush



=== TEST 9: a user without a password is rejected
--- http_config
reauth_redis redis://gateway@127.0.0.1;
--- must_die
--- suppress_stderr
--- error_log
has the user "gateway" but no password: add password_file=path



=== TEST 10: a password as a parameter is rejected
--- http_config
reauth_redis redis://127.0.0.1 password=hush-hush;
--- must_die
--- suppress_stderr
--- error_log
unknown parameter "password" of "reauth_redis": expected password_file=
--- no_error_log
hush



=== TEST 11: a parameter given twice is rejected
--- http_config
reauth_redis redis://127.0.0.1 timeout=1s timeout=2s;
--- must_die
--- suppress_stderr
--- error_log
duplicate parameter "timeout=" of "reauth_redis"



=== TEST 12: a second reauth_redis is rejected
--- http_config
reauth_redis redis://127.0.0.1;
reauth_redis redis://127.0.0.1;
--- must_die
--- suppress_stderr
--- error_log
"reauth_redis" directive is duplicate



=== TEST 13: an invalid time is rejected
--- http_config
reauth_redis redis://127.0.0.1 timeout=0;
--- must_die
--- suppress_stderr
--- error_log
invalid "timeout=0" of "reauth_redis": expected a time for one command, from 1ms to 10s



=== TEST 14: a time that is too long is rejected
--- http_config
reauth_redis redis://127.0.0.1 timeout=1m;
--- must_die
--- suppress_stderr
--- error_log
invalid "timeout=1m" of "reauth_redis"



=== TEST 15: braces in the prefix are rejected
--- http_config
reauth_redis redis://127.0.0.1 "prefix={mine}";
--- must_die
--- suppress_stderr
--- error_log
invalid "prefix={mine}" of "reauth_redis": expected 1 to 64 characters of



=== TEST 16: an empty prefix is rejected
--- http_config
reauth_redis redis://127.0.0.1 prefix=;
--- must_die
--- suppress_stderr
--- error_log
invalid "prefix=" of "reauth_redis"



=== TEST 17: a missing password file is rejected
--- http_config eval: "reauth_redis redis://127.0.0.1 password_file=$::none;"
--- must_die
--- suppress_stderr
--- error_log eval
qr/password_file=\Q$::none\E of "reauth_redis": .*No such file/



=== TEST 18: a password file readable by all is rejected
--- http_config eval: "reauth_redis redis://127.0.0.1 password_file=$::open;"
--- must_die
--- suppress_stderr
--- error_log
of "reauth_redis": is readable by everybody: change its mode to 0640 or 0600
--- no_error_log
open-to-all



=== TEST 19: parameters of TLS without rediss:// are rejected
--- http_config eval: "reauth_redis redis://127.0.0.1 ca=$::password;"
--- must_die
--- suppress_stderr
--- error_log
"ca=" of "reauth_redis" needs TLS: use rediss://, or remove the parameter



=== TEST 20: verify= without rediss:// is rejected
--- http_config
reauth_redis redis://127.0.0.1 verify=off;
--- must_die
--- suppress_stderr
--- error_log
"verify=" of "reauth_redis" needs TLS: use rediss://, or remove the parameter



=== TEST 21: a missing CA file is rejected
--- http_config eval: "reauth_redis rediss://127.0.0.1 ca=$::none;"
--- must_die
--- suppress_stderr
--- error_log eval
qr/"ca=\Q$::none\E" of "reauth_redis": expected a readable file of certificates in the PEM/



=== TEST 22: a CA file without a certificate is rejected
--- http_config eval: "reauth_redis rediss://127.0.0.1 ca=$::password;"
--- must_die
--- suppress_stderr
--- error_log
of "reauth_redis": expected a readable file of certificates in the PEM format



=== TEST 23: verify= with an unknown value is rejected
--- http_config
reauth_redis rediss://127.0.0.1 verify=maybe;
--- must_die
--- suppress_stderr
--- error_log
invalid "verify=maybe" of "reauth_redis": expected on or off



=== TEST 24: reauth_redis_failure with an unknown value is rejected
--- http_config
reauth_redis_failure wait;
--- must_die
--- suppress_stderr
--- error_log
invalid value "wait"



=== TEST 25: an empty host in a list is rejected
--- http_config
reauth_redis redis://127.0.0.1,,127.0.0.2;
--- must_die
--- suppress_stderr
--- error_log
no host in "" of "reauth_redis": expected host[:port], or [address]:port for IPv6; several are separated by commas



=== TEST 26: a list that ends with a comma is rejected
--- http_config
reauth_redis redis://127.0.0.1,/0;
--- must_die
--- suppress_stderr
--- error_log
no host in "" of "reauth_redis"



=== TEST 27: an invalid port in a list is rejected
--- http_config
reauth_redis redis://127.0.0.1,127.0.0.2:0;
--- must_die
--- suppress_stderr
--- error_log
invalid port in "127.0.0.2:0" of "reauth_redis"



=== TEST 28: a user in each host is rejected
--- http_config
reauth_redis redis://a@127.0.0.1,a@127.0.0.2;
--- must_die
--- suppress_stderr
--- error_log
with one user for all hosts



=== TEST 29: Sentinels without the name of a master are rejected
--- http_config
reauth_redis redis-sentinel://127.0.0.1;
--- must_die
--- suppress_stderr
--- error_log
invalid name of the master in the URL of "reauth_redis": expected redis-sentinel://



=== TEST 30: a name of a master that Sentinel rejects is rejected
--- http_config
reauth_redis redis-sentinel://127.0.0.1/my+main/0;
--- must_die
--- suppress_stderr
--- error_log
invalid name of the master in the URL of "reauth_redis"



=== TEST 31: a database after the name of a master is checked
--- http_config
reauth_redis redis-sentinel://127.0.0.1/main/first;
--- must_die
--- suppress_stderr
--- error_log
invalid database in the URL of "reauth_redis": expected a number



=== TEST 32: sentinel_password_file= without Sentinels is rejected
--- http_config
reauth_redis redis://127.0.0.1 sentinel_password_file=/no/file;
--- must_die
--- suppress_stderr
--- error_log
"sentinel_password_file=" of "reauth_redis" needs Sentinels: use redis-sentinel://
