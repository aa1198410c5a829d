# No call is sent without the key: if a location uses $reauth_authorization and
# there is no key, or nginx has stored a value made of the empty variable, the
# response is 503 in the upstream's format and nothing is sent.

use strict;
use warnings;

use Test::More;

use Reauth::Test redis => 0;

my $other = free_port();
my $key   = $ENV{TEST_NGINX_KEY_FILE};

my $proxy = <<'EOC';
proxy_pass http://fans_api;
proxy_set_header Authorization $reauth_authorization;
EOC

my $gateway = gateway(
    without     => [qw(reauth_key_file /api/authenticate
                       /api/fansly/authenticate /upstream/ /api/)],
    http_config => <<"EOC",
map \$http_x_map \$kept { default \$reauth_authorization; }
map \$http_x_map \$afresh { volatile; default \$reauth_authorization; }
log_format key "\$uri \$status key=[\$reauth_authorization]";
access_log logs/key.log key;

server {
    listen 127.0.0.1:$other http2;
    location / { return 200 "[\$http_authorization]"; }
}
EOC
    config => <<"EOC");
error_page 500 502 /page;
location = /metrics { reauth_metrics; }
location = /page { return 200 "a page of the operator's"; }

location /api/ { $proxy }
location /api/authenticate { reauth_key_file $key; reauth_authenticate /upstream; }
location /upstream/ { internal; proxy_pass http://fans_api/;
    proxy_set_header Authorization \$reauth_authorization; }

location /unbuffered/ { proxy_request_buffering off; $proxy }
location /other_header/ { proxy_pass http://fans_api;
    proxy_set_header X-Key "key \$reauth_authorization"; }
location /by_map/ { proxy_pass http://fans_api;
    proxy_set_header Authorization \$kept; }
location /set/ { set \$address fans_api; proxy_pass http://\$address;
    proxy_set_header Authorization \$reauth_authorization; }
