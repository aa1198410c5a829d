# A person forgets an account: its gate opens on all gateways, its record, its
# timeline and its override go.  No late fact brings the attempt back; one that
# begins later is not concerned.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Test::More;

use Reauth::Test sandbox_options => ['--hold'];

my $callers = secret_file('callers', join('', map {
    "$_ sha256:${\ sha256_hex(qq(token-of-$_))} $_\n" } qw(operate all)),
    oct 644);

sub as { return { Authorization => "Bearer token-of-$_[0]" }; }

my %config = (
    http_config => "reauth_callers_file $callers;",
    config      => 'location = /reauth/metrics { reauth_metrics; }',
);

my $one = gateway(name => 'one', %config);
my $two = gateway(name => 'two', %config);

sub forget {
    my ($gateway, $account, $body) = @_;

    return $gateway->http('DELETE', "/reauth/accounts/$account",
        as('operate'), $body);
}

sub status { return $_[0]->http('GET', "/reauth/$_[1]", as('all')); }
sub gate   { return status($_[0], "gate/$_[1]")->{status}; }

sub begins {
    my ($account) = @_;

    my $update = $one->update($account, 'ok', headers => as('all'));

    is($update->{status}, 200, "an update of $account");
    ok(wait_for { gate($two, $account) == 503 } 'the other gateway follows');

    return $update->{json}{attempt_id};
}

# ---- an active account ----

my $attempt = begins('acct_1');
begins('acct_2');

my %by = map { my $by = $_; $by => join ' ', sort map { $_->{account_id} }
    @{ status($two, "accounts?caller=$by")->{json}{accounts} } } qw(all operate);
is_deeply(\%by, { all => 'acct_1 acct_2', operate => '' }, 'listed by caller');

my $closed = { gate => 'closed', for => '10m', reason => 'not yet' };
$one->http('PUT', '/reauth/accounts/acct_1/override', as('operate'), $closed);

my $forgotten = forget($one, 'acct_1', { reason => 'deleted "by" its owner' });

is($forgotten->{status}, 200, 'forgotten');
is($forgotten->{json}{account_id}, 'acct_1', 'the account');
is($forgotten->{json}{state}, 'none', 'has no attempt any more');
is($forgotten->{json}{gate}, 'open', 'its gate is open');
is($forgotten->{json}{override}, undef, 'and its override gone');

for my $gateway ($one, $two) {
    ok(wait_for { gate($gateway, 'acct_1') == 204 } 'its gate opens');
    is(status($gateway, 'accounts/acct_1')->{status}, 404, 'it is unknown');
    is_deeply([map { $_->{account_id} }
        @{ status($gateway, 'accounts')->{json}{accounts} }], ['acct_2'],
        'and not listed');
    is(status($gateway, 'summary')->{json}{zone}{accounts}, 1, 'nor counted');

    my $timeline = status($gateway, 'accounts/acct_1/timeline')->{json};
    is_deeply($timeline->{events}, [], 'its timeline is empty');
    ok($timeline->{complete}, 'completely');
}

like($one->error_log, qr/account "acct_1" is forgotten, it was running, attempt "$attempt"; caller "operate", reason "deleted /,
    'it is logged');
is(stored('acct_1', 'state'), 'expired', 'an earlier version takes it for expired');
is(stored('acct_1', 'forgotten'), 1, 'others do not');
is(stored('acct_1', 'caller') // '', '', 'its caller is not kept');
is(redis_cli('ZSCORE', '{reauth}:active', 'acct_1'), '', 'it is not active');
is(gate($two, 'acct_2'), 503, 'another account stays closed');

is(forget($one, 'acct_1')->{status}, 404, 'it is forgotten once');
is(forget($one, 'acct_9')->{status}, 404, 'nobody knows this one');
is(forget($one, 'acct_2', { for => '1s' })->{status}, 422, 'a reason only');
is($one->http('POST', '/reauth/accounts/acct_2', as('operate'))->{headers}{allow},
    'GET, HEAD, DELETE', 'or another method');

# ---- a late response to a poll ----

is($two->http('GET', "/api/authenticate/$attempt", as('all'))->{status}, 200,
    'a client polls it');
is(gate($_, 'acct_1'), 204, 'its gate stays open') for $one, $two;

# ---- another attempt ----

begins('acct_1');
is(status($two, 'accounts/acct_1/timeline')->{json}{events}[0]{state},
    'starting', 'its timeline begins with it');

# ---- the event is removed before a gateway has read it ----

my ($worker) = grep { /\d/ } split ' ', `pgrep -P @{[ $two->pid ]}`;

kill 'STOP', $worker;
is(forget($one, 'acct_2')->{status}, 200, 'acct_2 is forgotten, without a reason');
is(forget($one, 'acct_1')->{status}, 200, 'acct_1, too');
ok(wait_for { stored('acct_1', 'forgotten') } 'both are written');
redis_cli('XTRIM', '{reauth}:events', 'MAXLEN', 0);
kill 'CONT', $worker;

ok(wait_for { gate($two, $_) == 204 } "the gate of $_ opens")
    for qw(acct_1 acct_2);

# ---- Redis is down, and loses all ----

begins('acct_3');
redis_stop();
is(forget($one, 'acct_3')->{status}, 200, 'forgotten without Redis');
is(gate($one, 'acct_3'), 204, 'on this gateway');
is(gate($two, 'acct_3'), 503, 'not on the other one');
redis_start();
ok(wait_for { gate($two, 'acct_3') == 204 } 'it follows later');
ok(wait_for { stored('acct_3', 'forgotten') } 'and Redis');

# ---- an update is being sent ----

sandbox('POST', '/account/acct_4', { delay_ms => 600_000 });

$one->update('acct_4', 'ok', headers => as('all'), abandon => 1);
ok(wait_for { (status($one, 'accounts/acct_4')->{json}{state} // '')
    eq 'starting' } 'an update is being sent');

my $refused = forget($one, 'acct_4');
is($refused->{status}, 409, 'it is not forgotten');
is($refused->{json}{error}, 'UPDATE_IN_PROGRESS', 'with its code');
sandbox('POST', '/release/acct_4');

like($one->http('GET', '/reauth/metrics', as('operate'))->{body},
    qr/^reauth_operator_requests_total\{action="forget",status="2xx"\} 4$/m,
    'they are counted');

done_testing();
