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
    'the timeline of an account that is not known is empty');

my $id = $gateway->update('acct_1', 'otp')->{json}{attempt_id};
$gateway->update('acct_2', 'ok');
sandbox('POST', '/step/acct_1') for 1 .. 2;
$gateway->http('GET', "/api/authenticate/$id");
sandbox('POST', '/finish/acct_1', { success => JSON::PP::false,
    error_code => 'WRONG_2FA' });
$gateway->http('GET', "/api/authenticate/$id");

$answer = timeline('acct_1');
is($answer->{status}, 200, 'the timeline of an account is returned');
is($answer->{headers}{'content-type'}, 'application/json',
    'the Content-Type of a timeline is application/json');

my $json = $answer->{json};
is(join(' ', sort keys %$json), 'account_id complete events',
    'a timeline has an account, events and whether it is complete');
ok($json->{complete}, 'a timeline since the first attempt is complete');

my @events = @{ $json->{events} };
is(join(' ', map { $_->{state} } @events), 'starting running needs_otp failed',
    'events of a timeline are in order, the newest last');
is($events[0]{attempt_id}, undef,
    'the first event of an update has no attempt_id');
is($events[$_]{attempt_id}, $id, 'events have the attempt_id') for 1 .. 3;
is($events[0]{source}, 'update', 'the source of the first event is the update');
is($events[2]{source}, 'poll', 'the source of a later event is the poll');
is($events[2]{action_required}, 'otp', 'an event has the required action');
is($events[3]{error_code}, 'WRONG_2FA', 'an event has the error code');
is(join(' ', map { $_->{gate} } @events), 'closed closed closed open',
    'events have the state of the gate');
like($_->{at}, qr/\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\z/,
    'events have a time with milliseconds')
    for @events;
is_deeply([sort map { $_->{at} } @events], [map { $_->{at} } @events],
    'the times of events increase');

is(timeline('acct_2')->{json}{account_id}, 'acct_2',
    'a timeline names its account');
is(@{ timeline('acct_2')->{json}{events} }, 2,
    'the timeline of another account has its own events');

sandbox('POST', '/finish/acct_2');
$gateway->http('GET', '/api/authenticate/'
    . timeline('acct_2')->{json}{events}[1]{attempt_id});
$gateway->update('acct_2', 'limit') for 1 .. 130;
$answer = timeline('acct_2');
is(@{ $answer->{json}{events} }, 100, 'a timeline has at most 100 events');
is($answer->{json}{events}[99]{state}, 'rejected',
    'the newest events of a timeline are kept');
ok(!$answer->{json}{complete},
    'a timeline whose first events were removed is not complete');
ok(!timeline('acct_1')->{json}{complete},
    'a timeline whose events were removed is not complete');

is(timeline('acct_')->{status}, 422,
    'a timeline of an invalid account ID is rejected');
is($gateway->http('GET', '/reauth/accounts/acct_1/timeline?wait=1s')->{status},
    422, 'parameters of a timeline are rejected');
is($gateway->http('HEAD', '/reauth/accounts/acct_1/timeline')->{status}, 200,
    'a timeline can be requested by HEAD');
is($gateway->http('GET', '/reauth/accounts/acct_1/timeline/')->{status}, 422,
    'a path below a timeline is rejected');

done_testing();
