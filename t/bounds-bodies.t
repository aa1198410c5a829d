# reauth_body_memory limits the bodies that a worker holds; webhooks use at most
# half of it.  A webhook can be rejected by its header alone.

use strict;
use warnings;

use IO::Socket::INET ();
use Test::More;
use Time::HiRes qw(sleep);

use Reauth::H2 ();
use Reauth::Stream ();
use Reauth::Test redis => 0;
use Reauth::Webhook;

my %argument = (
    http_config => 'reauth_body_memory 1m;',
    config      => <<'EOC');
client_body_timeout 300s;
location = /reauth/metrics { reauth_metrics; }
location = /reauth/webhook { reauth_webhook $TEST_NGINX_WEBHOOK_SECRET; }
EOC
my $gateway = gateway(%argument);
my $h2_gateway = gateway(%argument, name => 'h2', listen => 'http2');

my $FORMED = 'a' x 64;
my $PATH   = '/reauth/webhook';

sub metric {
    my ($of, $name) = @_;

    my $h2   = $of == $h2_gateway ? Reauth::H2->connect_to($of->port) : undef;
    my $body = $h2
        ? $h2->answer($h2->request('GET', '/reauth/metrics'))->{body}
        : $of->http('GET', '/reauth/metrics')->{body};

    return $body =~ /^\Q$name\E (\d+)$/m ? $1 : -1;
}

my $refused = 'reauth_limited_total{limit="body_memory"}';

# by its header: the body is never sent, so the response did not wait for it

for (
    ['no signature', 401, {}],
    ['a short signature', 401, { Signature => 'ab' }],
    ['not hexadecimal', 401, { Signature => 'g' x 64 }],
    ['form data', 415, { Signature => $FORMED,
        'Content-Type' => 'application/x-www-form-urlencoded' }],
    ['a type that ends alike', 415, { Signature => $FORMED,
        'Content-Type' => 'text/notjson' }],
    ['compressed', 415, { Signature => $FORMED,
        'Content-Encoding' => 'gzip' }],
    ['too long', 413, { Signature => $FORMED, 'Content-Length' => 262145 }],
) {
    my ($what, $status, $headers) = @$_;
    my %header = ('Content-Length' => 200000, %$headers);

    is(Reauth::Stream->open($gateway, 'POST', $PATH, \%header)
        ->finish->{status}, $status, "$what: refused before the body");

    my $chunked = Reauth::Stream->open($gateway, 'POST', $PATH,
        { %$headers, 'Transfer-Encoding' => 'chunked' });
    is($chunked->finish->{status}, $status,
        "$what: $status for a chunked request")
        if $status != 413;

    my $h2 = Reauth::H2->connect_to($h2_gateway->port);
    my %lower = map { lc $_ => $headers->{$_} } keys %$headers;
    is($h2->answer($h2->request('POST', $PATH, \%lower, open => 1))->{status},
        $status, "$what: the status is $status by HTTP/2");
}

is(metric($gateway, 'reauth_webhooks_total{result="bad_signature"}'), 6,
    'webhooks with an invalid signature are counted');
is(metric($gateway, 'reauth_webhooks_total{result="malformed"}'), 7,
    'bodies that are no webhook are counted');

