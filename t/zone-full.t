# A zone that is too small: ended records are dropped first, active ones never
# silently, and an update that finds no room gets an error.

use strict;
use warnings;

use Test::More;
use Reauth::Test redis => 0, sandbox_options => ['--hold'];

my $gateway = gateway(http_config => 'reauth_zone accounts:128k;');


sub summary { return $gateway->http('GET', '/reauth/summary')->{json}; }

sub closed {
    my ($account) = @_;

    return $gateway->http('GET', "/reauth/gate/$account")->{status} == 503;
}


# ---- the first record ----

my $id = $gateway->update('acct_first', 'ok')->{json}{attempt_id};
ok(closed('acct_first'), 'the first one is closed');

# ---- more ended records than fit ----

my $most = 0;

for my $n (1 .. 600) {
    my $status = $gateway->update("acct_ended$n", 'limit')->{status};

    if ($status != 429) {
        fail("update $n: $status");
        last;
    }

    next if $n % 50;

    my $accounts = summary()->{zone}{accounts};
    $most = $accounts if $accounts > $most;
}

cmp_ok($most, '<', 601, 'not all of them are kept');
cmp_ok(summary()->{states}{rejected}, '>', 20, 'many ended records are kept');
is(summary()->{zone}{dropped}, 0, 'nothing was dropped');
is($gateway->http('GET', '/reauth/accounts/acct_ended600')->{json}{state},
    'rejected', 'the newest is there');
is($gateway->http('GET', '/reauth/accounts/acct_ended1')->{status}, 404,
    'the oldest is gone');
ok(closed('acct_first'), 'the active one is closed still');

# ---- more active records than fit ----

my @active;
my $refused;

for my $n (1 .. 300) {
    my $answer = $gateway->update("acct_active$n", 'ok');

    if ($answer->{status} != 200) {
        $refused = $answer;
        last;
    }

    push @active, "acct_active$n";
}

cmp_ok(scalar @active, '>', 20, 'many fit: ' . @active);
is($refused->{status}, 503, 'an update that finds no room is refused');
is($refused->{json}{error}, 'STORE_UNAVAILABLE',
    'the error of a full zone is STORE_UNAVAILABLE');
ok($refused->{headers}{'retry-after'},
    'the response of a full zone has Retry-After');
like($gateway->error_log, qr/\[alert\].*reauth_zone "accounts" is full/,
    'the log says that it is full');
cmp_ok(summary()->{zone}{dropped}, '>', 0,
    'the summary counts dropped records');

is(scalar(grep { !closed($_) } 'acct_first', @active), 0,
    'all that were taken are closed');
is(summary()->{active}, 1 + @active, 'all active attempts are counted');

my $next = 'acct_active' . (1 + @active);
ok(!closed($next), 'the one that was refused is open');
is((grep { ($_->{account} // '') eq $next } sandbox_log()), 0,
    'an update that finds no room is not sent');

# ---- an end makes room ----

sandbox('POST', '/finish/acct_first', { success => \1 });
is($gateway->http('GET', "/api/authenticate/$id")->{status}, 200,
    'a poll reports the end of an attempt');
ok(!closed('acct_first'), 'the gate of the ended attempt is open');
is($gateway->update($next, 'ok')->{status}, 200,
    'an update is accepted when there is room again');
ok(closed($next), 'the gate of the new attempt is closed');

# another update of an active account needs no more room
is($gateway->update($active[0], 'slow')->{status}, 200,
    'an active one can be updated again');

done_testing();
