package Bench::Suite::Scale;

# How the cost grows with accounts: the look-up, the memory of the zone,
# startup.

use strict;
use warnings;

use IO::Socket::INET;
use Time::HiRes qw(sleep time);

use Bench::Accounts qw(put_active put_ended summary);
use Bench::Client ();
use Bench::Gateways qw(ready reauth redis);
use Bench::Process qw($build $root read_file stop);
use Bench::Report qw(publish table);


# The code of the zone, without nginx.

sub program {
    my ($name) = @_;
    my $program = "$build/$name";

    system("$root/bench/build-lookup", $program, "bench/$name.c") == 0
        or die "bench/$name.c was not compiled\n";

    return $program;
}


sub lookups {
    my $program = program('lookup');
    my @rows;

    for my $accounts (2000, 10_000, 100_000, 1_000_000) {
        for my $closed (1, 100, 1000, 10_000) {
            next if $closed >= $accounts;
            my @ns = split ' ', `$program $accounts $closed`;
            die "the look-up failed\n" if @ns != 4;
            push @rows, [$accounts, $closed, @ns];
        }
    }

    return table(
        ['accounts', 'closed', 'open, ns', 'closed, ns', 'open, two at once',
         'closed, two at once'], @rows);
}


# With a writer on the other core: percentiles.

sub writer {
    my $program = program('lookup');
    my @rows;

    for my $closed (1000, 10_000, 100_000) {
        my @got = split ' ', `$program 1000000 $closed 5000`;
        die "the look-up failed\n" if @got != 6;

        push @rows, [$closed,
            map { join ' / ', @got[$_ .. $_ + 2] } 0, 3];
    }

    return table(
        ['closed of 1,000,000 accounts', 'open: p50 / p99 / p99.9, ns',
         'closed: p50 / p99 / p99.9, ns'], @rows);
}


# How long the lock is held: the longest work, and what passed meanwhile.

sub held {
    my $program = program('held');
    my @what = (
        ['a change, us'], ['a list, us'], ['a list of a state, us'],
        ['a list of a state by update, us'], ['a list by update, us'],
        ['a forget, us'], ['a summary with 999 overrides, us'],
        ['a repair after a worker was killed, ms'],
        ['the part of it for which gates wait, ms'],
        ['a list by update after a repair, us'],
        ['the expiry of 16 ended records, us'], ['a begin in a full zone, us'],
    );

    for my $closed (1000, 100_000) {
        my @got = split ' ', `$program 1000000 $closed`;
        die "the lock was not measured\n" if @got != @what;

        push @{ $what[$_] }, split m{/}, $got[$_] for 0 .. $#what;
    }

    return table(
        ['lock held by, 1,000,000 accounts', '1,000 closed: longest work',
         'passed', '100,000 closed: longest work', 'passed'], @what);
}


sub room {
    my $redis = redis();
    my @rows;

    for my $it (['active', 10_000, 0], ['ended', 100, 1_000_000]) {
        my ($what, $active, $ended) = @$it;

        Bench::Accounts::forget($redis->{port});
        my $empty = reauth(ZONE => '320m');
        my $free = summary(Bench::Client->new($empty->{port}))->{free};
        stop($empty->{master});

        put_active($redis->{port}, 'reauth', 0, $active);
        my $gateway = reauth(REDIS => $redis->{port}, ZONE => '320m');
        ready($gateway);

        my $before = summary(Bench::Client->new($gateway->{port}))->{free};
        put_ended($redis->{port}, 'reauth', $gateway, $active, $ended)
            if $ended;
        my $now = summary(Bench::Client->new($gateway->{port}));
        my $n = $ended || $active;

        push @rows, [$what, $n, sprintf('%.0f',
            (($ended ? $before : $free) - $now->{free}) / $n),
            sprintf('%.0f', (335_544_320 - $now->{free}) / 1e6),
            $now->{dropped}];
        stop($gateway->{master});
    }

    return table(
        ['accounts', 'number', 'bytes of the zone each',
         'used of 320 MB, all in all', 'dropped'], @rows);
}


# The time from the start of nginx until all of Redis has been read, and the
# response time of another request meanwhile.

sub start {
    my @rows;

    for my $active (1000, 10_000, 100_000, 1_000_000) {
        my $redis = redis();
        put_active($redis->{port}, 'reauth', 0, $active);

        my $begin   = time;
        my $gateway = reauth(REDIS => $redis->{port},
            ZONE => $active > 100_000 ? '1200m' : '320m');
        my $client  = Bench::Client->new($gateway->{port});
        my ($ready, $all, @took);

        while (!$all) {
            push @took, 1000 * $client->get('/plain')->{took} for 1 .. 20;
            $ready //= time - $begin
                if $client->get('/reauth/readyz')->{body}
                    =~ /"status":"ready"/;
            $all = time - $begin
                if (summary($client)->{active} // 0) == $active;
            die "it does not get ready\n" if time - $begin > 60;
            sleep 0.002;
        }

        @took = sort { $a <=> $b } @took;
        push @rows, [$active, sprintf('%.2f', $ready // $all),
            sprintf('%.2f', $all),
            map { sprintf '%.2f', $_ } $took[0.99 * @took], $took[-1]];

        stop($gateway->{master});
        stop($redis->{pid});
    }

    return table(
        ['active in Redis', 'ready after s', 'all read after s',
         "others' p99 ms", "others' worst ms"], @rows);
}


sub run {
    publish('scale', lookups(), writer(), held(), room(), start());

    return;
}

1;
