# An error of Redis may quote text of others: its control characters reach
# neither the log nor a response.

use strict;
use warnings;

use IO::Socket::INET;
use Test::More;

use Reauth::Test redis => 0;

my $listen = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1',
    ReuseAddr => 1) or die "listen: $!\n";

# a Redis that rejects all clients

my $pid = fork // die "fork: $!\n";

if ($pid == 0) {
    while (my $client = $listen->accept) {
        my $command;

        # HELLO, which it may refuse, and what follows
        while (sysread $client, $command, 4096) {
            syswrite $client,
                "-ERR \e[31mred\e[0m \"quoted\" \x01\xc2\x9b\\n\r\n";
        }
    }
    exit 0;
}

my $port = $listen->sockport;
close $listen;

my $gateway = gateway(http_config => "reauth_redis redis://127.0.0.1:$port;");

my $expected = quotemeta 'Redis returned the error "ERR \x1B[31mred\x1B[0m \x22quoted\x22 '
    . '\x01\xC2\x9B\x5Cn"';

ok(wait_for { $gateway->error_log =~ /$expected/ } 'the error is logged, escaped');

my $ready = $gateway->http('GET', '/reauth/readyz')->{body};

kill 'TERM', $pid;
waitpid $pid, 0;
$gateway->stop;

unlike($gateway->error_log, qr/[\x00-\x08\x0b-\x1f\x7f]|\xc2\x9b/,
    'the log has no control characters');
unlike($ready, qr/[\x00-\x08\x0b-\x1f\x7f]|\xc2\x9b/,
    'readyz has no control characters');

done_testing();
