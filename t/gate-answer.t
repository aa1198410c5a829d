# The complete response of the gate; the call is not forwarded.

use strict;
use warnings;

use Test::More;
use Reauth::Test redis => 0, sandbox_options => ['--hold'];

my $gateway = gateway(config => <<'EOC');
location /api/ {
    reauth_gate on;
    reauth_retry_after 3s 7s;
    proxy_pass http://fans_api;
    proxy_set_header Authorization $reauth_authorization;
}
EOC

my $id = $gateway->update('acct_1', 'otp')->{json}{attempt_id};
my $answer = $gateway->http('GET', '/api/acct_1/chats?limit=1');
my $json = $answer->{json};

is($answer->{status}, 503, 'a call is refused with the 503 code');
is($json->{error}, 'SERVICE_UNAVAILABLE',
    'the response has the error SERVICE_UNAVAILABLE');
is($json->{account_id}, 'acct_1', 'the response has the account ID');
is($json->{state}, 'running', 'the response has the state');
is($json->{attempt_id}, $id, 'the response has the attempt ID');
like($json->{since}, qr/\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\z/,
    'the response has the time of the last change');
like($json->{retry_after}, qr/\A[34]\z/, 'retry_after is about the minimum');
ok(exists $json->{action_required} && !defined $json->{action_required},
    'action_required is null');
like($json->{decision_id}, qr/\A[0-9a-f]{16}\z/,
    'the response has a decision ID of 16 digits');
ok(length $json->{$_}, $_) for qw(message description);
is(scalar keys %$json, 10, 'the response has 10 members');

is($answer->{headers}{'retry-after'}, $json->{retry_after},
    'Retry-After is retry_after');
is($answer->{headers}{'cache-control'}, 'no-store',
    'the response must not be cached');
is($answer->{headers}{'content-type'}, 'application/json',
    'the Content-Type is application/json');
is($answer->{headers}{'content-length'}, length $answer->{body},
    'the Content-Length is that of the body');
is($answer->{headers}{'x-should-retry'}, undef,
    'X-Should-Retry is missing while a retry is useful');

my $head = $gateway->http('HEAD', '/api/acct_1/chats');
is($head->{status}, 503, 'HEAD is refused with the 503 code');
is($head->{body}, '', 'the response to HEAD has no body');
like($head->{headers}{'retry-after'}, qr/\A[34]\z/,
    'the response to HEAD has Retry-After');

my $post = $gateway->http('POST', '/api/acct_1/chats', {}, 'x' x 200_000);
is($post->{status}, 503, 'a body makes no difference');

is($gateway->http('GET', '/api/acct_2/chats')->{status}, 200,
    'a call of another account is passed');

sandbox('POST', '/step/acct_1') for 1 .. 2;
$gateway->http('GET', "/api/authenticate/$id");

$answer = $gateway->http('GET', '/api/acct_1/chats');
is($answer->{json}{state}, 'needs_otp', 'a person must act');
is($answer->{json}{action_required}, 'otp',
    'the response names the required action');
like($answer->{json}{retry_after}, qr/\A[4-7]\z/,
    'retry_after is nearer to the maximum');
is($answer->{headers}{'retry-after'}, $answer->{json}{retry_after},
    'Retry-After is retry_after');
is($answer->{headers}{'x-should-retry'}, 'false', 'a retry does not help');

is((grep { $_->{target} =~ m{/acct_1/chats} } sandbox_log()), 0,
    'no call of a closed account got to the upstream');
like($gateway->error_log, qr/\Q$answer->{json}{decision_id}\E/,
    'the decision is in the log');

# the IDs of one worker are random: nobody can count the errors of others

my @bits = (0) x 64;
my @last;

for (1 .. 256) {
    my $id = $gateway->http('GET', '/api/acct_1/chats')->{json}{decision_id};
    my @one = split //, unpack 'B64', pack 'H16', $id;

    $bits[$_] += $one[$_] ^ ($last[$_] // 0) for 0 .. 63;
    @last = @one;
}

# each bit changes in half of the steps; outside of these limits by chance once
# in 10**12

is((grep { $_ < 64 || $_ > 192 } @bits), 0,
    'each bit of an ID is independent of the ID before');

done_testing();
