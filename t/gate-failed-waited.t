# reauth_gate_failed: a call that has waited for Redis, to become the probe, asks
# the gate again: a person may have closed it, or a login may have begun.

use strict;
use warnings;

use Test::More;
use Reauth::Test sandbox_options => ['--hold'];
use Reauth::Stream ();

my $gateway = gateway(
    without     => ['reauth_poll'],
    log_level   => 'debug',
    http_config => <<'EOC',
proxy_http_version 1.1;
proxy_set_header Connection "";
proxy_set_header Authorization $reauth_authorization;
EOC
    config => <<'EOC',
location /api/ {
    reauth_gate on;
    reauth_gate_failed on;
    proxy_pass http://fans_api;
}
location /reauth/ { reauth_status operate; }
EOC
);

sub failed {
    my ($account) = @_;

    $gateway->http('GET', "/api/$account/me");
    $gateway->becomes($account, 'failed', "$account needs new credentials");

    return;
}

sub sent {
    my ($account) = @_;

    return scalar grep { $_->{target} =~ m{^/api/$account/} } sandbox_log();
}


failed('acct_expired_1');
is(sent('acct_expired_1'), 1, 'the call that fails is sent');

redis_pause();

my $call = Reauth::Stream->open($gateway, 'GET', '/api/acct_expired_1/me', {});
ok(wait_for { $gateway->error_log =~ /"acct_expired_1" failed, the call waits/ }
    'the call waits for its lease');

my $act = Reauth::Stream->open($gateway, 'PUT',
    '/reauth/accounts/acct_expired_1/override',
    { 'Content-Type' => 'application/json' },
    '{"gate":"closed","for":"10m","reason":"maintenance"}');
ok(wait_for {
    $gateway->http('GET', '/reauth/gate/acct_expired_1')->{status} == 503
}
    'the gate is closed while the call waits');

redis_resume();
$call->finish;

like($call->text, qr/closed by an operator/,
    'a call that has waited is rejected by a gate that was closed meanwhile');
is(sent('acct_expired_1'), 1, 'the call that has waited is not sent');
$act->finish;

done_testing();
