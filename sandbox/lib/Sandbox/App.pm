package Sandbox::App;

# Copyright (C) the nginx-reauth authors
#
# The application: the checks of each request, and the routes.

use v5.36;
use Mojo::Base 'Mojolicious';

use Mojo::Util qw(secure_compare);

use Sandbox::Clock      qw(random_hex);
use Sandbox::Controller ();
use Sandbox::Journal    ();
use Sandbox::Request    ();
use Sandbox::Webhooks   ();
use Sandbox::World      ();

use constant {
    CREDITS    => 100_000,
    RATE_LIMIT => 1000,
    MINUTE     => 60,
    ID_LENGTH  => 32,
};

has journal  => sub { Sandbox::Journal->new };
has webhooks => sub { Sandbox::Webhooks->new };
has world    => sub { Sandbox::World->new };
has credits  => CREDITS;
has rate     => sub { { limit => RATE_LIMIT, minute => 0, used => 0 } };
has replays  => sub { {} };
has settings => sub { {} };
has 'initial';


sub startup ($self) {
    my $settings = $self->settings;

    $self->initial({%$settings});
    srand $settings->{seed} if defined $settings->{seed};

    $self->journal->open_file($settings->{log}) if defined $settings->{log};
    $self->world->settings($settings);
    $self->world->on(change => sub ($world, @change) { $self->webhooks->announce(@change) });
    $self->webhooks->settings($settings);
    $self->reset_all;

    $self->controller_class('Sandbox::Controller');
    $self->routes->namespaces(['Sandbox::Controller']);
    $self->static->paths([]);
    $self->renderer->paths([]);

    $self->hook(after_build_tx  => \&_build_request);
    $self->hook(before_dispatch => \&_receive);
    $self->hook(after_dispatch  => \&_add_headers);
    $self->_add_routes;

    return;
}


# Resets to the initial state, except for the log file.
sub reset_all ($self) {
    %{ $self->settings } = %{ $self->initial };

    $self->world->clear;
    $self->journal->clear;
    $self->webhooks->clear;
    $self->webhooks->endpoints($self->_configured_endpoints);
    $self->credits(CREDITS)->replays({});

    return;
}


