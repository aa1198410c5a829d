# Without Redis the zone remembers a number of webhooks that its size says: the
# newest ones, in memory that does not grow.

use strict;
use warnings;

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

sub duplicate {
    my ($number) = @_;

    # of one attempt, or the records take room too
    my $answer = deliver($gateway,
        event('accounts.otp_code_required', 'acct_1',
            started_at => $started_at, otp_phone_ending => $number));

    is($answer->{status}, 200, "webhook $number") if $answer->{status} != 200;

    return $answer->{json}{duplicate} ? 1 : 0;
}

sub room { return $gateway->http('GET', '/reauth/summary')->{json}{zone}{free}; }

is(duplicate(0), 0, 'a new one');
is(duplicate(0), 1, 'and again');

my $before = room();
cmp_ok($before, '>', 0, 'there is room in the zone');

my $last  = 4 * $remembered;
my $twice = grep { duplicate($_) } 1 .. $last;

is($twice, 0, 'four times as many as are remembered are all new');
is(duplicate($last), 1, 'the newest one is remembered');
is(room(), $before, 'they took no more room');

my $known = grep { duplicate($_) } reverse $last - $remembered + 1 .. $last;

cmp_ok($known, '>', 0, "$known of the last $remembered are known");
is(duplicate(0), 0, 'the oldest one is forgotten');

done_testing();
