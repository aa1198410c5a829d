# A person keeps the gate of an account open or closed for some time: on all
# gateways, over reloads, with and without Redis, whatever the attempt does.  It
# ends by itself; the record, the timeline and the summary show it.

use strict;
use warnings;

use Test::More;

use Reauth::Test sandbox_options => ['--hold'];

my $callers = callers_file(
    ['operator', 'operate'], ['all', 'all']);

sub as {
    my ($name, %more) = @_;

    return { Authorization => "Bearer token-of-$name", %more };
}

my %config = (
    http_config => "reauth_callers_file $callers;",
    config      => 'reauth_poll on /upstream interval=10m max_interval=10m;',
    workers     => 2,
);

my $h2  = free_port();
my $one = gateway(name => 'one', %config, http_config => <<"EOC");
reauth_callers_file $callers;
server {
    listen 127.0.0.1:$h2 http2;
    location /reauth/ { reauth_status; }
}
EOC
my $two = gateway(name => 'two', %config);

sub override {
    my ($gateway, $account, $body) = @_;

    return $gateway->http($body ? 'PUT' : 'DELETE',
        "/reauth/accounts/$account/override", as('operator'), $body);
}

sub status { return $_[0]->http('GET', "/reauth/$_[1]", as('all')); }
sub gate   { return status($_[0], "gate/$_[1]")->{status}; }
sub call   { return $_[0]->http('GET', "/api/$_[1]/chats", as('all')); }

# ---- an account that nobody has heard of is closed ----

my $set = override($one, 'acct_new',
    { gate => 'closed', for => '10m', reason => 'asked by its owner' });

is($set->{status}, 200, 'an override is set');
is($set->{json}{gate}, 'closed', 'the gate of the record is closed');
is($set->{json}{state}, 'none', 'the state is none without an attempt');
is($set->{json}{override}{gate}, 'closed', 'the record has the override');
is($set->{json}{override}{reason}, 'asked by its owner', 'the override has the reason');
is($set->{json}{override}{caller}, 'operator', 'the override has the caller');
like($set->{json}{override}{until}, qr/^20\d\d-.*Z$/, 'the override has its end');

is(gate($one, 'acct_new'), 503, 'the gate is closed at once');
ok(wait_for { gate($two, 'acct_new') == 503 } 'the gate of the other gateway is closed');

my $refused = call($two, 'acct_new');
is($refused->{status}, 503, 'a call is rejected');
like($refused->{json}{message}, qr/closed by an operator/, 'the response names the operator');
is($refused->{json}{state}, 'none', 'no attempt is active');
is($refused->{json}{attempt_id}, undef, 'the response has no attempt ID');
cmp_ok($refused->{json}{retry_after}, '>=', 1, 'the response has the time to wait');
is($refused->{headers}{'retry-after'}, $refused->{json}{retry_after},
    'Retry-After has the same time');
is(gate($two, 'acct_other'), 204, 'the gates of other accounts are open');

is_deeply([map { $_->{account_id} }
    @{ status($two, 'accounts')->{json}{accounts} }], ['acct_new'],
    'the list has the account');

my %listed = map { my $gate = $_; $gate => join ' ', map { $_->{account_id} }
    @{ status($two, "accounts?gate=$gate")->{json}{accounts} } } qw(open closed);
is_deeply(\%listed, { open => '', closed => 'acct_new' },
    'the list is filtered by the gate');

is(status($two, 'summary')->{json}{gates_closed}, 1, 'the summary counts the gate');
is(status($two, 'summary')->{json}{active}, 0, 'the summary counts no attempt');

my $event = status($two, 'accounts/acct_new/timeline')->{json}{events}[-1];
is($event->{source}, 'operator', 'the timeline has the override');
is($event->{gate}, 'closed', 'the event has the gate');
is($event->{reason}, 'asked by its owner', 'the event has the reason');
is($event->{caller}, 'operator', 'the event has the caller');

$two->reload;
is(gate($two, 'acct_new'), 503, 'a reload keeps it');

$two->restart;
ok(wait_for { status($two, 'accounts')->{status} == 200 } 'the gateway is ready after a restart');
is(gate($two, 'acct_new'), 503, 'a new gateway has it when it is ready');

