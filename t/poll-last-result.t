# last_poll of a record: what polls that say nothing of the attempt gave.

use strict;
use warnings;

use Test::More;

use Reauth::Peer ();
use Reauth::Test sandbox => 0;

my $mode = work_dir() . '/mode';

sub upstream_gives {
    my ($what) = @_;

    Reauth::Test::write_file("$mode.new", $what);
    rename "$mode.new", $mode or die "$mode: $!\n";

    return;
}

my $running = '{"state":"authenticating","progress":"started","lastAttempt":'
    . '{"started_at":"2025-11-24T12:00:00.000000Z","success":false}}';

my %answers = (
    fine       => ['200 OK', $running],
    500        => ['500 Error', '{"message":"Server Error"}'],
    key        => ['401 Unauthorized', '{"error":"The API key is missing."}'],
    unreadable => ['200 OK', '{"state":"authenticating"'],
    other      => ['200 OK', '{"account":{"id":"acct_9"},'
        . '"state":"authenticated","progress":"signed_in","lastAttempt":'
        . '{"started_at":"2099-11-24T12:00:00.000000Z",'
        . '"completed_at":"2099-11-24T12:00:01.000000Z","success":true}}'],
    limited    => ['503 Unavailable', '{"message":"later"}',
                   'Retry-After: 1'],
    list       => ['200 OK', '[]'],
);

my $peer = Reauth::Peer->start(sub {
    my ($request, undef, $socket) = @_;

    my $what = Reauth::Test::slurp($mode);

    return Reauth::Peer::response('200 OK', 'no')
        if $request =~ m{\APUT /api/authenticate/acct_list};

    return Reauth::Peer::accepted("auth_$1")
        if $request =~ m{\APUT /api/authenticate/acct_(\w+)};

    return Reauth::Peer::silence($socket) if $what eq 'silence';
    return Reauth::Peer::drip($socket) if $what eq 'drip';

    return $what eq 'close' ? undef
        : Reauth::Peer::response(@{ $answers{$what} });
});

my %args = (
    log_level   => 'info',
    http_config => 'upstream fans_api { server 127.0.0.1:' . $peer->port
        . '; }',
);

my $polling = <<'EOC';
reauth_poll on /upstream interval=200ms max_interval=200ms rate=20r/s;
location /upstream/ {
    internal;
    proxy_pass http://fans_api/;
    proxy_set_header Authorization $reauth_authorization;
    proxy_read_timeout 5s;
    proxy_next_upstream off;
}
EOC

my $one = gateway(name => 'one', %args, config => $polling);
my $two = gateway(name => 'two', %args, config => $polling);

sub record {
    my ($gateway, $account) = @_;

    return $gateway->http('GET', "/reauth/accounts/$account")->{json};
}

sub timeline {
    return $one->http('GET', '/reauth/accounts/acct_1/timeline')
        ->{json}{events};
}

sub told {
    my ($account, $status, $error, $what, @gateways) = @_;

    for my $gateway (@gateways ? @gateways : ($one, $two)) {
        my $last;

        wait_for {
            $last = record($gateway, $account)->{last_poll} // {};

            exists $last->{at}
                && ($last->{status} // 0) == ($status // 0)
                && ($last->{error} // '') eq ($error // '');
        } 60;

        my $at = delete $last->{at};

        is_deeply($last, { status => $status, error => $error }, $what);
        like($at, qr/\A\d{4}-\d\d-\d\dT[\d:.]+Z\z/,
            "$what: the record has the time of the first such poll");
    }

    return;
}


# ---- the poller's own ----

upstream_gives('fine');

$one->update('acct_1', 'ok');

ok(wait_for { 3 <= grep { / GET \S*auth_1 / } $peer->requests } 60,
    'the attempt is polled three times');

# the first response was news to both gateways

ok(wait_for {
    my ($here, $there) = map { record($_, 'acct_1') } $one, $two;
    ($here->{progress} // '') ne '' && $here->{updated_at} eq $there->{updated_at};
} 'both gateways know what the first poll has told');
is(record($_, 'acct_1')->{last_poll}, undef,
    'last_poll of a healthy login is null')
    for $one, $two;

my $since = record($one, 'acct_1');
my $events = timeline();

for my $case (
    ['500', 500, 'HTTP_500'],
    ['key', 401, 'KEY_REFUSED'],
    ['unreadable', 200, 'UNREADABLE'],
    ['fine', 200, undef],
    ['other', 200, 'UNREADABLE'],
    ['silence', undef, 'TIMEOUT'],
    ['close', undef, 'NO_RESPONSE'],
    ['drip', undef, 'TIMEOUT'],
    ['close', undef, 'NO_RESPONSE'],
    ['limited', 503, 'LIMITED'],
    ['fine', 200, undef],
) {
    my ($what, $status, $error) = @$case;

    upstream_gives($what);
    told('acct_1', $status, $error, "$what given");
}

my $etag = $one->http('GET', '/reauth/accounts/acct_1')->{headers}{etag};
my $told = record($one, 'acct_1');

is_deeply({ %$told, last_poll => undef, retry_after => 0 },
    { %$since, retry_after => 0 }, 'nothing else has changed');

my $polls = grep { / GET \S*auth_1 / } $peer->requests;
ok(wait_for { $polls + 3 <= grep { / GET \S*auth_1 / } $peer->requests } 60,
    'the attempt is polled again');
is_deeply(record($one, 'acct_1')->{last_poll}, $told->{last_poll},
    'last_poll is not changed by the same result');

is_deeply(timeline(), $events, 'last_poll adds no event to the timeline');
is($one->http('GET', '/reauth/accounts/acct_9')->{status}, 404,
    'nothing is known of an account that a poll of another one named');

upstream_gives('500');
told('acct_1', 500, 'HTTP_500', '500 again');
isnt($one->http('GET', '/reauth/accounts/acct_1')->{headers}{etag}, $etag,
    'a changed last_poll changes the ETag');


# ---- the list of accounts ----

$one->update('acct_list', 'ok');

is(record($one, 'acct_list')->{state}, 'unknown', 'nothing to poll');
told('acct_list', 500, 'HTTP_500', 'list: 500');

upstream_gives('list');
told('acct_list', 200, 'NOT_LISTED', 'list without the account');
is(record($one, 'acct_list')->{state}, 'unknown',
    'the first list without the account changes no state');


# ---- a caller's ----

upstream_gives('fine');

my $alone = gateway(name => 'alone', %args,
    without => ['reauth_redis']);

$alone->update('acct_2', 'ok');
$alone->http('GET', '/api/authenticate/auth_2');
is(record($alone, 'acct_2')->{last_poll}, undef,
    "a client's poll is not stored as last_poll");

upstream_gives('unreadable');
$alone->http('GET', '/api/authenticate/auth_2');
told('acct_2', 200, 'UNREADABLE', 'a caller: unreadable', $alone);

upstream_gives('fine');
$alone->http('GET', '/api/authenticate/auth_2');
told('acct_2', 200, undef, 'a caller: fine', $alone);

done_testing();
