# Over HTTP/2: bodies that are rejected before they are read, and bodies in
# pieces.

use strict;
use warnings;

use Test::More;

use Reauth::H2 ();
use Reauth::Test redis => 0;

plan tests => 11;

my $gateway = gateway(listen => 'http2');
my $body = '{"email":"slow@example.com","password":"secret"}';
my %json = ('content-type' => 'application/json');

sub path { return "/api/authenticate/$_[0]/credentials"; }

my $h2 = Reauth::H2->connect_to($gateway->port);

{
    my $stream = $h2->request('PUT', path('acct_1'),
        { 'content-type' => 'text/plain' }, body => $body);
    my $answer = $h2->answer($stream);
    is($answer->{status}, 415, 'a body of another type is rejected');
    like($answer->{body}, qr/UNSUPPORTED_MEDIA_TYPE/,
        'the error of another type is UNSUPPORTED_MEDIA_TYPE');
}

{
    my $stream = $h2->request('PUT', path('acct_2'),
        { %json, 'content-length' => 70_000 }, open => 1);
    my $answer = $h2->answer($stream);
    is($answer->{status}, 413, 'a length that is too large is rejected');
    like($answer->{body}, qr/BODY_TOO_LARGE/,
        'the error of a length that is too large is BODY_TOO_LARGE');
}

{
    my $stream = $h2->request('PUT', path('acct_3'), \%json,
        body => 'x' x 65_000, open => 1);

    # more than the initial window, which is enlarged after this is read
    $h2->await_window($stream, 1_000);
    $h2->data($stream, 'x' x 500) for 1 .. 2;
    my $answer = $h2->answer($stream);
    is($answer->{status}, 413,
        'a body without a length that is too large is rejected');
    like($answer->{body}, qr/BODY_TOO_LARGE/,
        'the error of a body that is too large is BODY_TOO_LARGE');
}

$h2 = Reauth::H2->connect_to($gateway->port);

{
    my $stream = $h2->request('PUT', path('acct_4'), \%json, open => 1);
    $h2->data($stream, $_) for split //, $body;
    $h2->data($stream, '', 1);
    my $answer = $h2->answer($stream);
    is($answer->{status}, 200,
        'a body without a length is accepted in frames of one byte');
    like($answer->{body}, qr/"attempt_id"/, 'the response has an attempt ID');
}

{
    my @streams = map {
        $h2->request('PUT', path("acct_5_$_"), \%json, body => $body)
    } 1 .. 8;
    is($h2->answer($streams[-1])->{status}, 200, 'several at once: the last one');
}

ok(wait_for { sandbox_log() == 9 } 'the upstream got those that were taken');
# an open connection would prevent the workers from exiting

$h2->close;

unlike($gateway->error_log, qr/\[(?:error|alert|crit)\]/, 'nothing in the log');
