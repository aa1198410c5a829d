# Headers that some programs read as another method or path, and credentials for
# proxies, are not sent with the key, and an argument that names another method is rejected in the
# authenticate family.

use strict;
use warnings;

use Test::More;

use Reauth::H2 ();
use Reauth::Peer ();
use Reauth::Test redis => 0, sandbox => 0;

my @dropped = qw(
    X-HTTP-Method X-HTTP-Method-Override X-Method X-Method-Override
    X-Original-Method X-Forwarded-Method X-Original-Path X-Original-URI
    X-Original-URL X-Override-URL X-Rewrite-URI X-Rewrite-URL X-Replaced-Path
    X-Request-URI X-Envoy-Original-Path X-Forwarded-Path X-Forwarded-Prefix
    X-Forwarded-Uri X-Forwarded-URL X-Script-Name X-Override-Method
    X-Requested-Method X-Original-HTTP-Method X-Envoy-Original-Method
    X-HTTP-Path-Override X-Original-Request-URI X-WAWS-Unencoded-URL
    X-Rewrite-Path X-Forwarded-Base X-Forwarded-Request-URI X-Forwarded-Scheme
    X-Forwarded-Server X-Forwarded-Ssl Proxy-Authorization
);

my @passed = qw(X-Request-Id X-Methods X-Original X-Forwarded-For X-Url Accept);

my $peer = Reauth::Peer->start(sub {
    my ($request) = @_;

    return Reauth::Peer::accepted('auth_1') if $request =~ /\APUT /;
    return Reauth::Peer::response('200 OK', $request);
});

my $h2_port = free_port();
my $gateway = gateway(
    http_config => 'upstream fans_api { server 127.0.0.1:' . $peer->port
        . '; keepalive 8; }',
    config => <<"EOC");
listen 127.0.0.1:$h2_port http2;
location /api/ { reauth_gate on; proxy_pass http://fans_api;
    proxy_set_header Authorization \$reauth_authorization; }
location /own/ { proxy_pass http://fans_api;
    proxy_set_header X-Forwarded-Prefix /own; }
location /key/ { proxy_pass http://fans_api;
    proxy_set_header Authorization \$reauth_authorization; }
EOC

my $h2 = Reauth::H2->connect_to($h2_port);

my %ask = (
    'HTTP/1.1' => sub {
        my ($path, $header) = @_;
        my $answer = $gateway->http('GET', $path, $header);
        return $answer->{body};
    },
    'HTTP/2' => sub {
        my ($path, $header) = @_;
        my %lower = map { lc $_ => $header->{$_} } keys %$header;
        return $h2->answer($h2->request('GET', $path, \%lower))->{body};
    },
);

for my $protocol (sort keys %ask) {
    for my $name (@dropped, map { uc } @dropped[0, 8]) {
        my $sent = $ask{$protocol}->('/api/acct_1/me',
            { $name => 'evil-value', 'X-Kept' => 'kept' });

        unlike($sent, qr/evil-value|^\Q$name\E:/mi, "$protocol, $name: not sent");
        like($sent, qr/^X-Kept: kept\r$/mi,
            "$protocol, $name: a header beside it is sent");
    }

    for my $name (@passed) {
        like($ask{$protocol}->('/api/acct_1/me', { $name => 'a-value' }),
            qr/^\Q$name\E: a-value\r$/mi, "$protocol, $name: sent");
    }

    my $sent = $ask{$protocol}->('/api/acct_1/me',
        { map { $_ => 'evil-value' } @dropped });
    unlike($sent, qr/evil-value/, "$protocol, all at once: not sent");

    $sent = $ask{$protocol}->('/own/acct_1',
        { 'X-Forwarded-Prefix' => 'evil-value' });
    like($sent, qr{^X-Forwarded-Prefix: /own\r$}mi,
        "$protocol: a header set by the location is sent");
    unlike($sent, qr/evil-value/, "$protocol: the client's header is not sent");
}

# ---- names with other characters, which CGI, FastCGI and WSGI equate ----

my %odd = map {
    $_ => gateway(
        http_config => 'upstream fans_api { server 127.0.0.1:' . $peer->port
            . "; } $_;",
        config => <<'EOC')
location /api/ { reauth_gate on; proxy_pass http://fans_api;
    proxy_set_header Authorization $reauth_authorization; }
EOC
} 'ignore_invalid_headers off', 'underscores_in_headers on';

