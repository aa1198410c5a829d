# Redis loses the queues of polls, or a member of one, but not the active
# accounts: these are polled again.

use strict;
use warnings;

use Test::More;
use Reauth::Test sandbox_options => ['--hold'];

my @queues   = map { "{reauth}:$_" } qw(due due:person due:last);
my @accounts = qw(acct_1 acct_2 acct_3);

# no poll is due by itself during the test

my $gateway = gateway(
    config => 'reauth_poll on /upstream interval=10m max_interval=10m;',
);

sub lost {
    return scalar(() = $gateway->error_log
        =~ /active accounts were in no queue of polls/g);
}

sub queued {
    my ($account) = @_;

    return scalar grep { redis_cli('ZSCORE', $_, $account) ne '' } @queues;
}

for my $account (@accounts) {
    is($gateway->update($account, 'ok')->{status}, 200,
        "the update of $account is accepted");
    ok(wait_for { stored($account, 'state') eq 'running' }
        "$account is written");
}

is(join(' ', map { queued($_) } @accounts), '1 1 1',
    'each account is in a queue');

# members of "active" that are no accounts are not polled

redis_cli('ZADD', '{reauth}:active', 9e15, 'foreign');

my %loss = (
    'a member is removed'    => sub { redis_cli('ZREM', $_, 'acct_2') for @queues },
    'the queues are deleted' => sub { redis_cli('DEL', @queues) },
);

for my $loss (sort keys %loss) {
    my $lost = lost();

    $loss{$loss}->();

    ok(wait_for { lost() > $lost } "$loss: the loss is logged");
    is(join(' ', map { queued($_) } @accounts), '1 1 1',
        "$loss: each account is in a queue again");
}

is(queued('foreign'), 0, 'a member that is no account is in no queue');

sandbox('POST', "/finish/$_", {}) for @accounts;
redis_cli('DEL', @queues);

for my $account (@accounts) {
    ok(wait_for { stored($account, 'state') ne 'running' }
        "the end of the login of $account is seen by a poll");
}

# ---- a user without the right, by the rules of an earlier version ----

redis_cli('ACL', 'SETUSER', 'gateway', '-zcard');
is($gateway->update('acct_4', 'ok')->{status}, 200,
    'the update of acct_4 is accepted');
ok(wait_for { stored('acct_4', 'state') eq 'running' } 'acct_4 is written');
sandbox('POST', '/finish/acct_4', {});
redis_cli('ZADD', '{reauth}:due', 1, 'acct_4');
ok(wait_for { stored('acct_4', 'state') ne 'running' }
    'accounts are polled without the right');

done_testing();
