# Waiting event streams leave connections for others: with the maximum number of
# open streams, health checks, status requests and calls still work.  Each line
# of the access log is JSON.

use strict;
use warnings;

use JSON::PP ();
use Test::More;

use Reauth::Shipped;
use Reauth::Stream ();
use Reauth::Test;

for my $file (qw(conf/nginx.conf conf/demo.conf)) {
    my $gateway = Reauth::Shipped->start($file,
        upstream => $ENV{TEST_NGINX_SANDBOX_PORT});

    my ($connections) = Reauth::Test::slurp($file)
        =~ /worker_connections +(\d+)/;

    my @open = map { Reauth::Stream->open($gateway, 'GET', '/reauth/events') }
        1 .. $connections / 4;

    ok(!(grep { !$_->saw(qr/^id: /m, $Reauth::Test::LIMIT) } @open),
        "$file: a quarter of the connections may follow");

    my $answer = $gateway->http('GET', '/reauth/events');

    is($answer->{status}, 503, "$file: one more may not");
    is($answer->{headers}{'retry-after'}, 1,
        "$file: a rejected stream can be retried after a second");

    for (1 .. 20) {
        is($gateway->http('GET', $_)->{status}, 200, "$file: $_ is served")
            for '/reauth/healthz', '/reauth/readyz', '/reauth/accounts',
                '/api/acct_9/me';
    }

    is($gateway->update("acct_$_", 'ok')->{status}, 200,
        "$file: an update is accepted")
        for 1 .. 3;

    $_->close for @open;
    $gateway->stop;

    next if $file =~ /demo/;

    my @lines = map { eval { JSON::PP::decode_json($_) } }
        split /\n/, $gateway->access_log;

    is(scalar @lines, (() = $gateway->access_log =~ /\n/g),
        "$file: each line of the access log is JSON");
    ok((grep { $_->{operation} eq 'update' && $_->{account_id} eq 'acct_1'
        && $_->{state} eq 'running' } @lines), "$file: an update is there");
    ok((grep { $_->{operation} eq 'call' && $_->{gate} eq 'open' } @lines),
        "$file: a call is there");
}

done_testing();
