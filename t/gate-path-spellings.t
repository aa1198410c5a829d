# Every spelling in tests/data/paths, over HTTP/1.1 and HTTP/2: it is forwarded
# byte by byte, rejected by the gate of its account, or rejected as ambiguous.

use strict;
use warnings;

use IO::Socket::INET ();
use Test::More;

use Reauth::H2 ();
use Reauth::Peer ();
use Reauth::Test redis => 0, sandbox => 0;

my $peer = Reauth::Peer->start(sub {
    my ($request) = @_;

    return Reauth::Peer::accepted('auth_1') if $request =~ /\APUT /;

    my ($target) = $request =~ /\A\S+ (\S+)/;

    return Reauth::Peer::response('200 OK',
        '{"sent":"' . unpack('H*', $target) . '"}');
});

my $h2_port = Reauth::Test::free_port();
my $gateway = gateway(
    http_config => 'upstream fans_api { server 127.0.0.1:' . $peer->port
        . '; }',
    config      => "listen 127.0.0.1:$h2_port http2;");

is($gateway->update('acct_closed', 'ok')->{status}, 200,
    'an update of acct_closed is accepted');


sub by_http1 {
    my ($target) = @_;

    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $gateway->port, Timeout => 60) or die "connect: $!\n";

    print {$socket} "GET $target HTTP/1.1\r\nHost: localhost\r\n"
        . "Connection: close\r\n\r\n";
    my $answer = do { local $/; <$socket> };

    my ($status) = $answer =~ /\AHTTP\S+ (\d+)/;

    return { status => $status, body => $answer };
}


sub by_http2 {
    my ($path) = @_;

    my $h2 = Reauth::H2->connect_to($h2_port);

    return $h2->answer($h2->request('GET', $path));
}


sub check {
    my ($name, $path, $expected, $answer) = @_;

    if ($expected eq 'nginx') {
        is($answer->{status}, 400, "$name: nginx rejects the path with 400");
        unlike($answer->{body}, qr/BAD_PATH/,
            "$name: the error is that of nginx");

    } elsif ($expected eq 'bad') {
        is($answer->{status}, 400, "$name: the status is 400");
        like($answer->{body}, qr/BAD_PATH/, "$name: the error is BAD_PATH");

    } elsif ($expected =~ /closed/) {
        is($answer->{status}, 503, "$name: the status is 503");
        like($answer->{body}, qr/"account_id":"\Q$expected\E"/,
            "$name: the error names the account");

    } else {
        my ($sent) = $answer->{body} =~ /"sent":"(\w+)"/;

        is(pack('H*', $sent // ''), $path, "$name: the path is sent unchanged");
    }

    return;
}


open my $table, '<', 'tests/data/paths' or die "tests/data/paths: $!\n";

while (my $line = <$table>) {
    chomp $line;
    next if $line !~ m{\A/};

    my ($shown, $expected) = split /\t/, $line;
    my $path = $shown =~ s/\\x(..)/chr hex $1/egr;

    check("$shown HTTP/1.1", $path, $expected, by_http1($path));
    check("$shown HTTP/2", $path, $expected, by_http2($path))
        if length $path < 128;
    check("$shown absolute", $path, $expected,
        by_http1("http://localhost$path")) if $expected ne 'nginx';
}

close $table;

done_testing();
