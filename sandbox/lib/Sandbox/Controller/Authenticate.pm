package Sandbox::Controller::Authenticate;

# Copyright (C) the nginx-reauth authors
#
# The authenticate family.

use v5.36;
use Mojo::Base 'Sandbox::Controller';

use Mojo::JSON ();

use Sandbox::Shapes     qw(attempt_poll login_started problem);
use Sandbox::Stories    qw(story_name);
use Sandbox::Validation qw(check_code check_credentials check_start);


sub begin ($self) {
    my $fields = $self->fields;
    my $errors = check_start($fields);

    return $self->invalid($errors) if %$errors;

    my $account = $self->world->new_account('acct_');
    $account->{name} = $fields->{name} if defined $fields->{name};

    return $self->_log_in_with($account, $fields, 'Authentication started.');
}


sub update ($self) {
    my $account = $self->world->account($self->stash('account'));
    my $fields  = $self->fields;
    my $errors  = check_credentials($fields);

    return $self->invalid($errors) if %$errors;

    return $self->_log_in_with($account, $fields,
        'Authentication credentials updated. Re-authentication started.');
}


# Uses the stored credentials.  The response has no attempt_id.
sub reauthenticate ($self) {
    my $account = $self->world->account($self->stash('account'));

    if ($account->{authenticated}) {
        return $self->answer(
            status => 400,
            body   => {
                message => 'The account is already authenticated.',
                reason  => 'already_authenticated',
            },
        );
    }

    return $self->log_in(
        $account,
        sub ($attempt) {
            my $body = login_started($attempt, 'Re-authentication started.');
            delete $body->{attempt_id};
            return { success => Mojo::JSON->true, %$body };
        }
    );
}


sub poll ($self) {
    my ($account, $attempt) = $self->_attempt or return;

    return $self->answer(body => attempt_poll($account, $attempt));
}


sub submit ($self) {
    my ($account, $attempt) = $self->_attempt or return;

    my $fields = $self->fields;
    my $errors = check_code($fields);
    my $waits  = $attempt->{waiting} // q{};
    my $face   = !defined $fields->{code};

    return $self->invalid($errors) if %$errors;

    if (!$waits || $face != ($waits eq 'face')) {
        return $self->answer(
            status => 400,
            body   => problem(BAD_REQUEST => 'The attempt does not wait for this.'),
        );
    }

    if ($face) {
        $self->world->submit_selfie($account, $attempt);
    }
    else {
        $self->world->submit_code($account, $attempt, $fields->{code});
    }

    return $self->answer(
        body => {
            message => $face
                ? 'Selfie verification received. Continue polling.'
                : 'Code received. Continue polling.',
        },
    );
}


# The text contains the address of the creator.
sub send_email ($self) {
    my ($account) = $self->_attempt or return;

    return $self->answer(body => { message => "An email was sent to $account->{email}." });
}


sub _log_in_with ($self, $account, $fields, $message) {
    my $type  = $fields->{auth_type} // 'email_password';
    my %login = (story => story_name($fields->{email} // $fields->{auth_id}));

    $login{story} = 'phone'          if $type eq 'mobile_app';
    $login{email} = $fields->{email} if $type eq 'email_password';

    return $self->log_in($account, sub ($attempt) { login_started($attempt, $message) }, %login);
}


sub _attempt ($self) {
    my $attempt = $self->world->attempt($self->stash('attempt'));

    if (!$attempt) {
        $self->answer(
            status => 404,
            body   => problem(NOT_FOUND => 'The authentication attempt was not found.'),
        );
        return;
    }

    return ($self->world->account($attempt->{account_id}), $attempt);
}

1;
