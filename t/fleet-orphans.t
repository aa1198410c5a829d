# A record that was deleted in Redis.  Its account is removed from the indexes,
# in each queue, and is not polled.  Gateways that have the record of an attempt
# that has ended remove it; that of an active one is written again at once.

use strict;
use warnings;

use Test::More;
use Reauth::Test sandbox_options => ['--hold'];

my @queues = qw(due due:person due:last);

my %poll = (
    config => 'reauth_poll on /upstream interval=200ms max_interval=200ms'
        . ' rate=20r/s;',
);

my $one = gateway(name => 'one');

my %attempt = map { $_ => $one->update("acct_$_", 'ok')->{json}{attempt_id} }
    qw(kept gone person last);

ok(wait_for { stored('acct_last', 'state') eq 'running' } 'all are written');
is(redis_cli('ZCARD', '{reauth}:active'), 4,
    'all accounts are active in Redis');

# no gateway has them in its zone when their keys are deleted

$one->stop;

my %queue = (gone => 'due', person => 'due:person', last => 'due:last');

for my $name (sort keys %queue) {
    redis_cli('ZREM', "{reauth}:$_", "acct_$name") for @queues;
    redis_cli('ZADD', "{reauth}:$queue{$name}", 1, "acct_$name");
    redis_cli('DEL', "{reauth}:a:acct_$name");
}

my @gateways = map { gateway(name => $_, %poll) } qw(two three);

for my $name (sort keys %queue) {
    ok(wait_for { redis_cli('ZSCORE', '{reauth}:active', "acct_$name") eq '' }
        "acct_$name of $queue{$name} goes from the active ones");
    is(join('', map { scalar redis_cli('ZSCORE', "{reauth}:$_", "acct_$name") }
        @queues), '', "acct_$name is removed from all queues");
}

is(redis_cli('ZCARD', '{reauth}:active'), 1, 'the other one stays');

my $path = "/api/authenticate/$attempt{kept}";

ok(wait_for { 3 < grep { $_->{target} eq $path } sandbox_log() }
    'an account that is not deleted is polled again and again');

for my $name (sort keys %queue) {
    is(scalar(grep { $_->{method} eq 'GET'
        && $_->{target} =~ /$attempt{$name}|accounts/ } sandbox_log()), 0,
        "acct_$name is not");
}

# a new attempt of the same account

is($gateways[0]->update('acct_gone', 'ok')->{status}, 200,
    'an update of acct_gone is accepted');
ok(wait_for { stored('acct_gone', 'state') eq 'running' }
    'the record of acct_gone is written');
$gateways[1]->becomes('acct_gone', 'running', 'the other one knows');

# ---- gateways know the attempt: it is written again, its gate stays closed ----

sub gates {
    return join ' ',
        map { $_->http('GET', "/reauth/gate/$_[0]")->{status} } @gateways;
}

sub deleted {
    my $account = shift;

    my $events = join "\n",
        redis_cli('--raw', 'XRANGE', '{reauth}:events', '-', '+');

    return scalar(() = $events =~ /^deleted\naccount $account$/mg);
}

my $told = 'the record of account "acct_gone" was deleted';

redis_cli('DEL', '{reauth}:a:acct_gone');

ok(wait_for { $gateways[0]->error_log =~ $told
    && $gateways[1]->error_log =~ $told } 'a deleted record is told to all');
ok(wait_for { stored('acct_gone', 'state') eq 'running' }
    'the deleted record of an active attempt is written again');
isnt(redis_cli('ZSCORE', '{reauth}:active', 'acct_gone'), '',
    'the account of a record written again is active');
is(gates('acct_gone'), '503 503', 'no gate opens');

unlike($_->error_log, qr/changes made by other gateways were missed/,
    'nothing else is read') for @gateways;

# ---- the attempt has ended: it is forgotten ----

sandbox('POST', '/finish/acct_gone');
ok(wait_for { redis_cli('ZSCORE', '{reauth}:active', 'acct_gone') eq '' }
    'the login ends');
$_->becomes('acct_gone', 'succeeded', 'all know that') for @gateways;

redis_cli('DEL', '{reauth}:a:acct_gone');
redis_cli('ZADD', "{reauth}:$_", 1, 'acct_gone') for qw(active due);

for my $gateway (@gateways) {
    ok(wait_for { $gateway->http('GET', '/reauth/accounts/acct_gone')->{status}
        == 404 } 'each gateway forgets it');
}

is(redis_cli('ZSCORE', '{reauth}:active', 'acct_gone'), '',
    'the account of a removed record is not active in Redis');

# ---- the event is removed before a gateway has read it ----

is($gateways[0]->update('acct_gone', 'ok')->{status}, 200,
    'a further update of acct_gone is accepted');
$gateways[1]->becomes('acct_gone', 'running', 'both know it');

my ($worker) = grep { /\d/ } split ' ', `pgrep -P @{[ $gateways[1]->pid ]}`;
my $times = deleted('acct_gone');

# the first event is on its way to it already: it waits for events

ok(wait_for {
    my $clients = join "\n", redis_cli('CLIENT', 'LIST');
    my $waiting = () = $clients =~ /flags=\w*b\w* .*cmd=xread/g;
    return $waiting == @gateways;
} 'all gateways wait for events');

kill 'STOP', $worker;
is($gateways[0]->update('acct_more', 'ok')->{status}, 200,
    'an update of a different account is accepted');
redis_cli('DEL', '{reauth}:a:acct_gone');

# due at once, also if the stopped worker has taken its poll: if a worker is
# stopped for longer, its connection times out, and it reads everything again

redis_cli('ZADD', '{reauth}:due', 1, 'acct_gone');
ok(wait_for { $times < deleted('acct_gone') } 'deleted once more');
redis_cli('XTRIM', '{reauth}:events', 'MAXLEN', 0);
kill 'CONT', $worker;

ok(wait_for { $gateways[1]->error_log =~ /gateways were missed/ }
    'the other one notices');
ok(wait_for { stored('acct_gone', 'state') eq 'running' }
    'a deleted record whose event was missed is written again');
is(gates('acct_gone'), '503 503', 'no gate opens');

# ---- no gateway polls: an index is mended when it is read ----

$_->stop for @gateways;
redis_cli('ZADD', '{reauth}:active', (time + 600) . '000', 'acct_lost');

@gateways = map { gateway(name => $_) } qw(four five);

ok(wait_for { redis_cli('ZSCORE', '{reauth}:active', 'acct_lost') eq '' }
    'an account without a record goes without polls, too');
is(gates('acct_gone'), '503 503', 'the others stay');

done_testing();
