# The variables in the access log for requests of the authenticate family.

use strict;
use warnings;

use Test::More;

use Reauth::Test redis => 0, sandbox_options => ['--hold'];

plan tests => 15;

my $gateway = gateway(http_config => <<'EOC');
log_format told '$request_method $status op=$reauth_operation'
    ' account=$reauth_account attempt=$reauth_attempt type=$reauth_auth_type'
    ' state=$reauth_state gate=$reauth_gate coalesced=$reauth_coalesced'
    ' store=$reauth_store caller=$reauth_caller key=[$reauth_authorization]'
    ' upstream=$upstream_status seconds=$upstream_response_time address=$upstream_addr';
access_log logs/told.log told;
EOC

my $log = work_dir() . '/gateway/logs/told.log';

sub told {
    my ($expected, $what) = @_;

    my $line;
    wait_for { $line = (split /\n/, Reauth::Test::slurp($log))[-1];
               defined $line && $line =~ $expected };

    return like($line, $expected, $what);
}

my $attempt = $gateway->update('acct_1', 'otp')->{json}{attempt_id};
my $address = '127\.0\.0\.1:' . $ENV{TEST_NGINX_SANDBOX_PORT};
my $alone = 'caller=- key=\[-?\] upstream=- seconds=- address=-';
my $none  = "caller=- key=\\[-?\\] upstream=200 seconds=\\d+\\.\\d{3} address=$address";
told(qr/^PUT 200 op=update account=acct_1 attempt=$attempt type=email_password state=running gate=- coalesced=- store=local $none$/,
     'an update');

$gateway->update('acct_1', 'otp');
told(qr/^PUT 200 op=update account=acct_1 attempt=$attempt type=email_password state=running gate=- coalesced=1 store=- $alone$/,
     'the same again');

$gateway->http('GET', "/api/authenticate/$attempt");
told(qr/^GET 200 op=poll account=acct_1 attempt=$attempt type=email_password state=running gate=- coalesced=- store=local $none$/,
     'a poll');

sandbox('POST', '/step/acct_1') for 1 .. 2;
$gateway->http('GET', "/api/authenticate/$attempt");
told(qr/^GET 200 op=poll account=acct_1 attempt=$attempt type=email_password state=needs_otp /,
     'a poll that tells of a wait');

$gateway->http('PUT', "/api/authenticate/$attempt", {}, { code => '123456' });
told(qr/^PUT 200 op=submit_2fa account=acct_1 attempt=$attempt .*state=running /,
     'a code');

$gateway->http('POST', "/api/authenticate/$attempt/send-email-to-creator");
told(qr/^POST 200 op=send_email account=\S+ attempt=$attempt /, 'the e-mail');

$gateway->update('acct_2', { email => 'nobody' });
told(qr/^PUT 422 op=update account=acct_2 attempt=- type=\S+ state=- gate=- coalesced=- store=- $alone$/,
     'field errors');

$gateway->update('acct_unknown_3', 'otp');
told(qr/^PUT 404 op=update account=acct_unknown_3 attempt=- type=email_password state=rejected .* upstream=404 /,
     'refused by the upstream');

$gateway->http('POST', '/api/authenticate', {},
    { auth_type => 'mobile_app' });
told(qr/^POST 200 op=start account=\S+ attempt=\S+ type=mobile_app /,
     'a new account');

$gateway->http('POST', '/api/authenticate/acct_2/reauthenticate');
told(qr/^POST 400 op=reauthenticate account=acct_2 attempt=- type=- state=rejected /,
     'reauthenticate');

$gateway->http('GET', '/api/acct_1/chats');
told(qr/^GET 503 op=call account=acct_1 attempt=$attempt type=email_password state=running gate=closed /,
     'a call');

$gateway->http('GET', '/api/authenticate/nobody');
told(qr/^GET 404 op=- account=- attempt=- type=- state=- gate=- /, 'no route');

$gateway->http('GET', '/api/acct_4/chats');
told(qr/^GET \d+ op=call account=acct_4 .* upstream=\d+ seconds=[\d.]+ address=$address$/, 'a call that passes');

sandbox_stop();
$gateway->update('acct_5', 'otp');
told(qr/^PUT 50\d op=update account=acct_5 .* upstream=502 seconds=[\d.]+ address=$address$/,
     'an update that the upstream does not accept');

unlike(Reauth::Test::slurp($log), qr/sandbox-api-key|CANARY|123456|secret/,
       'nothing that is secret');
