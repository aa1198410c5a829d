# After a change of the master secret, data in Redis cannot be used: a repeated
# update is sent again, and gets the response of the upstream.

use strict;
use warnings;

use Test::More;

use Reauth::Test sandbox_options => ['--hold'];

my $one_secret = secret_file('one_secret', "the-first-secret-of-thirty-two-bytes\n");
my $two_secret = secret_file('two_secret', "the-second-secret-of-thirty-two-bytes\n");

sub start {
    my ($name, $secret) = @_;

    my $gateway = gateway(
        name        => $name,
        workers     => 2,
        http_config => $secret ? "reauth_secret_file $secret;\n" : '',
    );

    # gateways with another secret are running, which readyz reports
    wait_for {
        my $ready = $gateway->http('GET', '/reauth/readyz')->{json};
        ($ready->{status} // '') eq 'ready'
            || ($ready->{reason} // '') =~ /^another gateway has another secret/
    } 'the gateway is connected to Redis';

    return $gateway;
}

sub sent { return scalar grep { $_->{method} eq 'PUT' } sandbox_log(); }

# Sends another update of the account; returns whether it was forwarded.  The
# response always has a deeplink, and nothing is logged.

sub update_by {
    my ($gateway, $coalesced, $what) = @_;

    my $before = sent();
    my $answer = $gateway->update('acct_1', { auth_type => 'mobile_app' });

    is($answer->{status}, 200, "$what: the status is 200");
    is($answer->{headers}{'reauth-coalesced'}, $coalesced ? 1 : undef,
        $coalesced ? "$what: the same answer" : "$what: an answer of its own");
    is(sent() - $before, $coalesced ? 0 : 1,
        $coalesced ? "$what: not sent" : "$what: sent");

    return like($answer->{json}{mobile_auth_session_deeplink},
        qr{\Afansapiauth://auth/}, "$what: the response has a deeplink");
}

# gateways know each other's updates

sub known {
    my ($gateway, $other) = @_;

    my $attempt = $other->http('GET', '/reauth/accounts/acct_1')
        ->{json}{attempt_id};

    return wait_for { ($gateway->http('GET', '/reauth/accounts/acct_1')
        ->{json}{attempt_id} // '') eq $attempt } 'the other gateway';
}

my $one  = start('one', $one_secret);
my $two  = start('two', $two_secret);
my $same = start('same', $one_secret);

update_by($one, 0, 'first');
known($_, $one) for $two, $same;
update_by($one, 1, 'again');
update_by($same, 1, 'with the same secret');

update_by($two, 0, 'with another secret');
known($_, $two) for $one, $same;
update_by($two, 1, 'again with that one');
update_by($one, 0, 'with the first again');

# ---- after a restart all data is in Redis ----

$one->restart;
wait_for { ($one->http('GET', '/reauth/readyz')->{json}{status} // '')
    eq 'ready' };
update_by($one, 1, 'after a restart');

# ---- the sealed value is damaged; the fingerprint is right ----

# the response itself is stored if it cannot be composed from the record

sub lose_response {
    my ($account) = @_;

    redis_cli('DEL', $_) for redis_cli('KEYS', "{reauth}:o:$account:*");

    return;
}

my $sealed = stored('acct_1', 'sealed');
like($sealed, qr/\A[0-9a-f]{64,}\z/, 'the record has a sealed value');

for my $damage (
    sub { $_[0] =~ s/(.)\z/$1 eq '0' ? '1' : '0'/er },
    sub { substr $_[0], 0, 40 },
    sub { 'ab' },
) {
    $one->stop;
    store('acct_1', sealed => $damage->($sealed));
    $one->launch;
    wait_for { ($one->http('GET', '/reauth/readyz')->{json}{status} // '')
        eq 'ready' };
    update_by($one, 1, 'damaged, but the response is kept');

    $one->stop;
    lose_response('acct_1');
    $one->launch;
    wait_for { ($one->http('GET', '/reauth/readyz')->{json}{status} // '')
        eq 'ready' };
    update_by($one, 0, 'damaged');
    $sealed = stored('acct_1', 'sealed');
}

# ---- the sealed value of another account ----

$one->update('acct_2', { auth_type => 'mobile_app' });
wait_for { stored('acct_2', 'sealed') };
my $other = stored('acct_2', 'sealed');
$one->stop;
store('acct_1', sealed => $other);
lose_response('acct_1');
$one->launch;
wait_for { ($one->http('GET', '/reauth/readyz')->{json}{status} // '')
    eq 'ready' };
update_by($one, 0, 'of another account');

# ---- the secret changes at run time ----

update_by($one, 1, 'before it changes');
secret_file('one_secret', "a-new-secret-of-at-least-32-bytes\n");
ok(wait_for { 2 <= (() = $one->error_log =~ /one_secret" has changed and was/g)
    } 'the secret is read again by each worker');
update_by($one, 0, 'after it has changed');
update_by($one, 1, 'with the new one');

# ---- the key from which it is derived without a secret ----

my $none = start('none', undef);
update_by($none, 0, 'from the API key');
update_by($none, 1, 'again from the API key');

for my $gateway ($one, $two, $same, $none) {
    $gateway->stop;
    is(join("\n", grep { /\[(?:warn|error|crit|alert|emerg)\]/ && !/reauth: another gateway has another/ }
        split /\n/, $gateway->error_log), '', 'nothing else in the log');
}

done_testing();
