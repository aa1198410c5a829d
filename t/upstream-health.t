# The upstream's health, by the responses to all requests with our key: in the
# summary, in readyz, in the metrics, and as a line of the log for each change.

use strict;
use warnings;

use Test::More;

use Reauth::Peer ();
use Reauth::Test redis => 0, sandbox => 0;
use Reauth::Certificates;

my $sentence = '{"error":"The API key is invalid.","message":"Unauthenticated."}';
my $expired  = '{"error":"SESSION_EXPIRED:NEEDS_REAUTHENTICATION",'
    . '"message":"Log in again."}';

# a target ends in what is sent back

my $peer = Reauth::Peer->start(sub {
    my ($request, $number, $socket) = @_;
    my ($how) = $request =~ m{\A\S+ \S*?_(\w+)[ /]} or return;

    return Reauth::Peer::silence($socket)               if $how eq 'silent';
    return                                              if $how eq 'closed';
    return Reauth::Peer::response('401 X', $sentence)   if $how eq 'key';
    return Reauth::Peer::response('401 X', '<html>')    if $how eq 'page';
    return Reauth::Peer::response('401 X', $expired)    if $how eq 'expired';
    return Reauth::Peer::accepted('auth_1')             if $how eq 'started';
    return Reauth::Peer::response("$1 X", '{}')         if $how =~ /\A(\d+)\z/;
    return Reauth::Peer::response('200 OK', '{}');
});

my $port  = $peer->port;
my $other = free_port();
my $tls   = free_port();

# of another authority than the one that is trusted

my $ca = Reauth::Certificates->authority('trusted');
my ($certificate, $key) = Reauth::Certificates->authority('stranger')
    ->sign('strange', names => 'DNS:api.fansapi.com');

