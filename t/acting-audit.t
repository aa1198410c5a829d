# The audit log: who did what, on all gateways, and who was refused.  Refusals,
# however many, hide nothing that was done; a confined operator sees its own
# accounts; it is there without Redis, and after Redis was away.

use strict;
use warnings;

use Test::More;

use Reauth::Test sandbox_options => ['--hold'];

my $callers = callers_file(
    ['ops', 'operate,status'], ['near', 'operate'], ['own', 'operate accounts=acct_own*'],
    ['payouts', 'update,attempt'], ['noisy', 'status'], ['all', 'all']);

sub as { return { Authorization => "Bearer token-of-$_[0]" }; }

my %config = (http_config => "reauth_zone accounts:4m;\nreauth_callers_file $callers;",
    config => 'reauth_poll on /upstream interval=10m max_interval=10m;');

my $one = gateway(name => 'one', %config, workers => 2);
my $two = gateway(name => 'two', %config);

# a list, without times and addresses

sub audit {
    my ($gateway, $query, $caller) = @_;

    return $gateway->http('GET', '/reauth/audit' . ($query ? "?$query" : ''),
        as($caller // 'ops'));
}

sub brief {
    my ($answer) = @_;

    return [map { my $entry = $_; join ' ', map { $entry->{$_} // '-' }
        qw(caller action account_id outcome) } @{ $answer->{json}{events} }];
}

sub newest { return brief(audit(@_))->[0] // ''; }

is_deeply(audit($one)->{json}, { events => [], next_cursor => undef,
    fleet => JSON::PP::true() }, 'nothing has happened');

# ---- what persons do ----

my $override = $one->http('PUT', '/reauth/accounts/acct_own1/override', as('ops'),
    { gate => 'open', for => '10m', reason => 'he said "open"' });
is($override->{status}, 200, 'a gate is opened');

my $entry = audit($one)->{json}{events}[0];

is($entry->{$_->[0]}, $_->[1], "the override has its $_->[0]") for (
    [caller => 'ops'], [action => 'override'], [account_id => 'acct_own1'],
    [outcome => 'done'], [gate => 'open'], [reason => 'he said "open"'],
    [until => $override->{json}{override}{until}], [count => 1],
    [address => '127.0.0.1'], [attempt_id => undef]);
like($entry->{at}, qr/^20\d\d-\d\d-\d\dT.*Z$/, 'the override has its time');

ok(wait_for { newest($two) eq 'ops override acct_own1 done' }
    'the other gateway has it');

$one->http('DELETE', '/reauth/accounts/acct_own1/override', as('all'));
is(newest($one), 'all override_end acct_own1 done', 'a removed override is entered');

$two->http('PUT', '/reauth/drain', as('ops'), { for => '5m', reason => 'kernel' });
is(newest($two), 'ops drain - done', 'a gateway is drained');
like(audit($two)->{json}{events}[0]{until}, qr/Z$/, 'until this time');
$two->http('DELETE', '/reauth/drain', as('ops'));
is(newest($two), 'ops drain_end - done', 'the end of draining is entered');

# ---- updates, codes ----

sub renew { return $_[0]->http('PUT', "/api/authenticate/$_[1]/credentials",
    as('payouts'), { email => "$_[2]\@example.com", password => 'secret-of-it' }); }

my $attempt = renew($one, 'acct_else', 'otp')->{json}{attempt_id};
ok($attempt, 'an update is sent');
is(newest($one), 'payouts update acct_else accepted', 'the update is entered');

renew($one, 'acct_else', 'otp');
is(newest($one), 'payouts update acct_else coalesced', 'an identical one, too');

sandbox('POST', '/step/acct_else') for 1 .. 2;
$one->http('GET', "/api/authenticate/$attempt", as('payouts'));
$one->http('PUT', "/api/authenticate/$attempt", as('payouts'), { code => '123456' });
is(newest($one), 'payouts submit_2fa acct_else accepted', 'a code is entered');
is(audit($one)->{json}{events}[0]{attempt_id}, $attempt, 'the entry of a code has its attempt');
unlike(audit($one)->{body}, qr/123456|secret-of-it|otp\@/, 'no secret is shown');
unlike(join('', redis_cli('XRANGE', '{reauth}:audit:updates', '-', '+')),
    qr/123456|secret-of-it|otp\@/, 'no secret is stored');

$one->http('POST', '/reauth/accounts/acct_else/poll', as('ops'));
is(newest($one), 'ops poll acct_else done', 'a poll is requested');

$one->http('DELETE', '/reauth/accounts/acct_else', as('ops'), { reason => 'left' });
is(newest($one), 'ops forget acct_else done', 'an account is forgotten');
is(audit($one)->{json}{events}[0]{reason}, 'left', 'the entry of a forgotten account has the reason');

# ---- refused ----

is($one->http('PUT', '/reauth/accounts/acct_own1/override', as('noisy'),
    { gate => 'open', for => '1m', reason => 'please' })->{status}, 403, 'a caller is refused');
is(newest($one), 'noisy override acct_own1 FORBIDDEN_CALLER', 'a refused override is entered');
is(audit($one)->{json}{events}[0]{reason}, undef, 'the reason was not read');

$one->http('GET', '/reauth/accounts', as('nobody'));
is(newest($one), '- status - UNAUTHORIZED_CALLER', 'an unknown caller');
$one->http('GET', '/api/acct_own1/chats', as('noisy'));
is(newest($one), 'noisy call acct_own1 FORBIDDEN_CALLER', 'an ordinary call');
$one->http('DELETE', '/reauth/accounts/acct_never', as('ops'));
is(newest($one), 'ops forget acct_never NOT_FOUND', 'an act that was not possible');
renew($one, 'acct_else', '');
$one->http('PUT', '/api/authenticate/acct_else/credentials', as('payouts'), {});
is(newest($one), 'payouts update acct_else VALIDATION_ERROR', 'an invalid update');
$one->http('GET', '/reauth/audit', as('noisy'));
is(newest($one), 'noisy status - FORBIDDEN_CALLER', 'the log is for operators');
$one->http('GET', '/api/secret-of-it/chats', { Authorization => 'Bearer secret-of-it' });
$one->http('PUT', '/api/authenticate/acct_secret of it/credentials', as('noisy'));
unlike(audit($one)->{body}, qr/secret/, 'no token and no path is shown');

my $before = @{ audit($one)->{json}{events} };

$one->http('GET', "/api/acct_$_/chats", as('noisy')) for (1 .. 300);

my $after = audit($one, 'limit=1000')->{json}{events};
cmp_ok(@$after - $before, '<=', 9, 'a noisy caller has few entries');
my ($many) = sort { $b->{count} <=> $a->{count} } @$after;
is("@$many{qw(caller outcome)}", 'noisy FORBIDDEN_CALLER', 'one of them has the rest');
cmp_ok($many->{count}, '>', 280, 'the last entry counts the refusals');
is($many->{account_id}, undef, 'the entry of several accounts has none');
ok((grep { $_->{action} && $_->{action} eq 'override' && $_->{gate} } @$after),
    'the override is still there');

# ---- who opened this gate, who was refused ----

is_deeply(brief(audit($one, 'account=acct_own1')), [
    'noisy call acct_own1 FORBIDDEN_CALLER', 'noisy override acct_own1 FORBIDDEN_CALLER',
    'all override_end acct_own1 done', 'ops override acct_own1 done'],
    'the list of one account has its entries');
is_deeply([grep { !/^ops / } @{ brief(audit($two, 'caller=ops')) }], [],
    'the list of one caller has its entries');

# a confined operator

is_deeply(brief(audit($one, '', 'own')), brief(audit($one, 'account=acct_own1')),
    'a confined operator sees its accounts only');
is($one->http('PUT', '/reauth/accounts/acct_else/override', as('own'),
    { gate => 'open', for => '1m' })->{status}, 403, 'a confined operator acts on its accounts only');
is_deeply(brief(audit($one, 'account=acct_else', 'own')), [], 'a confined operator sees no other account');

# ---- pages ----

sub pages {
    my ($gateway, $query, $caller) = @_;

    my ($cursor, @all) = ('');

    for (1 .. 100) {
        my $json = audit($gateway, "$query$cursor", $caller)->{json};
        push @all, map { "$_->{at} $_->{outcome} " . ($_->{account_id} // '') }
            @{ $json->{events} };
        return \@all if !defined $json->{next_cursor};
        $cursor = "&cursor=$json->{next_cursor}";
    }

    return;
}

# an entry that is written to Redis meanwhile changes its place

sub pages_agree {
    my ($limit, $caller, $name) = @_;
    my ($small, $large);

    wait_for {
        $small = pages($one, "limit=$limit", $caller);
        $large = pages($one, 'limit=1000', $caller);
        "@{[sort @$small]}" eq "@{[sort @$large]}";
    };
    is_deeply([sort @$small], [sort @$large], $name);

    return $large;
}

my $whole = pages_agree(3, 'ops', 'pages have all, once');
cmp_ok(scalar @$whole, '>=', 15, 'there are some pages');
pages_agree(1, 'own', 'a confined caller reads pages');
is_deeply($whole, [reverse sort { ($a =~ /(\S+)/)[0] cmp ($b =~ /(\S+)/)[0] } reverse @$whole],
    'the list is sorted, newest first');

my $sealed = audit($one, 'limit=1', 'own')->{json}{next_cursor};
is(audit($one, "cursor=$sealed")->{status}, 422, 'a cursor of another caller');
is(audit($one, $_)->{status}, 422, "$_ is invalid")
    for qw(limit=0 limit=1001 cursor=x cursor=0-0 account=x caller= other=1);
is($one->http('POST', '/reauth/audit', as('ops'))->{status}, 405, 'the list is read only');

# ---- in Redis ----

for my $name (qw(acts updates refused)) {
    next if $name eq 'refused';     # these are written after a minute

    ok(wait_for { redis_cli('EXISTS', "{reauth}:audit:$name") } "$name are written");
    my $ttl = redis_cli('TTL', "{reauth}:audit:$name");
    ok($ttl > 170_000 && $ttl <= 172_800, "$name expire after two days");
}

# an entry that is not readable, and one of a later version

redis_cli('XADD', '{reauth}:audit:acts', '*', 'w', 'nonsense');
redis_cli('XADD', '{reauth}:audit:acts', '*', 'w',
    "at ${\ (time . '000') }\nnumber 7\ncount 1\naction fly\noutcome done\nheight 3\n");
like(join("\n", @{ brief(audit($one, 'limit=1000')) }), qr/^- fly - done$/m,
    'an unknown action is shown');

# the same entry once more: its reply was lost

my $text = "at ${\ (time . '000') }\nnumber 8\ncount 1\naction again\noutcome done\n";
redis_cli('XADD', '{reauth}:audit:acts', '*', 'w', $text) for 1, 2;
is(scalar(grep { /again/ } @{ brief(audit($one, 'limit=1000')) }), 1,
    'an entry that was written twice is shown once');

# ---- Redis is away ----

redis_stop();
ok(wait_for { !audit($one)->{json}{fleet} } 'the list is that of this gateway');
like(join("\n", @{ brief(audit($one)) }), qr/^ops forget acct_else done$/m,
    'the list has what was done on this gateway');

$one->http('PUT', '/reauth/accounts/acct_own2/override', as('ops'),
    { gate => 'closed', for => '10m' });
is(newest($one), 'ops override acct_own2 done', 'an act is entered');

redis_start();
ok(wait_for { audit($two, 'account=acct_own2')->{json}{fleet}
    && newest($two, 'account=acct_own2') eq 'ops override acct_own2 done' }
    'an act without Redis is in Redis later');

# a key of another type

redis_cli('DEL', '{reauth}:audit:acts');
redis_cli('SET', '{reauth}:audit:acts', 'x');
$one->http('PUT', '/reauth/accounts/acct_own3/override', as('ops'),
    { gate => 'closed', for => '10m' });
ok(wait_for { $one->error_log =~ /failed to write the audit log "acts"/ }
    'a log that cannot be written is logged');
is(audit($one)->{json}{fleet}, JSON::PP::false(), 'the list is that of this gateway');
ok(wait_for { $one->http('GET', '/reauth/readyz')->{json}{status} eq 'ready' }
    'nothing else is affected');
redis_cli('DEL', '{reauth}:audit:acts');
ok(wait_for { redis_cli('XLEN', '{reauth}:audit:acts') } 'the log is written when the key is usable');

# ---- a reload keeps it; without Redis, a gateway has its own ----

my $alone = gateway(name => 'alone', without => ['reauth_redis'],
    http_config => "reauth_callers_file $callers;");

$alone->http('PUT', '/reauth/drain', as('ops'), { for => '1s' });
$alone->reload;
my $own = audit($alone)->{json};
is($own->{fleet}, JSON::PP::false(), 'a gateway without Redis has its own list');
is_deeply([map { $_->{action} } @{ $own->{events} }], ['drain'], 'the list is kept over a reload');

my $small = gateway(name => 'small', without => ['reauth_redis'],
    http_config => "reauth_zone accounts:128k;\nreauth_callers_file $callers;");

$small->http('PUT', '/reauth/drain', as('ops'), { for => '1s' });
is_deeply(audit($small)->{json}, { events => [], next_cursor => undef,
    fleet => JSON::PP::false() }, 'a small zone has no room for entries');

my $closed = gateway(name => 'closed', without => ['reauth_redis']);
is($closed->http('GET', '/reauth/audit')->{status}, 403, 'the list is disabled without callers');

done_testing();
