# Many records change while Redis is unavailable: they are written after it, the
# last change first, thousands in a second.

use strict;
use warnings;

use List::Util qw(max);
use Test::More;
use Time::HiRes qw(sleep);
use Reauth::Test redis_timeout => '3s', sandbox => 0;
use Reauth::Webhook;

my $N = 2000;

my $gateway = gateway(workers => 2, http_config => 'reauth_zone accounts:8m;',
    config => <<'EOC');
location = /reauth/webhook { reauth_webhook $TEST_NGINX_WEBHOOK_SECRET; }
location = /reauth/metrics { reauth_metrics; }
EOC


sub unwritten {
    my ($n) = $gateway->http('GET', '/reauth/metrics')->{body}
        =~ /^reauth_redis_unwritten (\d+)$/m;

    return $n;
}

# The time of Redis in ms and the account of each event, oldest first.

sub events {
    my @lines = redis_cli('XRANGE', '{reauth}:events', '-', '+');
    my ($ms, @events);

    for (@lines) {
        $ms = $1 if /^(\d{13})-\d+$/;
        push @events, [$ms, $1] if /^account (\S+)$/;
    }

    return @events;
}

# The maximum number of events in a second.

sub rate {
    my @ms = map { $_->[0] } @_;
    my ($most, $first) = (0, 0);

    for my $last (0 .. $#ms) {
        $first++ while $ms[$first] <= $ms[$last] - 1000;
        $most = max($most, $last - $first + 1);
    }

    return $most;
}

my $started = started_at(-5);

sub change {
    my ($event, @accounts) = @_;

    for my $account (@accounts) {
        my $answer = deliver($gateway,
            event($event, $account, started_at => $started));
        next if $answer->{body} eq '{"received":true}';

        fail("the webhook of $account: $answer->{status}");
        return;
    }

    return;
}


# ---- Redis is empty when it returns ----

redis_stop();
ok(wait_for { $gateway->http('GET', '/reauth/summary')->{json}{store}{redis}
    eq 'down' } 'Redis is away');

my @accounts = map {"acct_$_"} 1 .. $N;

change('accounts.otp_code_required', @accounts);

# the first and the last ones are changed once more

change('accounts.face_otp_required', @accounts[0 .. 9]);

my @order = reverse @accounts[10 .. $N - 1], @accounts[0 .. 9];

is(unwritten(), $N, 'all changes are to be written');

# a worker may take a second for its own changes

sleep 1.5;

redis_start();

ok(wait_for { unwritten() == 0 } 'all of them are written');

my @events = events();

is(scalar @events, $N, 'each record is written once');
is_deeply([map { $_->[1] } @events], \@order, 'the last change first');
cmp_ok(rate(@events), '>', 400, 'hundreds within a second at the least: '
    . rate(@events) . ' in ' . ($events[-1][0] - $events[0][0]) . ' ms');
is(redis_cli('ZCARD', '{reauth}:active'), $N, 'all are active in Redis');
is(stored('acct_1', 'action'), 'face', 'the record has the last change');


# ---- Redis still has its data when it returns ----

redis_pause();

change('accounts.authentication_failed', @accounts);

ok(wait_for { $gateway->http('GET', '/reauth/summary')->{json}{store}{redis}
    eq 'down' } 'Redis does not respond');
cmp_ok(unwritten(), '>', $N / 2, 'the ends are to be written');

sleep 1.5;

redis_resume();

ok(wait_for { unwritten() == 0 } 'all that has ended is written');
is(redis_cli('ZCARD', '{reauth}:active'), 0, 'nothing is active in Redis');

@events = events();
@events = @events[$N .. $#events];

cmp_ok(rate(@events), '>', 400, 'hundreds within a second again: '
    . rate(@events) . ' in ' . ($events[-1][0] - $events[0][0]) . ' ms');

is($gateway->http('GET', '/reauth/gate/acct_1')->{status}, 204,
    'the gate of the ended attempt is open');

done_testing();
