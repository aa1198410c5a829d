package Reauth::Between;

# A proxy between a gateway and the Redis of this file: passes commands and
# replies on, and can reply to a command itself, or pass it on late.  Requires
# Reauth::Test.

use strict;
use warnings;

use parent 'Reauth::Peer';

use IO::Select ();
use IO::Socket::INET ();
use Time::HiRes qw(sleep);


sub start {
    my ($class) = @_;

    my $self = $class->SUPER::start;

    $self->pass;

    return $self;
}


# From now on, each command of this name gets this raw reply.

sub answer {
    my ($self, $command, $raw) = @_;

    Reauth::Test::write_file("$self->{log}.new", "$command $raw");
    rename "$self->{log}.new", "$self->{log}.answer" or die "rename: $!\n";

    return;
}


# From now on, each command of this name is passed on after some seconds.

sub delay { return $_[0]->answer($_[1], "delay $_[2]"); }


# From now on, each command of this name is passed on when something else is set.

sub hold { return $_[0]->answer($_[1], 'hold'); }


# From now on, all commands are passed on.

sub pass { return $_[0]->answer('', ''); }


# The number of commands to which the proxy itself replied, or that it delayed.

sub answered {
    my ($self, $command) = @_;

    return scalar grep { / \Q$command\E\z/ } $self->requests;
}


# Replies to earlier commands are still passed on.

sub held {
    my ($self, $command, $client, $redis) = @_;

    my $from = IO::Select->new($redis);

    while (Reauth::Test::slurp("$self->{log}.answer") eq "$command hold") {
        next if !$from->can_read(0.02);
        sysread $redis, my $bytes, 65536 or return 0;
        syswrite $client, $bytes;
    }

    return 1;
}


sub converse {
    my ($self, $client) = @_;

    # longer than any test waits: a new connection would hide a fault

    alarm 600;

    my $redis = IO::Socket::INET->new(
        PeerAddr => '127.0.0.1',
        PeerPort => $ENV{TEST_NGINX_REDIS_PORT},
    ) or return;
    my $both = IO::Select->new($client, $redis);

    while (1) {
        for my $from ($both->can_read) {
            sysread $from, my $bytes, 65536 or return;

            my ($command, $raw)
                = split / /, Reauth::Test::slurp("$self->{log}.answer"), 2;
            my $to = $from == $client ? $redis : $client;

            if ($to == $redis && length $command
                && index($bytes, "\r\n$command\r\n") > 0)
            {
                $self->note(1, $command);

                if ($raw =~ /\Adelay (\S+)\z/) {
                    sleep $1;
                }
                elsif ($raw eq 'hold') {
                    $self->held($command, $client, $redis) or return;
                }
                else {
                    ($to, $bytes) = ($client, $raw);
                }
            }

            syswrite $to, $bytes;
        }
    }

    return;
}

1;
