# GET /reauth/accounts/{id}?wait=: responds at the next change.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);
use Reauth::Test redis => 0, sandbox_options => ['--hold'];
use Reauth::Stream ();

my $gateway = gateway(workers => 2, counted => 1);

sub wait_on {
    my ($account, $wait, $headers) = @_;

    return Reauth::Stream->open($gateway, 'GET',
        "/reauth/accounts/$account?wait=$wait", $headers);
}

for my $wait ('61s', '2m', 'x', '-1', '', '1.5s') {
    my $answer = $gateway->http('GET', "/reauth/accounts/acct_1?wait=$wait");
    is($answer->{status}, 422, "an invalid time is rejected: wait=$wait");
    like($answer->{json}{errors}{wait}[0], qr/time of at most 60s/,
        "the error says which times are valid: wait=$wait");
}

my $answer = wait_on('acct_nobody', '60s')->finish;
is($answer->{status}, 404, 'nothing is known');
cmp_ok($answer->{took}, '<', 50,
    'an unknown account is reported without a wait');

my $id = $gateway->update('acct_1', 'otp')->{json}{attempt_id};

$answer = wait_on('acct_1', '1s')->finish;
is($answer->{status}, 200, 'an unchanged record is returned after the wait');
is($answer->{json}{state}, 'running', 'the record as it is');
cmp_ok($answer->{took}, '>=', 0.9, 'after the wait');

my @waiting = map { wait_on('acct_1', '60s') } 1 .. 20;
my $other   = wait_on('acct_1', '60s');
$gateway->update('acct_2', 'ok');
$gateway->works_at(21);
is((grep { $_->is_open } @waiting), 20,
    'requests wait while another account changes');

for (1 .. 10) {
    is($gateway->http('GET', '/reauth/healthz')->{status}, 200,
        'the workers serve');
}

sandbox('POST', '/step/acct_1') for 1 .. 2;
my $changed = time;
$gateway->http('GET', "/api/authenticate/$id");

my @answers = map { $_->finish } @waiting;
cmp_ok(time - $changed, '<', 50, 'all get a response before their timeout');
is((grep { $_->{status} == 200 && $_->{json}{state} eq 'needs_otp' } @answers),
    20, 'all waiting requests get the changed record');
is($other->finish->{json}{state}, 'needs_otp',
    'a change of another account is ignored');

# changes between two requests are not missed
my $etag = $answers[0]{headers}{etag};
like($etag, qr{\AW/"}, 'the response has a weak ETag');

$answer = wait_on('acct_1', '1s', { 'If-None-Match' => $etag })->finish;
is($answer->{status}, 304, 'an unchanged record returns the 304 code');
cmp_ok($answer->{took}, '>=', 0.9, 'after the wait');

my $waiting = wait_on('acct_1', '60s', { 'If-None-Match' => $etag });
$gateway->works_at(1);
sandbox('POST', '/finish/acct_1');
$gateway->http('GET', "/api/authenticate/$id");
$answer = $waiting->finish;
is($answer->{json}{state}, 'succeeded',
    'a waiting request gets the end of the attempt');
is($answer->{json}{gate}, 'open', 'opens the gate');

$answer = wait_on('acct_1', '60s')->finish;
is($answer->{json}{state}, 'succeeded', 'an ended one');
cmp_ok($answer->{took}, '<', 50, 'an ended attempt is returned without a wait');

$gateway->update('acct_1', 'otp');
$answer = wait_on('acct_1', '60s', { 'If-None-Match' => $etag })->finish;
is($answer->{status}, 200, 'a record with a different ETag is returned');
cmp_ok($answer->{took}, '<', 50,
    'a record with a different ETag is returned without a wait');

# a client that closes
my @gone = map { wait_on('acct_1', '60s') } 1 .. 10;
$gateway->works_at(10);
$_->close for @gone;
ok(wait_for { 10 == (() = $gateway->access_log =~ / 499 /g) }
    'a client that goes is noticed');

my $head = Reauth::Stream->open($gateway, 'HEAD',
    '/reauth/accounts/acct_1?wait=1s')->finish;
is($head->{status}, 200, 'HEAD waits too');
is($head->{body}, '', 'the response to HEAD has no body');

unlike($gateway->error_log, qr/\[(?:alert|crit|error)\]/,
    'nothing worse than a warning is logged');

done_testing();
