# The API key changes during a binary upgrade (USR2, WINCH, QUIT), and during
# one that is reverted: no call is lost, and none is sent without a key or with
# an old one after the new one is in use.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);

use Reauth::Peer ();
use Reauth::Test redis => 0, sandbox => 0;

# responds with the received headers
my $peer = Reauth::Peer->start(sub {
    my ($request) = @_;

    my ($sent) = $request =~ /^Authorization: (.*)\r$/mi;

    return Reauth::Peer::response('200 OK', '{}', 'X-Sent: ' . ($sent // 'none'));
});

my $file = secret_file('rotated', "key-one\n");

# nginx does not free its first pool if it fails to start
$ENV{ASAN_OPTIONS} .= ':detect_leaks=0' if defined $ENV{ASAN_OPTIONS};

my $gateway = gateway(workers => 2,
    http_config => "reauth_key_file $file;\n"
        . 'upstream fans_api { server 127.0.0.1:' . $peer->port . '; }');
my $dir = work_dir() . '/gateway';
my $old = $gateway->daemonize;

sub change {
    my ($text, $mode) = @_;

    Reauth::Test::write_file("$file.new", $text);
    chmod $mode // oct 600, "$file.new";
    rename "$file.new", $file or die "rename: $!\n";

    return;
}

# The keys with which these calls were sent; the status if there was no key.

sub keys_of {
    my ($calls) = @_;

    my %seen;

    for (1 .. $calls) {
        my $answer = $gateway->http('GET', '/api/acct_1/me');

        $seen{ $answer->{headers}{'x-sent'} // $answer->{status} // 'nothing' }++;
    }

    return join ', ', sort keys %seen;
}

sub soon {
    my ($key) = @_;

    # enough calls to reach each worker

    return wait_for { keys_of(80) eq $key };
}

sub upgrade {
    my $before = $gateway->daemon_pid;
    my $new;

    kill 'USR2', $before;
    ok(wait_for {
        $new = $gateway->daemon_pid;
        $gateway->daemon_pid('nginx.pid.oldbin') && $new && $new != $before
    } 'a new one runs beside it');

    return $new;
}

is(keys_of(12), 'Bearer key-one', 'calls are sent with the first key');

# ---- the new binary rejects an invalid file, and the old one continues ----

for my $case (['', 'an empty one'], ["key\ttwo\n", 'a control character'],
    ["key-two\n", 'one that everybody reads', oct 644])
{
    my ($text, $what, $mode) = @$case;

    change($text, $mode);
    kill 'USR2', $old;
    ok(wait_for { $gateway->error_log =~ /exited with code 1/ }
        "$what: no new one starts");
    is(keys_of(12), 'Bearer key-one', 'the old one has its key');
    ok(wait_for { ($gateway->daemon_pid // 0) == $old }
        "$what: the pid file is that of the old binary");
    Reauth::Test::write_file("$dir/logs/error.log", '');
    kill 'USR1', $old;
}

# The new master is a child of the old one.

sub workers_of_the_old {
    my ($new) = @_;

    return grep { $_ != $new }
        split ' ', Reauth::Test::slurp("/proc/$old/task/$old/children");
}

# ---- with both ----

change("key-two\n");
my $new = upgrade();

ok(soon('Bearer key-two'), 'both take the second key');
change("key-three\n");
ok(soon('Bearer key-three'), 'both take the third key');

kill 'WINCH', $old;
ok(wait_for { !workers_of_the_old($new) } 'the old one\'s workers end');

change("key-four\n");
ok(soon('Bearer key-four'), 'the new one alone takes the fourth key');

# ---- reverted: the old configuration was read with the first key ----

kill 'HUP', $old;
ok(wait_for { 2 == workers_of_the_old($new) } 'the old one has workers again');
is(keys_of(40), 'Bearer key-four',
    'the new workers of the old binary know the fourth key');

kill 'QUIT', $new;
ok(wait_for { !runs($new) } 'the new one ends');
is(keys_of(12), 'Bearer key-four', 'the old binary alone uses the fourth key');

# ---- without a reload meanwhile ----

$new = upgrade();
kill 'WINCH', $old;
change("key-five\n");
ok(soon('Bearer key-five'), 'the new one takes the fifth key');
kill 'QUIT', $old;
ok(wait_for { !runs($old) } 'the old one ends');
is(keys_of(12), 'Bearer key-five', 'nothing has changed by that');

kill 'QUIT', $new;
ok(wait_for { !runs($new) } 'the new one ends');

unlike($gateway->error_log, qr/key-(?:one|two|three|four|five)/,
    'no key is in the log');
unlike($gateway->access_log, qr/" 50[0-9] /, 'no call was lost');

done_testing();
