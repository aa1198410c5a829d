# reauth_gate_failed on two gateways: one of them sends a probe of a failed
# account, and its result opens the other one.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);
use Reauth::Test sandbox_options => ['--hold'];

my %failed = (
    workers     => 2,
    http_config => <<'EOC',
proxy_http_version 1.1;
proxy_set_header Connection "";
proxy_set_header Authorization $reauth_authorization;
EOC
    config => <<'EOC',
location /api/ {
    reauth_gate on;
    reauth_gate_failed on;
    proxy_pass http://fans_api;
}
location /often/api/ {
    reauth_gate on;
    reauth_gate_failed on probe=2s;
    rewrite ^/often(/.*) $1 break;
    proxy_pass http://fans_api;
}
EOC
);

my $one = gateway(name => 'one', %failed);
my $two = gateway(name => 'two', %failed);

my $code = 'SESSION_EXPIRED:NEEDS_REAUTHENTICATION';

sub sent {
    my ($account) = @_;

    return scalar grep { $_->{target} =~ m{^/api/$account/} } sandbox_log();
}

sub both {
    my ($account, $state) = @_;

    return Reauth::Gateway->all_have($account, $state, $one, $two);
}

sub answered {
    my ($gateway, $account) = @_;

    return $gateway->http('GET', "/api/$account/x")
        ->{headers}{'reauth-answered'};
}

# ---- one probe ----

$one->http('GET', '/api/acct_expired_1/x');
ok(both('acct_expired_1', 'failed'), 'both gateways know that an account failed');

my $begin = time;
my %got;

for my $n (1 .. 500) {
    $got{ $_->http('GET', "/api/acct_expired_1/$n")->{headers}{'reauth-answered'}
        // 'sent' }++ for $one, $two;
}

my $minutes = int((time - $begin) / 60) + 1;
my $probes  = sent('acct_expired_1') - 1;
cmp_ok($probes, '>=', 1, 'the first probe is sent at once');
cmp_ok($probes, '<=', $minutes,
    'at most one of 1,000 calls a minute is sent by two gateways');
cmp_ok($got{1}, '>=', 1000 - $minutes,
    'the gateways answer all other calls');

my ($lease) = redis_cli('PTTL', '{reauth}:failed:acct_expired_1');
cmp_ok($lease, '>', 0, 'the lease of the probe is in Redis');
cmp_ok($lease, '<=', 60_000, 'the lease of the probe expires');

# ---- the next one, by the other gateway, when the lease has expired ----

$one->http('GET', '/often/api/acct_expired_2/x');
ok(both('acct_expired_2', 'failed'), 'both gateways know that a second account failed');
$begin = time;
$one->http('GET', '/often/api/acct_expired_2/x');
is(sent('acct_expired_2'), 2, 'the first gateway sends the first probe');

ok(wait_for {
    $two->http('GET', '/often/api/acct_expired_2/x');
    sent('acct_expired_2') > 2;
} 'the second gateway sends the next probe');
cmp_ok(time - $begin, '>', 1.5, 'the second gateway waits for the lease to expire');

# ---- a probe succeeds ----

sandbox('POST', '/account/acct_works', { next => [ map { {
    status => 401, headers => { 'Content-Type' => 'application/json' },
    body => { error => $code } } } 1 ] });

$one->http('GET', '/api/acct_works/x');
ok(both('acct_works', 'failed'), 'a third account failed');
is($two->http('GET', '/api/acct_works/x')->{status}, 200, 'the probe of the third account succeeds');
ok(both('acct_works', 'succeeded'), 'a successful probe opens both gateways');
is($one->record('acct_works')->{source}, 'call',
    'the source of the success is the call');
is(answered($one, 'acct_works'), undef,
    'calls through the other gateway are sent again');

# ---- a failure again within the interval: the lease has no epoch ----

sandbox('POST', '/account/acct_works', { next => [ map { {
    status => 401, headers => { 'Content-Type' => 'application/json' },
    body => { error => $code } } } 1 .. 9 ] });
$one->http('GET', '/api/acct_works/x');
ok(both('acct_works', 'failed'), 'the account fails again');
is(answered($one, 'acct_works'), 1, 'the lease of the last probe is still valid');

# ---- Redis does not reply, is down, is there again ----

$one->http('GET', '/api/acct_expired_3/x');
ok(both('acct_expired_3', 'failed'), 'a fourth account failed');
redis_pause();
is($one->http('GET', '/api/acct_expired_3/x')->{status}, 401,
    'a probe does not wait longer than the timeout of Redis');
is(sent('acct_expired_3'), 2, 'a gateway decides itself if Redis does not reply');
is(answered($one, 'acct_expired_3'), 1,
    'other calls are answered while Redis does not reply');
redis_resume();

redis_stop();
ok(wait_for { ($two->http('GET', '/reauth/readyz')->{json}{status} // '')
    eq 'degraded' } 'the gateway notices that Redis is down');
$two->http('GET', '/api/acct_expired_3/x');
is(sent('acct_expired_3'), 3, 'each gateway sends its own probes without Redis');
is(answered($two, 'acct_expired_3'), 1,
    'the gateway answers all other calls without Redis');

unlike($one->error_log, qr/\[(?:crit|alert|emerg)\]/,
    'the first gateway logs no serious errors');
unlike($two->error_log, qr/\[(?:crit|alert|emerg)\]/,
    'the second gateway logs no serious errors');

done_testing();
