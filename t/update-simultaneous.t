# Updates of one account at the same time: identical ones are sent once,
# different ones are sent in turn, and one that waits too long gets an error.

use strict;
use warnings;

use IO::Select ();
use IO::Socket::INET ();
use Test::More;
use Time::HiRes qw(sleep time);

use Reauth::Test;

plan tests => 25;

my $gateway   = gateway(workers => 2, http_config => 'reauth_update_wait 60s;',
    counted => 1);
my $impatient = gateway(name => 'impatient', workers => 2,
    http_config => 'reauth_update_wait 600ms;');

wait_for { $_->http('GET', '/reauth/readyz')->{body} =~ /"ready"/ }
    'the gateway to be ready' for $gateway, $impatient;

sub body {
    my ($password) = @_;

    return qq({"email":"slow\@example.com","password":"$password"});
}

sub send_one {
    my ($account, $password, $to) = @_;

    my $body = body($password);
    my $socket = IO::Socket::INET->new(
        PeerAddr => '127.0.0.1',
        PeerPort => ($to // $gateway)->port,
    ) or die "cannot connect: $!\n";

    print {$socket} "PUT /api/authenticate/$account/credentials HTTP/1.1\r\n",
        "Host: localhost\r\nConnection: close\r\n",
        "Content-Type: application/json\r\n",
        'Content-Length: ', length $body, "\r\n\r\n$body";
    $socket->flush;

    return $socket;
}

sub answers {
    my (@sockets) = @_;

    return map {
        my $socket = $_;
        my $text = '';
        while (IO::Select->new($socket)->can_read($Reauth::Test::LIMIT)) {
            sysread $socket, $text, 65536, length $text or last;
        }
        Reauth::Test::parse_answer($text);
    } @sockets;
}

sub received {
    my ($account) = @_;

    return grep { $_->{method} eq 'PUT' && $_->{account} eq $account }
        sandbox_log();
}

# An update that is being sent before the next ones arrive.

sub send_first {
    my ($account, $password, $to) = @_;

    my $socket = send_one($account, $password, $to);
    wait_for { received($account) } "the first update of $account";

    return $socket;
}

# Responds when the test permits it.

sub slow_upstream {
    my ($account, @next) = @_;

    return sandbox('POST', "/account/$account",
                   { delay_ms => 600_000, next => \@next });
}

sub answer_now {
    my ($account) = @_;

    return sandbox('POST', "/release/$account");
}

{
    slow_upstream('acct_same');
    my @sockets = map { send_one('acct_same', 'one') } 1 .. 8;
    $gateway->works_at(8);
    wait_for { received('acct_same') } 'the first one';
    answer_now('acct_same');
    my @answers = answers(@sockets);

    is(grep({ $_->{status} == 200 } @answers), 8, 'equal: all are taken');
    is(keys %{ { map { $_->{json}{attempt_id} => 1 } @answers } }, 1,
       'all get one attempt');
    is(grep({ $_->{headers}{'reauth-coalesced'} } @answers), 7,
       'all but one are marked as coalesced');
    is(scalar(received('acct_same')), 1, 'the upstream got one');
}

{
    slow_upstream('acct_no', { status => 422, delay_ms => 600_000,
        body => '{"error":"VALIDATION_ERROR"}' });
    my @sockets = map { send_one('acct_no', 'one') } 1 .. 4;
    $gateway->works_at(4);
    wait_for { received('acct_no') } 'the first one';
    answer_now('acct_no');
    my @answers = answers(@sockets);

    is(grep({ $_->{status} == 422 } @answers), 4,
       'equal: the upstream\'s no is for all');
    is(scalar(received('acct_no')), 1,
        'identical updates that are rejected are sent once');
    is($gateway->http('GET', '/reauth/accounts/acct_no')->{json}{state},
       'rejected', 'the state after a rejection is "rejected"');
}

{
    slow_upstream('acct_turns');
    my $first = send_first('acct_turns', 'one');
    my $second = send_one('acct_turns', 'two');
    $gateway->works_at(2);
    answer_now('acct_turns');
    my @answers = answers($first, $second);
    my @received = received('acct_turns');

    is($answers[0]{status}, 200, 'different: the first is taken');
    is($answers[1]{status}, 200, 'different: the second is taken');
    isnt($answers[0]{json}{attempt_id}, $answers[1]{json}{attempt_id},
         'different: the second has an attempt of its own');
    is($answers[1]{headers}{'reauth-coalesced'}, undef,
        'different: the second is not coalesced');
    is(scalar(@received), 2, 'the upstream got both');
    is($received[1]{body} =~ /two/ ? 1 : 0, 1,
        'different: the updates are sent in their order');
    is($gateway->http('GET', '/reauth/accounts/acct_turns')
       ->{json}{attempt_id}, $answers[1]{json}{attempt_id},
       'the second one counts');
}

{
    slow_upstream('acct_late');
    my $first = send_first('acct_late', 'one', $impatient);
    my $started = time;
    my $second = send_one('acct_late', 'two', $impatient);
    my ($answer) = answers($second);
    my $waited = time - $started;

    is($answer->{status}, 409, 'an update that waits too long is rejected');
    is($answer->{json}{error}, 'UPDATE_IN_PROGRESS',
        'the error of an update that waits too long is UPDATE_IN_PROGRESS');
    like($answer->{headers}{'retry-after'} // '', qr/\A[1-9]\d*\z/,
         'an update that waits too long gets Retry-After');
    cmp_ok($waited, '>=', 0.6,
        'an update is rejected only after reauth_update_wait');
    answer_now('acct_late');
    is((answers($first))[0]{status}, 200, 'the first one is taken');
    is(scalar(received('acct_late')), 1, 'the upstream got only that one');
}

{
    slow_upstream('acct_left');
    my $first = send_first('acct_left', 'one');
    my $second = send_one('acct_left', 'two');
    $gateway->works_at(2);
    close $second;
    $gateway->works_at(1);
    answer_now('acct_left');
    is((answers($first))[0]{status}, 200,
        'the first update is accepted after the second has gone');
    sleep 0.3;
    is(scalar(received('acct_left')), 1,
        'an update whose client has gone is not sent');
}

{
    slow_upstream('acct_leader');
    my $first = send_first('acct_leader', 'one');
    my $second = send_one('acct_leader', 'one');
    $gateway->works_at(2);
    close $first;
    sleep 0.1;
    answer_now('acct_leader');
    my ($answer) = answers($second);
    is($answer->{status}, 200, 'the one that was sent goes away');
    is(scalar(received('acct_leader')), 1, 'the other has its answer');
}

unlike($gateway->error_log . $impatient->error_log, qr/\[(?:error|alert|crit|emerg)\]/,
       'nothing in the error log');
