# A probe of reauth_gate_failed that was sent before the clock of its gateway was
# corrected: its success is not about a failure that came later.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use Reauth::Clock;
use Reauth::Stream ();
use Reauth::Test sandbox_options => ['--hold'];

plan skip_all => Reauth::Clock::missing() if Reauth::Clock::missing();

redis_stop();

my $clock = Reauth::Clock->new(Reauth::Test::work_dir() . '/clock', 7200);

my $gateway = gateway(
    without     => ['ready'],
    log_level   => 'debug',
    http_config => <<'EOC',
proxy_http_version 1.1;
proxy_set_header Connection "";
proxy_set_header Authorization $reauth_authorization;
EOC
    config => <<'EOC',
reauth_poll on /upstream interval=200ms rate=20r/s;
location /api/ {
    reauth_gate on;
    reauth_gate_failed on;
    proxy_pass http://fans_api;
}
EOC
    $clock->arguments,
);

my $account = 'acct_late';

sub next_response {
    my (%response) = @_;

    return sandbox('POST', "/account/$account", { next => [ {
        headers => { 'Content-Type' => 'application/json' },
        body    => { error => 'SESSION_EXPIRED:NEEDS_REAUTHENTICATION' },
        %response } ] });
}

sub fails {
    my ($what) = @_;

    next_response(status => 401);
    is($gateway->http('GET', "/api/$account/me")->{status}, 401,
        "$what is rejected");
    $gateway->becomes($account, 'failed', "$what sets the state");

    return;
}


ok(wait_for { $gateway->http('GET', "/api/acct_other/me")->{status} == 200 }
    'the gateway does not wait for Redis');

fails('a call before the correction');

next_response(status => 200, delay_ms => 600_000);

my $probe = Reauth::Stream->open($gateway, 'GET', "/api/$account/probe", {});
ok(wait_for { grep { $_->{target} =~ /probe/ } sandbox_log() }
    'a probe is sent before the correction');

redis_start();
ok(wait_for { abs((stored($account, 'updated') || 0) / 1000 - time) < 120 }
    'the record is written with the time of Redis');

# ---- the account logs in, and its session expires again ----

is($gateway->update($account, 'ok')->{status}, 200, 'an update is accepted');
sandbox('POST', "/finish/$account");
$gateway->becomes($account, 'succeeded', 'the account logs in');

fails('a call after the correction');

sandbox('POST', "/release/$account");
$probe->finish;

ok(wait_for { $gateway->error_log
    =~ /"$account" unchanged, state failed, the call was sent before/ }
    'the success of the probe is ignored');
is($gateway->record($account)->{state}, 'failed',
    'the account still needs new credentials');

done_testing();
