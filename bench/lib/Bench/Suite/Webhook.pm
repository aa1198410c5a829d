package Bench::Suite::Webhook;

# Webhooks: verification of the signature, duplicates, parsing, storing.

use strict;
use warnings;

use Bench::Gateways qw(bare ready reauth redis);
use Bench::Load qw(median slice);
use Bench::Process qw($build);
use Bench::Report qw(publish table us);
use Bench::Requests qw(webhook);

my $accounts = 100_000;


# Each for another account or time: its key, its signature and its body.

sub bodies {
    my ($count) = @_;

    my $path  = "$build/run/webhooks";
    my $start = time - 3600;

    open my $out, '>', $path or die "$path: $!\n";

    for my $n (1 .. $count) {
        printf {$out} "%s %s %s\n",
            webhook($n, $n % $accounts, $start + int($n / $accounts));
    }

    close $out or die "$path: $!\n";

    return $path;
}


sub run {
    my ($class, $seconds, $rounds) = @_;

    $seconds //= 2;
    $rounds  //= 3;

    my @rows;

    for my $with ('Redis', 'no Redis') {
        my @slices = map {
            my $redis   = $with eq 'Redis' ? redis() : undef;
            my $gateway = reauth(ZONE => '256m',
                $redis ? (REDIS => $redis->{port}) : ());

            ready($gateway);
            $gateway->{services} = [$redis->{pid}] if $redis;

            # at most the number of prepared bodies
            my $slice = slice($gateway, script => 'webhook.lua',
                connections => 32, seconds => $seconds, expect => 'all',
                arguments => [bodies(60_000 * $seconds)]);
            die "there were not enough webhooks\n"
                if $slice->{requests} > 60_000 * $seconds;

            Bench::Process::stop($gateway->{master});
            Bench::Process::stop($redis->{pid}) if $redis;
            $slice;
        } 1 .. $rounds;

        my %m = map { my $key = $_;
                      $key => median(map { $_->{$key} } @slices) }
            qw(rate cpu all);

        push @rows, [$with, sprintf('%.0f', $m{rate}), us($m{cpu}),
            sprintf('%.0f', 1e6 / $m{cpu}), us($m{all})];
    }

    publish('webhook', table(
        ['webhook, verified and kept', 'a second', 'us CPU',
         'a second and core', 'us CPU with Redis'], @rows));

    return;
}

1;
