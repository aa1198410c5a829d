# Redis becomes a replica, which rejects writes: handled like an outage, and
# reported by this reason.

use strict;
use warnings;

use Test::More;
use Reauth::Test sandbox_options => ['--hold'];

my $gateway = gateway();

is($gateway->update('acct_1', 'ok')->{status}, 200,
    'an update to the primary is accepted');

redis_cli('REPLICAOF', '127.0.0.1', free_port());

is($gateway->update('acct_2', 'ok')->{status}, 200,
    'an update to a replica is accepted');
is($gateway->http('GET', '/api/acct_2/me')->{status}, 503,
    'the gate is closed after an update to a replica');
ok(wait_for { $gateway->error_log =~ /READONLY/ } 'the log says why');

redis_cli('REPLICAOF', 'NO', 'ONE');

ok(wait_for { stored('acct_2', 'state') eq 'running' }
    'the update is written when Redis is a primary again');

done_testing();
