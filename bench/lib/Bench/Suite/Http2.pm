package Bench::Suite::Http2;

# Calls through an open gate by HTTP/2, and to an upstream with TLS: the ratios
# to nginx alone with the same protocols.

use strict;
use warnings;

use Bench::Accounts qw(account);
use Bench::Gateways qw(proxy ready);
use Bench::Load qw(compare);
use Bench::Process qw($build $load_core cpu write_file);
use Bench::Report qw(publish ratio table us);

my ($connections, $streams, $accounts) = (16, 4, 10_000);


# h2load has no percentiles: the mean is in place of the 99th

sub slice {
    my ($gateway, $version, $seconds) = @_;

    my $port = $version eq 'HTTP/2' ? $gateway->{port2} : $gateway->{port};
    my $uris = write_file("$build/run/uris", join '', map {
        "http://127.0.0.1:$port/api/" . account($_) . "/chats\n"
    } 0 .. $accounts - 1);

    my $cpu = cpu($gateway->{pid});

    open my $out, '-|', 'taskset', '-c', $load_core, 'h2load', '-i', $uris,
        '-c', $connections, '-D', $seconds,
        $version eq 'HTTP/2' ? ('-m', $streams) : '--h1'
        or die "h2load: $!\n";
    my $text = do { local $/ = undef; <$out> };
    close $out or die "h2load failed:\n$text";

    my ($rate) = $text =~ m{finished in .*?, ([\d.]+) req/s};
    my ($done, $failed) = $text =~ /(\d+) done, .*? (\d+) failed/;
    my ($right) = $text =~ /status codes: (\d+) 2xx/;
    my ($mean, $unit)
        = $text =~ /time for request: +\S+ +\S+ +([\d.]+)(us|ms|s) /;

    # requests are in progress when the time is over
    die "$gateway->{name}: wrong responses:\n$text"
        if !$done || $failed || $done - $right > $connections * $streams;

    my $each = 1e6 * (cpu($gateway->{pid}) - $cpu) / $done;

    return { rate => $rate, cpu => $each, all => $each,
             p99 => $mean * { us => 0.001, ms => 1, s => 1000 }->{$unit} };
}


sub run {
    my ($class, $seconds, $rounds) = @_;

    $seconds //= 2;
    $rounds  //= 5;

    my @rows;

    for my $upstream (['http', 'http://fans_api'],
        ['TLS', 'https://fans_api_tls'])
    {
        my ($name, $url) = @$upstream;
        my $bare    = proxy(UPSTREAM => $url);
        my $gateway = proxy(UPSTREAM => $url, REAUTH => 1);

        ready($gateway);

        for my $version ('HTTP/1.1', 'HTTP/2') {
            my @found = compare(rounds => $rounds,
                base => sub { return slice($bare, $version, $seconds) },
                candidates => [{
                    name  => 'nginx-reauth, key from its file',
                    slice => sub {
                        return slice($gateway, $version, $seconds);
                    },
                }]);

            push @rows, map {
                [$version, $name, $_->{name} || 'nginx alone',
                 sprintf('%.0f', $_->{slice}{rate}), us($_->{slice}{cpu}),
                 ratio($_->{ratio}{cpu}), ratio($_->{ratio}{rate})]
            } @found;

            print "$version in, $name out: done\n";
        }

        Bench::Process::stop($_->{master}) for $bare, $gateway;
    }

    publish('http2', table(
        ['client', 'upstream', 'gateway', 'requests/s', 'us CPU', 'CPU ratio',
         'requests/s ratio'], @rows));

    return;
}

1;
