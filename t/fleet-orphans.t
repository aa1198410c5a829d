# An active account without a record in Redis is removed from the indexes when
# it is due, in each queue, and is not polled; others are.

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
is(redis_cli('ZCARD', '{reauth}:active'), 4, 'and active');

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
        @queues), '', 'and from all queues');
}

is(redis_cli('ZCARD', '{reauth}:active'), 1, 'the other one stays');

my $path = "/api/authenticate/$attempt{kept}";

ok(wait_for { 3 < grep { $_->{target} eq $path } sandbox_log() }
    'and is polled again and again');

for my $name (sort keys %queue) {
    is(scalar(grep { $_->{method} eq 'GET'
        && $_->{target} =~ /$attempt{$name}|accounts/ } sandbox_log()), 0,
        "acct_$name is not");
}

# a new attempt of the same account

is($gateways[0]->update('acct_gone', 'ok')->{status}, 200, 'an update');
ok(wait_for { stored('acct_gone', 'state') eq 'running' } 'it is written');
$gateways[1]->becomes('acct_gone', 'running', 'the other one knows');

done_testing();
