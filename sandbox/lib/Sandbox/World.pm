package Sandbox::World;

# Copyright (C) the nginx-reauth authors
#
# The accounts and their logins.  Emits `change` with the account, the attempt
# and the event: otp, face, success, success_again or failure.

use v5.36;
use Mojo::Base 'Mojo::EventEmitter';

use Mojo::IOLoop ();

use Sandbox::Clock   qw(now_us random_hex random_id);
use Sandbox::Stories qw(story);

use constant {
    OTP_CODE       => '123456',
    ATTEMPT_LENGTH => 21,
    ACCOUNT_LENGTH => 20,
    MS             => 1000,
};

has accounts => sub { {} };
has attempts => sub { {} };
has 'settings';

my %STEP = (
    progress => \&_progress,
    wait     => \&_wait,
    succeed  => \&_succeed,
    fail     => \&_fail,
);


sub account ($self, $id) {
    return $self->accounts->{$id} //= _unseen_account($id);
}


# The account does not exist before its login has started.
sub new_account ($self, $prefix) {
    my $account = _unseen_account(random_id($prefix, ACCOUNT_LENGTH));

    @{$account}{qw(authenticated connected)} = (0, 0);

    return $account;
}


sub _unseen_account ($id) {
    return {
        id            => $id,
        platform      => $id =~ /\A(fansly|fanvue)_/ ? $1 : 'onlyfans',
        authenticated => $id =~ /expired/ ? 0 : 1,
        connected     => 1,
        wrapped       => $id =~ /wrapped/ ? 1 : 0,
        email         => "CANARY-email-$id\@example.com",
        story         => 'ok',
        attempts      => 0,
        next          => [],
    };
}


sub attempt ($self, $id) {
    return $self->attempts->{$id};
}


sub running ($self, $account) {
    my $attempt = $account->{attempt} // return;

    return defined $attempt->{completed} ? undef : $attempt;
}


# An active login is dropped: the upstream is not idempotent.
sub start_login ($self, $account, %login) {
    $self->_supersede($account);
    $self->accounts->{ $account->{id} } = $account;
    @{$account}{ keys %login } = values %login;

    my $story   = story($account->{story});
    my $attempt = {
        id         => random_id('auth_', ATTEMPT_LENGTH),
        account_id => $account->{id},
        number     => ++$account->{attempts},
        started    => now_us(),
        progress   => 'started',
        plan       => [@{ $story->{plan} }],
        slow       => $story->{slow},
    };

    if ($story->{app}) {
        $attempt->{deeplink} = 'fansapiauth://auth/fansapi_auth_CANARYdeeplink' . random_hex(24);
    }

    $account->{attempt} = $self->attempts->{ $attempt->{id} } = $attempt;
    $self->_schedule($account, $attempt);

    return $attempt;
}


# Performs one step; returns false if no login is active or a person is needed.
sub step ($self, $account) {
    my $attempt = $self->running($account) // return 0;

    Mojo::IOLoop->remove(delete $attempt->{timer}) if $attempt->{timer};

    my $step = shift @{ $attempt->{plan} } // return 0;
    my ($verb, @args) = @$step;

    $self->${ \$STEP{$verb} }($account, $attempt, @args);
    $self->_schedule($account, $attempt);

    return 1;
}


# The code is received, not verified: the result follows one step later.
sub submit_code ($self, $account, $attempt, $code) {
    my $wait = $attempt->{waiting};
    my @plan = $code eq OTP_CODE
        ? (['succeed'])
        : ([wait => $wait, 'WRONG_2FA', 'The code is wrong.']);

    return $self->_resume($account, $attempt, 'submitting', @plan);
}


sub submit_selfie ($self, $account, $attempt) {
    return $self->_resume($account, $attempt, 'checking', ['succeed']);
}


# Ends the active login; returns false if there is none.
sub finish ($self, $account, $end) {
    my $attempt = $self->running($account) // return 0;

    if ($end->{success} // 1) {
        $self->_succeed($account, $attempt);
    }
    else {
        $attempt->{failed_state} = $end->{state};
        $self->_fail(
            $account, $attempt,
            $end->{error_code}    // 'INVALID_CREDENTIALS',
            $end->{error_message} // 'Wrong email or password.',
        );
    }

    return 1;
}


sub clear ($self) {
    $self->_stop($_) for values %{ $self->attempts };

    return $self->accounts({})->attempts({});
}


sub _schedule ($self, $account, $attempt) {
    my $settings = $self->settings;

    return if defined $attempt->{completed} || !@{ $attempt->{plan} };
    return if $account->{hold} // $settings->{hold};

    my $ms = $attempt->{slow} ? $settings->{slow_ms} : $settings->{step_ms};
    $attempt->{timer} = Mojo::IOLoop->timer(
        $ms / MS,
        sub {
            delete $attempt->{timer};
            $self->step($account);
        }
    );

    return;
}


sub _stop ($self, $attempt) {
    Mojo::IOLoop->remove(delete $attempt->{timer}) if $attempt->{timer};
    $attempt->{plan} = [];
    delete @{$attempt}{qw(waiting verifying deeplink)};

    return;
}


sub _supersede ($self, $account) {
    my $attempt = $self->running($account) // return;

    $self->_stop($attempt);
    $attempt->{completed} = now_us();
    @{$attempt}{qw(error_code error_message)} = (SUPERSEDED => 'A newer attempt was started.');

    return;
}


sub _resume ($self, $account, $attempt, $progress, @plan) {
    delete @{$attempt}{qw(waiting error_code error_message)};
    $attempt->{verifying} = 1;
    $attempt->{progress}  = $progress;
    $attempt->{plan}      = [@plan];

    return $self->_schedule($account, $attempt);
}


sub _progress ($self, $account, $attempt, $progress) {
    $attempt->{progress} = $progress;

    return;
}


sub _wait ($self, $account, $attempt, $what, $code = undef, $message = undef) {
    my $coded = $what =~ /otp\z/;

    delete $attempt->{verifying};
    $attempt->{waiting}  = $what;
    $attempt->{progress} = $coded ? 'waiting_for_otp' : 'checking';
    @{$attempt}{qw(error_code error_message)} = ($code, $message);

    # there is no known event for other actions of a person
    return if $what eq 'person';

    $self->emit(change => $account, $attempt, $coded ? 'otp' : 'face');

    return;
}


sub _succeed ($self, $account, $attempt) {
    my $again = $account->{connected};

    $self->_stop($attempt);
    @{$attempt}{qw(progress success completed)} = ('signed_in', 1, now_us());
    @{$attempt}{qw(error_code error_message)}   = ();
    @{$account}{qw(authenticated connected)} = (1, 1);

    $self->emit(change => $account, $attempt, $again ? 'success_again' : 'success');

    return;
}


sub _fail ($self, $account, $attempt, $code, $message) {
    $self->_stop($attempt);
    @{$attempt}{qw(progress completed)} = (undef, now_us());
    @{$attempt}{qw(error_code error_message)} = ($code, $message);
    $account->{authenticated} = 0;

    $self->emit(change => $account, $attempt, 'failure');

    return;
}

1;
