# Updates that wait for the response to another one count for reauth_wait_max;
# beyond it, an update and its body are rejected.

use strict;
use warnings;

use Test::More;

use Reauth::Peer ();
use Reauth::Stream ();
use Reauth::Test redis => 0, sandbox => 0;

my $go = work_dir() . '/go';

my $peer = Reauth::Peer->start(sub {
    my ($request) = @_;

    return Reauth::Peer::response('500 Error', '{}') if $request !~ /\APUT /;

    wait_for { -e $go };

    return Reauth::Peer::accepted('auth_1');
});

my $gateway = gateway(counted => 1,
    http_config => "reauth_wait_max 4;\nreauth_update_wait 60s;\n"
    . 'upstream fans_api { server 127.0.0.1:' . $peer->port . '; }');

sub send_one {
    my ($password) = @_;

    return Reauth::Stream->open($gateway, 'PUT',
        '/api/authenticate/acct_1/credentials',
        { 'Content-Type' => 'application/json' },
        qq({"email":"a\@example.com","password":"$password"}));
}

my $first = send_one('a');
ok(wait_for { $gateway->http('GET', '/reauth/gate/acct_1')->{status} == 503 }
    'the first one is being sent');

my @equal  = map { send_one('a') } 1 .. 3;
my @others = (send_one('b'));
$gateway->works_at(5);
ok($_->is_open, 'an update within the limit waits') for @equal, @others;

for my $password ('a', 'b', 'c') {
    my $answer = send_one($password)->finish;

    is($answer->{status}, 409, "\"$password\" is one too many");
    is($answer->{json}{error}, 'UPDATE_IN_PROGRESS',
        'the error of a rejected update is UPDATE_IN_PROGRESS');
    ok($others[0]->is_open, 'the rejection does not wait for a response');
}

is($gateway->http('GET', '/reauth/accounts?wait=1s')->{status}, 200,
    'a status request has a place of its own');
like($gateway->error_log, qr/4 updates are waiting in this worker.*reauth_wait_max/,
    'rejected updates are logged');

$others[0]->close;
ok(wait_for { $gateway->access_log =~ /" 499 / }
    'the connection of a waiting update is closed');
push @equal, send_one('a');
$gateway->works_at(5);
ok($equal[-1]->is_open, 'the next update takes the free place');

Reauth::Test::write_file($go, '');
is($_->finish->{status}, 200,
    'each waiting update gets a response') for $first, @equal;
is((() = grep { /PUT/ } $peer->requests), 1, 'identical updates are sent once');

my @waiting = map {
    Reauth::Stream->open($gateway, 'GET', '/reauth/accounts?wait=1s')
} 1 .. 4;
is($_->finish->{status}, 200, 'all places are free again') for @waiting;

done_testing();
