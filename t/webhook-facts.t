# A webhook is applied if it is about the current attempt: its name is the fact,
# started_at identifies the attempt.

use strict;
use warnings;

use Test::More;
use Reauth::Test redis => 0, sandbox_options => ['--hold'];
use Reauth::Webhook;

my $gateway = gateway(
    http_config => <<'EOC',
log_format webhook '$reauth_operation $reauth_account $reauth_state '
                   '$reauth_store';
EOC
    config      => <<'EOC',
location = /reauth/webhook {
    reauth_webhook $TEST_NGINX_WEBHOOK_SECRET;
    access_log logs/webhook.log webhook;
}
EOC
);

sub record {
    my ($account) = @_;

    return $gateway->http('GET', "/reauth/accounts/$account")->{json};
}

sub state_is {
    my ($account, $state, $gate, $name) = @_;

    my $record = record($account);
    is("$record->{state} $record->{gate}", "$state $gate", $name);

    return $record;
}

sub says {
    my ($name, $account, @attempt) = @_;

    my $answer = deliver($gateway, event($name, $account, @attempt));
    is($answer->{body}, '{"received":true}', "$name is received");

    return;
}

# An update, and its started_at if it is to be known.

my $logins = 0;

sub login {
    my ($account, $known) = @_;

    my $attempt = $gateway->update($account, 'ok-' . ++$logins)->{json}{attempt_id};
    $gateway->http('GET', "/api/authenticate/$attempt") if $known;

    return sandbox('GET', "/account/$account")->{poll}{lastAttempt}{started_at};
}


subtest 'before started_at is known nothing can be said' => sub {
    my $started = login('acct_early');

    for my $name (qw(connected reconnected authentication_failed disconnected
        otp_code_required))
    {
        says("accounts.$name", 'acct_early', started_at => $started);
        state_is('acct_early', 'running', 'closed', "$name: no change");
    }

    says('accounts.connected', 'acct_early');
    state_is('acct_early', 'running', 'closed', 'nor without a time');
};

subtest 'success of our attempt, without a poller' => sub {
    my $started = login('acct_success', 1);

    says('accounts.connected', 'acct_success', started_at => started_at(-300));
    state_is('acct_success', 'running', 'closed', 'an older one');

    says('accounts.reconnected', 'acct_success', started_at => $started,
        completed_at => started_at(0));

    my $record = state_is('acct_success', 'succeeded', 'open', 'the same one');
    is($record->{source}, 'webhook', 'the source of the end is the webhook');
    is($record->{action_required}, undef, 'nobody has to act');
};

subtest 'a person must act' => sub {
    my $started = login('acct_act', 1);

    says('accounts.otp_code_required', 'acct_act', started_at => $started,
        otp_phone_ending => '42');
    my $record = state_is('acct_act', 'needs_otp', 'closed', 'a code');
    is($record->{action_required}, 'otp', 'the required action is a code');

    says('accounts.face_otp_required', 'acct_act', started_at => $started);
    $record = state_is('acct_act', 'needs_face', 'closed', 'a face');
    is($record->{action_required}, 'face', 'the required action is a face');

    says('accounts.authentication_failed', 'acct_act', started_at => $started,
        error_message => 'Wrong password', completed_at => started_at(0));
    $record = state_is('acct_act', 'failed', 'open', 'failed');
    is($record->{action_required}, 'credentials',
        'the required action is new credentials');
    is($record->{error_message}, 'Wrong password',
        'the record has the error message of the webhook');

    says('accounts.otp_code_required', 'acct_act', started_at => $started);
    state_is('acct_act', 'failed', 'open', 'an end is final');

    says('accounts.connected', 'acct_act', started_at => $started);
    state_is('acct_act', 'failed', 'open', 'also for another end');
};

subtest 'disconnected' => sub {
    my $started = login('acct_gone', 1);

    says('accounts.disconnected', 'acct_gone', started_at => $started);

    my $record = state_is('acct_gone', 'failed', 'open', 'failed');
    is($record->{error_code}, 'DISCONNECTED',
        'the error code of a disconnected account is DISCONNECTED');
    is($record->{action_required}, 'credentials',
        'a disconnected account requires credentials');
};

subtest 'only to refresh' => sub {
    my $started = login('acct_refresh', 1);

    says($_, 'acct_refresh', started_at => $started)
        for qw(accounts.session_expired fansly.accounts.alert
        fansly.accounts.updated accounts.something_new);
    state_is('acct_refresh', 'running', 'closed', 'while it logs in');

    says('accounts.session_expired', 'acct_nobody');
    is($gateway->http('GET', '/reauth/accounts/acct_nobody')->{status}, 404,
        'a webhook of an unknown account creates no record');
};

subtest 'an attempt that nobody here began' => sub {
    my ($older, $started, $newer) = map { started_at($_) } -20, -10, -5;

    says('accounts.otp_code_required', 'acct_foreign', started_at => $started);
    my $record = state_is('acct_foreign', 'needs_otp', 'closed', 'its gate');
    is($record->{attempt_id}, undef,
        'the record of a foreign attempt has no attempt ID');

    says('accounts.connected', 'acct_foreign', started_at => $older);
    state_is('acct_foreign', 'needs_otp', 'closed', 'an older end');

    says('accounts.connected', 'acct_foreign', started_at => $started);
    state_is('acct_foreign', 'succeeded', 'open', 'its own');

    says('accounts.face_otp_required', 'acct_foreign', started_at => $older);
    says('accounts.face_otp_required', 'acct_foreign', started_at => $started);
    state_is('acct_foreign', 'succeeded', 'open', 'closed by nothing late');

    says('accounts.face_otp_required', 'acct_foreign', started_at => $newer);
    state_is('acct_foreign', 'needs_face', 'closed', 'but by a newer one');
};

subtest 'older than any gate may be closed' => sub {
    says('accounts.otp_code_required', 'acct_old', started_at => started_at(-901));
    is($gateway->http('GET', '/reauth/accounts/acct_old')->{status}, 404,
        'a webhook of an attempt that is too old closes no gate');

    says('accounts.connected', 'acct_old', started_at => started_at(-901));
    state_is('acct_old', 'succeeded', 'open', 'an end is kept');
};

subtest 'an update of ours after what the webhook tells of' => sub {
    my $first = login('acct_again', 1);
    my $second = login('acct_again', 1);

    isnt($second, $first, 'the attempts have different times');

    for my $name (qw(connected authentication_failed disconnected)) {
        says("accounts.$name", 'acct_again', started_at => $first);
        state_is('acct_again', 'running', 'closed', "late $name");
    }

    says('accounts.connected', 'acct_again', started_at => $second);
    state_is('acct_again', 'succeeded', 'open', 'its own');
};

subtest 'fansly' => sub {
    says('fansly.accounts.otp_code_required', 'fansly_acct_1',
        started_at => started_at(-1));
    state_is('fansly_acct_1', 'needs_otp', 'closed', 'a code');

    says('fansly.accounts.connected', 'fansly_acct_1',
        started_at => started_at(0));
    state_is('fansly_acct_1', 'succeeded', 'open', 'connected');
};

my $log = Reauth::Test::slurp(work_dir() . '/gateway/logs/webhook.log');

like($log, qr/^webhook acct_act needs_otp local$/m,
    'the variables of a webhook are logged');
like($log, qr/^webhook acct_nobody - local$/m,
    'the variables of a webhook without effect are logged');
unlike($gateway->error_log, qr/\[(?:error|crit|alert|emerg)\]/,
    'no errors are logged');

done_testing();
