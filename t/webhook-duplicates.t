# A duplicate webhook changes nothing: whichever gateway receives it, with any
# idempotency key, with and without Redis.

use strict;
use warnings;

use Test::More;
use Reauth::Test redis_timeout => '3s', sandbox => 0;
use Reauth::Webhook;

my $config = 'location = /reauth/webhook {
    reauth_webhook $TEST_NGINX_WEBHOOK_SECRET; }';

my ($one, $two, $reject) = (
    gateway(name => 'one', config => $config),
    gateway(name => 'two', config => $config),
    gateway(name => 'reject', config => $config,
        http_config => 'reauth_redis_failure reject;'),
);

my $new       = '{"received":true}';
my $duplicate = '{"received":true,"duplicate":true}';
my $accounts  = 0;

sub otp {
    return event('accounts.otp_code_required', 'acct_' . ++$accounts,
        started_at => started_at(-1));
}

sub ready {
    my ($status) = @_;

    return wait_for {
        3 == grep {
            $_->http('GET', '/reauth/readyz')->{body} =~ /"$status"/
        } $one, $two, $reject;
    } $status;
}

ready('ready');

my $body = otp();

is(deliver($one, $body)->{body}, $new, 'the first delivery is new');
is(deliver($one, $body)->{body}, $duplicate,
    'a second delivery is a duplicate');
is(deliver($two, $body)->{body}, $duplicate,
    'a delivery to the second gateway is a duplicate');
is(deliver($two, $body)->{body}, $duplicate,
    'a repeated delivery to the second gateway is a duplicate');

my $key = 'evt_' . '0' x 40;
my @two = map { otp() } 1, 2;

is(deliver($one, $_, 'X-OFAPI-Idempotency-Key' => $key)->{body}, $new,
    'different bodies with one key are two events') for @two;

my ($seen) = redis_cli('keys', '{reauth}:seen:*');
cmp_ok(redis_cli('ttl', $seen), '>', 86000,
    'a digest is kept in Redis for almost a day');
cmp_ok(redis_cli('ttl', $seen), '<=', 86400, 'a digest expires after a day');

redis_cli('flushall');
is(deliver($one, $body)->{body}, $duplicate, 'Redis lost it, the zone did not');
$one->reload;
is(deliver($one, $body)->{body}, $duplicate,
    'a delivery after a reload is a duplicate');

is(deliver($_, event('messages.received', 'acct_1'))->{body}, $new,
    'an event without an effect may be delivered several times')
    for $one, $one, $two;

is(deliver($reject, otp())->{body}, $new, 'kept in Redis');

redis_pause();

$body = otp();
is(deliver($one, $body)->{body}, $new, 'Redis does not answer');
is(deliver($one, $body)->{body}, $duplicate, 'the zone knows it all the same');

my $rejected = otp();
my $answer   = deliver($reject, $rejected);

is($answer->{status}, 503, 'reauth_redis_failure reject: not kept');
is($answer->{json}{error}, 'STORE_UNAVAILABLE',
    'the error is STORE_UNAVAILABLE with reauth_redis_failure reject');

redis_resume();
ready('ready');

is(deliver($reject, $rejected)->{body}, $new, 'delivered again, it is new');

redis_stop();
ready('degraded');

$body     = otp();
$rejected = otp();

is(deliver($one, $body)->{body}, $new, 'Redis is away: kept here');
is(deliver($one, $body)->{body}, $duplicate,
    'a duplicate is known on the same gateway without Redis');
is(deliver($two, $body)->{body}, $new,
    'a duplicate is not known on the other gateway without Redis');
is(deliver($reject, $rejected)->{status}, 503,
    'a webhook is rejected again while Redis is away') for 1, 2;

redis_start();
ready('ready');

is(deliver($reject, $rejected)->{body}, $new, 'Redis is back: kept');
is(deliver($reject, $rejected)->{body}, $duplicate,
    'an event that was accepted when Redis was back is known');

for my $gateway ($one, $two, $reject) {
    unlike($gateway->error_log, qr/\[(?:alert|emerg)\]/,
        'no alerts are logged');
}

done_testing();
