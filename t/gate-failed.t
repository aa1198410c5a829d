# reauth_gate_failed: calls of an account that is known to need new credentials
# get its 401 response from the gateway, and one call per interval is sent.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);
use Reauth::Test redis => 0, sandbox_options => ['--hold'];
use Reauth::Stream ();
use Reauth::Webhook;

my $gateway = gateway(
    workers     => 2,
    log_level   => 'debug',
    http_config => <<'EOC',
proxy_http_version 1.1;
proxy_set_header Connection "";
proxy_set_header Authorization $reauth_authorization;
log_format gate "$uri $status $reauth_gate $reauth_state $reauth_account";
EOC
    config => <<"EOC",
access_log logs/gate.log gate;
reauth_gate_bypass \$arg_bypass;
location /api/ {
    reauth_gate on;
    reauth_gate_failed on;
    proxy_pass http://fans_api;
}
location /often/api/ {
    reauth_gate on;
    reauth_gate_failed on probe=1s;
    rewrite ^/often(/.*) \$1 break;
    proxy_pass http://fans_api;
}
location /dry/api/ {
    reauth_gate dry_run;
    reauth_gate_failed on;
    rewrite ^/dry(/.*) \$1 break;
    proxy_pass http://fans_api;
}
location /off/api/ {
    reauth_gate on;
    rewrite ^/off(/.*) \$1 break;
    proxy_pass http://fans_api;
}
location /tried/api/ {
    reauth_gate on;
    reauth_gate_failed on;
    rewrite ^/tried(/.*) \$1 break;
    try_files /none \@proxy;
}
location \@proxy {
    reauth_gate on;
    reauth_gate_failed on;
    proxy_pass http://fans_api;
}
location /reauth/ { reauth_status operate; }
location = /reauth/metrics { reauth_metrics; }
location = /reauth/webhook { reauth_webhook $ENV{TEST_NGINX_WEBHOOK_SECRET}; }
EOC
);

my $code = 'SESSION_EXPIRED:NEEDS_REAUTHENTICATION';

sub record {
    my ($account) = @_;

    return $gateway->http('GET', "/reauth/accounts/$account")->{json};
}

sub call {
    my ($path, @more) = @_;

    return $gateway->http('GET', $path, @more);
}

# the calls of the account that the upstream has received

sub sent {
    my ($account) = @_;

    return scalar grep { $_->{target} =~ m{^/api/$account/} } sandbox_log();
}

# the next responses of the upstream, 200 after these

sub answers {
    my ($account, @answers) = @_;

    return sandbox('POST', "/account/$account", {
        next => [ map { { headers => { 'Content-Type' => 'application/json' },
            body => { error => $code }, %$_ } } @answers ],
    });
}

sub counted {
    my ($result) = @_;

    return call('/reauth/metrics')->{body}
        =~ /^reauth_gate_calls_total\{result="$result"\} (\d+)$/m
        ? $1 : undef;
}

# ---- the response ----

call('/api/acct_expired_1/chats');
is(record('acct_expired_1')->{action_required}, 'credentials',
    'an account with an expired session requires credentials');
is(sent('acct_expired_1'), 1, 'the first call is sent');

my $probe = call('/api/acct_expired_1/chats');
is($probe->{status}, 401, 'the first probe is sent at once');
is($probe->{headers}{'reauth-answered'}, undef,
    'the response to a probe is that of the upstream');
is(sent('acct_expired_1'), 2, 'the upstream receives the first probe');

my $answer = call('/api/acct_expired_1/chats');
is(sent('acct_expired_1'), 2, 'the call after a probe is not sent');
is($answer->{status}, 401, 'the call after a probe gets 401');
is($answer->{headers}{'reauth-answered'}, 1,
    'the response of the gateway is marked');
is($answer->{headers}{'cache-control'}, 'no-store',
    'the response of the gateway is not stored');
is($answer->{headers}{'x-should-retry'}, 'false',
    'the response of the gateway forbids a retry');
is($answer->{json}{error}, $code, 'the error is that of the upstream');

my $record = record('acct_expired_1');
my $decision = delete $answer->{json}{decision_id};
like($decision, qr/\A[0-9a-f]{16}\z/, 'the response has a decision_id');
delete $answer->{json}{$_} for qw(error message description);
is_deeply($answer->{json}, {
    account_id => 'acct_expired_1', state => 'failed', attempt_id => undef,
    since => $record->{since}, action_required => 'credentials',
}, 'the response states the account, since when, and what is required');

is(call('/off/api/acct_expired_1/chats')->{headers}{'reauth-answered'}, undef,
    'a call is sent in a location without the directive');
is(call('/api/acct_other/chats')->{status}, 200,
    'calls of other accounts are sent');
is($gateway->http('POST', '/api/acct_expired_1/media/upload', {},
    'x' x 100_000)->{json}{error}, $code,
    'a call with a body gets the response of the gateway');
