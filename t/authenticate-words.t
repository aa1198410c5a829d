# The words of both platforms: the state, the gate and the action that follow
# from each; an unknown word does not open a gate.

use strict;
use warnings;

use Test::More;

use Reauth::Test redis => 0, sandbox_options => ['--hold'];

my $gateway = gateway(
    config => "location = /reauth/metrics { reauth_metrics; }");
my $number  = 0;

sub now {
    my ($seconds) = @_;

    my @time = gmtime(time() + ($seconds // 0));

    return sprintf '%04d-%02d-%02dT%02d:%02d:%02d.000000Z', $time[5] + 1900,
        $time[4] + 1, @time[3, 2, 1, 0];
}

# the response to a poll of a login that has just begun

sub is_told {
    my ($name, $poll, $state, $action) = @_;

    my $account = 'acct_' . ++$number;
    my $attempt = $gateway->update($account, 'ok')->{json}{attempt_id};

    $poll->{lastAttempt} = { started_at => now(), completed_at => undef,
        success => \0, error_message => undef, error_code => undef,
        %{ $poll->{lastAttempt} // {} } };

    return said($name, $account, "/api/authenticate/$attempt",
                { account => { id => $account }, %$poll }, $state, $action);
}

sub said {
    my ($name, $account, $path, $poll, $state, $action) = @_;

    sandbox('POST', "/account/$account",
            { next => [ { method => 'GET', path => $path, status => 200,
                          body => $poll } ] });

    is($gateway->http('GET', $path)->{status}, 200,
        "$name: the poll is accepted");

    my $record = $gateway->http('GET', "/reauth/accounts/$account")->{json};
    my $open   = $state eq 'succeeded' || $state eq 'failed';
    my $call   = $account =~ /^fansly/ ? "/api/fansly/$account/chats"
                                       : "/api/$account/chats";
    my $answer = $gateway->http('GET', $call);

    is($record->{state}, $state, "$name: the state is $state");
    is($record->{action_required}, $action,
        "$name: the action is that of the word");
    is($record->{gate}, $open ? 'open' : 'closed',
        "$name: the gate is that of the state");

    if (!$open) {
        is($answer->{status}, 503, "$name: a call is refused");
        is($answer->{json}{state}, $state,
            "$name: the response of the gate has the state");
        is($answer->{json}{action_required}, $action,
            "$name: the response of the gate has the action");
        is($answer->{headers}{'x-should-retry'}, $action ? 'false' : undef,
           "$name: X-Should-Retry depends on the action");
    }

    return $account;
}

my $face = 'https://face.example.com/verify/CANARY';
my %done = (completed_at => now(), success => \1);

is_told('face id', { state => 'needs-face-id' }, 'needs_face', 'face');
is_told('selfie', { state => 'needs-selfie' }, 'needs_face', 'face');
is_told('face otp', { state => 'needs_face_otp' }, 'needs_face', 'face');
is_told('a face link alone', { state => 'authenticating',
    lastAttempt => { face_otp_verification_url => $face } },
    'needs_face', 'face');
is_told('face_otp', { state => 'authenticating',
    lastAttempt => { face_otp => 'front' } }, 'needs_face', 'face');
is_told('e-mail', { state => 'needs-email' }, 'needs_otp', 'otp');
is_told('SMS', { state => 'needs-sms-otp' }, 'needs_otp', 'otp');
is_told('app', { state => 'NEEDS_APP_OTP' }, 'needs_otp', 'app_otp');
is_told('another', { state => 'needs-captcha' }, 'needs_person', 'person');
is_told('another, in capitals', { state => 'Needs_Phone_Call',
    progress => 'signed_in', lastAttempt => {%done} },
    'needs_person', 'person');

is_told('an unknown state', { state => 'celebrating',
    progress => 'signed_in', lastAttempt => {%done} }, 'running', undef);
is_told('an end with more to it', { state => 'authenticated-elsewhere',
    progress => 'signed_in', lastAttempt => {%done} }, 'running', undef);
is_told('an unknown progress', { state => 'authenticated',
    progress => 'signed_out' }, 'running', undef);
is_told('success', { state => 'authenticated', progress => 'signed_in',
    lastAttempt => {%done} }, 'succeeded', undef);
is_told('failure', { state => 'auth_failed' }, 'failed', 'credentials');

# ---- Fansly ----

sub is_told_fansly {
    my ($name, $poll, $state, $action) = @_;

    my $account = 'fansly_acct_' . ++$number;
    my $path = "/api/fansly/authenticate/$account";

    $gateway->http('POST', "$path/reauthenticate");

    return said($name, $account, $path, { account_id => $account,
        display_name => 'CANARY', last_error => undef, twofa_type => 2,
        is_authenticated => \0, needs_code => \0, %$poll }, $state, $action);
}

is_told_fansly('challenge', { status => 'challenge-email', needs_code => \1 },
    'needs_otp', 'otp');
is_told_fansly('app', { status => 'challenge-app', needs_code => \1,
    twofa_type => 0 }, 'needs_otp', 'app_otp');
is_told_fansly('verifying', { status => 'verifying', needs_code => \1 },
    'running', undef);
is_told_fansly('verifying, of the session before',
    { status => 'verifying', is_authenticated => \1 }, 'running', undef);
is_told_fansly('challenge, of the session before',
    { status => 'challenge-email', is_authenticated => \1 }, 'running', undef);
is_told_fansly('selfie', { status => 'needs-selfie', is_authenticated => \1 },
    'needs_face', 'face');
is_told_fansly('another', { status => 'needs-captcha',
    is_authenticated => \1 }, 'needs_person', 'person');
is_told_fansly('an error alone', { status => undef, last_error => 'x' },
    'running', undef);

# ---- needs_person in all responses ----

my $account = 'acct_person';
my $attempt = $gateway->update($account, 'person')->{json}{attempt_id};

sandbox('POST', "/step/$account") for 1 .. 2;
$gateway->http('GET', "/api/authenticate/$attempt");

is($gateway->http('GET', "/reauth/accounts/$account")->{json}{state},
   'needs_person', "the sandbox's story \"person\" needs a person");

my $list = $gateway->http('GET', '/reauth/accounts?state=needs_person')->{json};
is(scalar @{ $list->{accounts} }, 4, 'listed by it');

is($gateway->http('GET', '/reauth/summary')->{json}{states}{needs_person}, 4,
   'counted in the summary');
like($gateway->http('GET', '/reauth/metrics')->{body},
     qr/^reauth_accounts\{state="needs_person"\} 4$/m,
     'the metrics count accounts that need a person');

like($gateway->http('GET', '/reauth/metrics')->{body},
     qr/^reauth_upstream_unknown_total\{kind="state"\} 6\n(?#
       )reauth_upstream_unknown_total\{kind="progress"\} 1$/m,
     'unknown words are counted');

my $timeline = $gateway->http('GET', "/reauth/accounts/$account/timeline");
like($timeline->{body}, qr/"state":"needs_person"/,
    'the timeline has the state "needs_person"');

sandbox('POST', "/finish/$account", { success => \1 });
$gateway->http('GET', "/api/authenticate/$attempt");
is($gateway->http('GET', "/api/$account/chats")->{status}, 200,
   'an attempt that needs a person ends as any other');

unlike($gateway->error_log, qr/CANARY|\[(?:error|alert|crit|emerg)\]/,
       'nothing in the error log');

done_testing();
