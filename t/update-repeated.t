# A repeated update gets the first response, byte by byte except for the address
# in polling_url: from the same gateway, from another one, and after a reload.
# A response is stored, sealed, only if it cannot be composed from the record.

use strict;
use warnings;

use Test::More;
use Reauth::Stream;
use Reauth::Test sandbox_options => ['--hold'];
use Reauth::Webhook;

my %config = (config => <<"EOC");
reauth_public_url \$http_x_public;
location /reauth/ { reauth_status operate; }
location = /reauth/webhook { reauth_webhook $ENV{TEST_NGINX_WEBHOOK_SECRET}; }
EOC

my %gateway = map { $_ => gateway(name => $_, %config) } qw(one two);

for my $name (sort keys %gateway) {
    ok(wait_for { $gateway{$name}->http('GET', '/reauth/readyz')->{body}
        =~ /"ready"/ }, "gateway $name is ready");
}


sub send_to {
    my ($name, $account, $public, @reauthenticate) = @_;

    return @reauthenticate
        ? $gateway{$name}->http('POST',
            "/api/authenticate/$account/reauthenticate",
            { 'X-Public' => $public })
        : $gateway{$name}->http('PUT',
            "/api/authenticate/$account/credentials",
            { 'Content-Type' => 'application/json', 'X-Public' => $public },
            '{"email":"slow@example.com","password":"secret"}');
}


sub kept {
    my ($account) = @_;

    my @keys = redis_cli('KEYS', "{reauth}:o:$account:*");

    return grep { /\S/ } @keys;
}


