# The upstream repeats the API key in all responses: no part of it, or of the
# previous key, is stored, logged, even at the debug level, or passed.

use strict;
use warnings;

use Test::More;

use Reauth::Peer ();
use Reauth::Test sandbox => 0;
use Reauth::Webhook;

# a possible key whose characters JSON and URLs may encode differently
my $key  = 'fa_live_0a1B2c3D4e5F/6g7H8i9J~k0L+m1N==';
my $next = 'fa_live_1Z2y3X4w5V6u/7T8s9R0q~p1O+n2M==';

secret_file('api_key', "$key\n");
sandbox_start('--step-ms', 50, '--stall-s', 5);

my $gateway = gateway(
    log_level   => 'debug',
    http_config => <<'EOC',
log_format upstream escape=none '$status $upstream_http_x_request_id '
    '$upstream_http_location $upstream_http_content_type '
    '$upstream_http_x_ofapi_echo';
access_log logs/all.log upstream;
EOC
    config      => <<"EOC",
reauth_poll on /upstream interval=100ms max_interval=500ms rate=50r/s;

location /upstream/ {
    internal;
    log_subrequest on;
    proxy_pass http://fans_api/;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Authorization \$reauth_authorization;
    proxy_next_upstream off;
}
location = /reauth/webhook { reauth_webhook $ENV{TEST_NGINX_WEBHOOK_SECRET}; }
location = /reauth/metrics { reauth_metrics; }
EOC
);

