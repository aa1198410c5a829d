# The client closes during an update: one that was sent is followed to its end,
# one that was not is dropped, and nothing remains of it.

use strict;
use warnings;

use IO::Socket::INET ();
use Test::More;
use Time::HiRes qw(sleep);

use Reauth::Peer ();
use Reauth::Test;

plan tests => 24;

# a response when the test permits it, by the name of the account
my $go = work_dir() . '/go';
my $peer = Reauth::Peer->start(sub {
    my ($request) = @_;

    wait_for { -e $go };
    return if $request =~ /acct_cut/;
    return Reauth::Peer::response('422 Unprocessable', '{"error":"NO"}')
        if $request =~ /acct_no/;
    return Reauth::Peer::accepted('auth_' . ($request =~ /acct_(\w+)/)[0]);
});

my $port = $peer->port;
my $gateway = gateway(config => <<"EOC");
location /api/authenticate {
    client_body_timeout 300ms;
    reauth_authenticate /upstream;
}
location /upstream/ {
    internal;
    proxy_pass http://127.0.0.1:$port/;
    proxy_set_header Authorization \$reauth_authorization;
    proxy_ignore_client_abort on;
}
location /heedless/ {
    internal;
    proxy_pass http://127.0.0.1:$port/;
    proxy_set_header Authorization \$reauth_authorization;
}
location /api/authenticate/acct_heedless/ { reauth_authenticate /heedless; }
location = /connections { stub_status; }
EOC

my $body = '{"email":"slow@example.com","password":"CANARY-password"}';

sub half_sent {
    my ($account, $part, %header) = @_;

    my $socket = IO::Socket::INET->new(
        PeerAddr => '127.0.0.1',
        PeerPort => $gateway->port,
    ) or die "cannot connect: $!\n";

    %header = (Host => 'localhost', 'Content-Type' => 'application/json',
        'Content-Length' => length $body, %header);
    delete $header{'Content-Length'} if $header{'Transfer-Encoding'};

    print {$socket} "PUT /api/authenticate/$account/credentials HTTP/1.1\r\n",
        (map { "$_: $header{$_}\r\n" } sort keys %header), "\r\n$part";
    $socket->flush;
    sleep 0.1;

    return $socket;
}

sub state_of {
    my ($account) = @_;

    return $gateway->http('GET', "/reauth/accounts/$account")->{json}{state}
        // 'none';
}

sub sent_and_gone {
    my ($account) = @_;

    my $socket = half_sent($account, $body);
    wait_for { state_of($account) eq 'starting' } "the update of $account";

    return close $socket;
}

sub settled {
    my ($account, $state) = @_;

    Reauth::Test::write_file($go, '');
    wait_for { state_of($account) eq $state };
    unlink $go;

    return is(state_of($account), $state, "$account is $state");
}

sub active_connections {
    return $gateway->http('GET', '/connections')->{body} =~ /connections: (\d+)/
        ? $1 : -1;
}

wait_for { $gateway->http('GET', '/reauth/readyz')->{body} =~ /"ready"/ }
    'the gateway is ready';

my $connections = active_connections();

# while the body is being sent

close half_sent('acct_half', substr $body, 0, 20);
close half_sent('acct_none', '');
close half_sent('acct_chunk', "10\r\n{\"email\"",
                'Transfer-Encoding' => 'chunked');
close half_sent('acct_asked', '', Expect => '100-continue');

{
    my $socket = half_sent('acct_slow', substr $body, 0, 20);
    my $answer = do { local $/; <$socket> };
    is($answer // '', '', 'a client that stops sending gets no response');
    ok(wait_for(sub { $gateway->access_log =~ m{acct_slow/.*" 408 } }),
       'a client that stops sending is logged as 408');
}

for my $account (qw(acct_half acct_none acct_chunk acct_asked acct_slow)) {
    is(state_of($account), 'none', "nothing is known of $account");
}

is(scalar($peer->requests), 0, 'an incomplete update is not sent');

# before the upstream responds

my $socket = half_sent('acct_ok', $body);
wait_for { state_of('acct_ok') eq 'starting' } 'the update';
close $socket;
sleep 0.1;
is(state_of('acct_ok'), 'starting', 'sent, not answered');
is($gateway->http('GET', '/api/acct_ok/chats')->{status}, 503,
   'the gate is closed');
settled('acct_ok', 'running');
is($gateway->http('GET', '/reauth/accounts/acct_ok')->{json}{attempt_id},
   'auth_ok', 'the attempt of a client that has gone is known');

sent_and_gone('acct_no');
settled('acct_no', 'rejected');

sent_and_gone('acct_cut');
settled('acct_cut', 'unknown');

# while it waits for another one, closed before the worker has noticed

sent_and_gone('acct_busy');
my @workers = $gateway->suspend;
close half_sent('acct_busy', $body =~ s/slow@/fast@/r);
$gateway->resume(@workers);
ok(wait_for(sub { $gateway->access_log =~ m{acct_busy/.*" 499 } }),
   'a caller that has gone waits no more');
settled('acct_busy', 'running');

# the outcome is known even without proxy_ignore_client_abort

sent_and_gone('acct_heedless');
settled('acct_heedless', 'running');
is($gateway->http('GET', '/api/acct_heedless/chats')->{status}, 503,
   'the gate is closed');

# the gateway works for the next client

my $answer = $gateway->update('acct_ok', { email => 'slow@example.com',
    password => 'CANARY-password' });
is($answer->{headers}{'reauth-coalesced'}, 1,
    'an identical update after the client has gone is coalesced');
is($answer->{json}{attempt_id}, 'auth_ok', 'gets what the first one got');

ok(wait_for(sub { active_connections() <= $connections }),
   'no connection is left');
unlike($gateway->error_log,
       qr/\[(?:alert|crit|emerg)\]|\[error\](?!.*upstream prematurely closed)/,
       'nothing in the error log that is not the upstream\'s');
unlike($gateway->error_log, qr/CANARY/, 'the log has no password');
is(join("\n", map { redis_cli('GET', $_) } grep { /:a:/ } redis_cli('--scan'))
   =~ /CANARY/ ? 1 : 0, 0, 'the password is not stored in Redis');
