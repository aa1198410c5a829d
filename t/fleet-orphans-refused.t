# Redis rejects the removal of an account that it lists as active without a
# record: it is out of memory.  It is tried again, but not at once.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);
use Reauth::Test sandbox_options => ['--hold'];

my $one = gateway(name => 'one');

is($one->update("acct_$_", 'ok')->{status}, 200,
    "the update of acct_$_ is accepted") for qw(gone kept);
ok(wait_for { stored('acct_kept', 'state') eq 'running' } 'the record of acct_kept is written');

$one->stop;
redis_cli('DEL', '{reauth}:a:acct_gone');
redis_cli('CONFIG', 'SET', 'maxmemory', 1);
redis_cli('CONFIG', 'RESETSTAT');


sub refusals {
    my $stats = join "\n", redis_cli('INFO', 'errorstats');

    return $stats =~ /errorstat_OOM:count=(\d+)/ ? $1 : 0;
}


my $two = gateway(name => 'two', log_level => 'debug');
my $began = time;

ok(wait_for { $two->error_log =~
    /failed to remove a deleted account: OOM/ } 'the log tells the rejection');
is($two->http('GET', '/reauth/gate/acct_kept')->{status}, 503,
    'the other account is known');
is(redis_cli('ZCARD', '{reauth}:active'), 2, 'both are listed');

sleep 3;

my $log = $two->error_log;
my $reads = () = $log =~ /reauth sync: all accounts are to be read/g;

cmp_ok($reads, '<=', 2, 'the accounts are not read again at once');

# the gateway also tries regularly whether Redis accepts writes

cmp_ok(refusals(), '<=', 4 * (time - $began),
    'the removal is not tried again and again');

redis_cli('CONFIG', 'SET', 'maxmemory', 0);

ok(wait_for { redis_cli('ZSCORE', '{reauth}:active', 'acct_gone') eq '' }
    'the account is removed when Redis accepts writes');
cmp_ok(time - $began, '>=', 25, 'half a minute after the first time');
is(redis_cli('ZCARD', '{reauth}:active'), 1, 'the other one stays');

done_testing();
