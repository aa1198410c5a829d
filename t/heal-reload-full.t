# reauth_heal that is enabled by a reload while the zone is in use: the oldest
# ended records make room for the tries of some accounts.  If all records are
# active, the reload fails, and the previous configuration remains in effect.

use strict;
use warnings;

use Test::More;
use Reauth::Test redis => 0, sandbox_options => ['--hold'];
use Reauth::Webhook;

my $gateway = gateway(
    without     => ['reauth_poll'],
    http_config => 'reauth_zone accounts:1m;',
    config      => <<'EOC');
location = /reauth/webhook { reauth_webhook $TEST_NGINX_WEBHOOK_SECRET; }
reauth_poll on /upstream;
EOC

sub summary { return $gateway->http('GET', '/reauth/summary')->{json}; }

sub heal {
    my ($word) = @_;

    $gateway->{config} =~ s/(?:reauth_heal \w+;\n)?\z/reauth_heal $word;\n/;

    return;
}

# ---- most of the zone are ended records ----

my $ended = grep {
    deliver($gateway, event('accounts.authentication_failed',
        "acct_f$_", started_at => started_at(-5), error_message => 'y' x 100))
        ->{body} eq '{"received":true}'
} 1 .. 3600;

is($ended, 3600, 'more logins have failed than fit');

my $kept = summary()->{zone}{accounts};
cmp_ok($kept, '<', 3600, "some records were dropped: $kept are kept");

heal('on');
ok($gateway->reload, 'reauth_heal is enabled while the zone is full of ended records');
cmp_ok($kept - summary()->{zone}{accounts}, '<', 600,
    'only the oldest records are dropped for it');
unlike($gateway->error_log, qr/has no room for "reauth_heal"/,
    'there is room for tries');

# ---- all records are active ----

$gateway->stop;

my $full = gateway(
    name        => 'full',
    without     => ['reauth_poll'],
    http_config => 'reauth_zone accounts:1m;',
    config      => "reauth_poll on /upstream;\n");
$gateway = $full;

my $n = 0;
1 while $full->update('acct_' . ++$n, 'ok')->{status} == 200;
cmp_ok($n, '>', 100, 'the zone is full of active accounts');

my @workers = $full->worker_pids;

heal('on');
$full->write_config;
kill 'HUP', $full->pid;

ok(wait_for {
    $full->error_log =~ /\[emerg\].*has no room for "reauth_heal"; increase/
} 'the log says that there is no room for reauth_heal');
is_deeply([$full->worker_pids], \@workers,
    'the workers of the previous configuration continue');
is($full->http('GET', '/reauth/gate/acct_1')->{status}, 503,
    'the gates of the previous configuration remain closed');

heal('off');
ok($full->reload, 'a reload without reauth_heal succeeds');
is($full->http('GET', '/reauth/gate/acct_1')->{status}, 503,
    'no account is lost by the failed reload');

done_testing();
