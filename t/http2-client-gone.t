# Over HTTP/2, a client closes its stream or the connection: an update that was
# sent is followed to its end, one that was not is dropped.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep);

use Reauth::H2 ();
use Reauth::Peer ();
use Reauth::Test redis => 0, sandbox => 0;

my $go = work_dir() . '/go';

plan tests => 12;

my $peer = Reauth::Peer->start(sub {
    my ($request) = @_;

    wait_for { -e $go };
    return Reauth::Peer::accepted('auth_' . ($request =~ /acct_(\w+)/)[0]);
});

my $port = $peer->port;
my $gateway = gateway(listen => 'http2', config => <<"EOC");
location /upstream/ {
    internal;
    proxy_pass http://127.0.0.1:$port/;
    proxy_set_header Authorization \$reauth_authorization;
    proxy_ignore_client_abort on;
}
location = /connections { stub_status; }
EOC

my $body = '{"email":"slow@example.com","password":"CANARY-password"}';
my %json = ('content-type' => 'application/json');

sub path { return "/api/authenticate/$_[0]/credentials"; }

sub ask {
    my ($path) = @_;

    my $h2 = Reauth::H2->connect_to($gateway->port);
    my $answer = $h2->answer($h2->request('GET', $path));
    $h2->close;

    return $answer;
}

sub state_of {
    my ($account) = @_;

    return ask("/reauth/accounts/$account")->{body} =~ /"state":"(\w+)"/
        ? $1 : 'none';
}

sub settled {
    my ($account, $state) = @_;

    Reauth::Test::write_file($go, '');
    wait_for { state_of($account) eq $state };
    unlink $go;

    return is(state_of($account), $state, "$account is $state");
}

# while the body is being sent

my $h2 = Reauth::H2->connect_to($gateway->port);
my $stream = $h2->request('PUT', path('acct_half'), \%json,
    body => substr($body, 0, 20), open => 1);
sleep 0.1;
$h2->cancel($stream);

$stream = $h2->request('PUT', path('acct_none'), \%json, open => 1);
sleep 0.1;
$h2->close;

sleep 0.2;
is(state_of($_), 'none', "nothing is known of $_") for qw(acct_half acct_none);
is(scalar($peer->requests), 0, 'the upstream got nothing');

# before the upstream responds

$h2 = Reauth::H2->connect_to($gateway->port);
$stream = $h2->request('PUT', path('acct_stream'), \%json, body => $body);
wait_for { state_of('acct_stream') eq 'starting' } 'the update';
$h2->cancel($stream);
sleep 0.1;
is(state_of('acct_stream'), 'starting', 'the stream ends: sent, not answered');
settled('acct_stream', 'running');

$stream = $h2->request('PUT', path('acct_connection'), \%json, body => $body);
wait_for { state_of('acct_connection') eq 'starting' } 'the update';
$h2->close;
sleep 0.1;
is(state_of('acct_connection'), 'starting', 'the connection ends: the same');
settled('acct_connection', 'running');

# one of several on a connection

$h2 = Reauth::H2->connect_to($gateway->port);
my @streams = map {
    $h2->request('PUT', path("acct_$_"), \%json, body => $body)
} qw(one two);
wait_for { state_of('acct_two') eq 'starting' } 'both updates';
$h2->cancel($streams[0]);
Reauth::Test::write_file($go, '');
is($h2->answer($streams[1])->{status}, 200, 'the other stream has its answer');
settled($_, 'running') for qw(acct_one acct_two);
$h2->close;

ok(wait_for(sub { ask('/connections')->{body} =~ /connections: 1 / }),
   'no connection is left');
unlike($gateway->error_log, qr/CANARY|\[(?:error|alert|crit|emerg)\]/,
       'nothing in the error log');
