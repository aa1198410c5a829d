# GET /reauth/accounts/{id}/timeline without Redis: from the memory of this
# gateway.

use strict;
use warnings;

use Test::More;
use Reauth::Test redis => 0, sandbox_options => ['--hold'];

my $gateway = gateway(workers => 2);

sub timeline { return $gateway->http('GET', "/reauth/accounts/$_[0]/timeline"); }

my $answer = timeline('acct_1');
is($answer->{status}, 200, 'nothing is known');
is_deeply($answer->{json},
    { account_id => 'acct_1', events => [], complete => JSON::PP::true },
    'which is an empty timeline');

my $id = $gateway->update('acct_1', 'otp')->{json}{attempt_id};
$gateway->update('acct_2', 'ok');
sandbox('POST', '/step/acct_1') for 1 .. 2;
$gateway->http('GET', "/api/authenticate/$id");
sandbox('POST', '/finish/acct_1', { success => JSON::PP::false,
    error_code => 'WRONG_2FA' });
$gateway->http('GET', "/api/authenticate/$id");

$answer = timeline('acct_1');
is($answer->{status}, 200, 'status');
is($answer->{headers}{'content-type'}, 'application/json', 'Content-Type');

my $json = $answer->{json};
is(join(' ', sort keys %$json), 'account_id complete events', 'members');
ok($json->{complete}, 'complete');

my @events = @{ $json->{events} };
is(join(' ', map { $_->{state} } @events), 'starting running needs_otp failed',
    'newest last');
is($events[0]{attempt_id}, undef, 'no attempt yet');
is($events[$_]{attempt_id}, $id, 'attempt_id') for 1 .. 3;
is($events[0]{source}, 'update', 'source of the first');
is($events[2]{source}, 'poll', 'source of another');
is($events[2]{action_required}, 'otp', 'action_required');
is($events[3]{error_code}, 'WRONG_2FA', 'error_code');
is(join(' ', map { $_->{gate} } @events), 'closed closed closed open', 'gate');
like($_->{at}, qr/\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\z/, 'at')
    for @events;
is_deeply([sort map { $_->{at} } @events], [map { $_->{at} } @events],
    'in order');

is(timeline('acct_2')->{json}{account_id}, 'acct_2', 'another account');
is(@{ timeline('acct_2')->{json}{events} }, 2, 'has its own');

sandbox('POST', '/finish/acct_2');
$gateway->http('GET', '/api/authenticate/'
    . timeline('acct_2')->{json}{events}[1]{attempt_id});
$gateway->update('acct_2', 'limit') for 1 .. 130;
$answer = timeline('acct_2');
is(@{ $answer->{json}{events} }, 100, 'at most 100');
is($answer->{json}{events}[99]{state}, 'rejected', 'the last ones');
ok(!$answer->{json}{complete}, 'not complete');
ok(!timeline('acct_1')->{json}{complete}, 'what is forgotten is not complete');

is(timeline('acct_')->{status}, 422, 'no account\'s id');
is($gateway->http('GET', '/reauth/accounts/acct_1/timeline?wait=1s')->{status},
    422, 'no parameters are known');
is($gateway->http('HEAD', '/reauth/accounts/acct_1/timeline')->{status}, 200,
    'HEAD');
is($gateway->http('GET', '/reauth/accounts/acct_1/timeline/')->{status}, 422,
    'and nothing below it');

done_testing();
