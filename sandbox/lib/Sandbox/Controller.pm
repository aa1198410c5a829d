package Sandbox::Controller;

# Copyright (C) the nginx-reauth authors
#
# Functions shared by the controllers: authorization and responses.

use v5.36;
use Mojo::Base 'Mojolicious::Controller';

use Mojo::JSON qw(decode_json);

use Sandbox::Answer  qw(cdn_page send_answer);
use Sandbox::Shapes  qw(problem);
use Sandbox::Stories qw(story);

# Words in an account ID that make its requests fail, most specific first.
my @REFUSALS = (
    unknown => {
        status => 404,
        body   => problem(NOT_FOUND => 'The account was not found in your team.'),
    },
    relayed => {
        status => 404,
        body   => problem(ONLYFANS_COM_ERROR => 'OnlyFans answered: User not found.'),
    },
    credits => {
        status => 402,
        body   => problem(INSUFFICIENT_CREDITS => 'Your team has run out of credits.'),
    },
    restricted => {
        status => 403,
        body   => problem(FORBIDDEN => 'This API key is restricted to other accounts.'),
    },
    limited => {
        status  => 429,
        headers => { 'Retry-After' => 2 },
        body    => problem(RATE_LIMIT_EXCEEDED => 'Too many requests.'),
    },
    maintenance => {
        status => 503,
        body   => problem(SERVICE_UNAVAILABLE => 'The service is down for maintenance.'),
    },
    broken => { status => 500, body => { message => 'Server Error' } },
    cdn520 => { cdn_page(520) },
    cdn524 => { cdn_page(524) },
    cdn    => { cdn_page(502) },
);


sub world ($self) {
    return $self->app->world;
}


# Checks the key, forced responses, and words in the account ID.
sub admit ($self) {
    my $subject = $self->stash('subject');

    if (!$self->app->key_fits($self->req->headers->authorization)) {
        $self->answer(
            status => 401,
            body   => {
                error   => 'The API key is missing or invalid.',
                message => 'Unauthenticated.',
            },
        );
        return 0;
    }

    if (my $forced = $self->_take_forced) {
        $self->stash(forced => $forced);
        return 1 if $forced->{apply};

        $self->answer;
        return 0;
    }

    if (my $refusal = _refusal($subject)) {
        $self->answer(%$refusal);
        return 0;
    }

    return 1;
}


sub answer ($self, %answer) {
    if (my $forced = $self->stash('forced')) {
        %answer = map { $_ => $forced->{$_} } qw(status headers body close delay_ms);
    }

    my $subject = $self->stash('subject');
    my $account = defined $subject && $self->world->accounts->{$subject};

    if ($account) {
        $answer{delay_ms} //= $account->{delay_ms};
        $answer{delayed} = $account->{delayed} //= {};
    }

    return send_answer($self, %answer);
}


# Starts a login unless its story rejects it; $body creates the response.
sub log_in ($self, $account, $body, %login) {
    my $story = story($login{story} // $account->{story});

    return $self->answer(broken => $story->{answer}) if $story->{refuse};

    my $attempt = $self->world->start_login($account, %login);

    return $self->answer(broken => $story->{answer}, body => $body->($attempt));
}


sub invalid ($self, $errors) {
    my @texts   = map { @{ $errors->{$_} } } sort keys %$errors;
    my $more    = $#texts;
    my $message = $texts[0];

    $message .= sprintf ' (and %d more error%s)', $more, $more == 1 ? q{} : 's' if $more;

    return $self->answer(
        status => 422,
        body   => problem(VALIDATION_ERROR => $message, errors => $errors),
    );
}


# Parses as the upstream does: a body that is not a JSON object has no fields.
sub fields ($self) {
    my $fields = eval { decode_json($self->req->body) };

    return ref $fields eq 'HASH' ? $fields : {};
}


sub _refusal ($id) {
    for (my $i = 0; $i < @REFUSALS; $i += 2) {
        return $REFUSALS[$i + 1] if index($id, $REFUSALS[$i]) >= 0;
    }

    return;
}


# The first forced response that matches this request.
sub _take_forced ($self) {
    my $account = $self->world->accounts->{ $self->stash('subject') } // return;
    my $next    = $account->{next};

    for my $i (0 .. $#$next) {
        my $forced = $next->[$i];
        next if defined $forced->{method} && $forced->{method} ne $self->req->method;
        next if defined $forced->{path}   && index($self->req->target, $forced->{path}) < 0;

        splice @$next, $i, 1 if --$forced->{times} == 0;
        return $forced;
    }

    return;
}

1;
