# reauth_sweep: the list of accounts is requested regularly, once for all
# gateways, and settles idle accounts.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);
use Reauth::Test sandbox_options => ['--hold'];

my %sweep = (
    workers => 2,
    config  => <<'EOC',
reauth_poll on /upstream interval=100ms max_interval=200ms rate=50r/s;
reauth_sweep 10s;
EOC
);

sub lists {
    return scalar grep { $_->{target} eq '/api/accounts' } sandbox_log();
}

# known to the upstream before the first sweep

sandbox('POST', '/account/acct_in',  { connected => \1, authenticated => \1 });
sandbox('POST', '/account/acct_out', { connected => \1, authenticated => \0 });
sandbox('POST', '/account/acct_mended',
    { connected => \1, authenticated => \0 });

# A gateway that starts does not read what has ended: the first sweep begins when
# both follow.

redis_cli('SET', '{reauth}:sweep', 1);

my $one = gateway(name => 'one', %sweep);
my $two = gateway(name => 'two', %sweep);

my $begin = time;
redis_cli('DEL', '{reauth}:sweep');

sub both {
    my ($account, $state) = @_;

    return Reauth::Gateway->all_have($account, $state, $one, $two);
}

ok(both('acct_out', 'failed'), 'an account that lost its session is marked');
my $record = $two->record('acct_out');
is($record->{action_required}, 'credentials', 'the marked account requires credentials');
is($record->{source}, 'sweep', 'the source is the sweep');
is($record->{error_code}, 'NOT_AUTHENTICATED', 'the error states the reason');
is($record->{gate}, 'open', 'the gate of the marked account stays open');
is($one->record('acct_in')->{state}, undef,
    'an account that is logged in gets no record');

ok(both('acct_mended', 'failed'), 'a third account is marked, too');
my $attempt = $one->update('acct_busy', 'ok')->{json}{attempt_id};
ok($attempt, 'a login is begun');
sandbox('POST', '/account/acct_busy', { authenticated => \0 });

sandbox('POST', '/account/acct_mended', { authenticated => \1 });
ok(both('acct_mended', 'succeeded'), 'an account that was mended is marked');
is($one->record('acct_mended')->{source}, 'sweep',
    'the source of the success is the sweep');
is($one->record('acct_mended')->{action_required}, undef,
    'no action is required any more');
is($one->record('acct_busy')->{state}, 'running',
    'a login that is active is not ended by a sweep');
is($one->record('acct_out')->{updated_at}, $record->{updated_at},
    'an account that is marked already is not changed');

cmp_ok(lists(), '<=', 2 + (time - $begin) / 10,
    'two gateways request one list in each interval');
like(join("\n", redis_cli('XRANGE', '{reauth}:events', '-', '+')),
    qr/source poller\s+sweep 1/, 'earlier versions read a source they know');
ok(wait_for { my ($left) = redis_cli('PTTL', '{reauth}:sweep');
    $left > 0 && $left <= 10_000 } 'the sweep has a lease, which expires');

for ([ one => $one ], [ two => $two ]) {
    my ($name, $gateway) = @$_;

    unlike($gateway->error_log, qr/\[(?:error|crit|alert|emerg)\]/,
        "the gateway $name logs no errors");
}

$_->stop for $one, $two;

# ---- a long interval: the other gateway does not sweep after the list's lease

redis_cli('DEL', '{reauth}:sweep', '{reauth}:list');

my $lists = lists();
my %rare = (config => 'reauth_poll on /upstream; reauth_sweep 1h;');
my @rare = map { gateway(name => "rare$_", %rare) } 1 .. 2;

ok(wait_for { lists() > $lists } 'one of two gateways sweeps after the start');
sleep 12;
is(lists(), $lists + 1, 'the other gateway does not sweep in this interval');
$_->stop for @rare;

# ---- without the directive, and without Redis ----

$lists = lists();

my $off = gateway(name => 'off', without => ['reauth_redis'],
    config => 'reauth_poll on /upstream;');
sleep 2;
is(lists(), $lists, 'no list is requested without the directive');
$off->stop;

$begin = time;

my $alone = gateway(name => 'alone', without => ['reauth_redis'], %sweep);
ok(wait_for { ($alone->record('acct_out')->{state} // '') eq 'failed' }
    'an account is marked without Redis');
cmp_ok(lists() - $lists, '<=', 1 + (time - $begin) / 10,
    'the first sweep follows the start');

done_testing();
