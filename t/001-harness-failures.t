# What fails has to be told as a failure.  Each of these specifications is run
# as a test file of its own, and each has exactly one thing wrong.

use strict;
use warnings;

use File::Temp ();
use Test::More;

use Reauth::Test ();

my $config = <<'EOC';
--- config
location = /t { add_header X-A a; return 200 "body"; }
EOC

my %wrong = (
    'status'             => "--- request\nGET /t\n--- error_code: 404\n",
    'default status'     => "--- request\nGET /nowhere\n",
    'status pattern'     => "--- request\nGET /t\n--- error_code_like: ^5\n",
    'header'             => "--- request\nGET /t\n--- response_headers\nX-A: b\n",
    'missing header'     => "--- request\nGET /t\n--- response_headers\nX-B: b\n",
    'unwanted header'    => "--- request\nGET /t\n--- response_headers\n! X-A\n",
    'header pattern'     =>
        "--- request\nGET /t\n--- response_headers_like\nX-A: [0-9]+\n",
    'body'               =>
        "--- request\nGET /t\n--- response_body chomp\nother\n",
    'body pattern'       =>
        "--- request\nGET /t\n--- response_body_like: ^other\n",
    'unwanted body'      =>
        "--- request\nGET /t\n--- response_body_unlike: bod\n",
    'raw header pattern' =>
        "--- request\nGET /t\n--- raw_response_headers_like: X-Z\n",
    'log line'           => "--- request\nGET /t\n--- error_log\nnever said\n",
    'unwanted log line'  => "--- request\nGET /nowhere\n--- error_code: 404\n"
        . "--- no_error_log\nNo such file\n",
    'access log line'    => "--- request\nGET /t\n--- access_log\nnever said\n",
    'second request'     => "--- request eval\n['GET /t', 'GET /t']\n"
        . "--- error_code eval\n[200, 201]\n",
    'second pipelined'   => "--- pipelined_requests eval\n"
        . "['GET /t', 'GET /t']\n--- response_body eval\n['body', 'x']\n",
    'no death'           => "--- must_die\n",
    'other exit code'    => "--- must_die: 3\n",
);

my $broken = "--- config\nno_such_directive;\n--- suppress_stderr\n";
my $slow   = "--- config\nlocation = /t { limit_rate 1; return 200 'slow'; }\n";

my %spec = map { $_ => $config . $wrong{$_} } keys %wrong;
$spec{'other exit code'} = $broken . $wrong{'other exit code'};
$spec{'no answer in time'} = $slow
    . "--- request\nGET /t\n--- timeout: 300ms\n--- ignore_response\n";

my $nginx = $ENV{TEST_NGINX_BINARY} || 'nginx';
my $dir   = File::Temp::tempdir(CLEANUP => 1);
my $port  = Reauth::Test::free_port();

my $use = '';

sub run_spec {
    my ($spec, @command) = @_;

    @command = ($^X, map { "-I$_" } grep { !ref } @INC) if !@command;

    my $file = "$dir/spec.t";
    open my $out, '>', $file or die "cannot write $file: $!\n";
    print {$out} <<"EOT", $spec;
use Test::Nginx::Socket 'no_plan';
$use
log_level('info');
run_tests();
__DATA__

=== TEST 1: a specification
EOT
    close $out or die "cannot write $file: $!\n";

    local $ENV{TEST_NGINX_SERVROOT} = "$dir/servroot";
    local $ENV{TEST_NGINX_PORT} = $port;

    # what is never said is not waited for
    local $ENV{TEST_NGINX_TIMEOUT} = 1;

    # an nginx that cannot start leaves its memory to the process's end
    local $ENV{ASAN_OPTIONS}
        = join ':', grep { defined } $ENV{ASAN_OPTIONS}, 'detect_leaks=0';
    delete local @ENV{qw(TEST_NGINX_SERVER_PORT TEST_NGINX_RANDOMIZE)};

    my $pid = open(my $in, '-|') // die "fork failed: $!\n";

    if ($pid == 0) {
        open STDERR, '>', '/dev/null' or die "cannot open /dev/null: $!\n";
        exec @command, $file
            or die "cannot run $file: $!\n";
    }

    my $output = do { local $/; <$in> };
    close $in;

    return ($output, $?);
}

