# The laws by which "./run chaos" judges: what violates each of them is found,
# and what is allowed is not.

use strict;
use warnings;

use FindBin ();
use lib "$FindBin::Bin/../tests/chaos/lib";

use Test::More;
use Time::HiRes ();

use Chaos::Judge ();

# a clock that the test moves; logins end when the test says so

{
    package Reauth::ClockOfTest;    ## no critic (RequireFilenameMatchesPackage)

    sub new   { return bless { now => 100 }, $_[0]; }
    sub now   { return $_[0]{now}; }
    sub after { return; }
}

my ($clock, $judge, $account);


# A fleet that has just begun, with one login in progress.

sub begin {
    $clock = Reauth::ClockOfTest->new;
    $judge = Chaos::Judge->new(loop => $clock, accounts => 1);
    $judge->{on_violation} = sub { };

    ($account) = $judge->accounts;

    my $number = $judge->sends($account);
    $judge->begins($account->{name}, $number);
    later(0.1);
    $judge->updated('one', $account, $number, 200);
    later(0.1);

    return;
}


sub later { $clock->{now} += $_[0]; return; }


sub passes {
    my ($gateway) = @_;

    $judge->called($gateway, $account, $clock->now, 200, '{}');

    return;
}


sub refuses {
    my ($gateway) = @_;

    $judge->called($gateway, $account, $clock->now, 503,
        qq({"state":"running","attempt_id":"$account->{attempt}{id}"}));

    return;
}


sub ends {
    $judge->ends($account);
    later(0.1);

    return;
}


sub laws {
    return join ', ', map {/^(.*?): /} @{ $judge->{violations} };
}


begin();
passes('one');
is(laws(), '', 'a gateway may pass calls for a second after its update');

later(1);
passes('one');
is(laws(), 'open', 'a gateway that has answered the update passes a call');

begin();
refuses('two');
later(1.1);
passes('two');
is(laws(), 'open', 'a gateway that has refused a call passes the next one');

begin();
later(5);
passes('two');
is(laws(), '', 'a gateway that knows nothing of the login may pass calls');

begin();
refuses('two');
$judge->restarted('two');
later(1.1);
passes('two');
is(laws(), '', 'a gateway that was restarted may have forgotten the login');

begin();
$judge->calm;
later(1.1);
passes('two');
is(laws(), 'agreed, open',
    'a gateway of a fleet without faults passes a call of a closed account');

begin();
refuses('two');
ends();
passes('two');
later(1.1);
refuses('two');
is(laws(), 'closed', 'a gateway that has passed a call refuses the next one');

begin();
refuses('two');
ends();
later(5);
refuses('two');
is(laws(), '', 'a gateway may learn of the end late while there are faults');

begin();
ends();
$judge->calm;
later(21);
refuses('two');
is(laws(), '',
    'a gateway of a fleet without faults may learn of an end in 22 seconds');

later(2);
refuses('two');
is(laws(), 'agreed, closed',
    'a gateway of a fleet without faults refuses calls for longer');

begin();
refuses('two');
ends();
passes('two');
later(1.1);
my $number = $judge->sends($account);
$judge->begins($account->{name}, $number);
later(2);
refuses('two');
is(laws(), '', 'the gate may be closed again by the next login');

begin();
$judge->updated('one', $account, 0, 504);
later(1.1);
passes('one');
is(laws(), '', 'an update without a response exempts its account');

done_testing();