is($gateway->http('HEAD', '/api/acct_expired_1/chats')->{status}, 401,
    'a HEAD request gets the response of the gateway');

# ---- a thousand calls ----

my $before = sent('acct_expired_1');
my $begin  = time;
my %got;
$got{ call("/api/acct_expired_1/chats/$_")->{headers}{'reauth-answered'}
    // 'sent' }++ for 1 .. 1000;
my $minutes = int((time - $begin) / 60) + 1;
cmp_ok(sent('acct_expired_1') - $before, '<=', $minutes,
    'at most one of 1,000 calls a minute is sent');
cmp_ok($got{1}, '>=', 1000 - $minutes,
    'the gateway responds to all others of 1,000 calls');

cmp_ok(counted('failed'), '>=', 1000 - $minutes, 'answered calls are counted');
cmp_ok(counted('probe'), '>=', 1, 'probes are counted');

# ---- an interval ----

call('/often/api/acct_expired_2/x') for 1 .. 2;
is(sent('acct_expired_2'), 2, 'a failing call and the first probe are sent');
$begin = time;
ok(wait_for {
    call('/often/api/acct_expired_2/x');
    sent('acct_expired_2') > 2;
} 'the next probe is sent after the interval');
cmp_ok(time - $begin, '>', 0.5, 'the next probe is not sent earlier');

# ---- methods that prove nothing ----

answers('acct_options', { status => 401 });
call('/api/acct_options/x');
is(record('acct_options')->{action_required}, 'credentials', 'an account fails');
my $options = $gateway->http('OPTIONS', '/api/acct_options/x');
is($options->{headers}{'reauth-answered'}, 1, 'an OPTIONS request is not the probe');
is(sent('acct_options'), 1, 'an OPTIONS request is not sent');
answers('acct_options', { status => 200 }, { status => 200 });
is($gateway->http('OPTIONS', '/dry/api/acct_options/x')->{status}, 200,
    'an OPTIONS request is sent with dry_run');
is(record('acct_options')->{state}, 'failed', 'an OPTIONS request does not open the account');
is(call('/api/acct_options/x')->{status}, 200, 'the probe is left to another call');
is(record('acct_options')->{state}, 'succeeded', 'the success of the probe opens it');

# ---- ways to open ----

sub fails {
    my ($account) = @_;

    answers($account, { status => 401 }, { status => 401 });
    call("/api/$account/x") for 1 .. 2;

    return is(call("/api/$account/x")->{headers}{'reauth-answered'}, 1,
        "$account: calls are answered by the gateway");
}

fails('acct_update');
is($gateway->update('acct_update', 'ok')->{status}, 200,
    'new credentials are sent');
is(call('/api/acct_update/x')->{json}{error}, 'SERVICE_UNAVAILABLE',
    'the gate is closed by the update');
sandbox('POST', '/finish/acct_update', {});
$gateway->http('GET', '/api/authenticate/'
    . record('acct_update')->{attempt_id});
is(call('/api/acct_update/x')->{status}, 200, 'calls are sent after the login');

fails('acct_webhook');
Reauth::Webhook::deliver($gateway, event('accounts.connected', 'acct_webhook',
    started_at => '2040-01-01T00:00:00.000000Z'));
is(call('/api/acct_webhook/x')->{status}, 200,
    'calls are sent after a webhook that reports a success');

# a probe succeeds

answers('acct_works', { status => 401 });
call('/api/acct_works/x');
is(record('acct_works')->{state}, 'failed', 'an account fails');
is(call('/api/acct_works/x')->{status}, 200, 'the first probe succeeds');
$record = record('acct_works');
is("$record->{state} $record->{source}", 'succeeded call',
    'the record shows the success of the call');
is($record->{error_code}, undef, 'the error is removed');
is($record->{action_required}, undef, 'no action is required');
is(call('/api/acct_works/x')->{headers}{'reauth-answered'}, undef,
    'calls are sent after a successful probe');
like($gateway->error_log, qr/"acct_works" is logged in again: a call has/,
    'a success is logged');

# it fails again within the interval

answers('acct_works', { status => 401 }, { status => 401 });
call('/api/acct_works/x');
is(record('acct_works')->{state}, 'failed', 'the account fails again');
is(call('/api/acct_works/x')->{headers}{'reauth-answered'}, 1,
    'no further probe is sent within the interval');

# an internal redirect

answers('acct_tried', ({ status => 401 }) x 2);
call('/tried/api/acct_tried/x');
is(record('acct_tried')->{state}, 'failed', 'a redirected call fails');
my $probes = counted('probe');
is(call('/tried/api/acct_tried/x')->{headers}{'reauth-answered'}, undef,
    'a redirected probe is sent');
is(sent('acct_tried'), 2, 'the upstream receives the redirected probe');
is(counted('probe'), $probes + 1, 'a redirected probe is counted once');
is(call('/tried/api/acct_tried/x')->{headers}{'reauth-answered'}, 1,
    'the call after a redirected probe is answered');

# what proves nothing

for my $case (
    [ 'cached', { 'X-OFAPI-Is-Cached' => 'true' }, 200, 'failed' ],
    [ 'fresh',  { 'X-OFAPI-Is-Cached' => 'false' }, 200, 'succeeded' ],
    [ 'none',   {}, 404, 'failed' ],
    [ 'moved',  { Location => '/' }, 302, 'failed' ],
    [ 'broken', {}, 502, 'failed' ],
    [ 'empty',  {}, 204, 'succeeded' ])
{
    my ($name, $headers, $status, $state) = @$case;

    answers("acct_$name", { status => 401 }, { status => $status,
        $status == 204 ? (body => q{}) : (),
        headers => { 'Content-Type' => 'application/json', %$headers } });
    call("/api/acct_$name/x");
    is(call("/api/acct_$name/x")->{status}, $status,
        "$name: the response to the probe is passed");
    is(record("acct_$name")->{state}, $state,
        "$name: the account is $state");
}

# a probe that was sent before the last failure

answers('acct_late', { status => 401 }, { status => 200, delay_ms => 600_000 });
call('/api/acct_late/x');
my $late = Reauth::Stream->open($gateway, 'GET', '/api/acct_late/x');
ok(wait_for { sent('acct_late') == 2 } 'a probe takes its time');
is($gateway->update('acct_late', 'wrong')->{status}, 200,
    'new credentials are sent meanwhile');
my $attempt = record('acct_late')->{attempt_id};
sandbox('POST', '/finish/acct_late', { success => \0, error_code => 'X' });
$gateway->http('GET', "/api/authenticate/$attempt");
is(record('acct_late')->{state}, 'failed', 'the new credentials are wrong');
sandbox('POST', '/release/acct_late');
is($late->finish->{status}, 200, 'the late probe succeeds');
is(record('acct_late')->{state}, 'failed',
    'a probe from before the last change proves nothing');

# ---- who passes ----

fails('acct_pass');
answers('acct_pass', map { { status => 404 } } 1 .. 9);
is(call('/api/acct_pass/x?bypass=1')->{status}, 404,
    'a call is sent by reauth_gate_bypass');
is(call('/dry/api/acct_pass/x')->{status}, 404, 'a call is sent by dry_run');

is($gateway->http('PUT', '/reauth/accounts/acct_pass/override', {},
    { gate => 'open', for => '1h', reason => 'a test' })->{status}, 200,
    'an operator keeps the gate open');
is(call('/api/acct_pass/x')->{status}, 404,
    'a call is sent while an operator keeps the gate open');
$gateway->http('PUT', '/reauth/accounts/acct_pass/override', {},
    { gate => 'closed', for => '1h', reason => 'a test' });
is(call('/api/acct_pass/x')->{status}, 503,
    'a gate that an operator closes returns 503');
$gateway->http('DELETE', '/reauth/accounts/acct_pass/override');
is(call('/api/acct_pass/x')->{status}, 401,
    'the response of the gateway is back without the override');

answers('acct_pass', { status => 200 });
is(call('/api/acct_pass/x?bypass=1')->{status}, 200,
    'a call that is passed by reauth_gate_bypass succeeds');
is(record('acct_pass')->{state}, 'succeeded',
    'the success of a passed call is a fact, too');

my $forget = 'acct_forget';
fails($forget);
is($gateway->http('DELETE', "/reauth/accounts/$forget")->{status}, 200,
    'a person forgets a failed account');
is(call("/api/$forget/x")->{status}, 200,
    'calls of a forgotten account are sent');

# ---- the audit log ----

unlike(call('/reauth/audit')->{body}, qr/"action":"call"/,
    'calls of failed accounts are not refused calls of the audit log');

# ---- logs ----

my $log = Reauth::Test::slurp(work_dir() . '/gateway/logs/gate.log');
like($log, qr{^/api/acct_expired_1/chats 401 failed failed acct_expired_1$}m,
    '$reauth_gate is "failed" if the gateway has answered');
like($log, qr{^/api/acct_expired_1/chats 401 probe failed acct_expired_1$}m,
    '$reauth_gate is "probe" for a probe');
like($log, qr{^/api/acct_pass/x 404 would_close failed acct_pass$}m,
    '$reauth_gate is "would_close" in a dry run');
like($log, qr{^/api/acct_pass/x 404 bypassed failed acct_pass$}m,
    '$reauth_gate is "bypassed" with a bypass');
like($gateway->error_log,
    qr/returned 401 SESSION_EXPIRED:\S+ decision [0-9a-f]{16}|$decision/,
    'the decision is logged');
like($gateway->error_log,
    qr/reauth gate: account "acct_expired_1" failed, the call is not sent/,
    'the debug log shows that the call is not sent');
unlike($gateway->error_log, qr/\[(?:error|crit|alert|emerg)\]/,
    'no errors are logged');

done_testing();
