# Notices on two gateways: each change is written once to the stream in Redis,
# with the record that it is about.

use strict;
use warnings;

use JSON::PP qw(decode_json);
use Test::More;
use Time::HiRes qw(sleep);
use Reauth::Test sandbox_options => ['--step-ms', 50];

my $secret = secret_file('notices', "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n");

my %notify = (
    workers   => 2,
    log_level => 'debug',
    config    => <<"EOC",
reauth_poll on /upstream interval=100ms max_interval=200ms rate=50r/s;
reauth_notify /notify $secret after=1h,2h;
location = /notify { internal; proxy_pass http://127.0.0.1:1; }
location /status/ { reauth_status operate; }
location = /api/authenticate/acct_6/credentials {
    reauth_gate_max 2s;
    reauth_authenticate /upstream;
}
EOC
);

my $one = gateway(name => 'one', %notify);
my $two = gateway(name => 'two', %notify);

# the entries of the stream about an account

sub entries {
    my ($account) = @_;

    my (@entries, $name);

    for my $line (redis_cli('XRANGE', '{reauth}:notices', '-', '+')) {
        if (!defined $name && $line =~ /^\d+-\d+$/) {
            push @entries, { id => $line };
        } elsif (defined $name) {
            $entries[-1]{$name} = $line;
            undef $name;
        } else {
            $name = $line;
        }
    }

    return grep { ($_->{account} // '') eq $account } @entries;
}

# their events without those that time alone causes

sub events {
    my ($account) = @_;

    return join ' ', grep { $_ ne 'still_waiting' }
        map { $_->{type} =~ s/^account\.//r } entries($account);
}

sub told {
    my ($account, $events, $what) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    wait_for { events($account) eq $events };
    return is(events($account), $events, $what);
}

sub both {
    my ($account, $state) = @_;

    return Reauth::Gateway->all_have($account, $state, $one, $two);
}

sub log_in {
    my ($gateway, $account, $story) = @_;

    return $gateway->update($account, $story)->{json};
}

sub code {
    my ($gateway, $attempt, $code) = @_;

    return $gateway->http('PUT', "/api/authenticate/$attempt", undef,
        { code => $code });
}

# ---- a person is needed, and the account recovers ----

my $attempt = log_in($one, 'acct_1', 'otp')->{attempt_id};
both('acct_1', 'needs_otp');
told('acct_1', 'needs_person', 'an account that needs a person is told once');

my ($entry) = entries('acct_1');
my $body = decode_json($entry->{body});
my $record = $two->record('acct_1');

is($entry->{type}, 'account.needs_person', 'the type is a field of the entry');
is_deeply([sort keys %$body], [qw(data timestamp type)],
    'the members of the body');
is_deeply($body->{data}, { account_id => 'acct_1', state => 'needs_otp',
    action_required => 'otp', attempt_id => $attempt,
    since => $record->{since} }, 'the data of the body');
is($body->{type}, $entry->{type}, 'the body has the same type');
like($body->{timestamp}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/,
    'the body has a timestamp');

code($two, $attempt, '000000');
sleep 0.6;
both('acct_1', 'needs_otp');
told('acct_1', 'needs_person', 'the same need after a wrong code is not told');

code($two, $attempt, '123456');
both('acct_1', 'succeeded');
told('acct_1', 'needs_person recovered', 'the recovery is told once');
is((entries('acct_1'))[-1]{told}, 2, 'the entry says what it follows');
is((redis_cli('EXISTS', '{reauth}:noticed:acct_1'))[0], 0,
    'nothing more is stored about the account');

# ---- an account that nobody was told of ----

log_in($two, 'acct_2', 'ok');
both('acct_2', 'succeeded');

# ---- failed, and recovered by another attempt ----

log_in($one, 'acct_3', 'wrong');
both('acct_3', 'failed');
told('acct_3', 'failed', 'a failure is told once');
is(decode_json((entries('acct_3'))[0]{body})->{data}{action_required},
    'credentials', 'the action is told');

for (1 .. 20) {
    $_->http('GET', '/api/acct_3/x') for $one, $two;
}

told('acct_3', 'failed', 'further failed calls are not told');

log_in($two, 'acct_3', 'wrong-again');
told('acct_3', 'failed failed', 'a second failed attempt is told');
log_in($two, 'acct_3', 'ok');
both('acct_3', 'succeeded');
told('acct_3', 'failed failed recovered', 'the recovery from both is told');
is(events('acct_2'), '', 'an account that never needed anyone is not told of');

# ---- an update that is rejected restores the attempt, which was told ----

log_in($one, 'acct_4', 'appotp');
both('acct_4', 'needs_otp');
told('acct_4', 'needs_person', 'a person is needed');
log_in($two, 'acct_4', 'limit');
wait_for { $two->record('acct_4')->{state} eq 'needs_otp' };
told('acct_4', 'needs_person', 'a restored attempt is not told again');

# ---- another action of the same attempt, and an account that is forgotten ----

log_in($one, 'acct_5', 'face');
both('acct_5', 'needs_face');
told('acct_5', 'needs_person', 'a person is needed');
is((redis_cli('EXISTS', '{reauth}:noticed:acct_5'))[0], 1,
    'Redis has what was told of an account that needs a person');
is($two->http('DELETE', '/status/accounts/acct_5')->{status}, 200,
    'the account is forgotten');
ok(wait_for { redis_cli('EXISTS', '{reauth}:noticed:acct_5') eq '0' }
    'Redis no longer has what was told of a forgotten account');
is(redis_cli('ZSCORE', '{reauth}:waiting', 'acct_5'), '',
    'a forgotten account does not wait');
told('acct_5', 'needs_person', 'forgetting is not told');

# ---- an attempt that ends by time ----

log_in($one, 'acct_6', 'otp');
told('acct_6', 'needs_person failed', 'an attempt that has expired has failed');
is(decode_json((grep { $_->{type} =~ /failed/ } entries('acct_6'))[0]{body})
        ->{data}{state}, 'expired', 'the notice has the state expired');

# ---- it still waits ----

# until here, no account waits for so long; the second time is far from the first
# one, as only the last of those that have passed is told

for my $gateway ($one, $two) {
    $gateway->{config} =~ s/after=1h,2h/after=2s,12s/;
    ok($gateway->reload, 'the times are changed');
}

log_in($one, 'acct_7', 'person');
both('acct_7', 'needs_person');

ok(wait_for { grep { ($_->{after} // 0) == 12000 } entries('acct_7') }
    'an account that still waits is told of');

my @waits = grep { $_->{type} eq 'account.still_waiting' } entries('acct_7');

is_deeply([map { "$_->{from} $_->{after}" } @waits], ['0 2000', '2000 12000'],
    'each time is told once');

$body = decode_json($waits[0]{body});
my ($first) = entries('acct_7');

is_deeply($body->{data}, decode_json($first->{body})->{data},
    'the data is that of the first notice');
is($body->{type}, 'account.still_waiting', 'the type is in the body');
like($body->{timestamp}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/,
    'the body has a timestamp');
cmp_ok($body->{timestamp}, 'gt', decode_json($first->{body})->{timestamp},
    'a notice about a waiting account has a later timestamp');
is(redis_cli('ZSCORE', '{reauth}:waiting', 'acct_7'), '',
    'nothing more is due for the account');

sandbox('POST', '/finish/acct_7', { success => \1 });
told('acct_7', 'needs_person recovered', 'it recovers');
is((entries('acct_7'))[-1]{told}, 6, 'after both events');
is(scalar(grep { $_->{type} eq 'account.still_waiting' } entries('acct_1')), 0,
    'an account that waited for less is not told of');

# ---- Redis is unavailable ----

redis_stop();

$attempt = log_in($one, 'acct_8', 'otp')->{attempt_id};
$one->becomes('acct_8', 'needs_otp', 'a person is needed without Redis');
log_in($one, 'acct_9', 'otp');
$one->becomes('acct_9', 'needs_otp', 'another one as well');
code($one, $one->record('acct_9')->{attempt_id}, '123456');
$one->becomes('acct_9', 'succeeded', 'which has recovered');

redis_start();
both('acct_8', 'needs_otp');
ok(wait_for { stored('acct_9', 'state') eq 'succeeded' }
    'the end of acct_9 is written to Redis');
told('acct_8', 'needs_person',
    'a change without Redis is told when Redis is back');
is(events('acct_9'), '', 'a need that has passed without Redis is not told');
code($two, $attempt, '123456');
both('acct_8', 'succeeded');
told('acct_8', 'needs_person recovered', 'the recovery is told by another gateway');

# ---- a key of another type ----

redis_cli('RENAME', '{reauth}:notices', '{reauth}:kept');
redis_cli('SET', '{reauth}:notices', 'x');
my $before = redis_cli('XLEN', '{reauth}:events');
log_in($one, 'acct_10', 'otp');
ok(wait_for { $one->error_log =~ /redis: failed to write a change: WRONGTYPE/ }
    'a key of another type is logged');
is(redis_cli('XLEN', '{reauth}:events'), $before,
    'nothing is written while a key has another type');
redis_cli('RENAME', '{reauth}:kept', '{reauth}:notices');
both('acct_10', 'needs_otp');
told('acct_10', 'needs_person', 'the change is told when the key is correct');

# ---- a gateway without the directive ----

my $three = gateway(name => 'three',
    config => 'reauth_poll on /upstream interval=100ms;');
$_->stop for $one, $two;
log_in($three, 'acct_11', 'otp');
$three->becomes('acct_11', 'needs_otp', 'a person is needed');
is(events('acct_11'), '', 'a gateway without the directive writes no notices');
is(redis_cli('EXISTS', '{reauth}:noticed:acct_11'), 0,
    'a gateway without the directive stores nothing about notices');

# ---- bounds ----

cmp_ok((redis_cli('TTL', '{reauth}:notices'))[0], '>', 86_400,
    'notices are kept for more than a day');
cmp_ok((redis_cli('TTL', '{reauth}:notices'))[0], '<=', 90_000,
    'the stream expires');

for ([ one => $one ], [ two => $two ]) {
    my ($name, $gateway) = @$_;

    like($gateway->error_log, qr/reauth notice: account "acct_\d" means /,
        "the decisions are in the debug log of the gateway $name");
    unlike($gateway->error_log, qr/\[(?:crit|alert|emerg)\]/,
        "the gateway $name logs no severe errors");
}

done_testing();
