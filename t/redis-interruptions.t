# Interruptions of a Redis in operation: scripts are flushed, clients are
# killed.  Updates are not affected.

use strict;
use warnings;

use Test::More;
use Reauth::Test sandbox_options => ['--hold'];

my $gateway = gateway();

is($gateway->update('acct_1', 'ok')->{status}, 200,
    'the first update is accepted');

redis_cli('SCRIPT', 'FLUSH');
is($gateway->update('acct_2', 'ok')->{status}, 200,
    'an update after SCRIPT FLUSH is accepted');
is(stored('acct_2', 'state'), 'running',
    'an update after SCRIPT FLUSH is in Redis');
like($gateway->error_log, qr/scripts were flushed, loading them again/,
    'flushed scripts are logged once');

redis_cli('CLIENT', 'KILL', 'TYPE', 'normal');
is($gateway->update('acct_3', 'ok')->{status}, 200,
    'an update after CLIENT KILL is accepted');
ok(wait_for { stored('acct_3', 'state') eq 'running' }
    'an update after CLIENT KILL is in Redis');

# the follower, too
my $other = gateway(name => 'other');
redis_cli('CLIENT', 'KILL', 'TYPE', 'normal');
$gateway->update('acct_4', 'ok');
ok(wait_for { $other->http('GET', '/reauth/gate/acct_4')->{status} == 503 }
    'an event that was missed is read');

# a Redis with data of another program
redis_cli('SET', '{reauth}:a:acct_5', 'no record');
redis_cli('SET', '{reauth}:a:acct_6', "revision 1\nstate nonsense\n");
redis_cli('HSET', '{reauth}:a:acct_7', 'no', 'text');
redis_cli('ZADD', '{reauth}:active', map { (1, $_) } 'acct_5', 'acct_6', 'acct_7',
    'x' x 300);

for my $account ('acct_5', 'acct_6', 'acct_7') {
    is($gateway->update($account, 'ok')->{status}, 200,
        "$account: the update is accepted");
    is($gateway->http('GET', "/api/$account/me")->{status}, 503,
        "$account: the gate is closed");
}

my $third = gateway(name => 'third');
is($third->http('GET', '/api/acct_4/me')->{json}{state}, 'running',
    'the rest is read by one that starts');
ok(wait_for { $third->error_log =~ /accounts have been read/ }
    'a gateway that starts reads all accounts');
like($third->error_log, qr/invalid record under "\{reauth\}", skipped/,
    'invalid data is reported');

done_testing();
