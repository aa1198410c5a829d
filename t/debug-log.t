# The debug log has a line for each decision: what, for which account, and why;
# lines of the module contain no secrets.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Test::More;

use Reauth::Stream ();
use Reauth::Test sandbox_options => ['--hold'];
use Reauth::Webhook;

my %secret = (
    'API key'        => $Reauth::Test::API_KEY,
    'caller token'   => 'debug-caller-token-51f0',
    'wrong token'    => 'debug-wrong-token-9c3e',
    'password'       => 'debug-password-77ab',
    'e-mail'         => 'debug-mail-0d2c',
    'cookie'         => 'debug-cookie-e4b1',
    'Redis password' => 'redis-password-for-tests-only',
    'webhook secret' => $Reauth::Webhook::SECRET,
    'header'         => 'debug-header-18fd',
);

my $callers = secret_file('callers',
    "alice sha256:" . sha256_hex($secret{'caller token'}) . " all\n"
    . "bob sha256:" . sha256_hex("$secret{'caller token'}-of-bob")
    . " status accounts=acct_b*\n"
    . "carol sha256:" . sha256_hex("$secret{'caller token'}-of-carol")
    . " operate\n", oct 644);

my %common = (log_level => 'debug', workers => 2, counted => 1);

my $one = gateway(%common, name => 'one',
    http_config => 'reauth_update_wait 60s;',
    config      => "location = /reauth/webhook {"
        . " reauth_webhook $ENV{TEST_NGINX_WEBHOOK_SECRET}; }");

plan(skip_all => 'this nginx has no debug log')
    if $one->error_log !~ /\[debug\]/;

my $two = gateway(%common, name => 'two',
    http_config => 'reauth_update_wait 60s;');
my $guarded = gateway(%common, name => 'guarded', workers => 1,
    http_config => "reauth_callers_file $callers;");
my $poller = gateway(%common, name => 'poller', workers => 1,
    without => ['reauth_redis'],
    config  => 'reauth_poll on /upstream interval=200ms max_interval=200ms'
        . " rate=600r/m;\nlocation /reauth/ { reauth_status operate; }");

# the module's lines, without the time and the process

