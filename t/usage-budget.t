# budget= of a caller's line: calls are rejected with 429 when all gateways
# together have spent it.  Gateways learn of each other's spending through Redis;
# nothing that a gateway knows is lost with the data of Redis.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(sleep time);

use Reauth::Clock;
use Reauth::Stream;
use Reauth::Test sandbox => 0;

my $slow = IO::Socket::INET->new(Listen => 20, LocalAddr => '127.0.0.1')
    or die "listen: $!\n";
my $late = $slow->sockport;
my $up   = free_port();
my $log  = work_dir() . '/upstream.log';

# windows end with the hour
sub before_the_end {
    my ($seconds) = @_;

    sleep 1 while time % 3600 > 3600 - $seconds;

    return;
}

before_the_end(150);

sub callers {
    my ($name, @lines) = @_;

    return Reauth::Test::write_file(work_dir() . "/$name", join('', map {
        "$_->[0] sha256:" . sha256_hex("token-of-$_->[0]") . " $_->[1]\n"
    } @lines), oct 644);
}

sub replace {
    my ($file, @lines) = @_;

    my $new = callers('new', @lines);
    rename $new, $file or die "rename: $!\n";

    return;
}

my @lines = (['hourly', 'all budget=10/h'], ['daily', 'all budget=20/d'],
    ['free', 'all'], ['boss', 'operate,status'], ['held', 'all budget=5/h'],
    ['flight', 'all budget=1/h'], ['later', 'all']);
my $callers = callers('callers', @lines);

my $proxy = <<'EOC';
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Authorization $reauth_authorization;
EOC

