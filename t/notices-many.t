# More notices than a gateway holds: all are delivered, in the order of each account,
# also if the gateway is killed meanwhile.

use strict;
use warnings;

use Test::More;
use Reauth::Test sandbox => 0;
use Reauth::Receiver;

my $ACCOUNTS = 60;
my $NOTICES  = 900;

my $receiver = Reauth::Receiver->start;

my %config = (config => <<"EOC");
${\ $receiver->config }
location = /reauth/metrics { reauth_metrics; }
EOC

my $one = gateway(name => 'one', %config);

sub pending { return Reauth::Receiver->metric($_[0], 'pending'); }

$receiver->answers('*' => 503);

redis_cli('EVAL', <<'EOC', 1, '{reauth}:notices', $NOTICES, $ACCOUNTS);
for n = 1, ARGV[1] do
    local account = 'acct_' .. n % ARGV[2]
    redis.call('XADD', KEYS[1], '*', 'type', 'account.failed', 'account', account,
               'body', '{"data":{"account_id":"' .. account .. '","number":' .. n .. '}}')
end
EOC

ok(wait_for { pending($one) == 256 } 'a gateway holds 256 notices');
is((redis_cli('XPENDING', '{reauth}:notices', '/notify'))[0], 256,
    'the others are not read yet');

my $two = gateway(name => 'two', %config);
is(pending($two), 0, 'the second gateway does not deliver');

kill 'KILL', $one->pid, $one->worker_pids;
$one->stop('KILL');
ok(wait_for { pending($two) == 256 } 'the second gateway takes over');
ok(wait_for { $receiver->received('503') >= 4 } 'the second gateway tries to deliver');

# its lease ends before all that is pending was read

sub leased { return scalar(() = $two->error_log =~ /this gateway delivers notices/g); }

is(leased(), 1, 'the second gateway has taken the lease once');
redis_cli('DEL', '{reauth}:notices:lease:/notify');
ok(wait_for { leased() == 2 } 'the second gateway takes the lease again');
ok(wait_for { pending($two) == 256 } 'the second gateway holds all of them again');

my $begin = time;
$receiver->answers('*' => 200);
ok(wait_for { $receiver->accepted == $NOTICES } 'all notices are delivered');
diag($NOTICES . ' notices in ' . (time - $begin) . ' s') if $ENV{TEST_NGINX_VERBOSE};

is(join(', ', map { join ' ', $receiver->accepted("acct_$_") } 0 .. $ACCOUNTS - 1),
    join(', ', map { my $account = $_; join ' ', map {"acct_$account $_"}
            grep { $_ % $ACCOUNTS == $account } 1 .. $NOTICES } 0 .. $ACCOUNTS - 1),
    'each is delivered once, in the order of its account');
ok(wait_for { pending($two) == 0 } 'no notice waits any more');
ok(wait_for { (redis_cli('XPENDING', '{reauth}:notices', '/notify'))[0] == 0 }
    'all notices are acknowledged');
unlike($two->error_log, qr/\[(?:alert|emerg)\]/, 'the gateway logs no alert');

done_testing();
