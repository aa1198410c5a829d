# A callers file is at most 8 MB; a larger one is rejected.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Test::More;

use Reauth::Test redis => 0, sandbox => 0;

my $max = 8 * 1024 * 1024;

sub callers {
    my ($token, $size) = @_;

    my $line = 'alice sha256:' . sha256_hex($token) . " all\n";
    my $pad  = '# ' . 'x' x 1021 . "\n";

    # comments of a kilobyte; the last one fills the rest
    my $text = $line . $pad x (($size - length $line) / length $pad);
    my $left = $size - length $text;

    return $text . ($left == 0 ? '' : '#' x ($left - 1) . "\n");
}

sub replace {
    my ($token, $size) = @_;

    my $text = callers($token, $size);
    is(length $text, $size, "the file has $size bytes");

    my $new = Reauth::Test::write_file(work_dir() . '/new', $text, oct '644');
    rename $new, work_dir() . '/callers' or die "rename: $!\n";

    return;
}

replace('one', 100);

my $gateway = gateway(http_config =>
    'reauth_callers_file $TEST_NGINX_WORK_DIR/callers;');

sub status {
    my ($token) = @_;

    return $gateway->http('GET', '/reauth/accounts',
        { Authorization => "Bearer $token" })->{status};
}

is(status('one'), 200, 'a caller of the first version is known');

replace('two', $max);
ok(wait_for { status('two') == 200 } 'a file of the maximum size is in force');

replace('three', $max + 1);
ok(wait_for { $gateway->error_log =~ /it is larger than 8 MB/ }
    'a byte more is refused');
is(status('three'), 401, 'a caller of a rejected file is unknown');
is(status('two'), 200, 'the version before is');

done_testing();
