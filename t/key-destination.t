# The key is sent where the configuration specifies; a request can select
# neither another destination nor another key.

use strict;
use warnings;

use IO::Socket::INET;
use Test::More;

use Reauth::Test redis => 0;

my $elsewhere = free_port();
my $tenant    = free_port();
my $key       = 'Bearer sandbox-api-key-for-tests-only';

my $other = gateway(
    name    => 'elsewhere',
    without => [qw(all module ready)],
    port    => $elsewhere,
    config  => 'location / { return 200; }',
);

secret_file('tenant_key', "tenant-key\n");

my $gateway = gateway(http_config => <<"EOC", config => <<'EOS');
reauth_key_file $ENV{TEST_NGINX_KEY_FILE};
server {
    listen 127.0.0.1:$tenant;
    server_name tenant.example;
    reauth_key_file $ENV{TEST_NGINX_WORK_DIR}/tenant_key;
    location / { proxy_pass http://fans_api;
        proxy_set_header Authorization \$reauth_authorization; }
}
EOC
location /api/ {
    reauth_gate on;
    proxy_pass http://fans_api;
    proxy_set_header Host $host;
    proxy_set_header Authorization $reauth_authorization;
    proxy_intercept_errors on;
}
EOS

my $port = $gateway->port;

# Sends a raw request; returns the status.

sub raw {
    my ($request, $headers, $body) = @_;

    my $socket = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port",
        Timeout => $Reauth::Test::LIMIT) or die "connect: $!\n";
    my $length = defined $body ? "Content-Length: ${\ length $body }\r\n" : '';

    print {$socket} "$request HTTP/1.1\r\n", join('', map { "$_\r\n" }
        @$headers), "${length}Connection: close\r\n\r\n", $body // '';

    local $/;
    my ($status) = (<$socket> // '') =~ m{\AHTTP/1\.1 (\d+)};
    close $socket;

    return $status // 0;
}

my $there = "127.0.0.1:$elsewhere";
my $login = '{"email":"ok@example.com","password":"secret"}';
my @json  = ('Host: localhost', 'Content-Type: application/json');

my @heads = (
    ["Host: $there"],
    ['Host: tenant.example'],
    ['Host: localhost', "X-Forwarded-Host: $there", "Forwarded: host=$there"],
    ['Host: localhost', "X-Accel-Redirect: http://$there/"],
    ['Host: localhost', "X-Original-URL: http://$there/",
        "X-Rewrite-URL: http://$there/"],
    ['Host: localhost', 'Authorization: Bearer tenant-key'],
    ['Host: localhost', 'Proxy-Authorization: Bearer tenant-key'],
    ['Host: localhost', 'X-Api-Key: tenant-key', 'Cookie: key=tenant-key'],
    ['Host: localhost', 'reauth_authorization: Bearer tenant-key',
        'Reauth-Authorization: Bearer tenant-key'],
);

my @targets = (
    '/api/acct_1/me',
    "/api/acct_1/me?host=$there&url=http://$there/&key=tenant-key",
    "/api/acct_1/me?reauth_authorization=tenant-key&upstream=$there",
    "http://$there/api/acct_1/me",
    "http://tenant.example/api/acct_1/me",
    "//$there/api/acct_1/me",
    "/api/acct_1/\@$there/me",
    "/api/acct_1/me#\@$there",
    "/api/acct_1/http:%2f%2f$there/",
);

my $sent = 0;

for my $headers (@heads) {
    for my $target (@targets) {
        $sent++ if raw("GET $target", $headers) =~ /\A(?:200|404)\z/;
    }

    $sent++ if raw('PUT /api/authenticate/acct_2/credentials',
        [@$headers, 'Content-Type: application/json'], $login) == 200;
    $sent++ if raw("PUT http://$there/api/authenticate/acct_3/credentials",
        [@$headers, 'Content-Type: application/json'], $login) == 200;
}

cmp_ok($sent, '>', 60, 'calls and updates that ask for another place');

# ---- the locations that add the key cannot be used for others ----

for my $path ('/upstream/', '/upstream/api/accounts', '//upstream/api/accounts',
    '/api/../upstream/api/accounts', '/%75pstream/api/accounts')
{
    is(raw("GET $path", ['Host: localhost']), 404, "$path is internal");
}

for my $path ("/api/authenticate/..%2f..%2f$there", '/api/authenticate/../x',
    "/api/authenticate/acct_1%2fcredentials", "/api/authenticate//$there",
    "/api/authenticate/http://$there/credentials", '/api/authenticatex/auth_1',
    "/api/authenticate/acct_1/credentials/../../$there")
{
    like(raw("PUT $path", \@json, $login), qr/\A4/, "$path is refused");
}

# ---- the upstream's response does not redirect the key ----

sandbox('POST', '/account/acct_4', { next => [
    { path => '/credentials', status => 302, headers =>
        { Location => "http://$there/" } },
    { path => '/credentials', status => 200, headers =>
        { 'X-Accel-Redirect' => '/upstream/api/acct_9/me' } },
] });
sandbox('POST', '/account/acct_6', { next => [
    { status => 307, headers => { Location => "http://$there/" } },
] });

is(raw('PUT /api/authenticate/acct_4/credentials', \@json, $login), 502,
    'a redirect is not passed on');
is(raw('PUT /api/authenticate/acct_4/credentials', \@json, $login), 502,
    'X-Accel-Redirect of an answer to an update is nothing');
is(raw('GET /api/acct_6/me', ['Host: localhost']), 307,
    'a redirect of a call is passed on, too');

is(scalar(grep { $_->{target} =~ /acct_9/ } sandbox_log()), 0,
    'a redirect to a foreign host is not followed');

# ---- the key of a tenant is that of its server ----

Reauth::Test::http('GET', '/api/acct_5/me', { Host => 'localhost' }, undef,
    port => $tenant);
my ($of_tenant) = grep { $_->{target} =~ /acct_5/ } sandbox_log();
is($of_tenant->{headers}{authorization}, 'Bearer tenant-key',
    'the tenant\'s server has the tenant\'s key, whatever Host says');

my @received = grep { $_->{target} !~ /acct_5/ } sandbox_log();
cmp_ok(scalar(@received), '>', 60, 'more than 60 requests were sent');
is(scalar(grep { ($_->{headers}{authorization} // '') ne $key } @received), 0,
    'each request has the API key');
is(scalar(grep { $_->{body} && $_->{body} =~ /sandbox-api-key|tenant-key/ }
    @received), 0, 'no body has the API key');

$gateway->stop;
$other->stop;

unlike($other->access_log, qr/\S/,
    'no request was sent to another destination');

done_testing();
