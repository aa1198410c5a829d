package Bench::Load;

# Runs wrk on its own core; measures the cost of each slice for the gateway.

use strict;
use warnings;

use Exporter 'import';

use Bench::Process qw($root $load_core cpu);

our @EXPORT_OK = qw(compare median slice wrk);

my %unit = (us => 0.001, ms => 1, s => 1000, m => 60_000);


# script, its arguments; port, connections, seconds

sub wrk {
    my (%option) = @_;

    my @command = (
        'taskset', '-c', $load_core, 'wrk', '-t', 1,
        '-c', $option{connections}, '-d', "$option{seconds}s", '--latency',
        $option{script} ? ('-s', "$root/bench/wrk/$option{script}") : (),
        'http://127.0.0.1:' . $option{port} . ($option{path} // '/'),
        $option{script} ? ('--', @{ $option{arguments} // [] }) : (),
    );

    open my $out, '-|', @command or die "wrk: $!\n";
    my $text = do { local $/ = undef; <$out> };
    close $out or die "wrk failed:\n$text";

    my ($requests) = $text =~ /(\d+) requests in/;
    my ($rate)     = $text =~ m{Requests/sec:\s+([\d.]+)};
    my ($p99, $unit) = $text =~ /^\s+99%\s+([\d.]+)(us|ms|s|m)$/m;
    my ($failed)   = $text =~ /Non-2xx or 3xx responses: (\d+)/;

    die "wrk had no answer:\n$text" if !$requests;
    die "wrk had errors:\n$text" if $text =~ /Socket errors/;

    return {
        requests => $requests,
        rate     => $rate,
        p99      => $p99 * $unit{$unit},
        failed   => $failed // 0,
    };
}


# One slice against one gateway.  "expect": all responses are 2xx, or none is.

sub slice {
    my ($gateway, %option) = @_;

    my @own      = @{ $gateway->{pids} // [$gateway->{pid}] };
    my @services = @{ $gateway->{services} // [] };
    my $cpu      = cpu(@own);
    my $all      = cpu(@own, @services);

    my $wrk = wrk(port => $gateway->{port}, %option);

    my $wrong = ($option{expect} // '') eq 'none'
        ? $wrk->{requests} - $wrk->{failed} : $wrk->{failed};
    die "$gateway->{name}: $wrong of $wrk->{requests} answers were wrong\n"
        if $wrong;

    return {
        rate => $wrk->{rate},
        p99  => $wrk->{p99},
        cpu  => 1e6 * (cpu(@own) - $cpu) / $wrk->{requests},
        all  => 1e6 * (cpu(@own, @services) - $all) / $wrk->{requests},
        requests => $wrk->{requests},
    };
}


sub median {
    my @sorted = sort { $a <=> $b } @_;

    return $sorted[$#sorted / 2] if @sorted % 2;
    return ($sorted[@sorted / 2 - 1] + $sorted[@sorted / 2]) / 2;
}


# Runs the candidates in turn, with nginx alone before and after each one.
# Returns the ratios of each to the mean of both, and the figures of nginx
# alone.

sub compare {
    my (%option) = @_;

    my ($base, $rounds) = @option{qw(base rounds)};
    my @candidates = @{ $option{candidates} };
    my (%ratio, %slice);

    $base->();
    $_->{slice}->() for @candidates;

    my $before = $base->();

    for my $round (1 .. $rounds) {
        for my $candidate ({ name => '', slice => $base }, @candidates) {
            my $it    = $candidate->{slice}->();
            my $after = $base->();

            push @{ $slice{ $candidate->{name} } }, $it;

            for my $key (qw(rate cpu all p99)) {
                my $reference
                    = ($before->{ $key eq 'all' ? 'cpu' : $key }
                     + $after->{ $key eq 'all' ? 'cpu' : $key }) / 2;
                push @{ $ratio{ $candidate->{name} }{$key} },
                    $it->{$key} / $reference;
            }

            $before = $after;
        }

        print "round $round of $rounds\n";
    }

    return map {
        my $name = $_->{name};
        {   name  => $name,
            slice => {
                map { my $key = $_;
                      $key => median(map { $_->{$key} } @{ $slice{$name} }) }
                    qw(rate cpu all p99)
            },
            ratio => {
                map { $_ => [median(@{ $ratio{$name}{$_} }),
                             (sort { $a <=> $b } @{ $ratio{$name}{$_} })[0, -1]]
                } qw(rate cpu all p99)
            },
        }
    } { name => '' }, @candidates;
}

1;