sub check {
    my ($what, $account, $first, $answer, $host) = @_;

    (my $expected = $first->{body}) =~ s{http://first\.example}{$host};

    is($answer->{status}, $first->{status},
        "$what: the status is that of the first response");
    is($answer->{body}, $expected,
        "$what: the body is that of the first response");
    is($answer->{headers}{'content-type'}, $first->{headers}{'content-type'},
        "$what: the Content-Type is that of the first response");
    is($answer->{headers}{'reauth-coalesced'}, '1', "$what: not sent");
    is($answer->{headers}{'cache-control'}, 'no-store', "$what: not stored");

    return;
}


sub sent {
    my ($account) = @_;

    return scalar grep { $_->{account} eq $account && $_->{method} ne 'GET' }
        sandbox_log();
}


my $url = 'https://app.onlyfansapi.com/api/authenticate';

my @cases = (
    [ message => '{"attempt_id":"auth_%s","message":"Queued, CANARY.",'
        . "\"polling_url\":\"$url/auth_%s\"}" ],
    [ member => '{"attempt_id":"auth_%s","message":"m","polling_url":'
        . "\"$url/auth_%s\",\"eta\":{\"s\":[1,2.50]},\"CANARY\":\"\\u0000\"}" ],
    [ order => "{\"polling_url\":\"$url/auth_%s\",\"message\":\"m CANARY\","
        . '"attempt_id":"auth_%s"}' ],
    [ spaces => "{\n  \"attempt_id\" : \"auth_%s\",\n \"m\": \"CANARY\",\n"
        . "  \"polling_url\" : \"https:\\/\\/api.fansapi.com\\/api\\/"
        . "authenticate\\/auth_%s\"\n}\n" ],
    [ wrapped => '{"data":{"attempt_id":"auth_%s","polling_url":'
        . "\"$url/auth_%s\"},\"meta\":\"CANARY\"}" ],
    [ deeplink => '{"attempt_id":"auth_%s","polling_url":'
        . "\"$url/auth_%s\",\"mobile_auth_session_deeplink\":\""
        . ('CANARY' x 100) . '"}' ],
    [ reauthenticate => '{"success":true,"message":"CANARY",'
        . "\"polling_url\":\"$url/auth_%s\",\"n\":\"%s\"}" ],
    [ created => '{"attempt_id":"auth_%s","message":"CANARY","polling_url":'
        . "\"$url/auth_%s\"}", 201 ],
);

my %first;

for my $case (@cases) {
    my ($name, $body, $status) = @$case;
    my $account = "acct_$name";
    my @kind    = $name eq 'reauthenticate' ? 1 : ();

    $body =~ s/%s/$name/g;
    sandbox('POST', "/account/$account",
        { next => [ { status => $status // 200, body => $body } ] });

    my $first = $first{$account}
        = send_to('one', $account, 'http://first.example', @kind);

    is($first->{status}, $status // 200,
        "$name: the first update gets the expected status");
    like($first->{body}, qr{"http://first\.example/api/authenticate/auth_},
        "$name: polling_url leads here");
    is(scalar kept($account), 1, "$name: the response is kept");

    check("$name, again", $account, $first,
        send_to('one', $account, 'http://first.example', @kind),
        'http://first.example');
    check("$name, another address", $account, $first,
        send_to('one', $account, 'https://second.example/p', @kind),
        'https://second.example/p');
    check("$name, another gateway", $account, $first,
        send_to('two', $account, 'https://third.example:8443', @kind),
        'https://third.example:8443');
    is(sent($account), 1, "$name: the upstream got one");
}

$gateway{one}->reload;

for my $case (@cases) {
    my $account = "acct_$case->[0]";
    my @kind    = $case->[0] eq 'reauthenticate' ? 1 : ();

    check("$case->[0], after a reload", $account, $first{$account},
        send_to('one', $account, 'https://four.example', @kind),
        'https://four.example');
}

# it is stored as long as the attempt may last, and nowhere in plain text

my ($key) = kept('acct_message');
my ($ttl) = redis_cli('TTL', $key);
cmp_ok($ttl, '>', 600, 'the response is kept as long as the attempt may last');
cmp_ok($ttl, '<=', 1800,
    'the response is kept no longer than the attempt may last');
unlike(join("\n", map { redis_cli('GET', $_) } redis_cli('KEYS', '*:o:*')),
    qr/CANARY/, 'the response is stored sealed');

# a reauthenticate during an update's attempt has its own response

my $other = send_to('one', 'acct_message', 'http://first.example', 1);
is($other->{headers}{'reauth-coalesced'}, '1',
    'a reauthentication is coalesced with the update');
unlike($other->{body}, qr/CANARY/,
    'a reauthentication does not get the response to an update');
like($other->{json}{polling_url}, qr{/auth_message\z},
    'a coalesced reauthentication returns the same attempt');

# a rejected update does not change the response to the previous one

sandbox('POST', '/account/acct_message', { next => [ { status => 422,
    body => '{"error":"VALIDATION_ERROR"}' } ] });
is($gateway{one}->update('acct_message', 'ok')->{status}, 422,
    "a rejected update returns the upstream's status");
check('after a refused one', 'acct_message', $first{acct_message},
    send_to('one', 'acct_message', 'http://first.example'),
    'http://first.example');

# the stored response of another update is not used

my ($pasted) = kept('acct_order');
my ($taken)  = kept('acct_member');
redis_cli('COPY', $pasted, $taken, 'REPLACE');

for my $lost ('acct_member', 'acct_spaces') {
    redis_cli('DEL', kept($lost)) if $lost eq 'acct_spaces';

    # the zone of a third gateway does not have it

    $gateway{$lost} = gateway(name => $lost);
    wait_for { $gateway{$lost}->http('GET', '/reauth/readyz')->{body}
        =~ /"ready"/ };

    my $answer = send_to($lost, $lost);
    is($answer->{status}, 200,
        "$lost: the response is composed from the record");
    is($answer->{headers}{'reauth-coalesced'}, '1', "$lost: not sent");
    is($answer->{json}{attempt_id}, $first{$lost}{json}{attempt_id},
        "$lost: the response has the same attempt");
    unlike($answer->{body}, qr/CANARY/,
        "$lost: the response has nothing but the record");
    like($gateway{$lost}->error_log,
        qr/\[info\].*stored response to the update is not available/,
        "$lost: the composed response is logged");
}

# too large: composed

sandbox('POST', '/account/acct_large', { next => [ { status => 200,
    body => '{"attempt_id":"auth_large","message":"' . 'x' x 9000 . '"}' } ] });
send_to('one', 'acct_large');
is(scalar kept('acct_large'), 0, 'a response that is too large is not kept');
like(send_to('one', 'acct_large')->{json}{message}, qr/^Authentication cred/,
    'the response that was too large is composed from the record');
like($gateway{one}->error_log, qr/\[info\].*response of 90\d\d bytes is too large/,
    'a response that is too large is logged');

# as documented: nothing is stored, and Redis is not queried

my $documented = send_to('one', 'acct_plain', 'http://first.example');
is(scalar kept('acct_plain'), 0, 'a response as documented is not kept');
check('as documented', 'acct_plain', $documented,
    send_to('two', 'acct_plain', 'http://first.example'),
    'http://first.example');

sandbox('POST', '/account/acct_again', { next => [ { status => 200,
    body => '{"success":true,"message":"Re-authentication started. Query the '
    . "polling_url to check the progress.\",\"polling_url\":\"$url/auth_again\"}" } ]
    });
$documented = send_to('one', 'acct_again', 'http://first.example', 1);
is($documented->{status}, 200, 'reauthenticate as documented');
is(scalar kept('acct_again'), 0, 'nothing is kept');
check('reauthenticate as documented', 'acct_again', $documented,
    send_to('two', 'acct_again', 'http://first.example', 1),
    'http://first.example');

# the attempt has ended: the response is not needed

# an unknown attempt of the sandbox: processed as a call of the team

sandbox('POST', '/account/team', { next => [ { path => '/auth_order',
    status => 200, body => '{"account":{"id":"acct_order"},'
    . '"state":"auth-failed","progress":null,"lastAttempt":{'
    . '"started_at":"2099-01-01T00:00:00.000000Z",'
    . '"completed_at":"2099-01-01T00:01:00.000000Z","success":false,'
    . '"error_code":"X","needs_otp":false}}' } ] });
$gateway{one}->http('GET', '/api/authenticate/auth_order');
ok(wait_for { stored('acct_order', 'state') eq 'failed' },
    'an attempt has ended');
ok(wait_for { !kept('acct_order') },
    'the kept response of an ended attempt is deleted');

# another attempt has taken its place, after the update was accepted

ok(scalar kept('acct_deeplink'), 'the response is kept before the replacement');

my $replaced = $gateway{two}->update('acct_deeplink', 'slow-other');

is($replaced->{status}, 200, 'the second gateway begins another attempt');
ok(wait_for { !kept('acct_deeplink') },
    'the kept response of a replaced attempt is deleted');
is($gateway{two}->update('acct_deeplink', 'slow-other')
    ->{headers}{'reauth-coalesced'}, '1', 'a repeated update of the new attempt is not sent');

$gateway{one}->learns('acct_deeplink',
    { attempt_id => $replaced->{json}{attempt_id} },
    'the first gateway learns of the other attempt');

my $next = send_to('one', 'acct_deeplink', 'http://first.example');
is($next->{headers}{'reauth-coalesced'}, undef, 'the update of the replaced attempt is sent again');
unlike($next->{body}, qr/CANARY/, 'the response of the replaced attempt is not used');

# one that was begun without a gateway

sandbox('POST', '/account/team', { next => [ { path => '/auth_wrapped',
    status => 200, body => '{"account":{"id":"acct_wrapped"},'
    . '"state":"authenticating","lastAttempt":{'
    . '"started_at":"2098-01-01T00:00:00.000000Z","completed_at":null,'
    . '"success":false,"error_code":null,"needs_otp":false}}' } ] });
$gateway{one}->http('GET', '/api/authenticate/auth_wrapped');
ok(wait_for { stored('acct_wrapped', 'started_at') }, 'a poll reports the start of the attempt');

my $began = event('accounts.otp_code_required', 'acct_wrapped',
    started_at => '2099-01-01T00:00:00.000000Z');
ok(scalar kept('acct_wrapped'), 'the response is kept before the webhook');
$gateway{two}->http('POST', '/reauth/webhook',
    { Signature => signature($began) }, $began);
ok(wait_for { stored('acct_wrapped', 'state') eq 'needs_otp' },
    'a webhook reports a later attempt');
ok(wait_for { !kept('acct_wrapped') },
    'the kept response is deleted if a webhook reports a later attempt');

# forgotten

ok(scalar kept('acct_created'), 'the response is kept before it is forgotten');
is($gateway{two}->http('DELETE', '/reauth/accounts/acct_created')->{status},
    200, 'the account is forgotten');
ok(wait_for { !kept('acct_created') },
    'the kept response of a forgotten attempt is deleted');

# a late response: another gateway, which could not be heard, has begun another
# attempt and stored its response

sandbox('POST', '/account/acct_late', { delay_ms => 600_000, next => [
    { status => 200, body => '{"attempt_id":"auth_late","message":"CANARY",'
        . "\"polling_url\":\"$url/auth_late\"}" } ] });

my $late = Reauth::Stream->open($gateway{one}, 'PUT',
    '/api/authenticate/acct_late/credentials',
    { 'Content-Type' => 'application/json' },
    '{"email":"slow@example.com","password":"secret"}');

ok(wait_for { sent('acct_late') }, 'the update is being sent');

my %later = (
    epoch    => 1024 + stored('acct_late', 'epoch'),
    since    => 1 + stored('acct_late', 'since'),
    revision => 1024 + stored('acct_late', 'revision'),
    state    => 'running',
    attempt  => 'auth_later',
    kept     => 1,
);

store('acct_late', %later);
redis_cli('SET', '{reauth}:o:acct_late:kept', 'of the later attempt');

sandbox('POST', '/release/acct_late');
is($late->finish->{status}, 200, 'the client gets the late response');
ok(wait_for { $gateway{one}->http('GET', '/reauth/accounts/acct_late')
    ->{json}{attempt_id} eq 'auth_later' },
    'the gateway that was late has the later attempt');
is(join(' ', redis_cli('GET', '{reauth}:o:acct_late:kept')),
    'of the later attempt', 'a late response does not replace the later one');

unlike($_->error_log . $_->access_log, qr/CANARY/,
    'no log contains a part of the kept responses')
    for values %gateway;

done_testing();