for my $type ('application/json', 'application/json; charset=utf-8',
    'application/cloudevents+json', 'Text/JSON')
{
    my $body = event('accounts.otp_code_required', "acct_$type" =~ s/\W//gr);
    my $answer = $gateway->http('POST', $PATH, { 'Content-Type' => $type,
        Signature => signature($body) }, $body);
    is($answer->{status}, 200, "$type is taken");
}

# incomplete webhooks with a signature: two are more than half

sub webhook {
    return Reauth::Stream->open($gateway, 'POST', $PATH,
        { Signature => $FORMED, 'Content-Length' => 262144 }, 'x' x 260000);
}

# Two that arrive at the same time would both be refused, as a body is counted
# while it arrives.

sub is_read {
    my $port = sprintf ':%04X', $gateway->port;

    for my $line (split /\n/, Reauth::Test::slurp('/proc/net/tcp')) {
        my (undef, $local, $remote, $state, $queues) = split ' ', $line;
        my ($sent, $received) = split /:/, $queues;

        # ESTABLISHED

        return 0 if $state eq '01'
            && ($remote =~ /$port\z/ && hex $sent
                || $local =~ /$port\z/ && hex $received);
    }

    return 1;
}

my @open = webhook();
ok(wait_for { is_read() } 'the body of the first webhook is read');
push @open, webhook();
ok(wait_for { @open > grep { $_->is_open } @open } 'two are too many');

my ($closed) = grep { !$_->is_open } @open;
@open = grep { $_->is_open } @open;
is(scalar @open, 1, 'the second webhook is closed');

my $answer = $closed->answer;
is($answer->{status}, 503, 'a further webhook is refused');
is($answer->{json}{error}, 'SERVICE_UNAVAILABLE',
    'the error of a refused webhook is in the envelope');
is($answer->{headers}{'retry-after'}, 1,
    'a refused webhook can be retried after a second');
is(metric($gateway, $refused), 1, 'a refused webhook is counted');
like($gateway->error_log, qr/\[warn\].*limit reached, increase "reauth_body_memory"/,
    'a refused webhook is logged');
is($gateway->update('acct_1', 'ok')->{status}, 200,
    'an update is accepted while webhooks are refused');

$open[0]->close;
ok(wait_for {
    my $stream = webhook();
    sleep 0.5;
    push @open, $stream;
    $stream->is_open;
} 'the memory of a closed webhook is available again');
$_->close for @open;

# an address cannot use the memory for webhooks of all

my $shared = gateway(%argument, name => 'shared',
    http_config => 'reauth_body_memory 8m;');

sub webhook_from {
    my ($address) = @_;

    my $body   = event('accounts.otp_code_required', 'acct_from')
        =~ s/\}\z/',"padding":"' . 'x' x 200_000 . '"}'/er;
    my $socket = IO::Socket::INET->new(LocalAddr => $address,
        PeerAddr => '127.0.0.1', PeerPort => $shared->port)
        or die "no connection from $address: $!\n";

    print {$socket} "POST $PATH HTTP/1.1\r\nHost: localhost\r\n"
        . "Connection: close\r\nContent-Type: application/json\r\nSignature: "
        . signature($body) . "\r\nContent-Length: " . length($body)
        . "\r\n\r\n$body";
    $socket->flush;

    return <$socket> =~ m{\AHTTP/1\.1 (\d+)} ? $1 : 0;
}

my @held = map {
    Reauth::Stream->open($shared, 'POST', $PATH,
        { Signature => $FORMED, 'Content-Length' => 262144 }, 'x' x 60000)
} 1 .. 40;

ok(wait_for { metric($shared, $refused) > 0 } 'an address reaches its share');
is(webhook_from('127.0.0.1'), 503,
    'a further webhook of this address is rejected');
is(webhook_from('127.0.0.2'), 200, 'a webhook of another address is accepted');
like($shared->error_log, qr/bodies of address "127\.0\.0\.1" use \d+ bytes/,
    'the log names the address');
$_->close for @held;
ok(wait_for { webhook_from('127.0.0.1') == 200 }
    'the first address can send webhooks again');
$shared->stop;

# updates, with and without a length

my %json = ('Content-Type' => 'application/json');

