# Runs one of the benchmarks, or all of them; see docs/benchmarks.md.

use strict;
use warnings;

use Bench::Gateways ();
use Bench::Process  ();
use Bench::Report   ();

my @suites = qw(instructions gate update webhook status scale stall memory);
my $what   = shift // 'all';

if ($what eq 'docs') {
    Bench::Report::docs(@suites);
    exit;
}

if ($what ne 'all' && !grep { $what eq $_ } @suites) {
    die "usage: ./run bench [" . join('|', @suites, 'docs') . "]\n";
}

# if one benchmark fails, the others are still run

my @failed;

for my $suite ($what eq 'all' ? @suites : $what) {
    my $class = 'Bench::Suite::' . ucfirst $suite;

    eval "require $class; 1" or die $@;    ## no critic (ProhibitStringyEval)

    print "$suite\n";

    if (!eval { $class->run(@ARGV); 1 }) {
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
