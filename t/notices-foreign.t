# What others write to Redis: an entry of the stream with an ID that no gateway
# writes does not stop the others; the lease of a gateway that was taken away.

use strict;
use warnings;

use Test::More;
use Reauth::Test sandbox => 0;
use Reauth::Receiver;

my $receiver = Reauth::Receiver->start;

my %config = (config => <<"EOC");
${\ $receiver->config }
location = /reauth/metrics { reauth_metrics; }
EOC

my $gateway = gateway(name => 'one', %config);

sub failing { return Reauth::Receiver->metric($gateway, 'failing'); }

# ---- a gateway that does not deliver any more ----

$receiver->answers('*' => 503);
Reauth::Receiver->notice("acct_$_", 1) for 1 .. 2;
ok(wait_for { failing() == 1 } 'a receiver that is down is a metric');
redis_cli('SET', '{reauth}:notices:lease:/notify', 'another');
ok(wait_for { failing() == 0 } 'a receiver that is down is no metric of a gateway without the lease');
redis_cli('DEL', '{reauth}:notices:lease:/notify');
$receiver->answers('*' => 200);
ok(wait_for { $receiver->accepted == 2 } 'the gateway delivers when it has the lease again');
$gateway->stop;

# ---- an ID of 19 digits is pending, and a notice before it was not read ----

my $id = Reauth::Receiver->notice('acct_3', 1);
my ($ms) = $id =~ /\A(\d+)/;

redis_cli('XADD', '{reauth}:notices', '9999999999999999999-1', 'type',
    'account.failed', 'account', 'acct_4', 'body', '{}');
redis_cli('XREADGROUP', 'GROUP', '/notify', '/notify', 'STREAMS',
    '{reauth}:notices', '>');
redis_cli('XACK', '{reauth}:notices', '/notify', $id);
redis_cli('XGROUP', 'SETID', '{reauth}:notices', '/notify', $ms - 1);

$gateway = gateway(name => 'two', %config);
ok(wait_for { $receiver->accepted == 3 } 'a notice that is not pending is delivered');
is(join(', ', $receiver->accepted('acct_3')), 'acct_3 1', 'the notice that is not pending is delivered once');
unlike($gateway->error_log, qr/\[(?:alert|emerg)\]/, 'no alert is logged');

done_testing();
