# One list of all accounts, of any size, settles all attempts that wait for it:
# it is parsed as it arrives, in constant memory, while calls are served.
#
# REAUTH_LIST_ACCOUNTS=50000 makes it 150 MB.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);

use Reauth::Peer ();
use Reauth::Test sandbox => 0;

my $accounts = $ENV{REAUTH_LIST_ACCOUNTS} // 10_000;

# the form of the list: complete, cut, or with a byte that is not JSON
my $mode = work_dir() . '/mode';

sub mode {
    my ($text) = @_;

    open my $out, '>', "$mode.new" or die "$mode.new: $!\n";
    print {$out} $text;
    close $out or die "$mode.new: $!\n";
    rename "$mode.new", $mode or die "$mode: $!\n";

    return;
}

# some 3 KB, with texts of others that a strict parser rejects
my $bulk = '"onlyfans_data":{"about":"\u0000\ud83d ' . 'x' x 2800
    . '","balance":1e999,"n":18446744073709551616,"csrf":"a","csrf":"b"}';

sub entry {
    my ($id, $progress, $authenticated) = @_;

    return qq({"id":"$id",$bulk,"is_authenticated":$authenticated,)
        . qq("authentication_progress":$progress});
}

# waiting accounts are spread over the list
sub send_list {
    my ($socket, $how) = @_;

    my ($kind, $progress) = split / /, $how, 2;

    my $wrapped = $kind eq 'wrapped';
    my $n       = $kind eq 'whole' || $wrapped ? $accounts : 2000;

    print {$socket} "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        . "Transfer-Encoding: chunked\r\n\r\n";

    my $chunk = sub {
        printf {$socket} "%x\r\n%s\r\n", length $_[0], $_[0];
    };

    $chunk->($wrapped ? '{"total":1,"data":[' : '[');

    for my $i (1 .. $n) {
        my $id   = "acct_other$i";
        my $said = '"signed_in"';

        if ($i % int($n / 50) == 0) {
            $id   = 'acct_w' . $i / int($n / 50);
            $said = $progress;
        }

        $chunk->(($i > 1 ? ',' : '') . entry($id, $said, 'true'));
        $chunk->('?') if $kind eq 'broken' && $i == $n / 2;

        return if $kind eq 'cut' && $i == $n / 2;
    }

    $chunk->($wrapped ? ']}' : ']');
    print {$socket} "0\r\n\r\n";
    $socket->flush;

    return;
}

my $peer = Reauth::Peer->start(sub {
    my ($request, $number, $socket) = @_;

    if ($request =~ m{\AGET /api/accounts }) {
        local $SIG{PIPE} = 'IGNORE';
        alarm 300;
        send_list($socket, Reauth::Test::slurp($mode));
        return;
    }

    return Reauth::Peer::response('500 Error', '{"message":"Server Error"}')
        if $request =~ m{\APUT };

    return Reauth::Peer::response('200 OK', '{}');
});

sub start {
    my ($name, @more) = @_;

    return gateway(
        name        => $name,
        log_level   => 'info',
        config      => 'reauth_poll on /upstream interval=200ms rate=20r/s;'
            . ' location = /reauth/metrics { reauth_metrics; }',
        http_config => "reauth_answer_max 16k;\n"
            . 'upstream fans_api { server 127.0.0.1:' . $peer->port . '; }',
        @more,
    );
}

sub lists { return scalar grep { m{ /api/accounts } } $peer->requests; }

sub states {
    my ($gateway, @names) = @_;

    my %n;

    $n{ $gateway->http('GET', "/reauth/accounts/acct_$_")->{json}{state}
        // 'none' }++ for @names;

    return join ' ', map { "$_ $n{$_}" } sort keys %n;
}

sub rss {
    my ($pid) = @_;

    my ($kb) = Reauth::Test::slurp("/proc/$pid/status") =~ /^VmRSS:\s+(\d+)/m;
    return $kb;
}


# ---- many attempts settled by one list, without Redis ----

mode('cut "started"');

my @names = map { "w$_" } 1 .. 40;
my $alone = start('alone', without => ['reauth_redis'], workers => 1);
my ($pid) = $alone->worker_pids;

# the first list is read before, so that one-time allocations are done

$alone->update('acct_first', 'ok');
ok(wait_for { $alone->error_log =~ /incomplete list of accounts/ } 60,
    'a cut list is reported');
is(states($alone, 'first'), 'unknown 1',
    'an account that is missing in a cut list stays unknown');

$alone->update("acct_$_", 'ok') for @names;
is(states($alone, @names), 'unknown 40', '40 updates were answered 500');

mode('whole "started"');

my $before = rss($pid);
my $lists  = lists();
my $start  = time;
my ($peak, $slowest) = (0, 0);

ok(wait_for {
    my $sent = time;
    $alone->http('GET', '/api/acct_none/x');
    my $took = time - $sent;

    $slowest = $took if $took > $slowest;

    my $now = rss($pid);
    $peak = $now if $now > $peak;

    $alone->error_log =~ /list of accounts: $accounts entries/
} 300, "a list of $accounts accounts is read");

cmp_ok(lists() - $lists, '<=', 1 + (time - $start) / 10,
    'one list is read for all attempts');
is(states($alone, @names), 'running 40', 'settles all that wait');

SKIP: {
    skip 'AddressSanitizer keeps what was freed', 1
        if defined $ENV{ASAN_OPTIONS};

    cmp_ok($peak - $before, '<', 2048, 'in constant memory: '
        . ($peak - $before) . ' KB more');
}

cmp_ok($slowest, '<', 10, sprintf 'a call meanwhile took %.3f s at most',
    $slowest);

# ---- complete elements of a cut or broken list are used ----

mode('cut "signed_in"');

ok(wait_for { states($alone, map { "w$_" } 1 .. 24) eq 'succeeded 24' } 60,
    'a cut list: entries before the cut count');
is(states($alone, map { "w$_" } 26 .. 40), 'running 15',
    'attempts after the cut still wait');
is($alone->http('GET', '/reauth/gate/acct_w40')->{status}, 503,
    'the gates of attempts after the cut stay closed');

$alone->update("acct_$_", 'ok') for 'w1', 'w2';
mode('broken "started"');

ok(wait_for { $alone->http('GET', '/reauth/metrics')->{body}
    =~ /unreadable_total\{operation="accounts"\} [1-9]/ } 60,
    'a broken list is counted');
is(states($alone, 'w1', 'w2'), 'running 2', 'entries before that count');

mode('wrapped "signed_in"');
ok(wait_for { states($alone, @names) eq 'succeeded 40' } 60,
    'the next list settles the other attempts');
$alone->stop;


# ---- one list for all gateways ----

mode('whole "started"') if $accounts <= 10_000;

my @fleet = (start('one'), start('two'));

$fleet[$_ % 2]->update("acct_w$_", 'ok') for 1 .. 10;

$lists = lists();
$start = time;

ok(wait_for {
    states($fleet[0], map { "w$_" } 1 .. 10) eq 'running 10'
        && states($fleet[1], map { "w$_" } 1 .. 10) eq 'running 10'
} 120, 'all know it') if $accounts <= 10_000;

sleep 3;
cmp_ok(lists() - $lists, '<=', 1 + (time - $start) / 10,
    'at most one list in ten seconds is requested');

done_testing();
