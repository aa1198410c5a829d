# Who waits for an account is told of its end by reauth_gate_max, too.

use strict;
use warnings;

use Test::More;
use Reauth::Test redis => 0, sandbox_options => ['--hold'];
use Reauth::Stream ();

my $gateway = gateway(http_config => 'reauth_gate_max 1s;');

$gateway->update('acct_1', 'ok');

my $answer = Reauth::Stream->open($gateway, 'GET',
    '/reauth/accounts/acct_1?wait=30s')->finish;

is($answer->{json}{state}, 'expired', 'expired');
cmp_ok($answer->{took}, '<', 2.5, 'in time');

done_testing();
