# An account that recovers or is forgotten while reauth_notify is removed causes no
# reminder when the directive is there again.

use strict;
use warnings;

use Test::More;
use Reauth::Test sandbox_options => ['--hold'];
use Reauth::Receiver;

my $receiver = Reauth::Receiver->start;

my $gateway = gateway(config => <<"EOC");
reauth_poll on /upstream interval=100ms max_interval=200ms rate=50r/s;
${\ $receiver->config('after=1h') }
location /status/ { reauth_status operate; }
EOC

sub told {
    my ($account) = @_;

    return join ' ', map { $_->{json}{type} =~ s/^account\.//r }
        grep { $_->{account} eq $account } $receiver->received;
}

my @accounts = map {"acct_$_"} 1 .. 3;

for my $account (@accounts) {
    $gateway->update($account, 'otp');
    sandbox('POST', "/step/$account") for 1 .. 2;
    ok(wait_for { told($account) eq 'needs_person' } "$account needs a person");
}

# an old worker that still polls would act by its own configuration

sub reload {
    my @old = $gateway->worker_pids;

    $gateway->reload;

    return ok((wait_for { !grep { runs($_) } @old }), 'the old worker ends');
}

# ---- without the directive ----

$gateway->{config} =~ s/^(reauth_notify)/#$1/m;
reload();
sandbox('POST', '/finish/acct_1', { success => \1 });
$gateway->becomes('acct_1', 'succeeded', 'acct_1 has recovered');
is($gateway->http('DELETE', '/status/accounts/acct_2')->{status}, 200,
    'acct_2 is forgotten');

# ---- with it, and a time that has passed ----

# a key of another type does not stop the others

redis_cli('LPUSH', '{reauth}:noticed:acct_0', 'text');
redis_cli('ZADD', '{reauth}:waiting', 0, 'acct_0', map { (1, $_) } @accounts);
$gateway->{config} =~ s/^#(reauth_notify .*) after=1h/$1 after=1s/m;
reload();
ok(wait_for { told('acct_3') eq 'needs_person still_waiting' }
    'an account that needs a person causes a reminder');
ok(wait_for { redis_cli('ZCARD', '{reauth}:waiting') eq '0' }
    'no account is due any more');
sandbox('POST', '/finish/acct_3', { success => \1 });
ok(wait_for { told('acct_3') eq 'needs_person still_waiting recovered' }
    'a later notice is delivered');
is(told('acct_1'), 'needs_person', 'an account that has recovered causes none');
is(told('acct_2'), 'needs_person', 'an account that was forgotten causes none');

unlike($gateway->error_log, qr/\[(?:error|crit|alert|emerg)\]/, 'no error is logged');

done_testing();
