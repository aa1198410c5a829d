package Sandbox::Shapes;

# Copyright (C) the nginx-reauth authors
#
# The bodies of responses.  Values that must never be stored or logged contain
# the word CANARY, for which leak tests search.

use v5.36;

use Digest::SHA qw(sha256_hex);
use Exporter    qw(import);
use Mojo::JSON  ();

use Sandbox::Clock qw(iso_time);

our @EXPORT_OK = qw(
    account_item attempt_poll fansly_poll last_attempt login_started meta_of problem upstream_url
);

my @HOSTS = ('https://app.onlyfansapi.com', 'https://api.fansapi.com');

my %WAITING_STATE = (
    otp    => 'needs-otp',
    appotp => 'needs-app-otp',
    face   => 'needs_face_otp',
    person => 'needs-identity-check',
);


sub problem ($code, $message, %more) {
    return { error => $code, message => $message, description => $message, %more };
}


# Absolute URLs contain one of both hosts.
sub upstream_url ($number, $path) {
    return $HOSTS[($number - 1) % @HOSTS] . $path;
}


sub login_started ($attempt, $message) {
    return {
        attempt_id  => $attempt->{id},
        message     => "$message Query the polling_url to check the progress.",
        polling_url => upstream_url($attempt->{number}, "/api/authenticate/$attempt->{id}"),
        _deeplink($attempt),
    };
}


sub attempt_poll ($account, $attempt) {
    my $body = {
        account     => _account($account),
        state       => _state($account, $attempt),
        progress    => $attempt->{progress},
        lastAttempt => last_attempt($attempt),
        _deeplink($attempt),
    };

    $body->{twoFactorPending} = Mojo::JSON->true if _waits_for($attempt, 'appotp');

    return $account->{wrapped} ? { data => $body } : $body;
}


# While it is active: success is false, completed_at null.
sub last_attempt ($attempt) {
    my $needs_otp  = _waits_for($attempt, 'otp') || _waits_for($attempt, 'appotp');
    my $needs_face = _waits_for($attempt, 'face');

    return {
        started_at        => iso_time($attempt->{started}),
        completed_at      => iso_time($attempt->{completed}),
        success           => _bool($attempt->{success}),
        error_message     => $attempt->{error_message},
        error_code        => $attempt->{error_code},
        needs_otp         => _bool($needs_otp),
        otp_phone_ending  => _waits_for($attempt, 'otp') ? '42' : undef,
        needs_face_otp    => _bool($needs_face),
        $needs_face ? (face_otp_verification_url => _face_url($attempt)) : (),
    };
}


sub fansly_poll ($account) {
    my $attempt = $account->{attempt};
    my $waiting = $attempt && $attempt->{waiting};

    # "verifying" is reported while needs_code is still true

    return {
        account_id       => $account->{id},
        display_name     => display_name($account),
        status           => _fansly_status($account, $attempt),
        is_authenticated => _bool($account->{authenticated}),
        needs_code       => _bool($waiting || $attempt && $attempt->{verifying}),
        twofa_type       => !$waiting ? undef : $waiting eq 'appotp' ? 0 : 2,
        masked_email     => $waiting ? 'c***-CANARY-masked-email@example.com' : undef,
        last_error       => $attempt ? $attempt->{error_message} : undef,
        fansly_user_data => $account->{authenticated} ? _onlyfans_data($account) : undef,
    };
}


# An element of GET /api/accounts.
sub account_item ($account) {
    my $attempt = $account->{attempt};
    my $idle    = $account->{authenticated} ? 'signed_in' : undef;

    return {
        %{ _account($account) },
        is_authenticated        => _bool($account->{authenticated}),
        authentication_progress => $attempt ? $attempt->{progress} : $idle,
    };
}


sub meta_of ($credits, $rate) {
    return {
        _credits     => { used => 1, balance => $credits, note => undef },
        _cache       => { is_cached => Mojo::JSON->false, note => undef },
        _rate_limits => {
            limit_minute     => $rate->{limit},
            limit_day        => undef,
            remaining_minute => $rate->{remaining},
            remaining_day    => undef,
        },
    };
}


