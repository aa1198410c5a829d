package Test::Nginx::Util;

# The server side of the harness: writes nginx.conf for each block, and starts
# and stops nginx.

use strict;
use warnings;

use Exporter 'import';
use File::Path qw(make_path remove_tree);
use File::Spec ();
use List::Util qw(shuffle);
use POSIX qw(WNOHANG);
use Test::More ();
use Time::HiRes qw(sleep time);

use Reauth::Ports ();

our @EXPORT = qw(
    add_block_preprocessor add_cleanup_handler add_test_cleanup_handler
    bail_out config_preamble env_to_nginx html_dir log_level
    master_off master_on master_process_enabled no_long_string
    no_root_location no_shuffle repeat_each run_test run_tests server_addr
    server_name server_port server_port_for_client server_root timeout
    worker_connections workers
);

our $Own               = 1;     # tells this harness from the CPAN one
our $Verbose           = $ENV{TEST_NGINX_VERBOSE};
our $NginxBinary       = $ENV{TEST_NGINX_BINARY} || 'nginx';
our $ServerAddr        = '127.0.0.1';
our $ServerName        = 'localhost';
our $Timeout           = $ENV{TEST_NGINX_TIMEOUT} || 60;
our $LogLevel          = $ENV{TEST_NGINX_LOG_LEVEL} || 'debug';
our $RepeatEach        = 1;
our $Workers           = 1;
our $WorkerConnections = 64;
our $MasterProcess     = $ENV{TEST_NGINX_MASTER_PROCESS} || 'off';
our $NoShuffle         = $ENV{TEST_NGINX_NO_SHUFFLE};
our $NoRootLocation    = 0;
our $ConfigPreamble    = '';
our $RandPorts         = {};
our $ErrLogFilePos     = 0;
our ($NginxVersion, $OpenSSLVersion, $InSubprocess);

my (@env_to_nginx, @preprocessors, @cleanup, @test_cleanup);
my ($nginx_pid, $previous_block);
my $owner = $$;

our $ServerPort = $ENV{TEST_NGINX_RANDOMIZE}
    ? Reauth::Ports::free_port()
    : $ENV{TEST_NGINX_SERVER_PORT} || $ENV{TEST_NGINX_PORT} || 1984;
our $ServerPortForClient = $ENV{TEST_NGINX_CLIENT_PORT} || $ServerPort;

our $ServRoot = $ENV{TEST_NGINX_RANDOMIZE}
    ? File::Spec->rel2abs("t/servroot_$ServerPort")
    : File::Spec->rel2abs($ENV{TEST_NGINX_SERVROOT} || 't/servroot');

our $HtmlDir    = "$ServRoot/html";
our $ConfFile   = "$ServRoot/conf/nginx.conf";
our $PidFile    = "$ServRoot/logs/nginx.pid";
our $ErrLogFile = "$ServRoot/logs/error.log";
our $AccLogFile = "$ServRoot/logs/access.log";

$ENV{TEST_NGINX_SERVER_ROOT} = $ServRoot;

# a terminated harness stops its nginx
for my $signal (qw(HUP INT PIPE TERM)) {
    $SIG{$signal} = sub { exit 1 };
}

# An unknown section, for example a misspelled one, would be a check that is
# never made, so it is an error.  A helper module adds the names that it uses.
our %Sections = map { $_ => 1 } qw(
    abort access_log config curl_options description error_code
    error_code_like error_log grep_error_log grep_error_log_out http2
    http_config ignore_response init log_level main_config more_headers
    must_die name no_access_log no_error_log no_shutdown_error_log
    pipelined_requests post_main_config post_setup_server_root
    raw_request raw_request_middle_delay raw_response_headers_like
    raw_response_headers_unlike request response_body response_body_filters
    response_body_like response_body_unlike response_headers
    response_headers_like server_addr_for_client server_name shutdown
    shutdown_error_log skip_eval skip_nginx suppress_stderr timeout
    user_files wait ONLY LAST SKIP
);


