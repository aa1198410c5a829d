# Without Redis, the zone stores a number of webhook digests that depends on its
# size: the latest ones, in constant memory.

use strict;
use warnings;

use Digest::SHA qw(sha256);
use Test::More;

use Reauth::Test redis => 0, sandbox => 0;
use Reauth::Webhook;

# a digest for each kilobyte
my $remembered = 128;

my $gateway = gateway(
    http_config => "reauth_zone accounts:${remembered}k;",
    config      => 'location = /reauth/webhook {
        reauth_webhook $TEST_NGINX_WEBHOOK_SECRET; }',
);

my $started_at = started_at(-1);

# of one attempt, because records also need memory

sub webhook {
    my ($number) = @_;

    return event('accounts.otp_code_required', 'acct_1',
        started_at => $started_at, otp_phone_ending => $number);
}

sub duplicate {
    my ($number) = @_;

    my $answer = deliver($gateway, webhook($number));

    is($answer->{status}, 200,
        "webhook $number is accepted") if $answer->{status} != 200;

    return $answer->{json}{duplicate} ? 1 : 0;
}

sub room { return $gateway->http('GET', '/reauth/summary')->{json}{zone}{free}; }

is(duplicate(0), 0, 'a new webhook is no duplicate');
is(duplicate(0), 1, 'a repeated webhook is a duplicate');

my $before = room();
cmp_ok($before, '>', 0, 'the zone has free memory');

my $last  = 4 * $remembered;
my $twice = grep { duplicate($_) } 1 .. $last;

is($twice, 0, 'four times as many as are remembered are all new');
is(duplicate($last), 1, 'the newest one is remembered');
is(room(), $before, 'the digests of webhooks take no more memory');

my $known = grep { duplicate($_) } reverse $last - $remembered + 1 .. $last;

cmp_ok($known, '>', 0, "$known of the last $remembered are known");
is(duplicate(0), 0, 'the oldest one is forgotten');

# Digests are stored in sets of eight, selected by the first byte.

my $ways   = 8;
my $sets   = $remembered / $ways;
my @of_set = grep { ord(sha256(webhook($_))) % $sets == 0 } 1000 .. 3000;

$#of_set = 3 * $ways - 1;
duplicate($_) for @of_set;

is(scalar(grep { duplicate($_) } @of_set[-$ways .. -1]), $ways,
    'the last eight webhooks of a set are remembered');
is(duplicate($of_set[0]), 0, 'the first of them is forgotten');

done_testing();
