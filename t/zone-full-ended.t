# A zone full of ended records has room for active ones until all records are
# active: ended records of any age, stored for a day or briefly, are dropped.

use strict;
use warnings;

use Test::More;
use Reauth::Test redis => 0, sandbox_options => ['--hold'];
use Reauth::Webhook;

my $gateway;


sub summary { return $gateway->http('GET', '/reauth/summary')->{json}; }

sub start {
    my ($name) = @_;

    $gateway = gateway(
        name        => $name,
        http_config => 'reauth_zone accounts:1m;',
        config      => <<'EOC');
location = /reauth/webhook { reauth_webhook $TEST_NGINX_WEBHOOK_SECRET; }
location = /reauth/metrics { reauth_metrics; }
EOC

    return;
}

# An account whose login has failed: stored for a day.

sub failed {
    my ($n) = @_;

    my $answer = deliver($gateway,
        event('accounts.authentication_failed', "acct_f$n" . 'x' x ($n % 40),
            started_at => started_at(-5), error_message => 'y' x ($n % 120)));

    return $answer->{body} eq '{"received":true}';
}

sub evicted {
    my ($count) = $gateway->http('GET', '/reauth/metrics')->{body}
        =~ /^reauth_zone_evicted_total\S* (\d+)$/m;

    return $count;
}

# An account whose update was rejected: stored briefly.

sub rejected {
    my ($n) = @_;

    return $gateway->update("acct_r$n", 'limit')->{status} == 429;
}

# Sends updates until one is rejected, which is returned.

sub begin {
    my ($from, $to) = @_;

    for my $n ($from .. $to) {
        my $answer = $gateway->update("acct_$n", 'ok');

        return ($n, $answer) if $answer->{status} != 200;
    }

    return ($to + 1, undef);
}


# ---- records stored briefly and for a day are mixed in all pages ----

start('mixed');

my $all = grep { $_ % 16 ? rejected($_) : failed($_) } 1 .. 3600;

is($all, 3600, 'more have ended than fit');

my $kept = summary()->{zone}{accounts};
cmp_ok($kept, '<', 3600, "some were dropped: $kept are kept");

my ($n, $refused) = begin(1, 150);

is($n, 151, 'each of 150 updates has room');
is(summary()->{active}, 150, 'all of them are active');
cmp_ok($kept - summary()->{zone}{accounts}, '<', 600,
    'at most four ended records are dropped for each new one');

($n, $refused) = begin(151, 1000);

is($refused->{json}{error}, 'STORE_UNAVAILABLE',
    'an update is refused when all records are active');
is(summary()->{zone}{accounts}, summary()->{active},
    'when nothing is left that has ended: ' . ($n - 1) . ' are active');
is($gateway->http('GET', '/reauth/gate/acct_1')->{status}, 503,
    'the gate of the first account is still closed');


# ---- all records have ended, with texts of all lengths ----

start('ended');

$all = grep { failed($_) } 1 .. 7000;
is($all, 7000, 'all logins have failed');

my $evicted = evicted();
cmp_ok($evicted, '>', 1000, "$evicted of them have made room");

is(scalar(grep { failed($_) } 6901 .. 7000), 100, '100 have failed again');
is(evicted(), $evicted, 'each in its own place: no other one makes room');

# accounts in between log in again: their records leave gaps of all ages

for my $again (grep { $_ % 7 == 0 } 6000 .. 7000) {
    rejected($again);
}

($n, $refused) = begin(1, 1000);

is($refused->{json}{error}, 'STORE_UNAVAILABLE',
    'an update is refused when there is no room');
is(summary()->{zone}{accounts}, summary()->{active},
    'when nothing is left that has ended: ' . ($n - 1) . ' are active');
is(() = $gateway->error_log =~ /\[alert\].*is full of active accounts/g, 1,
    'the log says it once');

done_testing();
