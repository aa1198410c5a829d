package Bench::Suite::Check;

# Fails if a request takes over 3 % more instructions than
# bench/instructions.txt says; without the peers.

use strict;
use warnings;

use Bench::Gateways qw(redis);
use Bench::Suite::Instructions ();


sub run {
    my ($class) = @_;

    Bench::Suite::Instructions::against_kept(
        Bench::Suite::Instructions::measure_module(redis()));

    return;
}

1;
