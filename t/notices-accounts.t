# Notices from the login of an account to their receiver.

use strict;
use warnings;

use Test::More;
use Reauth::Test sandbox_options => ['--hold'];
use Reauth::Receiver;

my $receiver = Reauth::Receiver->start;

my %config = (config => <<"EOC");
reauth_poll on /upstream interval=100ms max_interval=200ms rate=50r/s;
${\ $receiver->config('after=2s') }
EOC

my $one = gateway(name => 'one', %config);
my $two = gateway(name => 'two', %config);

sub told { return map { $_->{json}{type} } grep { $_->{account} eq $_[0] } $receiver->received; }

sub tells {
    my ($account, @types) = @_;

    wait_for { @types <= (() = told($account)) } "notices of $account";

    return is(join(' ', told($account)), join(' ', @types),
        "$account: the receiver is told of " . ($types[-1] // 'nothing'));
}

# ---- a person is needed, and comes late ----

my $attempt = $one->update('acct_1', 'otp')->{json}{attempt_id};
sandbox('POST', '/step/acct_1') for 1 .. 2;
tells('acct_1', 'account.needs_person');

my ($notice) = $receiver->received;
is($notice->{json}{data}{account_id}, 'acct_1', 'the notice has the account');
is($notice->{json}{data}{state}, 'needs_otp', 'the notice has the state');
is($notice->{json}{data}{action_required}, 'otp', 'the notice has the required action');
is($notice->{json}{data}{attempt_id}, $attempt, 'the notice has the attempt');
is(join(' ', sort keys %{ $notice->{json}{data} }),
    'account_id action_required attempt_id since state', 'the notice has nothing else');

tells('acct_1', 'account.needs_person', 'account.still_waiting');
sandbox('POST', '/finish/acct_1', { success => \1 });
tells('acct_1', 'account.needs_person', 'account.still_waiting', 'account.recovered');

# ---- a failed login; the receiver is down meanwhile ----

$receiver->stop;
$two->update('acct_2', 'wrong');
$two->update('acct_3', 'ok');
sandbox('POST', "/step/$_") for ('acct_2') x 3;
sandbox('POST', '/finish/acct_2', { success => \0 });
ok(wait_for { $one->record('acct_2')->{state} eq 'failed' } 'a login fails');
$one->update('acct_2', 'ok');
sandbox('POST', '/finish/acct_2', { success => \1 });
ok(wait_for { $one->record('acct_2')->{state} eq 'succeeded' } 'the next one succeeds');
$receiver->begin;
tells('acct_2', 'account.failed', 'account.recovered');
tells('acct_3');

ok(!(grep { !$_->{valid} } $receiver->received), 'all signatures are valid');

my %sent;
$sent{ $_->{headers}{'webhook-id'} }++ for $receiver->received;
is(scalar(grep { $_ > 1 } values %sent), 0, 'no notice is sent twice');

for my $gateway ($one, $two) {
    unlike($gateway->error_log, qr/\[(?:alert|emerg)\]/, 'the gateway logs no alert')
}

done_testing();
