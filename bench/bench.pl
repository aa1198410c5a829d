# Runs one of the benchmarks, or all of them; see docs/benchmarks.md.

use strict;
use warnings;

use Bench::Arguments ();
use Bench::Gateways  ();
use Bench::Process   ();
use Bench::Report    ();

my ($what, @arguments) = Bench::Arguments::check(@ARGV);

if ($what eq 'docs') {
    Bench::Report::docs(@Bench::Arguments::suites);
    exit;
}

local $| = 1;
printf "%s: about %d min\n", $what,
    Bench::Arguments::minutes($what, @arguments);

# if one benchmark fails, the others are still run

my @failed;

for my $suite ($what eq 'all' ? @Bench::Arguments::suites : $what) {
    my $class = 'Bench::Suite::' . ucfirst $suite;

    eval "require $class; 1" or die $@;    ## no critic (ProhibitStringyEval)

    print "$suite\n" if $what eq 'all';

    if (!eval { $class->run(@arguments); 1 }) {
        warn "$suite: $@";
        push @failed, $suite;
    }

    Bench::Process::stop_all();
    Bench::Gateways->forget;
}

if (@failed) {
    warn "failed: @failed\n";
    exit 1;
}
