package Chaos::Judge;

# What is true of each account, what each gateway has been seen to know, and the
# laws:
#
#   open      a gateway that knew that the gate is closed passes a call, over a
#             second later, though the same login is still in progress
#   closed    a gateway that knew of a login, and that it has ended, refuses a
#             call, over a second later, though none has begun since
#   agreed    while nothing is broken and all gateways are ready, each refuses
#             calls from a second after a login began, and passes them from 22
#             seconds after it ended: a gateway that was killed while it polled
#             leaves the poll to others after 20 seconds
#
# A gateway knows what its own responses say.  One that was restarted may have
# forgotten it.

use strict;
use warnings;

# seconds
my $NOTICED = 1;
my $SETTLED = 22;


sub new {
    my ($class, %argument) = @_;

    my $self = bless {
        loop       => $argument{loop},
        count      => {},
        violations => [],
        numbers    => 0,
    }, $class;

    for my $number (1 .. $argument{accounts}) {
        my $name = "acct_$number";
        $self->{account}{$name} = { name => $name, attempts => 0 };
    }

    $self->{names} = [sort keys %{ $self->{account} }];

    return $self;
}


sub accounts {
    my ($self) = @_;

    return map { $self->{account}{$_} } @{ $self->{names} };
}


sub some_account {
    my ($self) = @_;

    return $self->{account}{ $self->{names}[rand @{ $self->{names} }] };
}


sub count {
    my ($self, $what) = @_;

    $self->{count}{$what}++;

    return;
}


# ---- what is true ----


# An update is about to be sent; returns its number, or nothing if the account
# has a login in progress.

sub sends {
    my ($self, $account) = @_;

    my $attempt = $account->{attempt};

    return if $account->{pending} || ($attempt && !defined $attempt->{ended});

    return $account->{pending} = ++$self->{numbers};
}


# The upstream accepts an update.

