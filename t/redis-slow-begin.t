# An update gets its turn while Redis is slow and the previous record is still
# being written: it is sent once and is not mistaken for another one.  If its
# client closes meanwhile, it is not sent, and is taken back.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep);
use Reauth::Stream ();
use Reauth::Test;

# with one worker all commands use one connection, with two workers two

my %arguments = (http_config => <<"EOC");
reauth_update_wait 30s;
EOC


sub begin {
    my ($gateway, $account, $password) = @_;

    my $stream = Reauth::Stream->open($gateway, 'PUT',
        "/api/authenticate/$account/credentials",
        { 'Content-Type' => 'application/json' },
        qq({"email":"slow\@example.com","password":"$password"}));

    return $stream;
}


sub sent {
    my ($account) = @_;

    return scalar grep { $_->{method} eq 'PUT' && $_->{account} eq $account }
        sandbox_log();
}


for my $workers (1, 2) {
    my $gateway = gateway(name => "workers-$workers", workers => $workers,
        counted => 1, %arguments);

    my $state = sub {
        return $gateway->http('GET', "/reauth/accounts/$_[0]")->{json}{state}
            // 'none';
    };

    # the second update's turn comes when the first has its response

    my $turn = sub {
        my ($account, @next) = @_;

        sandbox('POST', "/account/$account",
            { delay_ms => 600_000, next => \@next });

        my $one = begin($gateway, $account, 'one');
        wait_for { sent($account) } 'the first update is sent';
        my $two = begin($gateway, $account, 'two');
        $gateway->works_at(2);

        redis_pause();
        sandbox('POST', "/release/$account");
        my $answer = $one->finish;
        ok(wait_for(sub { $state->($account) eq 'starting' }),
            "$account: the second one has its turn");
        sleep 0.1;

        return $two, $answer;
    };

    my $sent = "acct_sent$workers";
    my ($two, $first) = $turn->($sent);
    redis_resume();
    my $second = $two->finish;
    is($second->{status}, 200, 'the second update is accepted');
    isnt($second->{json}{attempt_id}, $first->{json}{attempt_id},
        'the second update has an attempt of its own');
    is(sent($sent), 2, 'the upstream got it once');
    is($state->($sent), 'running', 'the second attempt is running');

    # ---- the client closes ----

    my $running = "acct_running$workers";
    ($two, $first) = $turn->($running);
    $two->close;
    sleep 0.1;
    redis_resume();
    ok(wait_for(sub { $state->($running) eq 'running' }),
        'the first attempt is running when the second client has gone');
    is($gateway->http('GET', "/reauth/accounts/$running")->{json}{attempt_id},
        $first->{json}{attempt_id},
        'the record has the ID of the first attempt');
    is(sent($running), 1, 'the upstream never got it');

    my $rejected = "acct_rejected$workers";
    ($two, $first) = $turn->($rejected, { status => 422, delay_ms => 600_000,
        body => '{"error":"NO"}' });
    $two->close;
    sleep 0.1;
    redis_resume();
    ok(wait_for(sub { $state->($rejected) eq 'rejected' }),
        'nothing ran before: open');
    is($gateway->update($rejected, 'ok')->{status}, 200,
        'the next one finds the way clear');
    is(stored($rejected, 'state'), 'running',
        'Redis knows it');

    $gateway->stop;
}

done_testing();
