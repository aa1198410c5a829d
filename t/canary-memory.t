# A request's secrets are not in the memory of the worker after its end, however
# it ended: each request has its own secrets, and the memory is searched before
# the next request can overwrite them.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use IO::Socket::IP ();
use JSON::PP ();
use Test::More;
use Time::HiRes qw(sleep);

use Reauth::Test sandbox_options => ['--step-ms', 50, '--stall-s', 8];
use Reauth::Canary;

plan skip_all => './run asan: its memory is too large to be searched'
    if defined $ENV{ASAN_OPTIONS};

if (my $hidden = Reauth::Test::memory_hidden()) {
    plan skip_all => $hidden;
}

my $number = 0;
my $gateway;

# of the request with this number

sub token    { return "canary-token-$number-7d10"; }
sub password { return "canary-pw-$number-7d10"; }
sub account  { return "acct_canary$number"; }

# in responses of the upstream
my @story = qw(csrf wsAuthToken wsUrl face upload masked-email ip);

my $callers = secret_file('callers', join('', map {
    "caller$_ sha256:" . sha256_hex("canary-token-$_-7d10") . " all\n" } 1 .. 99)
    . 'viewer sha256:' . sha256_hex('viewer') . " status\n", oct 644);

sub start {
    my ($name, @without) = @_;

    return gateway(name => $name, without => [@without], http_config => <<"EOC");
reauth_callers_file $callers;
reauth_update_wait 500ms;
proxy_read_timeout 5s;
map \$uri \$of_the_configuration { default control-canary-2d9f; }
EOC
}

sub body {
    my ($story, %more) = @_;

    return JSON::PP->new->canonical->encode({
        email => "$story\@example.com", password => password(), %more });
}

sub update_path { return '/api/authenticate/' . account() . '/credentials'; }

sub ask {
    my ($method, $path, $body, %header) = @_;

    return $gateway->http($method, $path, {
        'Authorization' => 'Bearer ' . token(),
        'Content-Type'  => 'application/json',
        %header,
    }, $body);
}

# Sent by another client, whose token is not a secret of this request.

sub state_of {
    return ask('GET', '/reauth/accounts/' . account(), undef,
        Authorization => 'Bearer viewer')->{json}{state} // 'none';
}

sub put { return ask('PUT', update_path(), @_)->{status}; }


# Sends the header, and the parts of the body; "close" closes the connection.

sub send_parts {
    my ($header, @parts) = @_;

    my $socket = IO::Socket::IP->new(PeerHost => '127.0.0.1',
        PeerPort => $gateway->port, Timeout => $Reauth::Test::LIMIT) or die "connect: $@\n";

    local $SIG{PIPE} = 'IGNORE';
    local $SIG{ALRM} = sub { die "no answer\n" };

    my $hang_up = @parts && $parts[-1] eq 'close' && pop @parts;

    print {$socket} 'PUT ', update_path(), " HTTP/1.1\r\nHost: localhost\r\n",
        "Content-Type: application/json\r\nAuthorization: Bearer ", token(),
        "\r\n$header\r\n\r\n", shift @parts;

    for my $part (@parts) {
        sleep 0.03;
        $socket->flush;
        print {$socket} $part;
    }

    $socket->flush;

    if ($hang_up) {
        sleep 0.2;
        close $socket;
        return 'hung up';
    }

    my $text = '';
    alarm $Reauth::Test::LIMIT;
    1 while sysread $socket, $text, 65536, length $text;
    alarm 0;

    return join ' ', $text =~ m{HTTP/1\.1 (\d+)}g;
}

sub chunks {
    my ($size, $body) = @_;

    return (map { sprintf "%x\r\n%s\r\n", length, $_ }
        $body =~ /(.{1,$size})/gs), "0\r\n\r\n";
}

sub length_of { return 'Content-Length: ' . length $_[0]; }

my $close = "\r\nConnection: close";

