# reauth_webhook ... pass=/uri: verified events are forwarded to a consumer, for
# which the sender does not wait.

use strict;
use warnings;

use IO::Select ();
use IO::Socket::INET ();
use Test::More;

use Reauth::Test redis => 0, sandbox => 0;
use Reauth::Webhook;

my $consumer = IO::Socket::INET->new(
    LocalAddr => '127.0.0.1',
    Proto     => 'tcp',
    Listen    => 16,
) or die "cannot listen: $!\n";

my $to      = $consumer->sockport;
my $gateway = gateway(
    config => <<"EOC",
location = /reauth/webhook {
    reauth_webhook \$TEST_NGINX_WEBHOOK_SECRET pass=/events;
}
location = /events {
    internal;
    proxy_pass http://127.0.0.1:$to/consume;
    proxy_read_timeout 10m;
    proxy_set_header X-Account \$reauth_account;
    proxy_set_header X-State \$reauth_state;
    proxy_set_header X-Operation \$reauth_operation;
}
EOC
);

# The request that the consumer received, to which it never responds.

my @open;

sub consumed {
    my ($seconds) = @_;

    my $select = IO::Select->new($consumer);
    return '' if !$select->can_read($seconds // $Reauth::Test::LIMIT);

    my $socket = $consumer->accept;
    my $raw    = '';
    my $need;

    push @open, $socket;

    while (IO::Select->new($socket)->can_read($Reauth::Test::LIMIT)) {
        sysread $socket, $raw, 65536, length $raw or last;

        my ($head, $body) = split /\r\n\r\n/, $raw, 2;
        ($need) = $head =~ /^Content-Length: (\d+)/mi;
        last if defined $body && length $body >= ($need // 0);
    }

    return $raw;
}

# The response is complete long before the consumer is done and the connection
# ends.

sub deliver_to {
    my ($body, %header) = @_;

    my $socket = IO::Socket::INET->new(
        PeerAddr => '127.0.0.1',
        PeerPort => $gateway->port,
        Proto    => 'tcp',
    ) or die "connect: $@";
    push @open, $socket;

    %header = (Host => 'localhost', Signature => signature($body),
        'Content-Type' => 'application/json',
        'Content-Length' => length $body, %header);

    print {$socket} "POST /reauth/webhook HTTP/1.1\r\n",
        (map { "$_: $header{$_}\r\n" }
            grep { defined $header{$_} } sort keys %header), "\r\n", $body;
    $socket->flush;

    my $raw = '';

    while (IO::Select->new($socket)->can_read($Reauth::Test::LIMIT)) {
        sysread $socket, $raw, 65536, length $raw or last;
        last if $raw =~ /\r\n\r\n.*\}\z/s;
    }

    return Reauth::Test::parse_answer($raw);
}

my $body  = event('accounts.otp_code_required', 'acct_1',
    started_at => started_at(-1));
my $key   = 'evt_' . 'a' x 40;

my $answer = deliver_to($body, 'X-OFAPI-Idempotency-Key' => $key,
    'X-OFAPI-Redelivery-Of' => 'evt_1');
is($answer->{status}, 200, 'a webhook is accepted');
is($answer->{body}, '{"received":true}', 'the response is that without a consumer');
is($answer->{headers}{connection}, 'close',
    'the connection is closed');

my $got = consumed();
my ($head, $sent) = split /\r\n\r\n/, $got, 2;

like($head, qr{^POST /consume HTTP/1}, 'the webhook is passed on');
is($sent, $body, 'the body is passed unchanged');
like($head, qr/^X-OFAPI-Idempotency-Key: $key\r?$/mi, 'the idempotency key is passed');
like($head, qr/^X-OFAPI-Redelivery-Of: evt_1\r?$/mi,
    'other headers are passed');
like($head, qr/^Signature: [0-9a-f]{64}\r?$/mi, 'the signature is passed');
like($head, qr/^Content-Type: application\/json\r?$/mi, 'the content type is passed');
like($head, qr/^X-Account: acct_1\r?$/m, '$reauth_account has a value');
like($head, qr/^X-State: needs_otp\r?$/m, '$reauth_state has a value');
like($head, qr/^X-Operation: webhook\r?$/m, '$reauth_operation has a value');

is(deliver_to($body)->{json}{duplicate}, JSON::PP::true, 'a repeated webhook is a duplicate');
is(consumed(0.3), '', 'a duplicate is not passed on');

is(deliver_to($body, Signature => '0' x 64)->{status}, 401, 'an invalid signature is rejected');
is(consumed(0.3), '', 'a rejected webhook is not passed on');

for my $other ('{"event":"messages.received","account_id":null}', 'no json') {
    is(deliver_to($other)->{status}, 200, 'a webhook that is not used is accepted');
    like(consumed(), qr/\r\n\r\n\Q$other\E\z/, 'a webhook that is not used is passed on');
}

my $large = event('messages.received', 'acct_1', text => 'x' x 200_000);

is(deliver_to($large)->{status}, 200, 'a large webhook is accepted');
is((split /\r\n\r\n/, consumed(), 2)[1], $large, 'a large webhook is passed completely');

is(deliver_to("7\r\nchunked\r\n4\r\n one\r\n0\r\n\r\n",
    'Signature' => signature('chunked one'), 'Transfer-Encoding' => 'chunked',
    'Content-Length' => undef)->{status}, 200, 'a chunked webhook is accepted');
like(consumed(), qr/^Content-Length: 11\r\n.*\r\n\r\nchunked one\z/ms,
    'a chunked webhook is passed with its length');

close $_ for splice @open;
close $consumer;

is(deliver_to(event('messages.received', 'acct_2'))->{status}, 200,
    'a webhook is accepted without a consumer');

$gateway->reload;
is(deliver_to(event('messages.received', 'acct_3'))->{status}, 200,
    'a webhook is accepted after a reload');

close $_ for splice @open;

unlike($gateway->error_log, qr/\[(?:alert|emerg)\]/, 'no alert is logged');

done_testing();