sub begins {
    my ($self, $name, $number) = @_;

    my $now     = $self->{loop}->now;
    my $account = $self->{account}{$name};
    my $old     = $account->{attempt};

    if ($old && !defined $old->{ended}) {
        $old->{superseded} = 1;
        $self->ends($account);
    }

    my $attempt = $account->{attempt} = {
        id      => 'auth_' . substr($name, 5) . '_' . ++$account->{attempts},
        account => $name,
        begun   => $now,
    };

    # one that no client waits for: its gateway may have given it up

    if (($account->{pending} // 0) != ($number // -1)) {
        $account->{unsure} = 1;
    }

    $self->{loop}->after(3 + rand 12, sub {
        return if $account->{attempt} != $attempt || defined $attempt->{ended};
        $self->ends($account);
        $self->{on_end}->($attempt);
    });

    return $attempt;
}


sub ends {
    my ($self, $account) = @_;

    my $attempt = $account->{attempt};

    $attempt->{ended}     = $self->{loop}->now;
    $attempt->{completed} = Time::HiRes::time();

    return;
}


# The response to an update; no status: there was none.

sub updated {
    my ($self, $gateway, $account, $number, $status) = @_;

    my $now = $self->{loop}->now;

    $account->{pending} = undef if ($account->{pending} // 0) == $number;
    $account->{tried}   = $now;

    if (($status // 0) == 200) {
        $self->count('updates accepted');
        $account->{unsure} = 0;
        $account->{attempt}{confirmed} = $now;
        $self->{closed}{$gateway}{ $account->{name} }
            = [$account->{attempt}{id}, $now];

    } elsif (($status // 502) == 502 || $status == 504) {
        $self->count('updates without a response');
        $account->{unsure} = 1;

    } else {
        $self->count("updates refused with $status");
    }

    return;
}


# ---- what gateways do ----


sub restarted {
    my ($self, $gateway) = @_;

    delete $self->{$_}{$gateway} for qw(open closed);

    return;
}


sub calm {
    my ($self) = @_;

    $self->{calm} = $self->{loop}->now;

    return;
}


sub storm {
    my ($self) = @_;

    $self->{calm} = undef;

    return;
}


# The response to a call that was sent at the time.

sub called {
    my ($self, $gateway, $account, $sent, $status, $body) = @_;

    if (!defined $status) {
        $self->count('calls without a response');
        return;
    }

    if ($status == 200) {
        $self->count('calls passed');
        $self->passed($gateway, $account, $sent);
        return;
    }

    if ($status == 503 && $body =~ /"state":"(\w+)","attempt_id":(?:"(\w+)"|null)/) {

        if ($1 eq 'loading') {
            $self->count('calls refused while loading');
            return;
        }

        $self->count('calls refused');
        $self->refused($gateway, $account, $sent, $2 // '', $1);
        return;
    }

    $self->count("calls answered with $status");

    return;
}


sub passed {
    my ($self, $gateway, $account, $sent) = @_;

    my $now     = $self->{loop}->now;
    my $name    = $account->{name};
    my $attempt = $account->{attempt} // return;

    if (defined $attempt->{ended}) {

        my ($closed, $open) = map { $self->{$_}{$gateway}{$name} }
            qw(closed open);

        # a gateway that never knew of this login does not know of its end

        $self->{open}{$gateway}{$name} = [$attempt->{id}, $now]
            if $attempt->{ended} < $sent && !$account->{pending}
            && $closed && $closed->[0] eq $attempt->{id}
            && !($open && $open->[0] eq $attempt->{id});

        return;
    }

    return if $attempt->{begun} >= $sent || $account->{unsure};

    my $known = $self->{closed}{$gateway}{$name};

    if ($known && $known->[0] eq $attempt->{id} && $sent > $known->[1] + $NOTICED) {
        $self->violated('open', $gateway, $account);

    } elsif (defined $self->{calm} && defined $attempt->{confirmed}
        && $sent > $self->{calm} + $NOTICED
        && $sent > $attempt->{confirmed} + $NOTICED)
    {
        $self->violated('agreed, open', $gateway, $account);
    }

    return;
}


sub refused {
    my ($self, $gateway, $account, $sent, $id, $state) = @_;

    my $now     = $self->{loop}->now;
    my $name    = $account->{name};
    my $attempt = $account->{attempt};

    if ($attempt && !defined $attempt->{ended}) {
        my $closed = \$self->{closed}{$gateway}{$name};

        $$closed = [$id, $now]
            if $id eq $attempt->{id} && (!$$closed || $$closed->[0] ne $id);
        return;
    }

    # an update that is or was under way may have closed it

    return if $account->{pending} || $account->{unsure}
        || ($account->{tried} // 0) >= $sent
        || ($attempt && $attempt->{ended} >= $sent);

    my $known = $self->{open}{$gateway}{$name};

    if ($known && $attempt && $known->[0] eq $attempt->{id}
        && $sent > $known->[1] + $NOTICED)
    {
        $self->violated('closed', $gateway, $account, "$state $id");

    } elsif (defined $self->{calm} && $sent > $self->{calm} + $SETTLED
        && (!$attempt || $sent > $attempt->{ended} + $SETTLED))
    {
        $self->violated('agreed, closed', $gateway, $account, "$state $id");
    }

    return;
}


sub violated {
    my ($self, $law, $gateway, $account, $said) = @_;

    $self->count("violations of \"$law\"");

    return if @{ $self->{violations} } >= 20;

    my $now     = $self->{loop}->now;
    my $attempt = $account->{attempt};

    push @{ $self->{violations} }, sprintf
        '%s: %s, %s%s: %s, begun %.1f s ago%s',
        $law, $gateway, $account->{name}, $said ? " ($said)" : '',
        $attempt ? ($attempt->{id}, $now - $attempt->{begun}) : ('none', 0),
        $attempt && defined $attempt->{ended}
            ? sprintf(', ended %.1f s ago', $now - $attempt->{ended}) : '';

    $self->{on_violation}->($self->{violations}[-1]);

    return;
}

1;
