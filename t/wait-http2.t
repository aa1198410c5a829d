# Waiting requests, event streams and held calls over HTTP/2.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);
use Reauth::Test redis => 0, sandbox_options => ['--hold'];

my $gateway = gateway(listen => 'http2', counted => 1,
    http_config => 'reauth_gate_hold 60s;');

my $base = 'http://127.0.0.1:' . $gateway->port;
my $dir  = Reauth::Test::work_dir();
my $n    = 0;
my @children;

# runs curl in the background; returns the name of its output

sub curl {
    my (@arguments) = @_;

    my $file = "$dir/curl." . ++$n;
    my $pid  = fork // die "fork: $!\n";

    if ($pid == 0) {
        open STDOUT, '>', $file or POSIX::_exit(126);
        exec 'curl', '-sN', '--http2-prior-knowledge', '--max-time', 120,
            '-w', '\nstatus %{http_code}\n', @arguments
            or POSIX::_exit(127);
    }

    push @children, $pid;

    return { file => $file, pid => $pid };
}

sub text { return Reauth::Test::slurp($_[0]{file}); }

sub request {
    my ($method, $path) = @_;

    my $curl = curl('-X', $method, '-H', 'Content-Type: application/json',
        '-d', '{"email":"ok@example.com","password":"secret"}',
        "$base$path");
    waitpid $curl->{pid}, 0;

    return text($curl);
}

sub get {
    my ($path) = @_;

    my $curl = curl("$base$path");
    waitpid $curl->{pid}, 0;

    return text($curl);
}


# the other requests in progress

sub works_at {
    my ($n) = @_;

    my $writing = 1 + $n;

    return wait_for { get('/counted') =~ /Writing: $writing / }
        "$n requests to wait";
}

my ($id) = request('PUT', '/api/authenticate/acct_1/credentials')
    =~ /"attempt_id":"(\w+)"/;
ok($id, 'an update of acct_1 is accepted');

my @waiting = map { curl("$base$_") }
    ('/reauth/accounts/acct_1?wait=60s') x 5, ('/reauth/accounts?wait=60s') x 5;
my $events = curl("$base/reauth/events");
my $held   = curl('-H', 'Prefer: wait=60', "$base/api/acct_1/chats");
my $posted = curl('-H', 'Prefer: wait=60', '-d', 'x' x 100_000,
    "$base/api/acct_1/chats");

ok(wait_for { text($events) =~ /^id: /m } 'the stream begins');
works_at(13);
is((grep { text($_) =~ /status/ } @waiting, $held, $posted), 0,
    'no waiting request has a response yet');

sandbox('POST', '/finish/acct_1');
get("/api/authenticate/$id");

ok(wait_for { 10 == grep { text($_) =~ /"succeeded".*\nstatus 200/ } @waiting }
    'all get the end');
ok(wait_for { text($events) =~ /"state":"succeeded".*\n\n/ }
    'the end arrives in the stream of events');
ok(wait_for { text($_) =~ /status 200/ } 'the held call goes on')
    for $held, $posted;

is(length((grep { $_->{method} eq 'POST' } sandbox_log())[0]{body}), 100_000,
    'the held call is sent with its body');

# clients that close
($id) = request('PUT', '/api/authenticate/acct_2/credentials')
    =~ /"attempt_id":"(\w+)"/;
my @gone = (
    $events,
    curl('-H', 'Prefer: wait=60', "$base/api/acct_2/chats"),
    map { curl("$base/reauth/accounts/acct_2?wait=60s") } 1 .. 5,
);
works_at(7);
kill 'KILL', $_->{pid} for @gone;
ok(wait_for { 6 <= (() = $gateway->access_log =~ / 499 /g) }
    'clients that go are noticed');
ok(wait_for { $gateway->access_log =~ m{/events HTTP/2.0" 200} }
    'the end of a closed stream is logged');

# reload
@waiting = (
    map({ curl("$base$_") } ('/reauth/accounts/acct_2?wait=60s') x 5,
        '/reauth/events'),
    curl('-H', 'Prefer: wait=60', "$base/api/acct_2/chats"),
);
works_at(7);
my @old = $gateway->worker_pids;
$gateway->reload;
ok(wait_for { !grep { runs($_) } @old } 'the old worker has ended');
ok(wait_for { 6 == grep { text($_) =~ /status 200/ } @waiting }
    'all were answered');
ok(wait_for { text($waiting[-1]) =~ /status 503/ }
    'the held call is rejected on a reload');

unlike($gateway->error_log, qr/\[(?:alert|crit|error)\]/,
    'nothing worse than a warning is logged');

kill 'KILL', @children;
waitpid $_, 0 for @children;

done_testing();
