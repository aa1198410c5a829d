# reauth_sweep and reauth_heal on two gateways: of 5,000 accounts, those whose
# sessions have expired are found by one list and healed by one login each.

use strict;
use warnings;

use Test::More;
use Reauth::Test sandbox_options => ['--hold'];

my ($accounts, $broken) = (5000, 40);

sub is_broken { return $_[0] % ($accounts / $broken) == 7 }

sandbox('POST', "/account/acct_$_", { connected => \1,
    authenticated => is_broken($_) ? \0 : \1 }) for 1 .. $accounts;

my @broken = map { "acct_$_" } grep { is_broken($_) } 1 .. $accounts;
is(scalar @broken, $broken, "$broken of $accounts accounts have no session");

my %mended = (
    workers => 2,
    config  => <<'EOC',
reauth_poll on /upstream interval=100ms max_interval=200ms rate=50r/s;
reauth_sweep 1h;
reauth_heal on max=2/d delay=100ms;
EOC
);

my $began = time;
my $one = gateway(name => 'one', %mended);
my $two = gateway(name => 'two', %mended);

sub sent {
    my ($method, $target) = @_;

    return grep { $_->{method} eq $method && $_->{target} =~ $target }
        sandbox_log();
}

# A list that takes longer than its lease of ten seconds, on a busy machine, may
# be requested again: these are not counted.

sub lists {
    my $lists = sent('GET', qr{^/api/accounts\z});
    my $again = int((time - $began) / 10);

    return $lists > 1 + $again ? $lists : $lists > 0 ? 1 : 0;
}

sub state_of {
    my ($state, @of) = @_;

    return scalar grep { my $account = $_;
        2 == grep { ($_->record($account)->{state} // '') eq $state } $one, $two;
    } @of;
}

ok(wait_for { state_of('running', @broken) == $broken }
    'both gateways know the logins of all accounts without a session');

my %logins;
$logins{ $_->{target} }++ for sent('POST', qr{/reauthenticate\z});

is(lists(), 1, 'one list was requested');
is(scalar(keys %logins), $broken, 'each of these accounts was logged in');
is(scalar(grep { $_ != 1 } values %logins), 0,
    'no account was logged in twice');

sandbox('POST', "/finish/$_", { success => \1 }) for @broken;

ok(wait_for { state_of('succeeded', @broken) == $broken }
    'both gateways know that all accounts are healed');
is($one->http('GET', "/api/$broken[0]/x")->{status}, 200,
    'calls of a healed account succeed');
is(scalar(sent('POST', qr{/reauthenticate\z})), $broken,
    'there was no other login');
is(lists(), 1, 'no other list was requested');

for ([ one => $one ], [ two => $two ]) {
    my ($name, $gateway) = @$_;

    unlike($gateway->error_log, qr/\[(?:error|crit|alert|emerg)\]/,
        "the gateway $name logs no errors");
}

done_testing();
