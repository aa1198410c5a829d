# The upstream becomes unavailable during an attempt: another update cannot be
# sent, and the gate stays closed.

use strict;
use warnings;

use Test::More;

use Reauth::Test redis => 0;

plan tests => 11;

my $gateway = gateway();

my $first = $gateway->update('acct_1', 'slow');
is($first->{status}, 200, 'an attempt runs');

sandbox_stop();

my $second = $gateway->update('acct_1', { auth_type => 'mobile_app' });
is($second->{status}, 502, 'a second update cannot be sent');
is($second->{json}{error}, 'UPSTREAM_BAD_ANSWER',
    'the error of the second update is UPSTREAM_BAD_ANSWER');
is($second->{headers}{'x-should-retry'}, undef, 'the caller may try again');

my $record = $gateway->http('GET', '/reauth/accounts/acct_1')->{json};
is($record->{state}, 'running', 'the attempt still runs');
is($record->{attempt_id}, $first->{json}{attempt_id},
    'the active attempt is still the first one');
is($record->{auth_type}, 'email_password',
    'the active attempt has its own auth_type');
is($gateway->http('GET', '/api/acct_1/chats')->{status}, 503,
   'the gate is closed');

my $again = $gateway->update('acct_1', 'slow');
is($again->{headers}{'reauth-coalesced'}, 1,
    'an update identical to the active one is coalesced');
is($again->{json}{attempt_id}, $first->{json}{attempt_id},
   'needs no upstream');

unlike($gateway->error_log, qr/\[(?:alert|crit|emerg)\]/, 'nothing in the log');