my $back = override($two, 'acct_new');
is($back->{status}, 200, 'the other gateway removes the override');
is($back->{json}{override}, undef, 'the record has no override');
is(gate($two, 'acct_new'), 204, 'the gate is open');
ok(wait_for { gate($one, 'acct_new') == 204 } 'the gate of the first gateway is open');
is(override($one, 'acct_new')->{status}, 404, 'a second removal is 404');
is(status($one, 'accounts/acct_new')->{status}, 404, 'the account is unknown again');
is(call($one, 'acct_new')->{status}, 200, 'a call passes');

# ---- an attempt that is active ----

my $credentials = { email => 'ok@example.com', password => 'p' };

is($one->http('PUT', '/api/authenticate/acct_1/credentials', as('all'),
    $credentials)->{status}, 200, 'a login begins');
is(gate($one, 'acct_1'), 503, 'a login closes the gate');

my $opened = override($one, 'acct_1', { gate => 'open', for => '10m' });
is($opened->{status}, 200, 'an override opens the gate');
is($opened->{json}{gate}, 'open', 'the gate of the record is open');
is($opened->{json}{state}, 'running', 'the attempt continues');
is($opened->{json}{override}{reason}, undef, 'a reason is optional');
is($opened->{json}{retry_after}, undef, 'an open gate has no time to wait');
unlike(call($one, 'acct_1')->{body}, qr/decision_id/,
    'a call passes: the response is that of the upstream');
ok(wait_for { gate($two, 'acct_1') == 204 } 'the gate of the other gateway is open');
is(status($one, 'summary')->{json}{gates_closed}, 0, 'no gate is closed');
is(status($one, 'summary')->{json}{active}, 1, 'the attempt is active');

# what is learned later does not change it, nor does the override change that

sandbox('POST', '/finish/acct_1');
$one->http('POST', '/reauth/accounts/acct_1/poll', as('operator'));
ok(wait_for { status($two, 'accounts/acct_1')->{json}{state} eq 'succeeded' }
    'the attempt ends');
is(status($two, 'accounts/acct_1')->{json}{override}{gate}, 'open',
    'the override remains after the end');

is(override($two, 'acct_1', { gate => 'closed', for => '1s' })->{status}, 200,
    'an override closes the gate for a second');
ok(wait_for { gate($one, 'acct_1') == 204 && gate($two, 'acct_1') == 204 }
    'the override ends by itself');
is(status($one, 'accounts/acct_1')->{json}{override}, undef,
    'an ended override is not in the record');

# ---- two gateways have made the same stamp ----

# that of Redis is taken, by its event and by the reply to a write

is(override($one, 'acct_same', { gate => 'closed', for => '10m' })->{status},
    200, 'an override of acct_same is set');
ok(wait_for { redis_cli('EXISTS', '{reauth}:override:acct_same') }
    'the override of acct_same is in Redis');

my $text  = join '', map {"$_\n"} grep { length }
    redis_cli('GET', '{reauth}:override:acct_same');
my $other = $text =~ s/^gate closed$/gate open/mr;
my ($stamp) = $text =~ /^stamp (\d+)/;

sub script {
    my ($text, $writer) = @_;

    return join "\n", redis_cli('EVAL',
        Reauth::Test::slurp('ngx_module/redis/scripts/override.lua'), 3,
        map({"{reauth}:$_"} 'override:acct_same', 'overrides', 'events'),
        $stamp, 'acct_same', 600, (time + 600) . '000', $text, $writer, 10_000);
}

is(script($text, 'third'), '1', 'Redis has it');
like(script($other, 'third'), qr/^gate closed$/m,
    'Redis keeps the first of two overrides with the same stamp');

redis_cli('SET', '{reauth}:override:acct_same', $other, 'EX', 600);
redis_cli('XADD', '{reauth}:events', '*', 'third', '', 'override', $other);
ok(wait_for { gate($one, 'acct_same') == 204 && gate($two, 'acct_same') == 204 }
    'an override with the same stamp in the stream is taken by all');

# a gateway that was away for longer than Redis keeps the removed override
# writes the former one

