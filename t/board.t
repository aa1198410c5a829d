# The board in Chromium, as it is shipped, with 10,000 accounts and a gateway
# that requires tokens.  tests/board/board.mjs operates the browser; "./run
# board" installs what it needs.

use strict;
use warnings;

use Cwd ();
use Digest::SHA qw(sha256_hex);
use IO::Socket::INET;
use JSON::PP ();
use Test::More;

my ($node, $chromium) = map {
    my $name = $_;
    (grep { -x } map {"$_/$name"} split /:/, $ENV{PATH})[0];
} qw(node chromium);
my $modules = 'build/board/node_modules';

plan skip_all => 'no Chromium, Node or playwright-core here: ./run board'
    if !$node || !$chromium || !-d "$modules/playwright-core";

require Reauth::Test;
Reauth::Test->import(sandbox_options => ['--step-ms', '300', '--slow-ms', '600000']);
require Reauth::Shipped;
require Reauth::Webhook;
Reauth::Webhook->import;

my $root     = Cwd::getcwd();
my $accounts = $ENV{REAUTH_BOARD_ACCOUNTS} || 10_000;

# ---- the gateway ----

my $callers = Reauth::Test::secret_file('callers', join '', map {"$_\n"}
    'night sha256:' . sha256_hex('token-of-the-night-shift-000001') . ' update,attempt,call,status,operate',
    'crm sha256:' . sha256_hex('token-of-the-crm-00000000000003') . ' call budget=5/h',
    'reader sha256:' . sha256_hex('token-of-a-dashboard-0000000002') . ' status');

my $gateway = Reauth::Shipped->start('conf/nginx.conf', upstream => $ENV{TEST_NGINX_SANDBOX_PORT},
    replace => [
        [qr/(?=^ +reauth_poll )/m, "reauth_callers_file $callers;\n"],
        [qr/accounts:32m/, 'accounts:64m'],
        [qr/(?=^ +# for Prometheus)/m, "location = /reauth/webhook { reauth_webhook $ENV{TEST_NGINX_WEBHOOK_SECRET}; }\n"],
        [qr/reauth_poll on \/upstream/, "reauth_heal on delay=30m;\nreauth_poll on /upstream interval=200ms rate=600r/m"],
    ]);

# ---- accounts whose logins have ended: webhooks, a hundred on one connection ----

my $kept = 0;

for my $from (map { 1 + 100 * $_ } 0 .. $accounts / 100 - 1) {
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $gateway->port)
        or die "no connection: $!\n";
    my $requests = '';

    for my $n ($from .. $from + 99) {
        my $failed = $n % 100 == 0;
        my $end    = -3600 - $n;
        my $body   = event($failed ? 'accounts.authentication_failed' : 'accounts.connected',
            sprintf('acct_%05d', $n),
            started_at => started_at($end - 20 - $n * 7919 % 150), completed_at => started_at($end),
            $failed ? (success => JSON::PP::false, error_code => 'INVALID_CREDENTIALS') : ());

        $requests .= "POST /reauth/webhook HTTP/1.1\r\nHost: localhost\r\n"
            . "Content-Type: application/json\r\nContent-Length: " . length($body) . "\r\nSignature: "
            . signature($body) . sprintf("\r\nX-OFAPI-Idempotency-Key: evt_%040x\r\n\r\n", $n) . $body;
    }

    syswrite $socket, $requests;

    my ($answers, $count) = ('', 0);

    while ($count < 100 && sysread $socket, $answers, 65_536, length $answers) {
        $count = () = $answers =~ /"received"/g;
    }

    $kept += $count;
}

is($kept, $accounts, "$accounts accounts are planted");

sub login {
    my ($account, $story) = @_;

    my $answer = $gateway->http('PUT', "/api/authenticate/$account/credentials",
        { Authorization => 'Bearer token-of-the-night-shift-000001' },
        { email => "$story\@example.com", password => 'secret' });
    $answer->{status} == 200 or diag("$account: $answer->{status} $answer->{body}");

    return;
}

login("acct_code_$_",   'otp')    for 1 .. 5;
login("acct_face_$_",   'face')   for 1 .. 3;
login("acct_person_$_", 'person') for 1 .. 2;
login("acct_slow_$_",   'slow')   for 1 .. 12;

# ---- calls: credits are used, and a session has expired ----

sub calls {
    my ($token, $account) = @_;

    return $gateway->http('GET', "/api/$account/me", { Authorization => "Bearer $token" })->{status};
}

is(calls('token-of-the-crm-00000000000003', 'acct_00001'), 200, 'a caller uses its budget');

Reauth::Test::sandbox('POST', '/account/acct_00002', { authenticated => JSON::PP::false });
is(calls('token-of-the-night-shift-000001', 'acct_00002'), 401, 'a session has expired');

# ---- the browser ----

my $shots = $ENV{REAUTH_BOARD_SHOTS} // Reauth::Test::work_dir() . '/shots';

local $ENV{NODE_PATH}  = "$root/$modules";
local $ENV{CHROMIUM}   = $chromium;
local $ENV{HOME}       = Reauth::Test::work_dir();
local $ENV{RELOAD_PID} = $gateway->pid;
local $ENV{ACCOUNTS}   = $accounts + 22;

open my $out, '-|', $node, 'tests/board/board.mjs', 'http://127.0.0.1:' . $gateway->port, $shots
    or die "node: $!\n";

my $ended;

while (my $line = <$out>) {
    chomp $line;
    if    ($line =~ /\A(not )?ok - (.*)/) { ok(!$1, $2); }
    elsif ($line eq 'done')               { $ended = 1; }
    else                                  { diag($line); }
}

close $out;
ok($ended, 'the browser came to its end');

done_testing();
