# All JSON of the upstream is read: what a strict parser rejects has no effect
# in a member that is not used, and is passed to the client byte by byte.

use strict;
use warnings;

use Test::More;
use Reauth::Test redis => 0, sandbox_options => ['--hold'];
use Reauth::Webhook;

my $gateway = gateway(
    config => 'location = /reauth/webhook {
        reauth_webhook $TEST_NGINX_WEBHOOK_SECRET; }
    location = /reauth/metrics { reauth_metrics; }',
);

my %members = (
    nul       => q("x":"a\u0000b"),
    half      => q("x":"\ud83d"),
    low       => q("x":"\ude00"),
    big       => q("x":18446744073709551616),
    huge      => q("x":1e400),
    deep      => '"x":' . '[' x 100 . ']' x 100,
    twice     => q("x":1,"x":2),
    name      => q("\ud83d\u0000":1),
);

sub forced {
    my ($account, $body) = @_;

    return sandbox('POST', "/account/$account",
        { next => [ { status => 200, body => $body,
            headers => { 'Content-Type' => 'application/json' } } ] });
}

sub record {
    my ($account) = @_;

    return $gateway->http('GET', "/reauth/accounts/$account")->{json};
}

for my $name (sort keys %members) {
    my $account = "acct_$name";
    my $attempt = "auth_$name";

    # an update

    my $before = qq({"attempt_id":"$attempt",$members{$name},"polling_url" : );
    my $after  = qq(, $members{$name}});

    forced($account, $before
        . qq("https:\\/\\/api.fansapi.com\\/api\\/authenticate\\/$attempt")
        . $after);

    my $answer = $gateway->update($account, 'slow');

    is($answer->{status}, 200, "$name: an update is accepted");
    is($answer->{body}, $before
        . qq("http://localhost/api/authenticate/$attempt") . $after,
        "$name: all else is as it came");
    is(record($account)->{attempt_id}, $attempt,
        "$name: the attempt of the response is known");

    # a poll

    is($gateway->update("acct_p_$name", 'slow')->{status}, 200,
        "$name: the update is accepted");
    $attempt = record("acct_p_$name")->{attempt_id};

    my $poll = qq({$members{$name},"state":"needs-otp","account":{"id":)
        . qq("acct_p_$name",$members{$name}},"progress":"waiting_for_otp",)
        . qq("lastAttempt":{$members{$name},"needs_otp":true}});

    forced("acct_p_$name", $poll);
    $answer = $gateway->http('GET', "/api/authenticate/$attempt");

    is($answer->{body}, $poll, "$name: a poll is passed on as it came");
    is(record("acct_p_$name")->{state}, 'needs_otp',
        "$name: the poll is applied");

    # a webhook

    my $body = event('accounts.otp_code_required', "acct_w_$name",
        started_at => started_at(-1));
    $body =~ s/\A\{/{$members{$name},/;

    is($gateway->http('POST', '/reauth/webhook',
        { 'Content-Type' => 'application/json',
          'Signature' => signature($body) }, $body)->{status}, 200,
        "$name: a webhook is accepted");
    is(record("acct_w_$name")->{state}, 'needs_otp',
        "$name: the webhook is applied");
}

# of duplicate names, the last one counts

forced('acct_last', '{"attempt_id":"auth_1","attempt_id":"auth_2"}');
is($gateway->update('acct_last', 'slow')->{status}, 200,
    'an update whose response repeats a name is accepted');
is(record('acct_last')->{attempt_id}, 'auth_2', 'the last one counts');

is($gateway->update('acct_next', 'slow')->{status}, 200,
    'an update of acct_next is accepted');
my $attempt = record('acct_next')->{attempt_id};

forced('acct_next', '{"account":{"id":"acct_next"},"state":"failed",'
    . '"lastAttempt":{"needs_otp":true},"lastAttempt":{"success":false},'
    . '"state":"authenticating"}');
$gateway->http('GET', "/api/authenticate/$attempt");
is(record('acct_next')->{state}, 'running',
    'members of the previous response do not remain');

my $metrics = $gateway->http('GET', '/reauth/metrics')->{body};
unlike($metrics, qr/reauth_upstream_unreadable_total\{[^}]*\} [1-9]/,
    'nothing was unreadable');
unlike($gateway->error_log, qr/unreadable/, 'nothing is logged as unreadable');

done_testing();