sub no_long_string ()   { return; }     # for the CPAN module's sake
sub no_shuffle ()       { return $NoShuffle = 1; }
sub no_root_location () { return $NoRootLocation = 1; }
sub master_on ()        { return $MasterProcess = 'on'; }
sub master_off ()       { return $MasterProcess = 'off'; }
sub html_dir ()         { return $HtmlDir; }
sub server_root ()      { return $ServRoot; }
sub env_to_nginx (@)    { return push @env_to_nginx, @_; }
sub config_preamble ($) { return $ConfigPreamble = shift; }

sub add_block_preprocessor (&)   { return unshift @preprocessors, shift; }
sub add_cleanup_handler ($)      { return unshift @cleanup,       shift; }
sub add_test_cleanup_handler ($) { return unshift @test_cleanup,  shift; }

sub master_process_enabled (@) {
    $MasterProcess = $_[0] ? 'on' : 'off' if @_;
    return $MasterProcess;
}


# Settings that are read without an argument and set with one.

for my $setting (
    [ log_level              => \$LogLevel ],
    [ repeat_each            => \$RepeatEach ],
    [ server_addr            => \$ServerAddr ],
    [ server_name            => \$ServerName ],
    [ server_port            => \$ServerPort ],
    [ server_port_for_client => \$ServerPortForClient ],
    [ timeout                => \$Timeout ],
    [ worker_connections     => \$WorkerConnections ],
    [ workers                => \$Workers ],
  )
{
    my ($name, $value) = @$setting;

    no strict 'refs';
    *$name = sub (@) {
        $$value = shift if @_;
        return $$value;
    };
}


sub bail_out (@) {
    my (@message) = @_;

    stop_nginx();
    Test::More::BAIL_OUT(join '', @message);
}


sub read_lines {
    my ($path, $from) = @_;

    open my $in, '<', $path or return [];
    seek $in, $from || 0, 0;

    return [<$in>];
}


# Returns the lines of a log when "enough" reports that all expected ones are
# there, or after the timeout: nginx writes some lines after it has closed the
# connection.

sub await_lines {
    my ($path, $from, $enough) = @_;

    my $deadline = time + $Timeout;

    while (1) {
        sleep 0.05;

        my $lines = read_lines($path, $from);
        return $lines if !$enough || $enough->($lines) || time > $deadline;
    }
}


sub error_log_data {
    my ($enough) = @_;

    my $lines = await_lines($ErrLogFile, $ErrLogFilePos, $enough);
    $ErrLogFilePos += length $_ for @$lines;

    return $lines;
}


sub access_log_data {
    my ($enough) = @_;

    return await_lines($AccLogFile, 0, $enough);
}


sub parse_time ($) {
    my ($time) = @_;

    return $time if !defined $time;

    return $1 / 1000 if $time =~ /^\s*([\d.]+)\s*ms\s*$/;
    return $1        if $time =~ /^\s*([\d.]+)\s*s?\s*$/;

    return $time;
}


sub expand_env_in_text ($$) {
    my ($text, $name) = @_;

    return $text if !defined $text || ref $text;

    $text =~ s{\$(TEST_NGINX_[_A-Z0-9]+)}{
        my $variable = $1;

        $variable =~ /^TEST_NGINX_RAND_PORT_\d+$/
            ? $RandPorts->{$variable} //= Reauth::Ports::free_port()
            : $ENV{$variable} // bail_out("$name - no \$ENV{$variable}\n");
    }gex;

    return $text;
}


sub canon_version {
    return sprintf '%d.%03d%03d', @_[ 0 .. 2 ];
}


# An nginx that only prints its version, or rejects its configuration, frees
# memory by exiting: AddressSanitizer must not report it as a leak.

sub asan_without_leaks {
    return join ':', grep { defined && length } $ENV{ASAN_OPTIONS},
        'detect_leaks=0';
}