wait_for { ($gateway->http('GET', '/reauth/readyz')->{json}{status} // '')
    eq 'ready' } 'the gateway is connected to Redis';

my $answers = '';

sub ask {
    my ($method, $path, $body, %header) = @_;

    my $answer = $gateway->http($method, $path, \%header, $body);

    $answers .= join "\n", "$method $path", $answer->{status},
        %{ $answer->{headers} }, $answer->{body}, '';

    return $answer;
}

sub update_of {
    my ($account, $story) = @_;

    return ask('PUT', "/api/authenticate/$account/credentials",
        { email => "$story\@example.com", password => 'a-password-9d3e' });
}

sub forced {
    my ($account, %answer) = @_;

    return sandbox('POST', "/account/$account", { next => [ \%answer ] });
}

sub state_of {
    my ($account) = @_;

    return ask('GET', "/reauth/accounts/$account")->{json}{state} // '';
}


# The parts of the secret that the text contains, in plain form and as encoded
# in JSON and URLs.

sub parts_of {
    my ($secret, $text) = @_;

    $text =~ s/\\+u00([0-9a-f]{2})/chr hex $1/egi;
    $text =~ s/%([0-9a-f]{2})/chr hex $1/egi;
    $text =~ s/\\//g;

    return grep { index($text, $_) >= 0 }
        map { substr $secret, $_, 12 } 0 .. length($secret) - 12;
}

is(scalar parts_of($key, "x $key"), length($key) - 11, 'the search finds it');
is(scalar parts_of($key, '4e5F\\/6g7H8i9'), 1,
    'the search finds a part in JSON');
is(scalar parts_of($key, '4e5F%2F6g7H8i9'), 1,
    'the search finds a part in a URL');

# ---- every operation ----

sandbox('POST', '/settings', { echo => 1 });

my $answer = update_of('acct_ok', 'ok');
is($answer->{status}, 200,
    'an update is accepted although the response repeats the key');
like($answer->{json}{echo}, qr/\ABearer \*{39,40}\n.*a-password/s,
    'only the repeated key is overwritten in the body');
my $attempt = $answer->{json}{attempt_id};

$answer = ask('GET', "/api/authenticate/$attempt");
is($answer->{status}, 200,
    'a poll is passed although the response repeats the key');
is($answer->{json}{lastAttempt}{error_code}, 'Bearer ' . '*' x 40,
    'the key in an error code is overwritten');
like($answer->{headers}{'x-ofapi-echo'}, qr/\ABearer \*{39,40}\z/,
    'the key in a header is overwritten');
like($answer->{headers}{'content-type'}, qr/key=Bearer \*{39,40}\z/,
    'the key in the Content-Type is overwritten');

$answer = update_of('acct_otp', 'otp');
my $otp = $answer->{json}{attempt_id};

ok(wait_for { state_of('acct_otp') eq 'needs_otp' }
    'the upstream asks for a code');
is(ask('PUT', "/api/authenticate/$otp", { code => '111111' })->{status}, 200,
    'a code is accepted although the response repeats the key');
ask('POST', "/api/authenticate/$otp/send-email-to-creator");
is(ask('POST', '/api/authenticate', { email => 'ok@example.com',
    password => 'a-password-9d3e' })->{status}, 200,
    'a start is accepted although the response repeats the key');
is(ask('POST', '/api/authenticate/acct_expired_1/reauthenticate')->{status},
    200,
    'a reauthentication is accepted although the response repeats the key');
$answer = ask('POST', '/api/fansly/authenticate',
    { email => 'ok@example.com', password => 'a-password-9d3e' });
ask('GET', "/api/fansly/authenticate/$answer->{json}{account_id}")
    if $answer->{json}{account_id};

# ---- rejected, redirected, broken ----

for my $case ([ broken => 500 ], [ restricted => 403 ], [ relayed => 404 ],
    [ limited => 429 ], [ cdn => 502 ])
{
    my ($word, $status) = @$case;

    is(update_of("acct_$word", 'ok')->{status}, $status,
        "an update with the key in an error gets $status");
    ask('GET', "/reauth/accounts/acct_$word");
}

forced('acct_moved', status => 302, body => {},
    headers => { Location => "https://elsewhere.example/?key=$key" });
is(update_of('acct_moved', 'ok')->{status}, 502,
    'a redirect with the key is not passed');

# what is compressed cannot be searched

for my $case ([ 422 => 'rejected' ], [ 200 => 'unknown' ], [ 500 => 'unknown' ]) {
    my ($status, $state) = @$case;

    forced("acct_packed$status", status => $status,
        body    => { attempt_id => 'auth_packed', error => 'CANARY-packed' },
        headers => { 'Content-Encoding' => 'gzip' });

    $answer = update_of("acct_packed$status", 'ok');
    is($answer->{status}, 502, "compressed, $status: not passed on");
    is($answer->{json}{error}, 'UPSTREAM_BAD_ANSWER',
        "compressed, $status: the error says that the response is bad");
    unlike($answer->{body}, qr/packed/,
        "compressed, $status: nothing of the response is passed");
    is(state_of("acct_packed$status"), $state, "the update is $state");
}

forced('acct_plain', status => 422, body => { error => 'CANARY-plain' },
    headers => { 'Content-Encoding' => 'identity' });
is(update_of('acct_plain', 'ok')->{status}, 422, 'identity is no compression');

forced('acct_id', status => 200, body => { attempt_id => "auth_$key" });
is(update_of('acct_id', 'ok')->{status}, 502,
    'an update whose attempt_id is the key is rejected');

sandbox('POST', '/settings', { echo => 0 });
(my $escaped = $key) =~ s/(.)/sprintf '\\u%04x', ord $1/eg;
forced('acct_escaped', status => 401, body => qq({"error":"key $escaped"}));
$answer = update_of('acct_escaped', 'ok');
like($answer->{json}{error}, qr/\Akey \*+\z/,
    'a key that is escaped throughout is overwritten');
sandbox('POST', '/settings', { echo => 1 });

like(ask('GET', '/reauth/accounts/acct_restricted')->{json}{error_message},
    qr/\ABearer \*{39,40}/, 'an error is kept without it');

# a list, with an account whose attempt is not known

is(update_of('acct_lost', 'lost')->{status}, 504,
    'an update without a response gets 504');
ok(wait_for { grep { $_->{target} eq '/api/accounts' } sandbox_log() }
    'the list is asked for');
ok(wait_for { ask('GET', '/reauth/accounts/acct_lost')->{json}{progress}
    // '' =~ /\*/ } 'the list of accounts is read, with the key overwritten');

# ---- webhooks ----

for my $case (
    event('accounts.authentication_failed', 'acct_hooked',
        started_at => started_at(-1), error_message => "the key $key is bad"),
    event("accounts.$key", 'acct_hooked'),
    event('accounts.connected', "acct_$key"))
{
    is(ask('POST', '/reauth/webhook', $case, Signature => signature($case),
        'X-OFAPI-Idempotency-Key' => 'evt_' . length $case)->{status}, 200,
        'a webhook that repeats the key is accepted');
}

ok(wait_for { state_of('acct_hooked') eq 'failed' }
    'a webhook that repeats the key is applied');
like(ask('GET', '/reauth/accounts/acct_hooked')->{json}{error_message},
    qr/\Athe key \*{39,40} is bad\z/,
    "the key in a webhook's error message is overwritten");

# ---- another key; the upstream repeats the previous one ----

rename secret_file('api_key.new', "$next\n"), $ENV{TEST_NGINX_KEY_FILE}
    or die "rename: $!\n";
ok(wait_for { $gateway->error_log =~ /api_key" has changed and was read/ }
    'the key is rotated');

$answer = update_of('acct_rotated', 'ok');
is($answer->{status}, 401, 'an update with a new, invalid key is refused');
like($answer->{json}{echo}, qr/\ABearer \*{39,40}\n/,
    'a new key that is repeated is overwritten');

forced('acct_rotated_2', status => 401,
    body => { error => "the key $key is revoked" });
$answer = update_of('acct_rotated_2', 'ok');
is($answer->{status}, 401, 'the old one is spoken of');

# ---- where it may be ----

ask('GET', "/reauth/$_") for qw(accounts?limit=1000 summary metrics
    accounts/acct_ok accounts/acct_ok/timeline accounts/acct_rotated_2
    accounts/acct_rotated_2/timeline accounts/acct_hooked/timeline
    accounts/acct_lost/timeline accounts/acct_restricted/timeline);

like($answers, qr/reauth_upstream_withheld_total\{kind="key"\} [1-9]/,
    'responses with the key are counted');

my %place = (answers => $answers, Redis => '');

for my $entry (redis_cli('KEYS', '*')) {
    my $type = redis_cli('TYPE', $entry);

    $place{Redis} .= join "\n", $entry, redis_cli('--raw',
          $type eq 'hash'   ? ('HGETALL', $entry)
        : $type eq 'zset'   ? ('ZRANGE', $entry, 0, -1)
        : $type eq 'stream' ? ('XRANGE', $entry, '-', '+')
        :                     ('GET', $entry)), '';
}

$gateway->stop;

$place{'error log'}  = $gateway->error_log;
$place{'access log'} = Reauth::Test::slurp(work_dir() . '/gateway/logs/all.log');

like($place{'error log'}, qr/\[warn\].*the upstream sent the API key in a/,
    'a response with the key is logged');
like($place{'error log'}, qr/\[debug\].*x-ofapi-echo: Bearer \*{39,40}"/i,
    'the debug log has headers without it');
like($place{'access log'}, qr/^302 .*Bearer \*{39,40}/m,
    'the access log of internal locations has headers without the key');
like($place{Redis}, qr/\*{39,40}/,
    'Redis stores texts with the key overwritten');

# ---- in heads that nginx itself reads: a raw upstream ----

my @raw = (
    [ 'X-Accel-Redirect' => [ "X-Accel-Redirect: /$next" ] ],
    [ 'X-Accel-Redirect to a name' => [ "X-Accel-Redirect: \@$next" ] ],
    [ 'X-Accel-Charset' => [ "X-Accel-Charset: $next" ] ],
    [ 'X-Accel-Expires' => [ "X-Accel-Expires: $next" ] ],
    [ 'X-Accel-Limit-Rate' => [ "X-Accel-Limit-Rate: $next" ] ],
    [ 'X-Accel-Buffering' => [ "X-Accel-Buffering: $next" ] ],
    [ 'Set-Cookie' => [ "Set-Cookie: session=$next", "P3P: $next" ] ],
    [ 'Refresh' => [ "Refresh: 0; url=https://elsewhere.example/$next" ] ],
    [ 'Content-Length twice' => [ "Content-Length: $next" ] ],
    [ 'Transfer-Encoding' => [ "Transfer-Encoding: $next" ] ],
    [ 'Last-Modified' => [ "Last-Modified: $next", "ETag: \"$next\"", "Vary: $next",
        "Expires: $next", "Cache-Control: max-age=$next" ] ],
    [ 'WWW-Authenticate' => [ "WWW-Authenticate: Bearer $next" ], 401 ],
    [ 'a line without a colon' => [ "Bearer $next" ] ],
    [ 'a name' => [ "$next: 1" ] ],
    [ 'a control character' => [ "X-Request-Id: a\r$next" ] ],
    [ 'a reason' => [], "200 $next" ],
    [ 'a status' => [], $next ],
    [ 'an early hint' => [], "103 Early Hints\r\nLink: <$next>\r\n\r\nHTTP/1.1 200 OK" ],
    [ 'a continuation' => [], "100 $next\r\n\r\nHTTP/1.1 200 OK" ],
    [ 'a trailer' => [ 'Transfer-Encoding: chunked', "Trailer: $next" ] ],
    map { [ "chunks of $_ bytes" => [ 'Transfer-Encoding: chunked' ], 401, $_ ] }
        1, 5, 11, 13, 16
);

my $peer = Reauth::Peer->start(sub {
    my ($request) = @_;

    my ($n) = $request =~ /raw_(\d+)/ or return Reauth::Peer::response('200 OK', '[]');
    my ($what, $headers, $status, $size) = @{ $raw[$n] };
    my $body = $request =~ /\AGET/
        ? qq({"account":{"id":"acct_raw_$n"},"state":"authenticating",)
            . qq("progress":"started","lastAttempt":{"success":false}})
        : qq({"attempt_id":"auth_raw_$n","message":"started",)
            . qq("polling_url":"https://api.fansapi.com/api/authenticate/auth_raw_$n"});
    my $chunked = "@$headers" =~ /chunked/;

    $body = qq({"error":"the key $next is bad"}) if $size;

    $status .= ' OK' if $status && $status =~ /\A\d+\z/;

    return join "\r\n", 'HTTP/1.1 ' . ($status // '200 OK'),
        'Content-Type: application/json', @$headers,
        $chunked
            ? ('', (map { sprintf('%x', length $_), $_ }
                unpack '(a' . ($size // 1000) . ')*', $body),
                0, "X-Trailer: $next", '', '')
            : ('Content-Length: ' . length $body, '', $body);
});

my $raw = gateway(
    name        => 'raw',
    log_level   => 'debug',
    http_config => <<"EOC",
log_format upstream escape=none '\$status \$upstream_http_x_request_id '
    '\$upstream_http_set_cookie \$upstream_http_link \$upstream_trailer_x_trailer '
    '\$upstream_http_x_accel_redirect \$upstream_http_x_accel_charset '
    '\$upstream_http_www_authenticate \$upstream_http_etag '
    '\$sent_http_set_cookie \$sent_http_location \$sent_http_etag';
access_log logs/all.log upstream;
upstream fans_api { server 127.0.0.1:${\ $peer->port }; }
EOC
    config      => <<'EOC',
location /upstream/ {
    internal;
    log_subrequest on;
    proxy_pass http://fans_api/;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Authorization $reauth_authorization;
    proxy_next_upstream off;
}
EOC
);

$place{'answers to raw heads'} = '';

for my $n (0 .. $#raw) {
    for my $request (['PUT', "/api/authenticate/acct_raw_$n/credentials",
            { email => 'ok@example.com', password => 'a-password-9d3e' }],
        ['GET', "/api/authenticate/auth_raw_$n"],
        ['GET', "/reauth/accounts/acct_raw_$n"])
    {
        my $answer = $raw->http(@$request[0, 1], {}, $request->[2]);

        ok($answer->{status} =~ /\A(?:200|401|404|502)\z/,
            "$raw[$n][0]: a response with status $answer->{status} is passed");
        is($answer->{body}, '{"error":"the key ' . '*' x length($next) . ' is bad"}',
            'all of the key is overwritten')
            if $raw[$n][3] && $request->[1] =~ m{^/api/};
        $place{'answers to raw heads'} .= join "\n", $answer->{status},
            %{ $answer->{headers} }, $answer->{body}, '';
    }
}

$raw->stop;
$peer->stop;
$place{'error log of raw heads'}  = $raw->error_log;
$place{'access log of raw heads'} = Reauth::Test::slurp(work_dir() . '/raw/logs/all.log');
like($place{'access log of raw heads'}, qr/\*{30}/,
    'the access log of raw heads has the key overwritten');

for my $name (sort keys %place) {
    is(join(' ', parts_of($_, $place{$name})), '',
        "$name: no part of the key is found") for $key, $next;
}

unlike($place{Redis}, qr/password-9d3e/, 'the password is not stored in Redis');

done_testing();
