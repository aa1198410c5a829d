# Each instance of a gateway marks its epochs by an origin of its own, so that no
# two gateways make the same one.

use strict;
use warnings;

use Test::More;

use Reauth::Test sandbox_options => ['--hold'];

my %gateway = map { $_ => gateway(name => "gateway$_") } 1 .. 4;
my $accounts = 0;


# The origin of an attempt that is begun at this gateway.

sub origin {
    my ($gateway) = @_;

    my $account = 'acct_' . ++$accounts;

    is($gateway->update($account, 'ok')->{status}, 200,
        "the update of $account is accepted");

    my $origin = stored($account, 'origin') // '';

    like($origin, qr/\A\d+\z/, "the record of $account has an origin");
    cmp_ok($origin, '>', 1, "the origin of $account is not that of the upstream");

    return $origin;
}


my %origin = map { $_ => origin($gateway{$_}) } sort keys %gateway;
my %count;
$count{$_}++ for values %origin;

is(scalar keys %count, 4, 'no two gateways have the same origin');

# ---- it is that of the zone ----

$gateway{1}->reload;
is(origin($gateway{1}), $origin{1}, 'a reload keeps the origin of the zone');

$gateway{1}->restart;

my $anew = origin($gateway{1});

ok(!$count{$anew}, 'a gateway that is restarted has another origin');

done_testing();
