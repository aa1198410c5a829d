# A poll in progress delays neither a reload nor a shutdown; it is repeated by
# the next worker or gateway.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);
use Reauth::Test sandbox_options => ['--hold'];

my $gateway = gateway(workers => 2,
    config => 'reauth_poll on /upstream interval=200ms rate=20r/s;');


sub polls {
    return scalar grep { $_->{method} eq 'GET' } sandbox_log();
}


sub stalled {
    my ($what) = @_;

    my $polls = polls();
    sandbox('POST', '/account/acct_1', { delay_ms => 600_000 });

    ok(wait_for { polls() > $polls } "$what: a poll is in progress");

    return sandbox('POST', '/account/acct_1', { delay_ms => 0 });
}


$gateway->update('acct_1', 'ok');
stalled('reload');

my @old   = $gateway->worker_pids;
my $polls = polls();
my $start = time;

$gateway->reload;
ok(wait_for { !grep { runs($_) } @old } 'the old workers have ended');
cmp_ok(time - $start, '<', 50, 'the poll is not waited for');

# it does not wait until the lease expires

ok(wait_for { polls() > $polls } 'a new worker polls');

stalled('QUIT');
$start = time;
$gateway->stop('QUIT');
cmp_ok(time - $start, '<', 50, 'QUIT: the poll is not waited for');

unlike($gateway->error_log, qr/\[(?:alert|emerg)\]|open socket/,
    'neither an alert nor an open socket is logged');

done_testing();
