# The callers file and the key file are read again when they change, without a
# reload; a bad new version is refused and the old one stays in force.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Test::More;

use Reauth::Test redis => 0;

my $dir = work_dir() . '/secrets';
mkdir $dir;
chmod oct 755, $dir;

# as Kubernetes lays them: a link to a link to a folder that is swapped

sub version {
    my ($number, %content) = @_;

    mkdir "$dir/v$number";

    for my $name (keys %content) {
        open my $file, '>', "$dir/v$number/$name" or die $!;
        print {$file} $content{$name};
        close $file;
        chmod oct($name eq 'key' ? 640 : 644), "$dir/v$number/$name";
    }

    symlink "v$number", "$dir/data.new";
    rename "$dir/data.new", "$dir/data";

    return;
}

sub caller_line { return "$_[0] sha256:" . sha256_hex($_[1]) . " all\n"; }

my $key = do { local (@ARGV, $/) = $ENV{TEST_NGINX_KEY_FILE}; <> };

version(1, callers => caller_line('alice', 'one'), key => $key);
symlink "data/$_", "$dir/$_" for qw(callers key);

my $gateway = gateway(
    workers => 2,
    http_config => "reauth_callers_file $dir/callers;\n"
        . "reauth_key_file $dir/key;\n");

sub status {
    my ($token) = @_;

    return $gateway->http('GET', '/api/acct_1/me',
        { Authorization => "Bearer $token" })->{status};
}

is(status('one'), 200, 'the first version');
is(status('two'), 401, 'nobody yet');

version(2, callers => caller_line('alice', 'two'), key => $key);

ok(wait_for(sub { status('two') == 200 && status('one') == 401 }, 5,
    'the second version'), 'the second version is in force');

version(3, callers => "alice sha256:nonsense\n", key => $key);

ok(wait_for(sub { $gateway->error_log =~ /callers" has changed, but line 1/ },
    5, 'the log line'), 'a bad version is refused with its line');
is(status('two'), 200, 'and the one before stays');

version(4, callers => caller_line('alice', 'two'), key => "another-key\n");

ok(wait_for(sub { status('two') == 401 }, 5, 'the upstream to refuse it'),
    'a new key goes out with the next call');
is((sandbox_log())[-1]{headers}{authorization}, 'Bearer another-key',
    'as it is in the file');

version(5, callers => caller_line('alice', 'two'), key => "bad\nkey\n");

ok(wait_for(sub { $gateway->error_log =~ /key" has changed, but/ }, 5,
    'the log line'), 'a bad key is refused');
unlike($gateway->error_log, qr/another-key|\bbad\b/, 'and never shown');

version(6, callers => caller_line('alice', 'two'), key => $key);
ok(wait_for(sub { status('two') == 200 }, 5, 'the key to be good again'),
    'and a good one is taken again');

done_testing();