sub key_fits ($self, $authorization) {
    my ($key) = ($authorization // q{}) =~ /\ABearer\s+(.+)\z/i;

    return defined $key && secure_compare($key, $self->settings->{api_key});
}


sub _configured_endpoints ($self) {
    my $settings = $self->settings;
    my @endpoints;

    for my $platform (qw(onlyfans fansly)) {
        my $prefix = $platform eq 'fansly' ? 'fansly_webhook' : 'webhook';
        my $url    = $settings->{"${prefix}_url"} // next;

        push @endpoints,
            { platform => $platform, url => $url, secret => $settings->{"${prefix}_secret"} };
    }

    return \@endpoints;
}


sub _build_request ($tx, $app) {
    $tx->req(Sandbox::Request->new);

    return;
}


sub _receive ($c) {
    my $path = $c->req->url->path->to_route;

    return if $path !~ m{\A/api(?:/|\z)};

    my $app = $c->app;
    $c->stash(subject => _subject($app, $path));
    $app->journal->record($c->tx, $c->stash('subject'));
    $app->credits($app->credits - 1);
    _count_minute($app->rate);

    return;
}


# The subject of a request: an account ID, or `team`.
sub _subject ($app, $path) {
    my ($id) = $path =~ m{
        \A /api/ (?: (?: fansly | fanvue ) / )? (?: authenticate/ )?
        ( (?: fansly_acct | fanvue_acct | acct | auth ) _ [A-Za-z0-9_-]+ ) (?: / | \z )
    }x;

    return 'team' if !defined $id;
    return $id    if $id !~ /\Aauth_/;

    my $attempt = $app->world->attempt($id);

    return $attempt ? $attempt->{account_id} : 'team';
}


# The limit is reported, but not enforced.
sub _count_minute ($rate) {
    my $minute = int(time / MINUTE);

    @{$rate}{qw(minute used)} = ($minute, 0) if $rate->{minute} != $minute;
    $rate->{used}++;
    $rate->{remaining} = $rate->{used} < $rate->{limit} ? $rate->{limit} - $rate->{used} : 0;

    return;
}


sub _add_headers ($c) {
    my $headers = $c->res->headers;

    # RFC 9112, 9.6: otherwise a client may send its next request on a connection
    # that is being closed
    $headers->connection('close') if !$c->tx->keep_alive;

    return if !defined $c->stash('subject');

    my $app  = $c->app;
    my $rate = $app->rate;
    my $id   = $c->req->headers->header('X-Request-Id') // random_hex(ID_LENGTH);
    my %add  = (
        'Cache-Control'                  => 'no-cache, private',
        'Set-Cookie'                     => 'onlyfansapi_session=CANARY-cookie; path=/; httponly',
        'X-Request-Id'                   => $id,
        'x-ofapi-credits-balance'        => $app->credits,
        'x-ofapi-credits-used'           => 1,
        'x-ofapi-is-cached'              => 'false',
        'x-rate-limit-limit-minute'      => $rate->{limit},
        'x-rate-limit-remaining-minute'  => $rate->{remaining},
        'x-rate-limit-reset-minute'      => ($rate->{minute} + 1) * MINUTE,
    );

    $headers->server('cloudflare');
    for my $name (keys %add) {
        $headers->header($name => $add{$name}) if !defined $headers->header($name);
    }

    return;
}


sub _add_routes ($self) {
    my $routes = $self->routes;

    $routes->add_type(acct    => qr/acct_[A-Za-z0-9_-]+/);
    $routes->add_type(fansly  => qr/fansly_acct_[A-Za-z0-9_-]+/);
    $routes->add_type(fanvue  => qr/fanvue_acct_[A-Za-z0-9_-]+/);
    $routes->add_type(attempt => qr/auth_[A-Za-z0-9_-]+/);

    _add_control($routes->any('/_sandbox'));

    my $api = $routes->under('/api' => sub ($c) { $c->admit });
    _add_authenticate($api->any('/authenticate'));
    _add_fansly($api->any('/fansly/authenticate'));

    $api->get('/accounts')->to('calls#accounts');
    $api->get('/whoami')->to('calls#whoami');
    $api->get('/webhooks')->to('calls#list_webhooks');
    $api->post('/webhooks')->to('calls#add_webhook');
    $api->delete('/webhooks/:id')->to('calls#remove_webhook');
    $api->any('/<account:acct>/*rest')->to('calls#ordinary', rest => q{});
    $api->any('/fansly/<account:fansly>/*rest')->to('calls#ordinary', rest => q{});
    $api->any('/fanvue/<account:fanvue>/*rest')->to('calls#ordinary', rest => q{});

    $routes->any('/*rest')->to('calls#no_route', rest => q{});

    return;
}


sub _add_authenticate ($family) {
    $family->post('/')->to('authenticate#begin');
    $family->get('/<attempt:attempt>')->to('authenticate#poll');
    $family->put('/<attempt:attempt>')->to('authenticate#submit');
    $family->post('/<attempt:attempt>/send-email-to-creator')->to('authenticate#send_email');
    $family->post('/<account:acct>/reauthenticate')->to('authenticate#reauthenticate');
    $family->put('/<account:acct>/credentials')->to('authenticate#update');

    return;
}


sub _add_fansly ($family) {
    $family->post('/')->to('fansly#begin');
    $family->get('/<account:fansly>')->to('fansly#poll');
    $family->put('/<account:fansly>')->to('fansly#submit');
    $family->post('/<account:fansly>/reauthenticate')->to('fansly#reauthenticate');

    return;
}


sub _add_control ($control) {
    $control->get('/log')->to('control#received');
    $control->post('/reset')->to('control#start_over');
    $control->post('/settings')->to('control#set');
    $control->get('/account/:id')->to('control#show_account');
    $control->post('/account/:id')->to('control#set_account');
    $control->post('/finish/:id')->to('control#finish');
    $control->post('/release/:id')->to('control#release');
    $control->post('/step/:id')->to('control#step');
    $control->get('/webhooks')->to('control#deliveries');
    $control->post('/webhook')->to('control#send_webhook');

    return;
}

1;
