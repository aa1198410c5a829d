package Sandbox::Webhooks;

# Copyright (C) the nginx-reauth authors
#
# Delivers events: signed, at least once, in any order.

use v5.36;
use Mojo::Base -base;

use Digest::SHA     qw(hmac_sha256_hex);
use Mojo::IOLoop    ();
use Mojo::JSON      qw(encode_json);
use Mojo::UserAgent ();

use Sandbox::Clock  qw(random_hex);
use Sandbox::Shapes qw(last_attempt);

use constant {
    ATTEMPTS        => 3,
    CONNECT_TIMEOUT => 5,
    REQUEST_TIMEOUT => 10,
    DISORDER_STEPS  => 4,
    KEEP            => 1000,
    KEY_LENGTH      => 40,
    MS              => 1000,
    PERCENT         => 100,
};

has deliveries => sub { [] };
has endpoints  => sub { [] };
has settings   => sub { {} };
has ua         => sub {
    my $ua = Mojo::UserAgent->new(
        connect_timeout    => CONNECT_TIMEOUT,
        request_timeout    => REQUEST_TIMEOUT,
        inactivity_timeout => REQUEST_TIMEOUT,
    );
    $ua->transactor->name('OnlyFansAPI.com/Webhook-Client');
    return $ua;
};

my %EVENT = (
    onlyfans => {
        success       => 'accounts.connected',
        success_again => 'accounts.reconnected',
        failure       => 'accounts.authentication_failed',
        otp           => 'accounts.otp_code_required',
        face          => 'accounts.face_otp_required',
    },
    fansly => {
        success       => 'fansly.accounts.connected',
        success_again => 'fansly.accounts.connected',
        failure       => 'fansly.accounts.authentication_failed',
        otp           => 'fansly.accounts.otp_code_required',
        face          => 'fansly.accounts.alert',
    },
);


sub announce ($self, $account, $attempt, $change) {
    return $self->send_event(
        event      => $EVENT{ $account->{platform} }{$change},
        account_id => $account->{id},
        payload    => payload($attempt),
    );
}


# In the upstream's examples, all events carry the same values: the name of an
# event is the fact, and only the times in its payload belong to the attempt.
sub payload ($attempt) {
    my $last = last_attempt($attempt);
    my %same = (needs_otp => Mojo::JSON->false, otp_phone_ending => undef, error_message => undef);

    return {
        client_reference_id => undef,
        state               => 'authenticated',
        progress            => 'signed_in',
        latestAuthAttempt   => {
            started_at     => $last->{started_at},
            completed_at   => $last->{completed_at},
            success        => Mojo::JSON->true,
            needs_face_otp => Mojo::JSON->false,
            %same,
        },
    };
}


# Fields: event, account_id, payload; body (raw, instead of these), key,
# signature and redelivery_of to send what the upstream would not send.
sub send_event ($self, %message) {
    my %fields = map { $_ => $message{$_} } qw(event account_id payload);
    my $body   = $message{body} // encode_json(\%fields);
    my $key    = $message{key}  // 'evt_' . random_hex(KEY_LENGTH);

    for my $endpoint ($self->_endpoints_for($message{event} // q{})) {
        my $delivery = {
            event      => $message{event},
            account_id => $message{account_id},
            key        => $key,
            url        => $endpoint->{url},
            body       => $body,
            headers    => _headers($endpoint, $body, $key, \%message),
            attempts   => 0,
            status     => undef,
        };
        $self->_remember($delivery);

        if ($self->_lose) {
            $delivery->{lost} = Mojo::JSON->true;
            next;
        }

        for (0 .. $self->settings->{webhook_duplicate}) {
            Mojo::IOLoop->timer($self->_delay, sub { $self->_deliver($delivery, ATTEMPTS) });
        }
    }

    return $key;
}


# Events that wait to be sent are dropped too.
sub clear ($self) {
    $_->{dropped} = 1 for @{ $self->deliveries };

    return $self->deliveries([]);
}


sub _endpoints_for ($self, $event) {
    my $platform = $event =~ /\Afansly\./ ? 'fansly' : 'onlyfans';

    return grep { $_->{platform} eq $platform } @{ $self->endpoints };
}


sub _headers ($endpoint, $body, $key, $message) {
    my %headers   = ('Content-Type' => 'application/json', 'X-OFAPI-Idempotency-Key' => $key);
    my $secret    = $endpoint->{secret};
    my $signature = defined $secret ? hmac_sha256_hex($body, $secret) : undef;
    my $original  = $message->{redelivery_of};

    $signature                        = $message->{signature} // $signature;
    $headers{Signature}               = $signature if defined $signature;
    $headers{'X-OFAPI-Redelivery-Of'} = $original  if defined $original;

    return \%headers;
}


sub _remember ($self, $delivery) {
    my $deliveries = $self->deliveries;

    push @$deliveries, $delivery;
    shift @$deliveries if @$deliveries > KEEP;

    return;
}


sub _lose ($self) {
    return rand(PERCENT) < $self->settings->{webhook_loss};
}


sub _delay ($self) {
    my $settings = $self->settings;

    return $settings->{webhook_disorder} ? rand(DISORDER_STEPS * $settings->{step_ms}) / MS : 0;
}


sub _deliver ($self, $delivery, $left) {
    return if $delivery->{dropped};

    $delivery->{attempts}++;

    $self->ua->post(
        $delivery->{url} => { %{ $delivery->{headers} } } => $delivery->{body} => sub ($ua, $tx) {
            $delivery->{status} = $tx->res->code;
            $delivery->{error}  = $tx->error && $tx->error->{message};

            return if $tx->res->is_success || $left <= 1;

            Mojo::IOLoop->timer($self->settings->{webhook_retry_ms} / MS,
                sub { $self->_deliver($delivery, $left - 1) });
        }
    );

    return;
}

1;
