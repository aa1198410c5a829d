package Bench::Suite::Transfer;

# Large uploads and downloads through the gate, unbuffered, compared with nginx
# alone in the transfers before and after.

use strict;
use warnings;

use Time::HiRes qw(time);

use Bench::Gateways qw($file_size proxy ready);
use Bench::Load qw(compare);
use Bench::Process qw($build $load_core cpu write_file);
use Bench::Report qw(publish ratio table);

my $mb = $file_size / 1024 / 1024;


# Transfers one after another, on one connection.

sub transfer {
    my ($gateway, $direction, $count) = @_;

    my $upload = "$build/run/upload";

    my @one = $direction eq 'upload'
        ? ('-T', $upload, "http://127.0.0.1:$gateway->{port}/api/acct_1/upload")
        : "http://127.0.0.1:$gateway->{port}/api/acct_1/file";

    truncate write_file($upload, ''), $file_size or die "$upload: $!\n"
        if $direction eq 'upload' && (-s $upload // 0) != $file_size;

    my $cpu   = cpu($gateway->{pid});
    my $start = time;

    open my $out, '-|', 'taskset', '-c', $load_core, 'curl', '-sS', '-H',
        'Expect:', '-w', '%{http_code}\n', map { ('-o', '/dev/null', @one) }
            1 .. $count or die "curl: $!\n";
    my @wrong = grep { $_ ne "200\n" } <$out>;
    close $out or die "$gateway->{name}: curl failed\n";

    die "$gateway->{name}: status @wrong" if @wrong;

    my $took = time - $start;
    my $each = 1e6 * (cpu($gateway->{pid}) - $cpu) / $count / $mb;

    return { rate => $count * $mb / $took, cpu => $each, all => $each,
             p99 => $took };
}


sub run {
    my ($class, $count, $rounds) = @_;

    $count  //= 16;
    $rounds //= 5;

    my ($bare, $gateway) = (proxy(), proxy(REAUTH => 1));
    my @rows;

    ready($gateway);

    for my $direction (qw(download upload)) {
        my @found = compare(rounds => $rounds,
            base => sub { return transfer($bare, $direction, $count) },
            candidates => [{
                name  => 'nginx-reauth',
                slice => sub { return transfer($gateway, $direction, $count) },
            }]);

        push @rows, map {
            [$direction, $_->{name} || 'nginx alone',
             sprintf('%.0f', $_->{slice}{rate}),
             sprintf('%.0f', $_->{slice}{cpu}), ratio($_->{ratio}{cpu}),
             ratio($_->{ratio}{rate})]
        } @found;

        print "$direction: done\n";
    }

    publish('transfer', table(
        ["$mb MB each", 'gateway', 'MB/s', 'us CPU per MB', 'CPU ratio',
         'MB/s ratio'], @rows));

    return;
}

1;
