package Bench::Callgrind;

# Instructions of a request in user space, in one worker, on one keep-alive
# connection.

use strict;
use warnings;

use Exporter 'import';

use File::Path qw(make_path);
use Time::HiRes qw(sleep time);

use Bench::Client ();
use Bench::Load qw(median);
use Bench::Process qw($build read_file write_file);

our @EXPORT_OK = qw(annotate functions instructions profile under);

my $out = "$build/callgrind";


# the command under which a gateway is started

sub under {
    my ($name) = @_;

    make_path($out);
    unlink glob "$out/$name.*";

    return ['valgrind', '-q', '--tool=callgrind', '--instr-atstart=no',
            "--callgrind-out-file=$out/$name.out"];
}


sub control {
    my ($gateway, @arguments) = @_;

    my $text = `callgrind_control @arguments $gateway->{pid} 2>&1`;
    die "callgrind_control @arguments: $text" if $?;

    return;
}


# The part of all counted instructions that the module's own code took, without
# the functions that it calls: this does not depend on the state of the heap.

sub of_module {
    my ($text) = @_;

    my (%object, $inside, $called);
    my $sum = 0;

    for (split /\n/, $text) {
        if (/^(c?)ob=\((\d+)\)(?: (.*))?/) {
            $object{$2} = $3 if defined $3;
            $inside = $object{$2} =~ /ngx_http_reauth_module\.so\z/ if !$1;
        }
        elsif (/^calls=/) {
            $called = 1;
        }
        elsif (/^(?:[-+]?\d+|\*) (\d+)\z/) {
            $sum += $1 if $inside && !$called;
            $called = 0;
        }
    }

    return $sum;
}


# Connections that are open during the measurement, as in production.

sub idle {
    my ($gateway, $idle) = @_;

    my @idle = map { Bench::Client->new($gateway->{port}) } 1 .. $idle;
    $_->get('/plain') for @idle;

    return @idle;
}


# Returns a function that sends the next requests of one connection.

sub sender {
    my ($gateway, $request, $count) = @_;

    my $client = Bench::Client->new($gateway->{port});
    my $number = 0;

    return sub {
        $request->($client, $number++) for 1 .. $count;

        # the worker has yet to finish the last request
        sleep 0.1;
        return;
    };
}


# The dump of one block of requests: all instructions, those of the module, the
# seconds that it took, its text.

sub dump_of {
    my ($gateway, $name, $block) = @_;

    unlink glob "$out/$name.out*";
    control($gateway, '-z');

    my $start = time;

    $block->();
    control($gateway, '-d');

    my $seconds = time - $start;
    my ($file)  = glob "$out/$name.out*";
    my $text    = read_file($file);
    my ($total) = $text =~ /^totals: (\d+)/m;

    return ($total, of_module($text), $seconds, $text);
}


# What the worker does in a second without requests, such as renewing the lease
# of the clerk: on a busy machine, a block of requests takes many seconds.

sub without_requests {
    my ($gateway, $name) = @_;

    my @idle = map { [dump_of($gateway, $name, sub { sleep 0.5 })] } 1 .. 3;

    return map { my $which = $_; median(map { $_->[$which] / $_->[2] } @idle) }
        0, 1;
}


# Several blocks of requests, because other work of the worker, such as reading
# Redis every 30 seconds, falls into some blocks only.  Returns a list of all
# instructions of a request, those of the module, and the dump.

sub blocks {
    my ($gateway, $name, $request, $idle, $count) = @_;

    my @idle  = idle($gateway, $idle);
    my $block = sender($gateway, $request, $count);

    control($gateway, '-i', 'on');
    $block->();

    my @other = without_requests($gateway, $name);
    my @blocks;

    for (1 .. 5) {
        my ($total, $own, $seconds, $text) = dump_of($gateway, $name, $block);

        push @blocks, [($total - $other[0] * $seconds) / $count,
            ($own - $other[1] * $seconds) / $count, $text];
    }

    control($gateway, '-i', 'off');

    return @blocks;
}


# The medians of all instructions of a request, and of those of the module.

sub instructions {
    my ($gateway, $name, $request, $idle) = @_;

    my @blocks = blocks($gateway, $name, $request, $idle, 500);

    return (median(map { $_->[0] } @blocks), median(map { $_->[1] } @blocks));
}


# The name of the dump of the block that takes the median.

sub profile {
    my ($gateway, $name, $request, $idle, $count) = @_;

    my @blocks = sort { $a->[0] <=> $b->[0] }
        blocks($gateway, $name, $request, $idle, $count);

    return write_file("$out/$name.profile", $blocks[@blocks / 2][2]);
}


# The lines of callgrind_annotate: instructions, function, object, and in a tree
# the mark of the line and the number of calls.

sub annotate {
    my ($file, @options) = @_;

    open my $in, '-|', 'callgrind_annotate', '--threshold=100',
        '--show-percs=no', '--auto=no', @options, $file
        or die "callgrind_annotate: $!\n";

    my @rows;

    while (<$in>) {
        my ($n, $mark, $name) = /^\s*([\d,]+)\s+([*<]?)\s*(\S.*)$/ or next;

        my $object = $name =~ s{ \[(?:.*/)?([^/\]]+)\]$}{} ? $1 : '';
        my $times  = $name =~ s{ \(([\d,]+)x\)$}{} ? $1 : 0;

        # the file of the source
        $name =~ s{^.*:(?=[^/:]+$)}{};

        push @rows, {
            n      => $n =~ s/,//gr,
            name   => $name,
            object => $object,
            mark   => $mark,
            times  => $times =~ s/,//gr,
        };
    }

    close $in or die "callgrind_annotate failed\n";

    return @rows;
}


# The functions of a dump, most instructions first.  An inline function of a
# header has a line without an object for each function that contains it.

sub functions {
    my (@rows) = @_;

    my %object = map { $_->{name} => $_->{object} }
        grep { $_->{object} ne '' } @rows;
    my %sum;

    for my $row (@rows) {
        my $object = $row->{object} || $object{ $row->{name} } // '';
        my $it     = $sum{"$row->{name} $object"}
            //= { %$row, object => $object, n => 0 };
        $it->{n} += $row->{n};
    }

    my @sorted = sort { $b->{n} <=> $a->{n} || $a->{name} cmp $b->{name} }
        values %sum;

    return @sorted;
}

1;
