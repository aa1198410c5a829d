package Reauth::Ports;

# Free ports of 127.0.0.1 that are reserved until this process ends.

use strict;
use warnings;

use Socket qw(AF_INET INADDR_LOOPBACK SOCK_STREAM SOL_SOCKET SO_REUSEADDR
    pack_sockaddr_in unpack_sockaddr_in);

my @held;


# A socket that is bound but does not listen reserves the port: the kernel
# assigns it neither to another test nor to an outgoing connection.  With
# SO_REUSEADDR on both sides a server can bind it and listen, as nginx, Redis
# and the sandbox do.

sub free_port {
    socket my $socket, AF_INET, SOCK_STREAM, 0 or die "socket: $!\n";
    bind $socket, pack_sockaddr_in(0, INADDR_LOOPBACK)
        or die "no free port on 127.0.0.1: $!\n";
    setsockopt $socket, SOL_SOCKET, SO_REUSEADDR, pack 'i', 1
        or die "SO_REUSEADDR: $!\n";

    push @held, $socket;

    my ($port) = unpack_sockaddr_in(getsockname $socket);

    return $port;
}

1;
