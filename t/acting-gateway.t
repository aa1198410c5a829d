# What a person does to a gateway: an account is polled now, this gateway is
# drained.  Who may: the scope "operate", and without a callers file nobody but
# where "reauth_status operate" says so.

use strict;
use warnings;

use IO::Socket::INET ();
use Test::More;

use Reauth::Test sandbox_options => ['--hold'];

my $callers = callers_file(
    ['operator', 'operate'], ['mine', 'operate accounts=acct_mine*'],
    ['watcher', 'status,update,call'], ['all', 'all']);

sub as {
    my ($name, %more) = @_;

    return { Authorization => "Bearer token-of-$name", %more };
}

# ---- without a callers file ----

my $shut = gateway(name => 'shut', without => ['/reauth/'],
    config => 'location /reauth/ { reauth_status; }');

for my $request (['POST', 'accounts/acct_1/poll'], ['PUT', 'drain'],
    ['GET', 'drain'], ['DELETE', 'drain'])
{
    my $answer = $shut->http($request->[0], "/reauth/$request->[1]", {},
        { for => '1m' });

    is($answer->{status}, 403, "@$request without callers file is refused");
    is($answer->{json}{error}, 'FORBIDDEN_CALLER', 'the error is FORBIDDEN_CALLER');
}

is($shut->http('GET', '/reauth/readyz')->{status}, 200,
    'the gateway is not drained');
$shut->stop;

# ---- with one ----

my $gateway = gateway(
    name        => 'one',
    http_config => "reauth_callers_file $callers;",
    config      => 'reauth_poll on /upstream interval=10m max_interval=10m
        rate=60r/m;',
);

# the body of a request that is rejected is not the next request

for my $path ('accounts/x/override', 'accounts/acct_1/override?x=1', 'drain?x=1',
    'accounts/acct_1/poll?x=1')
{
    my $next   = "GET /reauth/next HTTP/1.1\r\nHost: localhost\r\n\r\n";
    my $method = $path =~ /poll/ ? 'POST' : 'PUT';
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $gateway->port) or die "no connection: $!\n";

    syswrite $socket, "$method /reauth/$path HTTP/1.1\r\nHost: localhost\r\n"
        . "Authorization: Bearer token-of-operator\r\n"
        . "Content-Type: application/json\r\nContent-Length: "
        . length($next) . "\r\n\r\n${next}GET /reauth/healthz HTTP/1.1\r\n"
        . "Host: localhost\r\nConnection: close\r\n\r\n";

    my $answers = '';
    1 while sysread $socket, $answers, 65_536, length $answers;

    is_deeply([$answers =~ /HTTP\/1\.1 (\d+)/g], [422, 200],
        "$path: 422, and its body is discarded");
}

my $status = sub { return $gateway->http('GET', "/reauth/$_[0]", as('all')); };

is($gateway->http('POST', '/reauth/accounts/acct_1/poll', as('watcher'))
    ->{status}, 403, 'a caller without the scope is rejected');
is($gateway->http('POST', '/reauth/accounts/acct_1/poll', as('nobody'))
    ->{status}, 401, 'an unknown caller is rejected');
is($gateway->http('POST', '/reauth/accounts/acct_1/poll', as('mine'))
    ->{status}, 403, 'a caller confined to others is rejected');
is($gateway->http('PUT', '/reauth/drain', as('mine'), { for => '1m' })
    ->{status}, 403, 'a confined caller cannot drain the gateway');

my $unknown = $gateway->http('POST', '/reauth/accounts/acct_1/poll',
    as('operator'));
is($unknown->{status}, 404, 'an unknown account is not polled');
is($gateway->http('POST', '/reauth/accounts/acct!/poll', as('operator'))
    ->{status}, 422, 'an invalid account ID is rejected');

my $wrong = $gateway->http('GET', '/reauth/accounts/acct_1/poll',
    as('operator'));
is($wrong->{status}, 405, 'GET does not poll');
is($wrong->{headers}{allow}, 'POST', 'Allow contains POST');

is($gateway->http('PUT', '/api/authenticate/acct_1/credentials', as('all'),
    { email => 'ok@example.com', password => 'p' })->{status}, 200, 'a login begins');

# the next poll is due in ten minutes

sandbox('POST', '/finish/acct_1');
is($status->('accounts/acct_1')->{json}{state}, 'running', 'the login is in progress');