for my $kind ('length', 'chunked') {
    my $before = metric($gateway, $refused);
    my (@waiting, $status);

    while (@waiting < 100) {
        my $stream = $kind eq 'length'
            ? Reauth::Stream->open($gateway, 'PUT',
                '/api/authenticate/acct_2/credentials',
                { %json, 'Content-Length' => 65000 }, 'x' x 64000)
            : Reauth::Stream->open($gateway, 'PUT',
                '/api/authenticate/acct_2/credentials',
                { %json, 'Transfer-Encoding' => 'chunked' });

        if ($kind eq 'chunked') {
            local $SIG{PIPE} = 'IGNORE';
            my $socket = $stream->{socket};
            printf {$socket} "%x\r\n%s\r\n", 64000, 'x' x 64000;
            $socket->flush;
        }

        # the only worker reads what was sent before

        metric($gateway, $refused);
        sleep 0.1;

        if (!$stream->is_open) {
            $status = $stream->answer->{status};
            last;
        }

        push @waiting, $stream;
    }

    is($status, 503, "$kind: one more is refused");
    cmp_ok(@waiting * 64000, '<=', 1048576, 'held is no more than may be');
    cmp_ok(@waiting * 64000, '>', 400000, scalar(@waiting) . ' were taken');
    cmp_ok(metric($gateway, $refused), '>', $before,
        "$kind: refused bodies are counted");
    is($gateway->http('GET', '/reauth/accounts/acct_1')->{status}, 200,
        "$kind: other requests are answered meanwhile");

    $_->close for @waiting;
    ok(wait_for { $gateway->update('acct_3', 'ok')->{status} == 200 }
        "$kind: an update is accepted when the others are closed");
}

# HTTP/2: each stream can send 64 KB at once, which is reserved

my $h2 = Reauth::H2->connect_to($h2_gateway->port);
my @streams;

for (1 .. 100) {
    push @streams, $h2->request('PUT', '/api/authenticate/acct_2/credentials',
        { 'content-type' => 'application/json' }, open => 1);
    $h2->data($streams[-1], '{"email":', 0);
}

my %seen;
$seen{ $_->{status} }++ for values %{ $h2->answers(\@streams, 3) };
is($seen{503}, 100 - $seen{0}, 'HTTP/2: the others are refused');
cmp_ok($seen{0}, '<=', 16, "$seen{0} are read");
cmp_ok($seen{0}, '>', 8,
    'HTTP/2: at least half of the possible bodies are read');
is(metric($h2_gateway, $refused), $seen{503},
    'HTTP/2: refused bodies are counted');

my $other = Reauth::H2->connect_to($h2_gateway->port);
is($other->answer($other->request('GET', '/reauth/accounts'))->{status}, 200,
    'HTTP/2: other requests are answered meanwhile');

$h2->close;
ok(wait_for {
    $other->answer($other->request('PUT',
        '/api/authenticate/acct_4/credentials',
        { 'content-type' => 'application/json' },
        body => '{"email":"ok@example.com","password":"x"}'))->{status} == 200;
} 'the connection goes, and an update is taken');

# webhooks that look signed

$h2 = Reauth::H2->connect_to($h2_gateway->port);
@streams = map {
    $h2->request('POST', $PATH, { signature => $FORMED }, open => 1)
} 1 .. 20;
%seen = ();
$seen{ $_->{status} }++ for values %{ $h2->answers(\@streams, 3) };
cmp_ok($seen{503} // 0, '>=', 12, 'HTTP/2: webhooks beyond half are refused');
cmp_ok($seen{0}, '>=', 1, 'the others are read');
is($other->answer($other->request('PUT', '/api/authenticate/acct_7/credentials',
    { 'content-type' => 'application/json' },
    body => '{"email":"ok@example.com","password":"x"}'))->{status}, 200,
    'an update has the other half');
$h2->close;

# memory is released after a response, an error or an abort

my $cut = 0;
for (1 .. 300) {
    my $stream = Reauth::Stream->open($gateway, 'PUT',
        '/api/authenticate/acct_5/credentials',
        { %json, 'Content-Length' => 60000 }, 'x' x 50000);
    $stream->close;
    $cut++;
}

is($cut, 300, '300 requests are closed before their end');
ok(wait_for { $gateway->update('acct_6', 'ok')->{status} == 200 }
    'the memory of bodies that break off is available again');
unlike($_->error_log, qr/\[(?:alert|crit|emerg)\]/, 'nothing else is said')
    for $gateway, $h2_gateway;

done_testing();
