# A signed webhook in every HTTP encoding, and invalid signatures that resemble
# valid ones.

use strict;
use warnings;

use IO::Socket::IP ();
use MIME::Base64 ();
use Test::More;
use Time::HiRes qw(sleep);

use Reauth::Test redis => 0, sandbox => 0;
use Reauth::Webhook;

my $config = 'location = /reauth/webhook {
    reauth_webhook $TEST_NGINX_WEBHOOK_SECRET; }';

my $gateway = gateway(config => $config,
    http_config => 'large_client_header_buffers 4 16k;');
my $impatient = gateway(name => 'impatient',
    config => "$config client_body_timeout 1s;");

my $n = 0;

sub fresh {
    return event('accounts.otp_code_required', 'acct_' . ++$n,
        started_at => started_at(-1));
}


# Sends the parts one after the other; returns the first lines of the responses.

sub raw {
    my (@parts) = @_;

    my $to     = ref $parts[0] ? shift @parts : $gateway;
    my $socket = IO::Socket::IP->new(PeerHost => '127.0.0.1',
        PeerPort => $to->port, Timeout => $Reauth::Test::LIMIT) or die "connect: $@\n";

    local $SIG{PIPE} = 'IGNORE';

    for my $part (@parts) {
        print {$socket} $part;
        $socket->flush;
        sleep 0.02 if @parts > 1;
    }

    my $text = '';
    local $SIG{ALRM} = sub { die "no answer\n" };
    alarm $Reauth::Test::LIMIT;
    1 while sysread $socket, $text, 65536, length $text;
    alarm 0;

    return join ' ', $text =~ m{HTTP/1\.1 (\d+)}g;
}

sub head {
    my (@lines) = @_;

    return join "\r\n", 'POST /reauth/webhook HTTP/1.1', 'Host: localhost',
        'Connection: close', 'Content-Type: application/json', @lines, '', '';
}

sub chunked {
    my ($size, $body) = @_;

    return (map { sprintf "%x\r\n%s\r\n", length, $_ }
        $body =~ /(.{1,$size})/gs), "0\r\n\r\n";
}

