# Responses about the session before a login do not open the gate: a poll sent
# before the login began, and a first poll that reports the old session.

use strict;
use warnings;

use Test::More;

use Reauth::Stream;
use Reauth::Test redis => 0, sandbox_options => ['--hold'];

my $gateway = gateway();

sub at {
    my ($seconds) = @_;

    my @time = gmtime(time() + $seconds);

    return sprintf '%04d-%02d-%02dT%02d:%02d:%02d.000000Z', $time[5] + 1900,
        $time[4] + 1, @time[3, 2, 1, 0];
}

sub state_of {
    my ($account) = @_;

    return $gateway->http('GET', "/reauth/accounts/$account")->{json}{state};
}

sub answers {
    my ($account, $path, $body, %more) = @_;

    sandbox('POST', "/account/$account",
            { next => [ { method => 'GET', path => $path, status => 200,
                          body => $body, %more } ] });
    return;
}

# ---- a Fansly poll that is in progress when the login begins ----

{
    my $account = 'fansly_acct_1';
    my $path    = "/api/fansly/authenticate/$account";
    my $over    = { account_id => $account, status => 'authenticated',
        is_authenticated => \1, needs_code => \0, last_error => undef };

    $gateway->http('POST', "$path/reauthenticate");
    $gateway->http('GET', $path);
    sandbox('POST', "/finish/$account");
    $gateway->http('GET', $path);
    is(state_of($account), 'succeeded', 'the first login has succeeded');

    answers($account, $path, $over, delay_ms => 1500);

    my $poll = Reauth::Stream->open($gateway, 'GET', $path);
    ok(wait_for { grep { $_->{method} eq 'GET' && $_->{target} eq $path
                         && $_->{n} == 4 } sandbox_log() } 'the poll arrives');

    is($gateway->http('POST', "$path/reauthenticate")->{status}, 200,
       'the next one begins');
    $poll->finish;

    is(state_of($account), 'running', 'the poll is about the one before');
    is($gateway->http('GET', "/api/fansly/$account/chats")->{status}, 503,
       'the gate is closed');

    answers($account, $path, $over);
    $gateway->http('GET', $path);
    is(state_of($account), 'running',
        'the account is running after a poll of the old session');

    answers($account, $path, { %$over, status => 'verifying',
                               is_authenticated => \0, needs_code => \1 });
    $gateway->http('GET', $path);
    answers($account, $path, { %$over, status => 'welcome' });
    $gateway->http('GET', $path);
    is(state_of($account), 'succeeded',
        'a response after a step of this login ends the attempt');
    is($gateway->http('GET', "/reauth/gate/$account")->{status}, 204,
       'the gate is open');
}

# ---- the first poll of an OnlyFans login ----

for my $case (
    ['an earlier attempt', { started_at => at(-3600),
        completed_at => at(-3500), success => \1 }, 'authenticated'],
    ['an earlier failure', { started_at => at(-3600),
        completed_at => at(-3500), success => \0 }, 'authenticating'],
    ['no attempt', undef, 'authenticated'],
    ['an attempt without times', { success => \1 }, 'authenticated'],
) {
    my ($name, $last, $state) = @$case;
    my $account = 'acct_' . $name =~ tr/ /_/r;
    my $attempt = $gateway->update($account, 'ok')->{json}{attempt_id};
    my $path    = "/api/authenticate/$attempt";

    answers($account, $path, { account => { id => $account },
        state => $state, progress => 'signed_in', lastAttempt => $last });
    is($gateway->http('GET', $path)->{status}, 200,
        "$name: the poll is accepted");
    is(state_of($account), 'running', "$name: the account is still running");
    is($gateway->http('GET', "/api/$account/me")->{status}, 503,
       "$name: the gate is closed");

    sandbox('POST', "/finish/$account");
    $gateway->http('GET', $path);
    is(state_of($account), 'succeeded',
        "$name: the end of this login ends the attempt");
}

# ---- the previous attempt is known: only the upstream's time decides ----

{
    my $account = 'acct_again';
    my $first   = $gateway->update($account, 'ok')->{json}{attempt_id};

    sandbox('POST', "/finish/$account");

    my $told = $gateway->http('GET', "/api/authenticate/$first")->{json};
    is(state_of($account), 'succeeded',
        'again: the first attempt has succeeded');

    my $second = $gateway->update($account, 'ok')->{json}{attempt_id};
    answers($account, $second, $told);
    $gateway->http('GET', "/api/authenticate/$second");
    is(state_of($account), 'running', 'again: its end is not the second\'s');
}

unlike($gateway->error_log, qr/CANARY|\[(?:error|alert|crit|emerg)\]/,
       'nothing in the error log');

done_testing();
