# reauth_wait_max: the number of requests of a worker that can wait.

use strict;
use warnings;

use Test::More;
use Reauth::Test redis => 0, sandbox_options => ['--hold'];
use Reauth::Stream ();

my $gateway = gateway(counted => 1,
    http_config => 'reauth_wait_max 5; reauth_gate_hold 60s;');

my $id = $gateway->update('acct_1', 'ok')->{json}{attempt_id};

sub wait_on {
    my ($path) = @_;

    return Reauth::Stream->open($gateway, 'GET', $path);
}

my @waiting = map { wait_on("/reauth/$_") } ('accounts/acct_1?wait=60s') x 2,
    ('accounts?wait=60s') x 2, 'events';
$gateway->works_at(5);
ok($_->is_open, 'a request within the limit waits') for @waiting;

for my $path ('accounts/acct_1?wait=60s', 'accounts?wait=60s', 'events') {
    my $answer = $gateway->http('GET', "/reauth/$path");
    is($answer->{status}, 503, "$path is one too many");
    is($answer->{headers}{'retry-after'}, 1,
        "$path: the error can be retried after a second");
}

is($gateway->http('GET', '/reauth/accounts/acct_1')->{status}, 200,
    'a request that does not wait is served');
like($gateway->error_log,
    qr/5 status requests are waiting in this worker.*reauth_wait_max/,
    'a rejected waiting request is logged');

(shift @waiting)->close;
(pop @waiting)->close;
ok(wait_for { 2 <= (() = $gateway->access_log =~ /" 499 |events HTTP\S+ 200/g) }
    'the closed requests have ended');

my $held = Reauth::Stream->open($gateway, 'GET', '/api/acct_1/x',
    { Prefer => 'wait=60' });
push @waiting, wait_on('/reauth/accounts/acct_1?wait=60s');
$gateway->works_at(5);
ok($_->is_open, 'new requests take the free places') for $held, @waiting;

sandbox('POST', '/finish/acct_1');
$gateway->http('GET', "/api/authenticate/$id");
is($_->finish->{status}, 200,
    'each waiting request gets a response') for $held, @waiting;

@waiting = map { wait_on('/reauth/accounts?wait=1s') } 1 .. 5;
is($_->finish->{status}, 200, 'all places are free at the end') for @waiting;

done_testing();
