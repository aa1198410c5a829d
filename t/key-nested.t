# The upstream repeats the API key in texts that are encoded several times:
# nothing of it is passed, stored, logged or counted under its name.

use strict;
use warnings;

use Test::More;

use Reauth::Test sandbox => 0;
use Reauth::Webhook;

my $key  = 'fa_live_0a1B2c3D4e5F/6g7H8i9J~k0L+m1N==';
my $part = substr $key, 14, 12;

secret_file('api_key', "$key\n");
sandbox_start('--step-ms', 50);

my $gateway = gateway(
    log_level => 'debug',
    config    => <<"EOC",
reauth_poll on /upstream interval=100ms rate=50r/s;
reauth_heal on delay=100ms;
location = /reauth/webhook { reauth_webhook $ENV{TEST_NGINX_WEBHOOK_SECRET}; }
location = /reauth/metrics { reauth_metrics; }
EOC
);

ok(wait_for { ($gateway->http('GET', '/reauth/readyz')->{json}{status} // '')
    eq 'ready' } 'the gateway is connected to Redis');

sub percent { return $_[0] =~ s/(.)/sprintf '%%%02X', ord $1/egr }
sub unicode { return $_[0] =~ s/(.)/sprintf '\\u%04x', ord $1/egr }
sub quoted  { return $_[0] =~ s/([\\\/"])/\\$1/gr }

my %form = (
    'percent twice'              => sub { percent(percent($_[0])) },
    'percent of a percent sign'  => sub { percent($_[0]) =~ s/%/%25/gr },
    'percent of the digits'      =>
        sub { percent($_[0]) =~ s/%(..)/'%25' . percent($1)/egr },
    'percent of JSON'            => sub { percent(unicode($_[0])) },
    'percent of a backslash'     => sub { unicode($_[0]) =~ s/\\/%5C/gr },
    'JSON of percent'            => sub { unicode(percent($_[0])) },
    'JSON of a percent sign'     => sub { percent($_[0]) =~ s/%/\\u0025/gr },
    'JSON of JSON'               => sub { quoted(unicode($_[0])) },
    'JSON of JSON of JSON'       => sub { quoted(quoted(unicode($_[0]))) },
    'JSON of a backslash'        => sub { unicode($_[0]) =~ s/\\/\\u005c/gr },
    'JSON of each of JSON'       => sub { unicode(unicode($_[0])) },
    'JSON of slashes'            => sub { quoted(quoted(quoted($_[0]))) },
    'bytes in hexadecimal'       =>
        sub { $_[0] =~ s/(.)/sprintf '\\x%02x', ord $1/egr },
);

# what remains when the text is decoded until nothing changes

sub decoded {
    my ($text) = @_;

    for (1 .. 12) {
        $text =~ s/\\+u00([0-9a-f]{2})/chr hex $1/egi;
        $text =~ s/\\+x([0-9a-f]{2})/chr hex $1/egi;
        $text =~ s/%([0-9a-f]{2})/chr hex $1/egi;
    }

    $text =~ s/\\//g;

    return $text;
}

sub parts_of {
    my ($text) = @_;

    my $plain = decoded($text);

    return scalar grep { index($plain, substr $key, $_, 12) >= 0 }
        0 .. length($key) - 12;
}

my %place = (responses => '', Redis => '');

sub ask {
    my ($method, $path, $body, %header) = @_;

    my $answer = $gateway->http($method, $path, \%header, $body);

    $place{responses} .= join "\n", "$method $path", $answer->{status},
        %{ $answer->{headers} }, $answer->{body}, '';

    return $answer;
}

my $n = 0;

for my $name (sort keys %form) {
    for my $secret ($key, $part) {
        my $text    = $form{$name}->($secret);
        my $account = 'acct_nested_' . $n++;

        is(index(decoded($text), $secret), 0, "$name: the search finds it");

        # as it is in the body, and within a string of JSON

        for my $body (qq({"error":"key $text"}),
            JSON::PP::encode_json({ error => "key $text" }),
            qq({"error":"${\ unicode("key $text") }"}))
        {
            sandbox('POST', "/account/$account",
                { next => [ { status => 422, body => $body } ] });

            is(ask('PUT', "/api/authenticate/$account/credentials",
                { email => 'ok@example.com', password => 'a-password-9d3e' })
                ->{status}, 422, "$name: the response is passed");

            like(ask('GET', "/reauth/accounts/$account")->{body},
                qr/key \*{12}|HTTP_422/,
                "$name: the error is stored without it");
        }

        # in the response to a request of the gateway itself

        sandbox('POST', "/account/acct_heal_$n", { authenticated => \0,
            next => [
                { status => 401,
                  body   => '{"error":"SESSION_EXPIRED:NEEDS_REAUTHENTICATION"}' },
                { status => 422, body => qq({"error":"$text"}) } ] });

        is(ask('GET', "/api/acct_heal_$n/me")->{status}, 401,
            "$name: a session has expired");
        ok(wait_for { (ask('GET', "/reauth/accounts/acct_heal_$n")->{json}
            {heal}{tries} // 0) && $gateway->error_log
            =~ m{acct_heal_$n/reauthenticate" sent, whole} }
            "$name: the gateway reauthenticates");

        # signed texts

        for my $event (event('accounts.authentication_failed', $account,
                started_at => started_at(-1), error_message => "key $text"),
            event('accounts.authentication_failed', $account,
                started_at => started_at(-1), progress => $text),
            event("accounts.$text", $account))
        {
            is(ask('POST', '/reauth/webhook', $event,
                Signature => signature($event))->{status}, 200,
                "$name: a webhook is accepted");
        }

        ask('GET', "/reauth/accounts/$account");
        ask('GET', "/reauth/accounts/$account/timeline");
    }
}

ask('GET', "/reauth/$_") for qw(metrics summary accounts?limit=1000);

for my $entry (redis_cli('KEYS', '*')) {
    my $type = redis_cli('TYPE', $entry);

    $place{Redis} .= join "\n", $entry, redis_cli('--raw',
          $type eq 'hash'   ? ('HGETALL', $entry)
        : $type eq 'zset'   ? ('ZRANGE', $entry, 0, -1)
        : $type eq 'stream' ? ('XRANGE', $entry, '-', '+')
        :                     ('GET', $entry)), '';
}

$gateway->stop;
$place{'error log'} = $gateway->error_log;

like($place{Redis}, qr/\*{12}/, 'Redis has texts with the key overwritten');
like($place{responses}, qr/kind="key"\} [1-9]/, 'repeated keys are counted');

for my $name (sort keys %place) {
    is(parts_of($place{$name}), 0, "$name: no part of the key is found");
}

done_testing();
