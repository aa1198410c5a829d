package Bench::Suite::Stall;

# Redis stops for 2 s while calls arrive at a steady rate; one in ten of them is
# for an account whose gate is closed.

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use Time::HiRes qw(sleep time);

use Bench::Accounts qw(account map_file peers put_active put_ended);
use Bench::Gateways qw(auth_request bare lua ready reauth redis);
use Bench::Report qw(publish table);

my ($known, $closed) = (10_000, 1000);
my ($rate, $length, $stop_at, $stop_for) = (500, 6, 2, 2);


sub finish {
    my ($call, $result) = @_;

    # no status if the connection was closed instead
    my $status = $call->{buffer} =~ m{^HTTP/1\.1 (\d+)} ? $1 : 0;
    my $want   = $call->{closed} ? 503 : 200;

    push @{ $result->{took} }, 1000 * (time - $call->{due});
    $result->{$want == 503 ? 'let_through' : 'refused'}++ if $status != $want;
    $result->{$want}++;

    return;
}


sub whole {
    my ($text) = @_;

    my $end = index $text, "\r\n\r\n";

    return 0 if $end < 0;
    return length $text >= $end + 4 + $1
        if substr($text, 0, $end) =~ /^content-length: (\d+)/im;
    return $text =~ /\r\n0\r\n\r\n\z/;
}


# Sends calls at their scheduled times, whether or not earlier ones have been
# answered.  Latency is counted from the scheduled time, so it includes the wait
# for a connection.

sub steady {
    my ($port, $redis, $gated) = @_;

    my %result = (took => [], refused => 0, let_through => 0, 200 => 0,
        503 => 0);
    my (@idle, %busy);
    my $select = IO::Select->new;
    my $start  = time + 0.1;
    my ($n, $stopped) = (0, 0);

    while ($n < $rate * $length || %busy) {
        my $now = time - $start;

        if ($redis && $stopped == 0 && $now >= $stop_at) {
            kill 'STOP', $redis;
            $stopped = 1;
        }

        if ($redis && $stopped == 1 && $now >= $stop_at + $stop_for) {
            kill 'CONT', $redis;
            $stopped = 2;
        }

        while ($n < $rate * $length && $now >= $n / $rate) {
            my $shut = $gated && $n % 10 == 0;
            my $call = {
                due    => $start + $n / $rate,
                closed => $shut,
                buffer => '',
                socket => pop @idle // IO::Socket::INET->new(
                    PeerAddr => '127.0.0.1', PeerPort => $port)
                    // die "port $port: $!\n",
            };
            my $account = account($shut ? $n % $closed
                                        : $closed + $n * 7919 % ($known
                                            - $closed));

            syswrite $call->{socket}, "GET /api/$account/chats HTTP/1.1\r\n"
                . "Host: 127.0.0.1\r\n\r\n";
            $busy{ fileno $call->{socket} } = $call;
            $select->add($call->{socket});
            $n++;
        }

        for my $socket ($select->can_read(0.0005)) {
            my $call = $busy{ fileno $socket };
            my $read = sysread $socket, $call->{buffer}, 16_384,
                length $call->{buffer};
            my $whole = whole($call->{buffer});

            next if $read && !$whole;

            $select->remove($socket);
            delete $busy{ fileno $socket };
            finish($call, \%result);

            push @idle, $socket if $whole && $call->{buffer} !~
                /^connection: close/im;
        }
    }

    my @took = sort { $a <=> $b } @{ $result{took} };
    @result{qw(p50 p99 worst)} = @took[$#took / 2, 0.99 * $#took, $#took];

    return \%result;
}


sub run {
    my ($class) = @_;

    my $redis = redis();
    my $bare  = bare();

    put_active($redis->{port}, 'reauth', 0, $closed);
    my $gateway = reauth(REDIS => $redis->{port});
    ready($gateway);
    put_ended($redis->{port}, 'reauth', $gateway, $closed, $known - $closed);

    peers($redis->{port}, $known, $closed);
    my $slow = lua(NAME => 'lua-1s', REDIS_PORT => $redis->{port},
        ACCOUNTS => map_file($known, $closed));
    my $fast = lua(NAME => 'lua-50ms', REDIS_PORT => $redis->{port},
        TIMEOUT => 50);
    my $auth = auth_request(REDIS_PORT => $redis->{port});

    my @rows;

    for my $it (['no gate', $bare->{port}, 0, 0],
        ['no gate, Redis stopped', $bare->{port}, 1, 0],
        ['nginx-reauth',                 $gateway->{port}, 0, 1],
        ['nginx-reauth, Redis stopped',  $gateway->{port}, 1, 1],
        ['Lua shared dict, Redis stopped', $slow->{port2}, 1, 1],
        ['Lua, 1 s timeout, fail open, Redis stopped', $slow->{port}, 1, 1],
        ['Lua, 50 ms, fail open, Redis stopped', $fast->{port}, 1, 1],
        ['auth_request to Node, Redis stopped', $auth->{port}, 1, 1])
    {
        my ($name, $port, $stop, $gated) = @$it;
        my $found = steady($port, $stop ? $redis->{pid} : 0, $gated);

        push @rows, [$name, (map { sprintf '%.1f', $found->{$_} }
                                 qw(p50 p99 worst)),
            "$found->{let_through} of $found->{503}",
            "$found->{refused} of $found->{200}"];

        # outstanding responses are read before the next run
        sleep 1;
    }

    publish('stall', table(
        ["Redis stopped for $stop_for of $length s, $rate calls/s", 'p50 ms',
         'p99 ms', 'worst ms', 'wrong, of closed',
         'wrong, of open'], @rows));

    return;
}

1;
