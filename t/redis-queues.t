# An active account is in one queue of polls, that of its state, and in none
# when its attempt has ended.  Old events are removed, the stream expires, and its
# length is limited.

use strict;
use warnings;

use Test::More;
use Reauth::Test sandbox_options => ['--hold'];

my @queues = qw(due due:person due:last);

sub queues {
    return join ' ',
        grep { redis_cli('ZSCORE', "{reauth}:$_", 'acct_otp') } @queues;
}

sub in_queue {
    my ($queue, $name) = @_;

    return ok(wait_for { queues() eq $queue } $name) || diag(queues());
}

# ---- an event of 1970 ----

redis_cli('XADD', '{reauth}:events', '1000-0', 'writer', 'account acct_old');

my $gateway = gateway();

sub poll {
    my ($id) = @_;

    return $gateway->http('GET', "/api/authenticate/$id");
}

my $id = $gateway->update('acct_otp', 'otp')->{json}{attempt_id};

ok(wait_for { stored('acct_otp', 'state') eq 'running' } 'the record of the update is written');

is(redis_cli('XRANGE', '{reauth}:events', '-', '2000'), '',
    'the first write of a worker removes old events');

sub expires {
    my ($name) = @_;

    my $left = redis_cli('TTL', '{reauth}:events');

    ok($left > 86_000 && $left <= 86_400, $name) or diag($left);
    return;
}

expires('the stream expires');

# ---- queues ----

in_queue('due', 'a login in progress is in the first queue');

sandbox('POST', '/step/acct_otp') for 1 .. 2;
poll($id);

ok(wait_for { stored('acct_otp', 'state') eq 'needs_otp' }
    'the account waits for a person');
in_queue('due:person', 'the account is moved to the queue of those that wait');

$id = $gateway->update('acct_otp',
    { email => 'otp@example.com', password => 'other' })->{json}{attempt_id};

ok(wait_for { stored('acct_otp', 'attempt') eq $id } 'a further update is accepted');
in_queue('due', 'the account is moved back');

sandbox('POST', '/finish/acct_otp');
poll($id);

ok(wait_for { stored('acct_otp', 'state') !~ /\A(?:running|needs_otp)\z/ }
    'the attempt has ended');
in_queue('', 'the account is in no queue');

# ---- Redis has lost its data ----

redis_cli('FLUSHALL');

$gateway->update('acct_2', 'ok');

ok(wait_for { stored('acct_2', 'state') eq 'running' } 'an update after the loss is written');
expires('a new stream expires, too');

# ---- more events than a stream keeps, none of them old ----

redis_cli('EVAL', q{for i = 1, 12000 do redis.call('XADD', KEYS[1], '*', 'w', 'x') end
    return 'OK'}, 1, '{reauth}:events');
$gateway->update('acct_3', 'ok');

ok(wait_for { stored('acct_3', 'state') eq 'running' }
    'an account without a record is written');
cmp_ok(redis_cli('XLEN', '{reauth}:events'), '<', 10_300,
    'the length of the stream is limited');

done_testing();
