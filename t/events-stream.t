# GET /reauth/events: every change as a server-sent event.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep);
use Reauth::Test redis => 0, sandbox_options => ['--hold'];
use Reauth::Stream ();

my $gateway = gateway(workers => 2);

sub follow {
    my ($last, $gateway_of) = @_;

    return Reauth::Stream->open($gateway_of // $gateway, 'GET',
        '/reauth/events', { defined $last ? ('Last-Event-ID' => $last) : () });
}

my @streams = map { follow() } 1 .. 8;
ok($_->saw(qr/\Aretry: \d+\nid: [0-9a-f]+-0\n\n/), 'greets at once')
    for @streams;

my $headers = $streams[0]->answer->{headers};
is($streams[0]->answer->{status}, 200, 'the stream of events has the 200 code');
is($headers->{'content-type'}, 'text/event-stream',
    'the stream of events has the type text/event-stream');
is($headers->{'cache-control'}, 'no-store',
    'the stream of events must not be cached');

my $id = $gateway->update('acct_1', 'otp')->{json}{attempt_id};
sandbox('POST', '/step/acct_1') for 1 .. 2;
$gateway->http('GET', "/api/authenticate/$id");
sandbox('POST', '/finish/acct_1');
$gateway->http('GET', "/api/authenticate/$id");

for my $stream (@streams) {
    ok($stream->saw(qr/"state":"succeeded".*\n\n/),
        'each stream shows the end of the attempt');

    my @events = grep { $_->{data} } $stream->events;
    is(join(' ', map { $_->{json}{state} } @events),
        'starting running needs_otp succeeded', 'each change, in its order');
    is_deeply([map { /-([0-9a-f]+)\z/ } map { $_->{id} } @events],
        [1 .. 4], 'the events are numbered from 1');
}

my @events = grep { $_->{data} } $streams[0]->events;
my $record = $gateway->http('GET', '/reauth/accounts/acct_1')->{json};
is_deeply($events[3]{json}, $record,
    'an event has the record as returned by /reauth/accounts');
is($events[1]{json}{gate}, 'closed', 'an event has the state of the gate');
is($events[1]{json}{attempt_id}, $id, 'an event has the attempt ID');
is($events[0]{event}, undef, 'an event of a change has no event name');

# continues at the last event
my $again = follow($events[1]{id});
ok($again->saw(qr/"state":"succeeded"/), 'a stream continues at Last-Event-ID');
is(join(' ', map { $_->{json}{state} } grep { $_->{data} } $again->events),
    'needs_otp succeeded', 'a stream that continues has the missed events');

$again = follow($events[3]{id});
$gateway->update('acct_2', 'ok');
ok($again->saw(qr/"account_id":"acct_2"/), 'nothing was missed');
unlike($again->text, qr/acct_1/, 'a stream that continues repeats no event');

# unknown IDs
for my $last ('0-1', 'x', '1-', '-1', 'ffffffffffffffffffff-1', "$events[0]{id}0",
    '123', "$events[0]{id} ")
{
    $again = follow($last);

    if ($last =~ /1 \z/) {
        ok($again->saw(qr/succeeded/), 'blanks around it are ignored');
        next;
    }

    ok($again->saw(qr/^id: [0-9a-f]+-[0-9a-f]+\nevent: reset\ndata: \{/m),
        "a stream is reset for Last-Event-ID: $last");
    unlike($again->text, qr/acct_1/,
        "Last-Event-ID $last: no event is sent before the reset");
}

# more changes than the ring stores
my ($before) = map { $_->{id} } grep { $_->{data} } $streams[0]->events;
$gateway->update("acct_$_", 'limit') for 100 .. 240;
$again = follow($before);
ok($again->saw(qr/event: reset/),
    'a stream is reset if Last-Event-ID is too old');

# a client that does not read meanwhile
ok($streams[1]->saw(qr/"account_id":"acct_240".*\n\n/), 'gets all of them');
@events = grep { $_->{data} } $streams[1]->events;
is_deeply([map { hex((split /-/, $_->{id})[1]) } @events], [1 .. @events],
    'a client that reads late misses no event');

is($gateway->http('GET', '/reauth/events?x=1')->{status}, 422,
    'no parameters are known');
my $head = $gateway->http('HEAD', '/reauth/events');
is($head->{status}, 200, 'HEAD of the stream has the 200 code');
is($head->{headers}{'content-type'}, 'text/event-stream',
    'HEAD of the stream has the type text/event-stream');
is($gateway->http('POST', '/reauth/events', {}, '{}')->{status}, 405,
    'a POST request for the stream is rejected');

# a client that closes
$_->close for @streams, $again;
ok(wait_for { 8 <= (() = $gateway->error_log =~ /prematurely closed/g) }
    'a client that goes is noticed');
unlike($gateway->error_log, qr/\[(?:alert|crit|error)\]/,
    'nothing worse than a warning is logged');

# another instance of the zone
my ($last) = map { $_->{id} } grep { $_->{data} } reverse @events;
$gateway->restart;
$again = follow($last);
ok($again->saw(qr/event: reset/), 'the stream is reset after a restart');
$gateway->update('acct_1', 'ok');
ok($again->saw(qr/"account_id":"acct_1"/),
    'the stream goes on after a restart');

done_testing();
