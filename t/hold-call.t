# reauth_gate_hold: a call with "Prefer: wait=N" waits for its gate to open.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);
use Reauth::Test redis => 0, sandbox_options => ['--hold'];
use Reauth::Stream ();

my $gateway = gateway(counted => 1, http_config => <<'EOC', config => <<'EOC2');
upstream fans_api { server 127.0.0.1:$TEST_NGINX_SANDBOX_PORT; }
log_format gate '$request_method $uri $status $reauth_gate';
access_log logs/gate.log gate;
EOC
location /api/ {
    reauth_gate on;
    reauth_gate_hold 60s;
    proxy_pass http://fans_api;
    proxy_set_header Authorization $reauth_authorization;
}
location /bounded/ {
    reauth_gate on;
    reauth_gate_hold 3s;
    proxy_pass http://fans_api/api/;
    proxy_set_header Authorization $reauth_authorization;
}
location /never/ {
    reauth_gate on;
    proxy_pass http://fans_api/api/;
    proxy_set_header Authorization $reauth_authorization;
}
location /short/ {
    reauth_gate on;
    reauth_gate_hold 60s;
    reauth_gate_max 1s;
    empty_gif;
}
EOC2

my $log = Reauth::Test::work_dir() . '/gateway/logs/gate.log';

sub call {
    my ($path, $prefer, $method, $body) = @_;

    return Reauth::Stream->open($gateway, $method // 'GET', $path,
        { defined $prefer ? (Prefer => $prefer) : () }, $body);
}

my $answer = call('/api/acct_1/chats', 'wait=10')->finish;
is($answer->{status}, 200, 'a call with an open gate is passed');
is($answer->{headers}{'preference-applied'}, undef,
    'a call with an open gate is not held');

my $id = $gateway->update('acct_1', 'ok')->{json}{attempt_id};

for my $prefer (undef, 'respond-async', 'wait=0', 'wait=x') {
    $answer = call('/api/acct_1/chats', $prefer)->finish;
    is($answer->{status}, 503, ($prefer // 'no Prefer') . ' is not held');
    cmp_ok($answer->{took}, '<', 50, 'answered without a wait');
    is($answer->{headers}{'preference-applied'}, undef, 'nothing was applied');
}

$answer = call('/never/acct_1/chats', 'wait=60')->finish;
is($answer->{status}, 503, 'a call is not held by default');
cmp_ok($answer->{took}, '<', 50, 'a call is refused at once by default');

$answer = call('/api/acct_1/chats', 'wait=1')->finish;
is($answer->{status}, 503, 'a held call is refused if the gate stays closed');
cmp_ok($answer->{took}, '>=', 0.9,
    'a call is held for as long as the client waits');
cmp_ok($answer->{took}, '<', 50,
    'a call is held no longer than the client waits');
is($answer->{headers}{'preference-applied'}, 'wait=1',
    'the applied preference is reported');
is($answer->{json}{state}, 'running', 'a held call gets the usual error');
ok($answer->{headers}{'retry-after'}, 'a held call gets Retry-After');

$answer = call('/bounded/acct_1/chats', 'wait=60')->finish;
is($answer->{status}, 503, 'a call is refused after reauth_gate_hold');
cmp_ok($answer->{took}, '>=', 2.9,
    'a call is held for the time of reauth_gate_hold');
cmp_ok($answer->{took}, '<', 50,
    'a call is not held longer than reauth_gate_hold');
is($answer->{headers}{'preference-applied'}, 'wait=3',
    'the reported preference is the value of reauth_gate_hold');

$answer = call('/short/acct_1/chats', 'wait=60')->finish;
is($answer->{status}, 200, 'reauth_gate_max opens it for this location');

# with and without a body; the gate opens
my $body = 'x' x 300_000;
my @held = (
    call('/api/acct_1/chats', 'wait=60'),
    call('/api/acct_1/chats', 'wait=60', 'POST', '{"text":"small"}'),
    call('/api/acct_1/large', 'wait=60', 'POST', $body),
);
$gateway->works_at(3);
ok($_->is_open, 'a call is held while the gate is closed') for @held;
is($gateway->http('GET', '/api/acct_2/chats')->{status}, 200,
    'calls of another account are passed meanwhile');

my $opened = time;
sandbox('POST', '/finish/acct_1');
$gateway->http('GET', "/api/authenticate/$id");

for my $held (@held) {
    $answer = $held->finish;
    is($answer->{status}, 200, 'a held call is passed when the gate opens');
    is($answer->{headers}{'preference-applied'}, 'wait=60',
        'a held call that is passed reports the preference');
}

cmp_ok(time - $opened, '<', 50, 'when its gate opens, not when its time is up');

my @sent = grep { $_->{account} eq 'acct_1' && $_->{method} eq 'POST'
    && $_->{target} !~ /authenticate/ } sandbox_log();
is_deeply([sort map { length $_->{body} } @sent], [16, length $body],
    'held calls are sent with their bodies');

# a newer attempt keeps it closed
$id = $gateway->update('acct_1', 'ok')->{json}{attempt_id};
my $held = call('/api/acct_1/chats', 'wait=60');
$gateway->works_at(1);
$id = $gateway->update('acct_1', 'otp')->{json}{attempt_id};
sleep 0.2;
ok($held->is_open, 'a call is still held after a newer attempt has begun');
sandbox('POST', '/finish/acct_1');
$gateway->http('GET', "/api/authenticate/$id");
is($held->finish->{status}, 200, 'until that one ends');

# a client that closes
$gateway->update('acct_1', 'ok');
$held = call('/api/acct_1/gone', 'wait=60', 'POST', '{"text":"small"}');
$gateway->works_at(1);
$held->close;
ok(wait_for { Reauth::Test::slurp($log) =~ /gone 499 held/ }
    'a client that goes is noticed');

my $logged = Reauth::Test::slurp($log);
like($logged, qr{^POST /api/acct_1/large 200 held$}m,
    '$reauth_gate is "held" for a held call');
like($logged, qr{^GET /api/acct_1/chats 503 held$}m,
    '$reauth_gate is "held" even if the gate has not opened');
like($logged, qr{^GET /api/acct_1/chats 503 closed$}m,
    '$reauth_gate is "closed" if a call is not held');
like($logged, qr{^GET /api/acct_2/chats 200 open$}m,
    '$reauth_gate is "open" for an open gate');

unlike($gateway->error_log, qr/\[(?:alert|crit|error)\]/,
    'nothing worse than a warning is logged');

done_testing();
