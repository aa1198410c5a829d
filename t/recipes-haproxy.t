# The recipe of docs/operations.md for HAProxy; only paths and addresses are
# replaced.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Test::More;

use Reauth::Shipped ();
use Reauth::Test redis => 0, sandbox_options => ['--hold'];

Reauth::Test::write_file(work_dir() . '/callers',
    'haproxy sha256:' . sha256_hex('of-haproxy') . " status\n"
    . 'client sha256:' . sha256_hex('of-client') . " all\n", oct '644');

my $gateway = gateway();
my $private = gateway(name => 'private', http_config =>
    'reauth_callers_file $TEST_NGINX_WORK_DIR/callers;');
my $service = gateway(name => 'service', without => ['all'], config =>
    'location / { return 200 "$request_method $request_uri"; }');

sub request {
    my ($port, $method, $path, $body) = @_;

    return Reauth::Test::http($method, $path, {}, $body, port => $port);
}

sub haproxy {
    my ($name, $asked, $more) = @_;

    my $dir  = work_dir();
    my $port = free_port();
    my $lua  = Reauth::Shipped->recipe('lua');
    my $conf = Reauth::Shipped->recipe('haproxy');

    $lua =~ s/127\.0\.0\.1:8080/127.0.0.1:$asked/ or die "no address\n";
    $lua =~ s/(timeout = \d+)/$1$more/            or die "no timeout\n";

    $conf =~ s/\S+\.lua$/$dir\/$name.lua/m or die "no path\n";
    $conf =~ s/(bind +)\S+/${1}127.0.0.1:$port/ or die "no port\n";
    $conf .= sprintf <<'EOC', $service->port;

backend service
    server one 127.0.0.1:%d
EOC
    $conf = <<"EOC" . $conf;
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s

EOC

    Reauth::Test::write_file("$dir/$name.lua", $lua, oct '644');
    Reauth::Test::write_file("$dir/$name.cfg", $conf, oct '644');
    Reauth::Test::spawn($name, $port, 'haproxy', '-db', '-f', "$dir/$name.cfg");

    return $port;
}

# ---- open and closed ----

my $front = haproxy('haproxy', $gateway->port, '');

my $answer = request($front, 'GET', '/service/acct_1/x?y=z');
is($answer->{status}, 200, 'a call with an open gate is passed');
is($answer->{body}, 'GET /service/acct_1/x?y=z',
    'the service receives the request as sent');

is(request($front, 'POST', '/service/acct_1/x', 'body')->{body},
    'POST /service/acct_1/x', 'a request with a body is passed');

is($gateway->update('acct_1', 'ok')->{status}, 200,
    'an update of acct_1 is accepted');

for my $method (qw(GET POST DELETE)) {
    $answer = request($front, $method, '/service/acct_1/x',
        $method eq 'POST' ? 'body' : undef);

    is($answer->{status}, 503,
        "$method: a call is refused while the gate is closed");
    is($answer->{json}{error}, 'SERVICE_UNAVAILABLE',
        "$method: the error is in the envelope");
    is($answer->{json}{account_id}, 'acct_1',
        "$method: the error names the account");
    is($answer->{headers}{'retry-after'}, $answer->{json}{retry_after},
        "$method: Retry-After has the value of the body");
    is($answer->{headers}{'content-type'}, 'application/json',
        "$method: the Content-Type is application/json");
    is($answer->{headers}{'cache-control'}, 'no-store',
        "$method: the response must not be cached");
    is($answer->{headers}{'x-should-retry'}, undef,
        "$method: the response can be retried");
}

is(request($front, 'GET', '/service/acct_2/x')->{status}, 200,
    'a call of another account is passed');

is($gateway->update('acct_3', { auth_type => 'mobile_app' })->{status}, 200,
    'a login that waits for a person is accepted');

$answer = request($front, 'GET', '/service/acct_3/x');
is($answer->{status}, 503, 'a call is refused while a person must act');
is($answer->{json}{action_required}, 'app',
    'the error says what a person must do');
is($answer->{headers}{'x-should-retry'}, 'false',
    'the header says that a retry is useless');

# ---- paths that the service may read as another account ----

for my $path (qw(/service/acct_2/../acct_1/x /service/acct_2/%2e%2e/acct_1/x
    /service/acct_2%2f..%2facct_1/x /service/acct_2/..%2Facct_1
    /service/acct_2/x\..\..\acct_1/x /service/acct_2/x%5c..%5cacct_1/x
    /service/..%2freadyz/x /service/acct_%31/x //service/acct_1/x
    /./service/acct_1/x /service//acct_1/x /service/acct_1 /Service/acct_1/x
    /service/acct_1%3fopen=200/x /))
{
    is(request($front, 'GET', $path)->{status}, 400,
        "$path: the path is rejected");
}

is(request($front, 'GET', '/service/somebody/x')->{status}, 422,
    'no account: as the gateway says');

# ---- a gateway with callers ----

my $known = haproxy('known', $private->port,
    ', headers = { authorization = { "Bearer of-haproxy" } }');
my $unknown = haproxy('unknown', $private->port, '');

is(request($known, 'GET', '/service/acct_1/x')->{status}, 200,
    'a call is passed if HAProxy has a token');
is(request($unknown, 'GET', '/service/acct_1/x')->{status}, 401,
    'a call is not passed if HAProxy has no token');

$answer = $private->http('PUT', '/api/authenticate/acct_1/credentials',
    { Authorization => 'Bearer of-client' },
    { email => 'slow@example.com', password => 'secret' });
is($answer->{status}, 200, 'an update by the client is accepted');
is(request($known, 'GET', '/service/acct_1/x')->{status}, 503,
    "a call is refused while the client's login is in progress");

# ---- without a gateway ----

$gateway->stop;

$answer = request($front, 'GET', '/service/acct_2/x');
is($answer->{status}, 503, 'no call is passed without the gateway');
unlike($answer->{body}, qr/acct_2/,
    'no call reached the service without the gateway');

done_testing();
