# Retry-After: within its limits, by the duration of previous logins, and
# different for each client, so that they do not all return at the same time.

use strict;
use warnings;

use List::Util qw(max min);
use Test::More;
use Time::HiRes qw(sleep time);
use Reauth::Test redis => 0, sandbox_options => ['--hold'];

my $gateway = gateway(http_config => 'reauth_retry_after 2s 12s;',
    config => <<'EOC');
location /fixed/ {
    reauth_gate on;
    reauth_retry_after 5s 5s;
    empty_gif;
}
EOC

sub told {
    my ($path, $times) = @_;

    my %told;
    my $wrong = 0;

    for (1 .. $times) {
        my $answer = $gateway->http('GET', $path);
        my $after  = $answer->{json}{retry_after};

        $told{$after}++;
        $wrong++ if $answer->{headers}{'retry-after'} ne $after;
    }

    is($wrong, 0, "$path: the header and the body say the same");

    return sort { $a <=> $b } keys %told;
}

# no duration is known: soon
my $start = time;
my $id = $gateway->update('acct_1', 'otp')->{json}{attempt_id};
my @first = told('/api/acct_1/chats', 40);

# that of an attempt of 8 seconds exceeds the minimum

is(join(' ', time - $start < 8 ? @first : grep { $_ < 4 } @first), '2 3',
    'Retry-After is about the minimum at first');
is(join(' ', told('/fixed/acct_1', 5)), '5',
    'Retry-After is constant if minimum and maximum are equal');

# the time at which a person acts is unknown: late
sandbox('POST', '/step/acct_1') for 1 .. 2;
$gateway->http('GET', "/api/authenticate/$id");
my @told = told('/api/acct_1/chats', 60);
cmp_ok(min(@told), '>=', 6,
    'Retry-After is near the maximum while a person must act');
cmp_ok(max(@told), '<=', 12, 'Retry-After does not exceed the maximum');
cmp_ok(@told, '>=', 4, 'Retry-After has at least four values');

my $record = $gateway->http('GET', '/reauth/accounts/acct_1')->{json};
cmp_ok($record->{retry_after}, '>=', 6, 'the status says the like');

# learned: one login took some seconds, so the next one is expected to
sleep 4;
sandbox('POST', '/finish/acct_1');
$gateway->http('GET', "/api/authenticate/$id");
my $took = time - $start;

$start = time;
$gateway->update('acct_2', 'ok');
@told = told('/api/acct_2/chats', 40);
my $passed = time - $start;
cmp_ok(min(@told), '>=', 4 - $passed, 'learned from how long the last one took');

# an eighth more than it took, in whole seconds, plus up to half of that
cmp_ok(max(@told), '<=', 1.5 * ($took * 9 / 8 + 1),
    'Retry-After is at most 1.5 times the expected time');

done_testing();
