# A gateway that starts is not connected to Redis at once: until then, it sends
# no list and no poll for which others may have the lease.

use strict;
use warnings;

use Test::More;

use Reauth::Test sandbox_options => ['--hold'];
use Reauth::Between;

my $between = Reauth::Between->start;
my $poll    = 'reauth_poll on /upstream interval=100ms max_interval=100ms '
    . 'rate=100r/s; reauth_sweep 1h;';
my $slowly  = 'reauth_redis redis://gateway@127.0.0.1:' . $between->port
    . "/0$ENV{TEST_NGINX_REDIS_OPTIONS};";

sub sent {
    my ($path) = @_;

    return scalar grep { $_->{method} eq 'GET' && $_->{target} eq $path }
        sandbox_log();
}

sub lists { return sent('/api/accounts'); }

my $first = gateway(name => 'first', config => $poll);

ok(wait_for(sub { lists() == 1 }), 'one gateway sweeps after the start');
$first->stop;

# ---- another one, with a connection that takes its time ----

my $second = gateway(name => 'second', http_config => $slowly,
    config => $poll, log_level => 'debug');
my $attempt = $second->update('acct_1', 'ok')->{json}{attempt_id};

sub polls { return sent("/api/authenticate/$attempt"); }

ok(wait_for(sub { polls() > 0 }), 'the other one polls');

sub waits {
    my $waits = () = $second->error_log
        =~ /reauth poll: none, Redis is being connected to/g;

    return $waits;
}

for my $turn (1 .. 3) {
    my $before = waits();

    $between->hold('HELLO');
    my $hellos = $between->answered('HELLO');

    $second->reload;
    my ($worker) = $second->begun;

    ok(wait_for(sub { $between->answered('HELLO') > $hellos }),
        "turn $turn: a new worker is not connected yet");

    # one poll of the old worker may be in progress still
    my $polls = polls();

    # several steps of its poller, as long as it waits
    ok(wait_for(sub { waits() >= $before + 4 }), "turn $turn: the poller of the new worker waits for Redis");
    is(lists(), 1, "turn $turn: the new worker does not sweep on its own");
    cmp_ok(polls() - $polls, '<=', 1, "turn $turn: the new worker does not poll");

    $between->pass;
    $polls = polls();
    ok(wait_for(sub { polls() > $polls + 1 }),
        "turn $turn: the new worker polls when it is connected");
}

is(lists(), 1, 'the lease of the sweep counts');

# ---- Redis is down: each gateway by itself ----

$between->stop;
redis_stop();
$second->reload;

my $polls = polls();

ok(wait_for(sub { polls() > $polls + 1 }), 'the gateway polls without Redis');
ok(wait_for(sub { lists() > 1 }), 'the gateway sweeps without Redis');

done_testing();
