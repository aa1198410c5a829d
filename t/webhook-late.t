# A gateway that does not know an account yet judges a webhook by the record in
# Redis: one that is late there is late here.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep);
use Reauth::Test sandbox => 0;
use Reauth::Webhook;

my $config = 'location = /reauth/webhook {
    reauth_webhook $TEST_NGINX_WEBHOOK_SECRET; }';

sub start {
    my ($name) = @_;

    my $gateway = gateway(name => $name, config => $config);

    wait_for {
        $gateway->http('GET', '/reauth/readyz')->{body} =~ /"ready"/
    } "$name to be ready";

    return $gateway;
}

sub gate {
    my ($gateway, $account) = @_;

    return $gateway->http('GET', "/reauth/gate/$account")->{status};
}

my ($older, $started, $newer) = map { started_at($_) } -30, -20, -10;
my $one = start('one');

for my $account (qw(acct_late acct_same acct_newer)) {
    deliver($one, event('accounts.otp_code_required', $account,
        started_at => $started));
    deliver($one, event('accounts.connected', $account,
        started_at => $started));
    is(gate($one, $account), 204,
        "$account: the gate opens when the login has ended");
}

my $two = start('two');

is(deliver($two, event('accounts.face_otp_required', 'acct_late',
    started_at => $older))->{status}, 200,
    'a webhook of an older attempt is accepted');
is(deliver($two, event('accounts.face_otp_required', 'acct_same',
    started_at => $started))->{status}, 200,
    'a webhook of the same attempt is accepted');
is(deliver($two, event('accounts.face_otp_required', 'acct_newer',
    started_at => $newer))->{status}, 200,
    'a webhook of a newer attempt is accepted');

ok(wait_for { gate($one, 'acct_newer') == 503 }
    'a webhook of a newer attempt closes the gate everywhere');
sleep 0.3;

for my $account (qw(acct_late acct_same)) {
    is(gate($_, $account), 204, "$account: the gate stays open") for $one, $two;
    is(stored("$account", 'state'), 'succeeded',
        "$account: the record in Redis is not changed");
}

done_testing();
