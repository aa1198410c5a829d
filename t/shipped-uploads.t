# With the shipped configurations, an upload of any size reaches the upstream
# completely and while it is being sent.

use strict;
use warnings;

use Digest::SHA ();
use IO::Socket::INET ();
use POSIX ();
use Test::More;

use Reauth::Shipped;
use Reauth::Test sandbox => 0;

# ---- an upstream that counts the received bytes ----

my $progress = work_dir() . '/progress';

my $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0,
    Proto => 'tcp', Listen => 16) or die "cannot listen: $!\n";

my $upstream = fork // die "fork failed: $!\n";

if ($upstream == 0) {
    $SIG{$_} = 'DEFAULT' for qw(TERM INT HUP);

    while (my $socket = $listen->accept) {
        serve($socket);
        close $socket;
    }

    POSIX::_exit(0);
}

sub serve {
    my ($socket) = @_;

    my $sha = Digest::SHA->new(256);
    my ($head, $length) = ('', 0);

    while ($head !~ /\r\n\r\n/) {
        sysread $socket, $head, 4096, length $head or return;
    }

    $head =~ s/\r\n\r\n(.*)\z//s;
    my $body = $1;
    my ($all) = $head =~ /^Content-Length: *(\d+)/im or return;

    while (1) {
        $length += length $body;
        $sha->add($body);
        Reauth::Test::write_file($progress, $length);
        last if $length >= $all;
        sysread $socket, $body, 1 << 16 or return;
    }

    my $answer = "$length " . $sha->hexdigest;

    print {$socket} "HTTP/1.1 200 OK\r\nConnection: close\r\nSet-Cookie: a=b\r\n",
        'Content-Length: ',
        length $answer, "\r\n\r\n$answer";

    return;
}

END {
    local $?;
    kill 'TERM', $upstream if $upstream;
    waitpid $upstream, 0   if $upstream;
}

# ---- the uploads ----

sub upload {
    my ($gateway, $size) = @_;

    my $body   = join '', map { chr($_ % 251) } 1 .. 4096;
    my $first  = 1 << 19;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $gateway->port, Proto => 'tcp') or die "connect: $!\n";

    $body = substr $body x ($size / 4096 + 1), 0, $size;
    unlink $progress;

    local $SIG{PIPE} = 'IGNORE';

    print {$socket} "POST /api/acct_1/media/upload HTTP/1.1\r\nHost: localhost\r\n",
        "Connection: close\r\nContent-Type: application/octet-stream\r\n",
        "Content-Length: $size\r\n\r\n", substr $body, 0, $first;
    $socket->flush;

    my $streamed = wait_for(sub {
        return Reauth::Test::slurp($progress) || 0;
    }, $Reauth::Test::LIMIT);

    print {$socket} substr $body, $first;
    $socket->flush;

    my $answer = do { local $/; <$socket> };

    return ($streamed, $answer // '',
        "$size " . Digest::SHA::sha256_hex($body));
}

for my $file (qw(conf/nginx.conf docker/nginx.conf conf/demo.conf)) {
    my $gateway = Reauth::Shipped->start($file, upstream => $listen->sockport,
        replace => [[qr/^ +reauth_poll .*;/m, '']]);

    for my $size (1_100_000, 30_000_000) {
        my ($streamed, $answer, $expected) = upload($gateway, $size);

        like($answer, qr/\AHTTP\/1\.1 200 /, "$file: $size bytes: accepted");
        like($answer, qr/\Q$expected\E\z/,
            "$file: $size bytes: the upload is complete");
        ok($streamed, "$file: $size bytes: sent on before its end");
        unlike($answer, qr/^Set-Cookie:/mi,
            "$file: $size bytes: no cookie of the upstream is passed");
    }

    unlike($gateway->error_log, qr/\[(?:warn|error|crit|alert|emerg)\]/,
        "$file: nothing is logged as a warning or an error");
    $gateway->stop;
}

done_testing();