location /if/ { proxy_set_header Authorization \$reauth_authorization;
    if (\$request_method = GET) { proxy_pass http://fans_api; } }
location /named/ { error_page 418 = \@named; return 418; }
location \@named { $proxy }
location /fastcgi/ { fastcgi_pass fans_api;
    fastcgi_param HTTP_AUTHORIZATION \$reauth_authorization; }
location /grpc/ { grpc_pass grpc://127.0.0.1:$other;
    grpc_set_header Authorization \$reauth_authorization; }
location /auth/ { auth_request /api/acct_1/me;
    proxy_pass http://fans_api/api/; }
location /mirror/ { mirror /api/acct_1/mirrored; return 204; }

location /plain/ { proxy_pass http://fans_api/api/; }
location = /stub { stub_status; }
location = /gif { empty_gif; }

location /keyed/ {
    reauth_key_file $key;
    location /keyed/kept/ {
        if (\$kept) { return 204; }
        proxy_pass http://fans_api/api/acct_1/;
        proxy_set_header Authorization \$kept;
    }
    location /keyed/afresh/ {
        if (\$afresh) { return 204; }
        proxy_pass http://fans_api/api/acct_1/;
        proxy_set_header Authorization \$afresh;
    }
    location /keyed/map/ {
        proxy_pass http://fans_api/api/acct_1/;
        proxy_set_header Authorization \$kept;
    }
    location /keyed/parts/ {
        proxy_pass http://fans_api/api/acct_1/;
        proxy_set_header Authorization \$reauth_authorization;
        proxy_set_header X-Key "<\$reauth_authorization>";
    }
    location /keyed/grpc/ {
        grpc_pass grpc://127.0.0.1:$other;
        grpc_set_header Authorization \$reauth_authorization;
    }
    location = /keyed/stub { stub_status; }
    location = /keyed/gif { empty_gif; }
}
EOC

my $bearer = 'Bearer sandbox-api-key-for-tests-only';

sub unavailable {
    my ($what, $answer) = @_;

    is($answer->{status}, 503, "$what: rejected with the 503 code");
    is($answer->{json}{error}, 'KEY_UNAVAILABLE',
        "$what: the error says that the key is missing");
    like($answer->{json}{decision_id} // '', qr/\A[0-9a-f]{16}\z/,
        "$what: the error has a decision ID");
    like($answer->{headers}{'content-type'}, qr{application/json},
        "$what: the error is JSON");

    return;
}

for my $path (qw(api unbuffered other_header by_map set if named fastcgi grpc))
{
    unavailable($path, $gateway->http('GET', "/$path/acct_1/me"));
}

unavailable("$_ with a body", $gateway->http('POST', "/$_/acct_1/me", {},
    'x' x 100_000)) for qw(api unbuffered named);

my $head = $gateway->http('HEAD', '/api/acct_1/me');
is($head->{status}, 503, 'a HEAD request without a key is rejected');
is($head->{body}, '', 'the response to HEAD has no body');

is($gateway->http('GET', '/auth/accounts')->{status}, 500,
    'a subrequest of auth_request without a key is rejected');
is($gateway->http('GET', '/mirror/')->{status}, 204, 'a mirrored call');

my $answer = $gateway->update('acct_1', 'ok');
unavailable('an update', $answer);
is($gateway->http('GET', '/reauth/accounts/acct_1')->{json}{state}, 'rejected',
    'an update without a key is rejected');
unavailable('a poll', $gateway->http('GET', '/api/authenticate/auth_1'));

unavailable('a map that was empty before',
    $gateway->http('GET', '/keyed/kept/me'));

is(scalar(sandbox_log()), 0, 'nothing of it was sent');

sub counted {
    my ($was) = $gateway->http('GET', '/metrics')->{body}
        =~ /^reauth_key_unavailable_total (\d+)$/m;

    return $was;
}

for my $request (['GET', '/api/acct_1/me'], ['GET', '/api/authenticate/auth_1'])
{
    my $before = counted();
    $gateway->http(@$request);
    is(counted(), $before + 1, "@$request: counted once");
}

# ---- what still works ----

is($gateway->http('GET', '/keyed/afresh/me')->{status}, 200,
    'a volatile map is asked again');
is((sandbox_log())[-1]{headers}{authorization}, $bearer,
    'a volatile map has the key');

is($gateway->http('GET', '/keyed/map/me')->{status}, 200,
    'a map without earlier evaluation is passed');
is((sandbox_log())[-1]{headers}{authorization}, $bearer,
    'a map without earlier evaluation has the key');

is($gateway->http('POST', '/keyed/map/me', {}, 'x' x 100_000)->{status}, 200,
    'a request with a body is passed');
is((sandbox_log())[-1]{headers}{authorization}, $bearer,
    'a request with a body has the key');
is((sandbox_log())[-1]{headers}{'content-length'}, 100_000,
    'the body is passed with the key');

is($gateway->http('GET', '/keyed/parts/me')->{status}, 200,
    'a request with the key in two headers is passed');
is((sandbox_log())[-1]{headers}{authorization}, $bearer,
    'the first header has the key');
is((sandbox_log())[-1]{headers}{'x-key'}, "<$bearer>",
    'the second header has the key');

is($gateway->http('GET', '/keyed/grpc/me')->{body}, "[$bearer]",
    'grpc_pass sends the key');

for my $path (qw(/stub /keyed/stub)) {
    like($gateway->http('GET', $path)->{body}, qr/Active connections/,
        "$path, which is no upstream");
}

is($gateway->http('GET', $_)->{headers}{'content-type'}, 'image/gif',
    "$_, which is not a key either") for qw(/gif /keyed/gif);

is($gateway->http('GET', '/plain/acct_1/me',
    { Authorization => 'Bearer mine' })->{status}, 401,
    'a location that does not use it');
is((sandbox_log())[-1]{headers}{authorization}, 'Bearer mine',
    'passes on what it is sent');

$gateway->stop;

like($gateway->error_log, qr/\[error\].*is used without "reauth_key_file"/,
    'the log says that the key is not configured');
like($gateway->error_log, qr/\[error\].*was empty when it was first evaluated/,
    'the log says that the variable was empty');
unlike($gateway->error_log, qr/\[(?:alert|crit|emerg)\]/,
    'nothing worse than errors is logged');

my $log = Reauth::Test::slurp("$gateway->{dir}/logs/key.log");
unlike($log, qr/sandbox-api-key/, 'the access log has no key');
unlike($log, qr/key=\[[&*XZ]/,
    'the access log does not have the stand-in of the key');

# ---- the poller ----

my $poller = gateway(
    name        => 'poller',
    without     => [qw(reauth_key_file)],
    http_config => <<"EOC",
EOC
    config => <<"EOC");
reauth_poll on /polled interval=100ms rate=100r/s;
location /polled/ { internal; proxy_pass http://fans_api/;
    proxy_set_header Authorization \$reauth_authorization; }
location /upstream/ { reauth_key_file $key; internal;
    proxy_pass http://fans_api/;
    proxy_set_header Authorization \$reauth_authorization; }
location /api/authenticate { reauth_key_file $key;
    reauth_authenticate /upstream; }
location /api/fansly/authenticate { reauth_key_file $key;
    reauth_authenticate /upstream; }
EOC

is($poller->update('acct_2', 'slow')->{status}, 200,
    'an attempt that is to be polled begins');
ok(wait_for { $poller->error_log =~ /is used without "reauth_key_file"/ }
    'the poller finds no key');
is(scalar(grep { $_->{method} eq 'GET' && !$_->{headers}{authorization} }
    sandbox_log()), 0, 'the poller sends no request without a key');
is($poller->http('GET', '/reauth/healthz')->{status}, 200,
    'nginx responds after a poll without a key');

done_testing();
