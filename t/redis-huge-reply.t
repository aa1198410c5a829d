# A server in place of Redis announces a huge array: no memory is allocated for
# it, the connection is closed, and calls are not affected.

use strict;
use warnings;

use Test::More;
use Reauth::Test sandbox_options => ['--hold'];
use Reauth::Between ();

my $between = Reauth::Between->start;
my $gateway = gateway(http_config => 'reauth_redis redis://gateway@127.0.0.1:'
    . $between->port . "/0$ENV{TEST_NGINX_REDIS_OPTIONS};");
my $other   = gateway(name => 'other');
my ($worker) = $gateway->worker_pids;


# The peak of the process's address space and resident memory, in KB.

sub peak {
    my $status = Reauth::Test::slurp("/proc/$worker/status");

    return map { $status =~ /^$_:\s+(\d+)/m } qw(VmPeak VmHWM);
}

sub failures {
    my @lines = $gateway->error_log =~ /does not use the protocol of Redis/g;

    return scalar @lines;
}

sub follows {
    my ($account) = @_;

    $other->update($account, 'ok');

    return wait_for {
        $gateway->http('GET', "/reauth/gate/$account")->{status} == 503
    } "the gate of $account to close";
}


ok(follows('acct_1'), 'the gateway follows the other one');

my @before = peak();

for my $command (qw(XREAD EVALSHA)) {

    my $failures = failures();

    $between->answer($command, "*2147483647\r\n");

    # an event to read, and a record to write
    $other->update("acct_$command", 'ok');
    my $answer = $gateway->update("acct_own_$command", 'ok');

    ok(wait_for { $between->answered($command) && failures() > $failures }
        "$command: the log says what is wrong");
    is($answer->{status}, 200, "$command: the update is accepted");

    is($gateway->http('GET', '/api/acct_1/me')->{status}, 503,
        "$command: a call of an account that logs in");
    is($gateway->http('GET', '/api/acct_2/me')->{status}, 200,
        "$command: a call of an account without a login passes");

    # it reconnects, and gets the same reply
    ok(wait_for { failures() - $failures > 2 }
        "$command: the failure is repeated");

    $between->pass;
    ok(follows("acct_then_$command"), "$command: over, it follows again");
    ok(wait_for { (stored("acct_own_$command", 'state') // '') eq 'running' }
        "$command: the pending change is written");
}

my @after = peak();

cmp_ok($after[$_] - $before[$_], '<', 16 * 1024,
    ('addresses', 'memory')[$_] . ": $before[$_] KB, then $after[$_] KB")
    for 0 .. 1;

is(join(' ', $gateway->worker_pids), $worker, 'the worker is the same');

$between->stop;

done_testing();
