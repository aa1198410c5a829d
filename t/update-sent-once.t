# An update is sent once, whatever proxy_next_upstream specifies: neither to
# another server nor over another connection.  A poll may be repeated.

use strict;
use warnings;

use Test::More;

use Reauth::Peer ();
use Reauth::Test redis => 0, sandbox => 0;

plan tests => 22;

# reads a request and does not respond
my $closing  = Reauth::Peer->start(sub { return });
my $resetting = Reauth::Peer->start(sub { return 'reset' });
my $failing  = Reauth::Peer->start(sub {
    return Reauth::Peer::response('503 Service Unavailable', '{"error":"X"}')
});

# keeps a connection for one request, and closes it when the second one arrives
my $stale = Reauth::Peer->start(sub {
    my ($request, $number) = @_;

    return if $number > 1;
    return Reauth::Peer::accepted('auth_stale');
});

my $good = Reauth::Peer->start(sub {
    return Reauth::Peer::accepted('auth_good')
});

sub upstream {
    my ($name, @peers) = @_;

    return "upstream $name {"
        . join('', map { ' server 127.0.0.1:' . $_->port . ' max_fails=0;' } @peers)
        . ' keepalive 4; }';
}

sub internal {
    my ($name) = @_;

    return <<"EOC";
location /api/authenticate/acct_$name/ { reauth_authenticate /$name; }
location /api/authenticate/auth_$name { reauth_authenticate /$name; }
location /$name/ {
    internal;
    proxy_pass http://$name/;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Authorization \$reauth_authorization;
    proxy_next_upstream error timeout invalid_header http_503 non_idempotent;
    proxy_next_upstream_tries 0;
}
EOC
}

my $gateway = gateway(
    without     => ['location /upstream/', 'location /api/',
        'location /api/authenticate', 'location /api/fansly/authenticate'],
    http_config => join("\n",
        upstream(closing   => $closing, $closing),
        upstream(resetting => $resetting, $good),
        upstream(failing   => $failing, $failing),
        upstream('stale', $stale)),
    config => join '', map { internal($_) }
        qw(closing resetting failing stale),
);

sub count {
    my ($peer, $method) = @_;

    return scalar grep { /^\d+ $method / } $peer->requests;
}

for my $case ([closing => $closing], [resetting => $resetting]) {
    my ($name, $peer) = @$case;
    my $answer = $gateway->update("acct_$name", 'slow');

    is($answer->{status}, 502, "$name: the update is rejected with 502");
    is($answer->{json}{error}, 'UPSTREAM_BAD_ANSWER',
        "$name: the error is UPSTREAM_BAD_ANSWER");
    is($answer->{headers}{'x-should-retry'}, 'false',
        "$name: the update must not be retried");
    is(count($peer, 'PUT'), 1, "$name: sent once");
    is($gateway->http('GET', "/reauth/accounts/acct_$name")->{json}{state},
       'unknown', "$name: nobody knows");
}

is(count($good, 'PUT'), 0, 'the next server got nothing');

{
    my $answer = $gateway->update('acct_failing', 'slow');
    is(count($failing, 'PUT'), 1, 'answered 503: sent once');
    isnt($answer->{status}, 200, 'an update that got 503 is not a success');
    is($answer->{headers}{'x-should-retry'}, 'false',
        'an update that got 503 must not be retried');
    is($gateway->http('GET', '/reauth/accounts/acct_failing')->{json}{state},
       'unknown', 'the outcome of an update that got 503 is unknown');
}

{
    my $answer = $gateway->update('acct_stale', 'one');
    is($answer->{status}, 200, 'a connection that is kept');

    $answer = $gateway->update('acct_stale', 'two');
    is($answer->{status}, 502, 'an update over a stale connection gets 502');
    is($answer->{headers}{'x-should-retry'}, 'false',
        'an update over a stale connection must not be retried');
    is(count($stale, 'PUT'), 2, 'sent once over it');
    is($gateway->http('GET', '/reauth/accounts/acct_stale')->{json}{state},
       'unknown',
       'the outcome of an update over a stale connection is unknown');
}

{
    my $before = count($closing, 'GET');
    my $answer = $gateway->http('GET', '/api/authenticate/auth_closing');
    is($answer->{status}, 502, 'a poll over closed connections gets 502');
    is(count($closing, 'GET') - $before, 2,
        'a poll is sent to a second server');
}
