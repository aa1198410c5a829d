# Requests that wait for an account are also notified of its end by
# reauth_gate_max.  There are many of them, because a timer that is a
# millisecond early affects only some.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);
use Reauth::Test redis => 0, sandbox_options => ['--hold'];
use Reauth::Stream ();

my $gateway = gateway(http_config => 'reauth_gate_max 2s;');

my $start = time;
my @waiting = map {
    $gateway->update("acct_$_", 'ok');
    Reauth::Stream->open($gateway, 'GET', "/reauth/accounts/acct_$_?wait=60s");
} 1 .. 40;
my $asked = time - $start;

my @answers = map { $_->finish } @waiting;

is_deeply([ map { $_->{json}{state} } @answers ], [ ('expired') x 40 ],
    'all waiting requests get the state "expired"');
# the first ones are read when all have been sent
is((grep { $_->{took} >= 50 + $asked } @answers), 0,
    'all waiting requests get their response in time');

done_testing();
