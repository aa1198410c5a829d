# No leaks: secrets of every kind are sent to every endpoint, with success and
# with every failure, and are then searched for wherever data is stored.

use strict;
use warnings;

use Digest::SHA qw(hmac_sha256 sha256_hex);
use File::Path qw(make_path);
use JSON::PP ();
use Test::More;

use Reauth::Test sandbox => 0;
use Reauth::Webhook;
use Reauth::Canary;
use Reauth::H2 ();
use Reauth::Stream ();

my $key  = $Reauth::Test::API_KEY;
my $dir  = work_dir();
my $tls  = free_port();
my $port = free_port();
my $keyless = free_port();
my $http2   = free_port();

# secrets that must not be stored; the last ones are those of the sandbox
my %canary = (
    'API key'        => $key,
    'caller token'   => 'canary-caller-token-4e1b',
    'wrong token'    => 'canary-wrong-token-77a0',
    'password'       => 'canary-password-8c2d',
    'cookie'         => 'canary-cookie-f06a',
    'xbc'            => 'canary-xbc-91d7',
    'user agent'     => 'canary-user-agent-3b55',
    '2FA code'       => 'canary-2fa-code-60e8',
    'e-mail'         => 'canary-e-mail-d1c4',
    'Redis password' => 'redis-password-for-tests-only',
    'webhook secret' => $Reauth::Webhook::SECRET,
    'master secret'  => 'canary-master-secret-b7f3-of-32-bytes',
    'deeplink'       => 'CANARYdeeplink',
    map { $_ => "CANARY-$_" } qw(csrf wsAuthToken wsUrl face upload
                                 masked-email ip),
);

# shows for each place that it is searched
my $control = 'control-canary-2d9f';

sandbox_start('--step-ms', 50, '--stall-s', 10);
my $sandbox = $ENV{TEST_NGINX_SANDBOX_PORT};

# ---- the upstream uses TLS, so that there are its buffers ----

my ($certificate, $private) = Reauth::Test::certificate('upstream');

my $front = gateway(
    name    => 'front',
    without => [qw(all module ready)],
    port    => $tls,
    listen  => 'ssl',
    config  => <<"EOC");
