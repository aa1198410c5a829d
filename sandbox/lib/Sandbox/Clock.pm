package Sandbox::Clock;

# Copyright (C) the nginx-reauth authors
#
# Times and IDs in the format of the upstream.

use v5.36;

use Exporter    qw(import);
use POSIX       qw(strftime);
use Time::HiRes ();

use constant MICRO => 1_000_000;

our @EXPORT_OK = qw(iso_time now_us random_id random_hex);

my $last_us = 0;


# Never returns a value twice, so that attempts can be distinguished by time.
sub now_us () {
    my $now = int(Time::HiRes::time() * MICRO);

    $last_us = $now > $last_us ? $now : $last_us + 1;

    return $last_us;
}


sub iso_time ($us) {
    my $seconds = int(($us // 0) / MICRO);

    return defined $us
        ? sprintf '%s.%06dZ', strftime('%Y-%m-%dT%H:%M:%S', gmtime $seconds), $us % MICRO
        : undef;
}


sub random_id ($prefix, $length) {
    my @alphabet = ('0' .. '9', 'a' .. 'f');

    return $prefix . join q{}, map { $alphabet[rand @alphabet] } 1 .. $length;
}


sub random_hex ($length) {
    return random_id(q{}, $length);
}

1;
