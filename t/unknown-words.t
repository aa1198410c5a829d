# Unknown words and fields of the upstream: each is counted, and logged once for
# all workers, unless it may be a secret.

use strict;
use warnings;

use Test::More;

use Reauth::Test redis => 0, sandbox_options => ['--hold'];
use Reauth::Webhook;

my $gateway = gateway(
    workers     => 2,
    listen      => 'reuseport',
    http_config => "log_format pid \$pid;\naccess_log logs/pids.log pid;",
    config      => 'location = /reauth/webhook {
        reauth_webhook $TEST_NGINX_WEBHOOK_SECRET; }
    location = /reauth/metrics { reauth_metrics; }',
);

sub pids {
    my %pids = map { $_ => 1 }
        split ' ', Reauth::Test::slurp("$gateway->{dir}/logs/pids.log");

    return scalar keys %pids;
}

sub counted {
    my ($kind) = @_;

    return $gateway->http('GET', '/reauth/metrics')->{body}
        =~ /^reauth_upstream_unknown_total\{kind="$kind"\} (\d+)$/m ? $1 : undef;
}

sub logged {
    my ($kind, $word) = @_;

    return scalar(() = $gateway->error_log
        =~ /\[notice\][^\n]*reauth: the upstream sent an unknown $kind "\Q$word\E"/g);
}

my $attempt = $gateway->update('acct_1', 'slow')->{json}{attempt_id};

sub polled {
    my ($body) = @_;

    sandbox('POST', '/account/acct_1', { next => [ { method => 'GET',
        path => "/api/authenticate/$attempt", status => 200, body => $body } ] });

    return $gateway->http('GET', "/api/authenticate/$attempt")->{status} == 200;
}

# ---- once for all workers ----

my $polls = 0;

ok(wait_for {
    $polls += polled({ state => 'frobnicating', progress => 'going_on' });
    return $polls >= 5 && pids() == 2;
} 'both workers have seen it');

is(counted('state'), $polls, 'each state is counted');
is(counted('progress'), $polls, 'each progress is counted');
is(logged('state', 'frobnicating'), 1, 'the state is logged once');
is(logged('progress', 'going_on'), 1, 'the progress is logged once');

ok(polled({ state => 'going_on' }),
    'an attempt reports the word in another place');
is(logged('state', 'going_on'), 1, 'a word is logged again for another field');

ok(polled({ state => 'authenticating', progress => 'started' }),
    'an attempt reports known words');
is(counted('state'), $polls + 1, 'known words are not counted');

# ---- possible secrets ----

my @secrets = ('x' x 33, 'creator@example.com', 'two words', "a\"b\n", 'a/b');

ok(polled({ state => $_, lastAttempt => { success => \0 } }),
    'an attempt reports a value that is no word')
    for @secrets, [1], { a => 1 };

is(counted('state'), $polls + 1 + 7, 'values that are no words are counted');
is(logged('state', '(not a word)'), 1,
    'a value that is no word is logged without the value');
unlike($gateway->error_log, qr/\Q$_/,
    'a value that is no word is not in the log') for @secrets;
unlike($gateway->error_log, qr/the state "(?:creator|two|a|x+)"/,
       'a part of a value that is no word is not in the log');

ok(polled({ state => 'x' x 32 }), 'an attempt reports a word of 32 characters');
is(logged('state', 'x' x 32), 1, 'a word of 32 characters is logged');

# ---- Fansly, and events ----

$gateway->http('POST', '/api/fansly/authenticate/fansly_acct_1/reauthenticate');
sandbox('POST', '/account/fansly_acct_1', { next => [ { method => 'GET',
    path => '/api/fansly/authenticate/fansly_acct_1', status => 200,
    body => { account_id => 'fansly_acct_1', status => 'dancing' } } ] });
$gateway->http('GET', '/api/fansly/authenticate/fansly_acct_1');
is(logged('state', 'dancing'), 1, 'a status of Fansly is a state');

is(deliver($gateway, event('accounts.celebrated', "acct_$_"))->{status}, 200,
   'an unknown event is received') for 1 .. 3;
is(deliver($gateway, event('accounts.reconnected', 'acct_1',
    started_at => started_at(-1)))->{status}, 200, 'a known event is received');
is(deliver($gateway, event('test-event', undef))->{status}, 200,
    'a test event is received');

is(counted('event'), 3, 'unknown events are counted');
is(logged('event', 'accounts.celebrated'), 1,
    'an unknown event is logged once');

# ---- codes and fields ----

ok(polled({ state => 'needs-otp', progress => 'waiting_for_otp',
    account => { id => 'acct_1', display_name => 'x', onlyfans_data =>
        { anything => 1 } }, _meta => { _credits => {} },
    twoFactorPending => \1, lastAttempt => {
        started_at => started_at(0), completed_at => undef, success => \0,
        error_message => 'The code is wrong.', error_code => 'WRONG_2FA',
        needs_otp => \1, otp_phone_ending => '12', needs_face_otp => \0,
        face_otp_verification_url => undef } }), 'all that is documented');

is(counted('error_code'), 0, 'known error codes are not counted');
is(counted('field'), 0, 'known fields are not counted');

