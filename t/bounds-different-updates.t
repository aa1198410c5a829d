# While an update is being sent, a few different ones of the account can wait;
# all others are rejected at once.  Waiting updates are sent in the order of
# arrival.

use strict;
use warnings;

use IO::Socket::INET ();
use JSON::PP ();
use Test::More;
use Time::HiRes qw(sleep);

use Reauth::H2 ();
use Reauth::Peer ();
use Reauth::Stream ();
use Reauth::Test redis => 0, sandbox => 0;

my $FLOOD  = 1000;
my $PLACES = 4;

my $go = work_dir() . '/go';

my $peer = Reauth::Peer->start(sub {
    my ($request) = @_;

    return Reauth::Peer::response('200 OK', '{}') if $request !~ /\APUT /;

    my ($account) = $request =~ m{/authenticate/(\w+)/};
    my ($number)  = $request =~ /"password":"CANARY-(\d+)"/;

    open my $out, '>>', "$go-$account-sent" or die;
    syswrite $out, "$number\n";
    close $out;

    if ($number == 0) {
        alarm 5 * $Reauth::Test::LIMIT;
        sleep 0.05 while !-e "$go-$account";
    }

    return Reauth::Peer::accepted("auth_${account}_$number");
});

my $gateway = gateway(
    workers     => 2,
    listen      => 'http2',
    config      => 'location = /reauth/metrics { reauth_metrics; }',
    http_config => "reauth_wait_max 2000;\nreauth_update_wait 300s;\n"
        . "http2_max_concurrent_streams 2000;\nkeepalive_requests 2000;\n"
        . 'upstream fans_api { server 127.0.0.1:' . $peer->port . '; }');
my $plain = gateway(
    name        => 'plain',
    workers     => 2,
    counted     => 1,
    config      => 'location = /reauth/metrics { reauth_metrics; }',
    http_config => "reauth_wait_max 2000;\nreauth_update_wait 300s;\n"
        . "keepalive_requests 2000;\n"
        . 'upstream fans_api { server 127.0.0.1:' . $peer->port . '; }');

sub path { return "/api/authenticate/$_[0]/credentials"; }

sub body { return qq({"email":"a\@example.com","password":"CANARY-$_[0]"}); }

# by protocol of the gateway

sub ask {
    my ($of, $method, $path, @rest) = @_;

    return $of->http($method, $path, @rest) if $of == $plain;

    my ($headers, $body) = @rest;
    my $h2     = Reauth::H2->connect_to($of->port);
    my $answer = $h2->answer($h2->request($method, $path,
        { map { lc $_ => $headers->{$_} } keys %{ $headers || {} } },
        defined $body ? (body => $body) : ()));

    $h2->close;
    $answer->{json} = eval { JSON::PP::decode_json($answer->{body}) };

    return $answer;
}

my %json = ('Content-Type' => 'application/json');

sub refused {
    my ($of) = @_;

    return ask($of, 'GET', '/reauth/metrics')->{body}
        =~ /^reauth_limited_total\{limit="different_updates"\} (\d+)$/m
        ? $1 : -1;
}

sub sent {
    my ($account) = @_;

    my $file = "$go-$account-sent";

    return -e $file ? split /\n/, Reauth::Test::slurp($file) : ();
}

sub state_of {
    my ($of, $account) = @_;

    return ask($of, 'GET', "/reauth/accounts/$account")->{json} || {};
}

# checks after the flood, and the next update

sub flooded {
    my ($of, $account, $answers) = @_;

    my %seen;
    $seen{ $_->{status} }++ for @$answers;

    is_deeply(\%seen, { 409 => $FLOOD - $PLACES },
        "$account: all but $PLACES are refused, while one is sent");
    is((grep { $_->{body} =~ /"error":"UPDATE_IN_PROGRESS"/ } @$answers),
        $FLOOD - $PLACES, "$account: the error is UPDATE_IN_PROGRESS");
    is(refused($of), $FLOOD - $PLACES,
        "$account: the refused updates are counted");
    is((() = $of->error_log
        =~ /\[warn\].*"$account" rejected: $PLACES different updates/g),
        $FLOOD - $PLACES, "$account: the refused updates are logged");
    unlike($of->error_log, qr/CANARY/, "$account: the log has no credentials");
    is_deeply([sent($account)], [0], 'nothing else is sent meanwhile');

    is(ask($of, 'PUT', path("${account}_other"), \%json, body(7))->{status},
        200,
        "$account: an update of a different account is accepted");

    Reauth::Test::write_file("$go-$account", '');

    return;
}

