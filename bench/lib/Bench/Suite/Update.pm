package Bench::Suite::Update;

# Updates of credentials, validated, stored in Redis and forwarded; compared
# with the same PUT through nginx alone.

use strict;
use warnings;

use Bench::Gateways qw(bare express lua ready reauth redis);
use Bench::Load qw(compare slice);
use Bench::Report qw(chart publish ratio table us);

my $accounts = 10_000;


sub run {
    my ($class, $seconds, $rounds) = @_;

    $seconds //= 2;
    $rounds  //= 5;

    my ($redis, $lua_redis) = (redis(), redis());
    my $bare    = bare();
    my $gateway = reauth(REDIS => $redis->{port}, ZONE => '128m');
    my $local   = reauth(ZONE => '128m');
    my $lua     = lua(REDIS_PORT => $lua_redis->{port});
    my $express = express(REDIS_PORT => $lua_redis->{port});

    ready($gateway);

    $gateway->{services} = [$redis->{pid}];
    $_->{services} = [$lua_redis->{pid}] for $lua, $express;

    my $run = 0;
    my ($base, @all) = map {
        my ($name, $it) = @$_;
        {   name  => $name,
            slice => sub {
                return slice($it, script => 'put.lua', connections => 32,
                    seconds => $seconds, expect => 'all',
                    arguments => [$accounts, 'run' . $run++]);
            },
        };
    } ['', $bare], ['nginx-reauth, Redis', $gateway],
        ['nginx-reauth, no Redis', $local],
        ['Lua, one HSET', $lua], ['Express, ioredis, one HSET', $express];

    my @found = compare(base => $base->{slice}, candidates => \@all,
        rounds => $rounds);

    publish('update', table(
        ['update', 'requests/s', 'us CPU', 'CPU ratio', 'with Redis',
         'requests/s ratio', 'p99 ms', 'p99 ratio'],
        map { my $it = $_;
              [$it->{name} || 'nginx alone', sprintf('%.0f', $it->{slice}{rate}),
               us($it->{slice}{cpu}), ratio($it->{ratio}{cpu}),
               sprintf('%.2f', $it->{ratio}{all}[0]),
               ratio($it->{ratio}{rate}), sprintf('%.1f', $it->{slice}{p99}),
               sprintf('%.1f', $it->{ratio}{p99}[0])] } @found));

    chart('update', 'CPU per update: times that of nginx alone',
        map { [$_->{name} || 'nginx alone', $_->{ratio}{all}[0],
               $_->{name} =~ /reauth/] } @found);

    return;
}

1;
