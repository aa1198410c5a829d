# Redis becomes a replica, which rejects writes: handled like an outage, and
# reported by this reason.

use strict;
use warnings;

use Test::More;
use Reauth::Test sandbox_options => ['--hold'];

my $gateway = gateway();

is($gateway->update('acct_1', 'ok')->{status}, 200, 'an update');

redis_cli('REPLICAOF', '127.0.0.1', free_port());

is($gateway->update('acct_2', 'ok')->{status}, 200, 'an update, all the same');
is($gateway->http('GET', '/api/acct_2/me')->{status}, 503, 'and gated');
ok(wait_for { $gateway->error_log =~ /READONLY/ } 'the log says why');

redis_cli('REPLICAOF', 'NO', 'ONE');

ok(wait_for { stored('acct_2', 'state') eq 'running' }
    'it is written when it is a master again');

done_testing();
