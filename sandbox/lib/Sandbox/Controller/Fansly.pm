package Sandbox::Controller::Fansly;

# Copyright (C) the nginx-reauth authors
#
# The Fansly variant: without attempt IDs; the account ID is polled.

use v5.36;
use Mojo::Base 'Sandbox::Controller';

use Mojo::JSON ();

use Sandbox::Shapes     qw(fansly_poll problem upstream_url);
use Sandbox::Stories    qw(story_name);
use Sandbox::Validation qw(check_code check_fansly);


sub begin ($self) {
    my $fields = $self->fields;
    my $errors = check_fansly($fields);

    return $self->invalid($errors) if %$errors;

    my $account = $self->world->new_account('fansly_acct_');

    return $self->log_in(
        $account,
        sub ($attempt) {
            _started($attempt, 'Authentication started.', account_id => $account->{id});
        },
        email => $fields->{email},
        story => story_name($fields->{email}),
    );
}


sub poll ($self) {
    return $self->answer(body => fansly_poll($self->_account));
}


sub submit ($self) {
    my $account = $self->_account;
    my $attempt = $account->{attempt};
    my $fields  = $self->fields;
    my $errors  = check_code({ code => $fields->{code} });

    return $self->invalid($errors) if %$errors;

    if (!$attempt || !$attempt->{waiting}) {
        return $self->answer(
            status => 400,
            body   => problem(BAD_REQUEST => 'The account does not wait for a code.'),
        );
    }

    $self->world->submit_code($account, $attempt, $fields->{code});

    return $self->answer(body => { message => 'Code received. Continue polling.' });
}


sub reauthenticate ($self) {
    return $self->log_in(
        $self->_account,
        sub ($attempt) {
            _started($attempt, 'Re-authentication started.', success => Mojo::JSON->true);
        }
    );
}


sub _account ($self) {
    return $self->world->account($self->stash('account'));
}


sub _started ($attempt, $message, %more) {
    my $path = "/api/fansly/authenticate/$attempt->{account_id}";

    return {
        message     => "$message Query the polling_url to check the progress.",
        polling_url => upstream_url($attempt->{number}, $path),
        %more,
    };
}

1;
