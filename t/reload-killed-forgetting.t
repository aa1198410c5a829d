# A worker is killed while it forgets an account, before it has zeroed all former
# changes in the change log: the worker that repairs the zone zeroes them.

use strict;
use warnings;

use Test::More;

use Reauth::Stream ();
use Reauth::Test redis => 0, sandbox_options => ['--hold'];
use Reauth::Tracer ();

my $module = $ENV{TEST_NGINX_MODULE};

if (my $missing = Reauth::Tracer::missing($module)) {
    plan skip_all => $missing;
}

my $gateway = gateway(workers => 2, without => ['/reauth/'],
    config => 'location /reauth/ { reauth_status operate; }');

sub status { return $gateway->http('GET', "/reauth/$_[0]"); }

# Kills the worker that forgets the account, after this number of instructions
# of the function that writes the change log.  Returns how many there are if the
# number is not specified.

sub forget_and_kill {
    my ($account, $steps) = @_;

    my ($pid, $other) = $gateway->worker_pids;
    $gateway->stop_without_lock($other);

    my $tracer = Reauth::Tracer->attach($pid);
    my $stream = Reauth::Stream->open($gateway, 'DELETE',
        "/reauth/accounts/$account", { 'Content-Length' => 0 });

    # a traced process would not exit with its gateway
    local $SIG{ALRM} = sub {
        $tracer->kill;
        die "the account is not forgotten in a minute\n";
    };
    alarm $Reauth::Test::LIMIT;
    $tracer->run_to($module, 'ngx_http_reauth_zone_remember_as', 1);
    alarm 0;

    my $count = defined $steps ? $tracer->step($steps) : $tracer->step_out;

    $tracer->kill;
    kill 'CONT', $other;
    $stream->finish(2);

    wait_for { 2 <= grep { $_ != $pid } $gateway->worker_pids } 'a new worker';

    return $count;
}

sub changes_of {
    my ($account) = @_;

    return scalar @{ status("accounts/$account/timeline")->{json}{events} };
}

# changes of several accounts, each at different places of the change log

my @accounts = map { "acct_$_" } 0 .. 5;

for (1 .. 3) {
    $gateway->update($_, 'limit') for @accounts;
}

cmp_ok(changes_of($_), '>', 2, "$_ has changes") for @accounts;

my $whole = forget_and_kill($accounts[0]);
cmp_ok($whole, '>', 1_000, "the change log is $whole instructions");

my $n = 0;

for my $steps (20, int $whole / 8, int $whole / 4, int $whole / 2) {
    my $account = $accounts[ ++$n ];
    my $repairs = () = $gateway->error_log =~ /a worker died while it had/g;

    forget_and_kill($account, $steps);
    status('summary');                                # takes the lock

    ok(wait_for {
        $repairs < (() = $gateway->error_log =~ /a worker died while it had/g)
    } "the zone is repaired after $steps instructions");

    is(changes_of($account), 0,
        "no former change remains after $steps instructions");
    is(status("accounts/$account")->{status}, 404,
        "the account is forgotten after $steps instructions");
}

cmp_ok(changes_of($accounts[5]), '>', 2,
    'the changes of another account remain');

done_testing();