is(override($one, 'acct_same')->{status}, 200, 'the override of acct_same is removed');

sub removed_in_redis {
    return join("\n", redis_cli('GET', '{reauth}:override:acct_same')) !~ /^gate /m;
}

ok(wait_for { removed_in_redis() && !status($two, 'accounts/acct_same')->{json}{override} }
    'the removal of acct_same is in Redis, and on the other gateway');
redis_cli('DEL', '{reauth}:override:acct_same');
is(script($text, 'third'), '1', 'Redis takes the former override');
ok(wait_for { removed_in_redis() } 'the override is removed from Redis again');
is(redis_cli('ZSCORE', '{reauth}:overrides', 'acct_same'), '',
    'a removed override is not listed');
is(gate($_, 'acct_same'), 204, 'the gate of a removed override remains open') for $one, $two;

# events of overrides do not stay for longer than a day either

redis_cli('DEL', '{reauth}:old');
redis_cli('XADD', '{reauth}:old', '1000-1', 'third', 'x');

for my $i (1 .. 1000) {
    redis_cli('EVAL', Reauth::Test::slurp('ngx_module/redis/scripts/override.lua'),
        3, map({"{reauth}:$_"} 'override:acct_old', 'overrides', 'old'), $i,
        'acct_old', 600, (time + 600) . '000', "stamp $i\n", 'third', 10_000);
    last if redis_cli('XRANGE', '{reauth}:old', '-', '1001') eq '';
}

is(redis_cli('XRANGE', '{reauth}:old', '-', '1001'), '', 'old events are removed');
redis_cli('DEL', '{reauth}:old', '{reauth}:override:acct_old');

# ---- what is invalid ----

my $invalid = override($one, 'acct_3',
    { gate => 'ajar', reason => "two\nlines", until => 'then' });
is($invalid->{status}, 422, 'an invalid override is rejected');
is_deeply($invalid->{json}{errors}, {
    gate   => ['must be open or closed'],
    for    => ['is required'],
    reason => ['must not contain control characters'],
    '?'    => ['is unknown'],
}, 'all errors are reported at once');
my $secret = override($one, 'acct_3', { gate => 'open', for => '1m',
    reason => "the key is $Reauth::Test::API_KEY" });
is_deeply($secret->{json}{errors},
    { reason => ['must not contain the API key'] }, 'a reason with the API key is rejected');
ok(index($one->error_log, $Reauth::Test::API_KEY) < 0, 'the rejected reason is not logged');

my $wrong = $Reauth::Test::API_KEY =~ s/.\z/~/r;

is_deeply([map { override($one, 'acct_guess', { gate => 'closed', for => '1s',
        reason => $_ })->{status} } $wrong, substr $Reauth::Test::API_KEY, 0, 20],
    [200, 200], 'a part of the API key is not told from another text');
is($one->http('GET', '/reauth/accounts/acct_3/override', as('operator'))
    ->{headers}{allow}, 'PUT, DELETE', 'GET is not a method of it');
is($one->http('PUT', '/reauth/accounts/acct_3/override',
    as('operator', 'Sec-Fetch-Site' => 'cross-site'),
    { gate => 'open', for => '1m' })->{json}{error}, 'FORBIDDEN_ORIGIN',
    'a page of another site overrides nothing');
is(status($one, 'accounts/acct_3')->{status}, 404, 'nothing was changed');

# a reason is one field of its line in the log

is(override($one, 'acct_log', { gate => 'open', for => '1m',
    reason => qq(x", caller "\x{202e}admin) })->{status}, 200,
    'a reason with a quote is accepted');
like($one->error_log,
    qr/caller "operator", reason "x\\x22, caller \\x22\\xE2\\x80\\xAEadmin"/,
    'the reason is escaped in the log');
is(override($one, 'acct_log')->{status}, 200, 'the override is removed');

# ---- HTTP/2 ----

