# The arguments of "./run bench": invalid ones are rejected before anything is
# installed or built, and the printed time depends on them.

use strict;
use warnings;

use lib 'bench/lib';

use Test::More;

use Bench::Arguments;

sub error {
    my (@arguments) = @_;

    return eval { Bench::Arguments::check(@arguments); 1 } ? '' : $@;
}

is_deeply([Bench::Arguments::check()], ['all'], 'all benchmarks are run if none is named');
is_deeply([Bench::Arguments::check('gate', 4, 10)], ['gate', 4, 10],
    'a benchmark is returned with its arguments');

like(error('gates'), qr/\Ausage: \.\/run bench \[all\|instructions\|/,
    'an unknown benchmark is rejected');
like(error('gate', 0), qr/\Ausage: \.\/run bench gate \[seconds\] \[rounds\]/,
    'the number 0 is rejected');
like(error('gate', 1, 2, 3), qr/\Ausage: \.\/run bench gate /,
    'more arguments than are known are rejected');
like(error('profile'), qr/\Ausage: \.\/run bench profile open\|key\|caller\|/,
    'a missing argument is rejected');
like(error('events', 4000), qr/\Ausage: \.\/run bench events /,
    'more listeners than can be opened are rejected');
like(error('soak', '1e6'), qr/\Ausage: \.\/run bench soak /,
    'a number in another format is rejected');

is(Bench::Arguments::minutes('gate'), 6, 'the time of the defaults is printed');
is(Bench::Arguments::minutes('gate', 4, 10), 24,
    'the time is proportional to the arguments');
cmp_ok(Bench::Arguments::minutes('soak', 100_000_000, 10_000_000), '>',
    5 * Bench::Arguments::minutes('soak'),
    'ten times as many requests take more time');

for my $suite (@Bench::Arguments::suites) {
    my $name = ucfirst $suite;

    ok(-e "bench/lib/Bench/Suite/$name.pm", "the benchmark $suite exists");
}

# only the check of the arguments runs: nothing is installed
my $output = `tools/bench gate many 2>&1`;
is($? >> 8, 255, 'tools/bench fails if an argument is invalid');
is($output, "usage: ./run bench gate [seconds] [rounds]\n",
    'tools/bench prints the usage and nothing else');

done_testing();
