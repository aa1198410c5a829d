# A confined caller has access to active and ended attempts of its accounts; for
# attempts that are not known to be theirs, nothing is sent.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Test::More;

use Reauth::Test redis => 0, sandbox_options => ['--hold'];

my $callers = secret_file('callers', join('', map {
    "$_->[0] sha256:" . sha256_hex("token-of-$_->[0]") . " $_->[1]\n"
} ['alice', 'all accounts=acct_a*'], ['bob', 'all accounts=acct_b*'],
  ['root', 'all']), oct 644);

my $gateway = gateway(http_config => "reauth_callers_file $callers;");

sub ask {
    my ($caller, $method, $path, $body) = @_;

    return $gateway->http($method, $path,
        { Authorization => "Bearer token-of-$caller" }, $body)->{status};
}

sub poll { return ask($_[0], 'GET', "/api/authenticate/$_[1]"); }

sub attempt_of {
    my ($caller, $account) = @_;

    return $gateway->http('PUT', "/api/authenticate/$account/credentials",
        { Authorization => "Bearer token-of-$caller" },
        { email => 'otp@example.com', password => 'a' })->{json}{attempt_id};
}

my $own     = attempt_of('alice', 'acct_a1');
my $foreign = attempt_of('bob', 'acct_b1');
my $before  = scalar sandbox_log();

# ---- nothing is sent ----

for my $id ('auth_made_up', 'auth_' . 'x' x 64, $foreign) {
    is(poll('alice', $id), 403, "a poll of $id");
    is(ask('alice', 'PUT', "/api/authenticate/$id", { code => '123456' }), 403,
        "a code for $id is rejected");
    is(ask('alice', 'POST', "/api/authenticate/$id/send-email-to-creator"), 403,
        "an e-mail for $id is rejected");
}

is(scalar sandbox_log(), $before, 'nothing was sent');

# ---- active ----

is(poll('alice', $own), 200, 'a poll of an own one');
is(poll('bob', $own), 403,
    'a caller may not poll an attempt of another caller');
is(poll('root', $own), 200, 'an unconfined caller may poll the attempt');
is(poll('root', 'auth_made_up'), 404,
    'an unconfined caller may poll an unknown attempt');

# ---- ended ----

sandbox('POST', "/finish/$_") for qw(acct_a1 acct_b1);
is(poll('alice', $own), 200, 'a caller may poll the end of its own attempt');
is(poll('bob', $foreign), 200,
    'a second caller may poll the end of its own attempt');

$before = scalar sandbox_log();

is(poll('alice', $own), 200, 'a caller may poll its own ended attempt');
is(poll('bob', $foreign), 200,
    'a second caller may poll its own ended attempt');
is(scalar sandbox_log(), $before + 2, 'both are sent');

is(poll('bob', $own), 403, 'an ended one of another caller');
is(poll('alice', $foreign), 403,
    'a caller may not poll an ended attempt of another caller');
is(poll('alice', "${own}x"), 403,
    'an attempt whose ID begins alike is rejected');
is(scalar sandbox_log(), $before + 2,
    'rejected polls are not sent to the upstream');

# ---- many attempts in the same buckets; then another login ----

my %attempts;

for my $i (10 .. 40) {
    $attempts{"acct_a$i"} = attempt_of('alice', "acct_a$i");
    sandbox('POST', "/finish/acct_a$i");
    poll('alice', $attempts{"acct_a$i"});
}

is(scalar(grep { poll('alice', $_) == 200 } values %attempts), 31,
    '31 ended ones are known');
is(scalar(grep { poll('bob', $_) == 403 } values %attempts), 31,
    'the owners of 31 ended attempts are known');

my $next = attempt_of('alice', 'acct_a1');

is(poll('alice', $own), 403, 'an attempt before the last 32 is not known');
is(poll('alice', $next), 200, 'the last is');

$gateway->reload;

is(poll('alice', $_), 200,
    'ended attempts are known after a reload') for $next, $attempts{acct_a20};
is(poll('alice', 'auth_made_up'), 403,
    'an attempt that never existed is rejected');

done_testing();
