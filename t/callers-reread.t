# The callers file and the key file are read again when they change, without a
# reload; an invalid new version is rejected and the old one stays in use.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Test::More;

use Reauth::Test redis => 0;
use Reauth::Stream;

my $dir = work_dir() . '/secrets';
mkdir $dir;
chmod oct 755, $dir;

# like Kubernetes: a link to a link to a directory that is replaced

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
        . "reauth_key_file $dir/key;\n",
    config => "location = /reauth/metrics { reauth_metrics; }\n");

sub stale {
    my ($callers, $secret) = @_;

    return wait_for {
        my $metrics = $gateway->http('GET', '/reauth/metrics')->{body};

        $metrics =~ /^reauth_files_stale\{file="callers"\} $callers$/m
            && $metrics =~ /^reauth_files_stale\{file="secret"\} $secret$/m;
    };
}

sub status {
    my ($token) = @_;

    return $gateway->http('GET', '/api/acct_1/me',
        { Authorization => "Bearer $token" })->{status};
}

is(status('one'), 200, 'a token of the first version is valid');
is(status('two'), 401, 'a token of a later version is not valid yet');

version(2, callers => caller_line('alice', 'two'), key => $key);

ok(wait_for(sub { status('two') == 200 && status('one') == 401 },
    'the second version'), 'the second version is in force');

version(3, callers => "alice sha256:nonsense\n", key => $key);

ok(wait_for(sub { $gateway->error_log =~ /callers" has changed, but line 1/ },
    'the log line'), 'a bad version is refused with its line');
is(status('two'), 200, 'the previous callers remain after an invalid file');
ok(stale(1, 0), 'a metric shows that the file was rejected');

version(4, callers => caller_line('alice', 'two'), key => "another-key\n");

ok(wait_for(sub { status('two') == 401 }, 'the upstream rejects the call'),
    'a new key goes out with the next call');
is((sandbox_log())[-1]{headers}{authorization}, 'Bearer another-key',
    'the new key is sent to the upstream');
ok(stale(0, 0), 'the metric is 0 soon after a valid version was read');

# ---- requests in progress keep the key with which they were sent ----

sandbox('POST', '/account/acct_slow', { delay_ms => 600_000 });
version('4b', callers => caller_line('alice', 'two'), key => $key);
ok(wait_for(sub { status('two') == 200 }, 'the key'), 'a call is sent');

my $call = Reauth::Stream->open($gateway, 'GET', '/api/acct_slow/me',
    { Authorization => 'Bearer two', Connection => 'close' });
ok(wait_for(sub { (sandbox_log())[-1]{target} =~ /acct_slow/ }),
    'the upstream delays a call');
version('4c', callers => caller_line('bob', 'three'), key => "another-key\n");
ok(wait_for(sub { status('two') == 401 && status('three') == 401
    && (sandbox_log())[-1]{headers}{authorization} eq 'Bearer another-key' }),
    'meanwhile both files are others');
sandbox('POST', '/release/acct_slow');
is($call->finish->{status}, 200,
    'a delayed call gets its response after both files changed');

# ---- overwritten by a text of the same length ----

sub rewrite {
    my ($text) = @_;

    open my $file, '+<', "$dir/data/callers" or die;
    print {$file} $text;
    close $file;

    return;
}

version('4d', callers => caller_line('alice', 'aaa'), key => $key);
ok(wait_for(sub { status('aaa') == 200 }), 'a new caller is accepted');

for my $token (qw(bbb ccc ddd)) {
    rewrite(caller_line('alice', $token));
    ok(wait_for(sub { status($token) == 200 }), "written anew: $token");
}

# ---- a file with a wrong mode, which is corrected ----

version('4e', callers => caller_line('alice', 'two'), key => $key);
ok(wait_for(sub { status('two') == 200 }), 'a new token is accepted');
mkdir "$dir/v4f";
Reauth::Test::write_file("$dir/v4f/callers", caller_line('alice', 'two'));
Reauth::Test::write_file("$dir/v4f/key", "another-key\n", oct 644);
symlink 'v4f', "$dir/data.new";
rename "$dir/data.new", "$dir/data";
ok(wait_for(sub { $gateway->error_log =~ /is readable by everybody/ }),
    'a key file that all may read is rejected');
is(status('two'), 200, 'the previous key remains after a rejected file');
chmod oct 640, "$dir/v4f/key";
ok(wait_for(sub { status('two') == 401 }), 'until its mode is right');

# ---- a worker that replaces a dead one uses the current files ----

$gateway->kill_worker($_) for $gateway->begun;

for (1 .. 20) {
    wait_for(sub { status('two') != 0 });
}

is(scalar(grep { $_->{headers}{authorization} ne 'Bearer another-key' }
    (sandbox_log())[-20 .. -1]), 0, 'a new worker has it at once');

# ---- files that are removed and restored ----

unlink "$dir/data";
ok(wait_for(sub { $gateway->error_log =~ /cannot be checked for changes/ }),
    'files that are gone are said');
is(status('two'), 401, 'the previous contents remain if the files are missing');
ok(stale(1, 1), 'the metric shows that files are missing');

version(5, callers => caller_line('alice', 'two'), key => "bad\nkey\n");

ok(wait_for(sub { $gateway->error_log =~ /key" has changed, but/ },
    'the log line'), 'a bad key is refused');
unlike($gateway->error_log, qr/another-key|\bbad\b/,
    'a rejected key is not logged');

version(6, callers => caller_line('alice', 'two'), key => "no token\n");

ok(wait_for(sub { $gateway->error_log =~
    /key" has changed, but has a blank at byte 3, which is invalid in a bearer token/ },
    'the log line'), 'a key that is no bearer token is refused');
unlike($gateway->error_log, qr/no token$/m,
    'a key that is no bearer token is not logged');

version(7, callers => caller_line('alice', 'two'), key => $key);
ok(wait_for(sub { status('two') == 200 }, 'the key is valid again'),
    'a valid key is used after rejected ones');
ok(stale(0, 0), 'the metric is 0 after all files are there again');

# ---- a key without other directives ----

my $alone_key = secret_file('alone_key', "another-key\n");
my $alone = gateway(
    name        => 'alone',
    without     => ['all', 'ready'],
    http_config => "reauth_key_file $alone_key;\n",
    config      => <<'EOC',
location /api/ { proxy_pass http://127.0.0.1:$TEST_NGINX_SANDBOX_PORT;
    proxy_set_header Authorization $reauth_authorization; }
EOC
);

is($alone->http('GET', '/api/accounts')->{status}, 401,
    'a request is rejected while the key file has another key');
secret_file('alone_key', $key);
ok(wait_for(sub { $alone->http('GET', '/api/accounts')->{status} == 200 }),
    'a key file without callers is read again');

done_testing();
