# The bodies of one caller use at most half of reauth_body_memory, over HTTP/1.1
# and HTTP/2; meanwhile updates of another caller are accepted.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Test::More;
use Time::HiRes qw(sleep);

use Reauth::H2 ();
use Reauth::Stream ();
use Reauth::Test redis => 0;

my $callers = secret_file('callers', <<"EOC", oct 644);
greedy sha256:${\ sha256_hex('token-of-greedy') } update
modest sha256:${\ sha256_hex('token-of-modest') } update
EOC

my $http2   = free_port();
my $gateway = gateway(
    http_config => "reauth_callers_file $callers;\nreauth_body_memory 1m;",
    config      => "listen 127.0.0.1:$http2 http2;\nclient_body_timeout 300s;");

my $path   = '/api/authenticate/acct_1/credentials';
my %greedy = (Authorization => 'Bearer token-of-greedy',
    'Content-Type' => 'application/json');

sub modest {
    my ($account) = @_;

    return $gateway->update($account, 'ok',
        headers => { Authorization => 'Bearer token-of-modest' })->{status};
}

# incomplete bodies

my (@open, $refused);

while (@open < 40 && !$refused) {
    my $stream = Reauth::Stream->open($gateway, 'PUT', $path,
        { %greedy, 'Content-Length' => 65000 }, 'x' x 64000);

    push @open, $stream;
    sleep 0.1;
    $refused = $stream if !$stream->is_open;
}

is($refused && $refused->answer->{status}, 503, 'HTTP/1.1: one is too many');
cmp_ok(@open * 64000, '<', 700_000, scalar(@open) . ' are half');
like($gateway->error_log, qr/\[warn\].*of caller "greedy" use \d+ bytes in this/,
    'the limit of the caller is logged');
is(modest('acct_2'), 200, 'an update of another caller is accepted');

$_->close for @open;

# HTTP/2: each stream reserves memory before its body arrives

my @connections = map { Reauth::H2->connect_to($http2) } 1 .. 2;
my @refused;

for my $h2 (@connections) {
    my @streams = map {
        $h2->request('PUT', $path,
            { map { lc $_ => $greedy{$_} } keys %greedy }, open => 1)
    } 1 .. 20;

    push @refused, grep { $_->{status} == 503 }
        values %{ $h2->answers(\@streams, 3) };
}

cmp_ok(scalar @refused, '>=', 32, 'HTTP/2: the others are refused');
is(modest('acct_3'), 200,
    'an update of another caller is accepted over HTTP/2');

$_->close for @connections;

ok(wait_for {
    my @now = map {
        Reauth::Stream->open($gateway, 'PUT', $path,
            { %greedy, 'Content-Length' => 65000 }, 'x' x 64000)
    } 1 .. 4;
    sleep 0.5;
    my $held = !grep { !$_->is_open } @now;

    $_->close for @now;
    $held;
} 'the memory of closed requests is available again');

done_testing();
