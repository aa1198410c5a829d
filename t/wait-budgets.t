# reauth_wait_max: each kind of waiting request has its own limit, so that one
# kind at its limit does not affect another.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);

use Reauth::Peer ();
use Reauth::Stream ();
use Reauth::Test redis => 0, sandbox => 0;

my $release = work_dir() . '/release';

# an update of acct_2 or acct_3 takes until the file of its password exists

my $peer = Reauth::Peer->start(sub {
    my ($request) = @_;

    return Reauth::Peer::response('200 OK', '{}') if $request !~ /\APUT /;

    if ($request =~ /acct_[23].*"password":"(\w+)"/s) {
        Reauth::Test::write_file("$release.seen.$1", '');
        wait_for { -e "$release.$1" };
    }

    return Reauth::Peer::accepted('auth_' . int rand 1e9);
});

my $gateway = gateway(
    http_config => 'reauth_wait_max 2; reauth_update_wait 60s;'
        . " reauth_gate_hold 60s;\n"
        . 'upstream fans_api { server 127.0.0.1:' . $peer->port . '; }');

my %kind = (
    'status requests' => sub { ('GET', '/reauth/accounts/acct_1?wait=60s') },
    'held calls'      => sub { ('GET', '/api/acct_1/x',
        { Prefer => 'wait=60' }) },
    'updates'         => sub { ('PUT', '/api/authenticate/acct_2/credentials',
        { 'Content-Type' => 'application/json' },
        '{"email":"a@example.com","password":"x"}') },
);
my %refused = ('status requests' => 503, 'held calls' => 503, updates => 409);

sub begin {
    my ($kind) = @_;

    return Reauth::Stream->open($gateway, $kind{$kind}->());
}

# the status of an immediate response, 0 if the request waits

sub soon {
    my ($stream) = @_;

    my $until = time + 0.5;

    sleep 0.02 while $stream->is_open && time < $until;

    return $stream->is_open ? 0 : $stream->answer->{status};
}

$gateway->update('acct_1', 'ok');

# the update that is being sent does not wait

my $first = begin('updates');
ok(wait_for { $gateway->http('GET', '/reauth/accounts/acct_2')->{status}
    == 200 } 'an update is sent');

for my $kind (sort keys %kind) {
    my @waiting = map { begin($kind) } 1 .. 2;

    ok(wait_for {
        my $one    = begin($kind);
        my $status = soon($one);
        $one->close if !$status;
        $status == $refused{$kind};
    }, "$kind: a third one is rejected");

    like($gateway->error_log,
        qr/reauth: 2 \Q$kind\E are waiting in this worker/,
        "$kind: a rejected request is logged");

    for my $other (grep { $_ ne $kind } sort keys %kind) {
        my $stream = begin($other);

        is(soon($stream), 0, "$other: waits, though $kind are at their limit");
        $stream->close;
    }

    $_->close for @waiting;
}

# one that has waited and is being sent

sub begin_of_3 {
    my ($password) = @_;

    return Reauth::Stream->open($gateway, 'PUT',
        '/api/authenticate/acct_3/credentials',
        { 'Content-Type' => 'application/json' },
        qq({"email":"a\@example.com","password":"$password"}));
}

my $one = begin_of_3('a');
ok(wait_for { -e "$release.seen.a" }
    'an update of a different account is being sent');

my $two = begin_of_3('b');
is(soon($two), 0, 'a different one waits');

Reauth::Test::write_file("$release.a", '');
is($one->finish->{status}, 200, 'the first one is answered');
ok(wait_for { -e "$release.seen.b" } 'the one that waited is sent');

my @waiting = map { begin('updates') } 1 .. 2;

is(join(' ', map { soon($_) } @waiting), '0 0',
    'updates that are being sent do not count as waiting');

$_->close for @waiting;

Reauth::Test::write_file("$release.b", '');
is($two->finish->{status}, 200, 'the second update gets a response');

Reauth::Test::write_file("$release.x", '');
is($first->finish->{status}, 200, 'the first update is answered');

done_testing();
