# Notices of a fleet: one gateway at a time delivers to each receiver, another one
# takes over when it is killed, and Redis may be away for a while.

use strict;
use warnings;

use Test::More;
use Reauth::Test sandbox => 0;
use Reauth::Receiver;

my %receiver = map { ($_ => Reauth::Receiver->start(name => $_)) } qw(pager chat);
my $secret = secret_file('notices', "$Reauth::Receiver::SECRET\n");
my $config = join '', map { my $to = $receiver{$_}->port; <<"EOC" } sort keys %receiver;
reauth_notify /notify/$_ $secret;
location = /notify/$_ { internal; proxy_pass http://127.0.0.1:$to; }
EOC

my %gateway = map { ($_ => gateway(name => $_, config => $config)) } qw(one two);

sub notice { return Reauth::Receiver->notice(@_); }

sub has_all {
    my ($name, $account, @numbers) = @_;

    return wait_for { @numbers <= (() = $receiver{$name}->accepted($account)) }
        "$name has the notices of $account";
}

# ---- several receivers, two gateways ----

for my $n (1 .. 20) {
    notice('acct_' . $n % 4, $n);
}

for my $name (sort keys %receiver) {
    ok(wait_for { $receiver{$name}->accepted == 20 } "$name: all are delivered");

    for my $account (0 .. 3) {
        is(join(', ', $receiver{$name}->accepted("acct_$account")),
            join(', ', map {"acct_$account $_"}
                grep { $_ % 4 == $account } 1 .. 20),
            "$name: notices of account $account are in order");
    }
}

$receiver{pager}->answers('*' => 503);
notice('acct_5', 1);
ok(has_all(chat => 'acct_5', 1), 'a receiver does not wait for another one');
$receiver{pager}->answers('*' => 200);
ok(has_all(pager => 'acct_5', 1), 'the other one gets it later');

# ---- the gateway that delivers is killed ----

sub killed {
    my ($name) = @_;

    my $gateway = $gateway{$name};
    my @pids = ($gateway->pid, $gateway->worker_pids);

    kill 'KILL', @pids;
    $gateway->stop('KILL');

    return;
}

$receiver{$_}->answers('*' => 'silence') for keys %receiver;
notice('acct_6', 1);
notice('acct_7', 1);
notice('acct_6', 2);

for my $name (sort keys %receiver) {
    ok(wait_for { $receiver{$name}->received('silence') >= 2 }
        "$name: notices are in flight");
}

my ($first) = grep { my $log = $gateway{$_}->error_log;
    $log =~ /delivers notices to "\/notify\/pager"/ } sort keys %gateway;
my ($second) = grep { $_ ne $first } sort keys %gateway;

killed($first);
$receiver{$_}->answers('*' => 200) for keys %receiver;
notice('acct_7', 2);

for my $name (sort keys %receiver) {
    for my $account (qw(acct_6 acct_7)) {
        ok(has_all($name, $account, 1, 2), "$name: $account is delivered");
        is(join(', ', $receiver{$name}->accepted($account)),
            "$account 1, $account 2", "$name: $account is in order");
    }
}

# ---- the other one alone; a worker is killed; a gateway that starts ----

$gateway{three} = gateway(name => 'three', config => $config);
$receiver{chat}->answers('*' => 'after:2');
notice('acct_8', 1);
ok(wait_for { grep { $_->{account} eq 'acct_8' } $receiver{chat}->received }
    'a notice is in flight');
kill 'KILL', $gateway{$second}->worker_pids;
$receiver{chat}->answers('*' => 200);
notice('acct_8', 2);
ok(wait_for { grep { $_ eq 'acct_8 2' } $receiver{chat}->accepted('acct_8') }
    'notices are delivered after a worker was killed');

# ---- Redis is stopped for a while, and loses all ----

redis_stop();
redis_start();
ok(wait_for { $gateway{$second}->http('GET', '/reauth/readyz')->{json}{status}
    eq 'ready' } 'Redis is available again');
notice('acct_9', 1);

for my $name (sort keys %receiver) {
    ok(has_all($name, 'acct_9', 1), "$name: a notice after the loss is delivered");
}

redis_cli('FLUSHALL');
notice('acct_10', 1);
ok(has_all(chat => 'acct_10', 1), 'a notice after FLUSHALL is delivered');

redis_pause();
sleep 6;
redis_resume();
notice('acct_10', 2);
ok(has_all(chat => 'acct_10', 1, 2), 'a notice after a pause of Redis is delivered');
is(join(', ', $receiver{chat}->accepted('acct_10')), 'acct_10 1, acct_10 2',
    'no notice is delivered twice because of the pause');

# ---- one that was removed from the stream ----

$receiver{chat}->answers('*' => 500);
my $id = notice('acct_11', 1);
ok(wait_for { $receiver{chat}->received('500') >= 1 } 'a notice is not accepted');
redis_cli('XDEL', '{reauth}:notices', $id);

# another gateway reads what is pending

$_->stop('KILL') for map { kill 'KILL', $_->worker_pids; $_ } $gateway{$second};
$receiver{chat}->answers('*' => 200);
notice('acct_11', 2);
ok(wait_for { grep { $_ eq 'acct_11 2' } $receiver{chat}->accepted('acct_11') }
    'the notice after one that was removed is delivered');

for my $name (sort grep { $_ ne $first && $_ ne $second } keys %gateway) {
    unlike($gateway{$name}->error_log, qr/\[(?:alert|emerg)\]/,
        "$name logs no alert");
}

for my $name (sort keys %receiver) {
    ok(!(grep { !$_->{valid} } $receiver{$name}->received),
        "$name: all signatures are valid");
}

done_testing();
