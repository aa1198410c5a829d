package Sandbox::Controller::Control;

# Copyright (C) the nginx-reauth authors
#
# /_sandbox: lets tests inspect and control the upstream.

use v5.36;
use Mojo::Base 'Sandbox::Controller';

use Mojo::IOLoop ();
use Mojo::JSON   qw(encode_json);

use Sandbox::Answer  qw(send_delayed);
use Sandbox::Clock   qw(now_us);
use Sandbox::Shapes  qw(attempt_poll);
use Sandbox::Stories qw(story);
use Sandbox::Webhooks ();

use constant {
    LAST     => 100,
    LOOK     => 0.01,
    MS       => 1000,
    WAIT_MS  => 10_000,
};

my @SETTINGS = qw(
    echo hold slow_ms stall_s step_ms webhook_disorder webhook_duplicate webhook_loss
    webhook_retry_ms
);
my @ACCOUNT = qw(authenticated connected delay_ms email hold name story wrapped);
my @FORCED  = qw(apply body close delay_ms headers method path status times);
my @WEBHOOK = qw(account_id body event key payload redelivery_of signature);


# With min=K, waits until K requests have been received, at most wait_ms.
sub received ($self) {
    my $params = $self->req->query_params;
    my %filter = map { $_ => $params->param($_) } qw(account after method path);
    my $last   = _number($params->param('last'), LAST);
    my $min    = _number($params->param('min'), 0);
    my $wait   = _number($params->param('wait_ms'), WAIT_MS);
    my $find   = sub { $self->app->journal->find($last, %filter) };

    return $self->_wait_for(sub { @{ $find->() } >= $min }, $wait, $find);
}


sub deliveries ($self) {
    my $params  = $self->req->query_params;
    my $account = $params->param('account');
    my $min     = _number($params->param('min'), 0);
    my $wait    = _number($params->param('wait_ms'), WAIT_MS);
    my $find    = sub {
        [grep { !defined $account || ($_->{account_id} // q{}) eq $account }
                @{ $self->app->webhooks->deliveries }]
    };
    my $done = sub { $min <= grep { defined $_->{status} || $_->{lost} } @{ $find->() } };

    return $self->_wait_for($done, $wait, $find);
}


sub start_over ($self) {
    $self->app->reset_all;

    return $self->_tell({});
}


sub set ($self) {
    my $fields = $self->_known_fields(@SETTINGS) // return;

    @{ $self->app->settings }{ keys %$fields } = values %$fields;

    return $self->_tell({ map { $_ => $self->app->settings->{$_} } @SETTINGS });
}


sub show_account ($self) {
    return $self->_tell($self->_describe($self->_account));
}


sub set_account ($self) {
    my $fields = $self->_known_fields(@ACCOUNT, 'next') // return;
    my $next   = delete $fields->{next};

    return $self->_refuse('story: no such story')
        if defined $fields->{story} && !story($fields->{story});

    return $self->_refuse('next: expected a list of objects with ' . join ', ', @FORCED)
        if defined $next && !_are_forced($next);

    my $account = $self->_account;
    @{$account}{ keys %$fields } = values %$fields;

    if ($next) {
        $_->{times} //= 1 for @$next;
        $account->{next} = $next;
    }

    return $self->_tell($self->_describe($account));
}


sub finish ($self) {
    my $fields = $self->_known_fields(qw(error_code error_message state success)) // return;
    my $account = $self->_account;

    return $self->_nothing_runs if !$self->world->finish($account, $fields);

    return $self->_tell($self->_describe($account));
}


# Sends all delayed responses and ends the delay.
sub release ($self) {
    my $account = $self->_account;

    $account->{delay_ms} = 0;

    return $self->_tell({ released => send_delayed($account->{delayed} // {}) });
}


sub step ($self) {
    my $account = $self->_account;

    return $self->_nothing_runs if !$self->world->step($account);

    return $self->_tell($self->_describe($account));
}


# Sends an irregular event: old, replayed, unsigned, or of an unknown account.
sub send_webhook ($self) {
    my $fields  = $self->_known_fields(@WEBHOOK) // return;
    my $account = $self->world->accounts->{ $fields->{account_id} // q{} };
    my $attempt = $account && $account->{attempt} // { started => now_us() };

    $fields->{payload} //= Sandbox::Webhooks::payload($attempt);

    return $self->_tell({ key => $self->app->webhooks->send_event(%$fields) });
}


sub _account ($self) {
    return $self->world->account($self->stash('id'));
}


sub _describe ($self, $account) {
    my $attempt = $account->{attempt};

    return {
        (map { $_ => $account->{$_} } qw(id attempts story email)),
        authenticated => $account->{authenticated} ? Mojo::JSON->true : Mojo::JSON->false,
        running       => $self->world->running($account) ? Mojo::JSON->true : Mojo::JSON->false,
        waiting       => $attempt && $attempt->{waiting},
        attempt_id    => $attempt && $attempt->{id},
        next          => scalar @{ $account->{next} },
        poll          => $attempt && attempt_poll($account, $attempt),
    };
}


sub _known_fields ($self, @names) {
    my $fields = $self->fields;
    my %known  = map { $_ => 1 } @names;
    my @others = grep { !$known{$_} } sort keys %$fields;

    if (@others) {
        $self->_refuse("unknown: @others; known: @names");
        return;
    }

    return $fields;
}


sub _are_forced ($next) {
    return 0 if ref $next ne 'ARRAY';

    my %known = map { $_ => 1 } @FORCED;

    for my $forced (@$next) {
        return 0 if ref $forced ne 'HASH' || grep { !$known{$_} } keys %$forced;
    }

    return 1;
}


sub _wait_for ($self, $done, $wait_ms, $result) {
    return $self->_tell($result->()) if $done->();

    my $until = now_us() + $wait_ms * MS;
    my $tx    = $self->render_later->tx;
    my $timer;

    $timer = Mojo::IOLoop->recurring(
        LOOK,
        sub ($loop) {
            return if !$done->() && now_us() < $until;
            $loop->remove($timer);
            $self->_tell($result->()) if $loop->stream($tx->connection);
        }
    );

    return;
}


sub _nothing_runs ($self) {
    return $self->_tell({ error => 'no login runs, or it waits for a person' }, 409);
}


sub _refuse ($self, $message) {
    return $self->_tell({ error => $message }, 400);
}


sub _tell ($self, $body, $status = 200) {
    $self->res->headers->content_type('application/json');
    $self->render(status => $status, data => encode_json($body));

    return;
}


sub _number ($text, $default) {
    return defined $text && $text =~ /\A\d{1,9}\z/ ? $text : $default;
}

1;
