# Runs the programs of docs/clients.md unchanged: each updates credentials,
# polls until the login has ended, and sends a call whose gate is closed, which
# it repeats by Retry-After.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use JSON::PP ();
use POSIX qw(WNOHANG);
use Test::More;

use Reauth::Test redis => 0, sandbox_options => ['--hold'];

my $TOKEN = 'token-of-a-service';
my $dir   = work_dir();

Reauth::Test::write_file("$dir/callers",
    'service sha256:' . sha256_hex($TOKEN) . " all\n", oct '644');

my $gateway = gateway(
    http_config => 'reauth_callers_file $TEST_NGINX_WORK_DIR/callers;'
        . ' reauth_retry_after 1s 2s;');

sub ask {
    my ($method, $path, $body) = @_;

    return $gateway->http($method, $path, { Authorization => "Bearer $TOKEN" },
        $body);
}

# the command that runs a program, and one that succeeds if it is available

my @languages = (
    ['sh',              'client.sh',   'command -v jq && command -v curl',
        'sh client.sh'],
    ['python urllib',   'stdlib.py',   'command -v python3', 'python3 stdlib.py'],
    ['python requests', 'client_r.py', 'python3 -c "import requests"',
        'python3 client_r.py'],
    ['python httpx',    'client_h.py', 'python3 -c "import httpx"',
        'python3 client_h.py'],
    ['python sdk',      'client_s.py', 'python3 -c "import onlyfansapi"',
        'python3 client_s.py'],
    ['js',   'client.mjs',  'node -e fetch',        'node client.mjs'],
    ['go',   'client.go',   'command -v go',        './client-go'],
    ['java', 'Client.java', 'javac --release 17 -version', 'java -cp . Client'],
);

# before the limit of the wait for the first poll begins: a compiler takes long
# on a busy machine

my %build = (
    go   => 'GOFLAGS= GO111MODULE=off go build -o client-go client.go',
    java => 'javac --release 17 Client.java',
);
my $docs  = Reauth::Test::slurp('docs/clients.md');
my %program = $docs =~ /^```(\S[^\n]*)\n(.*?)^```$/gms;

delete @program{qw(nginx)};
is(join(', ', sort keys %program), join(', ', sort map { $_->[0] } @languages),
    'all programs of the document are known here');

sub forced {
    my ($account, $attempt, $time, $success) = @_;

    my $answer = {
        method => 'GET', path => "/$attempt", status => 200, times => 0,
        body => {
            account     => { id => $account },
            state       => $time ? 'authenticated' : 'authenticating',
            progress    => $time ? 'signed_in' : 'submitting',
            lastAttempt => {
                started_at => '2026-01-31T12:00:00.000000Z',
                completed_at => $time, success => $success,
                error_message => undef, error_code => undef,
            },
        },
    };

    return sandbox('POST', "/account/$account", { next => [$answer] });
}

sub polls {
    my ($attempt) = @_;

    return grep { $_->{method} eq 'GET' && $_->{target} =~ /\/\Q$attempt\E\z/ }
        sandbox_log();
}

my $count = 0;

for my $language (@languages) {
    my ($name, $file, $needs, $run) = @$language;
    my $account = 'acct_client' . ++$count;

    SKIP: {
        skip "$name: not here ($needs)", 1
            if system("($needs) >/dev/null 2>&1") != 0;

        Reauth::Test::write_file("$dir/$file", $program{$name});
        ok(!$build{$name} || system("cd $dir && $build{$name}") == 0,
            "$name: the program is built");

        my $pid = fork // die "fork failed: $!\n";

        if ($pid == 0) {
            $ENV{GATEWAY} = 'http://127.0.0.1:' . $gateway->port;
            $ENV{TOKEN}   = $TOKEN;
            $ENV{ACCOUNT} = $account;

            chdir $dir or POSIX::_exit(126);
            open STDOUT, '>', "$file.out" or POSIX::_exit(126);
            open STDERR, '>&', \*STDOUT   or POSIX::_exit(126);
            exec 'sh', '-c', "exec $run" or POSIX::_exit(127);
        }

        # the login continues after it has been polled

        my $first;
        wait_for {
            $first = ask('GET', "/reauth/accounts/$account")->{json}{attempt_id};
            return $first && polls($first);
        } "$name: a poll";

        # another service begins a login before the program sees the end of its
        # own, so that the gate is closed for its call

        forced($account, $first, undef, JSON::PP::false());
        is(ask('PUT', "/api/authenticate/$account/credentials",
            { email => 'other@example.com', password => 'secret' })->{status},
            200, "$name: an update of another service is accepted");
        my $second = ask('GET', "/reauth/accounts/$account")->{json}{attempt_id};
        forced($account, $first, '2026-01-31T12:01:30.000000Z',
            JSON::PP::true());

        wait_for {
            $gateway->access_log =~ m{"GET /api/$account/chats HTTP/1.1" 503}
        } "$name: a call that meets a closed gate";

        sandbox('POST', "/finish/$account", {});
        ask('GET', "/api/authenticate/$second");

        my $status;
        wait_for { waitpid($pid, WNOHANG) == $pid && defined($status = $?) }
            "$name: the end";
        kill 'KILL', $pid if !defined $status;

        my $output = Reauth::Test::slurp("$dir/$file.out");
        is($status, 0, "$name: the program succeeds") or diag $output;
        like($output, qr/^logged in$/m,
            "$name: the program sees the end of the login");

        my @calls = $gateway->access_log
            =~ m{"GET /api/$account/chats HTTP/1.1" (\d+)}g;
        is(join(' ', @calls) =~ s/^503(?: 503)* 200$/503 200/r, '503 200',
            "$name: the program repeats its call until the gate is open");
    }
}

done_testing();
