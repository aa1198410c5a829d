package Bench::Suite::Memory;

# The private memory of a worker over many requests.  The zone is not included:
# all workers share it, and its size is fixed.

use strict;
use warnings;

use Bench::Accounts qw(put_active put_ended);
use Bench::Gateways qw(ready reauth redis);
use Bench::Load qw(slice);
use Bench::Process qw(rss);
use Bench::Report qw(publish table);

my $closed = 1000;


sub run {
    my ($class, $seconds) = @_;

    $seconds //= 10;

    my $redis = redis();
    put_active($redis->{port}, 'reauth', 0, $closed);
    my $gateway = reauth(REDIS => $redis->{port}, ZONE => '128m');
    ready($gateway);
    put_ended($redis->{port}, 'reauth', $gateway, 20_000, 10_000);

    my ($total, @rows) = (0);

    for my $round (1 .. 4) {
        for my $it (['calls, open', 'gate.lua', 20_000, 10_000],
            ['calls, closed', 'gate.lua', 0, $closed],
            ['updates', 'put.lua', 10_000, "round$round"])
        {
            my ($name, $script, @arguments) = @$it;
            my $slice = slice($gateway, script => $script, connections => 32,
                seconds => $seconds, arguments => \@arguments,
                expect => $name =~ /closed/ ? 'none' : '');

            $total += $slice->{requests};
            push @rows, [$name, $slice->{requests}, $total,
                sprintf '%.1f', rss($gateway->{pid}, 'private') / 1e6];
        }
    }

    publish('memory', table(
        ['what', 'requests', 'in all', "worker's own memory, MB"], @rows));

    return;
}

1;
