package Bench::Callgrind;

# Instructions of a request in user space, of one worker on one kept-alive
# connection.

use strict;
use warnings;

use Exporter 'import';

use File::Path qw(make_path);
use Time::HiRes qw(sleep);

use Bench::Client ();
use Bench::Load qw(median);
use Bench::Process qw($build read_file stop);

our @EXPORT_OK = qw(under instructions);

my $out = "$build/callgrind";


# what a gateway is started under

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


# The median of blocks: what else the worker does, such as reading Redis anew
# every 30 seconds, falls into one of them or none.

sub instructions {
    my ($gateway, $name, $request, $idle) = @_;

    my @idle = map { Bench::Client->new($gateway->{port}) } 1 .. $idle // 0;
    $_->get('/plain') for @idle;

    my $client = Bench::Client->new($gateway->{port});
    my $number = 0;
    my $block  = sub {
        $request->($client, $number++) for 1 .. 500;

        # the worker has still to finish the last one
        sleep 0.1;
        return;
    };

    control($gateway, '-i', 'on');
    $block->();

    my @counts = map {
        unlink glob "$out/$name.out*";
        control($gateway, '-z');
        $block->();
        control($gateway, '-d');

        my ($file) = glob "$out/$name.out*";
        my ($total) = read_file($file) =~ /^totals: (\d+)/m;

        $total / 500;
    } 1 .. 5;

    control($gateway, '-i', 'off');

    return median(@counts);
}

1;
