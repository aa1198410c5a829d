# reauth_webhooks_total: each delivery increments one of its series.

use strict;
use warnings;

use Test::More;
use Reauth::Test redis_timeout => '3s', sandbox => 0;
use Reauth::Webhook;

my $gateway = gateway(
    name        => 'gateway',
    log_level   => 'warn',
    http_config => 'reauth_redis_failure reject;',
    config      => 'location = /reauth/webhook {
        reauth_webhook $TEST_NGINX_WEBHOOK_SECRET; }
        location = /reauth/metrics { reauth_metrics; }',
);

sub counts {
    my $text = $gateway->http('GET', '/reauth/metrics')->{body};

    return { $text =~ /^reauth_webhooks_total\{result="(\w+)"\} (\d+)$/mg };
}

sub moves {
    my ($result, $status, $what, $send) = @_;

    my $before = counts();
    is($send->()->{status}, $status, "$what: the status is $status");
    my $after = counts();

    is_deeply(
        { map { $_ => $after->{$_} - $before->{$_} } keys %$after },
        { map { $_ => $_ eq $result ? 1 : 0 } keys %$before },
        "$what: counted as $result");

    return;
}

sub post {
    my ($headers, $body) = @_;

    return $gateway->http('POST', '/reauth/webhook', $headers, $body);
}

my $otp = event('accounts.otp_code_required', 'acct_1');

is_deeply([sort keys %{ counts() }],
    [qw(bad_signature duplicate failed ignored kept malformed)], 'all series are there');

moves('kept',          200, 'a new event', sub { deliver($gateway, $otp) });
moves('duplicate',     200, 'a repeat',    sub { deliver($gateway, $otp) });
moves('ignored',       200, 'a test event',
    sub { deliver($gateway, event('test-event', undef)) });

my ($commands) = Reauth::Test::slurp('docs/http-api.md')
    =~ /commands send a signed event.*?^```sh\n(.*?)^```$/ms;

$commands =~ s{/etc/nginx/secrets/webhook}{$ENV{TEST_NGINX_WEBHOOK_SECRET}};
$commands =~ s{127\.0\.0\.1:8080}{'127.0.0.1:' . $gateway->port}e;

for my $time (1, 2) {
    moves('ignored', 200, "the commands of http-api.md, $time", sub {
        return { status => `$commands` =~ m{\AHTTP/1\.1 (\d+)} };
    });
}

moves('bad_signature', 401, 'a wrong signature',
    sub { post({ Signature => '0' x 64 }, $otp) });
moves('bad_signature', 401, 'no signature', sub { post({}, $otp) });

my @warnings = $gateway->error_log =~ /(webhook rejected: .*?), client/g;
is_deeply(\@warnings,
    ['webhook rejected: invalid signature, check the secret file'],
    'the first of a minute is logged at warn');

redis_pause();
moves('failed', 503, 'an event that Redis does not take', sub {
    deliver($gateway, event('accounts.face_otp_required', 'acct_2'));
});
redis_resume();

like($gateway->error_log, qr/webhook could not be stored/,
    'a webhook that could not be stored is logged');

done_testing();
