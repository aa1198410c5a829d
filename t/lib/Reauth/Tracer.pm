package Reauth::Tracer;

# Stops a process at a function and continues it instruction by instruction, so
# that it can be killed at each of them.  Uses ptrace of Linux, on x86-64 only.

use strict;
use warnings;

use POSIX ();

use Reauth::Test ();

# of <sys/syscall.h>, <sys/ptrace.h>, <sys/wait.h>, <sys/user.h>
use constant {
    SYS_WAIT4 => 61, SYS_PTRACE => 101, SYS_FUTEX => 202,
    PEEK_DATA => 2, PEEK_USER => 3, POKE_DATA => 5, POKE_USER => 6,
    CONTINUE => 7, STEP => 9, ATTACH => 16,
    ALL => 0x40000000,
    RIP => 8 * 16, RSP => 8 * 19,
    TRAP => 5,
};


# The reason why it cannot be used here; undef if it can.

sub missing {
    my ($module) = @_;

    return 'no x86-64 Linux' if qx{uname -sm} ne "Linux x86_64\n";
    return 'no names in the module' if !defined offset($module,
        'ngx_http_reauth_zone_write');

    my $hidden = Reauth::Test::memory_hidden();

    return $hidden if defined $hidden;

    my $child = fork // die "fork: $!\n";

    if (!$child) {
        sleep 60;
        POSIX::_exit(0);
    }

    my $may = trace(ATTACH, $child, 0, 0) == 0;

    CORE::kill 'KILL', $child;
    waitpid $child, 0;

    return $may ? undef : 'ptrace is not permitted';
}


sub offset {
    my ($module, $name) = @_;

    my ($offset) = qx{nm '$module'} =~ /^([0-9a-f]+) [tT] \Q$name\E$/m;

    return $offset && number($offset);
}


sub number {
    my ($hex) = @_;

    no warnings 'portable';

    return hex $hex;
}


# PTRACE_PEEK* writes the data to its last argument.

sub trace { return syscall SYS_PTRACE, $_[0], $_[1], $_[2], $_[3]; }


sub attach {
    my ($class, $pid) = @_;

    my $self = bless { pid => $pid + 0 }, $class;

    trace(ATTACH, $self->{pid}, 0, 0) == 0 or die "ptrace: $!\n";
    $self->stopped;

    return $self;
}


# The signal by which the process was stopped; waitpid of Perl does not return
# it.

sub stopped {
    my ($self) = @_;

    my $status = pack 'i', 0;

    syscall(SYS_WAIT4, $self->{pid}, $status, ALL, 0) == $self->{pid}
        or die "wait4: $!\n";
    $status = unpack 'i', $status;

    die "$self->{pid} has ended\n" if ($status & 0xff) != 0x7f;

    return $status >> 8;
}


# Checks that the stopped process waits for a lock.

sub waits {
    my ($pid) = @_;

    return Reauth::Test::slurp("/proc/$pid/syscall") =~ /^@{[SYS_FUTEX]} /;
}


sub is_stopped {
    my ($pid) = @_;

    return Reauth::Test::slurp("/proc/$pid/stat") =~ /\) t /;
}


sub word {
    my ($self, $address, $request) = @_;

    my $word = pack 'Q', 0;

    trace($request // PEEK_DATA, $self->{pid}, $address, $word) == 0
        or die "ptrace: $!\n";

    return unpack 'Q', $word;
}


# Continues until the module's function is entered for the $times-th time; a
# function to call meanwhile may follow.

sub run_to {
    my ($self, $module, $name, $times, $meanwhile) = @_;

    my ($start) = Reauth::Test::slurp("/proc/$self->{pid}/maps")
        =~ /^([0-9a-f]+)-.* \Q$module\E$/m or die "no $module in its memory\n";
    my $address = number($start) + offset($module, $name);

    for (1 .. $times // 1) {
        $self->step(1) if $self->word(RIP, PEEK_USER) == $address;
        $self->run_to_address($address, $meanwhile);
    }

    return;
}


sub run_to_address {
    my ($self, $address, $meanwhile) = @_;

    my $word = $self->word($address);

    trace(POKE_DATA, $self->{pid}, $address, ($word & ~0xff) | 0xcc);
    trace(CONTINUE, $self->{pid}, 0, 0);
    $meanwhile->() if $meanwhile;

    while ((my $signal = $self->stopped) != TRAP) {
        trace(CONTINUE, $self->{pid}, 0, $signal);
    }

    trace(POKE_DATA, $self->{pid}, $address, $word);
    trace(POKE_USER, $self->{pid}, RIP, $self->word(RIP, PEEK_USER) - 1);

    return;
}


sub step {
    my ($self, $count) = @_;

    for (1 .. $count) {
        trace(STEP, $self->{pid}, 0, 0);
        $self->stopped;
    }

    return $count;
}


# The number of instructions of the function that was just entered.

sub step_out {
    my ($self) = @_;

    my $return = $self->word($self->word(RSP, PEEK_USER));
    my $count  = 0;

    while ($self->word(RIP, PEEK_USER) != $return) {
        $self->step(1);
        $count++;
    }

    return $count;
}


# The parent of the process is notified of its end only after this process.

sub kill {
    my ($self) = @_;

    CORE::kill 'KILL', $self->{pid};
    syscall SYS_WAIT4, $self->{pid}, 0, ALL, 0;

    return;
}

1;
