# A request that a browser sends for a page of another origin is rejected before
# anything is sent, held, looked up or returned, over HTTP/1.1 and HTTP/2,
# unless reauth_origin lists the origin of the page; the upstream does not
# decide which pages can read a response.

use strict;
use warnings;

use Test::More;

use Reauth::H2 ();
use Reauth::Stream ();
use Reauth::Test redis => 0;

my $named = 'https://app.example';
my %page  = (Origin => $named, 'Sec-Fetch-Site' => 'cross-site');

my $api = <<'EOC';
proxy_pass http://fans_api;
proxy_http_version 1.1;
proxy_set_header Connection "";
proxy_set_header Authorization $reauth_authorization;
EOC

my $config = <<"EOC";
location = /metrics { reauth_metrics; }
location = /api/whoami { $api }
location /named/ { reauth_origin $named http://localhost:3000; reauth_status; }
location /api/acct_named/ {
    reauth_origin $named;
    reauth_gate on;
    error_page 404 = \@again;
    proxy_intercept_errors on;
    $api
}
location \@again { reauth_origin $named; $api }
location /api/acct_public/ {
    reauth_public_url https://gateway.example/api;
    reauth_gate on;
    $api
}
location /api/authenticate/acct_named { reauth_origin $named;
    reauth_authenticate /upstream; }
EOC

my $one = gateway(config => $config);
my $two = gateway(name => 'two', listen => 'http2', config => $config);
my $own = '127.0.0.1:' . $one->port;
my $h2  = Reauth::H2->connect_to($two->port);

my $login = '{"auth_type":"email_password","email":"slow@example.com",'
    . '"password":"secret"}';

my @requests = (
    [GET => '/api/acct_1/chats'],
    [POST => '/api/acct_1/chats/1/messages', '{}'],
    [DELETE => '/api/acct_1/posts/1'],
    [GET => '/api/whoami'],
    [GET => '/api/accounts'],
    [GET => '/api/acct_1/..%2facct_2'],
    [PUT => '/api/authenticate/acct_1/credentials', $login],
    [POST => '/api/authenticate', $login],
    [GET => '/api/authenticate/auth_1'],
    [POST => '/api/fansly/authenticate', $login],
    [GET => '/reauth/accounts'],
    [GET => '/reauth/accounts/acct_1'],
    [GET => '/reauth/accounts/acct_1?wait=1s'],
    [GET => '/reauth/accounts/acct_1/timeline'],
    [GET => '/reauth/gate/acct_1'],
    [GET => '/reauth/events'],
    [GET => '/reauth/healthz'],
    [GET => '/reauth/nothing'],
    [GET => '/metrics'],
    [GET => '/named/accounts'],
    [GET => '/api/acct_named/chats'],
);

my @foreign = (
    { Origin => 'https://evil.example' },
    { Origin => 'null' },
    { Origin => '' },
    { Origin => "https://$own" },
    { Origin => 'http://127.0.0.1:1' },
    { Origin => "http://$own.evil.example" },
    { Origin => "http://$own", origin => 'https://evil.example' },
    { Origin => "http://$own", 'Sec-Fetch-Site' => 'cross-site' },
    { 'Sec-Fetch-Site' => 'cross-site' },
    { 'Sec-Fetch-Site' => 'same-site' },
    { 'Sec-Fetch-Site' => 'same-origin', 'sec-fetch-site' => 'cross-site' },
    { 'Sec-Fetch-Site' => 'cross-site', 'Sec-Fetch-Mode' => 'navigate',
        'Sec-Fetch-Dest' => 'document' },
);

sub sent { return scalar sandbox_log(); }

sub ask {
    my ($headers, $method, $path, $body) = @_;

    return $one->http($method, $path,
        { Host => $own, 'Content-Type' => 'text/plain', %$headers }, $body);
}

# the response over HTTP/2
sub ask2 {
    my ($headers, $method, $path, $body) = @_;

    my $stream = $h2->request($method, $path,
        { map { lc $_ => $headers->{$_} } sort keys %$headers },
        authority => $own, body => $body);

    return $h2->answer($stream);
}

sub refused {
    my ($answer) = @_;

    return $answer->{status} == 403
        && $answer->{body} =~ /\A\{"error":"FORBIDDEN_ORIGIN","message":/
        && !grep { /\Aaccess-control-/ } keys %{ $answer->{headers} // {} };
}

# ---- rejected
# --------------------------------------------------------------------

my $before = sent();
my @wrong;

for my $headers (@foreign) {
    for my $request (@requests) {
        next if refused(ask($headers, @$request));

        # the next ones may be streams, which do not end
        push @wrong, join ' ', %$headers, @$request;
        last;
    }
}

is("@wrong", '', 'each request of each foreign page is refused');

@wrong = ();

for my $headers (@foreign) {

    # names that differ only in case are one name in HTTP/2
    next if keys(%$headers) != keys %{ { map { lc $_ => 1 } keys %$headers } };

    for my $request (@requests) {
        next if refused(ask2($headers, @$request));

        # the next ones may be streams, which do not end
        push @wrong, join ' ', %$headers, @$request;
        last;
    }
}

is("@wrong", '', 'each request of each foreign page is refused by HTTP/2, too');

@wrong = grep { !refused(ask({ Origin => 'https://evil.example',
    'Access-Control-Request-Method' => 'PUT' }, OPTIONS => $_->[1])) } @requests;

is(join(' ', map { $_->[1] } @wrong), '',
    'preflights of foreign pages are refused');

is(sent(), $before, 'nothing was sent upstream');
is_deeply(ask({}, GET => '/reauth/accounts')->{json}{accounts}, [],
    'no login began');

my $metrics = ask({}, GET => '/metrics')->{body};
my $count   = @foreign * @requests + @requests;
like($metrics, qr/^reauth_callers_refused_total\{reason="origin"\} $count$/m,
    'all refused requests are counted');

my @lines = grep { /browser request from another origin rejected/ } split /\n/, $one->error_log;
cmp_ok(scalar @lines, '>', 0, 'a refused request is logged');
cmp_ok(scalar @lines, '<', $count / 2, 'not each refused request is logged');
like($lines[0], qr/\[warn\] .* Origin "https:\/\/evil\.example", Sec-Fetch-Site "-"/,
    'the line in the log has the origin and Sec-Fetch-Site');

ask({ Origin => "\e[31mevil" }, GET => '/reauth/healthz');
unlike($one->error_log, qr/\e/,
    'an Origin header that is not an origin is not logged');

# ---- not rejected
# ----------------------------------------------------------------

for my $headers (
    {},
    { Origin => "http://$own" },
    { Origin => "http://$own", 'Sec-Fetch-Site' => 'same-origin' },
    { 'Sec-Fetch-Site' => 'same-origin' },
    { 'Sec-Fetch-Site' => 'none', 'Sec-Fetch-Mode' => 'navigate' })
{
    my $what = join(' ', map { "$_ $headers->{$_}" } sort keys %$headers)
        || 'no browser';

    is(ask($headers, GET => '/api/acct_1/chats')->{status}, 200,
        "$what: a call is passed");
    is(ask($headers, GET => '/reauth/accounts')->{status}, 200,
        "$what: the status is returned");
    is(ask2($headers, GET => '/api/acct_1/chats')->{status}, 200,
        "$what: a call by HTTP/2 is passed");
}

is(ask({ Origin => 'https://gateway.example' }, GET => '/api/acct_public/x')->{status},
    200, 'a page of the public address is served');
ok(refused(ask({ Origin => 'http://gateway.example' }, GET => '/api/acct_public/x')),
    'a page of the public address with another scheme is refused');

# ---- navigations and resources
# -----------------------------------------------------

# of a browser that sends neither header, over HTTP on another machine

for my $answer (ask({}, GET => '/reauth/accounts'), ask({}, GET => '/reauth/nothing'),
    ask({}, GET => '/metrics'), ask({}, GET => '/api/acct_1/..%2facct_2'),
    ask({}, GET => '/api/authenticate/auth_1'),
    ask({ Origin => 'null' }, GET => '/reauth/accounts'))
{
    is_deeply([@{ $answer->{headers} }{'x-content-type-options', 'cross-origin-resource-policy'}],
        ['nosniff', 'same-origin'],
        "$answer->{status}: the response is no script, image or style of a page");
}

my $events = Reauth::Stream->open($one, 'GET', '/reauth/events', { Host => $own });
ok($events->saw(qr/retry: /), 'a stream of events is opened');
is_deeply([@{ $events->answer->{headers} }{'x-content-type-options', 'cross-origin-resource-policy'}],
    ['nosniff', 'same-origin'],
    'a stream of events is no script, image or style of a page');
$events->close;

# ---- reauth_origin ---------------------------------------------------------------

{
    my $answer = ask(\%page, GET => '/named/accounts');
    is($answer->{status}, 200, 'a page of an origin that is named is served');
    is($answer->{headers}{'access-control-allow-origin'}, $named,
        'a page of an origin that is named may read the response');
    is($answer->{headers}{vary}, 'Origin', 'Vary is set for caches');
    like($answer->{headers}{'access-control-expose-headers'}, qr/\bRetry-After\b/,
        'a page of an origin that is named may read Retry-After');
    ok(!exists $answer->{headers}{'access-control-allow-credentials'},
        "the browser's credentials are not allowed");

    $answer = ask({}, GET => '/named/accounts');
    is($answer->{headers}{vary}, 'Origin',
        'Vary is set for a request without an origin as well');
    ok(!exists $answer->{headers}{'access-control-allow-origin'},
        'a response to a request without an origin allows no origin');

    is(ask({ Origin => 'http://localhost:3000' }, GET => '/named/accounts')
        ->{headers}{'access-control-allow-origin'}, 'http://localhost:3000',
        'the second origin of reauth_origin is allowed');
    is(ask({ Origin => $named }, GET => '/named/nothing')->{status}, 404,
        'a page of a named origin gets the status of an error');
    is(ask({ Origin => $named }, GET => '/named/nothing')
        ->{headers}{'access-control-allow-origin'}, $named,
        'a page of a named origin may read an error');
    ok(refused(ask(\%page, GET => '/reauth/accounts')),
        'the origin is named for its location only');
    ok(refused(ask({ 'Sec-Fetch-Site' => 'cross-site' }, GET => '/named/accounts')),
        'a cross-site request without an origin is refused');
    ok(refused(ask({ Origin => $named, origin => $named }, GET => '/named/accounts')),
        'a request with two origins is refused');
}

{
    my $was    = sent();
    my $answer = ask({ %page, 'Access-Control-Request-Method' => 'PUT',
        'Access-Control-Request-Headers' => 'authorization,content-type' },
        OPTIONS => '/api/acct_named/chats');

    is($answer->{status}, 204, 'a preflight is answered with 204');
    is($answer->{body}, '', 'the response to a preflight has no body');
    is($answer->{headers}{'access-control-allow-origin'}, $named,
        'the response to a preflight allows the origin');
    like($answer->{headers}{'access-control-allow-methods'}, qr/\bPUT\b/,
        'the response to a preflight lists the methods');
    like($answer->{headers}{'access-control-allow-headers'},
        qr/\bAuthorization, Content-Type\b/,
        'the response to a preflight allows the requested headers');
    like($answer->{headers}{'access-control-max-age'}, qr/\A\d+\z/,
        'the response to a preflight can be cached');
    is($answer->{headers}{vary}, 'Origin',
        'the response to a preflight varies by origin');
    is(sent(), $was, 'the upstream does not see it');

    is(ask2({ %page, 'Access-Control-Request-Method' => 'PUT' },
        OPTIONS => '/api/authenticate/acct_named/credentials')->{status}, 204,
        'a preflight of the authenticate family by HTTP/2 is answered');
}

{
    my $answer = $one->http('PUT', '/api/authenticate/acct_named/credentials',
        { Host => $own, %page, 'Content-Type' => 'application/json' }, $login);
    is($answer->{status}, 200,
        'an update by a page of a named origin is accepted');
    is($answer->{headers}{'access-control-allow-origin'}, $named,
        'the response to an update can be read by the page');

    $answer = ask(\%page, GET => '/api/acct_named/chats');
    is($answer->{status}, 503,
        'a call of a named origin is refused while the gate is closed');
    is($answer->{headers}{'access-control-allow-origin'}, $named,
        'the response of a closed gate can be read by the page');
}

# ---- headers of the upstream
# -----------------------------------------------------

my @theirs = map { "Access-Control-$_" } qw(Allow-Origin Allow-Credentials
    Allow-Methods Allow-Headers Allow-Private-Network Expose-Headers Max-Age);

sub theirs {
    my ($answer) = @_;
    return join ' ', grep { /\Aaccess-control/ } sort keys %{ $answer->{headers} };
}

sub forced {
    my ($account, $path, $status) = @_;

    sandbox('POST', "/account/$account", { next => [ { method => 'GET',
        path => $path, status => $status, body => '{}',
        headers => { 'X-Theirs' => 'yes', map { $_ => '*' } @theirs } } ] });

    return;
}

forced('acct_2', '/api/acct_2/x', 200);
my $answer = ask({}, GET => '/api/acct_2/x');
is($answer->{headers}{'x-theirs'}, 'yes',
    'the response of the upstream is passed');
is(theirs($answer), '', "the upstream's Access-Control headers are not passed");

my $plain = gateway(name => 'plain', without => ['all'], config => 'location / {'
    . " proxy_pass http://127.0.0.1:$ENV{TEST_NGINX_SANDBOX_PORT}; }");

forced('acct_3', '/api/acct_3/x', 200);
$answer = $plain->http('GET', '/api/acct_3/x', { %page,
    Authorization => "Bearer $Reauth::Test::API_KEY" });
is($answer->{headers}{'x-theirs'}, 'yes',
    "a location without the module's directives passes the response");
is(scalar(split / /, theirs($answer)), scalar @theirs,
    "a location without the module's directives passes Access-Control headers");

my $three = gateway(name => 'three', http_config => "reauth_origin $named;",
    config => <<"EOC");
location /api/ {
    reauth_gate on;
    proxy_intercept_errors on;
    error_page 404 = \@again;
    $api
}
location \@again { $api }
EOC

forced('acct_4', '/api/acct_4/x', 200);
$answer = $three->http('GET', '/api/acct_4/x', \%page);
is($answer->{headers}{'x-theirs'}, 'yes',
    'the response for a named origin is passed');
is($answer->{headers}{'access-control-allow-origin'}, $named,
    'the response for a named origin allows this origin once');
is(theirs($answer), 'access-control-allow-origin access-control-expose-headers',
    'no Access-Control header of the upstream is added');

forced('acct_5', '/api/acct_5/x', 404);
$answer = $three->http('GET', '/api/acct_5/x', \%page);
is($answer->{headers}{'access-control-allow-origin'}, $named,
    'the origin is allowed once after an internal redirect');

# ---- an absolute target: nginx uses its host
# --------------------------------------

for my $case (
    [$own, $own, "http://$own", 1],
    ['evil.example', $own, "http://$own", 0],
    ['evil.example', $own, 'http://evil.example', 1],
    [$own, 'evil.example', 'http://evil.example', 0],
) {
    my ($target, $host, $origin, $passed) = @$case;

    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $one->port, Timeout => 60) or die "connect: $!\n";

    print {$socket} "GET http://$target/api/acct_9/x HTTP/1.1\r\n"
        . "Host: $host\r\nOrigin: $origin\r\nConnection: close\r\n\r\n";

    my $status = (do { local $/; <$socket> }) =~ /\AHTTP\S+ (\d+)/ ? $1 : 0;

    # later versions of nginx themselves reject a target with another host

    ok($passed ? $status != 403 || $target ne $host : $status =~ /\A40[03]\z/,
        "target $target, Host $host, Origin $origin: $status is correct");
}

# ---- without a zone ---------------------------------------------------------------

my $bare = gateway(name => 'bare', without => ['all'], http_config =>
    "reauth_key_file $ENV{TEST_NGINX_KEY_FILE};",
    config => 'location / { proxy_pass http://127.0.0.1:'
        . "$ENV{TEST_NGINX_SANDBOX_PORT};\n"
        . 'proxy_set_header Authorization $reauth_authorization; }');

is($bare->http('GET', '/api/acct_1/chats')->{status}, 200,
    'a request is passed if only the key is configured');
ok(refused($bare->http('GET', '/api/acct_1/chats',
    { Origin => 'https://evil.example' })),
    'the key is not added to a request of a foreign page');

done_testing();
