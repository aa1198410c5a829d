# With a poller, a webhook alone does not open the gate: it causes an immediate
# poll, whose response counts.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep);
use Reauth::Test redis => 0, sandbox_options => ['--hold'];
use Reauth::Webhook;

# so slow that only webhooks cause polls in time

my $gateway = gateway(
    config => <<'EOC',
reauth_poll on /upstream interval=60s max_interval=60s;
location = /reauth/webhook { reauth_webhook $TEST_NGINX_WEBHOOK_SECRET; }
EOC
);

sub state_of {
    my ($account) = @_;

    my $record = $gateway->http('GET', "/reauth/accounts/$account")->{json};

    return $record ? "$record->{state} $record->{gate}" : 'none';
}

sub polls {
    my ($account) = @_;

    return scalar grep { $_->{method} eq 'GET'
        && ($_->{account} // '') eq $account } sandbox_log();
}

sub started {
    my ($account) = @_;

    return sandbox('GET', "/account/$account")->{poll}{lastAttempt}{started_at};
}

sub becomes {
    my ($account, $state, $name) = @_;

    wait_for { state_of($account) eq $state };

    return is(state_of($account), $state, $name);
}


# started_at is not known yet: each event causes a poll

$gateway->update('acct_1', 'ok');
sandbox('POST', '/finish/acct_1', {});
deliver($gateway, event('accounts.connected', 'acct_1',
    started_at => started('acct_1')));
becomes('acct_1', 'succeeded open', 'a success is confirmed by a poll');

$gateway->update('acct_2', 'otp');
sandbox('POST', '/step/acct_2') for 1 .. 4;
deliver($gateway, event('accounts.otp_code_required', 'acct_2',
    started_at => started('acct_2')));
becomes('acct_2', 'needs_otp closed', 'a code is wanted, as the poll says');

# it is known now, and the webhook counts by itself

deliver($gateway, event('accounts.authentication_failed', 'acct_2',
    started_at => started('acct_2')));
is(state_of('acct_2'), 'failed open', 'a failure needs no poll');

# a success that the upstream does not confirm

$gateway->update('acct_3', 'ok');
deliver($gateway, event('accounts.connected', 'acct_3',
    started_at => started('acct_3')));
ok(wait_for { polls('acct_3') >= 1 } 'an unconfirmed success causes a poll');
sleep 0.5;
is(state_of('acct_3'), 'running closed', 'the gate stays closed');

my $polls = polls('acct_3');

deliver($gateway, event('accounts.connected', 'acct_3',
    started_at => started_at(-100)));
sleep 1;
is(polls('acct_3'), $polls, 'an older one is no reason to look');

deliver($gateway, event('accounts.session_expired', 'acct_3'));
ok(wait_for { polls('acct_3') > $polls }
    'a webhook without an end causes a poll');
is(state_of('acct_3'), 'running closed',
    'a webhook without an end changes no state');

unlike($gateway->error_log, qr/\[(?:alert|emerg)\]/, 'no alerts are logged');

done_testing();