sub known {
    my ($at) = @_;

    return ($at // $gateway)->http('GET', "/reauth/gate/acct_$n")->{status};
}

# ---- encodings of the body ----

my $body = fresh();
my $sign = 'Signature: ' . signature($body);

is(raw(head($sign, 'Content-Length: ' . length $body), split //, $body), 200,
    'a webhook that is sent one byte at a time is accepted');
is(known(), 503, 'a webhook sent one byte at a time is applied');

$body = fresh();
$sign = 'Signature: ' . signature($body);
is(raw(head($sign, 'Transfer-Encoding: chunked'), chunked(7, $body)), 200,
    'a webhook in small chunks is accepted');
is(known(), 503, 'a webhook in small chunks is applied');

$body = fresh();
$sign = 'Signature: ' . signature($body);
is(raw(join '', head($sign, 'Transfer-Encoding: chunked'),
    chunked(1, $body)), 200, 'a webhook in chunks of one byte is accepted');
is(known(), 503, 'a webhook in chunks of one byte is applied');
is(raw(join '', head($sign, 'Transfer-Encoding: chunked'),
    chunked(100, $body)), 200, 'a webhook in larger chunks is accepted');

my $large = 'x' x 262_144;
is(raw(join '', head('Signature: ' . signature($large),
    'Transfer-Encoding: chunked'), chunked(5_000, $large)), 200,
    'a webhook of the maximum size is accepted in chunks');
is(raw(join '', head('Signature: ' . signature("${large}x"),
    'Transfer-Encoding: chunked'), chunked(5_000, "${large}x")), 413,
    'a webhook that is a byte larger is rejected');

$body = fresh();
$sign = 'Signature: ' . signature($body);
is(raw($impatient, head($sign, 'Content-Length: ' . length $body),
    substr $body, 0, -1) =~ s/408//r, '', 'the last byte does not come');
is(known($impatient), 204, 'does not count');
is(raw(join '', head($sign, 'Content-Length: ' . (1 + length $body)),
    $body, ' '), 401, 'a webhook with a further byte is rejected');
is(raw(join '', head($sign, 'Content-Length: ' . (length($body) - 1)), $body),
    401, 'a length that is too small');
is(raw(join '', head('Signature: ' . signature($body), 'Content-Length: '
    . length $body, 'Transfer-Encoding: chunked'), chunked(100, $body)), 400,
    'a webhook with both lengths is rejected');
is(raw(join '', head($sign, 'Expect: 100-continue', 'Content-Length: '
    . length $body), $body) =~ s/^100 //r, 200,
    'a webhook with Expect: 100-continue is accepted');
is(known(), 503, 'a webhook with Expect: 100-continue is applied');

# two on a connection: each has its own signature

my @two = (fresh(), fresh());
my @heads = map { "POST /reauth/webhook HTTP/1.1\r\nHost: localhost\r\n"
    . "Signature: $_->[0]\r\nContent-Length: " . length($_->[1])
    . "\r\n\r\n$_->[1]" } [ signature($two[0]), $two[0] ],
    [ signature($two[0]), $two[1] ];
is(raw(@heads, "GET / HTTP/1.0\r\n\r\n") =~ s/ \d+\z//r, '200 401',
    'a signature is not valid for the next webhook of a connection');

# ---- forms of the signature ----

my $hex;

for my $case (
    ['of another secret'    => sub { signature($body, 'another') }],
    ['of the empty secret'  => sub { '0' x 64 }],
    ['with a time'          => sub { "t=1700000000,v1=$hex" }],
    ['v1='                  => sub { "v1=$hex" }],
    ['many'                 => sub { join ',', map { "v1=$_" } (('0' x 64) x 9,
                                     $hex) }],
    ['a list'               => sub { '0' x 64 . ", $hex" }],
    ['a list of itself'     => sub { "$hex, $hex" }],
    ['two prefixes'         => sub { "sha256=sha256=$hex" }],
    ['another prefix'       => sub { "sha1=$hex" }],
    ['a blank after it'     => sub { "sha256= $hex" }],
    ['a blank inside'       => sub { substr($hex, 0, 32) . ' '
                                     . substr $hex, 32 }],
    ['in quotes'            => sub { qq("$hex") }],
    ['0x'                   => sub { "0x$hex" }],
    ['half of it'           => sub { substr $hex, 0, 32 }],
    ['twice'                => sub { $hex x 2 }],
    ['an invalid digit' => sub { $hex =~ s/.\z/g/r }],
    ['a digit changed'      => sub { $hex =~ s/(.)\z/$1 eq '0' ? 1 : 0/er }],
    ['base64'               => sub { my $t = pack 'H*', $hex;
                                     MIME::Base64::encode_base64($t, '') }],
    ['raw'                  => sub { join '', map { sprintf '%%%02x', $_ }
                                     unpack 'C*', pack 'H*', $hex }],
    ['15 KB'                => sub { $hex . 'a' x 15_000 }],
    ['15 KB of blanks in'   => sub { 'sha256=' . ' ' x 15_000 . $hex }])
{
    my ($what, $value) = @$case;

    $body = fresh();
    $hex  = signature($body);
    is(raw(join '', head('Signature: ' . $value->(), 'Content-Length: '
        . length $body), $body), 401,
        "a webhook with an invalid signature is rejected: $what");
    is(known(), 204, 'does not count');
}

$hex = signature($body = fresh());
is(raw(join '', head('Signature: ' . ' ' x 10_000 . $hex . "\t" x 3_000,
    'Content-Length: ' . length $body), $body), 200,
    'blanks around a signature are ignored');
is(raw(join '', head('Signature: ' . $hex . 'a' x 40_000, 'Content-Length: '
    . length $body), $body), 400, 'a signature of 40 KB is rejected');

# duplicate headers: the first one counts

$hex = signature($body = fresh());
is(raw(join '', head("Signature: $hex", "signature: $hex", 'Content-Length: '
    . length $body), $body), 200,
    'a webhook with two identical signatures is accepted');
is(known(), 503, 'a webhook with two identical signatures is applied');

for my $case ([0, 401], [1, 200]) {
    my ($first, $status) = @$case;

    $hex = signature($body = fresh());
    my @values = ('0' x 64, $hex);

    is(raw(join '', head("Signature: $values[$first]",
        "Signature: $values[1 - $first]", 'Content-Length: ' . length $body),
        $body), $status,
        "a webhook with a valid and an invalid signature gets $status");
}

for my $name ('X-Signature', 'Signature_', 'X-OFAPI-Signature',
    'X-Hub-Signature-256')
{
    $hex = signature($body = fresh());
    is(raw(join '', head("$name: $hex", 'Content-Length: ' . length $body),
        $body), 401, "$name is invalid");
}

# ---- again ----

sub repeated {
    my ($body, %header) = @_;

    return deliver($gateway, $body, %header)->{json}{duplicate} ? 1 : 0;
}

$body = fresh();
is(repeated($body, 'X-OFAPI-Idempotency-Key' => 'evt_1'), 0,
    'a new webhook is no duplicate');
is(repeated($body, 'X-OFAPI-Idempotency-Key' => 'evt_2'), 1,
    'a repeated body with another key is a duplicate');
is(repeated(fresh(), 'X-OFAPI-Idempotency-Key' => 'evt_1'), 0,
    'a different body with the same key is new');
is(known(), 503, 'a different body with the same key is applied');
is(repeated($body, Signature => uc signature($body)), 1,
    'a repeated body with another form of the signature is a duplicate');

done_testing();
