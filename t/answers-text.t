# Texts are escaped in responses and events, whatever they contain; and the 503
# response of the gate says the same in its text and headers in each state.

use strict;
use warnings;

use Test::More;
use JSON::PP ();
use Reauth::Stream ();
use Reauth::Test sandbox_options => ['--hold'];

my $gateway = gateway(config => 'location = /reauth/metrics { reauth_metrics; }');

ok(wait_for { $gateway->http('GET', '/reauth/readyz')->{body} =~ /"ready"/ },
    'the gateway is ready');


sub record {
    my ($account) = @_;

    return $gateway->http('GET', "/reauth/accounts/$account")->{json} || {};
}


# ---- texts written by another gateway ----

my %text = (
    quotes    => '"}],"gate":"open',
    backslash => 'a\\"\\\\u0000\\',
    controls  => "a\x01\x1b\x7f\tb",
    returns   => "a\r\rdata: {}\r",
    lines     => "\xe2\x80\xa8\xe2\x80\xa9b",
    invalid   => "c\xff\xc3 \xed\xa0\x80",
);

# a later change of the record by another gateway

sub changed {
    my ($account, %field) = @_;

    return store_and_tell($account,
        updated => 1 + stored($account, 'updated'), %field);
}

my $stream = Reauth::Stream->open($gateway, 'GET', '/reauth/events');

for my $name (sort keys %text) {
    my $account = "acct_$name";

    is($gateway->update($account, 'slow')->{status}, 200,
        "$name: the update is accepted");
    ok((wait_for { stored($account, 'state') eq 'running' }),
        "$name: the record of the update is written");

    changed($account, map { $_ => $text{$name} }
        qw(progress error_code error_message caller));

    ok(wait_for { defined record($account)->{error_message} },
        "$name: the record has it");

    # control characters are removed

    my $kept = $text{$name} =~ tr/\x00-\x1f\x7f/ /r;

    for my $part (qw(progress error_code error_message caller)) {
        my $value = record($account)->{$part};

        utf8::encode($value) if defined $value;
        is($value, $kept,
            "$name: the text of $part is kept") if $name ne 'invalid';
    }

    for my $path ("/reauth/accounts/$account/timeline", '/reauth/accounts',
        '/reauth/summary', "/api/$account/chats")
    {
        ok($gateway->http('GET', $path)->{json}, "$name: $path is JSON");
    }

    ok($stream->saw(qr/^data: [^\r\n]*$account[^\r\n]*"error_message":"/m),
        "$name: the stream has it");
}

is(join("\n", grep { !/\A(?:(?:id|event|retry|data): ?|:|\z)/ }
    split /\r\n|\r|\n/, $stream->text), '', 'no text makes a line of its own');

for my $data ($stream->text =~ /^data: (.*)$/mg) {
    ok(eval { JSON::PP->new->utf8->decode($data) }, 'an event is JSON');
}

my $metrics = $gateway->http('GET', '/reauth/metrics')->{body};
like($metrics, qr/^reauth_accounts\{/m, 'the metrics contain the accounts');
unlike($metrics, qr/gate":"open|data: \{/, 'no text is in the metrics');

$stream->close;

# ---- texts of the upstream that a strict parser rejects ----

my $upstream = gateway(name => 'upstream', without => ['all'],
    config => <<"EOC");
location / {
    return 200 '{ "state": "needs-otp",
        "progress": "a\\ud83db\\u0000\\u007f\\u2028\\u0022\\u005c",
        "lastAttempt": { "success": false, "needs_otp": true,
            "error_code": "\x7f\\u001b\\udc00",
            "error_message": "\xff\xc3 \xed\xa0\x80\\u000d\\u000adata: {}" } }';
}
EOC

my $raw = gateway(name => 'raw', config => sprintf
    'location ~ ^/upstream(?<path>/api/authenticate/auth_.*) {
        internal; proxy_pass http://127.0.0.1:%d$path; }', $upstream->port);

$stream = Reauth::Stream->open($raw, 'GET', '/reauth/events');

my $attempt = $raw->update('acct_raw', 'slow')->{json}{attempt_id};

is($raw->http('GET', "/api/authenticate/$attempt")->{status}, 200,
    'a poll with invalid text is accepted');

my $record = $raw->http('GET', '/reauth/accounts/acct_raw')->{json};

is($record->{state}, 'needs_otp',
    'the state of a poll with invalid text is read');
is($record->{progress}, "a\x{fffd}b  \x{2028}\"\\",
    'the progress is kept as valid UTF-8');
is($record->{error_code}, "  \x{fffd}",
    'the error code is kept as valid UTF-8');
is($record->{error_message}, '?? ???  data: {}',
    'control characters in the error message are replaced');

for my $path ('/reauth/accounts/acct_raw/timeline', '/reauth/accounts',
    '/reauth/gate/acct_raw', '/api/acct_raw/chats')
{
    ok($raw->http('GET', $path)->{json}, "$path is JSON");
}

ok($stream->saw(qr/^data: [^\r\n]*"error_message":"[^\r\n]*\}$/m),
    'the stream has it in one line');
ok(eval { JSON::PP->new->utf8->decode($_) },
    'each event of the stream is valid JSON')
    for $stream->text =~ /^data: (.*)$/mg;

$stream->close;

# ---- the 503 code in each state ----

my %action = (
    running      => undef,
    unknown      => undef,
    starting     => undef,
    needs_otp    => 'otp',
    needs_face   => 'face',
    needs_app    => 'app',
    needs_person => 'person',
);

is($gateway->update('acct_states', 'slow')->{status}, 200,
    'an update of acct_states is accepted');

for my $state (sort keys %action) {
    my $action = $action{$state};

    my %stored = $state eq 'needs_person'
        ? (state => 'running', needs => 'person', action => '')
        : (state => $state, needs => '',
           action => defined $action ? $action : '');

    # a new login

    $stored{epoch} = (1 << 20) + stored('acct_states', 'epoch')
        if $state eq 'starting';

    changed('acct_states', %stored);
    ok(wait_for { record('acct_states')->{state} eq $state },
        "$state: the account gets the state");

    my $answer = $gateway->http('GET', '/api/acct_states/chats');
    my $words  = "$answer->{json}{message} $answer->{json}{description}";

    is($answer->{status}, 503, "$state: a call is refused");
    is($answer->{json}{state}, $state, "$state: the response has the state");
    is($answer->{json}{action_required}, $action,
        "$state: the response has the required action");
    is($answer->{headers}{'retry-after'}, $answer->{json}{retry_after},
        "$state: Retry-After has the value of the body");

    if (defined $action) {
        is($answer->{headers}{'x-should-retry'}, 'false',
            "$state: the header says no");
        unlike($words, qr/retry/, "$state: the text does not suggest a retry");
        like($words, qr/waits for a person/,
            "$state: the text says that a person must act");

    } else {
        is($answer->{headers}{'x-should-retry'}, undef,
            "$state: the header says nothing");
        like($words, qr/retry after/, "$state: the text says to retry");
        unlike($words, qr/person/, "$state: nobody is waited for");
    }
}

done_testing();
