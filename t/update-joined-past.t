# Identical updates wait for the response to the first one and check for it from
# time to time.  The login may have ended or been superseded by then: they get
# what is known, and are never sent after a newer update.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);
use Reauth::Stream ();
use Reauth::Test sandbox_options => ['--hold'];

my $gateway = gateway(counted => 1);


sub begin {
    my ($account) = @_;

    return Reauth::Stream->open($gateway, 'PUT',
        "/api/authenticate/$account/credentials",
        { 'Content-Type' => 'application/json', Host => 'gateway.example' },
        '{"email":"ok@example.com","password":"secret"}');
}


# Three identical updates; the upstream has one of them and does not respond
# yet.

sub wait_for_first {
    my ($account) = @_;

    sandbox('POST', "/account/$account", { delay_ms => 600_000 });

    my $first = begin($account);
    ok(wait_for(sub { stored($account, 'state') eq 'starting' }),
        "$account: the first is being sent");

    my @joined = map { begin($account) } 1 .. 2;
    $gateway->works_at(3);
    is($gateway->http('GET', "/reauth/accounts/$account")->{json}{state},
        'starting', 'the others wait');

    return ($first, @joined);
}


sub sent {
    my ($account) = @_;

    return scalar grep { $_->{method} eq 'PUT' && $_->{account} eq $account }
        sandbox_log();
}


{
    my ($first, @joined) = wait_for_first('acct_ended');

    store_and_tell('acct_ended', state => 'succeeded', attempt => 'auth_ended1',
        completed_at => int(1e6 * time));

    for my $answer (map { $_->finish } @joined) {
        is($answer->{status}, 200,
            'an update whose login has ended gets the 200 code');
        is($answer->{json}{attempt_id}, 'auth_ended1',
            'an update whose login has ended gets the attempt');
        is($answer->{headers}{'reauth-coalesced'}, '1',
            'an update whose login has ended is coalesced');
    }

    sandbox('POST', '/release/acct_ended');
    $first->finish;
    is(sent('acct_ended'), 1, 'the upstream got one');
}

{
    my ($first, @joined) = wait_for_first('acct_newer');
    my $record = stored('acct_newer');

    store_and_tell('acct_newer', state => 'running', attempt => 'auth_newer1',
        epoch => $record->{epoch} + 1024 * 100,
        since => $record->{since} + 100,
        fingerprint => 'ab' x 32);

    for my $answer (map { $_->finish } @joined) {
        is($answer->{status}, 409,
            'an update that was superseded while it waited is rejected');
        is($answer->{json}{error}, 'UPDATE_SUPERSEDED',
            'the error of a superseded update is UPDATE_SUPERSEDED');
        like($answer->{json}{description}, qr/not sent/,
            'the error of a superseded update says that it is not sent');
        is($answer->{headers}{'x-should-retry'}, 'false',
            'no client does it by itself');
    }

    sandbox('POST', '/release/acct_newer');
    $first->finish;
    is(sent('acct_newer'), 1, 'no old one was sent after it');
}

# ---- an older response of the account in place of this one ----

{
    sandbox('POST', '/account/acct_pasted', { next => [ { status => 422,
        body => '{"error":"VALIDATION_ERROR","message":"an older one"}' } ] });
    is(begin('acct_pasted')->finish->{status}, 422, 'an update is refused');

    my ($old) = redis_cli('KEYS', '{reauth}:o:acct_pasted:*');
    like($old, qr/:\d+\z/, 'the response to the old update is stored');

    my ($first, @joined) = wait_for_first('acct_pasted');
    my $new = '{reauth}:o:acct_pasted:' . stored('acct_pasted', 'epoch');

    isnt($new, $old, 'the response to the new update has a different key');
    redis_cli('COPY', $old, $new);

    # only the response to the first one is still delayed
    sandbox('POST', '/account/acct_pasted', { delay_ms => 0 });
    store_and_tell('acct_pasted', state => 'rejected',
        completed_at => int(1e6 * time));

    is($_->finish->{status}, 200, 'a waiting update gets the 200 code')
        for @joined;

    sandbox('POST', '/release/acct_pasted');
    $first->finish;
    is(sent('acct_pasted'), 3,
        'a waiting update is sent instead of getting a foreign response');
}

done_testing();
