# A reload keeps the zone: gates, records and requests in progress.

use strict;
use warnings;

use Test::More;
use Reauth::Test redis => 0, sandbox_options => ['--hold'];
use Reauth::Stream ();

my $gateway = gateway(workers => 2, counted => 1);

my $id = $gateway->update('acct_1', 'ok')->{json}{attempt_id};
$gateway->update('acct_2', 'limit');
my $before = $gateway->http('GET', '/reauth/accounts/acct_1')->{json};

my $http_config = $gateway->{http_config};

$gateway->{http_config} .= 'reauth_retry_after 4s 4s;';
ok($gateway->reload, 'the configuration is reloaded');

my $closed = $gateway->http('GET', '/api/acct_1/me');
is($closed->{status}, 503, 'the gate is closed after a reload');

my $after = $gateway->http('GET', '/reauth/accounts/acct_1')->{json};
is_deeply([ map { $after->{$_} } grep { $_ ne 'retry_after' } sort keys %$after ],
    [ map { $before->{$_} } grep { $_ ne 'retry_after' } sort keys %$before ],
    'the record is the same');
is($gateway->http('GET', '/reauth/accounts/acct_2')->{json}{state}, 'rejected',
    'an ended one is there, too');
is($gateway->update('acct_1', 'ok')->{headers}{'reauth-coalesced'}, '1',
    'an identical update is coalesced after a reload');

ok(wait_for { $gateway->http('GET', '/api/acct_1/me')->{json}{retry_after} == 4 }
    'the new configuration is in force after a reload');

# ---- an update in progress during a reload ----

sandbox('POST', '/account/acct_3', { delay_ms => 600_000 });

my $pid = fork // die "fork: $!\n";

if (!$pid) {
    my $status = $gateway->update('acct_3', 'ok')->{status};
    POSIX::_exit($status == 200 ? 0 : 1);
}

wait_for { $gateway->http('GET', '/reauth/gate/acct_3')->{status} == 503 }
    'the update';
ok($gateway->reload, 'the configuration is reloaded during an update');
is($gateway->http('GET', '/api/acct_3/me')->{json}{state}, 'starting',
    'the new workers know of it');

# an identical one, through a new worker, waits for the old worker's response
my $same = Reauth::Stream->open($gateway, 'PUT',
    '/api/authenticate/acct_3/credentials',
    { 'Content-Type' => 'application/json' },
    '{"email":"ok@example.com","password":"secret"}');
$gateway->works_at(2);
sandbox('POST', '/release/acct_3');
$same = $same->finish;
is($same->{status}, 200, 'an identical update to the new worker is accepted');
is($same->{headers}{'reauth-coalesced'}, '1', 'shares the answer');

waitpid $pid, 0;
is($?, 0, 'the old worker sends the response');
is($gateway->http('GET', '/api/acct_3/me')->{json}{state}, 'running',
    'the old worker settles the update');
is((grep { $_->{method} eq 'PUT' && $_->{target} =~ /acct_3/ } sandbox_log()),
    1, 'the update in progress is sent once');

# ---- an invalid configuration: the old workers stay ----

$gateway->{http_config} .= 'reauth_gate_max 0;';
$gateway->write_config;
kill 'HUP', $gateway->pid;
ok(wait_for { $gateway->error_log =~ /"reauth_gate_max" directive must not be 0/ }
    'a bad configuration is refused');
is($gateway->http('GET', '/api/acct_1/me')->{status}, 503,
    'the gate is closed after a rejected configuration');

# ---- the attempt ends ----

$gateway->{http_config} = $http_config;
ok($gateway->reload, 'the previous configuration is reloaded');
sandbox('POST', '/finish/acct_1', { success => \1 });
$gateway->http('GET', "/api/authenticate/$id");
is($gateway->http('GET', '/api/acct_1/me')->{status}, 200,
    'the gate opens after the end of the attempt');

unlike($gateway->error_log, qr/\[(?:alert|crit)\]/,
    'nothing worse than an error is logged');

done_testing();
