# The audit log at its bound: nobody removes its own entry, or that of another
# caller, by further requests, however fast: acts are rejected until others are
# in Redis, repeated updates are entered once, incomplete requests are refusals.

use strict;
use warnings;

use IO::Socket::INET;
use Test::More;

use Reauth::H2 ();
use Reauth::Test sandbox_options => ['--hold'];

my $callers = callers_file(
    ['ops', 'operate'], ['own', 'operate accounts=acct_own*'],
    ['payouts', 'update'], ['noisy', 'update accounts=acct_own*']);

my $http2   = free_port();
my $gateway = gateway(log_level => 'warn',
    http_config => <<"EOC",
reauth_callers_file $callers;
server {
    listen 127.0.0.1:$http2 http2;
    location /reauth/ { reauth_status; }
}
EOC
    config => 'location = /reauth/metrics { reauth_metrics; }');

sub request {
    my ($method, $path, $caller, $body) = @_;

    return "$method $path HTTP/1.1\r\nHost: localhost\r\n"
        . "Authorization: Bearer token-of-$caller\r\n"
        . "Content-Type: application/json\r\nContent-Length: "
        . length($body) . "\r\n\r\n$body";
}

# Sends all requests at once; returns the responses.

sub pipeline {
    my (@requests) = @_;

    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1:' . $gateway->port)
        or die "connect: $!\n";

    print {$socket} @requests;

    my $got = '';
    while ((() = $got =~ m{HTTP/1\.1 \d}g) < @requests) {
        sysread $socket, $got, 65536, length $got or die "read: $!\n";
    }

    return split m{(?=HTTP/1\.1 \d)}, $got;
}

sub audit {
    my ($query) = @_;

    return $gateway->http('GET', "/reauth/audit?limit=1000&$query",
        { Authorization => 'Bearer token-of-ops' })->{json}{events};
}

sub override {
    my ($caller, $account, $reason) = @_;

    return request('PUT', "/reauth/accounts/$account/override", $caller,
        qq({"gate":"open","for":"10m","reason":"$reason"}));
}

sub length_of {
    my ($class) = @_;

    return redis_cli('XLEN', "{reauth}:audit:$class");
}

# ---- acts ----

like((pipeline(override('ops', 'acct_else', 'the other one')))[0], qr{^HTTP/1\.1 200},
    'a gate is opened by another operator');

my @answers = pipeline(override('own', 'acct_own1', 'this one'),
    (map { override('own', 'acct_own2', 'noise') } 1 .. 300),
    override('ops', 'acct_else2', 'meanwhile'));

like($answers[0], qr{^HTTP/1\.1 200}, 'an operator acts');
like(pop @answers, qr{^HTTP/1\.1 200}, 'the other operator can act meanwhile');

my @refused = grep { m{^HTTP/1\.1 429} } @answers;
my $done = @answers - @refused;

ok(@refused, 'the audit log has no room for all acts');
like($refused[0], qr/\r\nRetry-After: 1\r\n/, 'when to retry is told');
like($refused[0], qr/"TOO_MANY_REQUESTS".*audit log/, 'why is told');
is(@refused + (grep { m{^HTTP/1\.1 200} } @answers), @answers, 'no other status is sent');

ok(wait_for { length_of('acts') == 2 + $done } 'all acts are written to Redis');

is_deeply([map { "$_->{caller} $_->{reason}" } @{ audit('account=acct_own1') }],
    ['own this one'], 'the first one is in the log');
is_deeply([map { "$_->{caller} $_->{reason}" } @{ audit('account=acct_else') }],
    ['ops the other one'], 'the act of the other operator is in the log');

like($gateway->http('GET', '/reauth/metrics')->{body},
    qr/^reauth_limited_total\{limit="acts"\} ${\ scalar @refused}$/m,
    'rejected acts are counted');
like($gateway->error_log, qr/too many entries of the audit log are not in Redis; caller "own"/,
    'rejected acts are logged');
like((pipeline(override('own', 'acct_own1', 'again')))[0], qr{^HTTP/1\.1 200},
    'later, acts are possible again');

# the same over one connection of HTTP/2

my $h2 = Reauth::H2->connect_to($http2);

sub override2 {
    my ($caller, $account) = @_;

    return $h2->request('PUT', "/reauth/accounts/$account/override",
        { authorization => "Bearer token-of-$caller",
          'content-type' => 'application/json' },
        body => '{"gate":"open","for":"10m"}');
}

my @streams = $h2->at_once(sub {
    return ((map { override2('own', 'acct_own2') } 1 .. 100),
        override2('ops', 'acct_else3'));
});
my $answers = $h2->answers(\@streams);
my @statuses = map { $answers->{$_}{status} } @streams;

is(pop @statuses, 200, 'HTTP/2: the other operator can act meanwhile');
ok((grep { $_ == 429 } @statuses), 'HTTP/2: the audit log has no room for all acts');
is_deeply([grep { $_ != 429 && $_ != 200 } @statuses], [], 'HTTP/2: no other status is sent');

# ---- updates ----

sub renew {
    my ($caller, $account) = @_;

    return request('PUT', "/api/authenticate/$account/credentials", $caller,
        '{"email":"otp@example.com","password":"a"}');
}

like((pipeline(renew('payouts', 'acct_else')))[0], qr{^HTTP/1\.1 200}, 'an update is sent');
pipeline(renew('noisy', 'acct_own1'), map { renew('noisy', 'acct_own1') } 1 .. 300);

is_deeply([map { $_->{outcome} } @{ audit('caller=noisy') }], ['coalesced', 'accepted'],
    'repeated updates are entered once');
is_deeply([map { $_->{outcome} } @{ audit('caller=payouts') }], ['accepted'],
    'the update of another caller is in the log');

my $before = length_of('updates');

for (1 .. 40) {
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1:' . $gateway->port)
        or die "connect: $!\n";
    print {$socket} substr renew('noisy', 'acct_own3'), 0, -1;
}

ok(wait_for { my ($entry) = @{ audit('account=acct_own3') };
    $entry && $entry->{count} == 40 } 'incomplete requests are one entry');
is_deeply([map { $_->{outcome} } @{ audit('caller=payouts') }], ['accepted'],
    'the incomplete requests replace nothing');

# ---- more updates in a second than the gateway keeps ----

pipeline(map { renew('payouts', "acct_many$_") } 1 .. 60);
is(scalar(grep { $_->{account_id} =~ /many/ } @{ audit('caller=payouts') }), 60,
    'updates that were sent are all in the log');
ok(wait_for { length_of('updates') >= $before + 60 } 'the updates are in Redis');

done_testing();
