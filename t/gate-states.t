# The gate is closed in each active state, and open in each end state.

use strict;
use warnings;

use Test::More;
use Reauth::Test redis => 0, sandbox_options => ['--hold', '--stall-s', 20];

my $gateway = gateway(http_config => 'reauth_gate_max 1h;');
my %attempt;


sub begin {
    my ($account, $story) = @_;

    my $answer = $gateway->update($account, $story);
    $attempt{$account} = $answer->{json}{attempt_id};

    return $answer->{status};
}


sub poll {
    my ($account) = @_;

    return $gateway->http('GET', "/api/authenticate/$attempt{$account}")
        ->{status};
}


sub until_waiting {
    my ($account) = @_;

    for (1 .. 5) {
        last if sandbox('GET', "/account/$account")->{waiting};
        sandbox('POST', "/step/$account");
    }

    return poll($account);
}


sub closed {
    my ($account, $state, $action) = @_;

    my $answer = $gateway->http('GET', "/api/$account/me");

    is($answer->{status}, 503, "$state: the status is 503");
    is($answer->{json}{state}, $state, "$state: the response has the state");
    is($answer->{json}{action_required}, $action,
        "$state: the response has the required action");
    is($answer->{headers}{'x-should-retry'}, $action ? 'false' : undef,
        "$state: X-Should-Retry depends on the action");
    is($gateway->http('GET', "/reauth/gate/$account")->{status}, 503,
        "$state: the status says the same");

    return;
}


sub opened {
    my ($account, $state, $status) = @_;

    my $answer = $gateway->http('GET', "/api/$account/me");

    is($answer->{status}, $status // 200,
        "$state: the response is that of the upstream");
    is($gateway->http('GET', "/reauth/accounts/$account")->{json}{state},
        $state, "$state: the status has the state");
    is($gateway->http('GET', "/reauth/gate/$account")->{status}, 204,
        "$state: the status says the same");

    return;
}


# ---- closed ----

# the client has closed, and the upstream does not respond yet
$gateway->update('acct_starting', 'stall', abandon => 1);
wait_for { $gateway->http('GET', '/reauth/gate/acct_starting')->{status}
    == 503 } 'the update';
closed('acct_starting', 'starting', undef);

begin('acct_running', 'ok');
closed('acct_running', 'running', undef);
poll('acct_running');
closed('acct_running', 'running', undef);

begin('acct_otp', 'otp');
until_waiting('acct_otp');
closed('acct_otp', 'needs_otp', 'otp');

begin('acct_appotp', 'appotp');
until_waiting('acct_appotp');
closed('acct_appotp', 'needs_otp', 'app_otp');

begin('acct_face', 'face');
until_waiting('acct_face');
closed('acct_face', 'needs_face', 'face');

begin('acct_app', { auth_type => 'mobile_app' });
closed('acct_app', 'needs_app', 'app');

is(begin('acct_lost', 'lost'), 504, 'no answer: it may have it all the same');
closed('acct_lost', 'unknown', undef);

is(begin('acct_down', 'down'), 502,
    'an update gets the error of a server in between');
closed('acct_down', 'unknown', undef);

# ---- open ----

is($gateway->http('GET', '/api/acct_nobody/me')->{status}, 200,
    'nothing is known of it');

sandbox('POST', '/finish/acct_running', { success => \1 });
poll('acct_running');
opened('acct_running', 'succeeded');

sandbox('POST', '/finish/acct_otp',
    { success => \0, error_code => 'INVALID_CREDENTIALS' });
poll('acct_otp');
opened('acct_otp', 'failed', 401);

is(begin('acct_rejected', 'limit'), 429, 'the upstream refuses');
opened('acct_rejected', 'rejected');

# ---- a rejected update leaves the gate as it was ----

sandbox('POST', '/account/acct_face',
    { next => [ { status => 422, body => '{"error":"VALIDATION_ERROR"}' } ] });
is($gateway->update('acct_face', 'wrong')->{status}, 422,
    'an invalid update is rejected by the upstream');
closed('acct_face', 'needs_face', 'face');

# ---- a code that was accepted: running until the next fact ----

is($gateway->http('PUT', "/api/authenticate/$attempt{acct_appotp}", {},
    { code => '123456' })->{status}, 200, 'the code is taken');
closed('acct_appotp', 'running', undef);

# nginx would wait for this at its exit
sandbox_stop();

done_testing();
