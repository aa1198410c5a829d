# Servers with their own keys and callers in one nginx, with one zone and one
# pool of connections to the upstream: each request is sent with the key of its
# server, and each caller is known to its server only.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Test::More;

use Reauth::Peer ();
use Reauth::Stream ();
use Reauth::Test redis => 0, sandbox => 0;

my $go = work_dir() . '/go';

# the response contains the key with which the request was sent

my $peer = Reauth::Peer->start(sub {
    my ($request) = @_;

    my ($sent) = $request =~ /^Authorization: Bearer key-of-(\w+)\r$/mi;

    $sent //= 'nobody';

    return Reauth::Peer::response('200 OK', '{}', "X-Sent: $sent")
        if $request !~ /\APUT /;

    wait_for { -e $go } if $request =~ /acct_shared/;

    return Reauth::Peer::accepted("auth_$sent") if $request !~ /mobile_app/;
    return Reauth::Peer::response('200 OK', qq({"attempt_id":"auth_$sent",)
        . qq("message":"scan","polling_url":"/api/authenticate/auth_$sent",)
        . qq("mobile_auth_session_deeplink":"https://example.com/of-$sent"}));
});

my @names = qw(one two three);
my %port  = map { $_ => free_port() } @names;

sub server {
    my ($name) = @_;

    my $key     = secret_file("key_$name", "key-of-$name\n");
    my $callers = secret_file("callers_$name", join('', map {
        "$_->[0] sha256:" . sha256_hex($_->[1]) . " all\n"
    } ['alice', "token-of-$name"], ["only-$name", "only-$name"]), oct 644);

    return <<"EOC";
server {
    listen 127.0.0.1:$port{$name};
    reauth_key_file $key;
    reauth_callers_file $callers;
    location /api/ {
        reauth_gate on;
        proxy_pass http://fans_api;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Authorization \$reauth_authorization;
    }
    location /api/authenticate { reauth_authenticate /upstream; }
    location /upstream/ {
        internal;
        proxy_pass http://fans_api/;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Authorization \$reauth_authorization;
    }
    location /reauth/ { reauth_status; }
}
EOC
}

my $gateway = gateway(
    without     => [qw(/api/ /api/authenticate /api/fansly/authenticate)],
    http_config => join('', map { server($_) } @names)
        . 'upstream fans_api { keepalive 1; server 127.0.0.1:' . $peer->port . '; }');

sub ask {
    my ($server, $whose, $method, $path, $body) = @_;

    return $gateway->http($method, $path,
        { Authorization => 'Bearer ' . $whose }, $body, port => $port{$server});
}

# ---- one connection to the upstream, each request with the key of its server
# ----

my %sent;

for my $n (1 .. 30) {
    my $name   = $names[$n % @names];
    my $answer = ask($name, "token-of-$name", 'GET', "/api/acct_$n/me");

    $sent{"$name by $answer->{headers}{'x-sent'}"}++;
}

is_deeply(\%sent, { map { ("$_ by $_" => 10) } @names },
    'each request is sent with the key of its server');
cmp_ok((() = grep { /\A1 / } $peer->requests), '<', 30,
    'servers share their connections to the upstream');

# ---- a caller of another server is unknown ----

for my $server (@names) {
    for my $token (map { ("token-of-$_", "only-$_") }
        grep { $_ ne $server } @names)
    {
        my @status = map { ask($server, $token, @$_)->{status} }
            ['GET', '/api/acct_1/me'], ['GET', '/reauth/accounts'],
            ['PUT', '/api/authenticate/acct_1/credentials',
             { email => 'a@example.com', password => 'x' }];

        is("@status", '401 401 401', "server $server does not know $token");
    }
}

# ---- identical updates of one account at the same time ----

# The fingerprint depends on the key: the updates differ between servers, and no
# response is given to a caller of another server.

my $body = '{"auth_type":"mobile_app"}';

my @streams = map {
    my $server = bless { port => $port{$_} }, 'Reauth::Gateway';

    Reauth::Stream->open($server, 'PUT',
        '/api/authenticate/acct_shared/credentials',
        { 'Content-Type' => 'application/json',
          Authorization  => "Bearer token-of-$_" }, $body);
} @names;

wait_for { grep { /PUT/ } $peer->requests } 'one is sent';
Reauth::Test::write_file($go, '');

for my $name (@names) {
    my $answer = (shift @streams)->finish;

    is($answer->{status}, 200, "server $name: the update is accepted");
    is($answer->{headers}{'reauth-coalesced'}, undef,
        "server $name: the response is not coalesced");
    is($answer->{json}{attempt_id}, "auth_$name",
        "server $name: the attempt is that of the server");
    like($answer->{body}, qr/of-$name\b/,
        "server $name: the deeplink is that of the server");
}

is((() = grep { /PUT/ } $peer->requests), scalar @names, 'each was sent');

# the account has the last one that was sent; a repeat is that server's

my %again = map {
    $_ => ask($_, "token-of-$_", 'PUT',
        '/api/authenticate/acct_shared/credentials', { auth_type => 'mobile_app' })
} @names;

like($again{$_}{body}, qr/of-$_\b/,
    "server $_: a repeated update gets the deeplink of the server") for @names;

is($gateway->error_log =~ /key-of|token-of/ ? 'a secret' : 'none', 'none',
    'neither a key nor a token is logged');

done_testing();
