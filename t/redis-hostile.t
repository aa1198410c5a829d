# Hostile records in Redis: an invalid ID is neither sent to the upstream with
# the key nor included in a response.

use strict;
use warnings;

use POSIX qw(strftime);
use Test::More;
use Reauth::Test sandbox_options => ['--hold'];

my $poll = 'reauth_poll on /upstream interval=100ms rate=600r/m;';

my $gateway = gateway(name => 'one', config => $poll);
my @bad = ('../../acct_9/me', 'auth_1/../../me', 'auth_1","state":"open',
    'auth_1?a=b', "auth_\xff", 'auth_' . 'a' x 65);

my %attempt = map { $_ => $gateway->update("acct_$_", 'ok')->{json}{attempt_id} }
    0 .. $#bad;

ok(wait_for { sandbox_log() > 2 * @bad }
    'the attempts of hostile records are polled');

# as written by another gateway: a later state of the same attempt

store_and_tell("acct_$_", attempt => $bad[$_],
    updated => 1_000 + stored("acct_$_", 'updated')) for 0 .. $#bad;

ok(wait_for { 5 < (() = $gateway->error_log =~ /invalid record under .*, skipped/g) }
    'each is said to be none');

# ---- a gateway that reads them at startup ----

my $before = sandbox_log();
my $two = gateway(name => 'two', config => $poll);

ok(wait_for { sandbox_log() > $before + @bad } 'polling goes on');

like($_->{target}, qr{\A/api/(?:authenticate/(?:auth_\w+|acct_\d/credentials)
    |accounts(?:\?.*)?)\z}x,
    "the path has only valid IDs: $_->{method} $_->{target}")
    for splice @{ [sandbox_log()] }, $before;

for my $n (0 .. $#bad) {
    my $answer = $gateway->http('GET', "/api/acct_$n/me");

    is($answer->{status}, 503, 'the gate of a hostile record is closed');
    is($answer->{json}{attempt_id}, $attempt{$n},
        'the hostile record does not replace the attempt ID');
    is($answer->{json}{state}, 'running',
        'the hostile record does not replace the state');
}

# ---- impossible times ----

my $year = 365 * 86_400_000;

sub record {
    my ($account) = @_;

    return $gateway->http('GET', "/reauth/accounts/$account")->{json};
}

$gateway->update("acct_$_", 'ok') for qw(ahead absurd);

store_and_tell('acct_absurd', deadline => '9' x 18, caller => 'absurd',
    updated => 1_000 + stored('acct_absurd', 'updated'));

# the account is polled meanwhile: a poll leaves the caller as it is, and may be
# written between what is read and what is written here

my %ahead = map { $_ => $year + stored('acct_ahead', $_) }
    qw(since updated deadline);

ok(wait_for {
    store_and_tell('acct_ahead', caller => 'ahead', %ahead);
    (record('acct_ahead')->{caller} // '') eq 'ahead';
} 'times of a clock that is wrong by a year');

my $soon = strftime('%Y-%m-%dT%H:%M:%S', gmtime time + 600);
cmp_ok(record('acct_ahead')->{$_}, 'lt', $soon,
    "the time $_ is not in the future")
    for qw(since updated_at);

isnt(record('acct_absurd')->{caller}, 'absurd',
    'a record with an absurd time is ignored');

done_testing();