sub settled {
    my ($of, $account, @statuses) = @_;

    is_deeply(\@statuses, [(200) x ($PLACES + 1)],
        "$account: updates that wait are sent");
    is_deeply([sent($account)], [0 .. $PLACES],
        "$account: updates that wait are sent in the order of arrival");
    is(state_of($of, $account)->{attempt_id}, "auth_${account}_$PLACES",
        'the last one counts');

    is(ask($of, 'PUT', path($account), \%json, body($PLACES))->{status}, 200,
        "$account: the last update is coalesced");
    is_deeply([sent($account)], [0 .. $PLACES],
        "$account: the last update is not sent again");
    is(ask($of, 'PUT', path($account), \%json, body(1))->{status}, 200,
        "$account: an older update is accepted");
    is_deeply([sent($account)], [0 .. $PLACES, 1],
        "$account: an older update is sent again");

    return;
}

# HTTP/1.1

my $first = Reauth::Stream->open($plain, 'PUT', path('acct_1'), \%json, body(0));
ok(wait_for { sent('acct_1') } 'the first one is being sent');

# one after the other, so that their order is known

my @waiting = map {
    my $stream = Reauth::Stream->open($plain, 'PUT', path('acct_1'), \%json,
        body($_));
    $plain->works_at(1 + $_);
    $stream
} 1 .. $PLACES;

# on one connection, a waiting request would delay the others

my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
    PeerPort => $plain->port) or die "connect: $!\n";
my ($text, @answers) = ('');

alarm 5 * $Reauth::Test::LIMIT;

for my $number ($PLACES + 1 .. $FLOOD) {
    my $body = body($number);

    syswrite $socket, 'PUT ' . path('acct_1') . " HTTP/1.1\r\nHost: x\r\n"
        . "Content-Type: application/json\r\nContent-Length: "
        . length($body) . "\r\n\r\n$body";

    sysread $socket, $text, 65536, length $text or last
        while $text !~ /\r\n\r\n.*\}\z/s;

    push @answers, Reauth::Test::parse_answer($text);
    $text = '';
}

alarm 0;

flooded($plain, 'acct_1', \@answers);
settled($plain, 'acct_1', map { $_->finish->{status} } $first, @waiting);

# HTTP/2, on one connection

my $h2 = Reauth::H2->connect_to($gateway->port);

sub put {
    my ($account, $number) = @_;

    return $h2->request('PUT', path($account),
        { 'content-type' => 'application/json' }, body => body($number));
}

sub is_waiting { return !$h2->answers([$_[0]], 0.2)->{$_[0]}{status}; }

my @streams = put('acct_2', 0);
ok(wait_for { sent('acct_2') } 'HTTP/2: the first one is being sent');

for my $number (1 .. $PLACES) {
    push @streams, put('acct_2', $number);
    ok(is_waiting($streams[-1]), "update $number waits for the first one");
}

my @refused;

for (my $number = $PLACES + 1; $number <= $FLOOD; $number += 83) {
    my @batch = map { put('acct_2', $_) }
        $number .. ($number + 82 < $FLOOD ? $number + 82 : $FLOOD);

    push @refused, values %{ $h2->answers(\@batch) };
}

flooded($gateway, 'acct_2', \@refused);

my $answers = $h2->answers(\@streams);
settled($gateway, 'acct_2', map { $answers->{$_}{status} } @streams);

# one client closes: its place is free, the order of others is unchanged

$h2->close;
$first = Reauth::Stream->open($plain, 'PUT', path('acct_3'), \%json, body(0));
ok(wait_for { sent('acct_3') } 'an update of acct_3 is being sent');

@waiting = map {
    my $stream = Reauth::Stream->open($plain, 'PUT', path('acct_3'), \%json,
        body($_));
    $plain->works_at(1 + $_);
    $stream
} 1 .. $PLACES;

is($plain->http('PUT', path('acct_3'), \%json, body(9))->{status}, 409,
    'no place is free');

my @equal = map { Reauth::Stream->open($plain, 'PUT', path('acct_3'), \%json,
    body(2)) } 1 .. 3;
$plain->works_at(1 + $PLACES + @equal);
ok($_->is_open, 'an identical one needs none') for @equal;

$waiting[0]->close;
$plain->works_at($PLACES + @equal);

my $late = Reauth::Stream->open($plain, 'PUT', path('acct_3'), \%json, body(5));
ok($plain->works_at(1 + $PLACES + @equal),
    'a place is free when a waiting update is abandoned');
ok($late->is_open, 'the next update takes the free place');

Reauth::Test::write_file("$go-acct_3", '');
is($_->finish->{status}, 200, 'each update that waited gets a response')
    for $first, @waiting[1 .. $#waiting], @equal, $late;
is_deeply([sent('acct_3')], [0, 2, 3, 4, 5], 'each is sent once, in order');

unlike($_->error_log, qr/\[(?:error|crit|alert|emerg)\]/, 'nothing else is said')
    for $plain, $gateway;

done_testing();
