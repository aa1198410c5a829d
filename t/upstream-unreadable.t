# Unreadable responses of the upstream are logged without their content,
# counted, and passed unchanged to the client.

use strict;
use warnings;

use Test::More;
use Reauth::Test redis => 0, sandbox_options => ['--hold'];
use Reauth::Webhook;

my $gateway = gateway(
    config => 'location = /reauth/webhook {
        reauth_webhook $TEST_NGINX_WEBHOOK_SECRET; }
    location = /reauth/metrics { reauth_metrics; }
    proxy_set_header Authorization $reauth_authorization;',
);

my $secret = 'a-secret-in-the-body';

sub forced {
    my ($account, $status, $body) = @_;

    return sandbox('POST', "/account/$account",
        { next => [ { status => $status, body => $body,
            headers => { 'Content-Type' => 'application/json' } } ] });
}

sub record {
    my ($account) = @_;

    return $gateway->http('GET', "/reauth/accounts/$account")->{json};
}

sub counted {
    my ($operation) = @_;

    return $gateway->http('GET', '/reauth/metrics')->{body}
        =~ /^reauth_upstream_unreadable_total\{operation="$operation"\} (\d+)$/m
        ? $1 : undef;
}

sub logged {
    my ($regex, $what) = @_;

    return like($gateway->error_log, qr/\[warn\][^\n]*reauth: $regex/, $what);
}

# an update

is(counted('update'), 0, 'no unreadable response is counted at first');
forced('acct_1', 200, qq({"attempt_id":"auth_1","x":"$secret"));
is($gateway->update('acct_1', 'slow')->{status}, 502, 'an incomplete response to an update is 502');
is(counted('update'), 1, 'the response to the update is counted');
logged(qr/unreadable response to an update, id "acct_1", (\d+) bytes: it ends unexpectedly, byte \1(?!;)/,
    'the position and the reason are logged');

# a reauthentication

forced('acct_2', 200, qq({"success":true,"x":"$secret"}));
is($gateway->http('POST', '/api/authenticate/acct_2/reauthenticate')->{status},
    502, 'a reauthentication without an attempt is 502');
is(counted('reauthenticate'), 1, 'the reauthentication is counted');
logged(qr/unreadable response to a reauthentication, id "acct_2", \d+ bytes: it identifies no login attempt/,
    'the reauthentication is logged');

# a start

forced('team', 200, "<html>$secret</html>");
my $answer = $gateway->http('POST', '/api/authenticate',
    { 'Content-Type' => 'application/json' },
    { auth_type => 'email_password', email => 'a@b.example',
      password => 'secret' });
is($answer->{body}, "<html>$secret</html>", 'an unreadable response to a start is passed on');
is(counted('start'), 1, 'the start is counted');
logged(qr/unreadable response to a start, id "", 33 bytes: a value is expected, byte 0(?!;)/,
    'the start is logged');

# a poll

is($gateway->update('acct_3', 'slow')->{status}, 200, 'a login begins');
my $attempt = record('acct_3')->{attempt_id};

for my $body (qq([{"state":"$secret"}]), qq({"state":"$secret",}),
    qq({"message":"$secret"}))
{
    forced('acct_3', 200, $body);
    $answer = $gateway->http('GET', "/api/authenticate/$attempt");
    is($answer->{body}, $body, 'an unreadable poll is passed on');
    is(record('acct_3')->{state}, 'running', 'an unreadable poll is no fact');
}

is(counted('poll'), 3, 'the polls are counted');
logged(qr/unreadable response to a poll, id "$attempt", 34 bytes: it does not describe a login attempt, byte 0(?!;)/,
    'the poll is logged');
is(scalar(() = $gateway->error_log =~ /unreadable response to a poll/g), 1,
    'further polls are not logged at once');

# a poll whose response is about another account

for my $other (qw(acct_5 acct_6)) {
    is($gateway->update($other, 'slow')->{status}, 200,
        "an update of $other is accepted");
}

sub lasting {
    my $record = record($_[0]);

    return { %$record, retry_after => undef };
}

my $before = lasting('acct_5');
my $other = '{"account":{"id":"acct_5"},"state":"authenticated",'
    . '"progress":"signed_in","lastAttempt":{"started_at":null,'
    . '"completed_at":"' . started_at(3600) . '","success":true}}';

forced('acct_3', 200, $other);
$answer = $gateway->http('GET', "/api/authenticate/$attempt");
is($answer->{body}, $other, 'a poll about another account is passed on');
is(counted('poll'), 4, 'the poll about another account is counted');
is(record('acct_3')->{last_poll}{error}, 'UNREADABLE', 'last_poll reports it');
is_deeply(lasting('acct_5'), $before, 'the other account does not change');
is(record('acct_3')->{state}, 'running', 'the state of its own account does not change');
is($gateway->http('GET', "/reauth/gate/$_")->{status}, 503,
    "the gate of $_ is closed")
    for qw(acct_3 acct_5);

# the attempt has been superseded

my $old = record('acct_6')->{attempt_id};
isnt($gateway->update('acct_6', 'ok')->{json}{attempt_id}, $old, 'a second update has another attempt');
forced('acct_6', 200, $other);
$gateway->http('GET', "/api/authenticate/$old");
is_deeply(lasting('acct_5'), $before, 'a poll of an old attempt changes nothing');

# an attempt that the response names is read

forced('acct_3', 200, '{"account":{"id":"acct_3"},"state":"needs-otp",'
    . '"progress":"started","lastAttempt":{"success":false}}');
$gateway->http('GET', "/api/authenticate/$attempt");
is(record('acct_3')->{state}, 'needs_otp', 'a poll about its own account is a fact');

# a webhook

for my $body (qq({"event":"$secret"), qq({"x":"$secret"})) {
    is($gateway->http('POST', '/reauth/webhook',
        { 'Content-Type' => 'application/json',
          'Signature' => signature($body) }, $body)->{status}, 200,
        'a webhook that cannot be read is not to be sent again');
}

is(counted('webhook'), 2, 'the webhooks are counted');
logged(qr/unreadable webhook, id "", 31 bytes: it ends unexpectedly, byte 31(?!;)/,
    'the webhook is logged');

# a 401 of an ordinary call

forced('acct_4', 401, "<html>$secret</html>");
is($gateway->http('GET', '/api/acct_4/chats')->{status}, 401, 'an unreadable 401 is passed on');
is(counted('call'), 1, 'the 401 is counted');
logged(qr/unreadable 401 response to a call, id "acct_4"/,
    'the 401 is logged');

# the next line of a kind has the number of omitted ones

ok(wait_for {
    my $body = qq({"event":"$secret");
    $gateway->http('POST', '/reauth/webhook',
        { 'Content-Type' => 'application/json',
          'Signature' => signature($body) }, $body);
    $gateway->error_log
        =~ /unreadable webhook.*, byte 31; [1-9]\d* more were not logged/;
} 'unreadable webhooks that were not logged are counted');

unlike($gateway->error_log, qr/\Q$secret/, 'nothing of their content is logged');

done_testing();
