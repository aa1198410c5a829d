# Updates of nonexistent accounts, in any number: their records live for minutes
# and do not displace others.

use strict;
use warnings;

use POSIX qw(strftime);
use Test::More;

use Reauth::Peer ();
use Reauth::Test sandbox => 0;

# an older attempt would be that of the previous session
sub done {
    my $now = strftime '%Y-%m-%dT%H:%M:%S.000000Z', gmtime;

    return '{"state":"authenticated","progress":"signed_in","lastAttempt":'
        . qq({"started_at":"$now","success":true,"completed_at":"$now"}});
}

my $peer = Reauth::Peer->start(sub {
    my ($request) = @_;

    return Reauth::Peer::accepted("auth_$1")
        if $request =~ m{\APUT /api/authenticate/acct_(real\d+)/}
        && $request !~ /refuse/;

    return Reauth::Peer::response('200 OK', done())
        if $request =~ m{\AGET /api/authenticate/auth_};

    return Reauth::Peer::response('404 Not Found',
        '{"error":"NOT_FOUND","message":"Account not found"}');
});

sub start {
    my ($name, @more) = @_;

    return gateway(
        name        => $name,
        http_config => 'reauth_zone accounts:128k;' . "\n" . 'upstream fans_api {'
            . ' server 127.0.0.1:' . $peer->port . '; keepalive 4; }',
        @more,
    );
}

sub real {
    my ($gateway, $name) = @_;

    $gateway->update("acct_$name", 'ok');
    $gateway->http('GET', "/api/authenticate/auth_$name");

    return;
}

sub state_of {
    my ($gateway, $account) = @_;

    return $gateway->http('GET', "/reauth/accounts/$account")->{json}{state}
        // 'none';
}


# ---- more than fit into the zone ----

my $alone = start('alone', without => ['reauth_redis']);
my @real  = map { "real$_" } 1 .. 40;

real($alone, $_) for @real;

my %statuses;
$statuses{ $alone->update("acct_no$_", 'ok')->{status} }++ for 1 .. 800;

is(join(' ', keys %statuses), '404', 'each is refused by the upstream');
is(scalar(grep { state_of($alone, "acct_$_") eq 'succeeded' } @real), 40,
    'the records of existing accounts are kept');
is(state_of($alone, 'acct_no800'), 'rejected', 'the last one, too');
cmp_ok($alone->http('GET', '/reauth/summary')->{json}{states}{rejected}, '<',
    800, 'rejected updates make room for others');

# ---- their lifetime in Redis ----

my $shared = start('shared');

$shared->update('acct_no1', 'ok');
$shared->update('acct_no1', 'ok');
real($shared, 'real1');

ok(wait_for { (stored('acct_no1', 'state') // '') eq 'rejected' }
    'a refused one');
cmp_ok(redis_cli('TTL', '{reauth}:a:acct_no1'), '<=', 300,
    'a rejected update of an unknown account is kept for minutes');

ok(wait_for { (stored('acct_real1', 'state') // '') eq 'succeeded' }
    'an attempt of an existing account has succeeded');
cmp_ok(redis_cli('TTL', '{reauth}:a:acct_real1'), '>', 80_000,
    'an attempt of an existing account is kept for a day');

is($shared->update('acct_real1', 'refuse')->{status}, 404,
    'an update of that one is refused');
ok(wait_for { (stored('acct_real1', 'state') // '') eq 'rejected' }
    'a rejected update of an existing account is recorded');
cmp_ok(redis_cli('TTL', '{reauth}:a:acct_real1'), '>', 80_000,
    'a rejected update of an existing account is kept for a day');

done_testing();
