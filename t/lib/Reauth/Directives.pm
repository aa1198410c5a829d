package Reauth::Directives;

# The directives of an nginx, read from the tables in its binary (64-bit
# little-endian ELF): the name and the context of each.

use strict;
use warnings;

use Reauth::Test ();

my %CONTEXT = (
    http     => 0x02000000,
    server   => 0x04000000,
    location => 0x08000000,
);
my $NO_BITS = 8;
my $RELA    = 4;


# Name => { http => 1, server => 1, ... }

sub of {
    my ($path) = @_;

    my $elf = Reauth::Test::slurp($path);

    die "$path is not a 64-bit little-endian ELF file\n"
        if substr($elf, 0, 6) ne "\x7fELF\x02\x01";

    my $table = unpack 'x40 Q<', $elf;
    my ($size, $count) = unpack 'x58 S<S<', $elf;

    my @sections = map {
        my %section;
        @section{qw(type address offset size)} = unpack 'x4 L< x8 Q<Q<Q<',
            substr $elf, $table + $_ * $size, $size;
        \%section;
    } 0 .. $count - 1;

    my $words = pointers($elf, \@sections);
    my %found;

    # ngx_command_t: the length of the name, the name, the type
    while (my ($at, $to) = each %$words) {
        my $command = place(\@sections, $at - 8) // next;
        my $name    = place(\@sections, $to) // next;

        my ($len, $type) = unpack 'Q< x8 Q<', substr $elf, $command, 24;

        next if $len < 2 || $len > 64 || $type >> 32;
        next if substr($elf, $name, $len + 1) !~ /\A([a-z][a-z0-9_]+)\0\z/;

        for (grep { $type & $CONTEXT{$_} } keys %CONTEXT) {
            $found{$1}{$_} = 1;
        }
    }

    return \%found;
}


# The offset in the file of a virtual address.

sub place {
    my ($sections, $address) = @_;

    for (@$sections) {
        next if !$_->{address} || $_->{type} == $NO_BITS;

        return $address - $_->{address} + $_->{offset}
            if $address >= $_->{address}
            && $address < $_->{address} + $_->{size};
    }

    return;
}


# Address => the pointer stored there: from the relocations, or, without them,
# from the file.

sub pointers {
    my ($elf, $sections) = @_;

    my %pointer;

    for my $section (grep { $_->{type} == $RELA } @$sections) {
        my @entries = unpack '(Q<x8Q<)*',
            substr $elf, $section->{offset}, $section->{size};

        while (my ($at, $to) = splice @entries, 0, 2) {
            $pointer{$at} = $to;
        }
    }

    return \%pointer if keys %pointer > 500;

    for my $section (grep { $_->{type} == 1 && $_->{address} } @$sections) {
        my @words = unpack 'Q<*',
            substr $elf, $section->{offset}, $section->{size};

        $pointer{ $section->{address} + 8 * $_ } = $words[$_] for 0 .. $#words;
    }

    return \%pointer;
}

1;
