package Sandbox::Controller::Calls;

# Copyright (C) the nginx-reauth authors
#
# Ordinary calls of an account, and those of the team.

use v5.36;
use Mojo::Base 'Sandbox::Controller';

use Digest::SHA qw(sha256_hex);

use Sandbox::Shapes qw(account_item meta_of problem upstream_url);

use constant PAGE => 10;


sub ordinary ($self) {
    my $account = $self->world->account($self->stash('account'));

    return $self->answer(status => 503, body => $self->_with_meta(_logging_in()))
        if $self->world->running($account);

    return $self->answer(status => 401, body => $self->_with_meta(_session_expired()))
        if !$account->{authenticated};

    $self->_mark_replay($account);

    return $self->answer(body => $self->_with_meta($self->_result($account)));
}


# A bare array with one item for each account, including secrets.
sub accounts ($self) {
    my $accounts = $self->world->accounts;
    my @ids      = grep {/\Aacct_/} sort keys %$accounts;

    return $self->answer(body => [map { account_item($accounts->{$_}) } @ids]);
}


sub whoami ($self) {
    return $self->answer(
        body => {
            team    => { id   => 1, name => 'Sandbox' },
            api_key => { name => 'sandbox' },
            credits => $self->app->credits,
        },
    );
}


sub list_webhooks ($self) {
    my $endpoints = $self->app->webhooks->endpoints;

    return $self->answer(body => [map { _webhook($_, $endpoints->[$_]) } 0 .. $#$endpoints]);
}


sub add_webhook ($self) {
    my $fields = $self->fields;
    my $url    = $fields->{endpoint_url} // q{};

    return $self->invalid({ endpoint_url => ['The endpoint url field must be a valid URL.'] })
        if $url !~ m{\Ahttps?://};

    my $endpoints = $self->app->webhooks->endpoints;
    my $platform  = ($fields->{platform} // q{}) eq 'fansly' ? 'fansly' : 'onlyfans';
    push @$endpoints, { url => $url, secret => $fields->{signing_secret}, platform => $platform };

    return $self->answer(status => 201, body => _webhook($#$endpoints, $endpoints->[-1]));
}


sub remove_webhook ($self) {
    my $endpoints = $self->app->webhooks->endpoints;
    my $id        = $self->stash('id');

    return $self->no_route if $id !~ /\A[1-9]\d{0,5}\z/ || $id > @$endpoints;

    splice @$endpoints, $id - 1, 1;

    return $self->answer(status => 204, body => q{});
}


sub no_route ($self) {
    return $self->answer(
        status => 404,
        body   => problem(NOT_FOUND => 'The route could not be found.'),
    );
}


sub _webhook ($index, $endpoint) {
    return {
        id           => $index + 1,
        endpoint_url => $endpoint->{url},
        platform     => $endpoint->{platform},
        enabled      => Mojo::JSON->true,
    };
}


sub _logging_in () {
    return problem(SERVICE_UNAVAILABLE =>
            'The account is being re-authenticated. Please try again when it has completed.');
}


sub _session_expired () {
    return problem('SESSION_EXPIRED:NEEDS_REAUTHENTICATION' =>
            'The session of this account has expired. Please re-authenticate the account.');
}


sub _with_meta ($self, $body) {
    return { %$body, _meta => meta_of($self->app->credits, $self->app->rate) };
}


# Returns the request as received, so that a test sees what the gateway
# forwards.
sub _result ($self, $account) {
    my $req    = $self->req;
    my $body   = $req->body;
    my $path   = $req->target =~ s/\?.*\z//sr;
    my $offset = ($req->query_params->param('offset') // 0) =~ /\A(\d{1,9})\z/ ? $1 : 0;

    return {
        data => {
            account_id  => $account->{id},
            method      => $req->method,
            target      => $req->target,
            body_bytes  => length $body,
            body_sha256 => sha256_hex($body),
        },
        _pagination => {
            next_page => upstream_url($offset / PAGE + 1, "$path?offset=" . ($offset + PAGE)),
        },
    };
}


sub _mark_replay ($self, $account) {
    my $key = $self->req->headers->header('Idempotency-Key') // return;
    my $req = $self->req;

    return if $req->method =~ /\A(?:GET|HEAD)\z/;
    return if !$self->app->replays->{"$account->{id} $key"}++;

    $self->res->headers->header('idempotent-replayed' => 'true');

    return;
}

1;
