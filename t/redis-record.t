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
    'the details of a poll are stored');

# ---- keys ----

my @keys = sort { $a cmp $b } redis_cli('KEYS', '*');
my %key = map { $_ => 1 } @keys;

ok($key{"{reauth}:a:acct_$_"}, "the record of acct_$_ is stored") for 1 .. 3;
ok($key{'{reauth}:active'}, 'the index of active accounts is stored');
ok($key{'{reauth}:events'}, 'the stream of changes is stored');
is((grep { !/\A\{reauth\}:/ } @keys), 0, 'no key is outside of the prefix');

# ---- fields ----

my %record = %{ stored('acct_1') };

is($record{account}, 'acct_1', 'a record has the account');
is($record{attempt}, $id, 'a record has the attempt ID');
is($record{state}, 'running', 'a record has the state');
is($record{auth_type}, 'email_password', 'a record has the auth_type');
like($record{epoch}, qr/\A\d{16}\z/, 'a record has an epoch of 16 digits');
like($record{revision}, qr/\A\d{16}\z/, 'a record has a revision');
like($record{fingerprint}, qr/\A[0-9a-f]{64}\z/,
    'a record has a fingerprint in hexadecimal');
cmp_ok($record{since} / 1000, '>=', $before,
    'a record has the time of its last change');
is($record{deadline} - $record{since}, 900_000,
    'the deadline of a record is 15 minutes after its last change');

is(redis_cli('ZSCORE', '{reauth}:active', 'acct_1'), $record{deadline},
    'the score in "active" is the deadline');

my %sealed = %{ stored('acct_2') };
is($sealed{state}, 'needs_app', 'a login by the mobile app needs the app');
like($sealed{sealed}, qr/\A[0-9a-f]+\z/, 'the deeplink of a record is sealed');

# ---- expiry ----

for my $key (grep { /:a:/ } @keys) {
    my $ttl = redis_cli('TTL', $key);

    cmp_ok($ttl, '>', 86400, "$key: lives as long as it can be active");
    cmp_ok($ttl, '<=', 86400 + 900,
        "$key: the record is kept for a day after the deadline");
}

# ---- size ----

for my $n (1 .. 3) {
    my $size = redis_cli('STRLEN', "{reauth}:a:acct_$n");

    cmp_ok($size, '<', 2048, "acct_$n: the record is smaller than 2 KB");
    cmp_ok(redis_cli('MEMORY', 'USAGE', "{reauth}:a:acct_$n"), '<', 2048,
        "acct_$n: the record uses less than 2 KB of memory");
}

# ---- no credential ----

my $all = join "\n", map {
    my $type = redis_cli('TYPE', $_);

    $type eq 'hash' ? redis_cli('HGETALL', $_)
        : $type eq 'stream' ? redis_cli('XRANGE', $_, '-', '+')
        : $type eq 'zset' ? redis_cli('ZRANGE', $_, 0, -1)
        : redis_cli('GET', $_);
} @keys;

like($all, qr/acct_3/, 'all keys in Redis are read');
unlike($all, qr/hush-hush/, 'no password and no cookie is stored');
unlike($all, qr/example\.com/, 'no e-mail address is stored');
unlike($all, qr/CANARY/,
    'nothing that the upstream says in confidence is stored');
unlike($all, qr/\Q$app->{mobile_auth_session_deeplink}\E/,
    'the deeplink is not stored as it is');
unlike($all, qr/\Q$Reauth::Test::API_KEY\E/, 'the API key is not stored');

# ---- after its end ----

sandbox('POST', '/finish/acct_1', { success => \1 });
$gateway->http('GET', "/api/authenticate/$id");

ok(wait_for { stored('acct_1', 'state') eq 'succeeded' }
    'the end of an attempt is stored');
is(redis_cli('ZSCORE', '{reauth}:active', 'acct_1'), '',
    'an ended attempt is not active');
is(stored('acct_1', 'fingerprint'), '',
    'an ended attempt has no fingerprint');
cmp_ok(redis_cli('TTL', '{reauth}:a:acct_1'), '<=', 86400,
    'the record of an ended attempt is kept for at most a day');

done_testing();
