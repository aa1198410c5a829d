# Retry-After: within its bounds, by how long logins take, and not the same for
# all, so that not all come back at one instant.

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

# nothing is known of how long it takes: soon
my $start = time;
my $id = $gateway->update('acct_1', 'otp')->{json}{attempt_id};
is(join(' ', told('/api/acct_1/chats', 40)), '2 3', 'about the minimum');
is(join(' ', told('/fixed/acct_1', 5)), '5', 'no room between the bounds');

# nobody knows when a person acts: late
sandbox('POST', '/step/acct_1') for 1 .. 2;
$gateway->http('GET', "/api/authenticate/$id");
my @told = told('/api/acct_1/chats', 60);
cmp_ok(min(@told), '>=', 6, 'nearer to the maximum');
cmp_ok(max(@told), '<=', 12, 'and not over it');
cmp_ok(@told, '>=', 4, 'spread');

my $record = $gateway->http('GET', '/reauth/accounts/acct_1')->{json};
cmp_ok($record->{retry_after}, '>=', 6, 'the status says the like');

# learned: one took some seconds, so the next one is expected to
sleep 4;
sandbox('POST', '/finish/acct_1');
$gateway->http('GET', "/api/authenticate/$id");
my $took = time - $start;

$start = time;
$gateway->update('acct_2', 'ok');
@told = told('/api/acct_2/chats', 40);
my $passed = time - $start;
cmp_ok(min(@told), '>=', 4 - $passed, 'learned from how long the last one took');

# an eighth more than it took, in whole seconds, and up to half of that again
cmp_ok(max(@told), '<=', 1.5 * ($took * 9 / 8 + 1), 'and not much more');

done_testing();
