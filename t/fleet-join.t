# Two gateways with one Redis: identical updates are sent to the upstream once,
# whichever gateway receives them and whatever the upstream responds.

use strict;
use warnings;

use Test::More;
use Reauth::Stream;
use Reauth::Test sandbox_options => ['--hold'];

my @gateways = map {
    gateway(name => $_, workers => 2, counted => 1, log_level => 'debug',
        http_config => 'reauth_update_wait 60s;')
} qw(one two);
my ($one, $two) = @gateways;

sub put {
    my ($gateway, $account, $password) = @_;

    return Reauth::Stream->open($gateway, 'PUT',
        "/api/authenticate/$account/credentials",
        { 'Content-Type' => 'application/json' },
        qq({"email":"slow\@example.com","password":"$password"}));
}

sub repeat {
    my ($gateway, $account, $password) = @_;

    return $gateway->http('PUT', "/api/authenticate/$account/credentials", {},
        { email => 'slow@example.com', password => $password });
}

sub received {
    my ($account) = @_;

    return grep { $_->{method} eq 'PUT' && $_->{account} eq $account }
        sandbox_log();
}

sub slow_upstream {
    my ($account, @next) = @_;

    return sandbox('POST', "/account/$account",
        { delay_ms => 600_000, next => \@next });
}

sub knows {
    my ($gateway, $account, $state) = @_;

    return wait_for(sub {
        ($gateway->http('GET', "/reauth/accounts/$account")->{json}{state}
            // '') eq $state;
    }, "$account to be $state");
}

sub finished {
    my ($stream) = @_;

    wait_for(sub { !$stream->is_open }, 'the response');

    return $stream->answer;
}

# A request that is received may still have to read the fingerprint from Redis.

sub waits {
    my ($gateway, $account, $n) = @_;

    return if $gateway->error_log !~ /\[debug\]/;

    return wait_for(sub {
        return $n <= (() = $gateway->error_log
            =~ /reauth coalesce: account "$account" waits for an identical/g);
    }, "$n updates of $account to wait");
}

# The update is sent through the first gateway; identical ones arrive at each
# gateway before the upstream responds.

sub join_there {
    my ($account, @next) = @_;

    slow_upstream($account, @next);

    # the other gateway may know of it before it is sent

    my $before = () = received($account);
    my $first  = put($one, $account, 'same');
    ok(wait_for(sub { $before < (() = received($account)) }, 'the update'),
        "$account: the first update is sent");
    ok(knows($two, $account, 'starting'), 'the other gateway knows');

    my @late = map { put($_, $account, 'same') } $two, $two, $one;
    $one->works_at(2);
    $two->works_at(2);
    waits($one, $account, 1);
    waits($two, $account, 2);

    sandbox('POST', "/release/$account");

    return map { finished($_) } $first, @late;
}

# ---- accepted ----

{
    my @answers = join_there('acct_yes');

    is(scalar(grep { $_->{status} == 200 } @answers), 4, 'all are accepted');
    is(scalar(grep { $_->{headers}{'reauth-coalesced'} } @answers), 3,
        'all but one share it');
    is(scalar(received('acct_yes')), 1, 'the upstream got one');

    is(repeat($two, 'acct_yes', 'same')->{headers}{'reauth-coalesced'}, '1',
        'a later identical update is coalesced');
    is(scalar(received('acct_yes')), 1, 'a coalesced update is not sent');
}

# ---- rejected ----

{
    my @answers = join_there('acct_no', { status => 422, delay_ms => 600_000,
        body => '{"error":"VALIDATION_ERROR"}' });

    is(scalar(grep { $_->{status} == 422 } @answers), 4, 'all are refused');
    is(scalar(received('acct_no')), 1, 'the upstream got one');
}

# ---- rejected while an attempt is active: its fingerprint is restored ----

{
    is(repeat($one, 'acct_back', 'first')->{status}, 200,
        'the first update is accepted');
    ok(knows($two, 'acct_back', 'running'), 'the other gateway knows');

    my @answers = join_there('acct_back', { status => 422, delay_ms => 600_000,
        body => '{"error":"VALIDATION_ERROR"}' });

    is(scalar(grep { $_->{status} == 422 } @answers), 4,
        'an update that the upstream refuses returns 422 to all');
    is(scalar(received('acct_back')), 2, 'the upstream got both');

    ok(knows($two, 'acct_back', 'running'), 'the first is active again');
    is(repeat($two, 'acct_back', 'first')->{headers}{'reauth-coalesced'}, '1',
        'an update identical to the active one is coalesced');
    is(scalar(received('acct_back')), 2,
        'an update identical to the active one is not sent');

    is(repeat($two, 'acct_back', 'same')->{headers}{'reauth-coalesced'}, undef,
        'an update identical to the refused one is not coalesced');
    is(scalar(received('acct_back')), 3,
        'an update identical to the refused one is sent');
}

# ---- facts of the other gateway do not change the result ----

{
    my $id = repeat($one, 'acct_step', 'same')->{json}{attempt_id};
    ok(knows($two, 'acct_step', 'running'),
        'the other gateway knows the running attempt');

    sandbox('POST', '/step/acct_step');
    sandbox('POST', '/account/acct_step', { story => 'otp' });
    $two->http('GET', "/api/authenticate/$id");

    is(length(stored('acct_step', 'fingerprint')), 64, 'Redis has it still');
    is(repeat($_, 'acct_step', 'same')->{headers}{'reauth-coalesced'}, '1',
        'a repeat shares it') for @gateways;
    is(scalar(received('acct_step')), 1, 'the upstream got one');
}

{
    my ($first, $there) = map {
        $_->http('PUT', '/api/authenticate/acct_app/credentials', {},
            { auth_type => 'mobile_app' })->{json}
    } @gateways;

    like($first->{mobile_auth_session_deeplink}, qr/\S/,
        'the response has a deeplink');
    is_deeply($there, $first, 'the other gateway returns the same response');
    is(scalar(received('acct_app')), 1, 'the upstream got one');
}

done_testing();
