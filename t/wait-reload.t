# Reload and quit: waiting requests get a response at once, and the old workers
# exit.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);
use Reauth::Test redis => 0, sandbox_options => ['--hold'];
use Reauth::Stream ();

# one worker may get all of them
my $gateway = gateway(workers => 2, counted => 1,
    http_config => 'reauth_wait_max 150; reauth_gate_hold 60s;');

my $id = $gateway->update('acct_1', 'ok')->{json}{attempt_id};

# 200 in all: waiting, held and event streams, on both workers
sub fill {
    my @open;

    for (1 .. 50) {
        push @open,
            [ wait => Reauth::Stream->open($gateway, 'GET',
                '/reauth/accounts/acct_1?wait=60s') ],
            [ list => Reauth::Stream->open($gateway, 'GET',
                '/reauth/accounts?wait=60s') ],
            [ events => Reauth::Stream->open($gateway, 'GET',
                '/reauth/events') ],
            [ hold => Reauth::Stream->open($gateway, 'POST',
                '/api/acct_1/x', { Prefer => 'wait=60' }, '{}') ];
    }

    for my $stream (map { $_->[0] eq 'events' ? $_->[1] : () } @open) {
        $stream->saw(qr/^id: /m) or return;
    }

    $gateway->works_at(200);

    return @open;
}

my %status = (wait => 200, list => 200, events => 200, hold => 503);

sub check {
    my ($what, $start, @open) = @_;

    my %wrong;

    for (@open) {
        my ($kind, $stream) = @$_;
        my $answer = $stream->finish;

        $wrong{$kind}++
            if !$answer->{ended} || $answer->{status} != $status{$kind}
            || $kind eq 'wait' && $answer->{json}{state} ne 'running'
            || $kind eq 'hold' && !$answer->{headers}{'retry-after'}
            || $kind eq 'events' && $stream->{raw} !~ /\r\n0\r\n\r\n\z/;
    }

    is_deeply(\%wrong, {}, "$what: all are answered, and whole");
    cmp_ok(time - $start, '<', 50,
        "$what: the responses arrive before the timeout");

    return;
}

my @open = fill();
is(@open, 200, '200 requests of each kind wait');

my @old = $gateway->worker_pids;
my $start = time;
$gateway->reload;
check('reload', $start, @open);

ok(wait_for { !grep { runs($_) } @old } 'the old workers have ended');

# the stream continues at the last event, from the current workers
my ($last) = map { $_->{id} } $open[2][1]->events;
$gateway->http('GET', '/reauth/accounts');
$gateway->update('acct_2', 'ok');
my $again = Reauth::Stream->open($gateway, 'GET', '/reauth/events',
    { 'Last-Event-ID' => $last });
ok($again->saw(qr/"account_id":"acct_2"/), 'the event stream goes on');
unlike($again->text, qr/reset/, 'the event stream continues without a reset');
$again->close;

@open = fill();
is(@open, 200, '200 wait again');
$start = time;
kill 'QUIT', $gateway->pid;
check('quit', $start, @open);
$gateway->stop;

unlike($gateway->error_log, qr/\[(?:alert|crit|error)\]/,
    'nothing worse than a warning is logged');

done_testing();
