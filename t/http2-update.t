# The same over HTTP/2: a body requires no length, names are in lower case, and
# Host is :authority.

use strict;
use warnings;

use JSON::PP ();
use Test::More;

use Reauth::H2 ();
use Reauth::Test redis => 0;

plan tests => 25;

my $gateway = gateway(listen => 'http2');
my $h2 = Reauth::H2->connect_to($gateway->port);

sub ask {
    my ($method, $path, $headers, $body) = @_;

    my $answer = $h2->answer($h2->request($method, $path, $headers,
        defined $body ? (body => $body) : ()));
    $answer->{json} = eval { JSON::PP::decode_json($answer->{body}) };

    return $answer;
}

sub put {
    my ($account, $body) = @_;

    return ask('PUT', "/api/authenticate/$account/credentials",
        { 'content-type' => 'application/json' }, $body);
}

my $login = '"email":"slow@example.com","password":"secret"}';

# an update, its record, and the gate

my $answer = put('acct_1', "{$login");
my $attempt = $answer->{json}{attempt_id};

is($answer->{status}, 200, 'an update by HTTP/2 is accepted');
is($answer->{json}{polling_url},
   "http://localhost/api/authenticate/$attempt", 'polling_url leads here');
is((sandbox_log())[-1]{body}, qq({"auth_type":"email_password",$login),
   'the upstream gets the normalized body');
is((sandbox_log())[-1]{headers}{authorization},
   "Bearer $Reauth::Test::API_KEY", 'the upstream gets the API key');
is(ask('GET', '/reauth/accounts/acct_1')->{json}{state}, 'running',
    'an attempt by HTTP/2 is running');
is(ask('GET', '/api/acct_1/chats')->{status}, 503, 'the gate is closed');

# a host with a port, a token

$answer = $h2->answer($h2->request('PUT',
    '/api/authenticate/acct_2/credentials',
    { 'content-type' => 'application/json', 'authorization' => 'Bearer mine' },
    body => "{$login", authority => 'gateway.internal:8080'));
like($answer->{body},
     qr{"polling_url":"http://gateway\.internal:8080/api/authenticate/auth_},
     'polling_url leads to that host');
is((sandbox_log())[-1]{headers}{authorization},
   "Bearer $Reauth::Test::API_KEY", 'the token does not go out');

# a poll

$answer = ask('GET', "/api/authenticate/$attempt");
is($answer->{status}, 200, 'a poll by HTTP/2 is accepted');
is($answer->{json}{account}{id}, 'acct_1',
    "the upstream's response to a poll is passed");

# errors

$answer = put('acct_3', '{"email":"nobody"}');
is($answer->{status}, 422, 'invalid fields are rejected with the 422 code');
is_deeply([sort keys %{ $answer->{json}{errors} }], [qw(email password)],
          'the error lists all invalid fields');

$answer = ask('PUT', '/api/authenticate/acct_3/credentials');
is($answer->{status}, 422, 'an update without a body is rejected');

$answer = put('acct_3', '');
is($answer->{status}, 422, 'an update with an empty body is rejected');

$answer = put('acct_3', '{"email":CANARY}');
is($answer->{status}, 400, 'a body that is not JSON is rejected');
is($answer->{json}{error}, 'INVALID_JSON',
    'the error of a body that is not JSON is INVALID_JSON');

# the maximum size

$answer = put('acct_4',
    '{"x":"' . 'x' x (65_536 - length(qq({"x":"",$login))) . qq(",$login));
is($answer->{status}, 200, 'a body of 64 KB is accepted');

# errors of the upstream

for my $case ([limit => 429, qr/RATE_LIMIT/], [down => 502, qr/<!DOCTYPE html>/])
{
    my ($story, $status, $text) = @$case;
    $answer = put('acct_5', $login =~ s/slow/$story/r =~ s/\A/{/r);
    is($answer->{status}, $status, "$story: the upstream's status is passed");
    like($answer->{body}, $text, "$story: the upstream's body is passed");
}

is(ask('HEAD', "/api/authenticate/$attempt")->{body}, '', 'HEAD has no body');
is(ask('POST', '/api/authenticate/acct_5/credentials')->{status}, 405,
   'a method that is not allowed');
is(scalar(@{ ask('GET', '/reauth/accounts')->{json}{accounts} }), 4,
   'four accounts are known');

# an open connection would prevent the workers from exiting

$h2->close;

unlike($gateway->error_log, qr/CANARY|\[(?:error|alert|crit|emerg)\]/,
       'nothing in the error log');
