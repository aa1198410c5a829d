# Retry-After grows with the age of an attempt that takes longer than previous
# ones; by default, a login of a minute and a half takes two waits.

use strict;
use warnings;

use List::Util qw(max min);
use Test::More;
use Reauth::Test sandbox_options => ['--hold'];

my $gateway = gateway();

sub told {
    my ($account) = @_;

    my @told = map {
        $gateway->http('GET', "/api/$account/x")->{json}{retry_after}
    } 1 .. 40;

    return (min(@told), max(@told));
}

sub begin {
    my ($account, $age) = @_;

    my $id = $gateway->update($account, 'ok')->{json}{attempt_id};

    ok((wait_for { stored($account, 'state') eq 'running' }),
        "the attempt of $account is running");

    my $told = $gateway->http('GET', "/reauth/accounts/$account")->{json}{since};
    my $since = stored($account, 'since') - $age * 1000;

    ok((store_until {
        $gateway->http('GET', "/reauth/accounts/$account")->{json}{since} ne $told
    } $account, since => $since), "the record has an age of $age s") if $age;

    return $id;
}

# ---- no login was observed ----

begin('acct_1', 0);
my ($least, $most) = told('acct_1');
is($least, 2, 'Retry-After of a new attempt is the minimum');

begin('acct_2', 100);
($least, $most) = told('acct_2');
cmp_ok($least, '>=', 25, 'Retry-After is at least a quarter of the age');
cmp_ok($most,  '<=', 45, 'Retry-After is at most half of the age');

begin('acct_3', 700);
($least, $most) = told('acct_3');
cmp_ok($least, '>=', 54, 'Retry-After of an old attempt is near the maximum');
cmp_ok($most,  '<=', 60, 'Retry-After is at most 60 seconds by default');

# ---- one login took 95 seconds ----

my $id = begin('acct_4', 95);
sandbox('POST', '/finish/acct_4');
$gateway->http('GET', "/api/authenticate/$id");
is($gateway->http('GET', '/reauth/gate/acct_4')->{status}, 204,
    'the gate opens when the attempt ends');

begin('acct_5', 0);
($least, $most) = told('acct_5');
cmp_ok($least, '>=', 54, 'the next one is expected to take as long');
cmp_ok($most,  '<=', 60, 'Retry-After does not exceed the maximum');

begin('acct_6', 55);
($least, $most) = told('acct_6');
cmp_ok($least, '>=', 40, 'Retry-After is the rest of the expected time');

done_testing();