my %config = (
    log_level   => 'warn',
    http_config => <<"EOC",
reauth_callers_file $callers;
upstream fans_api { server 127.0.0.1:$up; }
EOC
    config => <<"EOC",
reauth_gate_hold 60s;
location /api/ { reauth_gate on; proxy_pass http://fans_api; $proxy }
location /api/acct_slow/ { reauth_gate on; proxy_pass http://127.0.0.1:$late; $proxy }
location = /reauth/metrics { reauth_metrics; }
EOC
);

# the upstream, a gateway of its own that needs no Redis and has no callers
my $upstream = gateway(name => 'upstream', without => ['all'], http_config => <<"EOC", config => '');
log_format path '\$uri';
server {
    listen 127.0.0.1:$up;
    access_log $log path;
    keepalive_requests 1000000;
    add_header x-ofapi-credits-used \$arg_c always;
    location / { return 200 '{}'; }
    location /api/authenticate/ {
        return 200 '{"attempt_id":"auth_1","message":"","polling_url":"/auth_1"}';
    }
}
EOC

my %gateway = map { $_ => gateway(name => $_, %config) } qw(one two);

sub ask {
    my ($gateway, $caller, $path, $method, $body, %header) = @_;

    return ($gateway{$gateway} // $gateway)->http($method // 'GET', $path,
        { Authorization => "Bearer token-of-$caller", %header }, $body);
}

sub spends {
    my ($gateway, $caller, $credits) = @_;

    return ask($gateway, $caller, "/api/acct_1/x?c=$credits")->{status};
}

sub usage {
    my ($gateway, $caller) = @_;

    my ($row) = grep { $_->{caller} eq $caller }
        @{ ask($gateway, 'boss', '/reauth/usage')->{json}{callers} };

    return $row // {};
}

sub knows {
    my ($gateway, $caller, $spent, $what) = @_;

    my $began = time;
    my $known = wait_for { (usage($gateway, $caller)->{spent} // -1) == $spent } $what;
    my $took  = time - $began;

    is(usage($gateway, $caller)->{spent}, $spent, $what) if !$known;

    return ok($known && $took < 30, sprintf '%s, after %.1f s', $what, $took);
}

sub limited {
    my ($gateway) = @_;

    return $gateway{$gateway}->http('GET', '/reauth/metrics')->{body}
        =~ /^reauth_limited_total\{limit="budget"\} (\d+)$/m ? $1 : undef;
}

sub warnings {
    my ($gateway, $caller) = @_;

    return scalar(() = $gateway{$gateway}->error_log
        =~ /caller "$caller" has spent its budget of \d+ credits, its calls are rejected until/g);
}

# ---- one gateway ----

is(spends('one', 'hourly', 4), 200, "a call of $_ credits is allowed") for 4, 8, 12;

{
    my $sent   = Reauth::Test::slurp($log) =~ tr/\n//;
    my $most   = 3600 - time % 3600;
    my $answer = ask('one', 'hourly', '/api/acct_1/x?c=4');

    is($answer->{status}, 429, 'the budget is spent: 429');
    is($answer->{json}{error}, 'BUDGET_EXCEEDED', 'the code is BUDGET_EXCEEDED');
    is(join(' ', sort keys %{ $answer->{json} }), 'decision_id description error message',
        'the body is an error of the upstream');
    is($answer->{headers}{'x-should-retry'}, 'false', 'SDKs are told not to retry');

    my $least = 3600 - time % 3600;
    my $told  = $answer->{headers}{'retry-after'};

    ok($told >= $least - 2 && $told <= $most + 2, 'Retry-After is the end of the hour')
        or diag "$least $told $most";

    is(Reauth::Test::slurp($log) =~ tr/\n//, $sent, 'nothing is sent');
}

is(spends('one', 'hourly', 4), 429, 'a further call is rejected') for 1, 2;
is(limited('one'), 3, 'rejected calls are counted');
is(warnings('one', 'hourly'), 1, 'the log has one line for the window');

{
    my $usage = usage('one', 'hourly');

    like(delete $usage->{resets_at}, qr/\A20\d\d-\d\d-\d\dT\d\d:00:00\.000Z\z/,
        'resets_at is a full hour');
    is_deeply($usage, { caller => 'hourly', credits => 12, calls => 3,
        budget => '10/h', spent => 12, refused => 3 }, 'usage tells the budget');
}

is(ask('one', 'hourly', '/api/whoami')->{status}, 429, 'paths of the team as well');
is(ask('one', 'hourly', '/api/acct_1/x', 'POST', '{}')->{status}, 429,
    'calls with a body as well');
is(ask('one', 'hourly', '/reauth/accounts')->{status}, 200, 'the status is exempt');
is(ask('one', 'hourly', '/api/authenticate/acct_2/credentials', 'PUT',
    { email => 'ok@example.com', password => 'a' })->{status}, 200,
    'updates are exempt');
is(ask('one', 'hourly', '/api/authenticate/auth_1')->{status}, 200, 'polls are exempt');
is(spends('one', 'free', 100), 200, 'a caller without a budget is not limited')
    for 1, 2;
is_deeply([@{ usage('one', 'free') }{qw(budget spent refused resets_at)}],
    [undef, undef, 0, undef], 'a caller without a budget has none in the usage');

# ---- the other gateway ----

knows('two', 'hourly', 12, 'the other gateway learns of it');
is(spends('two', 'hourly', 4), 429, 'the other gateway rejects calls');
is(usage('two', 'hourly')->{credits}, 0, 'the credits are those of each gateway');

is(spends('one', 'daily', 7), 200, 'a call by the day at one gateway');
is(spends('two', 'daily', 8), 200, 'a call by the day at the other gateway');
knows($_, 'daily', 15, "gateway $_ knows the sum") for qw(one two);

is(spends('one', 'daily', 8), 200, 'less than the budget is spent');
knows('two', 'daily', 23, 'the sum exceeds the budget by the last call');
is(spends($_, 'daily', 1), 429, "gateway $_ rejects") for qw(one two);
cmp_ok(ask('one', 'daily', '/api/acct_1/x')->{headers}{'retry-after'}, '<=', 86_400,
    'Retry-After is within a day');
like(usage('one', 'daily')->{resets_at}, qr/T00:00:00\.000Z\z/, 'a budget by the day ends at midnight');

# ---- in Redis ----

{
    my @keys = sort grep {/:usage:/} split /\n/, redis_cli('KEYS', '*');

    is(scalar(() = "@keys" =~ /:usage:[hd]:\d+(?::changes)?(?: |\z)/g), 4,
        'keys of the hour and of the day') or diag "@keys";

    for my $key (@keys) {
        my $window = $key =~ /:d:/ ? 86_400 : 3600;
        my $most   = $window - time % $window + 60;
        my $left   = 0 + redis_cli('TTL', $key);
        my $least  = $window - time % $window + 60;

        ok($left >= $least - 5 && $left <= $most + 5, "$key expires after its window")
            or diag "$least $left $most";
    }

    my ($key) = grep {/:h:\d+\z/} @keys;
    is(0 + redis_cli('HGET', $key, 'hourly'), 12, 'the hash has the sum');
}

# ---- calls in flight ----

{
    my @calls = map { Reauth::Stream->open($gateway{one}, 'GET', '/api/acct_slow/x',
        { Authorization => 'Bearer token-of-flight', Connection => 'close' }) } 1 .. 3;
    my @peers = map { scalar $slow->accept } @calls;

    print {$_} "HTTP/1.1 200 OK\r\nx-ofapi-credits-used: 1\r\nContent-Length: 0\r\n\r\n"
        for @peers;
    is($_->finish->{status}, 200, 'a call in flight is not affected') for @calls;
    is(spends('one', 'flight', 1), 429, 'the next one is rejected');
    is(usage('one', 'flight')->{spent}, 3, 'the sum exceeds the budget by those in flight');
}

# ---- a held call is checked again ----

{
    is(ask('two', 'free', '/reauth/accounts/acct_9/override', 'PUT',
        { gate => 'closed', for => '1h' })->{status}, 200, 'a gate is closed');

    my $held = Reauth::Stream->open($gateway{two}, 'GET', '/api/acct_9/x',
        { Authorization => 'Bearer token-of-held', Prefer => 'wait=60',
            Connection => 'close' });
    ok(wait_for { $gateway{two}->http('GET', '/reauth/metrics')->{body}
        =~ /reauth_gate_calls_total\{result="held"\} 1$/m }, 'a call is held');

    is(spends('two', 'held', 5), 200, 'meanwhile, the budget is spent');
    is(ask('two', 'free', '/reauth/accounts/acct_9/override', 'DELETE')->{status}, 200,
        'the gate is opened');
    is($held->finish->{status}, 429, 'the held call is rejected');
}

# ---- Redis loses its data ----

{
    my $flushed = sub { redis_cli('FLUSHALL') };

    $flushed->();
    is(spends($_, 'hourly', 1), 429, "after FLUSHALL, gateway $_ knows") for qw(one two);

    $gateway{three} = gateway(name => 'three', %config);
    knows('three', 'hourly', 12, 'a new gateway learns of it from the others');
    knows('three', 'daily', 23, 'it learns the sum of both');
    is(spends('three', 'hourly', 1), 429, 'the new gateway rejects');

    # others have written more changes since than there were before
    my ($key) = grep {/:usage:h:\d+\z/} split /\n/, redis_cli('KEYS', '*');
    redis_cli('EVAL', q{redis.call('DEL', KEYS[1], KEYS[1] .. ':changes')
        redis.call('HSET', KEYS[1], '#id', 'another', '#last', '1000')}, 1, $key);
    ok(wait_for { 12 == (redis_cli('HGET', $key, 'hourly') || 0) },
        'a key that others have made again is noticed');

    # a failover has lost the last changes
    redis_cli('EVAL', q{redis.call('HSET', KEYS[1], '#last', '0')
        redis.call('DEL', KEYS[1] .. ':changes')
        for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
            if field:find('^hourly') then redis.call('HDEL', KEYS[1], field) end
        end}, 1, $key);
    ok(wait_for { 12 == (redis_cli('HGET', $key, 'hourly') || 0) },
        'the loss of the last changes is noticed');

    # what a gateway that is gone has spent is known to the others only
    $gateway{one}->stop;
    $flushed->();

    $gateway{four} = gateway(name => 'four', %config);
    knows('four', 'hourly', 12, 'what a stopped gateway has spent is known');
    knows('four', 'daily', 23, 'a sum that a stopped gateway has a part of is known');
    $gateway{$_}->stop for qw(three four);
}

# ---- without Redis, and with it again ----

before_the_end(150);

{
    redis_stop();
    is(spends('two', 'hourly', 1), 429, 'the last figures are used while Redis is down');

    replace($callers, map { $_->[0] eq 'daily' ? ['daily', 'all budget=100/d']
        : $_->[0] eq 'later' ? ['later', 'all budget=3/h'] : $_ } @lines);

    ok(wait_for { spends('two', 'daily', 10) == 200 }, 'a budget was increased');
    is(spends('two', 'daily', 10), 200, 'calls are allowed again');
    is(usage('two', 'daily')->{spent}, 43, 'calls are counted while Redis is down');

    redis_start();
    $gateway{five} = gateway(name => 'five', %config);
    knows('five', 'daily', 43, 'they are known when Redis is back, without its data');

    is(spends('five', 'later', 3), 200, 'a caller has a budget since it was reread');
    is(spends('five', 'later', 1), 429, 'the new budget is spent');
    knows('two', 'later', 3, 'the other gateway learns of it');
}

# ---- the first budget comes with a file that is reread ----

{
    my $file = callers('plain', ['boss', 'operate'], ['first', 'all']);
    my %two  = map { $_ => gateway(name => $_, %config,
        http_config => $config{http_config} =~ s/\Q$callers\E/$file/r) } qw(six seven);

    replace($file, ['boss', 'operate'], ['first', 'all budget=5/d']);

    ok(wait_for { (usage($_, 'first')->{budget} // spends($_, 'first', 1)) eq '5/d' },
        'a budget is read again') for @two{qw(six seven)};

    is(spends($two{six}, 'first', 10), 200, 'a call after the file was reread');
    ok(wait_for { (usage($two{seven}, 'first')->{spent} // 0) >= 10 },
        'the other gateway learns of spending for the first budget');
    is(spends($two{seven}, 'first', 1), 429, 'the first budget is spent');
    $_->stop for values %two;
}

# ---- reload ----

{
    my %old = map { $_ => 1 } $gateway{two}->worker_pids;
    $gateway{two}->reload;
    wait_for { !grep { $old{$_} } $gateway{two}->worker_pids } 'old processes exit';

    is(spends('two', 'hourly', 1), 429, 'a reload keeps what was spent');
    is(usage('two', 'daily')->{spent}, 43, 'a reload keeps the sum');
    is(spends('two', 'daily', 2), 200, 'a call after a reload');
    knows('five', 'daily', 45, 'the other gateway learns of it after a reload');
}

# ---- 10,000 callers ----

$gateway{$_}->stop for qw(two five);

{
    my @many = map { sprintf 'service-%05d-%s', $_, 'x' x 33 } 1 .. 9_999;
    my $file = callers('many', ['boss', 'operate'], map { [$_, 'call budget=1000/d'] } @many);
    my @two  = map { gateway(name => "many$_", %config, http_config => <<"EOC") } 1, 2;
reauth_callers_file $file;
reauth_zone accounts:8m;
upstream fans_api { server 127.0.0.1:$up; keepalive 4; }
keepalive_requests 1000000;
EOC

    for my $gateway (@two) {
        my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1:' . $gateway->port)
            or die "connect: $!\n";
        my @left = @many;

        while (my @some = splice @left, 0, 50) {
            print {$socket} map { "GET /api/acct_1/x?c=3 HTTP/1.1\r\nHost: x\r\n"
                . "Authorization: Bearer token-of-$_\r\n\r\n" } @some;

            my $got = '';
            while ((() = $got =~ /HTTP\/1\.1 200/g) < @some) {
                sysread $socket, $got, 65536, length $got or die "read: $!\n";
            }
        }
    }

    for my $gateway (@two) {
        my $wrong = sub {
            my $callers = ask($gateway, 'boss', '/reauth/usage')->{json}{callers};
            return @many - grep { ($_->{spent} // 0) == 6 } @$callers;
        };

        my $began = time;
        wait_for { $wrong->() == 0 } 'all are known';
        is($wrong->(), 0, sprintf 'all callers are known, after %.1f s', time - $began);
        is($gateway->error_log, '', 'nothing is logged for 10,000 callers');
        $gateway->stop;
    }
}

# ---- the end of a window ----

SKIP: {
    skip Reauth::Clock::missing(), 5 if Reauth::Clock::missing();

    my $clock = Reauth::Clock->new(work_dir() . '/clock', 3600 - time % 3600 - 30);
    my $alone = gateway(name => 'alone', %config, $clock->arguments,
        without => ['reauth_redis'], http_config => <<"EOC");
reauth_callers_file $callers;
reauth_zone accounts:1m;
upstream fans_api { server 127.0.0.1:$up; }
EOC

    is(spends($alone, 'hourly', 10), 200, 'the budget is spent before the end of an hour');
    my $answer = ask($alone, 'hourly', '/api/acct_1/x?c=1');
    is($answer->{status}, 429, 'the next call is rejected');
    cmp_ok($answer->{headers}{'retry-after'}, '<=', 30, 'Retry-After is the rest of the hour');
    sleep $answer->{headers}{'retry-after'} + 0.1;
    is(spends($alone, 'hourly', 10), 200, 'calls are allowed again in the next hour');
    is(spends($alone, 'hourly', 10), 429, 'until the budget is spent again');
}

done_testing();
