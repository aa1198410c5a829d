package Bench::Report;

# Tables: on the screen, in build/bench/results, and in docs/benchmarks.md.

use strict;
use warnings;

use Exporter 'import';

use File::Path qw(make_path);
use POSIX qw(strftime);

use Bench::Process qw($build $root read_file write_file);

our @EXPORT_OK = qw(chart nginx_version publish ratio table us);

my $results = "$build/results";


sub table {
    my ($head, @rows) = @_;

    return join '', map { '| ' . join(' | ', @$_) . " |\n" }
        $head, [('---') x @$head], @rows;
}


# A ratio with its spread: the median, the minimum and the maximum.

sub ratio {
    my ($ratio) = @_;

    return sprintf '%.2f (%.2f to %.2f)', @$ratio;
}


sub us {
    my ($us) = @_;

    return sprintf $us < 10 ? '%.1f' : '%.0f', $us;
}


sub version {
    my ($command, $pattern) = @_;

    my $text = `$command 2>&1` // '';

    return $text =~ $pattern ? $1 : '?';
}


sub nginx_version {
    return version('nginx -v', qr{nginx/([\d.]+)});
}


sub environment {
    my ($cpu) = read_file('/proc/cpuinfo') =~ /^model name\s*:\s*(.+)$/m;
    my ($gb)  = read_file('/proc/meminfo') =~ /^MemTotal:\s+(\d+)/m;

    return sprintf "%s; %d cores, %s, %d GB; nginx %s, Redis %s, HAProxy %s, "
        . "Node %s, Linux %s\n",
        strftime('%Y-%m-%d', gmtime), `nproc`, $cpu, $gb / 1e6 + 0.5,
        nginx_version(),
        version('redis-server -v', qr/v=([\d.]+)/),
        version('haproxy -v',      qr/version ([\d.]+)/),
        version('node -v',         qr/v([\d.]+)/),
        version('uname -r',        qr/([\d.]+)/);
}


sub publish {
    my ($suite, @parts) = @_;

    my $text = join "\n", @parts, environment();

    make_path($results);
    write_file("$results/$suite.md", $text);
    print "\n== $suite ==\n\n$text";

    return;
}


# Horizontal bars, one for each [name, value].

sub chart {
    my ($name, $title, @bars) = @_;

    my ($most) = sort { $b <=> $a } map { $_->[1] } @bars;
    my $height = 40 + 26 * @bars;
    my $svg    = qq(<svg xmlns="http://www.w3.org/2000/svg" width="760" )
        . qq(height="$height" font-family="sans-serif" font-size="13">\n)
        . qq(<rect width="100%" height="100%" fill="#fff"/>\n)
        . qq(<text x="10" y="20" font-weight="bold">$title</text>\n);
    my $y = 34;

    for my $bar (@bars) {
        my ($label, $value, $ours) = @$bar;
        my $width = sprintf '%.0f', 380 * $value / $most;
        my $fill  = $ours ? '#16803c' : '#8a94a6';

        $svg .= sprintf qq(<text x="10" y="%d">%s</text>\n), $y + 15, $label;
        $svg .= qq(<rect x="300" y="$y" width="$width" height="20" )
            . qq(fill="$fill"/>\n);
        $svg .= sprintf qq(<text x="%d" y="%d">%.2f</text>\n), 306 + $width,
            $y + 15, $value;
        $y += 26;
    }

    make_path($results);

    return write_file("$results/$name.svg", "$svg</svg>\n");
}


# Writes results between their marks in docs/benchmarks.md.

sub docs {
    my (@suites) = @_;

    my $path = "$root/docs/benchmarks.md";
    my $text = read_file($path);

    for my $suite (@suites) {
        next if !-e "$results/$suite.md";
        my $table = read_file("$results/$suite.md");
        $text =~ s/(<!-- $suite -->\n).*?(<!-- end -->)/$1\n$table\n$2/s
            or die "$path: no mark for $suite\n";
    }

    write_file($path, $text);

    for my $chart (glob "$results/*.svg") {
        my ($name) = $chart =~ m{([^/]+)$};
        write_file("$root/docs/benchmarks-$name", read_file($chart));
    }

    return;
}

1;
