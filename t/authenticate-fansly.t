# The Fansly variant: the account ID is polled, and attempts have no IDs.

use strict;
use warnings;

use Test::More;

use Reauth::Test redis => 0, sandbox_options => ['--hold'];

plan tests => 22;

my $gateway = gateway();
my $family = '/api/fansly/authenticate';

sub record {
    my ($account) = @_;

    return $gateway->http('GET', "/reauth/accounts/$account")->{json};
}

my $answer = $gateway->http('POST', $family, {},
    { email => 'otp@example.com', password => 'p' });
is($answer->{status}, 200, 'a start is accepted');
my $account = $answer->{json}{account_id};
like($account, qr/\Afansly_acct_\w+\z/,
    'the response to a start has a Fansly account');
is($answer->{json}{polling_url}, "http://localhost$family/$account",
   'polling_url leads here');

my $poll = $gateway->http('GET', "$family/$account");
is($poll->{status}, 200, 'a poll of an account is accepted');
is($poll->{json}{status}, 'authenticating',
    'a poll of an account reports that it runs');
is(record($account)->{state}, 'running', "the poll's account is running");
is($gateway->http('GET', "/api/fansly/$account/chats")->{status}, 503,
   'the gate is closed');

sandbox('POST', "/step/$account") for 1 .. 2;
$gateway->http('GET', "$family/$account");
is(record($account)->{state}, 'needs_otp', 'needs a code');
is(record($account)->{action_required}, 'otp', 'the required action is a code');

is($gateway->http('PUT', "$family/$account", {}, { code => '123456' })
   ->{status}, 200, 'a code for the account is accepted');
is(record($account)->{state}, 'running', 'the account is running after a code');
sandbox('POST', "/step/$account");
$gateway->http('GET', "$family/$account");
is(record($account)->{state}, 'succeeded',
    'the account has succeeded after the code');
is($gateway->http('GET', "/api/fansly/$account/chats")->{status}, 200,
   'the gate is open');

$answer = $gateway->http('POST', "$family/$account/reauthenticate");
is($answer->{status}, 200, 'a reauthentication is accepted');
is($answer->{json}{polling_url}, "http://localhost$family/$account",
   'polling_url leads here');
is(record($account)->{state}, 'running',
    'the account is running after a reauthentication');
is($gateway->http('GET', "/api/fansly/$account/chats")->{status}, 503,
   'the gate is closed');

$answer = $gateway->http('POST', "$family/$account/reauthenticate");
is($answer->{headers}{'reauth-coalesced'}, 1,
    'a second reauthentication is coalesced');

is($gateway->http('POST', $family, {}, { email => 'nobody' })->{status}, 422,
   'fields are checked');
is($gateway->http('PUT', "$family/$account/credentials", {},
   { email => 'a@b.c', password => 'p' })->{status}, 404,
   'the path of an OnlyFans update is not found for Fansly');

is(scalar(grep { $_->{headers}{authorization}
                 ne "Bearer $Reauth::Test::API_KEY" } sandbox_log()), 0,
   'each request has the API key');
unlike($gateway->error_log, qr/CANARY|123456|\[(?:error|alert|crit)\]/,
       'nothing in the error log');
