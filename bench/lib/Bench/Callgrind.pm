package Bench::Callgrind;

# Instructions of a request in user space, in one worker, on one keep-alive
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


# The median of several blocks of requests, because other work of the worker,
# such as reading Redis every 30 seconds, falls into some blocks only.  Returns
# all instructions of a request, and those of the module.

sub instructions {
    my ($gateway, $name, $request, $idle) = @_;

    my @idle = map { Bench::Client->new($gateway->{port}) } 1 .. $idle // 0;
    $_->get('/plain') for @idle;

    my $client = Bench::Client->new($gateway->{port});
    my $number = 0;
    my $block  = sub {
        $request->($client, $number++) for 1 .. 500;

        # the worker has yet to finish the last request
        sleep 0.1;
        return;
    };

    control($gateway, '-i', 'on');
    $block->();

    my (@counts, @own);

    for (1 .. 5) {
        unlink glob "$out/$name.out*";
        control($gateway, '-z');
        $block->();
        control($gateway, '-d');

        my ($file) = glob "$out/$name.out*";
        my $text = read_file($file);
        my ($total) = $text =~ /^totals: (\d+)/m;

        push @counts, $total / 500;
        push @own, of_module($text) / 500;
    }

    control($gateway, '-i', 'off');

    return (median(@counts), median(@own));
}

1;