my @requests = (
    ['an update', 200, sub { put(body('ok')) }],
    ['repeated', 200, sub { put(body('ok')); put(body('ok')) }],
    ['raw_data', 200, sub { put(JSON::PP::encode_json({
        auth_type => 'raw_data', auth_id => 'ok', xbc => 'x' . password(),
        user_agent => password(), cookies => 'sess=' . password() x 200 })) }],
    ['fields that are dropped, 60 KB', 200,
        sub { put(body('ok', more => password() x 2_000)) }],
    ['in pieces', 200, sub { my $body = body('ok');
        send_parts(length_of($body) . $close, $body =~ /(.{1,20})/gs) }],
    ['in chunks', 200, sub {
        send_parts("Transfer-Encoding: chunked$close",
            chunks(30, body('ok'))) }],
    ['in chunks, at once', 200, sub {
        send_parts("Transfer-Encoding: chunked$close",
            join '', chunks(60, body('ok'))) }],
    ['behind a large header', 200, sub { my $body = body('ok');
        send_parts('X: ' . 'x' x 3_000 . "\r\n" . length_of($body) . $close,
            $body) }],
    ['a start', 200, sub { ask('POST', '/api/authenticate', body('ok'))
        ->{status} }],
    ['a deeplink', 200, sub { put('{"auth_type":"mobile_app"}') }],
    ['a poll', 200, sub {
        my $id = ask('PUT', update_path(), body('ok'))->{json}{attempt_id};
        wait_for { ask('GET', '/reauth/accounts/' . account())->{json}{state}
            eq 'succeeded' || ask('GET', "/api/authenticate/$id") && 0 };
        ask('GET', "/api/authenticate/$id")->{status} }],
    ['a code', 200, sub {
        my $id = ask('PUT', update_path(),
            '{"email":"otp@example.com","password":"x"}')->{json}{attempt_id};
        wait_for { ask('GET', '/reauth/accounts/' . account())->{json}{state}
            eq 'needs_otp' || ask('GET', "/api/authenticate/$id") && 0 };
        ask('PUT', "/api/authenticate/$id", JSON::PP::encode_json(
            { code => password() }))->{status} }],
    ['fields that are wrong', 422, sub { put(body('ok', email => 7)) }],
    ['no JSON', 400, sub { put(body('ok') . 'x') }],
    ['another type', 415,
        sub { put(body('ok'), 'Content-Type' => 'text/plain') }],
    ['nobody\'s token', 401, sub {
        put(body('ok'), Authorization => 'Bearer x' . token()) }],
    ['one without the scope', 403,
        sub { put(body('ok'), Authorization => 'Bearer viewer') }],
    ['another path', 404, sub {
        ask('POST', '/api/authenticate/acct_1/nowhere', body('ok'))->{status} }],
    ['another method', 405,
        sub { ask('DELETE', update_path(), body('ok'))->{status} }],
    ['a call to a closed gate', 503, sub {
        ask('PUT', update_path(), '{"email":"otp@example.com","password":"x"}');
        ask('POST', '/api/' . account() . '/x', body('ok'))->{status} }],
    ['a call of nobody', 401, sub { ask('POST', '/api/' . account() . '/x',
        body('ok'), Authorization => 'Bearer x' . token())->{status} }],
    ['while another is being sent', 409, sub {
        my $other = '{"email":"stall@example.com","password":"x"}';
        my $pid = fork // die "fork: $!\n";
        if (!$pid) { put($other); POSIX::_exit(0); }
        wait_for { state_of() eq 'starting' } 'the other';
        my $status = put(body('ok'));
        waitpid $pid, 0;
        $status }],
    ['an upstream that is down', 502, sub { put(body('down')) }],
    ['an upstream that does not answer', 504, sub { put(body('stall')) }],
    ['an upstream that refuses', 429, sub { put(body('limit')) }],
    ['hung up in the body', 'hung up', sub { my $body = body('ok');
        send_parts(length_of("$body more"), $body, 'close') }],
    ['hung up behind it', 'hung up', sub { my $body = body('stall');
        my $status = send_parts(length_of($body), $body, 'close');
        wait_for { state_of() eq 'unknown' } 'the upstream\'s time to be up';
        $status }],
);

for my $name ('redis', 'none') {
    $gateway = start($name, $name eq 'none' ? 'reauth_redis' : ());

    my ($worker) = $gateway->worker_pids;

    for my $request (@requests) {
        my ($what, $status, $send) = @$request;

        $number++;
        is($send->(), $status, "$name: $what: $status");

        my %secret = (control => 'control-canary-2d9f', token => token(),
            password => password(), deeplink => 'CANARYdeeplink',
            'API key' => $Reauth::Test::API_KEY,
            map { $_ => "CANARY-$_" } @story);
        my $found;

        # some until the connection is closed, which the worker may notice later
        wait_for {
            my ($memory) = Reauth::Canary::memory_of($worker);

            $found = join ' ', look_for(\%secret, $memory);
            return $found eq 'control';
        };

        is($found, 'control',
            'the memory of the request has none of its secrets');
    }

    $gateway->stop;
}

done_testing();