# "nginx version: nginx/1.22.1", also for openresty/1.25.3.1 or
# freenginx/1.27.4.  Angie prints its own version, and then that of the nginx on
# which it is based; the latter determines the features.

sub nginx_version {
    my ($text) = @_;

    for my $name ('nginx', '\S+') {
        return ($1, $2, $3 // 0)
            if $text =~ m{^$name version: \S+?/(\d+)\.(\d+)(?:\.(\d+))?}mi;
    }

    return;
}


sub probe_nginx {
    local $ENV{ASAN_OPTIONS} = asan_without_leaks();
    my $out = qx{'$NginxBinary' -V 2>&1};

    bail_out("$NginxBinary -V failed: ", $out // $!) if $?;

    my @version = nginx_version($out)
        or bail_out("no version in the output of $NginxBinary -V: $out");
    $NginxVersion = canon_version(@version);

    if ($out =~ /built with OpenSSL (\d+)\.(\d+)\.(\d+)/) {
        $OpenSSLVersion = canon_version($1, $2, $3);
    }

    return;
}


sub write_file {
    my ($path, $content) = @_;

    my (undef, $dir) = File::Spec->splitpath($path);
    make_path($dir) if $dir;

    open my $out, '>', $path or bail_out("cannot write $path: $!");
    binmode $out;
    print {$out} $content;
    close $out or bail_out("cannot write $path: $!");

    return;
}


sub set_up_server_root {
    my ($block) = @_;

    # only files created by this harness are removed
    remove_tree(map { "$ServRoot/$_" } qw(conf html logs cache),
                glob("'$ServRoot'/*_temp '$ServRoot'/*_cache"));

    make_path(map { "$ServRoot/$_" } qw(conf html logs));
    write_file("$HtmlDir/index.html",
        '<html><head><title>It works!</title></head>'
      . '<body>It works!</body></html>');

    eval_section($block, 'post_setup_server_root');
    write_user_files($block);

    return;
}


# These sections are Perl code that is run in this package, as in the CPAN
# module: a function of the test file must be called by its full name.

sub eval_section {
    my ($block, $section) = @_;

    my $code = $block->$section;
    return if !$code;

    eval "$code; 1"                             ## no critic (StringyEval)
        or bail_out($block->name, " - $section failed: $@");

    return;
}


sub write_user_files {
    my ($block) = @_;

    my $files = $block->user_files or return;

    if (!ref $files) {
        my @files;

        for my $line (split /^/, $files) {
            if ($line =~ /^>>>\s+(\S+)(?:\s+(\S+))?/) {
                push @files, [ $1, '', $2 ];

            } elsif (@files) {
                $files[-1][1] .= $line;
            }
        }

        $files = \@files;
    }

    for my $file (@$files) {
        my ($name, $body, $date) = @$file;
        my $path = $name =~ m{^/} ? $name : "$HtmlDir/$name";

        write_file($path, expand_env_in_text($body // '', $block->name));

        if ($date) {
            local $ENV{TZ} = 'GMT';
            system('touch', '-t', $date, $path) == 0
                or bail_out("touch -t $date $path failed");
        }
    }

    return;
}


sub write_config {
    my ($block) = @_;

    my $name = $block->name;
    my %part = map { $_ => expand_env_in_text($block->$_, $name) // '' }
        qw(main_config http_config config post_main_config);
    my $server_name = $block->server_name // $ServerName;
    my $level       = $block->log_level || $LogLevel;

    # the parameter of "listen" is deprecated since 1.25.1
    my ($listen, $http2) = ('', '');
    if (defined $block->http2) {
        $NginxVersion >= 1.025001 ? ($http2 = 'http2 on;')
                                  : ($listen = ' http2');
    }

    my $temp_paths = join "\n    ",
        map  { "${_}_temp_path '$ServRoot/${_}_temp';" }
        grep { $part{http_config} !~ /\b${_}_temp_path\b/ }
        qw(client_body proxy fastcgi scgi uwsgi);
    my $env  = join '', map { /\s/ ? "env '$_';\n" : "env $_;\n" }
        'ASAN_OPTIONS', 'LSAN_OPTIONS', @env_to_nginx;
    my $user = $> == 0 ? 'user root;' : '';
    my $root = $NoRootLocation ? '' : <<"EOC";
        location / {
            root  '$HtmlDir';
            index index.html index.htm;
        }
EOC

    write_file($ConfFile, <<"EOC");
worker_processes $Workers;
daemon           off;
master_process   $MasterProcess;
error_log        '$ErrLogFile' $level;
pid              '$PidFile';
$user
$env
$part{main_config}

http {
    access_log '$AccLogFile';
    $temp_paths
    default_type      text/plain;
    keepalive_timeout 68000ms;

$part{http_config}

    server {
        listen $ServerAddr:$ServerPort$listen;
        $http2
        server_name '$server_name';
        client_max_body_size 30M;

$ConfigPreamble
$part{config}

$root
    }
}

$part{post_main_config}

events {
    accept_mutex off;
    worker_connections $WorkerConnections;
}
EOC

    return;
}


# nginx runs in the foreground as a child, so that its end can be awaited even
# if process 1 does not reap orphans.

sub start_nginx {
    my ($quiet, $dies) = @_;

    $ErrLogFilePos = 0;

    my $pid = fork // bail_out("fork failed: $!");

    if ($pid == 0) {
        $InSubprocess = 1;
        open STDOUT, '>', '/dev/null' or POSIX::_exit(126);
        if ($quiet) {
            open STDERR, '>', '/dev/null' or POSIX::_exit(126);
        }

        $ENV{ASAN_OPTIONS} = asan_without_leaks() if $dies;
        no warnings 'exec';
        exec $NginxBinary, '-e', $ErrLogFile, '-p', "$ServRoot/", '-c',
            $ConfFile
            or POSIX::_exit(127);
    }

    $nginx_pid = $pid;

    return;
}


# Returns undef when nginx listens, or its wait status if it has exited.

sub await_start {
    my $deadline = time + ($ENV{TEST_NGINX_START_TIMEOUT} || 60);

    while (time < $deadline) {
        if (waitpid($nginx_pid, WNOHANG) == $nginx_pid) {
            my $status = $?;
            undef $nginx_pid;
            return $status;
        }

        return if -s $PidFile;      # written when all sockets are open
        sleep 0.01;
    }

    stop_nginx();

    return -1;
}


sub stop_nginx {
    return if !defined $nginx_pid;

    my $pid = $nginx_pid;
    undef $nginx_pid;

    local ($?, $!);

    for my $signal ($ENV{TEST_NGINX_FAST_SHUTDOWN} ? 'TERM' : 'QUIT',
                    'TERM', 'KILL')
    {
        my $deadline = time + $Timeout;

        kill $signal, $pid;

        while (time < $deadline) {
            if (waitpid($pid, WNOHANG) != 0) {

                # a killed master does not remove its PID file
                unlink $PidFile;
                return;
            }

            sleep 0.01;
        }

        Test::More::diag("nginx $pid did not end in $Timeout s after $signal");
    }

    return;
}


sub check_must_die {
    my ($block) = @_;

    my $name     = $block->name;
    my $must_die = $block->must_die;

    for my $i (0 .. $RepeatEach - 1) {
        start_nginx(1, 1);
        my $status = await_start();

        if (!defined $status) {
            stop_nginx();
            Test::More::fail("$name - nginx must die but it started");

        } elsif ($status & 127) {
            Test::More::fail("$name - nginx died from signal "
                . ($status & 127));

        } elsif ($must_die =~ /^\s*(\d+)\s*$/) {
            Test::More::is($status >> 8, $1,
                "$name - die with the expected exit code");

        } else {
            Test::More::isnt($status, 0, "$name - die as expected");
        }

        Test::Nginx::Checks::check_error_log($block, $i);
    }

    return;
}


sub skip_reason {
    my ($block) = @_;

    my $name = $block->name;

    if (defined(my $spec = $block->skip_eval)) {
        my ($count, $code) = $spec =~ /^\s*(\d+)\s*:\s*(.*)/s
            or bail_out("$name - invalid --- skip_eval: $spec");
        my $skip = eval $code;                  ## no critic (StringyEval)
        bail_out("$name - skip_eval failed: $@") if $@;

        return ($count, 'skip_eval') if $skip;
    }

    if (defined(my $spec = $block->skip_nginx)) {
        my ($count, $op, $version, $why) = $spec =~ m{
            ^ \s* (\d+) \s* : \s* ([<>]=?) \s* (\d+\.\d+\.\d+)
            (?: \s* : \s* (.*?) )? \s* $
        }xs or bail_out("$name - invalid --- skip_nginx: $spec");

        my $compared = $NginxVersion <=> canon_version(split /\./, $version);
        my $skip = $op eq '<'  ? $compared < 0
                 : $op eq '<=' ? $compared <= 0
                 : $op eq '>'  ? $compared > 0
                 :               $compared >= 0;

        return ($count, $why || "nginx version $op $version") if $skip;
    }

    return;
}


sub check_sections {
    my ($block) = @_;

    for my $section (@{ $block->{_section_order}[0] || [] }) {
        $Sections{$section}
            or bail_out($block->name, " - unknown section --- $section");
    }

    return;
}


sub check_shutdown_log {
    my $block = $previous_block or return;

    undef $previous_block;
    Test::Nginx::Checks::check_shutdown_error_log($block);

    return;
}


sub run_test ($) {
    my ($block) = @_;

    my $name = $block->name;

    check_sections($block);

    my ($count, $reason) = skip_reason($block);

    if ($count) {
        SKIP: {
            Test::More::skip("$name - $reason", $count * $RepeatEach);
        }

        return;
    }

    if (defined $block->config) {
        $RandPorts = {};
        stop_nginx();
        check_shutdown_log();
        set_up_server_root($block);
        write_config($block);

        if (defined $block->must_die) {
            check_must_die($block);
            return;
        }

        start_nginx(defined $block->suppress_stderr);
        my $status = await_start();

        if (defined $status) {
            Test::More::fail("$name - nginx did not start (wait status"
                . " $status)");
            Test::More::diag(@{ read_lines($ErrLogFile) });
            return;
        }

    } elsif (!defined $nginx_pid) {
        bail_out("$name - no --- config and no nginx left from the block"
            . ' before');
    }

    eval_section($block, 'init');
    $ErrLogFilePos = 0;

    for my $i (0 .. $RepeatEach - 1) {
        write_user_files($block) if $i > 0;
        Test::Nginx::Client::run_block($block, $i);
    }

    $previous_block = $block;

    return;
}


sub run_tests () {
    probe_nginx();
    $ENV{TEST_NGINX_SERVER_PORT} //= $ServerPort;

    my @blocks = Test::Base::blocks();

    for my $block ($NoShuffle ? @blocks : shuffle @blocks) {
        $_->($block) for @preprocessors;

        $block->set_value('name', "$0 " . $block->name);
        run_test($block);

        $_->($block) for @test_cleanup;
    }

    finish();

    return;
}


sub finish {
    stop_nginx();
    check_shutdown_log();

    while (my $handler = shift @cleanup) {
        $handler->();
    }

    return;
}


END {
    if (!$InSubprocess && $$ == $owner) {
        local $?;       # Test::Builder's own END decides on the exit code

        # after a bail-out the output has no reader
        $SIG{$_} = 'IGNORE' for qw(HUP INT PIPE TERM);

        finish();

        # files of a failed test are kept
        if ($ENV{TEST_NGINX_RANDOMIZE} && -d $ServRoot) {
            if (Test::More->builder->is_passing) {
                remove_tree($ServRoot);

            } else {
                Test::More::diag("nginx's files are kept in $ServRoot");
            }
        }
    }
}

1;
