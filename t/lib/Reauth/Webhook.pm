package Reauth::Webhook;

# Webhooks of the upstream, signed by the test: events or orders that the
# sandbox does not send.  Requires Reauth::Test.

use strict;
use warnings;

use parent 'Exporter';

use Digest::SHA qw(hmac_sha256_hex);
use JSON::PP ();
use POSIX qw(strftime);
use Time::HiRes ();

use Reauth::Test ();

our @EXPORT = qw(deliver event signature started_at);

our $SECRET = 'webhook-secret-for-tests-only';
our $NEXT   = 'the-next-webhook-secret-for-tests';

# a syntax check (perl -c) has no directory for files

if (!$^C) {
    $ENV{TEST_NGINX_WEBHOOK_SECRET}
        = Reauth::Test::secret_file('webhook_secret', "$SECRET\n");
    $ENV{TEST_NGINX_NEXT_WEBHOOK_SECRET}
        = Reauth::Test::secret_file('next_webhook_secret', "$NEXT\n");
}

my $keys = 0;


# The time in so many seconds, in the format of the upstream.

sub started_at {
    my ($seconds) = @_;

    my $time  = Time::HiRes::time + $seconds;
    my $micro = int 1_000_000 * ($time - int $time);

    return strftime('%Y-%m-%dT%H:%M:%S', gmtime $time)
        . sprintf '.%06dZ', $micro;
}


# The body of a webhook; fields of the attempt that are not specified are those
# of the upstream's examples.

sub event {
    my ($name, $account, %attempt) = @_;

    my $json = JSON::PP->new->utf8->canonical;

    return $json->encode({
        event      => $name,
        account_id => $account,
        payload    => {
            state             => 'authenticated',
            progress          => 'signed_in',
            latestAuthAttempt => {
                started_at       => undef,
                completed_at     => undef,
                success          => JSON::PP::true,
                error_message    => undef,
                needs_otp        => JSON::PP::false,
                needs_face_otp   => JSON::PP::false,
                otp_phone_ending => undef,
                %attempt,
            },
        },
    });
}


sub signature {
    my ($body, $secret) = @_;

    return hmac_sha256_hex($body, $secret // $SECRET);
}


# Signs a webhook and sends it to /reauth/webhook of a gateway.

sub deliver {
    my ($gateway, $body, %header) = @_;

    return $gateway->http('POST', '/reauth/webhook', {
        'Content-Type'            => 'application/json',
        'Signature'               => signature($body),
        'X-OFAPI-Idempotency-Key' => sprintf('evt_%040x', ++$keys),
        %header,
    }, $body);
}

1;