sub display_name ($account) {
    return $account->{name} // $account->{email};
}


sub _bool ($value) {
    return $value ? Mojo::JSON->true : Mojo::JSON->false;
}


sub _waits_for ($attempt, $what) {
    return ($attempt->{waiting} // q{}) eq $what;
}


sub _deeplink ($attempt) {
    return $attempt->{deeplink} ? (mobile_auth_session_deeplink => $attempt->{deeplink}) : ();
}


sub _face_url ($attempt) {
    return "https://face.example.com/verify/CANARY-face-$attempt->{id}";
}


# During a new login, the `authenticated` of the old session is still reported.
sub _state ($account, $attempt) {
    return $WAITING_STATE{ $attempt->{waiting} } if $attempt->{waiting};

    if (defined $attempt->{completed} && !$attempt->{success}) {
        return $attempt->{failed_state} // 'auth-failed';
    }

    return $account->{authenticated} ? 'authenticated' : 'authenticating';
}


sub _fansly_status ($account, $attempt) {
    if ($attempt) {
        return 'challenge-' . ($attempt->{waiting} eq 'appotp' ? 'app' : 'email') if $attempt->{waiting};
        return 'verifying' if $attempt->{verifying};
        return 'authenticating' if !defined $attempt->{completed};
    }

    return $account->{authenticated} ? 'authenticated' : 'failed';
}


# The upstream omits onlyfans_data before the first successful login.
sub _account ($account) {
    return {
        id           => $account->{id},
        display_name => display_name($account),
        $account->{connected} ? (onlyfans_data => _onlyfans_data($account)) : (),
    };
}


sub _onlyfans_data ($account) {
    $account->{onlyfans_data} //= _new_onlyfans_data($account->{id});

    return { %{ $account->{onlyfans_data} }, email => $account->{email} };
}


sub _new_onlyfans_data ($id) {
    my $digest = sha256_hex($id);
    my $number = hex substr $digest, 0, 7;
    my $name   = 'creator' . substr $digest, 0, 8;
    my ($true, $false) = (Mojo::JSON->true, Mojo::JSON->false);

    return {
        view                   => 'm',
        id                     => $number,
        name                   => $name,
        username               => $name,
        displayName            => $name,
        avatar                 => "https://media.example.com/$name/avatar.jpg",
        header                 => undef,
        about                  => 'An account of the sandbox.',
        website                => undef,
        location               => undef,
        joinDate               => '2023-01-01T00:00:00+00:00',
        firstPublishedPostDate => undef,
        ip                     => "CANARY-ip-$id",
        csrf                   => "CANARY-csrf-$digest",
        wsAuthToken            => "CANARY-wsAuthToken-$digest",
        wsUrl                  => "wss://ws.example.com/CANARY-wsUrl-$id",
        isAuth                 => $true,
        isEmailChecked         => $true,
        isEmailRequired        => $false,
        isPerformer            => $true,
        isRealPerformer        => $true,
        isOtpEnabled           => $true,
        phoneMask              => "CANARY-phone-$id",
        phoneLast4             => '0042',
        faceOtp                => $false,
        hasPassword            => $true,
        canAddPost             => $true,
        canPinPost             => $true,
        canReceiveChatMessage  => $true,
        chatMessagesCount      => 0,
        countPinnedChat        => 0,
        creditBalance          => 0,
        creditsMin             => 1,
        creditsMax             => 5000,
        favoritesCount         => 0,
        finishedStreamsCount   => 0,
        mediasCount            => 0,
        paidFeed               => $true,
        postsCount             => 0,
        subscribePrice         => 9.99,
        subscribersCount       => 0,
        unreadNotifications    => 0,
        upload                 => { geoUploadArgs => { token => "CANARY-upload-$id" } },
    };
}

1;
