# The end of a login is known only from webhooks and the polls that they cause:
# the sandbox delivers them several times, late and out of order.

use strict;
use warnings;

use Test::More;
use Reauth::Test sandbox => 0;
use Reauth::Webhook;

my $port = free_port();

sandbox_start('--step-ms', 60, '--seed', 7,
    '--webhook-url', "http://127.0.0.1:$port/reauth/webhook",
    '--webhook-secret-file', $ENV{TEST_NGINX_WEBHOOK_SECRET},
    '--webhook-duplicate', 2, '--webhook-disorder');

my $gateway = gateway(
    port   => $port,
    workers => 2,
    config => <<'EOC',
reauth_poll on /upstream interval=60s max_interval=60s;
location = /reauth/webhook { reauth_webhook $TEST_NGINX_WEBHOOK_SECRET; }
EOC
);

wait_for { $gateway->http('GET', '/reauth/readyz')->{body} =~ /"ready"/ };

sub record {
    my ($account) = @_;

    return $gateway->http('GET', "/reauth/accounts/$account")->{json};
}

sub becomes {
    my ($account, $state) = @_;

    wait_for { record($account)->{state} eq $state };

    return is(record($account)->{state}, $state,
    "$account: the state is $state");
}

$gateway->update("acct_$_", $_) for qw(ok wrong otp face);

becomes('acct_ok', 'succeeded');
becomes('acct_wrong', 'failed');
becomes('acct_otp', 'needs_otp');
becomes('acct_face', 'needs_face');

is(record('acct_wrong')->{error_code}, 'INVALID_CREDENTIALS', 'why it failed');

my $attempt = record('acct_otp')->{attempt_id};
is($gateway->http('PUT', "/api/authenticate/$attempt", {},
    { code => '123456' })->{status}, 200, 'a code for acct_otp is accepted');
becomes('acct_otp', 'succeeded');

$gateway->update('acct_ok', 'slow');
is(record('acct_ok')->{state}, 'running', 'a further update is running');

# webhooks that are still in progress are about an older attempt

my $deliveries = sandbox('GET', '/webhooks?min=6&wait_ms=5000');
cmp_ok(scalar @$deliveries, '>=', 5, 'events were sent');
is_deeply([ grep { ($_->{status} // 0) != 200 } @$deliveries ], [],
    'all webhooks are received');
is(record('acct_ok')->{state}, 'running', 'a late one ends nothing');

unlike($gateway->error_log, qr/\[(?:alert|emerg)\]/, 'no alerts are logged');

done_testing();
