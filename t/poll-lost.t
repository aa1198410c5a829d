# The upstream does not know a polled attempt: after three such responses in a
# row, to any gateway, the list of accounts decides.

use strict;
use warnings;

use Test::More;

use Reauth::Peer ();
use Reauth::Test sandbox => 0;

my $list = work_dir() . '/list';

sub listed {
    my ($progress, $authenticated) = @_;

    open my $out, '>', "$list.new" or die "$list.new: $!\n";
    print {$out} '[', join(',', map {
        qq({"id":"$_","is_authenticated":$authenticated,)
            . qq("authentication_progress":$progress})
    } qw(acct_404 acct_401)), ']';
    close $out or die "$list.new: $!\n";
    rename "$list.new", $list or die "$list: $!\n";

    return;
}

my $running = '{"state":"authenticating","progress":"started","lastAttempt":'
    . '{"started_at":"2025-11-24T12:00:00.000000Z","success":false}}';

my %answers = (
    404   => ['404 Not Found', '{"error":"NOT_FOUND","message":"none"}'],
    401   => ['401 Unauthorized',
              '{"error":"SESSION_EXPIRED:NEEDS_REAUTHENTICATION"}'],
    500   => ['500 Error', '{"message":"Server Error"}'],
    key   => ['401 Unauthorized', '{"error":"The API key is missing."}'],
    plain => ['401 Unauthorized', 'no'],
    credits => ['402 Payment Required', '{"error":"CREDITS"}'],
);

my $peer = Reauth::Peer->start(sub {
    my ($request) = @_;

    return Reauth::Peer::accepted("auth_$1")
        if $request =~ m{\APUT /api/authenticate/acct_(\w+)};

    return Reauth::Peer::response('200 OK', Reauth::Test::slurp($list))
        if $request =~ m{\AGET /api/accounts };

    my ($name) = $request =~ m{\AGET /api/authenticate/auth_(\w+)};

    return Reauth::Peer::response(@{ $answers{$name} // $answers{500} });
});

my %args = (
    log_level   => 'info',
    config      => 'reauth_poll on /upstream interval=200ms'
        . ' max_interval=200ms rate=20r/s;'
        . ' location = /reauth/metrics { reauth_metrics; }',
    http_config => 'upstream fans_api { server 127.0.0.1:' . $peer->port
        . '; }',
);

my $one = gateway(name => 'one', %args);
my $two = gateway(name => 'two', %args);

sub asked {
    my ($what) = @_;

    return scalar grep { / GET \S*$what / } $peer->requests;
}

sub becomes {
    my @expected = @_;

    $_->becomes(@expected) for $one, $two;

    return;
}


# ---- not in the list ----

listed('"started"', 'false');

for my $name (404, 401) {
    $one->update("acct_$name", 'ok');

    becomes("acct_$name", 'running', "$name, as the list says");
    ok(wait_for { asked("auth_$name") >= 3 }
        "$name: the attempt is polled three times");

    my $lists = asked('/api/accounts');
    ok(wait_for { asked('/api/accounts') > $lists }
        "$name: the list is read");

    # a gateway may have sent one before it learned of the third of the other

    my $polls = asked("auth_$name");
    cmp_ok($polls, '<=', 4, "$name: three polls");

    $lists = asked('/api/accounts');
    ok(wait_for { asked('/api/accounts') > $lists }
        "$name: the list is read again");
    is(asked("auth_$name"), $polls,
        "$name: the attempt is not polled any more");
    like($one->error_log . $two->error_log,
        qr/account "acct_$name" is now unknown: .*\($name\)/,
        "$name: the log tells");
    is($one->http('GET', "/reauth/gate/acct_$name")->{status}, 503,
        "$name: the gate is closed");
}

listed('"signed_in"', 'true');
becomes("acct_$_", 'succeeded', "$_, as the list says") for 404, 401;


# ---- in the list, without information about the attempt ----

for my $name (qw(500 key plain credits)) {
    $one->update("acct_$name", 'ok');

    ok(wait_for { asked("auth_$name") >= ($name eq '500' ? 5 : 1) }
        "$name: the attempt is polled");
    is($one->http('GET', "/reauth/accounts/acct_$name")->{json}{state},
        'running', "$name: the attempt is still running");
}

ok(wait_for {
    ($one->error_log . $two->error_log)
        =~ /rejects polls \(401\): the API key is missing or invalid/
} 'a refused key is reported');

ok(wait_for {
    grep { $_->http('GET', '/reauth/metrics')->{body}
        =~ /^reauth_polls_total\{result="refused"\} [1-9]/m } $one, $two
} 'a rejected poll is counted');

my @reported = ($one->error_log . $two->error_log) =~ /rejects polls/g;
cmp_ok(@reported, '<=', 2, 'each gateway logs rejected polls once');

done_testing();
