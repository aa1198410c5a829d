package Reauth::Clock;

# The wall clock of one gateway, as libfaketime shows it; the monotonic clock is
# the machine's.

use strict;
use warnings;

use File::Spec ();

my ($library) = glob '/usr/lib/*/faketime/libfaketimeMT.so.1';


# Why no clock can be changed here; empty if it can.

sub missing {
    return './run asan: the runtime of the sanitizer has to be loaded first'
        if defined $ENV{ASAN_OPTIONS};

    return $library ? '' : 'no libfaketime (Debian: faketime)';
}


# $ahead: by how many seconds it is ahead of the machine's.

sub new {
    my ($class, $path, $ahead) = @_;

    my $self = bless { path => File::Spec->rel2abs($path) }, $class;

    $self->set($ahead);

    return $self;
}


sub set {
    my ($self, $ahead) = @_;

    my $path = $self->{path};

    # never half of it

    open my $out, '>', "$path.new" or die "cannot write $path.new: $!\n";
    printf {$out} "%+d\n", $ahead;
    close $out                   or die "cannot write $path.new: $!\n";
    rename "$path.new", $path    or die "cannot rename $path.new: $!\n";

    return;
}


# Of Reauth::Test::gateway(): nginx removes what it is not told to keep.

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
