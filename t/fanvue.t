# Fanvue, the third platform: calls are gated, accounts are identified by their
# IDs.  Logins take place in the vendor's widget and are reported by webhooks
# only: nothing is polled, and there is no authenticate family.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Test::More;

use Reauth::Test redis => 0, sandbox_options => ['--hold'];
use Reauth::Webhook;

my $callers = secret_file('callers', <<"EOC", oct 644);
fan   sha256:${\ sha256_hex('fan') } all accounts=fanvue_acct_*
other sha256:${\ sha256_hex('other') } all accounts=acct_*,fansly_acct_*
EOC

my $gateway = gateway(
    config => <<"EOC",
reauth_poll on /upstream interval=100ms max_interval=100ms rate=50r/s;
location = /reauth/webhook {
    reauth_webhook \$TEST_NGINX_WEBHOOK_SECRET;
}
location /api/fanvue/authenticate {
    reauth_authenticate /upstream;
}
location /reauth/ {
    reauth_status;
}
location /callers/api/ {
    reauth_callers_file $callers;
    reauth_gate on;
    proxy_pass http://fans_api/api/;
    proxy_set_header Authorization \$reauth_authorization;
}
EOC
);

my $longest = 'fanvue_acct_' . 'x' x 64;

sub call {
    my ($account, $prefix, $headers) = @_;

    return $gateway->http('GET', ($prefix // q{}) . "/api/fanvue/$account/chats",
        $headers // {});
}

sub says {
    my ($name, $account, @attempt) = @_;

    is(deliver($gateway, event("fanvue.$name", $account, @attempt))->{status},
        200, "a webhook is accepted: fanvue.$name");

    return;
}

sub record {
    my ($account) = @_;

    return $gateway->http('GET', "/reauth/accounts/$account")->{json};
}

sub state_is {
    my ($account, $state) = @_;

    my $record = record($account);
    is("$record->{state} $record->{gate}", $state,
        "$account becomes \"$state\"");

    return $record;
}

sub asked {
    my ($path) = @_;

    return scalar grep { $_->{method} eq 'GET' && $_->{target} =~ $path }
        sandbox_log();
}


# ---- calls and webhooks ----

for my $account ('fanvue_acct_1', $longest) {
    is(call($account)->{status}, 200, 'an unknown account is open');

    my $login = started_at(0);

    says('accounts.otp_code_required', $account, started_at => $login);

    my $record = state_is($account, 'needs_otp closed');
    is($record->{account_id}, $account, 'the record has the account ID');
    is($record->{attempt_id}, undef, 'the record has no attempt');
    is($record->{action_required}, 'otp', 'the record requires a code');

    my $answer = call($account);
    is($answer->{status}, 503, 'the gate is closed');
    is($answer->{json}{account_id}, $account,
        'the response of the gate has the account ID');
    is($gateway->http('GET', "/reauth/gate/$account")->{status}, 503,
        'an authorization request gets it too');

    says("accounts.$_", $account, started_at => $login) for qw(alert updated);
    says('creators.connected', $account, started_at => $login);
    state_is($account, 'needs_otp closed');

    says('accounts.connected', $account, started_at => started_at(-300));
    state_is($account, 'needs_otp closed');

    says('accounts.connected', $account, started_at => $login);
    $record = state_is($account, 'succeeded open');
    is($record->{source}, 'webhook', 'no poll has to confirm it');
    is(call($account)->{status}, 200, 'the gate is open');

    says('accounts.authentication_failed', $account,
        started_at => started_at(1), error_message => 'Wrong password');
    $record = state_is($account, 'failed open');
    is($record->{error_message}, 'Wrong password',
        'the record has the message of the webhook');
}

# without times, webhooks are applied in the order of arrival

says('accounts.otp_code_required', 'fanvue_acct_2');
state_is('fanvue_acct_2', 'needs_otp closed');
says('accounts.disconnected', 'fanvue_acct_2');
my $ended = state_is('fanvue_acct_2', 'failed open');
is($ended->{error_code}, 'DISCONNECTED',
    'the error code of a disconnected account is DISCONNECTED');

is($gateway->http('GET', '/api/fanvue/fanvue_acct_/chats')->{status}, 400,
    'an invalid Fanvue ID in a path is rejected');


# ---- no polls; another account shows that the poller runs ----

says('accounts.otp_code_required', 'fanvue_acct_3');
says('accounts.updated', 'fanvue_acct_3');

$gateway->update('acct_1', 'otp');
wait_for { asked(qr{\A/api/authenticate/auth_}) >= 5 };

cmp_ok(asked(qr{\A/api/authenticate/auth_}), '>=', 5, 'the poller runs');
is(asked(qr{authenticate.*fanvue|fanvue.*authenticate}), 0,
    'no nonexistent path is polled');
is(asked(qr{\A/api/accounts}), 0,
    'the list of accounts is not read for Fanvue');
state_is('fanvue_acct_3', 'needs_otp closed');


# ---- no authenticate family ----

for my $request (
    ['POST', '/api/fanvue/authenticate'],
    ['GET',  '/api/fanvue/authenticate/fanvue_acct_1'],
    ['PUT',  '/api/authenticate/fanvue_acct_1/credentials'],
    ['POST', '/api/authenticate/fanvue_acct_1/reauthenticate'],
    ['GET',  '/api/fansly/authenticate/fanvue_acct_1'],
) {
    my ($method, $path) = @$request;

    my $answer = $gateway->http($method, $path, {},
        $method eq 'GET' ? undef : { email => 'a@b.c', password => 'p' });
    is($answer->{status}, 404, "$method $path is not found");
    like($answer->{json}{description}, qr/widget/,
        "the error of $method $path mentions the widget");
}

is(scalar(grep { $_->{method} ne 'GET' && $_->{target} =~ /fanvue/ } sandbox_log()),
    0, 'nothing of it was sent');


# ---- callers ----

my $allowed = { Authorization => 'Bearer fan' };
my $denied  = { Authorization => 'Bearer other' };

is(call('fanvue_acct_1', '/callers', $allowed)->{status}, 200,
    'a caller with a pattern for Fanvue can call an account');
is(call('fanvue_acct_3', '/callers', $allowed)->{status}, 503,
    'the gate applies to a caller with a pattern for Fanvue');
is(call('fanvue_acct_1', '/callers', $denied)->{status}, 403,
    'a caller with patterns for other platforms is rejected');

unlike($gateway->error_log, qr/\[(?:error|alert|crit)\]/, 'no error is logged');

done_testing();