my $curl = qx{curl -s -o /dev/null -w '%{http_code} %{http_version}' \\
    --http2-prior-knowledge -X PUT -H 'Authorization: Bearer token-of-operator' \\
    -H 'Content-Type: application/json' -d '{"gate":"closed","for":"5m"}' \\
    http://127.0.0.1:$h2/reauth/accounts/acct_h2/override};
is($curl, '200 2', 'an override is set over HTTP/2');
is(gate($one, 'acct_h2'), 503, 'the gate is closed');

# ---- Redis goes away, and comes back empty ----

is(override($one, 'acct_gone', { gate => 'closed', for => '10m' })->{status},
    200, 'an override of acct_gone is set');
ok(wait_for { gate($two, 'acct_gone') == 503 } 'the other gateway has the override of acct_gone');

redis_stop();
ok(wait_for { $one->http('GET', '/reauth/readyz')->{json}{status} eq 'degraded'
    } 'Redis is unavailable');
is(override($one, 'acct_away', { gate => 'closed', for => '10m' })->{status},
    200, 'an override is set without Redis');
is(gate($one, 'acct_away'), 503,
    'an override without Redis closes the gate on this gateway');
is(gate($two, 'acct_away'), 204, 'the other gateway does not');

# a removal that the other gateway has not got gives its place to no other; one
# of an override that only this gateway has had does

is(override($one, 'acct_gone')->{status}, 200,
    'the override of acct_gone is removed without Redis');

my @churn = map { my $account = "acct_churn_$_";
    map { $_->{status} } override($one, $account, { gate => 'open', for => '9m' }),
        override($one, $account) } 1 .. 60;
is_deeply([grep { $_ != 200 } @churn], [],
    'more overrides than fit are set and removed without Redis');

redis_start();
ok(wait_for { gate($two, 'acct_away') == 503 } 'the other one follows when Redis is back');
ok(wait_for { gate($two, 'acct_gone') == 204 } 'a removal reaches the other gateway when Redis is back');
is(gate($one, 'acct_gone'), 204, 'a removed override does not come back');
ok(wait_for { redis_cli('EXISTS', '{reauth}:override:acct_h2') == 1 }
    'overrides that Redis has lost are written again');

like($one->error_log, qr/the gate of account "acct_new" is kept closed for 600 s/,
    'the override is logged');
like($two->error_log, qr/the override of account "acct_new" is removed/,
    'the removal of an override is logged');
unlike($_->error_log, qr/invalid record/, 'no event is misread') for $one, $two;

$_->stop for $one, $two;

# ---- without Redis ----

my $alone = gateway(name => 'alone', without => ['reauth_redis', '/reauth/'],
    workers => 2, config => 'location /reauth/ { reauth_status operate; }');

my $path = '/reauth/accounts/acct_alone/override';
my $kept = $alone->http('PUT', $path, {}, { gate => 'closed', for => '10m' });
is($kept->{status}, 200, 'an override needs neither Redis nor callers');
is($kept->{json}{override}{caller}, undef,
    'an override without callers has no caller');
is($alone->http('GET', '/reauth/gate/acct_alone')->{status}, 503,
    'an override without Redis and callers closes the gate');
is($alone->http('GET', '/reauth/accounts/acct_alone/timeline')
    ->{json}{events}[-1]{source}, 'operator', 'the timeline has it');
$alone->reload;
is($alone->http('GET', '/reauth/gate/acct_alone')->{status}, 503,
    'a reload keeps the gate closed');
is($alone->http('DELETE', $path)->{status}, 200,
    'an override is removed by DELETE');
is($alone->http('GET', '/reauth/gate/acct_alone')->{status}, 204,
    'the gate is open without it');

# its end is a change of the account, as its beginning

my $ends = '/reauth/accounts/acct_ends';

is($alone->http('PUT', "$ends/override", {}, { gate => 'closed', for => '1s' })
    ->{status}, 200, 'an override is set for a second');

my @events;
ok(wait_for {
    @events = @{ $alone->http('GET', "$ends/timeline")->{json}{events} };
    @events == 2;
} 'the end of an override is an event');
is(join(' ', map {"$_->{source} $_->{gate}"} @events),
    'operator closed operator open', 'the gate was closed, then open');
is($alone->http('GET', '/reauth/gate/acct_ends')->{status}, 204, 'the gate is open after the end');

$alone->stop;

done_testing();
