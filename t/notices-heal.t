# Notices about an account whose session has expired, and which the gateway
# reauthenticates: the receiver can be told at once, or only if that is not
# enough.

use strict;
use warnings;

use Test::More;
use Reauth::Test sandbox_options => ['--hold'];
use Reauth::Receiver;

my $secret = secret_file('notices', "$Reauth::Receiver::SECRET\n");
my %receiver = map { $_ => Reauth::Receiver->start(name => $_) } qw(all rest);

my $gateway = gateway(config => <<"EOC");
reauth_poll on /upstream interval=100ms max_interval=200ms rate=50r/s;
reauth_heal on delay=1s;
reauth_notify /notify/all $secret after=1h;
reauth_notify /notify/rest $secret after=1h
    events=account.needs_person,account.still_waiting,account.recovered;
location /notify/all { internal; proxy_pass http://127.0.0.1:${\ $receiver{all}->port }; }
location /notify/rest { internal; proxy_pass http://127.0.0.1:${\ $receiver{rest}->port }; }
EOC

sub told {
    my ($name, $account) = @_;

    return join ' ', map { $_->{json}{type} }
        grep { $_->{account} eq $account } $receiver{$name}->received;
}

sub is_told {
    my ($name, $account, $types) = @_;

    wait_for { told($name, $account) eq $types } "notices of $account";

    return is(told($name, $account), $types, "$account: the receiver $name is told of $types");
}

# ---- the reauthentication succeeds ----

sandbox('POST', '/account/acct_1', { authenticated => \0 });
is($gateway->http('GET', '/api/acct_1/chats')->{status}, 401, 'the session of acct_1 has expired');
is_told('all', 'acct_1', 'account.failed');

ok(wait_for { $gateway->record('acct_1')->{source} eq 'heal' } 'acct_1 is reauthenticated');
sandbox('POST', '/finish/acct_1', { success => \1 });
is_told('all', 'acct_1', 'account.failed account.recovered');

# ---- a person is needed: notices of both accounts are in the same stream ----

$gateway->update('acct_2', 'otp');
sandbox('POST', '/step/acct_2') for 1 .. 2;
is_told($_, 'acct_2', 'account.needs_person') for qw(all rest);

is(told('rest', 'acct_1'), '', 'acct_1: the receiver rest is told of nothing');

done_testing();