my $gateway = gateway(
    workers     => 2,
    log_level   => 'notice',
    http_config => <<"EOC",
upstream fans_api { server 127.0.0.1:$port; }
upstream away { server 127.0.0.1:$other; }
upstream strange { server 127.0.0.1:$tls; }
server {
    listen 127.0.0.1:$tls ssl;
    ssl_certificate $certificate;
    ssl_certificate_key $key;
    ssl_protocols TLSv1.2;
    ssl_session_cache off;
    ssl_session_tickets off;
}
EOC
    config      => <<"EOC",
location /slow/ {
    proxy_pass http://127.0.0.1:$port/;
    proxy_read_timeout 200ms;
    proxy_set_header Authorization \$reauth_authorization;
}
location /gone/ {
    proxy_pass http://127.0.0.1:$other/;
    proxy_set_header Authorization \$reauth_authorization;
}
location /tls/ {
    proxy_pass https://127.0.0.1:$tls/;
    proxy_ssl_name api.fansapi.com;
    proxy_ssl_verify on;
    proxy_ssl_trusted_certificate ${\ $ca->certificate};
    proxy_set_header Authorization \$reauth_authorization;
}
location /named/ {
    proxy_ssl_server_name on;
    proxy_ssl_name api.fansapi.com;
    proxy_ssl_verify on;
    proxy_ssl_trusted_certificate ${\ $ca->certificate};
    proxy_set_header Authorization \$reauth_authorization;
    location /named/away/ { proxy_pass https://away/; }
    location /named/strange/ { proxy_pass https://strange/; }
}
location /page/ {
    proxy_pass http://127.0.0.1:$port/;
    proxy_intercept_errors on;
    error_page 401 =200 /page.txt;
    proxy_set_header Authorization \$reauth_authorization;
}
location = /page.txt { internal; return 200 "page"; }
location /own/ {
    proxy_pass http://127.0.0.1:$port/;
}
location = /reauth/metrics { reauth_metrics; }
EOC
);

sub get { return $gateway->http('GET', $_[0]); }

sub upstream { return get('/reauth/summary')->{json}{upstream}; }

sub metric {
    my ($name) = @_;

    return get('/reauth/metrics')->{body} =~ /^\Q$name\E (\d+)$/m ? $1 : 'none';
}

# of this state and cause alone: on a slow machine, refusals before it last
# longer than two seconds and are told, too

sub lines {
    my ($line) = @_;

    return scalar(() = $gateway->error_log =~ /the upstream is now $line/g);
}

is_deeply(upstream(), { state => 'unknown', last_ok_at => undef,
    last_error_at => undef, error => undef }, 'nothing is known at first');
is(metric('reauth_upstream_state{state="unknown"}'), 1,
    'the metrics show the unknown state at first');

get('/api/acct_200/chats');
is(upstream()->{state}, 'ok', 'a success counts at once');
like(upstream()->{last_ok_at}, qr/\A\d{4}-\d\d-\d\dT[\d:.]+Z\z/,
    'the summary has the time of the last success');
is(upstream()->{error}, undef, 'the summary has no error after a success');
is(lines(''), 0, 'a first success is not logged as a change');

# ---- the key ----

my %reason = (
    key_refused    => 'upstream_key',
    out_of_credits => 'upstream_credits',
    key_restricted => 'upstream_restricted',
);

my %status = (key_refused => 401, out_of_credits => 402, key_restricted => 403);

# the first takes two seconds without a success, the others are changes of it

my @refused = (
    [ 'a call'           => 'key_refused', sub { get('/api/acct_key/chats') } ],
    [ 'no credits'       => 'out_of_credits', sub { get('/api/acct_402/x') } ],
    [ 'a restricted key' => 'key_restricted', sub { get('/api/acct_403/x') } ],
);

sub is_refused {
    my ($what, $error, $request) = @_;

    my $line  = qr/"unauthorized": [^\n]*\($status{$error}\)/;
    my $lines = lines($line);

    ok(wait_for {
        $request->();
        return metric(qq(reauth_degraded{reason="$reason{$error}"})) eq '1';
    } "$what: the metric of the reason becomes 1");

    is(upstream()->{state}, 'unauthorized',
        "$what: the state is \"unauthorized\"");
    is(upstream()->{error}, uc $error, "$what: the summary has the error");
    is(metric('reauth_upstream_state{state="unauthorized"}'), 1,
        "$what: the metrics show \"unauthorized\"");

    my $ready = get('/reauth/readyz')->{json};
    is($ready->{status}, 'degraded', "$what: readyz reports \"degraded\"");
    like($ready->{reason}, qr/\A(?:the upstream rejects the API key|the API key is restricted|the team is out of credits) \(40\d\): calls/,
        "$what: readyz says why");

    $request->() for 1 .. 3;
    ok(wait_for { lines($line) > $lines } "$what: the change is logged");
    is(lines($line), $lines + 1, "$what: the change is logged once");
    like($gateway->error_log,
        qr/\[error\] [^\n]*the upstream is now "unauthorized": [^\n]*\(40[123]\)[^\n]*\n(?![^\0]*is now)/,
        "$what: the change is logged as an error");

    return;
}

sub is_mended {
    my ($what) = @_;

    get('/api/acct_200/chats');
    is(upstream()->{state}, 'ok', "$what: a success mends it at once");
    is(get('/reauth/readyz')->{json}{status}, 'ready',
        "$what: readyz reports \"ready\" after a success");
    like($gateway->error_log, qr/\[notice\] [^\n]*the upstream is now "ok"[^\n]*\n(?![^\0]*is now)/,
        "$what: the log says so");

    return;
}

is_refused(@$_) for @refused;
is_mended('calls');

is_refused('an update', 'key_refused', sub { $gateway->update('acct_key', 'ok') });
is_mended('an update');

# all others

sub is_counted {
    my ($what, $error, $request) = @_;

    my $name   = qq(reauth_upstream_errors_total{error="$error"});
    my $before = metric($name);

    $request->();
    is(metric($name), $before + 1, "$what: counted as $error");
    is(upstream()->{error}, uc $error, "$what: the last error");

    return;
}

is_counted('a call without an account', 'key_refused',
    sub { get('/api/x_key/') });
is_counted('a page', 'key_refused', sub { get('/api/acct_page/x') });
is_counted('an intercepted response', 'key_refused',
    sub { get('/page/api/acct_key/chats') });

# ---- what says nothing of it ----

my $last = upstream()->{last_error_at};

get($_) for '/api/acct_expired/chats', '/api/acct_503/chats',
    '/api/acct_404/chats', '/api/acct_302/chats', '/own/api/acct_key/chats',
    '/own/api/acct_429/chats', '/own/api/acct_500/chats';

is(upstream()->{last_error_at}, $last,
    'an account, a missing thing and others\' keys say nothing of ours');

# ---- limits and failures ----

sub is_now {
    my ($state, $what, $error, $request) = @_;

    my $lines = lines(qq("$state"));

    ok(wait_for {
        $request->();
        return upstream()->{state} eq $state;
    } "$what: the state becomes \"$state\"");

    is(upstream()->{error}, uc $error, "$what: the summary has the error");
    is(metric(qq(reauth_upstream_state{state="$state"})), 1,
        "$what: the metrics show the state");
    is(get('/reauth/readyz')->{json}{status}, 'ready',
        "$what: readyz still reports \"ready\"");
    ok(wait_for { lines(qq("$state")) > $lines } "$what: the change is logged");
    is(lines(qq("$state")), $lines + 1, "$what: the change is logged once");
    like($gateway->error_log,
        qr/\[warn\] [^\n]*the upstream is now "$state": /,
        "$what: the change is logged as a warning");

    return;
}

is_now('failing', 'an error', 'http_error', sub { get('/api/acct_500/x') });

is_counted('a timeout', 'timeout', sub { get('/slow/api/acct_silent/x') });
is_counted('a closed connection', 'no_response', sub { get('/api/acct_closed/x') });
is_counted('no connection', 'no_response', sub { get('/gone/api/x') });
is_counted('a certificate', 'tls', sub { get('/tls/api/acct_200/x') });
is_counted('no connection for TLS', 'no_response',
    sub { get('/named/away/api/acct_200/x') });
is_counted('a certificate of a named upstream', 'tls',
    sub { get('/named/strange/api/acct_200/x') });
is_counted('an update without a response', 'no_response',
    sub { $gateway->update('acct_closed', 'ok') });

is(upstream()->{state}, 'failing',
    'the state stays "failing" with all other failures');
is_mended('failures');

is_now('limited', 'a limit', 'limited', sub { get('/api/acct_429/x') });
is_mended('a limit');

$gateway->stop;

done_testing();
