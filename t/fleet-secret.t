# Gateways with different secrets do not recognize each other's updates.  Each
# of the two reports it, until they have the same secret.

use strict;
use warnings;

use Test::More;

use Reauth::Test;

my $one_secret = secret_file('one_secret', "the-first-secret-of-thirty-two-bytes\n");
my $two_secret = secret_file('two_secret', "the-first-secret-of-thirty-two-bytes\n");

my ($one, $two) = map {
    gateway(name => $_->[0], log_level => 'notice', http_config => "reauth_secret_file $_->[1];",
        config => 'location = /reauth/metrics { reauth_metrics; }')
} ['one', $one_secret], ['two', $two_secret];

my $reason = 'another gateway has another secret or API key: an identical update is sent again';

sub ready { return $_[0]->http('GET', '/reauth/readyz')->{json}; }

sub metric {
    return $_[0]->http('GET', '/reauth/metrics')->{body} =~ /^reauth_degraded\{reason="secret"\} (\d)$/m ? $1 : 'none';
}

sub lines {
    my ($gateway, $text) = @_;

    return scalar(() = $gateway->error_log =~ /\Q$text\E/g);
}

# two probes of each

sleep 11;

for my $gateway ($one, $two) {
    is(ready($gateway)->{status}, 'ready', 'gateways with the same secret are ready');
    is(metric($gateway), 0, 'the metric is 0');
}

secret_file('two_secret', "the-second-secret-of-thirty-two-byte\n");

for my $gateway ($one, $two) {
    ok(wait_for { ready($gateway)->{status} eq 'degraded' } 'another secret', 20);
    is_deeply(ready($gateway)->{reasons}, [$reason], 'readyz states the reason');
    is(metric($gateway), 1, 'the metric is 1');
    ok(wait_for { lines($gateway, 'reauth: another gateway has another "reauth_secret_file" or API key') == 1 }
        'the change is logged once');
}

# a gateway is degraded, but serves requests

is($one->update('acct_1', 'ok')->{status}, 200, 'updates are accepted');

secret_file('two_secret', "the-first-secret-of-thirty-two-bytes\n");

for my $gateway ($one, $two) {
    ok(wait_for { ready($gateway)->{status} eq 'ready' } 'the same secret again', 40);
    is(metric($gateway), 0, 'the metric is 0 again');
    is(lines($gateway, 'reauth: all gateways have the same secret again'), 1, 'the end is logged');
}

# a gateway whose own secret changes is not another one; the mark in Redis is its
# own before and after the change

sub mark { return redis_cli('GET', '{reauth}:probe'); }

$two->stop;
redis_cli('DEL', '{reauth}:probe');
ok((wait_for { mark() }), 'the mark is written by the only gateway');

my $former = mark();
secret_file('one_secret', "the-third-secret-of-thirty-two-bytes\n");
ok((wait_for { mark() && mark() ne $former }), 'the mark of the new secret is written');

# a further one is written after the reply to this one

redis_cli('DEL', '{reauth}:probe');
ok((wait_for { mark() }), 'a further mark is written');
is(ready($one)->{status}, 'ready', 'a gateway does not report its own former secret');
is(lines($one, 'reauth: another gateway has'), 1, 'nothing is logged about it');

# the mark says nothing about the secret

my $probe = redis_cli('GET', '{reauth}:probe');
like($probe, qr/\A\S+ [0-9a-f]{16}\s*\z/, 'Redis has the name of a gateway and the mark of its secret');

done_testing();
