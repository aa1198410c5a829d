# Two gateways with one Redis: each learns the facts of the other.

use strict;
use warnings;

use Test::More;
use Reauth::Test sandbox_options => ['--hold'];

my $one = gateway(name => 'one', workers => 2);
my $two = gateway(name => 'two', workers => 2);


sub becomes {
    my ($gateway, $account, $status, $what) = @_;

    my $done = wait_for {
        $gateway->http('GET', "/reauth/gate/$account")->{status} == $status
    };

    return ok($done, $what);
}


my $id = $one->update('acct_1', 'otp')->{json}{attempt_id};
is($one->http('GET', '/api/acct_1/me')->{status}, 503, 'closed at once here');
becomes($two, 'acct_1', 503, 'the gate is closed on the other gateway');

# at first, the other gateway learns that an attempt begins
wait_for { ($two->http('GET', '/reauth/accounts/acct_1')->{json}{attempt_id}
    // '') eq $id } 'the other gateway knows the attempt';

my ($mine, $theirs) = map { $_->http('GET', '/reauth/accounts/acct_1')->{json} }
    $one, $two;
is_deeply([ map { $theirs->{$_} } qw(attempt_id state since source auth_type) ],
    [ map { $mine->{$_} } qw(attempt_id state since source auth_type) ],
    'both say the same');

# an update through the other gateway coalesces
my $again = $two->update('acct_1', 'otp');
is($again->{headers}{'reauth-coalesced'}, '1', 'coalesced across gateways');
is($again->{json}{attempt_id}, $id, 'a coalesced update has the same attempt');

# a poll through the other gateway changes the state
sandbox('POST', '/step/acct_1') for 1 .. 2;
$two->http('GET', "/api/authenticate/$id");
ok(wait_for { $one->http('GET', '/reauth/accounts/acct_1')->{json}{state}
    eq 'needs_otp' } 'a state that was seen there is known here');

# another update supersedes it
my $next = $two->update('acct_1', 'ok')->{json}{attempt_id};
isnt($next, $id, 'a different update has an attempt of its own');
ok(wait_for { ($one->http('GET', '/reauth/accounts/acct_1')->{json}{attempt_id}
    // '') eq $next } 'the first gateway knows the new attempt');

# a late fact about the old attempt changes nothing
$one->http('GET', "/api/authenticate/$id");
becomes($one, 'acct_1', 503, 'the old attempt does not open it');

sandbox('POST', '/finish/acct_1', { success => \1 });
$one->http('GET', "/api/authenticate/$next");
becomes($one, 'acct_1', 204, 'the gate opens on the gateway that polled');
becomes($two, 'acct_1', 204, 'the gate opens on the other gateway');

# ---- both at once ----

for my $round (1 .. 5) {
    my @pids = map {
        my $gateway = $_;
        my $pid = fork // die "fork: $!\n";

        if (!$pid) {
            $gateway->update("acct_r$round", 'slow');
            POSIX::_exit(0);
        }

        $pid;
    } $one, $two;

    waitpid $_, 0 for @pids;
}

is(scalar(grep { $_->{method} eq 'PUT' && $_->{target} =~ /acct_r/ }
    sandbox_log()), 5, 'the same update through both is sent once');

done_testing();
