# Redis loses the set of active accounts or a member of it, but not the records:
# the gateways notice, and write the accounts again, once.

use strict;
use warnings;

use Test::More;
use Reauth::Test sandbox_options => ['--hold'];

my @gateways = map { gateway(name => $_, log_level => 'debug') } qw(one two);

my @accounts = qw(acct_1 acct_2 acct_3);
my @queues   = qw(due due:person due:last);


sub logged {
    my ($pattern) = @_;

    return scalar(() = join('', map { $_->error_log } @gateways) =~ /$pattern/g);
}

sub reads { return logged('reauth sync: all accounts are to be read'); }

sub lost { return logged('active accounts were missing in the indexes'); }

sub listed { return join ' ', sort(redis_cli('ZRANGE', '{reauth}:active', 0, -1)); }

# how often the number of active accounts was read

sub reports {
    return join("\n", redis_cli('INFO', 'commandstats'))
        =~ /^cmdstat_zcard:calls=(\d+)/m ? $1 : 0;
}

sub queued {
    my ($account) = @_;

    return scalar grep { redis_cli('ZSCORE', "{reauth}:$_", $account) ne '' }
        @queues;
}


for my $account (@accounts) {
    is($gateways[0]->update($account, 'ok')->{status}, 200,
        "the update of $account is accepted");
    ok(wait_for { stored($account, 'state') eq 'running' }
        "$account is written");
    $gateways[1]->becomes($account, 'running', "the other gateway learns of $account");
}

is(listed(), "@accounts", 'all are active in Redis');

my $revision = stored('acct_1', 'revision');

# ---- a member, and all with the queues ----

my %loss = (
    'a member is removed'     => [qw(ZREM {reauth}:active acct_2)],
    'the indexes are deleted' => ['DEL', map { "{reauth}:$_" } 'active', @queues],
);

for my $loss (sort keys %loss) {
    my $lost = lost();

    redis_cli(@{ $loss{$loss} });

    ok(wait_for { listed() eq "@accounts" } "$loss: all are active again");
    ok(wait_for { lost() > $lost } "$loss: the loss is logged");

    is(join(' ', map { queued($_) } @accounts), '1 1 1',
        "$loss: each is in a queue of polls");
    is($_->http('GET', '/reauth/gate/acct_2')->{status}, 503,
        "$loss: the gate stays closed") for @gateways;
}

isnt(stored('acct_1', 'revision'), $revision, 'the record is written again');

my $new = gateway(name => 'new');

is($new->http('GET', "/reauth/gate/$_")->{status}, 503,
    "a new gateway has closed the gate of $_") for @accounts;
$new->stop;

# ---- nothing is read again if nothing is missing ----

# accounts that no gateway has hide a loss, but cause no repair
redis_cli('ZADD', '{reauth}:active', 9e15, $_) for qw(foreign another);

my ($reads, $reports) = (reads(), reports());

# three of each gateway
ok(wait_for { reports() >= $reports + 6 }
    'Redis reports the number of active accounts');
is(reads(), $reads, 'the accounts are not read again');

redis_cli('ZREM', '{reauth}:active', 'foreign', 'another');

# ---- a user without the right, by the rules of an earlier version ----

redis_cli('ACL', 'SETUSER', 'gateway', '-zcard');
ok(wait_for { logged('the number of active accounts cannot be read') >= 2 }
    'the missing right is logged');
is($_->http('GET', '/reauth/readyz')->{json}{status}, 'ready',
    'a gateway without it is ready') for @gateways;

sandbox('POST', '/finish/acct_1', {});
$gateways[0]->http('GET', '/api/authenticate/' . stored('acct_1', 'attempt'));
ok(wait_for { listed() eq 'acct_2 acct_3' } 'changes are written without it');

done_testing();
