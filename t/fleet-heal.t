# reauth_heal on two gateways: many failures cause one reauthentication, and the
# tries of both count together.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep);
use Reauth::Test sandbox_options => ['--hold'];

my %heal = (
    workers => 2,
    config  => <<'EOC',
reauth_poll on /upstream interval=100ms max_interval=200ms rate=50r/s;
reauth_heal on max=3/d delay=300ms;
EOC
);

my $one = gateway(name => 'one', %heal);
my $two = gateway(name => 'two', %heal);

sub both {
    my ($account, $state) = @_;

    return Reauth::Gateway->all_have($account, $state, $one, $two);
}

sub tries {
    my ($account) = @_;

    return scalar grep { $_->{method} eq 'POST'
        && $_->{target} =~ m{/authenticate/$account/reauthenticate$} }
        sandbox_log();
}

# ---- simultaneous failures ----

for my $account (map { "acct_$_" } 1 .. 5) {
    sandbox('POST', "/account/$account", { authenticated => \0 });

    for (1 .. 50) {
        $_->http('GET', "/api/$account/x") for $one, $two;
    }
}

for my $account (map { "acct_$_" } 1 .. 5) {
    ok(both($account, 'running'), "$account: both gateways know of the login");
    is(tries($account), 1,
        "$account: 100 failures on two gateways cause one reauthentication");
}

for my $account (map { "acct_$_" } 1 .. 5) {
    for ([ first => $one ], [ second => $two ]) {
        my ($name, $gateway) = @$_;
        my $events = $gateway->http('GET',
            "/reauth/accounts/$account/timeline")->{json}{events};

        ok(scalar(grep { ($_->{source} // '') eq 'heal' } @$events),
            "$account: the timeline of the $name gateway has the source heal");
    }
}

like(join("\n", redis_cli('XRANGE', '{reauth}:events', '-', '+')),
    qr/source reauthenticate\s+heal 1/,
    'earlier versions read a source that they know');
like(join("\n", redis_cli('GET', '{reauth}:heal:acct_1')), qr/^tries 1$/m,
    'the tries are in Redis');
cmp_ok((redis_cli('TTL', '{reauth}:heal:acct_1'))[0], '>', 80_000,
    'the tries are kept in Redis for a day');
cmp_ok((redis_cli('TTL', '{reauth}:heal:acct_1'))[0], '<=', 86_400,
    'the tries expire in Redis');

sandbox('POST', '/finish/acct_1', { success => \1 });
ok(both('acct_1', 'succeeded'), 'both gateways know that the account is healed');

# ---- the cap of both together ----

sandbox('POST', '/account/acct_6', { authenticated => \0, next => [ map { {
    path => '/reauthenticate', status => 402,
    headers => { 'Content-Type' => 'application/json' },
    body => { error => 'NO_CREDITS' } } } 1 .. 9 ] });

$_->http('GET', '/api/acct_6/x') for $one, $two;
ok(wait_for { tries('acct_6') == 3 } 'rejected tries are repeated up to the cap');
ok(wait_for { my @heal = map { $_->record('acct_6')->{heal} // {} } $one, $two;
    !grep { ($_->{tries} // 0) != 3 || $_->{next_at} } @heal }
    'both gateways know that no try is to come');
is($two->record('acct_6')->{state}, 'failed',
    'the account is failed on the second gateway');
sleep 2;
is(tries('acct_6'), 3, 'two gateways do not try more often than the cap');

# ---- a gateway that starts later ----

my $three = gateway(name => 'three', %heal);
$three->http('GET', '/api/acct_6/x');
sleep 2;
is(tries('acct_6'), 3, 'a new gateway knows the tries of the others');

$three->stop;

# ---- cut off from each other ----

redis_stop();
sandbox('POST', '/account/acct_7', { authenticated => \0 });

for (1 .. 50) {
    $_->http('GET', '/api/acct_7/x') for $one, $two;
}

# the second login replaces the first one, which has failed then

ok(wait_for { grep { $_->record('acct_7')->{state} eq 'running' } $one, $two }
    'a gateway without Redis knows of a login');

for ([ first => $one ], [ second => $two ]) {
    my ($name, $gateway) = @$_;

    ok(wait_for { ($gateway->record('acct_7')->{heal}{tries} // 0) == 1 }
        "the record of the $name gateway shows one try without Redis");
}

ok(wait_for { tries('acct_7') == 2 }
    'two gateways without Redis send one reauthentication each');

redis_start();
ok(both('acct_7', 'running'), 'Redis is back: one login is known to both');
sleep 1;
is(tries('acct_7'), 2, 'Redis is back: there is no further try');
sandbox('POST', '/finish/acct_7', { success => \1 });
ok(both('acct_7', 'succeeded'), 'both gateways know that the account is healed');

for ([ one => $one ], [ two => $two ], [ three => $three ]) {
    my ($name, $gateway) = @$_;

    unlike($gateway->error_log, qr/\[(?:crit|alert|emerg)\]|\[error\](?!.*redis)/,
        "the gateway $name logs no errors but that Redis is unavailable");
}

done_testing();
