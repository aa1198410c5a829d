# A 401 response to an ordinary call marks the account as needing a person; it
# closes no gate, and is passed unchanged.

use strict;
use warnings;

use Test::More;
use Reauth::Test redis => 0, sandbox_options => ['--hold'];
use Reauth::Stream ();

my $gateway = gateway(
    http_config => <<'EOC',
proxy_http_version 1.1;
proxy_set_header Connection "";
proxy_set_header Authorization $reauth_authorization;
EOC
    config      => <<'EOC',
location /dry/api/ {
    reauth_gate dry_run;
    rewrite ^/dry(/.*) $1 break;
    proxy_pass http://fans_api;
}
location /open/api/ {
    rewrite ^/open(/.*) $1 break;
    proxy_pass http://fans_api;
}
location /page/api/ {
    reauth_gate on;
    proxy_intercept_errors on;
    error_page 401 =200 /page;
    rewrite ^/page(/.*) $1 break;
    proxy_pass http://fans_api;
}
location = /reauth/metrics { reauth_metrics; }
location = /page { internal; return 200 "page"; }
location /unbuffered/api/ {
    reauth_gate on;
    proxy_buffering off;
    rewrite ^/unbuffered(/.*) $1 break;
    proxy_pass http://fans_api;
}
EOC
);

my $code = 'SESSION_EXPIRED:NEEDS_REAUTHENTICATION';

sub record {
    my ($account) = @_;

    return $gateway->http('GET', "/reauth/accounts/$account")->{json};
}

sub unknown {
    my ($account, $name) = @_;

    return is($gateway->http('GET', "/reauth/accounts/$account")->{status}, 404,
        $name);
}

# The response of the upstream to the next call of the account.

sub answers {
    my ($account, $status, $body, $headers) = @_;

    return sandbox('POST', "/account/$account", {
        next => [ { status => $status, body => $body,
            headers => $headers || { 'Content-Type' => 'application/json' } } ],
    });
}


my $answer = $gateway->http('GET', '/api/acct_expired_1/chats');
is($answer->{status}, 401, 'a 401 response of the upstream is passed');
is($answer->{json}{error}, $code, 'the error of a 401 response is passed');
is(length $answer->{body}, $answer->{headers}{'content-length'},
    'the whole body of a 401 response is passed');

my $record = record('acct_expired_1');
is($record->{state}, 'failed', 'an account with an expired session is failed');
is($record->{gate}, 'open', 'the gate stays open after a 401 response');
is($record->{action_required}, 'credentials',
    'an account with an expired session requires credentials');
is($record->{error_code}, $code,
    'the record has the error of the 401 response');
is($record->{source}, 'call', 'the source of the record is the call');

$gateway->http('GET', '/api/acct_expired_1/chats');
is_deeply(record('acct_expired_1'), $record, 'said again, nothing changes');

is($gateway->http('GET', '/unbuffered/api/acct_expired_2/x')->{json}{error},
    $code, 'the error is passed without buffering');
is(record('acct_expired_2')->{error_code}, $code,
    'an expired session is noticed without buffering');

is($gateway->http('GET', '/page/api/acct_expired_5/x')->{body}, 'page',
    'a page replaces a 401 response');
is(record('acct_expired_5')->{error_code}, $code,
    'an expired session is noticed if a page replaces the response');

$gateway->http('GET', '/dry/api/acct_expired_3/x');
is(record('acct_expired_3')->{error_code}, $code,
    'an expired session is noticed by a dry run');

$gateway->http('GET', '/open/api/acct_expired_4/x');
unknown('acct_expired_4', 'but not where there is no gate');

my $attempt = $gateway->update('acct_1', 'ok')->{json}{attempt_id};
sandbox('POST', '/finish/acct_1', {});
$gateway->http('GET', "/api/authenticate/$attempt");
is(record('acct_1')->{state}, 'succeeded', 'a login succeeded');

answers('acct_1', 401, { error => $code, message => 'x' x 500 });
is($gateway->http('GET', '/api/acct_1/x')->{status}, 401,
    'a 401 response after a login is passed');
is(record('acct_1')->{error_code}, $code,
    'a session that expires after a login is noticed');

