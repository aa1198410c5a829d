# Overrides are counted and listed a few under one lock of the zone: nothing is
# missed.

use strict;
use warnings;

use Test::More;

use Reauth::Test redis => 0;

my $callers = callers_file(['operator', 'operate'], ['all', 'all']);
my $gateway = gateway(
    http_config => "reauth_zone accounts:8m;\nreauth_callers_file $callers;");

sub override {
    my ($account, $body) = @_;

    return $gateway->http($body ? 'PUT' : 'DELETE',
        "/reauth/accounts/$account/override",
        { Authorization => 'Bearer token-of-operator' }, $body)->{status};
}

sub status {
    return $gateway->http('GET', "/reauth/$_[0]",
        { Authorization => 'Bearer token-of-all' })->{json};
}

my @closed = map { "acct_closed_$_" } 1 .. 40;
my @open   = map { "acct_open_$_" } 1 .. 25;

is_deeply([grep { override($_, { gate => 'closed', for => '10m' }) != 200 } @closed],
    [], 'gates are closed');
is_deeply([grep { override($_, { gate => 'open', for => '10m' }) != 200 } @open],
    [], 'gates are kept open');

is(status('summary')->{gates_closed}, 40, 'the summary counts all closed gates');

for (['closed', @closed], ['open', @open]) {
    my ($gate, @accounts) = @$_;

    is_deeply([sort map { $_->{account_id} }
        @{ status("accounts?gate=$gate")->{accounts} }], [sort @accounts],
        "the list has all accounts whose gates are $gate");
}

override($_) for @closed;

is(status('summary')->{gates_closed}, 0, 'all overrides are removed');

done_testing();
