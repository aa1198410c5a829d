# Events that a gateway has missed: it notices by their numbers, and reads what
# is active at once.  A record whose key was deleted is forgotten.

use strict;
use warnings;

use Test::More;
use Reauth::Test sandbox_options => ['--hold'];

my $one = gateway(name => 'one', log_level => 'debug');
my $two = gateway(name => 'two', log_level => 'debug');

my ($worker) = grep { /\d/ } split ' ', `pgrep -P @{[ $two->pid ]}`;


sub gate {
    my ($gateway, $account) = @_;

    return $gateway->http('GET', "/reauth/gate/$account")->{status};
}

# how often the gateways have begun to read what is active

sub reads {
    my $log = $one->error_log . $two->error_log;

    return scalar(() = $log =~ /reauth sync: all accounts are to be read/g);
}

sub missed {
    my $log = $two->error_log;

    return scalar(() = $log =~ /changes made by other gateways were missed/g);
}

sub numbers {
    return map { /\Anumber (\d+)\z/ ? $1 : () }
        redis_cli('--raw', 'XRANGE', '{reauth}:events', '-', '+');
}


is($one->update('acct_1', 'ok')->{status}, 200,
    'the update of acct_1 is accepted');
ok(wait_for { gate($two, 'acct_1') == 503 }
    'the other gateway follows the update');

my @numbers = numbers();
is("@numbers", join(' ', map { $numbers[0] + $_ } 0 .. $#numbers),
    'events are numbered in order');
cmp_ok(abs($numbers[0] / 1_000_000 - time), '<', 3600,
    'the first number is the time in microseconds');
is(redis_cli('GET', '{reauth}:seq'), $numbers[-1],
    'the last number of an event is that of the counter');

my $reads = reads();

is($reads, 2, 'both gateways read everything once, before the first event');

# ---- a worker is stopped while events are removed ----

# the first event is on its way to it already

kill 'STOP', $worker;
is($one->update("acct_$_", 'ok')->{status}, 200,
    "the update of acct_$_ is accepted") for 2, 3;
redis_cli('XTRIM', '{reauth}:events', 'MAXLEN', 0);
is($one->update('acct_4', 'ok')->{status}, 200,
    'the update of acct_4 is accepted');
kill 'CONT', $worker;

ok(wait_for { gate($two, "acct_$_") == 503 } "acct_$_ is closed") for 2 .. 4;

# the gates may be known from the accounts that are being read already

wait_for { missed() > 0 } 'the log';
is(missed(), 1, 'the loss is logged once');

# the same, but without an event after it

kill 'STOP', $worker;
is($one->update("acct_$_", 'ok')->{status}, 200,
    "the update of acct_$_ is accepted") for 5, 6;
redis_cli('XTRIM', '{reauth}:events', 'MAXLEN', 0);
kill 'CONT', $worker;

ok(wait_for { gate($two, "acct_$_") == 503 }
    "the missed gate of acct_$_ closes") for 5, 6;
wait_for { missed() > 1 } 'the log';
is(missed(), 2, 'the next loss is logged as well');
ok(wait_for { $two->http('GET', '/reauth/readyz')->{body}
    =~ /"status":"ready"/ } 'the gateway is ready again');

# ---- all is read again for these alone ----

cmp_ok(reads() - $reads, '<=', 2 * 2, 'nothing else was read');

# ---- Redis loses all, and is written to at once ----

my $counted = redis_cli('GET', '{reauth}:seq');

redis_cli('FLUSHALL');
is($one->update('acct_7', 'ok')->{status}, 200,
    'the update of acct_7 is accepted');
ok(wait_for { redis_cli('ZCARD', '{reauth}:active') == 7 }
    'lost records are written to Redis again');
is(gate($two, 'acct_1'), 503, 'gates stay closed');
cmp_ok((numbers())[0], '>', $counted,
    'no number is used again after Redis has lost all');

# ---- a gateway of an earlier version has no numbers ----

my $before = missed();

redis_cli('XADD', '{reauth}:events', '*', '0123456789abcdef', <<"EOR") for 1 .. 5;
revision 1
account acct_8
epoch @{[ time * 1024 * 1000 ]}
state running
since @{[ time * 1000 ]}
updated @{[ time * 1000 ]}
deadline @{[ (time + 600) * 1000 ]}
EOR

ok(wait_for { gate($two, 'acct_8') == 503 }
    'the other gateway follows events without numbers');
is($one->update('acct_9', 'ok')->{status}, 200,
    'the update of acct_9 is accepted');
ok(wait_for { gate($two, 'acct_9') == 503 }
    'the other gateway follows the event of acct_9');
is(missed(), $before, 'no events are missed because a number is missing');

# ---- the stream is deleted, and the clock of Redis was set back ----

redis_cli('XSETID', '{reauth}:events', '9999999999999-1');
is($one->update('acct_10', 'ok')->{status}, 200,
    'the update of acct_10 is accepted');
ok(wait_for { gate($two, 'acct_10') == 503 }
    'the other gateway follows the event of acct_10');

redis_cli('DEL', '{reauth}:events');
is($one->update('acct_11', 'ok')->{status}, 200,
    'the update of acct_11 is accepted');
ok(wait_for { gate($two, 'acct_11') == 503 }
    'the other gateway reads acct_11 after the stream is deleted');
ok(wait_for { $two->http('GET', '/reauth/readyz')->{body}
    =~ /"status":"ready"/ }
    'the gateway is ready when all accounts have been read');

$before = missed();
is($one->update("acct_$_", 'ok')->{status}, 200,
    "the update of acct_$_ is accepted") for 12, 13;
ok(wait_for { gate($two, "acct_$_") == 503 }
    "the missed gate of acct_$_ closes") for 12, 13;
is(missed(), $before, 'the new stream is followed');

# ---- the counter was written by somebody else ----

my $account = 20;

for my $counter ('18446744073709551615', 'inf', 'nan', '-5', 'text') {
    redis_cli('SET', '{reauth}:seq', $counter);
    is($one->update('acct_' . ++$account, 'ok')->{status}, 200,
        "the update of acct_$account is accepted");
    ok(wait_for { gate($two, "acct_$account") == 503 }
        "the other gateway follows acct_$account");
    cmp_ok(redis_cli('GET', '{reauth}:seq'), '>', $counted,
        "$counter: counted from the time again");
}

done_testing();
