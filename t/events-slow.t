# A client of the event stream that does not read falls behind: it gets a
# "reset" event, and does not delay a reload.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);
use Reauth::Test redis => 0, sandbox_options => ['--hold'];
use Reauth::Stream ();

# on a busy machine, these changes may take longer than a minute
my $gateway = gateway(
    listen => 'sndbuf=4k rcvbuf=4k',
    config => 'send_timeout 10m;',
);

sub follow {
    my $stream = Reauth::Stream->open($gateway, 'GET', '/reauth/events', undef,
        undef, receive => 4096);

    ok($stream->saw(qr/^id: /m), 'the event stream begins');

    return $stream;
}

# more than the socket buffers, and more than the ring

sub change {
    $gateway->update('acct_' . ('x' x 50) . $_, 'limit') for 1 .. 400;

    return;
}

my $slow = follow();
change();
is($gateway->http('GET', '/reauth/healthz')->{status}, 200,
    'the worker serves');
ok($slow->saw(qr/event: reset\n.*\n\n/), '"reset" reports that events were missed');
$gateway->update('acct_after', 'limit');
ok($slow->saw(qr/"acct_after".*"rejected".*\n\n/),
    'the stream continues with the latest change');
my $text = $slow->text;
$text =~ s/\A.*event: reset//s;
unlike($text, qr/reset/, 'the stream is reset once');

my $stuck = follow();
change();
$gateway->update('acct_last', 'limit');
my @old = $gateway->worker_pids;
$gateway->reload;
ok(wait_for { !grep { runs($_) } @old } 'the old worker has ended');
my $answer = $stuck->finish;
ok($answer->{ended}, 'the stream is closed by a reload');
unlike($answer->{body}, qr/acct_last/,
    'the stream that was behind has not reached the last change');

unlike($gateway->error_log, qr/\[(?:alert|crit|error)\]/,
    'nothing worse than a warning is logged');

done_testing();
