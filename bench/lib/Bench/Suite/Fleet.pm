package Bench::Suite::Fleet;

# What gateways cost the Redis that they share: while nothing changes, and while
# one of them accepts updates.

use strict;
use warnings;

use IO::Socket::INET;
use Time::HiRes qw(sleep time);

use Bench::Accounts qw(put_active summary);
use Bench::Client ();
use Bench::Gateways qw(reauth redis);
use Bench::Process qw(await cpu stop);
use Bench::Report qw(publish table);
use Bench::Requests qw(%request);

my $active  = 100_000;
my $seconds = 20;
my $rate    = 50;                    # updates a second


# The number of each command that Redis has executed.

sub commands {
    my ($redis) = @_;

    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $redis->{port}) or die "Redis: $!\n";
    print {$socket} "*2\r\n\$4\r\nINFO\r\n\$12\r\ncommandstats\r\n";

    my ($length) = <$socket> =~ /^\$(\d+)/;
    my $text = '';

    while (length $text < $length) {
        read $socket, $text, $length - length $text, length $text
            or die "Redis: no reply to INFO\n";
    }

    return { $text =~ /^cmdstat_(\S+?):calls=(\d+)/mg };
}


# The clients of Redis: commands within a script are not sent by them.

my @sent = qw(evalsha get mget xread xrevrange zrangebyscore time auth hello client
    select info);


sub measure {
    my ($redis, $gateways, $work) = @_;

    my $before = commands($redis);
    my @cpu    = (cpu($redis->{pid}), cpu(map { $_->{pid} } @$gateways));
    my $begin  = time;

    $work->();

    my $took  = time - $begin;
    my $after = commands($redis);
    my $sent  = 0;

    $sent += ($after->{$_} // 0) - ($before->{$_} // 0) for @sent;

    return (sprintf('%.0f', $sent / $took),
        sprintf('%.1f', 100 * (cpu($redis->{pid}) - $cpu[0]) / $took),
        sprintf('%.2f', 100 * (cpu(map { $_->{pid} } @$gateways) - $cpu[1])
            / $took / @$gateways));
}


sub updates {
    my ($gateway) = @_;

    my $client = Bench::Client->new($gateway->{port});
    my $begin  = time;

    for my $n (0 .. $rate * $seconds - 1) {
        my $early = $begin + $n / $rate - time;

        sleep $early if $early > 0;
        $request{update}->($client, $active + $n);
    }

    return;
}


sub run {
    my @rows;

    for my $count (1, 10, 100) {
        my $redis = redis();

        put_active($redis->{port}, 'reauth', 0, $active);

        my @gateways
            = map { reauth(REDIS => $redis->{port}, ZONE => '192m') }
                1 .. $count;

        for my $gateway (@gateways) {
            my $client = Bench::Client->new($gateway->{port});

            await('reading Redis', 600, sub {
                return (summary($client)->{active} // 0) >= $active;
            });
        }

        sleep 5;

        push @rows, [$count,
            measure($redis, \@gateways, sub { sleep $seconds }),
            measure($redis, \@gateways, sub { updates($gateways[0]) })];

        stop($_->{master}) for @gateways;
        stop($redis->{pid});
    }

    return publish('fleet', table(
        ['gateways', 'commands a second', '% CPU of Redis',
         '% CPU of a gateway', "with $rate updates a second: commands",
         '% CPU of Redis', '% CPU of a gateway'], @rows));
}

1;
