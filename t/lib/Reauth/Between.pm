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


# The end of the command or reply that begins at a position; undef if it is not
# complete.

sub end_of {
    my ($text, $at) = @_;

    my $line = index $$text, "\r\n", $at;
    return if $line < 0;

    my ($type, $n) = unpack 'a a*', substr $$text, $at, $line - $at;

    $at = $line + 2;

    if ($type eq '$' && $n >= 0) {
        $at += $n + 2;
    }
    elsif ($type eq '*') {
        for (1 .. $n) {
            $at = end_of($text, $at) // return;
        }
    }

    return $at <= length $$text ? $at : undef;
}


# Replies are sent in the order of their commands: "expected" has undef for one
# of Redis, otherwise the raw reply.

sub replies {
    my ($on) = @_;

    my $expected = $on->{expected};

    while (@$expected) {
        my $raw = $expected->[0];

        if (!defined $raw) {
            my $end = end_of(\$on->{from_redis}, 0) // last;

            $raw = substr $on->{from_redis}, 0, $end, '';
        }

        shift @$expected;
        syswrite $on->{client}, $raw;
    }

    return;
}


# Replies to earlier commands are still passed on.

sub held {
    my ($self, $command, $on) = @_;

    my $from = IO::Select->new($on->{redis});

    while (Reauth::Test::slurp("$self->{log}.answer") eq "$command hold") {
        next if !$from->can_read(0.02);
        sysread $on->{redis}, $on->{from_redis}, 65536, length $on->{from_redis}
            or return 0;
        replies($on);
    }

    return 1;
}


# Several commands may arrive at once.

sub commands {
    my ($self, $on) = @_;

    while (defined(my $end = end_of(\$on->{from_client}, 0))) {
        my $bytes = substr $on->{from_client}, 0, $end, '';

        my ($command, $raw)
            = split / /, Reauth::Test::slurp("$self->{log}.answer"), 2;

        if (length $command && index($bytes, "\r\n$command\r\n") > 0) {
            $self->note(1, $command);

            if ($raw =~ /\Adelay (\S+)\z/) {
                sleep $1;
            }
            elsif ($raw eq 'hold') {
                $self->held($command, $on) or return 0;
            }
            else {
                push @{ $on->{expected} }, $raw;
                replies($on);
                next;
            }
        }

        push @{ $on->{expected} }, undef;
        syswrite $on->{redis}, $bytes;
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
    my %on = (client => $client, redis => $redis, expected => [],
        from_client => '', from_redis => '');

    while (1) {
        for my $from ($both->can_read) {
            my $text = $from == $client ? \$on{from_client} : \$on{from_redis};

            sysread $from, $$text, 65536, length $$text or return;

            if ($from == $client) {
                $self->commands(\%on) or return;
            }
            else {
                replies(\%on);
            }
        }
    }

    return;
}

1;
