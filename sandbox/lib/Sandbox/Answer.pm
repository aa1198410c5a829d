package Sandbox::Answer;

# Copyright (C) the nginx-reauth authors
#
# Sends a response, or breaks it in the specified way.

use v5.36;

use Exporter   qw(import);
use Mojo::IOLoop ();
use Mojo::JSON qw(encode_json);
use Socket     qw(SOL_SOCKET SO_LINGER);

our @EXPORT_OK = qw(cdn_page send_answer send_delayed);

use constant {
    MS        => 1000,
    HUGE_SIZE => 1_500_000,
};

my %BROKEN = (
    down    => \&_down,
    lost    => \&_lost,
    limit   => \&_limit,
    huge    => \&_huge,
    garbage => \&_garbage,
    odd     => \&_odd,
    half    => \&_half,
    reset   => \&_reset,
    stall   => \&_stall,
);

my %CDN_TITLE = (
    502 => 'Bad gateway',
    504 => 'Gateway Timeout',
    520 => 'Web server is returning an unknown error',
    524 => 'A timeout occurred',
);


# Fields: status, body (bytes, or a structure to be encoded as JSON), headers,
# delay_ms, close, and broken (a key of %BROKEN, with the body of an intact
# response).  A delayed response is stored in "delayed" until it is sent.
sub send_answer ($c, %answer) {
    my $delay   = $answer{delay_ms} or return _send($c, \%answer);
    my $delayed = $answer{delayed} // {};
    my $tx      = $c->render_later->tx;
    my $timer;

    my $send = sub {
        delete $delayed->{$timer};
        _send($c, \%answer) if Mojo::IOLoop->stream($tx->connection);
    };

    $timer = Mojo::IOLoop->timer($delay / MS, $send);
    $delayed->{$timer} = $send;

    return;
}


# Sends all delayed responses; returns their number.
sub send_delayed ($delayed) {
    my @timers = keys %$delayed;

    for my $timer (@timers) {
        Mojo::IOLoop->remove($timer);
        $delayed->{$timer}->();
    }

    return scalar @timers;
}


sub cdn_page ($status) {
    my $title = $CDN_TITLE{$status};

    return (
        status  => $status,
        headers => { 'Content-Type' => 'text/html; charset=UTF-8' },
        body    => "<!DOCTYPE html>\n<html><head><title>$status: $title</title></head>\n"
            . "<body><h1>$title</h1><p>Error code $status</p></body></html>\n",
    );
}


sub _send ($c, $answer) {
    return _reset($c) if $answer->{close};

    if (my $broken = $answer->{broken}) {
        my $break = $BROKEN{$broken};

        return $break->($c, $answer);
    }

    return _whole($c, %$answer);
}


sub _whole ($c, %answer) {
    my $headers = $answer{headers} // {};
    my $body    = $answer{body}    // q{};

    ($body, $headers) = _echo($c, $body, $headers) if $c->app->settings->{echo};

    $c->res->headers->content_type('application/json');
    $c->res->headers->header($_ => $headers->{$_}) for keys %$headers;

    $c->render(status => $answer{status} // 200, data => ref $body ? encode_json($body) : $body);

    return;
}


# Repeats everything that was received, the key first, in each possible text.
sub _echo ($c, $body, $headers) {
    my $key  = $c->req->headers->authorization // q{};
    my $sent = join "\n", $key, $c->req->body, $c->req->headers->to_string, $c->req->target;
    my %more = map { $_ => $key } qw(X-Request-Id X-Ofapi-Echo X-Rate-Limit-Echo Location ETag);

    $more{'Content-Type'} = "application/json; key=$key";

    if (ref $body eq 'HASH') {
        $body = {
            %$body,
            echo     => $sent,
            message  => $sent,
            progress => $key =~ s/.* //r,
            error    => $sent,
            _meta    => { $key => [$sent] },
        };
        $body->{lastAttempt} = { %{ $body->{lastAttempt} }, error_message => $sent,
            error_code => $key, }
            if $body->{lastAttempt};
    }
    elsif (ref $body eq 'ARRAY') {
        $body = [map { { %$_, authentication_progress => $key, echo => $sent } } @$body];
    }
    else {
        $body .= $sent;
    }

    return ($body, { %$headers, %more });
}


sub _down ($c, $answer) {
    return _whole($c, cdn_page(502));
}


sub _lost ($c, $answer) {
    return _whole($c, cdn_page(504));
}


sub _limit ($c, $answer) {
    return _whole(
        $c,
        status  => 429,
        headers => { 'Retry-After' => 2 },
        body    => {
            error       => 'RATE_LIMIT_EXCEEDED',
            message     => 'Too many requests.',
            description => 'Too many requests. Try again in 2 seconds.',
        },
    );
}


sub _huge ($c, $answer) {
    return _whole($c, body => { %{ $answer->{body} }, padding => 'x' x HUGE_SIZE });
}


sub _garbage ($c, $answer) {
    return _whole($c, body => 'this is {not JSON');
}


sub _odd ($c, $answer) {
    return _whole($c, body => { message => 'Queued.' });
}


# Content-Length is larger than the body.
sub _half ($c, $answer) {
    my $stream = _stream($c) // return;
    my $body   = encode_json($answer->{body});
    my $part   = substr $body, 0, int(length($body) / 2);
    my $head   = join "\r\n", 'HTTP/1.1 200 OK', 'Content-Type: application/json',
        'Content-Length: ' . length $body;

    $stream->write("$head\r\n\r\n$part" => sub { $stream->close });

    return;
}


sub _reset ($c, $answer = undef) {
    my $stream = _stream($c) // return;

    setsockopt $stream->handle, SOL_SOCKET, SO_LINGER, pack 'II', 1, 0;
    $stream->close;

    return;
}


sub _stall ($c, $answer) {
    my $id = $c->render_later->tx->connection;

    Mojo::IOLoop->timer(
        $c->app->settings->{stall_s},
        sub {
            my $stream = Mojo::IOLoop->stream($id) // return;
            $stream->close;
        }
    );

    return;
}


sub _stream ($c) {
    return Mojo::IOLoop->stream($c->render_later->tx->connection);
}

1;
