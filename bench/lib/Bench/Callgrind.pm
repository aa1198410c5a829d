package Bench::Callgrind;

# Instructions of a request in user space, of one worker on one kept-alive
# connection: 3,000 requests less 1,000.

use strict;
use warnings;

use Exporter 'import';

use File::Path qw(make_path);

use Bench::Client ();
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


sub count {
    my ($gateway, $name, $requests, $request) = @_;

    my $client = Bench::Client->new($gateway->{port});

    unlink glob "$out/$name.out*";
    control($gateway, '-z');

    $request->($client, $_) for 1 .. $requests;

    # the worker has still to finish the last one
    select undef, undef, undef, 0.2;
    control($gateway, '-d');

    my ($file) = glob "$out/$name.out*";
    my ($total) = read_file($file) =~ /^totals: (\d+)/m;

    return $total;
}


# $request->($client, $number) does one and looks at its answer.

sub instructions {
    my ($gateway, $name, $request) = @_;

    my $warm = Bench::Client->new($gateway->{port});
    control($gateway, '-i', 'on');
    $request->($warm, $_) for 1 .. 500;

    my $short = count($gateway, $name, 1000, $request);
    my $long  = count($gateway, $name, 3000, $request);

    return ($long - $short) / 2000;
}

1;
