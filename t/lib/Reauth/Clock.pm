package Reauth::Clock;

# The wall clock of one gateway, set by libfaketime; its monotonic clock is that
# of the machine.

use strict;
use warnings;

use File::Spec ();

my ($library) = glob '/usr/lib/*/faketime/libfaketimeMT.so.1';


# The reason why no clock can be set here; empty if it can.

sub missing {
    return './run asan: the runtime of the sanitizer has to be loaded first'
        if defined $ENV{ASAN_OPTIONS};

    return $library ? '' : 'no libfaketime (Debian: faketime)';
}


# $ahead: the number of seconds by which it is ahead of the machine's clock.

sub new {
    my ($class, $path, $ahead) = @_;

    my $self = bless { path => File::Spec->rel2abs($path) }, $class;

    $self->set($ahead);

    return $self;
}


sub set {
    my ($self, $ahead) = @_;

    my $path = $self->{path};

    # a reader must never see half of the file

    open my $out, '>', "$path.new" or die "cannot write $path.new: $!\n";
    printf {$out} "%+d\n", $ahead;
    close $out                   or die "cannot write $path.new: $!\n";
    rename "$path.new", $path    or die "cannot rename $path.new: $!\n";

    return;
}


# For gateway() of Reauth::Test: nginx removes environment variables that no
# "env" directive names.

sub arguments {
    my ($self) = @_;

    my %environment = (
        LD_PRELOAD                   => $library,
        FAKETIME_TIMESTAMP_FILE      => $self->{path},
        FAKETIME_NO_CACHE            => 1,
        FAKETIME_DONT_FAKE_MONOTONIC => 1,
    );

    return (
        environment => \%environment,
        main_config => join('', map { "env $_;\n" } sort keys %environment),
    );
}

1;
