# Data in Redis: keys, fields, lifetime and size; no credentials.

use strict;
use warnings;

use Test::More;
use Reauth::Test sandbox_options => ['--hold'];

my $gateway = gateway();
my $before  = time;

my $id = $gateway->update('acct_1',
    { email => 'ok@example.com', password => 'hush-hush-1' })
    ->{json}{attempt_id};
my $app = $gateway->update('acct_2', { auth_type => 'mobile_app' })->{json};
$gateway->update('acct_3', { auth_type => 'raw_data', auth_id => '4711',
    cookies => 'sess=hush-hush-2', xbc => 'hush-hush-3', user_agent => 'ua' });
$gateway->http('GET', "/api/authenticate/$id");

ok(wait_for { stored('acct_1', 'started_at') }
    'what a poll tells is kept too');

# ---- keys ----

my @keys = sort { $a cmp $b } redis_cli('KEYS', '*');
my %key = map { $_ => 1 } @keys;

ok($key{"{reauth}:a:acct_$_"}, "a record of acct_$_") for 1 .. 3;
ok($key{'{reauth}:active'}, 'what is active');
ok($key{'{reauth}:events'}, 'the changes');
is((grep { !/\A\{reauth\}:/ } @keys), 0, 'nothing outside of the prefix');

# ---- fields ----

my %record = %{ stored('acct_1') };

is($record{account}, 'acct_1', 'account');
is($record{attempt}, $id, 'attempt');
is($record{state}, 'running', 'state');
is($record{auth_type}, 'email_password', 'auth_type');
like($record{epoch}, qr/\A\d{16}\z/, 'epoch');
like($record{revision}, qr/\A[2-9]\z/, 'revision');
like($record{fingerprint}, qr/\A[0-9a-f]{64}\z/, 'fingerprint');
cmp_ok($record{since} / 1000, '>=', $before, 'since');
is($record{deadline} - $record{since}, 900_000, 'deadline');

is(redis_cli('ZSCORE', '{reauth}:active', 'acct_1'), $record{deadline},
    'its score in "active" is its deadline');

my %sealed = %{ stored('acct_2') };
is($sealed{state}, 'needs_app', 'a mobile one');
like($sealed{sealed}, qr/\A[0-9a-f]+\z/, 'its deeplink is sealed');

# ---- expiry ----

for my $key (grep { /:a:/ } @keys) {
    my $ttl = redis_cli('TTL', $key);

    cmp_ok($ttl, '>', 86400, "$key: lives as long as it can be active");
    cmp_ok($ttl, '<=', 86400 + 900, "$key: and a day");
}

# ---- size ----

for my $n (1 .. 3) {
    my $size = redis_cli('STRLEN', "{reauth}:a:acct_$n");

    cmp_ok($size, '<', 2048, "acct_$n: $size bytes");
    cmp_ok(redis_cli('MEMORY', 'USAGE', "{reauth}:a:acct_$n"), '<', 2048,
        "acct_$n: in Redis");
}

# ---- no credential ----

my $all = join "\n", map {
    my $type = redis_cli('TYPE', $_);

    $type eq 'hash' ? redis_cli('HGETALL', $_)
        : $type eq 'stream' ? redis_cli('XRANGE', $_, '-', '+')
        : $type eq 'zset' ? redis_cli('ZRANGE', $_, 0, -1)
        : redis_cli('GET', $_);
} @keys;

like($all, qr/acct_3/, 'this is all that Redis has');
unlike($all, qr/hush-hush/, 'no password, no cookie');
unlike($all, qr/example\.com/, 'no e-mail address');
unlike($all, qr/CANARY/, 'nothing that the upstream says in confidence');
unlike($all, qr/\Q$app->{mobile_auth_session_deeplink}\E/, 'no deeplink');
unlike($all, qr/\Q$Reauth::Test::API_KEY\E/, 'no key');

# ---- after its end ----

sandbox('POST', '/finish/acct_1', { success => \1 });
$gateway->http('GET', "/api/authenticate/$id");

ok(wait_for { stored('acct_1', 'state') eq 'succeeded' }
    'the end is kept');
is(redis_cli('ZSCORE', '{reauth}:active', 'acct_1'), '', 'no longer active');
is(stored('acct_1', 'fingerprint'), '',
    'its fingerprint has no use any more');
cmp_ok(redis_cli('TTL', '{reauth}:a:acct_1'), '<=', 86400, 'a day is left');

done_testing();
