# One caller can use at most half of the places for waiting requests of each
# kind; others are not affected.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Test::More;
use Time::HiRes qw(sleep);

use Reauth::H2 ();
use Reauth::Peer ();
use Reauth::Stream ();
use Reauth::Test redis => 0, sandbox => 0;

my $go = work_dir() . '/go';

my $peer = Reauth::Peer->start(sub {
    my ($request) = @_;

    return Reauth::Peer::response('200 OK', '{}') if $request !~ /\APUT /;

    if ($request =~ /acct_2/) {
        alarm 5 * $Reauth::Test::LIMIT;
        sleep 0.05 while !-e $go;
    }

    return Reauth::Peer::accepted('auth_' . int rand 1e9);
});

my $file = secret_file('callers', join '',
    map { "$_ sha256:" . sha256_hex("token of $_") . " all\n" }
    qw(greedy other third));

my %argument = (
    http_config => "reauth_callers_file $file;\nreauth_wait_max 4;\n"
        . "reauth_update_wait 300s;\nreauth_gate_hold 300s;\n"
        . 'upstream fans_api { server 127.0.0.1:' . $peer->port . '; }',
    config      => 'location = /reauth/metrics { reauth_metrics; }');

my $gateway = gateway(%argument);
my $h2_gateway = gateway(%argument, name => 'h2', listen => 'http2');

my $BODY = '{"email":"a@example.com","password":"x"}';

# request, status beyond the limit

my %kind = (
    'status requests' => [503, 'GET', '/reauth/accounts/acct_1?wait=60s'],
    'event streams'   => [503, 'GET', '/reauth/events'],
    'held calls'      => [503, 'GET', '/api/acct_1/x', { prefer => 'wait=300' }],
    'updates'         => [409, 'PUT', '/api/authenticate/acct_2/credentials',
        { 'content-type' => 'application/json' }, $BODY],
);

sub plain {
    my ($caller, $method, $path, $headers, $body) = @_;

    return Reauth::Stream->open($gateway, $method, $path,
        { %{ $headers || {} }, Authorization => "Bearer token of $caller" },
        $body);
}

# The only worker has read a request before it answers a later one, and refuses
# it at once, or not at all.

sub waits {
    my ($stream) = @_;

    $gateway->http('GET', '/reauth/healthz');
    sleep 0.1;

    return $stream->is_open;
}

my @first = (plain('third', 'PUT', '/api/authenticate/acct_1/credentials',
        { 'Content-Type' => 'application/json' }, $BODY),
    plain('third', 'PUT', '/api/authenticate/acct_2/credentials',
        { 'Content-Type' => 'application/json' }, $BODY));
is($first[0]->finish->{status}, 200, 'a login is in progress');
ok(wait_for { grep { /PUT \S*acct_2/ } $peer->requests }
    'an update of a second account is being sent');

my $refused = 0;

for my $kind (sort keys %kind) {
    my ($status, @request) = @{ $kind{$kind} };
    my @open;

    # places of the previous kind may not be free yet

    ok(wait_for {
        push @open, plain('greedy', @request);
        pop @open if !waits($open[-1]);
        @open == 2;
    } "$kind: the caller takes half of the places");

    is(plain('greedy', @request)->finish->{status}, $status,
        'a further request of this caller is refused');
    $refused++;

    my @others = map { plain($_, @request) } qw(other third);
    ok(waits($_), 'requests of other callers wait') for @others;
    is(plain('other', @request)->finish->{status}, $status,
        'until all places are taken');

    $_->close for @open, @others;
}

# each kind has its own places

