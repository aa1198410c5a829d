# A code, and the confirmation that a selfie was made: forwarded as validated; a
# code that was accepted makes the attempt running again.

use strict;
use warnings;

use Test::More;

use Reauth::Test redis => 0, sandbox_options => ['--hold'];

plan tests => 37;

my $gateway = gateway();

sub record {
    my ($account) = @_;

    return $gateway->http('GET', "/reauth/accounts/$account")->{json};
}

sub waiting {
    my ($story) = @_;

    my $attempt = $gateway->update("acct_$story", $story)->{json}{attempt_id};
    sandbox('POST', "/step/acct_$story") for 1 .. 2;
    $gateway->http('GET', "/api/authenticate/$attempt");
    like(record("acct_$story")->{state}, qr/^needs_/,
        "$story: the attempt waits for a person");

    return $attempt;
}

sub submit {
    my ($attempt, $body) = @_;

    return $gateway->http('PUT', "/api/authenticate/$attempt", {}, $body);
}

sub last_body { return (sandbox_log())[-1]{body}; }

{
    my $attempt = waiting('otp');
    my $answer = submit($attempt, { code => ' 123456 ', other => 1 });
    is($answer->{status}, 200, 'a code is accepted');
    is($answer->{json}{message}, 'Code received. Continue polling.',
       'the answer passes');
    is(last_body(), '{"code":"123456"}', 'only the validated code is sent');
    is(record('acct_otp')->{state}, 'running',
        'the attempt is running after a code');
    is($gateway->http('GET', '/reauth/gate/acct_otp')->{status}, 503,
       'the gate is closed');
    sandbox('POST', '/step/acct_otp');
    $gateway->http('GET', "/api/authenticate/$attempt");
    is(record('acct_otp')->{state}, 'succeeded',
        'the attempt succeeds after a code');

    my $late = submit($attempt, { code => '123456' });
    is($late->{status}, 400, 'a code for an ended attempt is rejected');
    is($late->{headers}{'x-should-retry'}, 'false',
        'the error of a late code must not be retried');
    is(record('acct_otp')->{state}, 'succeeded', 'a late code changes nothing');
}

{
    my $attempt = waiting('appotp');
    is(submit($attempt, { code => '000000' })->{status}, 200,
        'a wrong code is passed to the upstream');
    is(record('acct_appotp')->{state}, 'running', 'runs until a poll says so');
    sandbox('POST', '/step/acct_appotp');
    $gateway->http('GET', "/api/authenticate/$attempt");
    my $record = record('acct_appotp');
    is($record->{state}, 'needs_otp',
        'the attempt waits again after a wrong code');
    is($record->{error_code}, 'WRONG_2FA',
        'the record has the error of a wrong code');
}

for my $done (JSON::PP::true, 'true') {
    my $story = $done eq 'true' ? 'face-b' : 'face';
    my $attempt = waiting($story);
    is(submit($attempt, { selfie_verification_completed => $done })->{status},
       200, "a confirmation of a selfie is accepted: $done");
    like(last_body(), qr/\A\{"selfie_verification_completed":(?:true|"true")\}\z/,
         'the confirmation of a selfie is sent');
    is(record("acct_$story")->{state}, 'running',
        'the attempt is running after a selfie');
}

{
    my $attempt = waiting('otp-b');
    my $before = () = sandbox_log();

    for my $case (
        [{}, 'code'], [{ code => '' }, 'code'], [{ code => [1] }, 'code'],
        [{ code => '1', selfie_verification_completed => JSON::PP::true },
         'code|selfie'],
        [{ selfie_verification_completed => 'no' }, 'selfie'],
    ) {
        my ($body, $field) = @$case;
        my $answer = submit($attempt, $body);
        is($answer->{status}, 422,
            'an invalid code is rejected with the 422 code');
        like(join(' ', keys %{ $answer->{json}{errors} }), qr/$field/,
             "the error of an invalid code names the field $field");
    }

    is(scalar(() = sandbox_log()), $before, 'nothing was sent');
    is(record('acct_otp-b')->{state}, 'needs_otp',
        'the attempt still waits after invalid codes');
}

unlike($gateway->error_log, qr/123456|000000|\[(?:error|alert|crit)\]/,
       'no code in the error log');
