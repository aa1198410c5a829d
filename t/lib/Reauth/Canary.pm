package Reauth::Canary;

# Named secrets, and searches for them in a text, a file, a directory, Redis or
# the memory of a process.  Requires Reauth::Test.

use strict;
use warnings;

use parent 'Exporter';

use File::Find ();
use MIME::Base64 qw(encode_base64);

use Reauth::Test ();

our @EXPORT = qw(files_of look_for memory_of redis_of);


# ---- secrets -----------------------------------------------------------------


# A secret in plain text, in hexadecimal, or as part of a base64 text at any of
# the three offsets.

sub forms {
    my ($secret) = @_;

    my @forms = ($secret, unpack('H*', $secret), uc unpack 'H*', $secret);

    for my $offset (0 .. 2) {
        my $text = encode_base64('x' x $offset . $secret, '');

        # the first and last digits depend on the adjacent bytes
        push @forms, substr $text, $offset ? 4 : 0,
            int(length($secret) / 3 - 1) * 4;
    }

    return @forms;
}


# The names of the canaries that the text contains.

sub look_for {
    my ($canaries, $text) = @_;

    return grep {
        grep { index($text, $_) >= 0 } forms($canaries->{$_});
    } sort keys %$canaries;
}


# ---- places to search --------------------------------------------------------


# All files below the directories, and their names, as one text.

sub files_of {
    my (@directories) = @_;

    my $text = '';

    File::Find::find({ no_chdir => 1, wanted => sub {
        $text .= "$_\n";
        $text .= Reauth::Test::slurp($_) if -f;
    } }, @directories);

    return $text;
}


# The data of Redis: the value of each key by its type, and its DUMP, which may
# be compressed.

sub redis_of {
    my %reader = (
        string => ['GET'],
        hash   => ['HGETALL'],
        zset   => ['ZRANGE', 0, -1, 'WITHSCORES'],
        set    => ['SMEMBERS'],
        list   => ['LRANGE', 0, -1],
        stream => ['XRANGE', '-', '+'],
    );
    my $text = '';

    for my $key (Reauth::Test::redis_cli('KEYS', '*')) {
        my $type = Reauth::Test::redis_cli('TYPE', $key);
        next if $type eq 'none';         # it has expired meanwhile

        my ($command, @more) = @{ $reader{$type}
            || die "no reader for a $type\n" };

        $text .= join "\n", "$type $key",
            Reauth::Test::redis_cli('--raw', $command, $key, @more),
            Reauth::Test::redis_cli('--raw', 'DUMP', $key), '';
    }

    return $text;
}


# All memory except what the process excludes from core files ("dd").

sub memory_of {
    my ($pid) = @_;

    my $text = '';
    my ($from, $to);

    open my $memory, '<:raw', "/proc/$pid/mem" or die "/proc/$pid/mem: $!\n";

    for my $line (split /\n/, Reauth::Test::slurp("/proc/$pid/smaps")) {

        if ($line =~ /\A([0-9a-f]+)-([0-9a-f]+) r/) {
            no warnings 'portable';
            ($from, $to) = (hex $1, hex $2);

        } elsif ($line =~ /\A[0-9a-f]+-[0-9a-f]+ /) {
            undef $from;

        } elsif ($line =~ /\AVmFlags:/ && defined $from) {
            next if $line =~ / dd\b/;

            # mappings that are not memory, such as [vvar], cannot be read
            sysseek $memory, $from, 0;
            sysread $memory, $text, $to - $from, length $text;
        }
    }

    close $memory;

    return ($text, 'its memory');
}

1;