ok(polled({ state => 'authenticating', requires_captcha => \1,
    'a field' => 1, account => { id => 'acct_1', proxy => { exit => 'us' } },
    lastAttempt => { success => \0, error_code => 'ACCOUNT_LOCKED',
        locked_until => undef } }),
        'an attempt reports an unknown code and unknown fields') for 1 .. 2;

is(counted('error_code'), 2, 'unknown error codes are counted');
is(logged('error_code', 'ACCOUNT_LOCKED'), 1,
    'an unknown error code is logged once');
is(counted('field'), 8, 'unknown fields of known objects are counted');
is(logged('field', $_), 1, "$_ is logged once")
    for qw(requires_captcha proxy locked_until), '(not a word)';
is(logged('field', $_), 0, "$_ is not looked at") for qw(exit anything);

ok(polled({ data => { state => 'authenticating', shell => 1 }, more => 1 }),
    'an attempt is reported in a wrapped response');
is(logged('field', 'shell'), 1,
    'unknown fields of a wrapped response are logged');
is(logged('field', 'more'), 0,
    'unknown fields beside a wrapped response are not logged');

my $webhook = JSON::PP::decode_json(event('accounts.otp_code_required',
    'acct_1', needs_otp => \1, started_at => started_at(-1), attempt => 'x'));

$webhook->{sent_by} = 1;
$webhook->{payload}{client_reference_id} = 'x';
$webhook->{payload}{state} = 'needs-otp';
$webhook->{payload}{progress} = 'awaiting';

my $fields = counted('field');

is(deliver($gateway, JSON::PP::encode_json($webhook))->{status}, 200,
    'a webhook with unknown fields is received');
is(counted('field') - $fields, 2, 'unknown fields of a webhook are counted');
is(logged('field', $_), 1, "$_ is logged") for qw(attempt sent_by);
is(logged('progress', 'awaiting'), 1, 'an unknown word of a webhook is logged');

is(deliver($gateway, JSON::PP::encode_json({ event => $_, account_id =>
    'acct_1', payload => { any => 1 } }))->{status}, 200, $_)
    for qw(test-event messages.received fansly.accounts.alert);
is(counted('field') - $fields, 2,
    'fields of events without a meaning are not counted');

# ---- at most a table of them ----

my $before = () = $gateway->error_log =~ /the upstream sent an unknown/g;

polled({ state => "word-$_" }) for 1 .. 70;

my $all = () = $gateway->error_log =~ /the upstream sent an unknown/g;

is($all, 64, '64 of many unknown words are logged in an hour');
cmp_ok($before, '<', 64, 'fewer than 64 unknown words were logged before');

ok($gateway->reload, 'the configuration is reloaded');
polled({ state => 'frobnicating' });
is(logged('state', 'frobnicating'), 1, 'a reload does not repeat it');

# ---- the gateway's own polls ----

my $poller = gateway(name => 'poller',
    config => 'reauth_poll on /upstream interval=100ms max_interval=200ms;
    location = /reauth/webhook { reauth_webhook $TEST_NGINX_WEBHOOK_SECRET; }
    location = /reauth/metrics { reauth_metrics; }' . <<"EOC");

location = /upstream/api/accounts {
    internal;
    return 200 '[
        { "id": "acct_listed", "is_authenticated": false,
          "authentication_progress": "whistling", "strange": 1 },
        { "id": "acct_other", "is_authenticated": false,
          "authentication_progress": "whistling" },
        { "id": "acct_known", "is_authenticated": false,
          "authentication_progress": "filling_out_login" },
        { "id": "acct_key", "is_authenticated": false,
          "authentication_progress": "$Reauth::Test::API_KEY" },
        { "id": "acct_both", "is_authenticated": false,
          "authentication_progress":
              { "state": "whirling", "progress": "auth-failed" } } ]';
}
EOC

my $polled = $poller->update('acct_polled', 'slow')->{json}{attempt_id};

sandbox('POST', '/account/acct_polled', { next => [ map { {
    method => 'GET', path => "/api/authenticate/$polled", status => 200,
    body => { state => 'humming', progress => 'tune' } } } 1 .. 3 ] });

ok(wait_for {
    $poller->http('GET', '/reauth/metrics')->{body}
        =~ /unknown_total\{kind="state"\} 3\n.*\{kind="progress"\} 3\n/
} 'polls of the gateway itself are counted');

my $hums = () = $poller->error_log =~ /an unknown state "humming"/g;
is($hums, 1, 'an unknown word in a background poll is logged once');

# ---- the list of accounts ----

is(deliver($poller, event('accounts.session_expired', 'acct_listed'))->{status},
    200, 'the list is asked for');

ok(wait_for {
    $poller->http('GET', '/reauth/metrics')->{body}
        =~ /unknown_total\{kind="state"\} 4\n.*\{kind="progress"\} 6\n/
} 'words of the list are counted');

for my $word ('progress "whistling"', 'state "whirling"') {
    my $all = () = $poller->error_log =~ /an unknown $word/g;
    is($all, 1,
        "an unknown word in the list of accounts is logged once: the $word");
}

unlike($poller->error_log, qr/$Reauth::Test::API_KEY/,
    'the API key is not logged');
unlike($poller->error_log, qr/"strange"/, 'no fields of the list');

done_testing();
