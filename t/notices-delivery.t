# Notices are delivered to a receiver: signed, once, in the order of an account,
# and again until they are accepted, whatever happens to the receiver.

use strict;
use warnings;

use Test::More;
use Reauth::Test sandbox => 0;
use Reauth::Receiver;

my $receiver = Reauth::Receiver->start;
my $secret   = secret_file('notices', "$Reauth::Receiver::SECRET\n");
my $to       = $receiver->port;

my $gateway = gateway(workers => 2, config => <<"EOC");
reauth_notify /notify $secret events=account.needs_person,account.failed;
location = /notify {
    internal;
    proxy_pass http://127.0.0.1:$to/hook;
    proxy_http_version 1.0;
}
location = /reauth/metrics { reauth_metrics; }
EOC

sub metric {
    my ($name, $label) = @_;

    my ($value) = $gateway->http('GET', '/reauth/metrics')->{body}
        =~ /^reauth_notices_$name\{receiver="\/notify"\Q$label\E\} ([\d.]+)$/m;

    return $value // -1;
}

sub counted { return metric('total', qq(,result="$_[0]")); }

sub notice { return Reauth::Receiver->notice(@_); }

# ---- the request ----

my $id = notice('acct_1', 1);
ok(wait_for { $receiver->accepted == 1 } 'a notice is delivered');

my ($got) = $receiver->received;
is($got->{line}, 'POST /hook HTTP/1.0', 'the location determines the request');
is($got->{headers}{'webhook-id'}, "msg_$id", 'the ID is that of the stream');
ok($got->{valid}, 'the signature is valid');
is($got->{headers}{'content-type'}, 'application/json', 'the body is JSON');
is($got->{body}, '{"data":{"account_id":"acct_1","number":1},'
    . '"type":"account.needs_person"}', 'the body is unchanged');
ok(!exists $got->{headers}{authorization}, 'the request has no API key');

# ---- events that the receiver does not want ----

notice('acct_1', 2, 'account.recovered');
notice('acct_1', 3, 'account.of_a_later_version');
notice('acct_1', 4, 'account.failed');
ok(wait_for { $receiver->accepted == 2 } 'a notice of another event is delivered');
is(join(', ', $receiver->accepted), 'acct_1 1, acct_1 4',
    'events that are not listed are not sent');

sub pending {
    return (redis_cli('XPENDING', '{reauth}:notices', '/notify'))[0];
}

ok(wait_for { pending() == 0 } 'all are acknowledged');

# ---- entries that are not notices ----

redis_cli('XADD', '{reauth}:notices', '*', 'some', 'thing');
redis_cli('XADD', '{reauth}:notices', '*', 'type', 'account.failed', 'account',
    'acct_1', 'body', 'x' x 5000);
notice('acct_1', 5);
ok(wait_for { $receiver->accepted == 3 } 'a notice after invalid entries is delivered');
ok(wait_for { pending() == 0 } 'invalid entries are acknowledged');
like($gateway->error_log, qr/redis: notice \S+ for "\/notify" is not sent: it cannot be parsed/,
    'an invalid entry is logged');

# ---- an account whose notices are not accepted ----

$receiver->answers('acct_2' => 400, '*' => 200);
notice('acct_2', 1);
notice('acct_2', 2);
notice('acct_3', 1);
notice('acct_3', 2);
ok(wait_for { $receiver->accepted('acct_3') == 2 } 'other accounts do not wait');
ok(wait_for { $receiver->received('400') >= 2 } 'a refused notice is sent again');
is(scalar(grep { $_->{json}{data}{number} == 2 } $receiver->received('400')), 0,
    'the later notice of the account waits');

is(metric('pending', ''), 2, 'the notices that wait are counted');
cmp_ok(metric('oldest_seconds', ''), '>', 2, 'the oldest of them has an age');
cmp_ok(counted('refused'), '>=', 2, 'refused notices are counted');
is(counted('lost'), 2, 'invalid entries are counted');

my %id = map { ($_->{headers}{'webhook-id'} => 1) } $receiver->received('400');
is(scalar keys %id, 1, 'the ID of a notice does not change');
ok(!(grep { !$_->{valid} } $receiver->received('400')), 'each try is signed');

$receiver->answers('*' => 200);
ok(wait_for { $receiver->accepted('acct_2') == 2 } 'both notices are accepted at last');
is(join(', ', $receiver->accepted('acct_2')), 'acct_2 1, acct_2 2',
    'the notices of the account keep their order');

# ---- responses other than 2xx, and none at all ----

for my $answer (302, 500, 404, 429, 'reset') {
    $receiver->answers('*' => $answer);
    notice("acct_$answer", 1);
    ok(wait_for { $receiver->received($answer) } "$answer: the notice is sent");
    $receiver->answers('*' => 204);
    ok(wait_for { $receiver->accepted("acct_$answer") }
        "$answer: the notice is sent again");
}

is(scalar($receiver->received('302')), 1, 'a redirect is not followed');

# ---- a receiver that is down ----

$receiver->stop;
notice("acct_1$_", 1) for 1 .. 5;
ok(wait_for { $gateway->error_log =~ /"\/notify" does not accept notices, which are sent again: it did not respond/ }
    'a receiver that is down is logged');
ok(wait_for { metric('failing', '') == 1 } 'a receiver that is down is a metric');
notice("acct_1$_", 2) for 1 .. 5;
$receiver->begin;

for my $n (1 .. 5) {
    ok(wait_for { $receiver->accepted("acct_1$n") == 2 }
        "account $n: both notices are delivered");
    is(join(', ', $receiver->accepted("acct_1$n")),
        "acct_1$n 1, acct_1$n 2", "account $n: the notices are in order");
}

ok(wait_for { $gateway->error_log =~ /"\/notify" accepts notices again/ }
    'a receiver that works again is logged');
is((() = $gateway->error_log =~ /does not accept notices/g), 1,
    'a receiver that is down is logged once');

ok(wait_for { metric('failing', '') == 0 && metric('pending', '') == 0 }
    'a receiver that works again is a metric');
is(metric('oldest_seconds', '') + 0, 0, 'no notice is old any more');
is(counted('accepted'), scalar($receiver->received('2')),
    'accepted notices are counted');
cmp_ok(counted('failed'), '>=', 7, 'failed requests are counted');

# ---- a reload while a request is in flight ----

$receiver->answers('*' => 'after:3');
notice('acct_20', 1);
ok(wait_for { grep { $_->{account} eq 'acct_20' } $receiver->received }
    'a slow receiver has received a notice');
notice('acct_20', 2);
$receiver->answers('*' => 200);
$gateway->reload;
ok(wait_for { $receiver->accepted('acct_20') == 2 } 'a notice is delivered after a reload');
is(join(', ', $receiver->accepted('acct_20')), 'acct_20 1, acct_20 2',
    'a notice in flight during a reload is not sent again');
ok(wait_for { pending() == 0 } 'a notice in flight during a reload is acknowledged');

# ---- each of them once ----

my %sent;
$sent{ $_->{headers}{'webhook-id'} }++ for $receiver->received('(?:2|after)');
is(scalar(grep { $_ > 1 } values %sent), 0, 'no notice was accepted twice');
ok(!(grep { !$_->{valid} } $receiver->received), 'all signatures are valid');

unlike($gateway->error_log, qr/\[(?:alert|emerg)\]/, 'no alert is logged');

done_testing();
