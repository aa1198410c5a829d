# auth_basic, auth_request and "satisfy" together with the module: access
# requires both, and "satisfy any" does not skip the check of the caller.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use MIME::Base64 qw(encode_base64);
use Test::More;

use Reauth::Peer ();
use Reauth::Test redis => 0, sandbox => 0;

my $basic  = 'Basic ' . encode_base64('user:password', '');
my $bearer = 'Bearer token-of-alice';

# accepts the user, and reports the received headers

my $peer = Reauth::Peer->start(sub {
    my ($request) = @_;

    my ($sent) = $request =~ /^Authorization: (.*)\r$/mi;

    $sent //= 'none';

    return Reauth::Peer::response($sent eq $basic ? '200 OK' : '403 Forbidden',
        '{}') if $request =~ m{\AGET /who };
    return Reauth::Peer::accepted('auth_1') if $request =~ /\APUT /;
    return Reauth::Peer::response('200 OK', '{}', "X-Sent: $sent");
});

my $users   = secret_file('users', "user:{PLAIN}password\n", oct 644);
my $callers = secret_file('callers', 'alice sha256:'
    . sha256_hex('token-of-alice') . " all\n", oct 644);
my $key     = "reauth_key_file $ENV{TEST_NGINX_KEY_FILE};";
my $proxy   = 'proxy_pass http://fans_api/; reauth_gate on;'
    . ' proxy_set_header Authorization $reauth_authorization;';
my $basic_on = "auth_basic realm; auth_basic_user_file $users;";

my $gateway = gateway(
    without     => [qw(reauth_key_file)],
    http_config => 'upstream fans_api { server 127.0.0.1:' . $peer->port . '; }',
    config      => <<"EOC");
location /api/ { $basic_on $key $proxy }
location /api/authenticate { $basic_on $key reauth_authenticate /upstream; }
location /api/fansly/authenticate { $key reauth_authenticate /upstream; }
location /upstream/ { internal; $key $proxy }
location /reauth/ { $basic_on reauth_status; }

location /asked/api/ { auth_request /who; $key $proxy }
location /asked/called/api/ {
    auth_request /who; $key reauth_callers_file $callers; $proxy
}
location = /who { internal; proxy_pass http://fans_api; }

location /keyed/ {
    $key
    location /keyed/api/ { auth_request /keyed/who; $proxy }
    location = /keyed/who { internal; proxy_pass http://fans_api/who; }
}

location /any/allowed/api/ {
    satisfy any; allow all; $basic_on $key reauth_callers_file $callers; $proxy
}
location /any/denied/api/ {
    satisfy any; deny all; $basic_on $key reauth_callers_file $callers; $proxy
}
EOC

sub status_of {
    my ($path, $authorization, $method, $body) = @_;

    my $answer = $gateway->http($method // 'GET', $path,
        { $authorization ? (Authorization => $authorization) : () }, $body);

    is($answer->{headers}{'x-sent'},
        "Bearer $Reauth::Test::API_KEY", 'sent with the key, and nothing else')
        if $answer->{headers}{'x-sent'};

    return $answer->{status};
}

# ---- auth_basic sees the header before it is replaced by the key ----

for my $path ('/api/acct_1/me', '/reauth/accounts') {
    is(status_of($path, $basic), 200, "$path: a user is accepted");
    is(status_of($path, $bearer), 401,
        "$path: a request with a token only is rejected");
    is(status_of($path), 401,
        "$path: a request without credentials is rejected");
}

my @update = ('PUT', { email => 'a@example.com', password => 'x' });
my $update = '/api/authenticate/acct_1/credentials';

is(status_of($update, undef, @update), 401,
    'an update without credentials is rejected');
is((() = grep { /PUT/ } $peer->requests), 0,
    'an update without credentials is not sent');
is(status_of('/api/acct_1/me', $basic), 200,
    'an update without credentials closes no gate');
is(status_of($update, $basic, @update), 200, 'an update of a user is accepted');
is(status_of('/api/acct_1/me', $basic), 503, 'closes the gate');
is(status_of('/api/acct_1/me'), 401,
    'the gate is checked after the access phase');

# ---- auth_request, also without a key ----

is(status_of('/asked/api/acct_2/me', $basic), 200,
    'auth_request: a user is accepted');
is(status_of('/asked/api/acct_2/me'), 403,
    'auth_request: a request without credentials is rejected');
is(status_of('/keyed/api/acct_2/me', $basic), 403,
    'auth_request: a location with a key requires a caller');

# ---- the header of the caller is removed before ----

is(status_of('/asked/called/api/acct_2/me', $bearer), 403,
    'a caller whom auth_request does not know');
is(status_of('/asked/called/api/acct_2/me', $basic), 401,
    'auth_request: a user that is no caller is rejected');

# ---- satisfy any ----

is(status_of('/any/allowed/api/acct_2/me', $bearer), 200,
    'satisfy any: a caller is accepted');
is(status_of('/any/allowed/api/acct_2/me', $basic), 401, 'a user is no caller');
is(status_of('/any/allowed/api/acct_2/me'), 401,
    'satisfy any: an allowed address is no caller');
is(status_of('/any/denied/api/acct_2/me', $bearer), 401,
    'satisfy any: an unknown caller is rejected');

done_testing();
