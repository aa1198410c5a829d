package Chaos::Clients;

# Connections to the gateways: requests with a timeout, one at a time on each.

use strict;
use warnings;

# seconds until a response is given up
my $TIMEOUT = 4;


# loop; gateways, a hash of addresses by name; each has so many connections

sub new {
    my ($class, %argument) = @_;

    my $self = bless { %argument, idle => {}, count => {} }, $class;

    $self->{count}{$_} = 0 for keys %{ $self->{gateways} };

    return $self;
}


# Sends the request on an idle connection, or on a new one.  Calls
# $done->($status, $body), with an undefined status if there was no response.
# Returns false if all connections are busy.

sub request {
    my ($self, $gateway, $text, $done) = @_;

    my $peer = pop @{ $self->{idle}{$gateway} };

    while ($peer && !$peer->{socket}) {
        $peer = pop @{ $self->{idle}{$gateway} };
    }

    $peer //= $self->connection($gateway) // return 0;

    $peer->{done}    = $done;
    $peer->{request} = ++$self->{requests};
    $self->{loop}->write_to($peer, $text);

    my $number = $peer->{request};

    $self->{loop}->after($TIMEOUT, sub {
        return if !$peer->{done} || $peer->{request} != $number;
        $self->{loop}->drop($peer);
        $peer->broken;
    });

    return 1;
}


sub connection {
    my ($self, $gateway) = @_;

    return if $self->{count}{$gateway} >= $self->{connections};

    my $socket = Chaos::Loop->connected($self->{gateways}{$gateway}, 8080)
        // return;

    my $peer = bless { socket => $socket, gateway => $gateway, clients => $self },
        'Chaos::Clients::Connection';

    $self->{count}{$gateway}++;
    $self->{loop}->add($peer);

    return $peer;
}


package Chaos::Clients::Connection;

use strict;
use warnings;


sub readable {
    my ($self) = @_;

    my ($line, $head, $body) = Chaos::Loop::message(\$self->{in})
        or return;

    my $clients = $self->{clients};
    my $done    = delete $self->{done};
    my ($status) = $line =~ m{\AHTTP/1\.1 (\d+)};

    if ($head =~ /^connection: close/mi) {
        $clients->{loop}->drop($self);
        $clients->{count}{ $self->{gateway} }--;

    } else {
        push @{ $clients->{idle}{ $self->{gateway} } }, $self;
    }

    $done->($status, $body) if $done;

    return;
}


sub broken {
    my ($self) = @_;

    $self->{clients}{count}{ $self->{gateway} }--;

    my $done = delete $self->{done};
    $done->() if $done;

    return;
}

1;
