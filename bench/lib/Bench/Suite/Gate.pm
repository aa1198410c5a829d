package Bench::Suite::Gate;

# Calls through the gate: processor time of the gateway for each call, compared
# with nginx alone in the slices before and after.

use strict;
use warnings;

use Bench::Accounts qw(map_file peers put_active put_ended);
use Bench::Gateways qw(auth_request bare haproxy lua ready reauth redis);
use Bench::Load qw(compare slice);
use Bench::Report qw(chart publish ratio table us);

my ($known, $closed, $million) = (100_000, 1000, 1_000_000);


# The slices of a candidate: its name, the gateway, its port, how it is closed.

sub candidates {
    my ($which, $seconds, @them) = @_;

    my ($first, $count, $expect) = $which eq 'open'
        ? ($closed, $known - $closed, 'all') : (0, $closed, 'none');

    return map {
        my ($name, $gateway, $port) = @$_;
        my %here = (%$gateway, port => $gateway->{ $port // 'port' });

        {   name  => $name,
            slice => sub {
                return slice(\%here, script => 'gate.lua', connections => 64,
                    seconds => $seconds, arguments => [$first, $count],
                    expect => $expect);
            },
        };
    } @them;
}


sub rows {
    my (@found) = @_;

    return map {
        my $it = $_;
        [$it->{name} || 'nginx alone', sprintf('%.0f', $it->{slice}{rate}),
         us($it->{slice}{cpu}), ratio($it->{ratio}{cpu}),
         sprintf('%.2f', $it->{ratio}{all}[0]), ratio($it->{ratio}{rate})]
    } @found;
}


sub run {
    my ($class, $seconds, $rounds) = @_;

    $seconds //= 2;
    $rounds  //= 5;

    my $redis = redis();
    my $bare  = bare();

    put_active($redis->{port}, 'k', 0, $closed);
    put_active($redis->{port}, 'm', 0, $closed);

    my $gateway = reauth(REDIS => $redis->{port}, PREFIX => 'k');
    my $large   = reauth(REDIS => $redis->{port}, PREFIX => 'm',
        ZONE => '320m');

    for ([$gateway, 'k', $known], [$large, 'm', $million]) {
        my ($it, $prefix, $count) = @$_;
        ready($it);
        put_ended($redis->{port}, $prefix, $it, $closed, $count - $closed);
    }

    peers($redis->{port}, $known, $closed);
    my $map = map_file($known, $closed);

    # the processor time of Redis for Lua and Node
    my $lua  = lua(REDIS_PORT => $redis->{port}, ACCOUNTS => $map);
    my $auth = auth_request(REDIS_PORT => $redis->{port});
    my $ha   = haproxy(ACCOUNTS => $map);
    my $per_call = { %$lua, services => [$redis->{pid}] };
    push @{ $auth->{services} }, $redis->{pid};

    my %text;
    my %bars;

    for my $which (qw(open closed)) {
        my @all = candidates($which, $seconds,
            ['nginx alone', $bare, $which eq 'open' ? 'port' : 'port2'],
            ['nginx-reauth', $gateway, 'port2'],
            ['nginx-reauth, key from its file', $gateway],
            ['nginx-reauth, 1,000,000 accounts', $large, 'port2'],
            ['Lua shared dict',         $lua, 'port2'],
            ['HAProxy map',             $ha],
            ['Lua, Redis GET per call', $per_call],
            ['auth_request to Node, Redis', $auth]);

        my $base  = shift @all;
        my @found = compare(base => $base->{slice}, candidates => \@all,
            rounds => $rounds);

        $text{$which} = table(
            [$which, 'requests/s', 'us CPU', 'CPU ratio',
             'with services', 'requests/s ratio'], rows(@found));
        $bars{$which} = [map { [$_->{name} || 'nginx alone',
                                $_->{ratio}{all}[0], $_->{name} =~ /reauth/] }
                             @found];
    }

    chart("gate-$_", "CPU per call, gate $_: times that of nginx alone",
        @{ $bars{$_} }) for qw(open closed);

    publish('gate', $text{open}, $text{closed});

    return;
}

1;
