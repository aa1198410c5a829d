# reauth_wait_max: each kind of request that waits has a limit of its own, so
# that one kind at its limit does not refuse another.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);

use Reauth::Peer ();
use Reauth::Stream ();
use Reauth::Test redis => 0, sandbox => 0;

my $release = work_dir() . '/release';

# the first update of acct_2 takes until the file is there

my $peer = Reauth::Peer->start(sub {
    my ($request) = @_;

    return Reauth::Peer::response('200 OK', '{}') if $request !~ /\APUT /;

    wait_for { -e $release } if $request =~ /acct_2/;

    return Reauth::Peer::accepted('auth_' . int rand 1e9);
});

my $gateway = gateway(
    http_config => "reauth_wait_max 2;\nreauth_update_wait 60s;\n"
        . 'upstream fans_api { server 127.0.0.1:' . $peer->port . '; }',
    config      => <<'EOC');
location /api/ {
    reauth_gate on;
    reauth_gate_hold 60s;
    proxy_pass http://fans_api;
    proxy_set_header Authorization $reauth_authorization;
}
EOC

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

# the status of what is answered at once, 0 for what waits

sub soon {
    my ($stream) = @_;

    my $until = time + 0.5;

    sleep 0.02 while $stream->is_open && time < $until;

    return $stream->is_open ? 0 : $stream->answer->{status};
}

$gateway->update('acct_1', 'ok');

# the one that is sent does not wait

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
    }, "$kind: no more than two");

    like($gateway->error_log,
        qr/reauth: 2 \Q$kind\E are waiting in this worker/, "$kind: logged");

    for my $other (grep { $_ ne $kind } sort keys %kind) {
        my $stream = begin($other);

        is(soon($stream), 0, "$other: waits, though $kind are at their limit");
        $stream->close;
    }

    $_->close for @waiting;
}

Reauth::Test::write_file($release, '');
is($first->finish->{status}, 200, 'the first update is answered');

done_testing();
