# Redis loses all data: the gate stays closed, and the data is written back.

use strict;
use warnings;

use Test::More;
use Reauth::Test sandbox_options => ['--hold'];

my $gateway = gateway();
my %id = map { $_ => $gateway->update("acct_$_", 'ok')->{json}{attempt_id} }
    1 .. 2;

redis_cli('FLUSHALL');
is($gateway->http('GET', '/api/acct_1/me')->{status}, 503,
    'the gate is closed after FLUSHALL');

# a changed record is written completely
sandbox('POST', '/finish/acct_1', { success => \1 });
$gateway->http('GET', "/api/authenticate/$id{1}");
is($gateway->http('GET', '/reauth/gate/acct_1')->{status}, 204,
    'the gate opens when the attempt ends');
ok(wait_for { stored('acct_1', 'state') eq 'succeeded' }
    'the end of the attempt is written');
is(stored('acct_1', 'attempt'), $id{1}, 'the record of the end is complete');

is($gateway->update('acct_3', 'ok')->{status}, 200,
    'an update after FLUSHALL is accepted');
ok(wait_for { stored('acct_3', 'state') eq 'running' }
    'an attempt after FLUSHALL is written');

# an unchanged record is written back as well
ok(wait_for { stored('acct_2', 'state') eq 'running' }
    'an unchanged record is written back');
is(stored('acct_2', 'attempt'), $id{2}, 'the unchanged record is complete');

my $other = gateway(name => 'other');
is($other->http('GET', '/api/acct_2/me')->{status}, 503,
    'a new gateway learns it');

done_testing();
