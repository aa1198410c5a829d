# Error responses of the gateway are valid JSON in all cases: their texts are
# escaped and contain nothing of the request.

use strict;
use warnings;

use Test::More;
use Reauth::Test redis => 0, sandbox_options => ['--hold'];

my $gateway = gateway();

for my $body (q({"email":"a@b.c","password":"\ud83d"}),
    q({"email":"a\u0000b"}), qq({"email":"a\nb"}), qq({"email":"a\tb"}),
    qq({"email":"\xff"}), qq({"a":"\\x"}), q({"a\"":1,"a\"":2}),
    '{"a":1e999}', "{\x00}", qq(\xef\xbb\xbf{}), '[]', '{"a"')
{
    my $answer = $gateway->http('PUT', '/api/authenticate/acct_1/credentials',
        { 'Content-Type' => 'application/json' }, $body);

    (my $name = $body) =~ s/[^ -~]/./g;

    is($answer->{status}, 400, "an invalid body is rejected: $name");
    is($answer->{json} && $answer->{json}{error}, 'INVALID_JSON',
        "the error is valid JSON: $name");
    ok($answer->{json} && $answer->{json}{description},
        "the error has a description: $name");
}

# a Fansly attempt has no ID of its own

is($gateway->http('POST',
    '/api/fansly/authenticate/fansly_acct_1/reauthenticate')->{status}, 200,
    'a Fansly account is reauthenticated');

my $record = $gateway->http('GET', '/reauth/accounts/fansly_acct_1')->{json};
is($record->{state}, 'running', 'the Fansly account is running');
ok(exists $record->{attempt_id},
    'the record of a Fansly account has an attempt_id');
is($record->{attempt_id}, undef, 'the attempt_id of a Fansly account is null');

my $closed = $gateway->http('GET', '/api/fansly/fansly_acct_1/chats');
is($closed->{status}, 503, 'the gate of the Fansly account is closed');
is($closed->{json}{attempt_id}, undef,
    'the attempt_id in the response of the closed gate is null');
like($closed->{json}{description}, qr/retry after/,
    'the description of a closed gate says to retry');

# while a person is awaited, neither the text nor the headers suggest a retry

is($gateway->update('acct_2', 'otp')->{status}, 200,
    'an update that needs a code is accepted');
sandbox('POST', '/step/acct_2') for 1 .. 2;

my $attempt = $gateway->http('GET', '/reauth/accounts/acct_2')
    ->{json}{attempt_id};

wait_for {
    sandbox('POST', '/step/acct_2');
    $gateway->http('GET', "/api/authenticate/$attempt");
    $gateway->http('GET', '/reauth/accounts/acct_2')->{json}{state}
        eq 'needs_otp';
};

$closed = $gateway->http('GET', '/api/acct_2/chats');
is($closed->{status}, 503, 'a call is refused while a person must act');
is($closed->{headers}{'x-should-retry'}, 'false', 'the header says no');
unlike($closed->{json}{description}, qr/retry/,
    'the description does not say to retry while a person must act');

done_testing();
