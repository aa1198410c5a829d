# SIGQUIT ends nginx at once although a connection to Redis is pending; a reload
# ends the old workers at once.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);
use Reauth::Test redis_timeout => '', sandbox_options => ['--hold'];

my $gateway = gateway(workers => 2);

$gateway->update("acct_$_", 'ok') for 1 .. 5;

my @old = $gateway->worker_pids;
ok($gateway->reload, 'the configuration is reloaded');
ok(wait_for { !grep { runs($_) } @old } 'the old workers end');

for my $signal (qw(QUIT TERM)) {
    my $pid = $gateway->pid;

    $gateway->stop($signal);
    ok(!runs($pid), "$signal: the process has ended");

    $gateway->launch;
    ok(wait_for { $gateway->http('GET', '/api/acct_1/me')->{status} == 503 }
        'the gateway starts again');
}

# Redis hangs
redis_pause();
my $start = time;
$gateway->stop('QUIT');
cmp_ok(time - $start, '<', 50, 'QUIT: it ends while Redis hangs');
redis_resume();

unlike($gateway->error_log, qr/open socket #\d+ left/, 'no socket is left');
unlike($gateway->error_log, qr/\[alert\]/, 'no alerts are logged');

done_testing();
