# A poll changes the state: each end, each wait for a person, the session that
# still exists, and an attempt that has been superseded.

use strict;
use warnings;

use Test::More;

use Reauth::Test redis => 0, sandbox_options => ['--hold'];

plan tests => 60;

my $gateway = gateway();

sub record {
    my ($account) = @_;

    return $gateway->http('GET', "/reauth/accounts/$account")->{json};
}

sub gate {
    my ($account) = @_;

    return $gateway->http('GET', "/reauth/gate/$account")->{status} == 204
        ? 'open' : 'closed';
}

sub poll {
    my ($attempt) = @_;

    return $gateway->http('GET', "/api/authenticate/$attempt");
}

sub step { return sandbox('POST', "/step/$_[0]"); }

sub start {
    my ($account, $credentials) = @_;

    my $answer = $gateway->update($account, $credentials);
    is($answer->{status}, 200, "$account: the update is accepted");
    is(gate($account), 'closed', "$account: the gate is closed");

    return $answer->{json}{attempt_id};
}

# success; before that, "authenticated" refers to the old session

{
    my $attempt = start('acct_ok', 'ok');

    for my $progress (qw(started filling_out_login submitting)) {
        my $poll = poll($attempt);
        is($poll->{json}{state}, 'authenticated',
            "$progress: the state of the previous session is reported");
        is($poll->{json}{progress}, $progress,
            "$progress: the poll reports the progress");
        is(gate('acct_ok'), 'closed', "$progress: the gate stays closed");
        is(record('acct_ok')->{progress}, $progress, "$progress is shown");
        step('acct_ok');
    }

    is(poll($attempt)->{json}{progress}, 'signed_in',
        'the poll reports that the login is complete');
    my $record = record('acct_ok');
    is($record->{state}, 'succeeded',
        'an attempt that is signed in has succeeded');
    is($record->{gate}, 'open', 'the gate is open');
    ok($record->{completed_at}, 'a succeeded attempt has the time of its end');
    ok($record->{started_at}, 'a succeeded attempt has the time of its start');
    is($gateway->http('GET', '/api/acct_ok/chats')->{status}, 200,
       'a call passes');
}

# failure: the upstream itself responds to calls

{
    my $attempt = start('acct_wrong', 'wrong');
    step('acct_wrong') for 1 .. 3;
    poll($attempt);
    my $record = record('acct_wrong');
    is($record->{state}, 'failed',
        'an attempt with wrong credentials has failed');
    is($record->{error_code}, 'INVALID_CREDENTIALS',
        "a failed attempt has the upstream's error code");
    is($record->{error_message}, 'Wrong email or password.',
        "a failed attempt has the upstream's error message");
    is(gate('acct_wrong'), 'open', 'the gate is open');
    is($gateway->http('GET', '/api/acct_wrong/chats')->{json}{error},
       'SESSION_EXPIRED:NEEDS_REAUTHENTICATION', 'a call gets the upstream\'s');
}

# a person has to act

for my $case (
    [otp    => 'needs_otp',  'otp'],
    [appotp => 'needs_otp',  'app_otp'],
    [face   => 'needs_face', 'face'],
) {
    my ($story, $state, $action) = @$case;
    my $attempt = start("acct_$story", $story);

    step("acct_$story") for 1 .. 2;
    poll($attempt);
    my $record = record("acct_$story");
    is($record->{state}, $state, "$story: the state is $state");
    is($record->{action_required}, $action,
        "$story: the required action is that of the state");
    is(gate("acct_$story"), 'closed', "$story: the gate is closed");
}

{
    my $attempt = start('acct_app', { auth_type => 'mobile_app' });
    poll($attempt);
    is(record('acct_app')->{state}, 'needs_app', 'app: the state is needs_app');
    step('acct_app') for 1 .. 5;
    poll($attempt);
    is(record('acct_app')->{state}, 'succeeded',
        'app: the attempt has succeeded');
}

# a response in "data"

{
    my $attempt = start('acct_wrapped', 'ok');
    step('acct_wrapped') for 1 .. 3;
    like(poll($attempt)->{body}, qr/\A\{"data":/,
        'wrapped: the response is wrapped in "data"');
    is(record('acct_wrapped')->{state}, 'succeeded',
        'wrapped: the attempt has succeeded');
}

# an older attempt: its polls change nothing

{
    my $old = start('acct_older', 'wrong');
    my $new = start('acct_older', 'otp');
    my $poll = poll($old);
    is($poll->{json}{lastAttempt}{error_code}, 'SUPERSEDED',
       'older: its poll says that it is over');
    my $record = record('acct_older');
    is($record->{state}, 'running', 'older: the newer one runs');
    is($record->{attempt_id}, $new,
        'older: the record has the ID of the newer attempt');
    is(gate('acct_older'), 'closed', 'older: the gate is closed');
    step('acct_older') for 1 .. 2;
    poll($new);
    poll($old);
    is(record('acct_older')->{state}, 'needs_otp',
        'older: polls of both attempts do not end the newer one');
}

unlike($gateway->error_log, qr/CANARY|\[(?:error|alert|crit|emerg)\]/,
       'nothing in the error log');
