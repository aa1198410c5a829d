package Bench::Suite::Soak;

# The private memory of a worker over very many requests and updates, with all
# features on.  It must not grow in the second half.

use strict;
use warnings;

use POSIX qw(ceil);
use Time::HiRes qw(time);

use Bench::Accounts qw(put_active put_ended);
use Bench::Gateways qw(ready reauth redis);
use Bench::Load qw(slice);
use Bench::Process qw(rss);
use Bench::Report qw(publish table);
use Bench::Requests qw(callers_file token);

my ($rounds, $seconds) = (20, 2);
my ($closed, $known) = (1000, 10_000);

# the allocator may keep a little more
my $tolerated = 1.05;


# Slices of one kind until so many requests have been sent.

sub requests {
    my ($gateway, $count, %option) = @_;

    my $sent = 0;

    $sent += slice($gateway, connections => 32, seconds => $seconds,
        %option)->{requests} while $sent < $count;

    return $sent;
}


sub run {
    my ($class, $requests, $updates) = @_;

    $requests //= 10_000_000;
    $updates  //= 1_000_000;

    my $redis = redis();
    put_active($redis->{port}, 'reauth', 0, $closed);

    my $gateway = reauth(REDIS => $redis->{port}, ZONE => '128m',
        CALLERS  => callers_file(),
        FAILED   => 'reauth_gate_failed on; reauth_gate_hold 1s;',
        FEATURES => 'reauth_poll on /upstream rate=600r/m; '
            . 'reauth_sweep 10s; reauth_heal on;');
    ready($gateway);
    put_ended($redis->{port}, 'reauth', $gateway, 20_000, $known);

    my $called = { %$gateway, port => $gateway->{port3} };
    my ($all, $put, $start, @rows) = (0, 0, time);

    for my $round (1 .. $rounds) {
        my $each = ceil($requests / $rounds / 2);

        # half of them open, half of them closed
        $all += requests($called, $each, script => 'gate.lua',
            arguments => [20_000, $known, token(97)], expect => 'all')
            if $each * (2 * $round - 1) > $all;
        $all += requests($gateway, $each, script => 'gate.lua',
            arguments => [0, $closed], expect => 'none')
            if $each * 2 * $round > $all;

        $put += requests($gateway, ceil($updates / $rounds),
            script => 'put.lua', arguments => [10_000, "round$round"],
            expect => 'all')
            if $updates / $rounds * $round > $put;

        push @rows, [$all, $put,
            sprintf '%.1f', rss($gateway->{pid}, 'private') / 1e6];

        printf "%d of %d: %d calls, %d updates, %s MB, %.0f min\n", $round,
            $rounds, @{ $rows[-1] }, (time - $start) / 60;
    }

    publish('soak', table(['calls', 'updates', "worker's own memory, MB"],
        @rows));

    my ($first) = sort { $b <=> $a } map { $_->[2] } @rows[0 .. $rounds / 2 - 1];
    my ($last) = sort { $b <=> $a } map { $_->[2] } @rows[$rounds / 2 .. $rounds - 1];

    die "the memory grows: $first MB in the first half, $last MB in the second\n"
        if $last > $tolerated * $first;

    return;
}

1;
