# Of due polls, those of logins in progress are first; those that wait for a
# person get a quarter; the rest is for accounts for which the upstream has
# never responded.  Polls requested by webhooks precede all others.

use strict;
use warnings;

use Test::More;
use Time::HiRes ();

use Reauth::Peer ();
use Reauth::Test sandbox => 0;
use Reauth::Webhook;

# more of each than can be polled at once
my $MANY = 8;

my $peer = Reauth::Peer->start(sub {
    my ($request) = @_;
    my ($target)  = $request =~ /\A\S+ (\S+)/;

    return Reauth::Peer::response('500 Error', '{}')
        if $target =~ m{/fansly/.*/reauthenticate};

    if ($request =~ /\APUT /) {
        my ($account) = $target =~ m{/acct_(\w+)/};

        return Reauth::Peer::accepted("auth_$account");
    }

    my ($id) = $target =~ m{/authenticate/auth_(\w+)}
        or return Reauth::Peer::response('500 Error', '{}');

    return Reauth::Peer::response('200 OK', qq({"id":"auth_$id",)
        . ($id =~ /^p/
            ? '"state":"needs-otp","lastAttempt":{"needs_otp":true}}'
            : '"state":"authenticating","progress":"filling_out_login",'
                . '"lastAttempt":{}}'));
});

sub polls {
    return map {
        m{ GET \S*/authenticate/(?:auth_([rp])|fansly_acct_(m))\w* }
            ? $1 // $2 : ()
    } $peer->requests;
}

sub shares {
    my (@polls) = @_;

    my %n = (r => 0, p => 0, m => 0);
    $n{$_}++ for @polls;

    return \%n;
}

for my $with ('Redis', 'no Redis') {
    my $gateway = gateway(
        name        => $with =~ /^no/ ? 'alone' : 'shared',
        without     => $with =~ /^no/ ? ['reauth_redis'] : [],
        http_config => 'upstream fans_api { server 127.0.0.1:' . $peer->port
            . '; }',
        config      => 'reauth_poll on /upstream interval=100ms '
            . 'max_interval=200ms rate=60r/m;
            location = /reauth/webhook {
                reauth_webhook $TEST_NGINX_WEBHOOK_SECRET; }',
    );
    my $tag = $with =~ /^no/ ? 'n' : 'y';

    # accounts without responses have been due for the longest time

    is($gateway->http('POST',
        "/api/fansly/authenticate/fansly_acct_m$tag$_/reauthenticate")
        ->{status}, 500, "$with: an account that does not exist is started")
        for 1 .. $MANY;
    is($gateway->update("acct_p$tag$_", 'ok')->{status}, 200,
        'a login that is in progress begins')
        for 1 .. $MANY;
    ok(wait_for {
        my $states = $gateway->http('GET', '/reauth/summary')->{json}{states};
        $states->{needs_otp} >= $MANY;
    } 'wait for a person');
    is($gateway->update("acct_r$tag$_", 'ok')->{status}, 200,
        'a login that rests begins')
        for 1 .. $MANY;

    my $before = () = polls();
    ok(wait_for { polls() >= $before + 24 } '24 more polls are sent');

    my @polls = (polls())[$before .. $before + 23];
    my $n     = shares(@polls);

    # the last one may have been chosen before the first one was due
    cmp_ok($n->{m}, '<=', 2,
        'accounts without a response wait while others are due')
        or diag "@polls";
    cmp_ok($n->{p}, '<=', 6 + 1,
        'at most a quarter of the polls is for logins that wait for a person');
    cmp_ok($n->{p}, '>=', 4,
        'at least four of the polls are for logins that wait for a person');

    # requested by a webhook: before all that are due; one or two polls may be
    # in progress

    my $last   = "acct_p$tag$MANY";
    my $before_it = () = $peer->requests;
    my $answer = deliver($gateway, event('accounts.connected', $last));
    is($answer->{status}, 200, 'a webhook about the last account is accepted');

    my $after = () = $peer->requests;
    ok(wait_for { $peer->requests >= $after + 3 } 'polls go on');

    my @next = ($peer->requests)[$before_it .. $after + 2];
    ok((grep { m{/auth_p$tag$MANY } } @next),
        'the account of a webhook is polled at once')
        or diag join "\n", @next;

    $gateway->stop;
}

# ---- a backlog of those that wait for a person, and two webhooks ----

# none of the logins above

redis_cli('FLUSHALL');

for my $with ('Redis', 'no Redis') {
    my $tag     = $with =~ /^no/ ? 'n' : 'y';
    my $gateway = gateway(
        name        => "backlog-$tag",
        without     => $with =~ /^no/ ? ['reauth_redis'] : [],
        http_config => 'upstream fans_api { server 127.0.0.1:' . $peer->port
            . '; }',
        config      => 'reauth_poll on /upstream interval=100ms '
            . 'max_interval=200ms rate=120r/m;
            location = /reauth/metrics { reauth_metrics; }
            location = /reauth/webhook {
                reauth_webhook $TEST_NGINX_WEBHOOK_SECRET; }',
    );
    my $metric = sub {
        return $gateway->http('GET', '/reauth/metrics')->{body}
            =~ /^\Q$_[0]\E ([\d.]+)$/m ? $1 : 'none';
    };

    is($gateway->update("acct_pp$tag$_", 'ok')->{status}, 200,
        "$with: a login begins")
        for 1 .. 12;

    ok(wait_for {
        $gateway->http('GET', '/reauth/summary')->{json}{states}{needs_otp} >= 12
            && $metric->('reauth_polls_due{class="person"}') >= 5;
    } 'all wait for a person, and for their polls');

    my $poller = $gateway->http('GET', '/reauth/summary')->{json}{poller};
    cmp_ok($poller->{due}, '>=', 5, 'the summary has the backlog');
    is($poller->{paused_until}, undef, 'polling is not paused');
    ok(wait_for {
        $metric->('reauth_polls_throttled_seconds_total{reason="rate"}') > 0
    } 'the rate holds them up');
    ok(wait_for { $metric->('reauth_polls_lag_seconds{class="person"}') >= 1
        && $gateway->http('GET', '/reauth/summary')->{json}{poller}{lag_seconds}
            >= 1 } 'the summary and the metrics show the lag');

    # a half of the burst, of ten, is left

    if ($tag eq 'y') {
        my $tokens = sub { redis_cli('HGET', '{reauth}:rate', 'tokens') };

        ok(wait_for { $tokens->() >= 5 }
            'a requested poll does not wait for the rate');

        my $least = 5;

        for (1 .. 5) {
            my $now = $tokens->();
            $least = $now if $now < $least;
            Time::HiRes::sleep(0.2);
        }

        cmp_ok($least, '>=', 5,
            'a token is reserved for requested polls at all times');
    }

    my $before = () = $peer->requests;

    is(deliver($gateway, event('accounts.connected', "acct_pp$tag$_"))
        ->{status}, 200,
        'a webhook about a waiting account is accepted') for 11, 12;

    ok(wait_for { 2 <= grep { m{/auth_pp${tag}1[12] } }
        ($peer->requests)[$before .. $#{ [$peer->requests] }] }
        'the accounts of both webhooks are polled');

    my @next = ($peer->requests)[$before .. $#{ [$peer->requests] }];
    my $others = () = "@next" =~ m{/auth_pp$tag\d .*?/auth_pp${tag}1[12] }g;

    cmp_ok($others, '<=', 4,
        'the accounts of webhooks are polled before the others')
        or diag join "\n", @next;

    $gateway->stop;
}

done_testing();
