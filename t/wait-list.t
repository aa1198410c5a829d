# GET /reauth/accounts?wait=: responds at the next change of a listed account.

use strict;
use warnings;

use Test::More;
use Reauth::Test redis => 0, sandbox_options => ['--hold'];
use Reauth::Stream ();

my $gateway = gateway(counted => 1);

sub wait_on {
    my ($query, $headers) = @_;

    return Reauth::Stream->open($gateway, 'GET', "/reauth/accounts?$query",
        $headers);
}

sub states {
    my ($answer) = @_;

    return join ' ', sort map { "$_->{account_id}:$_->{state}" }
        @{ $answer->{json}{accounts} };
}

is($gateway->http('GET', '/reauth/accounts?wait=61s')->{status}, 422,
    'a wait of over 60 seconds is rejected');

my $answer = wait_on('wait=1s')->finish;
is($answer->{status}, 200, 'an unchanged list is returned after the wait');
is_deeply($answer->{json}{accounts}, [],
    'an unchanged list is returned as it is');
cmp_ok($answer->{took}, '>=', 0.9, 'after the wait');

my $all     = wait_on('wait=60s');
my $otp     = wait_on('wait=60s&state=needs_otp');
my $running = wait_on('wait=60s&state=running');
my $type    = wait_on('wait=1s&auth_type=mobile_app');
$gateway->works_at(4);

my $id = $gateway->update('acct_1', 'otp')->{json}{attempt_id};

like(states($all->finish), qr/\Aacct_1:(?:starting|running)\z/,
    'a list of all accounts returns at any change');
is(states($running->finish), 'acct_1:running',
    'a list of a state returns when an account gets this state');
is(states($type->finish), '',
    'a list of a type has no accounts of other types');
ok($otp->is_open, 'a list of a different state still waits');

my $leaves = wait_on('wait=60s&state=running');
$gateway->works_at(2);

sandbox('POST', '/step/acct_1') for 1 .. 2;
$gateway->http('GET', "/api/authenticate/$id");

$answer = $otp->finish;
is(states($answer), 'acct_1:needs_otp',
    'a list returns when an account enters it');
is(states($leaves->finish), '', 'a list returns when an account leaves it');

# a change between two requests is reported at once
my $etag = $answer->{headers}{etag};

is(wait_on('state=needs_otp', { 'If-None-Match' => $etag })->finish->{status},
    304, 'an unchanged list returns the 304 code');
$gateway->update('acct_2', 'ok');
$answer = wait_on('wait=60s', { 'If-None-Match' => $etag })->finish;
is(states($answer), 'acct_1:needs_otp acct_2:running',
    'a list that has changed since its ETag is returned');
cmp_ok($answer->{took}, '<', 50,
    'a list that has changed since its ETag returns without a wait');

done_testing();
