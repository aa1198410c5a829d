# What the upstream asks for in its responses to polls is done: Retry-After in
# all of its forms, for the whole fleet where the response is about all calls.

use strict;
use warnings;

use POSIX qw(setlocale strftime LC_ALL);
use Test::More;
use Time::HiRes qw(sleep time);

use Reauth::Peer ();
use Reauth::Test sandbox => 0;

setlocale(LC_ALL, 'C');

# what is sent to a poll: status and headers, as the test has written them last
my $script = work_dir() . '/polls';

sub polls_get {
    open my $out, '>', "$script.new" or die "$script.new: $!\n";
    print {$out} join "\r\n", @_;
    close $out or die "$script.new: $!\n";
    rename "$script.new", $script or die "$script: $!\n";

    return;
}

my $running = '{"state":"authenticating","progress":"started","lastAttempt":'
    . '{"started_at":"2025-11-24T12:00:00.000000Z","success":false}}';

my $peer = Reauth::Peer->start(sub {
    my ($request) = @_;

    return Reauth::Peer::accepted('auth_' . ($1 // 1))
        if $request =~ m{\APUT /api/authenticate/acct_(\w+)};

    my ($status, @headers) = split /\r\n/, Reauth::Test::slurp($script);
    return Reauth::Peer::response($status, $running, @headers);
});

my $poll = 'reauth_poll on /upstream interval=100ms max_interval=100ms'
    . ' rate=50r/s; location = /reauth/metrics { reauth_metrics; }';

sub start {
    my ($name, @more) = @_;

    return gateway(
        name        => $name,
        log_level   => 'info',
        config      => $poll,
        http_config => 'upstream fans_api { server 127.0.0.1:' . $peer->port
            . '; }',
        @more,
    );
}

sub polls { return scalar grep { / GET / } $peer->requests; }

sub at { return strftime $_[0], gmtime $_[1]; }


# ---- every form, without Redis ----

my $date = time + 200;

my @pauses = (
    # long enough for a reload in it
    [ 'seconds'        => 429, '25',     25_000, 25_000 ],
    [ 'blanks'         => 429, '  7  ',  7000, 7000 ],
    [ 'five minutes at most' => 429, '86400', 300_000, 300_000 ],
    [ 'of a 503'       => 503, '9',      9000, 9000 ],
    [ 'IMF-fixdate'    => 429, at('%a, %d %b %Y %H:%M:%S GMT', $date),
      100_000, 200_000 ],
    [ 'RFC 850'        => 503, at('%A, %d-%b-%y %H:%M:%S GMT', $date),
      100_000, 200_000 ],
    [ 'asctime'        => 429, at('%a %b %e %H:%M:%S %Y', $date),
      100_000, 200_000 ],
    [ 'a past date'    => 429, 'Sun, 06 Nov 1994 08:49:37 GMT',
      10_000, 10_000 ],
    map({ [ "invalid: $_" => 429, $_, 10_000, 10_000 ] } '-5', 'soon', '',
        '99999999999999999999s', "5\r\nRetry-After: 6"),
);

my $number = 0;

for (@pauses) {
    my ($what, $status, $value, $least, $most) = @$_;

    my $name    = 'form' . $number++;
    my $gateway = start($name, without => ['reauth_redis']);

    polls_get("$status X", "Retry-After: $value");
    $gateway->update("acct_$name", 'ok');

    ok(wait_for { $gateway->error_log =~ /polling is paused/ }
        "$what: polling is paused");

    my ($ms) = $gateway->error_log =~ /polling is paused for (\d+) ms/;
    cmp_ok($ms, '>=', $least, "$what: not less than it says");
    cmp_ok($ms, '<=', $most, "$what: the pause is not longer than requested");

    my $ignored = $gateway->error_log
        =~ /invalid or duplicate header "retry-after" ignored/;

    is(!!$ignored, $what =~ /invalid/ ? !!1 : !!0,
        "$what: a value that is not one is logged");

    like($gateway->http('GET', '/reauth/metrics')->{body},
        qr/^reauth_polls_total\{result="limited"\} 1$/m,
        "$what: a limited poll is counted");

    if ($what eq 'seconds') {

        # a reload is no way around it

        my $before = polls();
        $gateway->reload;
        $gateway->update('acct_later', 'ok');
        sleep 2;
        is(polls(), $before, 'no poll until then, after a reload neither');

        polls_get('200 OK');
        ok(wait_for { polls() > $before } 'polls go on afterwards');
    }

    $gateway->stop;
}


# ---- a response about one account: the others go on ----

for ([ '500 X' ], [ '404 X' ], [ '302 X', 'Location: /x' ], [ '202 X' ]) {
    my ($status, @headers) = @$_;

    my $name    = 'one' . substr $status, 0, 3;
    my $gateway = start($name, without => ['reauth_redis']);

    polls_get($status, @headers, 'Retry-After: 120');
    $gateway->update("acct_$name", 'ok');

    my $other = "acct_${name}x";
    my $asked = sub { return scalar grep { m{/auth_$_[0] } } $peer->requests };

    # the response has been processed, not only the request been received

    ok(wait_for {
        $gateway->http('GET', '/reauth/metrics')->{body}
            =~ /^reauth_polls_total\{result="\w+"\} [1-9]/m
    } "$status: a poll is counted");

    polls_get('200 OK');
    $gateway->update($other, 'ok');
    ok(wait_for { $asked->("${name}x") > 5 }
        "$status: different accounts are polled");

    is($asked->($name), 1, "$status: the account is not polled");
    unlike($gateway->error_log, qr/polling is paused/,
        "$status: polling is not paused");

    $gateway->stop;
}


# ---- the fleet, which remembers it when Redis goes away ----

polls_get('200 OK');

my @fleet = (start('fleet1'), start('fleet2'));

$fleet[0]->update("acct_f$_", 'ok') for 1 .. 4;
my $seen = polls();
ok(wait_for { polls() > $seen } 'the fleet polls');

polls_get('503 X', 'Retry-After: ' . at('%a, %d %b %Y %H:%M:%S GMT',
    time + 200));

ok(wait_for { redis_cli('EXISTS', '{reauth}:pause') }
    'the pause is shared by all gateways');
cmp_ok(redis_cli('PTTL', '{reauth}:pause'), '>', 100_000,
    'the pause lasts until the specified time');

# those that were being sent, and the other gateway's look into Redis
sleep 2;

$seen = polls();
redis_stop();
sleep 2;
is(polls(), $seen, 'nobody polls, without Redis neither');

# ---- a pause that the fleet cannot be told ----

my $untold = qr/\[warn\].* the pause of polling is not known to other gateways/;

unlike($_->error_log, $untold, 'all were told') for @fleet;
$_->stop for @fleet;

my $apart = start('apart');

polls_get('429 X', 'Retry-After: 60');
$apart->update('acct_apart', 'ok');
ok(wait_for { $apart->error_log =~ /polling is paused/ } 'paused without Redis');
like($apart->error_log, $untold, 'the log says that the pause is not shared');

done_testing();