sub lines {
    my ($gateway) = @_;

    return map { /\[debug\] \d+#\d+: (?:\*\d+ )?(reauth .*)/ ? $1 : () }
        split /\n/, $gateway->error_log;
}

# Waits for the lines, or their beginnings, in this order, with others in
# between; EPOCH and REVISION stand for any number of the hybrid clock.

sub logged {
    my ($gateway, $what, @expected) = @_;

    my $pattern = join '.*\n(?:.*\n)*?',
        map { quotemeta } @expected;
    $pattern =~ s/EPOCH|REVISION/\\d{13,17}/g;

    ok(wait_for(sub { join("\n", lines($gateway)) =~ /^$pattern/m }, $what),
        $what)
        or diag(join "\n", @expected, '--', lines($gateway));

    return;
}

sub path { return "/api/authenticate/$_[0]/credentials"; }

sub credentials {
    my ($password) = @_;

    return qq({"email":"$secret{'e-mail'}\@example.com",)
        . qq("password":"$secret{password}$password"});
}

sub put {
    my ($gateway, $account, $password, %header) = @_;

    return Reauth::Stream->open($gateway, 'PUT', path($account), {
        'Content-Type' => 'application/json',
        'Cookie'       => "s=$secret{cookie}",
        'X-Other'      => $secret{header},
        %header,
    }, credentials($password));
}

# ---- an update ----

is(put($one, 'acct_1', 1)->finish->{status}, 200,
    'the first update is accepted');

my $uri = '/upstream/api/authenticate/acct_1/credentials';

logged($one, 'from the route to the response',
    'reauth route: update of "acct_1"',
    'reauth commit: account "acct_1" sent, epoch EPOCH, state starting, over'
        . ' revision 0',
    'reauth commit: account "acct_1" written, revision REVISION',
    'reauth begin: account "acct_1" started, epoch EPOCH, state starting,'
        . ' store redis',
    qq(reauth forward: "$uri" by PUT),
    qq(reauth forward: "$uri" sent, whole response, status 200),
    'reauth fact: account "acct_1" update reports running: applied, epoch'
        . ' EPOCH, state running',
    'reauth commit: account "acct_1" sent, epoch EPOCH, state running, over'
        . ' revision REVISION',
    'reauth settle: account "acct_1" update, status 200 means running:'
        . ' applied, state running');

logged($two, 'the other gateway takes it over',
    'reauth merge: account "acct_1" taken, revision REVISION, epoch EPOCH, state'
        . ' starting',
    'reauth merge: account "acct_1" taken, revision REVISION, epoch EPOCH, state'
        . ' running');

# ---- identical and different ones ----

sandbox('POST', '/account/acct_2', { delay_ms => 600_000 });

my @updates = (put($one, 'acct_2', 'same'));
ok(wait_for(sub { grep { $_->{account} eq 'acct_2' } sandbox_log() },
    'the update'), 'an update is being sent');

push @updates, put($one, 'acct_2', 'same');
logged($one, 'an identical update joins it',
    'reauth begin: account "acct_2" join, epoch EPOCH, state starting, store'
        . ' redis',
    'reauth coalesce: account "acct_2" waits for an identical update, at most'
        . ' 60000 ms');

sandbox('POST', '/release/acct_2');
is($_->finish->{status}, 200, 'identical updates get a response') for @updates;

logged($one, 'the identical one gets its turn',
    'reauth coalesce: account "acct_2" begins again, the other update is'
        . ' running, epoch EPOCH',
    'reauth begin: account "acct_2" coalesced, epoch EPOCH, state running,'
        . ' store redis',
    'reauth coalesce: account "acct_2" gets the response of its record, state'
        . ' running, attempt "' . $updates[0]->answer->{json}{attempt_id}
        . '"');

sandbox('POST', '/account/acct_22', { delay_ms => 600_000 });

@updates = (put($one, 'acct_22', 'same'));
ok(wait_for(sub { grep { $_->{account} eq 'acct_22' } sandbox_log() },
    'the update'), 'an update is being sent');

push @updates, put($one, 'acct_22', 'other');
logged($one, 'another update waits',
    'reauth begin: account "acct_22" wait, epoch EPOCH, state starting, store'
        . ' redis',
    'reauth coalesce: account "acct_22" waits for another update, at most'
        . ' 60000 ms');

sandbox('POST', '/release/acct_22');
is($_->finish->{status}, 200, 'different updates get a response') for @updates;

# ---- a gate ----

is($one->http('GET', '/api/acct_1/chats')->{status}, 503, 'a closed gate');
logged($one, 'says which state closes it',
    'reauth gate: account "acct_1" closed, state running');

is($one->http('GET', '/api/acct_9/chats')->{status}, 200, 'an open one');
logged($one, 'says so', 'reauth gate: account "acct_9" open');

is($one->http('GET', '/api/acct_%2e/chats')->{status}, 400,
    'a call with a bad path is rejected');
logged($one, 'says so',
    'reauth gate: refused, bad path');

is($one->http('PUT', '/api/authenticate/acct_1/nowhere')->{status}, 404,
    'a path that is no operation is not found');
logged($one, 'says so', 'reauth route: refused, not found');

# ---- a poll of a client ----

my $attempt = stored('acct_1', 'attempt');

is($one->http('GET', "/api/authenticate/$attempt")->{status}, 200,
    'a poll of the attempt is accepted');
logged($one, 'is routed, sent and settled',
    qq(reauth route: poll of "$attempt"),
    qq(reauth forward: "/upstream/api/authenticate/$attempt" by GET),
    'reauth settle: account "acct_1" poll, status 200 means running: applied,'
        . ' state running');

is($one->http('GET', '/api/authenticate/auth_nobodys')->{status}, 404,
    'a poll of an unknown attempt is not found');
logged($one, 'changes nothing',
    'reauth settle: "auth_nobodys" unchanged, status 404');

# ---- webhooks ----

my $event = event('accounts.authentication_failed', 'acct_1',
    success => JSON::PP::false, started_at => started_at(0),
    completed_at => started_at(1));

is(deliver($one, $event)->{status}, 200,
    'a webhook is accepted twice') for 1 .. 2;
logged($one, 'is kept once',
    'reauth webhook: event accounts.authentication_failed of account "acct_1"'
        . ' new',
    'reauth fact: account "acct_1" webhook reports failed: applied, epoch'
        . ' EPOCH, state failed',
    'reauth webhook: account "acct_1" reported failed: applied, state failed',
    'reauth webhook: event accounts.authentication_failed of account "acct_1"'
        . ' duplicate');

is(deliver($one, $event, Signature => 'a' x 64)->{status}, 401,
    'a webhook with an invalid signature is rejected');
logged($one, 'is refused', 'reauth webhook: refused, invalid signature');

# ---- callers ----

my %bearer = map { $_->[0] => { Authorization => "Bearer $_->[1]" } }
    ['alice', $secret{'caller token'}],
    ['bob', "$secret{'caller token'}-of-bob"],
    ['nobody', $secret{'wrong token'}];

for my $case (
    ['alice', 'acct_3', 200, '"alice" allowed'],
    ['bob', 'acct_b1', 403, '"bob" refused, no scope'],
    ['nobody', 'acct_3', 401, '"" refused, not known'])
{
    my ($name, $account, $status, $line) = @$case;

    is(put($guarded, $account, 1, %{ $bearer{$name} })->finish->{status},
        $status, "$name: an update gets the status $status");
    logged($guarded, "$name: why",
        qq(reauth route: update of "$account"),
        qq(reauth caller: $line, account "$account"));
}

is($guarded->http('GET', '/reauth/accounts/acct_3', $bearer{bob})->{status},
    403, 'a caller may not read an account of others');
logged($guarded, 'another account: why',
    'reauth caller: "bob" refused, not its account, account "acct_3"');

# the example of the documentation

my @example = Reauth::Test::slurp('docs/development.md')
    =~ /^ *\d+  (?:\*\d+ )?(reauth .*)$/mg;

cmp_ok(scalar @example, '>', 10,
    'docs/development.md has an example of more than ten lines');
s/acct_1/acct_3/g, s/epoch \d+/epoch EPOCH/,
    s/revision [1-9]\d+/revision REVISION/ for @example;
logged($guarded, 'is as in a log', @example);

is(scalar(grep { /caller: "alice" allowed/ } lines($guarded)), 1,
    'rights that do not change are shown once');

# ---- acts of a person ----

my %carol = (
    Authorization  => "Bearer $secret{'caller token'}-of-carol",
    'Content-Type' => 'application/json',
);

is($guarded->http('PUT', '/reauth/accounts/acct_3/override', \%carol,
    '{"gate":"closed","for":"10m","reason":"a reason"}')->{status}, 200,
    'a gate is kept closed');
is($guarded->http('DELETE', '/reauth/accounts/acct_3', \%carol,
    '{"reason":"a reason"}')->{status}, 200, 'an account is forgotten');
logged($guarded, 'an override and a forget: what was decided',
    'reauth override: account "acct_3", stamp EPOCH, set here, gate closed: 0',
    'reauth forget: account "acct_3" forgotten, epoch EPOCH, state running',
    'reauth override: account "acct_3", stamp EPOCH, set here, gate by the'
        . ' attempt: 0',
    'reauth commit: account "acct_3" sent, epoch EPOCH, state none, over'
        . ' revision REVISION, forgotten');
logged($guarded, 'which worker runs the background work',
    'reauth clerk: term 1 taken, after worker 0, which was silent for 0 ms');

# ---- background polls ----

is(put($poller, 'acct_4', 1)->finish->{status}, 200, 'an attempt to poll');
logged($poller, 'is polled',
    'reauth poll: account "acct_4" state running, attempt "auth_',
    'reauth fact: account "acct_4" poller reports running: applied, epoch'
        . ' EPOCH, state running',
    'reauth poll: account "acct_4" state running, next in');

is($poller->http('POST', '/reauth/accounts/acct_4/poll')->{status}, 202,
    'a person requests a poll');
logged($poller, 'a poll is requested and sent',
    'reauth poll: account "acct_4" requested, by its attempt',
    'reauth poll: account "acct_4" state running, attempt "auth_');

# ---- an outage of Redis ----

redis_stop();
logged($one, 'Redis is gone', 'reauth redis: down, connecting');
logged($one, 'and is not followed',
    'reauth sync: stopped, the connection to Redis was closed');

is(put($one, 'acct_5', 1)->finish->{status}, 200,
    'an update without Redis is accepted');
logged($one, 'is kept',
    'reauth commit: account "acct_5" not sent, epoch EPOCH, Redis is not'
        . ' connected',
    'reauth begin: account "acct_5" started, epoch EPOCH, state starting,'
        . ' store local');

redis_start();
logged($one, 'is written when Redis is back',
    'reauth redis: ready',
    'reauth commit: account "acct_5" sent, epoch EPOCH, state running, over'
        . ' revision 0, kept until now',
    'reauth commit: account "acct_5" written, revision REVISION');
logged($two, 'and the other gateway reads it',
    'reauth sync: all accounts are to be read',
    'reauth merge: account "acct_5" taken, revision REVISION, epoch EPOCH, state'
        . ' running');

# ---- a record is deleted in Redis ----

my $keeper = gateway(%common, name => 'keeper', workers => 1,
    config => 'reauth_poll on /upstream interval=200ms max_interval=200ms'
        . ' rate=600r/m;');

is(put($keeper, 'acct_6', 1)->finish->{status}, 200,
    'an attempt whose record is to be deleted');
ok(wait_for(sub { stored('acct_6', 'state') eq 'running' }, 'the record'),
    'the record of the attempt is written');

# its first poll changes the record, which is then written again anyway

logged($keeper, 'a further poll changes nothing',
    'reauth fact: account "acct_6" poller reports running: same');

# nor does another gateway write it

$_->stop for $one, $two, $guarded;
redis_cli('DEL', '{reauth}:a:acct_6');
logged($keeper, 'a deleted record of an active attempt is written again',
    'reauth sync: account "acct_6" was deleted in Redis, state running, to be'
        . ' written again');

# ---- secrets ----

for my $gateway ($one, $two, $guarded, $poller, $keeper) {
    my $text = join "\n", lines($gateway);

    is(join(' ', grep { index($text, $secret{$_}) >= 0 } sort keys %secret),
        '', "$gateway->{name}: the log has no secret");
    unlike($text, qr/[0-9a-f]{32}/i,
        "$gateway->{name}: the log has no fingerprint");
}

done_testing();