# An nginx that says something else to -V.

sub program {
    my ($path, $text) = @_;

    open my $out, '>', $path or die "cannot write $path: $!\n";
    print {$out} <<"EOT";
#!/bin/sh
[ "\$1" != -V ] || { printf '$text\n' >&2; exit 0; }
exec "$nginx" "\$@"
EOT
    close $out or die "cannot write $path: $!\n";
    chmod oct 755, $path;

    return;
}


# What runs with one of our files on its command line.

sub left {
    my $lines = '';

    for my $file (glob '/proc/[0-9]*/cmdline') {
        my $command = Reauth::Test::slurp($file) =~ tr/\0/ /r;
        $lines .= "$command\n" if $command =~ m{\Q$dir/tmp/\E};
    }

    return $lines;
}

my ($output, $status) = run_spec("$config--- request\nGET /t\n"
    . "--- response_headers\nX-A: a\n--- response_body chomp\nbody\n");

is($status, 0, 'nothing wrong: the file passes');
is(() = $output =~ /^ok /mg, 3, 'nothing wrong: three tests are run');
unlike($output, qr/^not ok/m, 'nothing wrong: no failure is reported');

for my $what (sort keys %spec) {
    ($output, $status) = run_spec($spec{$what});

    is(() = $output =~ /^not ok /mg, 1, "$what: exactly one test fails");
}

SKIP: {
    my ($library) = grep { !ref && -e "$_/Test/Nginx/Socket.pm" } @INC;

    skip 'the CPAN module ends the whole run here', 1
        if !-e "$library/Test/Nginx/Client.pm";

    ($output, $status) = run_spec($broken . "--- request\nGET /t\n");
    isnt($status, 0, 'broken configuration: the file fails');
    like($output, qr/^not ok .* did not start/m,
        'broken configuration: the output says that nginx did not start');

    ($output, $status) = run_spec("$config--- request\nGET /t\n"
        . "--- no_error_logs\nmistyped\n");
    like($output, qr/^Bail out!.*unknown section/m, 'a mistyped section');

    # ---- an nginx of another name ----

    for my $case (
        ['nginx version: openresty/1.25.3.1',                  '1.025003'],
        ['nginx version: freenginx/1.27.4 (a build)',          '1.027004'],
        ['Angie version: Angie/1.7.0\nnginx version: nginx/1.28.1', '1.028001'],
        ['Angie version: Angie/1.7.0',                         '1.007000'],
        ['nginx version: Angie/1.7',                           '1.007000'],
        ['nginx version: nginx/1.26.3 (Ubuntu)',               '1.026003'],
    ) {
        my ($text, $version) = @$case;

        $use = "END { print '# version ', \$Test::Nginx::Util::NginxVersion, "
            . q("\n" });
        local $ENV{TEST_NGINX_BINARY} = "$dir/other";
        program($ENV{TEST_NGINX_BINARY}, $text);
        ($output, $status) = run_spec("$config--- request\nGET /t\n");
        is($status, 0, "$text: the file passes");
        like($output, qr/^# version \Q$version\E$/m,
            "$text: the version is recognized");
    }

    local $ENV{TEST_NGINX_BINARY} = "$dir/other";

    # ---- a bail-out leaves nothing running, though prove is gone by then ----

    program($ENV{TEST_NGINX_BINARY}, 'nginx version: none');
    $use = 'use Reauth::Test;';
    mkdir "$dir/tmp";
    local $ENV{TMPDIR} = "$dir/tmp";
    ($output, $status) = run_spec("$config--- request\nGET /t\n",
        'prove', '-vIt/lib');
    like($output, qr/Bail ?out.*no version/i, 'no version: the run is ended');
    ok(Reauth::Test::wait_for(sub { !left() }), 'no process is left running')
        or diag(left());
}

done_testing();