{
    my ($status, $held) = map { [ @{ $kind{$_} }[1 .. $#{ $kind{$_} }] ] }
        'status requests', 'held calls';
    my @open;

    ok(wait_for {
        push @open, plain('greedy', @$status);
        pop @open if !waits($open[-1]);
        @open == 2;
    } 'the caller takes half of the places for status requests');
    ok(wait_for {
        push @open, plain('greedy', @$held);
        waits($open[-1]) && 2 == grep { $_->is_open } @open[0, 1];
    } 'do not count for held calls');

    $_->close for @open;
}

like($gateway->error_log, qr/\[warn\].*reauth: 2 \Q$_\E of caller "greedy" are waiting/,
    "a rejected request of $_ is logged") for 'held calls', 'status requests',
    'updates';
like($gateway->http('GET', '/reauth/metrics')->{body},
    qr/^reauth_limited_total\{limit="waiting_caller"\} [1-9]/m,
    'rejected requests are counted');

# HTTP/2: on one connection

sub ask {
    my ($h2, $caller, $method, $path, $headers, $body) = @_;

    return $h2->request($method, $path,
        { %{ $headers || {} }, authorization => "Bearer token of $caller" },
        defined $body ? (body => $body) : ());
}

# The statuses of requests of one connection, which are read in their order, as
# soon as the function, which gets them, returns true; 0: no response.

sub statuses {
    my ($h2, $streams, $function) = @_;

    my %status = map { $_ => 0 } @$streams;

    wait_for {
        my $answers = $h2->answers($streams, 0.5);

        $status{$_} ||= $answers->{$_}{status} for @$streams;
        $function->(@status{@$streams});
    } 'responses';

    return @status{@$streams};
}

my $h2 = Reauth::H2->connect_to($h2_gateway->port);
is($h2->answer(ask($h2, 'third', 'PUT', '/api/authenticate/acct_1/credentials',
    { 'content-type' => 'application/json' }, $BODY))->{status}, 200,
    'HTTP/2: a login is in progress');

my $sent = ask($h2, 'third', 'PUT', '/api/authenticate/acct_2/credentials',
    { 'content-type' => 'application/json' }, $BODY);
ok(wait_for { 2 == grep { /PUT \S*acct_2/ } $peer->requests }
    'HTTP/2: another is being sent');

for my $kind (sort keys %kind) {
    my ($status, @request) = @{ $kind{$kind} };
    my $greedy = Reauth::H2->connect_to($h2_gateway->port);

    # of an event stream, the response begins at once
    my $waits = $kind eq 'event streams' ? 200 : 0;

    my @open = map { ask($greedy, 'greedy', @request) } 1 .. 8;
    my %seen;

    $seen{$_}++ for statuses($greedy, \@open,
        sub { return 6 == grep { $_ == $status } @_ });
    is_deeply(\%seen, { $waits => 2, $status => 6 }, "HTTP/2, $kind: two wait");

    my @others = map { ask($h2, $_, @request) } qw(other third);
    my ($other, $third, $more) = statuses($h2,
        [@others, ask($h2, 'other', @request)], sub { return $_[2] });
    is_deeply([$other, $third], [$waits, $waits],
        'HTTP/2: requests of other callers wait');
    is($more, $status, 'until all places are taken');

    $h2->cancel($_) for @others;
    $greedy->close;

    # the same kind or one that shares its places is next

    ok(wait_for {
        my $one   = ask($h2, 'other', @request);
        my $again = $h2->answer($one, 0.5)->{status} == $waits;
        $h2->cancel($one);
        $again;
    } 'HTTP/2: places of closed requests are free again');
}

# all places are released

for my $n (1 .. 20) {
    my $stream = plain('greedy', @{ $kind{'status requests'} }[1 .. 2]);
    sleep 0.02;
    $stream->close;
}

ok(wait_for {
    my $stream = plain('greedy', @{ $kind{'status requests'} }[1 .. 2]);
    my $waits  = waits($stream);
    $stream->close;
    $waits;
} 'the place of a closed request is free again');

Reauth::Test::write_file($go, '');
is($first[1]->finish->{status}, 200, 'the first update is answered');
is($h2->answer($sent)->{status}, 200, 'HTTP/2: so is that');

done_testing();