ssl_certificate $certificate;
ssl_certificate_key $private;
location / { proxy_pass http://127.0.0.1:$sandbox; proxy_read_timeout 10s; }
EOC

# ---- all variables ----

my @variables = qw(
    args body_bytes_sent connection content_length content_type document_root
    document_uri fastcgi_path_info fastcgi_script_name host http2 is_args
    limit_rate proxy_add_x_forwarded_for proxy_host
    proxy_port query_string realpath_root remote_addr remote_user request
    request_body request_body_file request_completion request_filename
    request_id request_length request_method request_uri scheme
    server_name server_protocol status upstream_addr upstream_bytes_received
    upstream_bytes_sent upstream_cache_status upstream_status uri
    ssl_client_s_dn ssl_server_name ssl_session_id
    arg_email arg_password arg_code cookie_session
    http_authorization http_cookie http_host http_referer http_user_agent
    http_via http_x_forwarded_for http_signature http_content_type
    sent_http_authorization sent_http_content_type sent_http_location
    sent_http_www_authenticate sent_http_link
    sent_http_cache_control sent_trailer_x upstream_http_authorization
    upstream_http_location upstream_trailer_x
    reauth_authorization reauth_operation reauth_account reauth_attempt
    reauth_auth_type reauth_state reauth_gate reauth_coalesced reauth_caller
    reauth_decision reauth_store
    mapped kept
);
my $format = join ' ', map { "$_=[\$$_]" } @variables;

my $callers = secret_file('callers', join('', map {
    "$_->[0] sha256:" . sha256_hex($_->[1]) . " $_->[2]\n"
} ['alice', $canary{'caller token'}, 'all'],
  ['bob', "$canary{'caller token'}-of-bob", 'status accounts=acct_b*']),
    oct 644);
my $master = secret_file('master', "$canary{'master secret'}\n");

make_path("$dir/gateway/html");

my $gateway = gateway(
    name        => 'gateway',
    log_level   => 'debug',
    port        => $port,
    main_config => <<"EOC",
worker_rlimit_core 1g;
working_directory $dir/gateway;
EOC
    without     => ['reauth_key_file'],
    http_config => <<"EOC",
server {
    listen 127.0.0.1:$keyless;
    location / { proxy_pass https://fans_api;
        proxy_set_header Authorization \$reauth_authorization; }
}
reauth_callers_file $callers;
reauth_secret_file $master;
upstream fans_api { server 127.0.0.1:$tls; keepalive 4; }
map \$reauth_authorization \$mapped { "" ""; default "\$reauth_authorization"; }
map \$http_x \$kept { default "\$mapped"; }
map \$uri \$of_the_configuration { default $control; }
log_format all escape=none '$format';
access_log logs/all.log all;
proxy_cache_path $dir/gateway/cache keys_zone=cache:1m;
proxy_ssl_trusted_certificate $certificate;
proxy_ssl_verify on;
proxy_ssl_name localhost;
proxy_ssl_session_reuse off;
proxy_ssl_server_name on;
EOC
    config => <<"EOC");
listen 127.0.0.1:$http2 http2;
reauth_key_file $ENV{TEST_NGINX_KEY_FILE};
client_body_buffer_size 1k;
client_max_body_size 1k;
reauth_gate_max 10s;
reauth_poll on /upstream interval=100ms max_interval=1s rate=50r/s;

location /api/ {
    client_max_body_size 1m;
    reauth_gate on;
    proxy_pass https://fans_api;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Authorization \$reauth_authorization;
    proxy_set_header X-Kept \$kept;
}
location /cached/ {
    proxy_cache cache;
    proxy_cache_key "\$uri\$reauth_authorization\$mapped";
    proxy_cache_valid any 1m;
    proxy_pass https://fans_api/api/;
    proxy_set_header Authorization \$reauth_authorization;
}
location /upstream/ {
    internal;
    log_subrequest on;
    proxy_cache cache;
    proxy_cache_valid any 1m;
    proxy_pass https://fans_api/;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Authorization \$reauth_authorization;
    proxy_next_upstream off;
    proxy_ignore_client_abort on;
    proxy_read_timeout 5s;
    proxy_buffers 2 4k;
    proxy_buffer_size 4k;
    proxy_busy_buffers_size 4k;
}
location = /reauth/webhook { reauth_webhook $ENV{TEST_NGINX_WEBHOOK_SECRET}; }
location = /reauth/metrics { reauth_metrics; }
location = /control { return 200 $control; }
EOC

wait_for { ($gateway->http('GET', '/reauth/readyz')->{json}{status} // '')
    eq 'ready' } 'the gateway is connected to Redis';

# From now on, a request body or a response that nginx tries to write to disk is
# an error in the log and for the client.

for my $temp (map { "$dir/gateway/${_}_temp" } qw(client_body proxy)) {
    rmdir $temp or die "rmdir $temp: $!\n";
    Reauth::Test::write_file($temp, '');
}

# all commands that the gateway sends to Redis from now on

my $monitor = open(my $monitored, '-|', 'redis-cli', '-h', '127.0.0.1', '-p',
    $ENV{TEST_NGINX_REDIS_PORT}, '-a', $canary{'Redis password'},
    '--no-auth-warning', 'MONITOR') or die "redis-cli: $!\n";
<$monitored>;

# ---- requests ----

my %answers;                         # by whether the upstream's words are in it

sub ask {
    my ($method, $path, $body, %more) = @_;

    my $whose   = delete $more{upstream} ? 'upstream'
                : delete $more{echo}     ? 'echo' : 'own';
    my %argument = map { $_ => delete $more{$_} }
        grep { exists $more{$_} } qw(timeout abandon port);
    my %header  = (
        'Authorization' => "Bearer $canary{'caller token'}",
        %more,
    );

    my $answer = $gateway->http($method, $path, \%header, $body,
        %argument);

    $answers{$whose} .= join "\n", "$method $path", $answer->{status},
        %{ $answer->{headers} }, $answer->{body}, '';

    return $answer;
}

sub email {
    my ($story) = @_;

    return { email => "$story-$canary{'e-mail'}\@example.com",
             password => $canary{'password'} };
}

sub raw {
    my ($story, %field) = @_;

    return { auth_type => 'raw_data', auth_id => $story,
             cookies => "sess=$canary{'cookie'}; a=1", xbc => $canary{'xbc'},
             user_agent => $canary{'user agent'}, %field };
}

sub put {
    my ($account, $body, %more) = @_;

    return ask('PUT', "/api/authenticate/$account/credentials", $body, %more);
}

sub status_is {
    my ($answer, $status, $what) = @_;

    return is($answer->{status}, $status, $what);
}

# ---- success ----

my $answer = put('acct_ok', email('ok'));
status_is($answer, 200, 'an update');
my $attempt = $answer->{json}{attempt_id};
status_is(put('acct_ok', email('ok')), 200, 'the same again');
status_is(ask('GET', '/api/acct_ok/chats'), 503, 'the gate is closed');
status_is(ask('GET', "/api/authenticate/$attempt", undef, upstream => 1), 200,
    'a poll');
ok(wait_for { ask('GET', '/reauth/accounts/acct_ok')->{json}{state}
    eq 'succeeded' } 'the login of acct_ok ends');
$answer = ask('GET', "/api/authenticate/$attempt", undef, upstream => 1);
like($answer->{body}, qr/CANARY-csrf.*CANARY-wsAuth/,
    'the upstream\'s answer to a poll is the caller\'s');
status_is(ask('GET', '/api/acct_ok/chats'), 200, 'the gate is open');

status_is(put('acct_raw', raw('ok')), 200, 'raw_data');
$answer = put('acct_phone', { auth_type => 'mobile_app' }, upstream => 1);
like($answer->{body}, qr/auth_CANARYdeeplink/, 'a deeplink is the caller\'s');
$answer = put('acct_phone', { auth_type => 'mobile_app' }, upstream => 1);
is($answer->{headers}{'reauth-coalesced'}, '1',
    'a deeplink is returned to an identical update');

$answer = put('acct_otp', email('otp'));
my $otp = $answer->{json}{attempt_id};
ok(wait_for { ask('GET', '/reauth/accounts/acct_otp')->{json}{state}
    eq 'needs_otp' } 'a code is wanted');
status_is(ask('PUT', "/api/authenticate/$otp",
    { code => $canary{'2FA code'} }), 200, 'a wrong code is taken');
ok(wait_for { ask('GET', '/reauth/accounts/acct_otp')->{json}{state}
    eq 'needs_otp' } 'a wrong code is rejected by the upstream');
status_is(ask('PUT', "/api/authenticate/$otp", { code => '123456' }), 200,
    'the right one');
ask('POST', "/api/authenticate/$otp/email", undef);
status_is(ask('POST', '/api/authenticate', email('ok')), 200, 'a start');
ask('POST', '/api/authenticate/acct_ok/reauthenticate', undef);
ask('POST', '/api/fansly/authenticate', email('ok'));

ask('POST', '/reauth/webhook',
    event('accounts.connected', 'acct_ok', csrf => 'CANARY-csrf'),
    Signature => signature(event('accounts.connected', 'acct_ok',
        csrf => 'CANARY-csrf')),
    'X-OFAPI-Idempotency-Key' => 'evt_canary', Authorization => undef);

status_is(ask('GET', "/cached/acct_raw/me"), 200, 'a cached call') for 1 .. 2;

# ---- rejected by the gateway ----

status_is(put('acct_e', qq({"email":"$canary{'e-mail'}","password":)
    . qq("$canary{'password'}), 'Content-Type' => 'application/json'), 400,
    'bad JSON');
status_is(put('acct_e', qq({"password":"$canary{'password'}",)
    . qq("password":"$canary{'password'}"}), 'Content-Type' =>
    'application/json'), 400, 'a name twice');
status_is(put('acct_e', { email => $canary{'e-mail'},
    password => [$canary{'password'}], $canary{'cookie'} => 1 }), 422,
    'bad fields');
status_is(put('acct_e', raw('ok', xbc => "x\n$canary{'xbc'}",
    cookies => "a=1\n$canary{'cookie'}")), 422, 'bad headers');
status_is(put('acct_e', email('ok'), 'Content-Type' => 'text/plain'), 415,
    'another type');
status_is(put('acct_e', raw('ok', cookies => $canary{'cookie'} x 5_000)), 413,
    'too large');
status_is(put('acct_e', raw('ok', cookies => $canary{'cookie'} x 1_000)), 422,
    'a field too large');
status_is(put('acct_e', email('ok'), Authorization =>
    "Bearer $canary{'wrong token'}"), 401, 'nobody\'s token');
status_is(put('acct_b1', email('ok'), Authorization =>
    "Bearer $canary{'caller token'}-of-bob"), 403, 'no scope');
status_is(ask('GET', '/api/acct_b1/me', undef, Authorization =>
    "Basic $canary{'wrong token'}"), 401, 'another scheme');
status_is(ask('POST', '/api/authenticate/acct_1/nowhere', email('ok')), 404,
    'nowhere');
status_is(ask('DELETE', '/api/authenticate/acct_1/credentials', email('ok')),
    405, 'another method');
status_is(ask('GET', '/api/acct_%2e/me'), 400, 'a bad path');
status_is(ask('GET', '/missing'), 404, 'a file that is not there');
status_is(ask('GET', '/api/acct_ok/me', undef, 'X-Long' => 'x' x 40_000), 400,
    'headers too large');
status_is(ask('GET', '/%', undef), 400, 'no request');
status_is(ask('POST', '/reauth/webhook', event('accounts.connected', 'acct_ok',
    csrf => 'CANARY-csrf'), Signature => signature('no', 'no'),
    'X-OFAPI-Idempotency-Key' => 'evt_wrong'), 401, 'a bad signature');
status_is(ask('POST', '/reauth/webhook', '{"CANARY":',
    Signature => signature('{"CANARY":')), 200, 'signed nonsense');
status_is(ask('POST', '/reauth/webhook', 'CANARY' x 60_000,
    Signature => signature('x')), 413, 'an event too large');
put('acct_gone', email('ok'), abandon => 1);
put('acct_slowly', email('ok'), 'Content-Length' => 5_000, timeout => 1);

# ---- over HTTP/2 ----

# Returns the status.  Response headers are not searched here: they are encoded
# by HPACK, and identical to those of HTTP/1.1.

my $h2 = Reauth::H2->connect_to($http2);

sub ask_http2 {
    my ($method, $path, $body, %more) = @_;

    my $token = $more{token} // $canary{'caller token'};
    my %header = (authorization => "Bearer $token");

    $header{'content-type'} = 'application/json' if defined $body;
    $header{'content-length'} = $more{length} if defined $more{length};
    $body = JSON::PP::encode_json($body) if ref $body;

    my $answer = $h2->answer($h2->request($method, $path, \%header,
        body => $body, open => defined $more{length}), 20);

    $answers{ $more{upstream} ? 'upstream' : 'own' }
        .= "$method $path\n$answer->{status} $answer->{body}\n";

    return $answer->{status};
}

my $update = '/api/authenticate/acct_http2/credentials';

for my $case (
    [ 'an update', 200, 'PUT', $update, email('otp') ],
    [ 'the same again', 200, 'PUT', $update, email('otp') ],
    [ 'the gate is closed', 503, 'GET', '/api/acct_http2/chats' ],
    [ 'its status', 200, 'GET', '/reauth/accounts/acct_http2' ],
    [ 'the list', 200, 'GET', '/reauth/accounts' ],
    [ 'another account\'s call', 200, 'GET', '/api/acct_open/chats' ],
    [ 'raw_data', 200, 'PUT', '/api/authenticate/acct_http2_raw/credentials',
      raw('ok') ],
    [ 'a deeplink', 200, 'PUT', '/api/authenticate/acct_http2_app/credentials',
      { auth_type => 'mobile_app' }, upstream => 1 ],
    [ 'bad JSON', 400, 'PUT', $update, qq({"password":"$canary{password}") ],
    [ 'bad fields', 422, 'PUT', $update,
      { email => $canary{'e-mail'}, password => [ $canary{password} ] } ],
    [ 'too large', 413, 'PUT', $update,
      raw('ok', cookies => $canary{cookie} x 3_000), length => 90_000 ],
    [ 'nobody\'s token', 401, 'PUT', $update, email('ok'),
      token => $canary{'wrong token'} ],
    [ 'no scope', 403, 'PUT', '/api/authenticate/acct_b1/credentials',
      email('ok'), token => "$canary{'caller token'}-of-bob" ],
    [ 'an upstream that is down', 502, 'PUT',
      '/api/authenticate/acct_http2_down/credentials', raw('down') ])
{
    my ($what, $status, @request) = @$case;

    is(ask_http2(@request), $status, "HTTP/2, $what: the status is $status");
}

$h2->close;

# ---- an upstream that fails ----

for my $case ([down => 502], [limit => 429], [lost => 504], [stall => 504],
    [reset => 502], [half => 502], [huge => 502], [garbage => 502],
    [odd => 502], [wrong => 200])
{
    my ($story, $status) = @$case;
    status_is(put("acct_$story", raw($story)), $status,
        "the upstream: $story");
}

ask('GET', "/api/acct_$_/me") for qw(unknown broken cdn maintenance expired);

# ---- an upstream that repeats everything that it receives ----

# the client that sent it may receive it; nothing of it is stored

sandbox('POST', '/settings', { echo => 1 });

for my $case ([ok => 200], [restricted => 403], [broken => 500],
    [limited => 429])
{
    my ($word, $status) = @$case;
    my $account = "acct_${word}_echo";

    for my $body (email('ok'), raw('ok')) {
        $answer = put($account, $body, echo => 1);
        status_is($answer, $status, "the upstream repeats all: $status");
    }

    like($answer->{body}, qr/\Q$canary{cookie}/, 'the call returns the cookie');
    ask('GET', "/reauth/accounts/$account");
    ask('GET', "/reauth/accounts/$account/timeline");

    next if $status != 200;

    ask('GET', "/api/authenticate/$answer->{json}{attempt_id}", undef,
        echo => 1);
    ask('PUT', "/api/authenticate/$answer->{json}{attempt_id}",
        { code => $canary{'2FA code'} }, echo => 1);
    ask('POST', '/api/authenticate', email('ok'), echo => 1);
    ask('POST', "/api/authenticate/$account/reauthenticate", undef, echo => 1);
}

sandbox('POST', '/settings', { echo => 0 });

# ---- without a key, without an upstream ----

status_is(ask('GET', '/api/acct_ok/me', undef, port => $keyless), 503,
    'no key');

$front->stop;
status_is(put('acct_down', email('ok')), 502, 'no upstream');
status_is(ask('GET', '/api/acct_ok/me'), 502, 'nor for a call');
$front->launch;

# ---- what operators do ----

# a reason with a part of the key is taken: the caller would see what is one

status_is(ask('PUT', '/reauth/accounts/acct_ok/override',
    { gate => 'closed', for => '1m', reason => "paste $key" }), 422,
    'a reason with the API key');
status_is(ask('PUT', '/reauth/drain', { for => '1m', reason => "paste $key" }),
    422, 'for a drain, too');

status_is(ask('PUT', '/reauth/accounts/acct_ok/override',
    qq({"gate":"closed","for":"1m","reason":1,"$canary{password}":1}),
    'Content-Type' => 'application/json'), 422, 'an unknown member');
status_is(ask('PUT', '/reauth/accounts/acct_ok/override',
    qq({"gate":"closed","for":"$canary{password}"), 'Content-Type' =>
    'application/json'), 400, 'a half override');
status_is(ask('PUT', '/reauth/accounts/acct_ok/override',
    { gate => 'closed', for => '1m', reason => 'maintenance' }), 200,
    'an override');
status_is(ask('GET', '/api/acct_ok/chats'), 503, 'which closes the gate');
status_is(ask('DELETE', '/reauth/accounts/acct_ok/override'), 200,
    'and is removed');
status_is(ask('POST', '/reauth/accounts/acct_ok/poll'), 202, 'a poll');
status_is(ask('PUT', '/reauth/drain', { for => '1m' }), 200, 'drained');
status_is(ask('GET', '/reauth/drain'), 200, 'for some time');
status_is(ask('DELETE', '/reauth/drain'), 200, 'and not any more');
status_is(ask('PUT', '/reauth/accounts/acct_ok/override', undef,
    Authorization => "Bearer $canary{'wrong token'}"), 401,
    'nobody is no operator');

# ---- data stored meanwhile ----

my @pages = map { "/reauth/$_" } qw(accounts accounts/acct_ok
    accounts/acct_phone accounts/acct_otp/timeline accounts/acct_wrong
    accounts/acct_ok_echo/timeline accounts?limit=1&wait=10ms
    accounts/acct_phone?wait=10ms gate/acct_phone?open=200&closed=403 nowhere
    summary gate/acct_phone healthz readyz metrics);

ask('GET', $_) for @pages;

# from the beginning of what is remembered

my $stream = Reauth::Stream->open($gateway, 'GET', '/reauth/events',
    { Authorization => "Bearer $canary{'caller token'}" });
$stream->saw(qr/^id: (\w+)-/m);
my ($boot) = $stream->text =~ /^id: (\w+)-/m;
$stream->close;

$stream = Reauth::Stream->open($gateway, 'GET', '/reauth/events',
    { Authorization => "Bearer $canary{'caller token'}",
      'Last-Event-ID' => "$boot-0" });
ok($stream->saw(qr/acct_\w+_echo/),
    'events of accounts whose upstream repeats all');
$answers{own} .= $stream->text;
$stream->close;

my %place = (Redis => redis_of());

redis_cli('SET', 'control', $control);
while (my $line = <$monitored>) {
    $place{'what Redis was told'} .= $line;
    last if $line =~ /$control/;
}
kill 'TERM', $monitor;
close $monitored;

redis_stop();
put('acct_local', email('ok'));
put('acct_local2', { auth_type => 'mobile_app' }, upstream => 1);
ask('GET', $_) for @pages;
redis_start();
wait_for { ($gateway->http('GET', '/reauth/readyz')->{json}{status} // '')
    eq 'ready' } 'Redis again';
redis_cli('SET', 'control', $control);
$place{Redis} .= redis_of();

# ---- each place contains something that must be found ----

$gateway->http('GET', "/control?$control");
$gateway->http('GET', "/missing?$control");
ask('GET', '/control');
ask('GET', "/api/acct_$control/me");

# requests and polls have ended; connections are kept alive
sandbox('POST', "/finish/$_", {})
    for qw(acct_phone acct_local2 acct_http2 acct_http2_app);
ok(wait_for { ask('GET', '/reauth/summary')->{json}{active} == 0 }
    'all attempts are at an end');

# keys derived from the master secret by HKDF

my %made = map {
    ("key for $_" => hmac_sha256("nginx-reauth $_ v1\x01",
        hmac_sha256($canary{'master secret'}, 'nginx-reauth')))
} qw(sealing fingerprint);

my %in_core = ('API key' => $key, 'control' => $control, %made,
    map { $_ => $canary{$_} } 'master secret', 'webhook secret',
    'Redis password');

my ($worker) = $gateway->worker_pids;
my ($core, $how);

if (defined $ENV{ASAN_OPTIONS}) {
    note('./run asan: memory is not locked');

} elsif (my $hidden = Reauth::Test::memory_hidden()) {
    note("the worker's memory is not searched: $hidden");

} else {
    my ($locked) = Reauth::Test::slurp("/proc/$worker/status")
        =~ /^VmLck:\s+(\d+)/m;
    cmp_ok($locked, '>', 0, 'the worker\'s secrets are locked in memory');

    # a list requested by the poller may still be in progress

    wait_for {
        ($core, $how) = memory_of($worker);
        join(' ', look_for(\%in_core, $core)) eq 'control';
    } 'the last request has ended';
}

$gateway->stop;
$front->stop;

# not before: after a minute nginx removes other files from its cache
Reauth::Test::write_file("$dir/gateway/cache/control", $control);

my %all = (%canary, control => $control);

# lines of nginx itself contain headers and bodies at the debug level

my (%log, $module);

for my $line (split /^/, $gateway->error_log) {
    $module = $line =~ /\[debug\] \d+#\d+: (?:\*\d+ )?reauth /;
    $log{ $line !~ /\[debug\]/ ? 'info' : $module ? 'module' : 'nginx' }
        .= $line;
}

$place{'error log (info)'} = $log{info};
$place{'debug log (module)'} = $log{module}
    if defined $log{nginx};
$place{'access log'}       = Reauth::Test::slurp("$dir/gateway/logs/all.log");
$place{'temporary files'}  = files_of(map { "$dir/gateway/$_" }
    qw(cache client_body_temp proxy_temp fastcgi_temp scgi_temp uwsgi_temp));
$place{'answers'}          = $answers{own};

my @table = [qw(place bytes found)];

for my $name (sort keys %place) {
    my @found = look_for(\%all, $place{$name});

    is("@found", 'control', "$name: nothing but what was put there");
    push @table, [$name, length $place{$name}, "@found"];
}

my %upstream = %canary;
delete @upstream{'e-mail', grep { $canary{$_} =~ /\ACANARY/ } keys %canary};
is(join(' ', look_for(\%upstream, $answers{upstream})), '',
    'answers of the upstream: nothing of the gateway\'s or of a request');
push @table, ['answers of the upstream', length $answers{upstream}, ''];

is(join(' ', look_for({ 'API key' => $key }, $answers{echo})), '',
    'answers that repeat all: not the API key');
push @table, ['answers that repeat all', length $answers{echo}, ''];

if (defined $core) {
    my @found = look_for(\%in_core, $core);
    is("@found", 'control',
        "$how of a worker: no secret of the gateway is found");
    push @table, ["$how of a worker", length $core, "@found"];
}

unlike($place{'error log (info)'}, qr/\[(?:crit|alert|emerg)\](?!.*signal 6)/,
    'nothing was to be written to disk');
like($place{'access log'}, qr/request_body=\[\].*reauth_operation=\[update\]/,
    'the access log was that');

note(sprintf '%-26s %10s  %s', @$_) for @table;
note('looked for: ', join ', ', sort keys %all);

done_testing();