is($gateway->update('acct_1', 'ok-2')->{status}, 200,
    'an update after an expired session is accepted');
$record = record('acct_1');
is("$record->{state} $record->{gate}", 'running closed',
    'an update after an expired session starts a new attempt');
is($record->{error_code}, undef,
    'the record of a new attempt has no error code');

# a call from before an update, answered after the update succeeded

sandbox('POST', '/account/acct_late', { next =>
    [ { status => 401, body => { error => $code }, delay_ms => 600_000 } ] });
my $late = Reauth::Stream->open($gateway, 'GET', '/api/acct_late/x');
ok(wait_for(sub { (sandbox_log())[-1]{target} eq '/api/acct_late/x' }),
    'a call that takes its time');
$attempt = $gateway->update('acct_late', 'ok')->{json}{attempt_id};
sandbox('POST', '/finish/acct_late', {});
$gateway->http('GET', "/api/authenticate/$attempt");
is(record('acct_late')->{state}, 'succeeded',
    'an attempt succeeds while a call is delayed');
ok($late->is_open, 'the delayed call has no response yet');
sandbox('POST', '/release/acct_late');
is($late->finish->{status}, 401, 'the delayed call gets the 401 response');
is(record('acct_late')->{state}, 'succeeded',
    'a 401 response to a call from before the login changes nothing');

my @others = (
    [ 401, { error => 'Unauthenticated.' },       'a bad key' ],
    [ 401, { error => "${code}_NOT" },            'another code' ],
    [ 401, { message => $code },                  'no error' ],
    [ 401, { data => { error => $code } },        'further down' ],
    [ 401, "<html>\"error\":\"$code\"</html>",    'no JSON' ],
    [ 401, q{},                                   'nothing' ],
    [ 403, { error => $code },                    'another status' ],
    [ 200, { error => $code },                    'a success' ],
    [ 401, { error => $code, x => 'x' x 5000 },   'a long one' ],
);

for my $n (0 .. $#others) {
    my ($status, $body, $name) = @{ $others[$n] };

    answers("acct_other_$n", $status, $body);
    my $got = $gateway->http('GET', "/api/acct_other_$n/x");
    is($got->{status}, $status, $name);
    is(length $got->{body}, $got->{headers}{'content-length'} // 0,
        "$name: the whole body is passed");
    unknown("acct_other_$n", 'says nothing');
}

# an unreadable response is counted and logged

sub unread {
    return $gateway->http('GET', '/reauth/metrics')->{body}
        =~ /^reauth_upstream_unreadable_total\{operation="call"\} (\d+)$/m
        ? $1 : undef;
}

for my $coding (qw(gzip br deflate)) {
    my $counted = unread();

    answers("acct_$coding", 401, "\x1f\x8b...",
        { 'Content-Encoding' => $coding });
    is($gateway->http('GET', "/api/acct_$coding/x")->{status}, 401,
        "compressed by $coding");
    unknown("acct_$coding", 'says nothing');
    is(unread(), $counted + 1,
        "a response compressed by $coding is counted as unread");
}

my $counted = unread();
answers('acct_long', 401, { error => $code, x => 'x' x 5000 });
is($gateway->http('GET', '/api/acct_long/x')->{status}, 401,
    'a long 401 response is passed');
is(unread(), $counted + 1, 'a long 401 response is counted as unread');

for my $coding ('identity', 'Identity', '') {
    answers("acct_plain_$coding", 401, { error => $code },
        { 'Content-Type' => 'application/json',
          'Content-Encoding' => $coding });
    is($gateway->http('GET', "/api/acct_plain_$coding/x")->{status}, 401,
        "a 401 response with Content-Encoding \"$coding\" is passed");
    is(record("acct_plain_$coding")->{state}, 'failed',
        "a 401 response with Content-Encoding \"$coding\" is read");
}

# "unauthorized" by the responses above, if the clerk looks between two of them

unlike($gateway->error_log,
    qr/\[(?:error|crit|alert|emerg)\](?! \S+ reauth: the upstream is now "unauthorized")/,
    'no errors are logged');
like($gateway->error_log, qr/"acct_expired_1" has to log in again/,
    'an expired session is logged');

done_testing();