my $polled = $gateway->http('POST', '/reauth/accounts/acct_1/poll',
    as('operator'));
is($polled->{status}, 202, 'a poll is accepted');
is_deeply($polled->{json},
    { account_id => 'acct_1', state => 'running', polls => 'attempt' },
    'the response names what is polled');
ok(wait_for { $status->('accounts/acct_1')->{json}{state} eq 'succeeded' }
    'the attempt is polled at once');

is($gateway->http('POST', '/reauth/accounts/acct_1/poll', as('operator'))
    ->{json}{polls}, 'account', 'an account without an attempt is polled once');

# ---- cross-site ----

is($gateway->http('POST', '/reauth/accounts/acct_1/poll',
    as('operator', 'Sec-Fetch-Site' => 'cross-site'))->{json}{error},
    'FORBIDDEN_ORIGIN', 'a page of another site polls nothing');
is($gateway->http('PUT', '/reauth/drain',
    as('operator', Origin => 'https://example.com'), { for => '1m' })
    ->{json}{error}, 'FORBIDDEN_ORIGIN', 'a page of another site drains nothing');

# ---- drained ----

sub ready { return $gateway->http('GET', '/reauth/readyz'); }

is_deeply($gateway->http('GET', '/reauth/drain', as('operator'))->{json},
    { draining => JSON::PP::false, until => undef }, 'the gateway is not drained at first');

my $invalid = $gateway->http('PUT', '/reauth/drain', as('operator'), {});
is($invalid->{status}, 422, 'a drain without a time is rejected');
is_deeply($invalid->{json}{errors}, { for => ['is required'] }, 'the error names the member');
is($gateway->http('PUT', '/reauth/drain', as('operator'), { for => '25h' })
    ->{status}, 422, 'a time above a day is rejected');
is($gateway->http('PUT', '/reauth/drain',
    as('operator', 'Content-Type' => 'text/plain'), 'x')->{status}, 415,
    'a body of text is rejected');
is($gateway->http('PUT', '/reauth/drain',
    as('operator', 'Content-Type' => 'application/json'), '{"for":')
    ->{json}{error}, 'INVALID_JSON', 'invalid JSON is rejected');
is($gateway->http('PUT', '/reauth/drain', as('operator'),
    { for => '1m', reason => 'x' x 5000 })->{status}, 413, 'a large body is rejected');

my $drained = $gateway->http('PUT', '/reauth/drain', as('operator'),
    { for => '1h', reason => 'maintenance' });
is($drained->{status}, 200, 'the gateway is drained');
ok($drained->{json}{draining}, 'the response says that it is drained');
like($drained->{json}{until}, qr/^20\d\d-.*Z$/, 'the response has the end');

my $answer = ready();
is($answer->{status}, 503, 'readyz is 503');
is($answer->{json}{status}, 'draining', 'the status is draining');
is_deeply($answer->{json}{reasons}, ['draining'], 'the reasons contain draining');
is($answer->{json}{reason}, 'draining', 'the reason is draining');
is($gateway->http('GET', '/reauth/healthz')->{status}, 200, 'healthz is 200 while drained');
is($gateway->http('GET', '/reauth/accounts', as('all'))->{status}, 200,
    'requests are served while drained');

$gateway->reload;
is(ready()->{status}, 503, 'a reload keeps the gateway drained');

is_deeply($gateway->http('DELETE', '/reauth/drain', as('operator'))->{json},
    { draining => JSON::PP::false, until => undef }, 'DELETE ends draining');
is(ready()->{status}, 200, 'readyz is 200 after DELETE');

is($gateway->http('PUT', '/reauth/drain', as('operator'), { for => '1s' })
    ->{status}, 200, 'the gateway is drained for a second');
ok(wait_for { ready()->{status} == 200 } 'draining ends by itself');

like($gateway->error_log, qr/reauth: this gateway is drained/, 'draining is logged');

$gateway->stop;

# ---- without a poller, and what is never polled ----

my $open = gateway(name => 'open', without => ['/reauth/', 'reauth_redis'],
    config => 'location /reauth/ { reauth_status operate; }');

is($open->update('acct_2', 'ok')->{status}, 200, 'a login begins');
my $none = $open->http('POST', '/reauth/accounts/acct_2/poll');
is($none->{status}, 409, 'a poll without a poller is 409');
is($none->{json}{error}, 'NOT_POLLED', 'the error is NOT_POLLED');

$open->stop;

done_testing();
