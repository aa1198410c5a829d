# A reload with another zone size creates an empty zone, which is filled from
# Redis before calls of unknown accounts are passed.

use strict;
use warnings;

use Test::More;
use Reauth::Test sandbox_options => ['--hold'];

my $gateway = gateway();

my $id = $gateway->update('acct_1', 'ok')->{json}{attempt_id};
$gateway->{http_config} =~ s/accounts:1m/accounts:2m/;
ok($gateway->reload, 'the configuration is reloaded');

my %seen;

for (1 .. 50) {
    my $answer = $gateway->http('GET', '/api/acct_1/me');
    $seen{ $answer->{status} }++;
}

is_deeply([ keys %seen ], [503], 'never open in between');
ok(wait_for { ($gateway->http('GET', '/reauth/accounts/acct_1')
    ->{json}{attempt_id} // '') eq $id } 'the record is read from Redis');
is($gateway->http('GET', '/api/acct_2/me')->{status}, 200,
    'calls of other accounts pass');

done_testing();
