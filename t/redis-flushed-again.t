# Redis loses all data again, when the gateway has read it after the first loss
# and written its records: it notices without any further change.

use strict;
use warnings;

use Test::More;

use Reauth::Test sandbox_options => ['--hold'];
use Reauth::Between;

my $between = Reauth::Between->start;
my $gateway = gateway(
    log_level   => 'debug',
    http_config => 'reauth_redis redis://gateway@127.0.0.1:' . $between->port
        . "/0$ENV{TEST_NGINX_REDIS_OPTIONS};",
);


sub is_stored { return redis_cli('EXISTS', '{reauth}:a:acct_1') eq '1'; }


# ---- before the first event ----

ok(wait_for { redis_cli('EXISTS', '{reauth}:seq') eq '1' }
    'the gateway creates the counter of events');

my $first = redis_cli('GET', '{reauth}:seq');

cmp_ok(abs($first / 1_000_000 - time), '<', 3600,
    'the counter is the time in microseconds');
is(redis_cli('TTL', '{reauth}:seq'), -1, 'the counter does not expire');

is($gateway->update('acct_1', 'ok')->{status}, 200,
    'the update of acct_1 is accepted');
ok(wait_for { (stored('acct_1', 'state') // '') eq 'running' }
    'the attempt is written');
is(redis_cli('TTL', '{reauth}:seq'), -1,
    'the counter does not expire after an event');

# ---- it is emptied, and emptied again before the next event is read ----

$between->hold('MGET');
redis_cli('FLUSHALL');
ok(wait_for { $between->answered('MGET') } 'the gateway reads Redis again');

$between->hold('XREAD');
ok(wait_for { $between->answered('XREAD') } 'the gateway has read Redis');
ok(wait_for { is_stored() } 'the record is written again');

cmp_ok(redis_cli('GET', '{reauth}:seq'), '>', $first,
    'the counter has a higher number after the loss');

redis_cli('FLUSHALL');
$between->pass;

ok(wait_for { is_stored() } 'the record is written again after another loss');
is(scalar(() = $gateway->error_log =~ /the database was emptied/g), 2,
    'both losses are logged');

is($gateway->http('GET', '/reauth/gate/acct_1')->{status}, 503,
    'the gate stays closed');
ok(wait_for { $gateway->http('GET', '/reauth/readyz')->{json}{status} eq 'ready' }
    'the gateway is ready again');

# ---- while Redis refuses writes, it is read without a counter ----

$gateway->stop;
redis_cli('CONFIG', 'SET', 'maxmemory', '1');
redis_cli('DEL', '{reauth}:seq', '{reauth}:events');

my $anew = gateway(name => 'anew', without => ['ready'], log_level => 'debug');

ok(wait_for { $anew->http('GET', '/reauth/gate/acct_1')->{status} == 503 }
    'a gateway that is started closes the gate of acct_1');
is(redis_cli('EXISTS', '{reauth}:seq'), '0', 'no counter can be created');

sub readings { return scalar(() = $anew->error_log =~ /all accounts are to be read$/mg); }

my $readings = readings();

redis_cli('CONFIG', 'SET', 'maxmemory', '0');
ok(wait_for { redis_cli('EXISTS', '{reauth}:seq') eq '1' }
    'a counter is created when Redis accepts writes');
ok(wait_for { readings() > $readings } 'Redis is read again, with the counter');
is(redis_cli('EXISTS', '{reauth}:events'), '0', 'no event was necessary');
ok(wait_for { $anew->http('GET', '/reauth/readyz')->{json}{status} eq 'ready' }
    'the gateway is ready when Redis accepts writes');

done_testing();
