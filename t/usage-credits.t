# The credits that ordinary calls use of the upstream, by its header, are counted
# by caller: in GET /reauth/usage and in the metrics, over reloads.  Responses of
# the gateway itself, cached ones and logins cost nothing.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Test::More;

use IO::Socket::INET;
use Reauth::Stream;
use Reauth::Test redis => 0, sandbox => 0;

my $slow = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1')
    or die "listen: $!\n";
my $late = $slow->sockport;

my ($up, $cache) = (free_port(), work_dir() . '/cache');

sub callers {
    return Reauth::Test::write_file(work_dir() . "/$_[0]", join('', map {
        "$_->[0] sha256:" . sha256_hex("token-of-$_->[0]") . " $_->[1]\n"
    } @_[1 .. $#_]), oct 644);
}

my @lines = (['alice', 'all'], ['bob', 'call'], ['carol', 'operate'],
    ['dave', 'operate accounts=acct_1']);
my $callers = callers('callers', @lines);

# the upstream: a response with the credits of the argument "c"
my $upstream = <<"EOC";
upstream fans_api { server 127.0.0.1:$up; }
upstream twice { server 127.0.0.1:$up; server 127.0.0.1:$up backup; }
server {
    listen 127.0.0.1:$up;
    location / {
        add_header x-ofapi-credits-used \$arg_c always;
        add_header Cache-Control \$arg_cache always;
        if (\$arg_status = 402) { return 402 '{"error":"OUT"}'; }
        if (\$arg_status = 401) { return 401 '{"error":"SOME_CODE"}'; }
        if (\$arg_status = 503) { return 503 '{}'; }
        return 200 '{}';
    }
    location /api/authenticate/ {
        add_header X-OFAPI-Credits-Used 1000 always;
        return 200 '{"attempt_id":"auth_1","message":"","polling_url":"/auth_1"}';
    }
}
EOC

my $proxy = <<'EOC';
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Authorization $reauth_authorization;
EOC

my %config = (
    http_config => <<"EOC",
reauth_callers_file $callers;
proxy_cache_path $cache keys_zone=cache:1m;
$upstream
EOC
    config => <<"EOC",
location /api/ { reauth_gate on; proxy_pass http://fans_api; $proxy }
location /api/acct_cached/ { reauth_gate on; proxy_pass http://fans_api;
    proxy_cache cache; $proxy }
location /api/acct_next/ { reauth_gate on; proxy_pass http://twice;
    proxy_next_upstream http_503; $proxy }
location /api/acct_page/ { reauth_gate on; proxy_pass http://fans_api;
    proxy_intercept_errors on; error_page 401 402 = /page; $proxy }
location /api/acct_slow/ { reauth_gate on; proxy_pass http://127.0.0.1:$late; $proxy }
location = /page { internal; add_header x-ofapi-credits-used 7000; return 200 '{}'; }
location /other/ { reauth_key_file $ENV{TEST_NGINX_KEY_FILE}; proxy_pass http://fans_api;
    reauth_gate off; $proxy }
location = /reauth/metrics { reauth_metrics; }
EOC
);

my $gateway = gateway(%config, log_level => 'warn');

sub ask {
    my ($caller, $path, $method, $body) = @_;

    return $gateway->http($method // 'GET', $path,
        { Authorization => "Bearer token-of-$caller" }, $body);
}

sub usage {
    my $answer = ask('carol', '/reauth/usage');

    is($answer->{status}, 200, 'GET /reauth/usage returns 200') if $answer->{status} != 200;

    my $json = $answer->{json};
    my $sum  = 0;
    $sum += $_->{credits} for @{ $json->{callers} };
    is($json->{total}, $sum, "the total is $sum")
        if ($json->{total} // '') ne $sum;

    return { map { $_->{caller} => [$_->{credits}, $_->{calls}] } @{ $json->{callers} } };
}

sub metrics {
    return $gateway->http('GET', '/reauth/metrics')->{body};
}

sub invalid {
    return metrics() =~ /^reauth_upstream_unknown_total\{kind="credits"\} (\d+)$/m
        ? $1 : undef;
}

# The header has been read before the response is passed on.

sub costs {
    my ($what, $credits, $calls, $path, $caller, $status) = @_;

    $caller //= 'alice';

    my ($before) = map { $_ // [0, 0] } usage()->{$caller};
    is(ask($caller, $path)->{status}, $status // 200, "$what: the status");
    my ($after) = map { $_ // [0, 0] } usage()->{$caller};

    is_deeply([map { $after->[$_] - $before->[$_] } 0, 1], [$credits, $calls],
        "$what: $credits credits, $calls calls");

    return;
}

is_deeply(ask('carol', '/reauth/usage')->{json}, { callers => [], total => 0 },
    'nothing was used yet');

# ---- values of the header ----

costs("\"$_->[0]\"", $_->[1], 1, "/api/acct_1/x?c=$_->[0]")
    for [1, 1], [12, 12], [0, 0], ['0.5', 1], ['1000000', 1000000];

is(invalid(), 0, 'all of them were numbers');

my @hostile = ('-1', '1000001', '18446744073709551617', '1e5', 'canary', '5.', '0x1');

costs("\"$_\"", 0, 1, "/api/acct_1/x?c=$_") for @hostile;

is(invalid(), scalar @hostile, 'the others are counted');
is(() = $gateway->error_log =~ /is not a number of credits: none are counted/g, 1,
    'invalid values are logged once in ten seconds');
unlike($gateway->error_log, qr/canary/, 'invalid values are not logged themselves');

costs('no header', 0, 1, '/api/acct_1/x');

# ---- which responses count ----

costs('402 of the upstream', 3, 1, '/api/acct_1/x?status=402&c=3', undef, 402);
costs('401 that is replaced', 4, 1, '/api/acct_page/x?status=401&c=4');
costs('402 that is replaced', 5, 1, '/api/acct_page/x?status=402&c=5');
costs('each of two servers', 6, 2, '/api/acct_next/x?status=503&c=3', undef, 503);
costs('stored in the cache', 2, 1, '/api/acct_cached/x?c=2&cache=max-age=60');
costs('from the cache', 0, 0, '/api/acct_cached/x?c=2&cache=max-age=60');
costs('400 of the gateway', 0, 0, '/api/acct_1/..%2fx?c=9', undef, 400);
costs('403 of the gateway', 0, 0, '/api/whoami?c=9', 'bob', 403);
costs('the status', 0, 0, '/reauth/accounts?limit=1');

{
    my $before = usage();
    is(ask('nobody', '/api/acct_1/x?c=9')->{status}, 401, 'an unknown caller is rejected');
    is(ask('alice', '/api/authenticate/acct_2/credentials', 'PUT',
        { email => 'ok@example.com', password => 'a' })->{status}, 200,
        'an update is sent');
    is(ask('alice', '/api/authenticate/auth_1')->{status}, 200, 'a poll is sent');
    is(ask('alice', '/api/acct_2/x?c=9')->{status}, 503, 'the gate is closed');
    is_deeply(usage(), $before, 'rejected calls, updates and polls cost nothing');
}

# ---- who ----

costs('another caller', 20, 1, '/api/acct_1/x?c=20', 'bob');

{
    my $before = usage();
    ask('alice', '/other/x?c=30');
    my $after = usage();

    is($after->{alice}[0], $before->{alice}[0] + 30,
        'a location with a key, but without a gate');
}

{
    my $json = ask('carol', '/reauth/usage')->{json};

    is_deeply([sort map { $_->{caller} } @{ $json->{callers} }], [qw(alice bob)],
        'callers that called');
    is_deeply([sort keys %{ $json->{callers}[0] }],
        [qw(budget caller calls credits refused resets_at spent)], 'a caller has these members');
}

sub series {
    return { metrics() =~ /^reauth_credits_used_total\{caller="(.*?)"\} (\d+)$/mg };
}

{
    my $usage = usage();

    is_deeply(series(), { '(none)' => 0, '(other)' => 0,
        map { $_ => $usage->{$_}[0] } keys %$usage }, 'the metrics have the same');
}

# ---- rights ----

is($gateway->http('HEAD', '/reauth/usage',
    { Authorization => 'Bearer token-of-carol' })->{status}, 200, 'HEAD returns 200');
is(ask('bob', '/reauth/usage')->{status}, 403,
    'a caller without the scope operate is rejected');
is(ask('dave', '/reauth/usage')->{status}, 403, 'a confined caller is rejected');
is(ask('carol', '/reauth/usage', 'POST')->{status}, 405, 'POST is rejected');
is(ask('carol', '/reauth/usage?x=1')->{status}, 422, 'an argument is rejected');
is(ask('carol', '/reauth/usage/')->{status}, 404, 'a longer path does not exist');

# ---- kept ----

{
    my $before = usage();

    my %old = map { $_ => 1 } $gateway->worker_pids;
    $gateway->reload;
    wait_for { !grep { $old{$_} } $gateway->worker_pids } 'old processes exit';
    is_deeply(usage(), $before, 'a reload keeps all');

    costs('after a reload', 40, 1, '/api/acct_1/x?c=40', 'bob');

    # responds after the file has changed
    my $call = Reauth::Stream->open($gateway, 'GET', '/api/acct_slow/x',
        { Authorization => 'Bearer token-of-bob', Connection => 'close' });
    my $peer = $slow->accept or die "accept: $!\n";
    sysread $peer, my $request, 4096;

    # the other order, another caller, and one that is gone
    my $new = callers('new', ['erin', 'all'], reverse @lines[0, 2, 3]);
    rename $new, $callers or die "rename: $!\n";

    ok(wait_for { ask('erin', '/api/acct_1/x?c=1')->{status} == 200 } 'a new file');
    print {$peer} "HTTP/1.1 200 OK\r\nx-ofapi-credits-used: 70\r\nContent-Length: 0\r\n\r\n";
    is($call->finish->{status}, 200, 'a call is answered after its caller is gone');

    costs('after it was reread', 50, 1, '/api/acct_1/x?c=50');
    costs('a new caller', 60, 1, '/api/acct_1/x?c=60', 'erin');
    is(ask('bob', '/api/acct_1/x?c=1')->{status}, 401, 'a caller is gone');
    is_deeply(usage()->{bob}, [$before->{bob}[0] + 110, $before->{bob}[1] + 2],
        'the numbers of a removed caller are kept');
}

# ---- without a callers file: nothing, or under one name ----

$gateway->stop;

my ($some, $none) = (free_port(), free_port());

$gateway = gateway(name => 'some', http_config => <<"EOC", config => <<"EOS");
server {
    listen 127.0.0.1:$some;
    reauth_callers_file $callers;
    location / { reauth_gate on; proxy_pass http://fans_api; $proxy }
}
$upstream
EOC
location /reauth/ { reauth_status operate; }
location = /reauth/metrics { reauth_metrics; }
EOS

$gateway->http('GET', '/api/acct_1/x?c=3') for 1 .. 2;

is_deeply($gateway->http('GET', '/reauth/usage')->{json}, { total => 6,
    callers => [{ caller => '(none)', credits => 6, calls => 2, budget => undef,
        spent => undef, refused => 0, resets_at => undef }] }, 'calls without a caller have one name');

$gateway->stop;

$gateway = gateway(name => 'none', http_config => $upstream, config => <<'EOS');
location /reauth/ { reauth_status operate; }
location = /reauth/metrics { reauth_metrics; }
EOS

is($gateway->http('GET', '/api/acct_1/x?c=3')->{status}, 200, 'a call is sent');
is_deeply($gateway->http('GET', '/reauth/usage')->{json},
    { callers => [], total => 0 }, 'nothing is counted without a callers file');
is_deeply(series(), { '(none)' => 0, '(other)' => 0 },
    'the metrics count nothing without a callers file');

$gateway->stop;

$gateway = gateway(name => 'closed', http_config => $upstream);
is($gateway->http('GET', '/reauth/usage')->{status}, 403,
    'usage is closed without callers, unless the location allows it');

$gateway->stop;

# ---- 10,000 callers; a zone without room for all of them ----

my @many = map { sprintf('service-%05d-%s', $_, 'x' x 33) } 1 .. 9_999;
is(length $many[0], 47, 'the longest names');
$callers = callers('many', ['carol', 'operate'], map { [$_, 'call'] } @many);

for my $size ('8m', '512k') {
    $gateway = gateway(name => "many$size", log_level => 'warn', http_config => <<"EOC",
reauth_callers_file $callers;
reauth_zone accounts:$size;
$upstream
EOC
        config => 'keepalive_requests 100000;
            location = /reauth/metrics { reauth_metrics; }');

    # pipelined, so that it takes some seconds only; everyone calls twice
    for my $round (1, 2) {
        my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1:' . $gateway->port)
            or die "connect: $!\n";

        my @left = @many;

        while (my @some = splice @left, 0, 50) {

            print {$socket} map { "GET /api/acct_1/x?c=2 HTTP/1.1\r\nHost: x\r\n"
                . "Authorization: Bearer token-of-$_\r\n\r\n" } @some;

            my $got = '';
            while ((() = $got =~ /HTTP\/1\.1 200/g) < @some) {
                sysread $socket, $got, 65536, length $got or die "read: $!\n";
            }
        }
    }

    my $json  = ask('carol', '/reauth/usage')->{json};
    my %used  = map { $_->{caller} => $_ } @{ $json->{callers} };
    my $other = delete $used{'(other)'};

    is($json->{total}, 4 * @many, "$size: the credits of all callers are counted");
    is_deeply([grep { $_->{credits} != 4 || $_->{calls} != 2 } values %used], [],
        "$size: each caller has its own numbers");

    if ($size eq '8m') {
        is(scalar keys %used, scalar @many, 'there is room for all');
        is($other, undef, 'nobody is among the others');
    } else {
        cmp_ok(scalar keys %used, '>', 1000, 'there is room for many');
        is($other->{credits}, 4 * (@many - keys %used), 'callers without room have one name');
    }

    is(scalar keys %{ series() }, 2 + keys %used, "$size: the metrics have them");
    is($gateway->error_log, '', "$size: nothing is logged") if $size eq '8m';

    $gateway->stop;
}

done_testing();
