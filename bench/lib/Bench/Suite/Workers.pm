package Bench::Suite::Workers;

# Calls through an open gate with 1, 2, 4 and 8 workers, which share the zone,
# compared with nginx alone with as many workers.

use strict;
use warnings;

use Bench::Accounts qw(put_active put_ended);
use Bench::Gateways qw(proxy ready redis);
use Bench::Load qw(compare slice);
use Bench::Process qw($load_core);
use Bench::Report qw(publish ratio table us);

my ($known, $closed) = (100_000, 1000);


# all processors but that of the load

sub cores {
    chomp(my $all = `nproc`);

    return join ',', grep { $_ != $load_core } 0 .. $all - 1;
}


sub run {
    my ($class, $seconds, $rounds) = @_;

    $seconds //= 2;
    $rounds  //= 3;

    my $cores = cores();
    my $redis = redis();
    my @rows;

    put_active($redis->{port}, 'reauth', 0, $closed);

    for my $workers (1, 2, 4, 8) {
        my %with    = (CORE => $cores, WORKERS => $workers);
        my $bare    = proxy(%with);
        my $gateway = proxy(%with, REAUTH => 1, REDIS => $redis->{port});

        ready($gateway);
        put_ended($redis->{port}, 'reauth', $gateway, $closed,
            $known - $closed);

        my ($base, $call) = map {
            my $it = $_;
            sub {
                return slice($it, script => 'gate.lua', connections => 64,
                    seconds => $seconds, expect => 'all',
                    arguments => [$closed, $known - $closed]);
            }
        } $bare, $gateway;

        my @found = compare(rounds => $rounds, base => $base,
            candidates => [{ name => 'nginx-reauth, key from its file',
                             slice => $call }]);

        push @rows, map {
            [$workers, $_->{name} || 'nginx alone',
             sprintf('%.0f', $_->{slice}{rate}), us($_->{slice}{cpu}),
             ratio($_->{ratio}{cpu}), ratio($_->{ratio}{rate})]
        } @found;

        Bench::Process::stop($_->{master}) for $bare, $gateway;
        print "$workers workers: done\n";
    }

    publish('workers', table(
        ['workers', 'on processors ' . $cores, 'requests/s', 'us CPU',
         'CPU ratio', 'requests/s ratio'], @rows));

    return;
}

1;
