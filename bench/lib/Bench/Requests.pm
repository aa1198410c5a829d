package Bench::Requests;

# Single requests whose instructions are counted, and the gateway that they are
# sent to: 100,000 accounts are known, the gates of 1,000 of them are closed.

use strict;
use warnings;

use Exporter 'import';

use Digest::SHA qw(hmac_sha256_hex sha256_hex);
use POSIX qw(strftime);

use Bench::Accounts qw(account put_active put_ended);
use Bench::Callgrind qw(under);
use Bench::Gateways qw(ready reauth);
use Bench::Process qw($build write_file);

our @EXPORT_OK = qw($closed $known callers_file gateway %request
    token webhook);

our ($known, $closed) = (100_000, 1000);

# of a callers file; the module accepts no more
my $callers = 10_000;


sub expect {
    my ($answer, $status) = @_;

    die "$answer->{status} instead of $status\n"
        if $answer->{status} != $status;

    return;
}


sub call {
    my ($status, $account) = @_;

    return sub {
        my ($client, $i) = @_;

        return expect($client->get('/api/' . account($account->($i))
                . '/chats'), $status);
    };
}


# The token of a caller, as long as those of reauth-token.

sub token {
    my ($n) = @_;

    return sprintf 'rgw_%043d', $n;
}


# A directive for CALLERS: each caller may call all paths.

sub callers_file {
    my $path = write_file("$build/run/callers", join '',
        map { "caller_$_ sha256:" . sha256_hex(token($_)) . " all\n" }
            0 .. $callers - 1);

    return "reauth_callers_file $path;";
}


# A call through an open gate, with the token of one of a hundred callers, who
# have called before.

sub call_as {
    my ($client, $i) = @_;

    return expect($client->request('GET /api/'
            . account($closed + $i * 7919 % ($known - $closed))
            . "/chats HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer "
            . token($i % 100 * 97) . "\r\n\r\n"), 200);
}


sub put {
    my ($client, $i) = @_;

    return expect($client->put('/api/authenticate/' . account(50_000 + $i)
            . '/credentials', '{"auth_type":"email_password","email":'
            . qq("someone\@example.com","password":"secret-$i"})), 200);
}


# The same update again: its attempt is in progress.

sub repeat {
    my ($client) = @_;

    my $answer = $client->put('/api/authenticate/' . account(90_000)
            . '/credentials', '{"auth_type":"email_password","email":'
            . '"someone@example.com","password":"secret"}');

    return expect($answer, 200);
}


# The idempotency key, the signature and the body of a webhook.

sub webhook {
    my ($n, $account, $time) = @_;

    my $at = strftime('%Y-%m-%dT%H:%M:%S', gmtime $time)
        . sprintf '.%06dZ', $n % 1e6;
    my $body = '{"event":"accounts.authentication_failed","account_id":"'
        . account($account) . '","payload":{"state":'
        . '"authenticated","progress":"signed_in","latestAuthAttempt":{'
        . qq("started_at":"$at","completed_at":"$at","success":false,)
        . '"error_message":"Wrong email or password","error_code":'
        . '"INVALID_CREDENTIALS","needs_otp":false,"needs_face_otp":false,'
        . '"otp_phone_ending":null}}}';

    return (sprintf('evt_%040x', $n),
        hmac_sha256_hex($body, 'webhook-secret-for-benchmarks'), $body);
}


sub post_webhook {
    my ($client, $i) = @_;

    my ($key, $signature, $body) = webhook($i, 20_000 + $i, time - 60);

    return expect($client->request("POST /reauth/webhook HTTP/1.1\r\n"
            . "Host: 127.0.0.1\r\nContent-Type: application/json\r\n"
            . "Signature: $signature\r\nX-OFAPI-Idempotency-Key: $key\r\n"
            . 'Content-Length: ' . length($body) . "\r\n\r\n$body"), 200);
}


# named by status

sub status {
    my ($client, $i) = @_;

    return expect(
        $client->get('/reauth/accounts/' . account($i % $closed)), 200);
}

# An account that needs new credentials: with reauth_gate_failed, its first two
# calls are sent.

sub failed {
    my ($client, $i) = @_;

    return expect($client->get('/api/' . account($known + $i % 10) . '/dead'),
        401);
}

our %request = (
    open    => call(200, sub { $closed + $_[0] * 7919 % ($known - $closed) }),
    caller  => \&call_as,
    failed  => \&failed,
    closed  => call(503, sub { $_[0] % $closed }),
    update  => \&put,
    repeated => \&repeat,
    webhook => \&post_webhook,
    status  => \&status,
);


# A gateway under callgrind; without "redis" it knows no accounts.

sub gateway {
    my ($redis, %value) = @_;

    return reauth(UNDER => under('reauth'), %value) if !$redis;

    put_active($redis->{port}, 'b', 0, $closed);

    my $gateway = reauth(UNDER => under('reauth'), REDIS => $redis->{port},
        PREFIX => 'b', %value);
    ready($gateway);
    put_ended($redis->{port}, 'b', $gateway, $closed, $known - $closed,
        'whole');

    return $gateway;
}

1;
