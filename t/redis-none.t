# Without reauth_redis, everything works in a single gateway.

use strict;
use warnings;

use Test::More;
use Reauth::Test redis => 0, sandbox_options => ['--hold'];

my $gateway = gateway(workers => 2);

is($gateway->http('GET', '/reauth/readyz')->{json}{status}, 'ready',
    'a gateway without reauth_redis is ready');
is($gateway->http('GET', '/reauth/summary')->{json}{store}{redis}, 'none',
    'the summary reports that Redis is not configured');

my $id = $gateway->update('acct_1', 'otp')->{json}{attempt_id};
is($gateway->http('GET', '/api/acct_1/me')->{status}, 503,
    'the gate is closed without Redis')
    for 1 .. 4;
is($gateway->http('GET', '/reauth/accounts')->{json}{store}, 'local',
    'the store of the list is local');
is($gateway->http('GET', '/reauth/accounts')->{json}{degraded},
    JSON::PP::false(), 'a gateway without reauth_redis is not degraded');

is($gateway->update('acct_1', 'otp')->{headers}{'reauth-coalesced'}, '1',
    'an identical update is coalesced without Redis');

sandbox('POST', '/step/acct_1') for 1 .. 2;
$gateway->http('GET', "/api/authenticate/$id");
is($gateway->http('PUT', "/api/authenticate/$id", {}, { code => '123456' })
    ->{status}, 200, 'a code is accepted without Redis');
sandbox('POST', '/finish/acct_1', { success => \1 });
$gateway->http('GET', "/api/authenticate/$id");
is($gateway->http('GET', '/api/acct_1/me')->{status}, 200,
    'the gate opens without Redis');

my $record = $gateway->http('GET', '/reauth/accounts/acct_1')->{json};
is($record->{state}, 'succeeded', 'the attempt has succeeded without Redis');

unlike($gateway->error_log, qr/redis/i, 'the log does not mention Redis');

done_testing();
