# After a binary upgrade (USR2), the zone is empty and is filled from Redis.

use strict;
use warnings;

use Test::More;
use Reauth::Test sandbox_options => ['--hold'];

my $gateway = gateway(workers => 2);
my $dir     = work_dir() . '/gateway';
my $old     = $gateway->daemonize;

ok(wait_for { ($gateway->http('GET', '/reauth/readyz')->{json}{status} // '')
    eq 'ready' } 'the new binary has read Redis');

my $id = $gateway->update('acct_1', 'ok')->{json}{attempt_id};
my $new;

kill 'USR2', $old;
ok(wait_for {
    $new = $gateway->daemon_pid;
    -e "$dir/logs/nginx.pid.oldbin" && $new && $new != $old
} 'the new one runs');

my %seen;
$seen{ $gateway->http('GET', '/api/acct_1/me')->{status} }++ for 1 .. 60;
is_deeply([ keys %seen ], [503], 'closed by both');

kill 'QUIT', $old;
ok(wait_for { !runs($old) } 'the old one ends');

%seen = ();
$seen{ $gateway->http('GET', '/api/acct_1/me')->{status} }++ for 1 .. 20;
is_deeply([ keys %seen ], [503], 'closed by the new one');
ok(wait_for { ($gateway->http('GET', '/reauth/accounts/acct_1')
    ->{json}{attempt_id} // '') eq $id }
    'the new binary knows the whole record');
is($gateway->http('GET', '/api/acct_1/me')->{json}{state}, 'running',
    'the state is not "loading" after the upgrade');
is($gateway->http('GET', '/api/acct_2/me')->{status}, 200,
    'calls of other accounts pass');
is($gateway->update('acct_2', 'ok')->{status}, 200,
    'an update after the upgrade is accepted');

kill 'QUIT', $new;
ok(wait_for { !runs($new) } 'the new one ends');

done_testing();