my $h2_odd_port = free_port();
my $h2_odd = gateway(
    http_config => 'upstream fans_api { server 127.0.0.1:' . $peer->port
        . '; } ignore_invalid_headers off;',
    config => <<"EOC");
listen 127.0.0.1:$h2_odd_port http2;
location /api/ { reauth_gate on; proxy_pass http://fans_api;
    proxy_set_header Authorization \$reauth_authorization; }
EOC

my $h2_of_odd = Reauth::H2->connect_to($h2_odd_port);

my %ask_odd = (
    (map {
        my $how = $_;
        $how => sub { $odd{$how}->http('GET', '/api/acct_1/me', $_[0])->{body} };
    } keys %odd),
    'HTTP/2' => sub {
        my %lower = map { lc $_ => $_[0]{$_} } keys %{ $_[0] };
        my $stream = $h2_of_odd->request('GET', '/api/acct_1/me', \%lower);
        return $h2_of_odd->answer($stream)->{body};
    },
);

for my $how (sort keys %ask_odd) {
    my @evil;

    for my $name (@dropped) {
        (my $all = $name) =~ s/-/_/g;
        (my $first = $name) =~ s/-/_/;
        (my $dots = $name) =~ s/-/./g;

        push @evil, $all, $first;
        push @evil, $dots if $how !~ /underscores/;
    }

    # those that nginx knows, or that configurations set or remove

    push @evil, qw(Authorization_ Authorization- Authorization--
        X-Forwarded-For- Content-Length- X-HTTP-Method- X_Forwarded_For X_Forwarded-Host
        X-Forwarded_Port X_FORWARDED_PROTO X_Real_IP Content_Length
        Content-Type_ Transfer_Encoding If_None_Match);
    push @evil, qw(Authorization. Transfer.Encoding X.Forwarded.For Host!)
        if $how !~ /underscores/;

    for my $name (@evil) {
        my $sent = $ask_odd{$how}->({ $name => 'evil-value', X_Kept => 'kept' });

        unlike($sent, qr/evil-value|^\Q$name\E:/mi, "$how, $name: not sent");
        like($sent, qr/^X_Kept: kept\r$/mi,
            "$how, $name: a header beside it is sent");
    }
}

# ---- the target is sent as it is, with a fragment: also without a gate ----

for my $protocol (sort keys %ask) {
    for my $path ('/key/x?a=1#&b=2', '/key/x#y', '/key/x?#') {
        like($ask{$protocol}->($path, {}), qr/"error":\s*"BAD_PATH"/,
            "$protocol, $path: rejected in a location with a key");
    }

    like($ask{$protocol}->('/key/x?a=1%23', {}), qr{^GET /key/x\?a=1%23 HTTP},
        "$protocol: an encoded # in a value is sent");
}

# ---- the authenticate family ----

my $poll = $gateway->http('GET', '/api/authenticate/auth_1',
    { map { $_ => 'evil-value' } @dropped });
unlike($poll->{body}, qr/evil-value/, 'a poll: not sent');

my $before = () = $peer->requests;

for my $query ('_method=DELETE', 'a=1&_METHOD=PUT', '%5Fmethod=PUT',
    '_method[]=PUT')
{
    my $answer = $gateway->http('GET', "/api/authenticate/auth_1?$query");

    is($answer->{status}, 400, "?$query: the status is 400");
    is($answer->{json}{error}, 'BAD_QUERY', "?$query: the error is BAD_QUERY");
}

# nginx ends the arguments at "#", but would send all

is($gateway->http('GET', '/api/authenticate/auth_1?a=1#&_method=DELETE')
    ->{json}{error}, 'BAD_PATH', 'an argument after a fragment is rejected');

my $after = () = $peer->requests;
is($after, $before, 'nothing of that is sent');

is($gateway->http('GET', '/api/authenticate/auth_1?a=_method')->{status}, 200,
    'an argument with a different name is accepted');

like($ask{'HTTP/1.1'}->('/api/acct_1/me?_method=GET', {}),
    qr{^GET /api/acct_1/me\?_method=GET HTTP}, 'an ordinary call goes as it is');

done_testing();
