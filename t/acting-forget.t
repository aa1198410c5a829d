# A person forgets an account: its gate opens on all gateways, its record, its
# timeline and its override go.  No late fact brings the attempt back; one that
# begins later is not concerned.

use strict;
use warnings;

use Test::More;

use Reauth::Test sandbox_options => ['--hold'];
use Reauth::Stream ();

my $callers = callers_file(map { [$_, $_] } qw(operate all));

sub as {
    my ($who, %headers) = @_;

    return { Authorization => "Bearer token-of-$who", %headers };
}

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

# the position of an event stream before all changes

sub beginning {
    my ($gateway) = @_;

    my $stream = Reauth::Stream->open($gateway, 'GET', '/reauth/events', as('all'));

    $stream->saw(qr/^id: \S+\n/m);
    my ($id) = $stream->text =~ /^id: (\S+)/m;
    $stream->close;

    return $id;
}

my %beginning = map { $_ => beginning($_) } $one, $two;

sub begins {
    my ($account) = @_;

    my $update = $one->update($account, 'ok', headers => as('all'));

    is($update->{status}, 200, "an update of $account is accepted");
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

is($forgotten->{status}, 200, 'an account is forgotten with the 200 code');
is($forgotten->{json}{account_id}, 'acct_1',
    'the response to "forget" names the account');
is($forgotten->{json}{state}, 'none',
    'the response to "forget" shows no attempt');
is($forgotten->{json}{gate}, 'open',
    'the response to "forget" shows an open gate');
is($forgotten->{json}{override}, undef,
    'the response to "forget" shows no override');

for my $gateway ($one, $two) {
    ok(wait_for { gate($gateway, 'acct_1') == 204 }
        'the gate of a forgotten account opens on each gateway');
    is(status($gateway, 'accounts/acct_1')->{status}, 404,
        'the status of a forgotten account is 404');
    is_deeply([map { $_->{account_id} }
        @{ status($gateway, 'accounts')->{json}{accounts} }], ['acct_2'],
        'a forgotten account is not listed');
    is(status($gateway, 'summary')->{json}{zone}{accounts}, 1,
        'a forgotten account is not counted in the summary');

    my $timeline = status($gateway, 'accounts/acct_1/timeline')->{json};
    is_deeply($timeline->{events}, [],
        'the timeline of a forgotten account is empty');
    ok($timeline->{complete},
        'the timeline of a forgotten account is complete');
}

like($one->error_log, qr/account "acct_1" is forgotten, it was running, attempt "$attempt"; caller "operate", reason "deleted /,
    'a forgotten account is logged with its caller and reason');
is(stored('acct_1', 'state'), 'expired',
    'earlier versions read the record of a forgotten account as expired');
is(stored('acct_1', 'forgotten'), 1,
    'the record of a forgotten account says so');
is(stored('acct_1', 'caller') // '', '',
    'the record of a forgotten account has no caller');
is(redis_cli('ZSCORE', '{reauth}:active', 'acct_1'), '',
    'a forgotten account is not active in Redis');
is(gate($two, 'acct_2'), 503, 'the gate of another account stays closed');

is(forget($one, 'acct_1')->{status}, 404,
    'an account that was forgotten before is not found');
is(forget($one, 'acct_9')->{status}, 404, 'an unknown account is not found');
is(forget($one, 'acct_2', { for => '1s' })->{status}, 422,
    'unknown members of the body are rejected');
is($one->http('POST', '/reauth/accounts/acct_2', as('operate'))->{headers}{allow},
    'GET, HEAD, DELETE',
    'a different method is rejected with the allowed ones');

# ---- an account that is known by its override only ----

for my $step (1 .. 3) {
    is($one->http('PUT', '/reauth/accounts/acct_5/override', as('operate'),
        { %$closed, reason => "reason $step" })->{status}, 200,
        "override $step of an unknown account is set");
    ok(wait_for { gate($two, 'acct_5') == 503 }
        "the other gateway has override $step");

    # forgotten with its override, and after the override was removed

    is($one->http('DELETE', '/reauth/accounts/acct_5/override',
        as('operate'))->{status}, 200, 'the override is removed') if $step == 2;

    is(forget($one, 'acct_5')->{status}, 200,
        "an account with an override only is forgotten ($step)");
    ok(wait_for { gate($two, 'acct_5') == 204 && !grep { @{ $_->{events} } }
        map { status($_, 'accounts/acct_5/timeline')->{json} } $one, $two }
        "timelines after override $step are empty");
    is(forget($one, 'acct_5')->{status}, 404,
        "the account is unknown after override $step");
}

is($one->http('PUT', '/reauth/accounts/acct_5/override', as('operate'),
    { %$closed, reason => 'a later one' })->{status}, 200,
    'the gate of the forgotten account is closed again');

for my $gateway ($one, $two) {
    ok(wait_for { gate($gateway, 'acct_5') == 503 }
        'a later override of a forgotten account closes its gate');
    is(join(',', map { $_->{reason} // '' }
        @{ status($gateway, 'accounts/acct_5/timeline')->{json}{events} }),
        'a later one', 'the timeline begins with the later override');
}

# ---- an event stream that is resumed ----

for my $gateway ($one, $two) {
    my $stream = Reauth::Stream->open($gateway, 'GET', '/reauth/events',
        as('all', 'Last-Event-ID' => $beginning{$gateway}));

    ok($stream->saw(qr/"reason":"a later one".*\n\n/),
        'a resumed stream has the changes after an account was forgotten');

    my @events = map { $_->{json} } grep { $_->{data} } $stream->events;
    $stream->close;

    is_deeply([grep { $_->{state} ne 'none' }
        grep { $_->{account_id} eq 'acct_1' } @events], [],
        'a resumed stream has no former change of a forgotten account');
    is_deeply([grep { $_ ne 'a later one' } map { $_->{override}{reason} // () }
        @events], [],
        'a resumed stream has no former override of a forgotten account');
    is_deeply([map { scalar grep { defined } $_ } map {
        my $account = $_;
        grep { $_->{account_id} eq $account && $_->{state} eq 'none' } @events
        } qw(acct_1)], [1], 'a resumed stream shows once that acct_1 is unknown');
    is(join(' ', map { $_->{state} } grep { $_->{account_id} eq 'acct_2' }
        @events), 'starting running',
        'a resumed stream has the changes of other accounts');
}

# ---- a late response to a poll ----

is($two->http('GET', "/api/authenticate/$attempt", as('all'))->{status}, 200,
    'a client can poll the attempt of a forgotten account');
is(gate($_, 'acct_1'), 204,
    'a poll of a forgotten attempt does not close the gate') for $one, $two;

# ---- another attempt ----

begins('acct_1');
is(status($two, 'accounts/acct_1/timeline')->{json}{events}[0]{state},
    'starting',
    'the timeline of a forgotten account begins with the next attempt');

# ---- the event is removed before a gateway has read it ----

my ($worker) = grep { /\d/ } split ' ', `pgrep -P @{[ $two->pid ]}`;

kill 'STOP', $worker;
is(forget($one, 'acct_2')->{status}, 200, 'acct_2 is forgotten, without a reason');
is(forget($one, 'acct_1')->{status}, 200,
    'acct_1 is forgotten again after a new attempt');
ok(wait_for { stored('acct_1', 'forgotten') }
    'a forgotten account is written to Redis by another worker');
redis_cli('XTRIM', '{reauth}:events', 'MAXLEN', 0);
kill 'CONT', $worker;

ok(wait_for { gate($two, $_) == 204 } "the gate of $_ opens")
    for qw(acct_1 acct_2);

# ---- Redis is down, and loses all ----

begins('acct_3');
redis_stop();
is(forget($one, 'acct_3')->{status}, 200,
    'an account is forgotten without Redis');
is(gate($one, 'acct_3'), 204,
    'the gate opens on the gateway that forgot the account');
is(gate($two, 'acct_3'), 503,
    'the gate stays closed on a gateway that does not know yet');
redis_start();
ok(wait_for { gate($two, 'acct_3') == 204 }
    'the gate opens on the other gateway when Redis is back');
ok(wait_for { stored('acct_3', 'forgotten') }
    'a forgotten account is written to Redis when it is back');

# ---- an update is being sent ----

sandbox('POST', '/account/acct_4', { delay_ms => 600_000 });

$one->update('acct_4', 'ok', headers => as('all'), abandon => 1);
ok(wait_for { (status($one, 'accounts/acct_4')->{json}{state} // '')
    eq 'starting' } 'an update is being sent');

my $refused = forget($one, 'acct_4');
is($refused->{status}, 409,
    'an account is not forgotten while an update is being sent');
is($refused->{json}{error}, 'UPDATE_IN_PROGRESS',
    'the error says that an update is in progress');
sandbox('POST', '/release/acct_4');

like($one->http('GET', '/reauth/metrics', as('operate'))->{body},
    qr/^reauth_operator_requests_total\{action="forget",status="2xx"\} 7$/m,
    'requests to forget an account are counted');

done_testing();
