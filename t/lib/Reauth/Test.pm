package Reauth::Test;

# What the gateway needs around it, for a test: a Redis and a sandbox upstream
# of this file's own, secret files, ports, and the configuration that loads the
# module.  See tests/README.md for how a test uses it.

use strict;
use warnings;

use parent 'Exporter';

use Cwd ();
use File::Basename ();
use File::Path qw(make_path remove_tree);
use File::Spec ();
use File::Temp ();
use IO::Socket::INET ();
use IO::Select ();
use JSON::PP ();
use POSIX qw(WNOHANG);
use Test::More ();
use Time::HiRes qw(sleep time);

use Reauth::Gateway ();
use Reauth::Ports ();

our @EXPORT = qw(
    free_port gateway http redis_cli redis_pause redis_resume redis_start
    redis_stop runs sandbox sandbox_log sandbox_start sandbox_stop secret_file
    store store_and_tell stored update wait_for work_dir
);

# How long anything is waited for, in seconds: the end of what never comes, no
# measure of how fast a machine is.  All of t/lib and all tests use this one.
our $LIMIT = 60;

our $API_KEY = 'sandbox-api-key-for-tests-only';

my $root = Cwd::abs_path(File::Basename::dirname(__FILE__) . '/../../..');
my $module = $ENV{TEST_NGINX_MODULE}
    || "$root/build/ngx_http_reauth_module.so";
my $owner = $$;
my $started = 0;
my (%option, %port, %child, $dir);


# use Reauth::Test redis => 0, sandbox => 0, sandbox_options => [...],
#     redis_auth => 'none' | 'password' | 'acl', redis_tls => 1,
#     redis_timeout => '' (nginx's own);

sub import {
    my ($class, @options) = @_;

    %option = (
        redis           => 1,
        redis_auth      => 'acl',
        redis_tls       => 0,
        redis_timeout   => '10s',
        sandbox         => 1,
        sandbox_options => [],
        %option,
        @options,
    );

    if (Test::Nginx::Socket->can('add_response_body_check')) {
        Test::Nginx::Socket::add_response_body_check(\&check_json);
    }

    # a syntax check (perl -c) would start it all and end nothing
    set_up() if !$^C && !$started++;

    # the arguments are options, no names to be exported
    return $class->export_to_level(1, $class, @EXPORT);
}


sub set_up {

    # a test that is told to go takes along what it has started
    for my $signal (grep { !ref $SIG{$_} } qw(HUP INT TERM)) {
        $SIG{$signal} = sub { exit 1 };
    }

    # its name stands in configurations, where a blank would end it
    my $tmp = File::Spec->tmpdir;
    $tmp = '/tmp' if $tmp !~ m{\A[\w./-]+\z};
    $dir = File::Temp::tempdir("$tmp/reauth-test-XXXXXX");

    # files that a group may write are refused
    umask oct 22;

    $ENV{TEST_NGINX_MODULE}   = $module;
    $ENV{TEST_NGINX_WORK_DIR} = $dir;
    $ENV{TEST_NGINX_KEY_FILE} = secret_file('api_key', "$API_KEY\n");

    $port{$_} = free_port() for qw(redis sandbox);
    $ENV{TEST_NGINX_REDIS_PORT}   = $port{redis};
    $ENV{TEST_NGINX_SANDBOX_PORT} = $port{sandbox};

    if ($option{redis}) {
        set_up_redis();
        redis_start();
    }

    sandbox_start() if $option{sandbox};

    set_up_harness() if defined &Test::Nginx::Util::add_block_preprocessor;

    return;
}


sub set_up_harness {
    no warnings 'once';

    $Test::Nginx::Util::Sections{$_} = 1 for qw(without same_nginx);

    # the module's work is the workers', which there are with a master only
    Test::Nginx::Util::master_on();
    Test::Nginx::Util::worker_connections(256);
    Test::Nginx::Util::no_root_location();
    Test::Nginx::Util::log_level('info') if !$ENV{TEST_NGINX_LOG_LEVEL};

    Test::Nginx::Util::add_block_preprocessor(\&complete_block);

    return;
}


# ---- configuration -----------------------------------------------------------


sub http_defaults {
    my %default = (
        reauth_zone     => 'reauth_zone accounts:1m;',
        reauth_key_file => "reauth_key_file $ENV{TEST_NGINX_KEY_FILE};",
        'upstream fans_api' => 'upstream fans_api {'
            . " server 127.0.0.1:$port{sandbox}; keepalive 8; }",
    );

    if ($option{redis}) {
        $default{reauth_redis}
            = "reauth_redis $ENV{TEST_NGINX_REDIS_URL}"
            . "$ENV{TEST_NGINX_REDIS_OPTIONS};";
    }

    return \%default;
}


sub location_defaults {
    return {
        'location /api/' => <<'EOC',
location /api/ {
    reauth_gate on;
    proxy_pass http://fans_api;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Authorization $reauth_authorization;
}
EOC
        'location /api/authenticate' => <<'EOC',
location /api/authenticate {
    reauth_authenticate /upstream;
}
EOC
        'location /api/fansly/authenticate' => <<'EOC',
location /api/fansly/authenticate {
    reauth_authenticate /upstream;
}
EOC
        'location /upstream/' => <<'EOC',
location /upstream/ {
    internal;
    proxy_pass http://fans_api/;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Authorization $reauth_authorization;
    proxy_next_upstream off;
    proxy_ignore_client_abort on;
}
EOC
        'location /reauth/' => <<'EOC',
location /reauth/ {
    reauth_status;
}
EOC
    };
}


# The defaults, without those that the text has itself.

sub with_defaults {
    my ($text, $defaults, $without) = @_;

    $text //= '';

    my @added = grep {
        my $key = $_;
        my $pattern = join '\s+', map { quotemeta } split ' ', $key;

        $text !~ /^\s*$pattern(?=[\s\{;])/m
            && !grep { $_ eq 'all' || $key =~ /(?:^|\s)\Q$_\E$/ } @$without;
    } sort keys %$defaults;

    return join "\n", (map { $defaults->{$_} } @added), $text;
}


sub complete {
    my ($part, $without) = @_;

    my $main = $part->{main_config} // '';

    $main = "load_module \"$module\";\n$main"
        if $main !~ /load_module/ && !$ENV{TEST_NGINX_STATIC}
        && !grep { $_ eq 'module' } @$without;

    return {
        main_config => $main,
        http_config =>
            with_defaults($part->{http_config}, http_defaults(), $without),
        config =>
            with_defaults($part->{config}, location_defaults(), $without),
    };
}


sub complete_block {
    my ($block) = @_;

    return if defined $block->same_nginx;

    my @without  = split ' ', $block->without // '';
    my %part     = map { $_ => scalar $block->$_ }
        qw(main_config http_config config);
    my $complete = complete(\%part, \@without);

    $block->set_value($_, $complete->{$_}) for keys %$complete;

    if (!defined $block->must_die && !grep { $_ eq 'ready' } @without) {
        $block->set_value('init',
            "Reauth::Test::await_ready();\n" . ($block->init // ''));
    }

    return;
}


# A gateway that has not read Redis yet answers 503 to everything; one without
# the status pages is not asked twice.

sub await_ready {
    my (@argument) = @_;

    return wait_for(sub {
        return http('GET', '/reauth/readyz', {}, undef, @argument)->{status}
            != 503;
    }, 'the gateway to get ready');
}


# A gateway of its own, for a test that needs more than one, or that does
# things to it in the middle: reload, kill, restart.

sub gateway {
    my (%argument) = @_;

    my $without = delete $argument{without} || [];
    my $parts   = complete(\%argument, $without);

    $argument{await_ready} = !grep { $_ eq 'ready' } @$without;

    return Reauth::Gateway->start(%argument, %$parts,
        dir => "$dir/" . ($argument{name} || 'gateway'));
}


# ---- files, ports, waiting ---------------------------------------------------


sub work_dir { return $dir; }


sub write_file {
    my ($path, $content, $mode) = @_;

    open my $out, '>', $path or die "cannot write $path: $!\n";
    chmod $mode, $path or die "chmod $path: $!\n" if defined $mode;
    print {$out} $content;
    close $out or die "cannot write $path: $!\n";

    return $path;
}


sub secret_file {
    my ($name, $content, $mode) = @_;

    return write_file("$dir/$name", $content, $mode // oct '600');
}


sub free_port { return Reauth::Ports::free_port(); }


# wait_for { ... } $what; a number in its place or before it has no meaning.

sub wait_for (&;$$) {
    my ($condition, @rest) = @_;

    my ($what)   = grep { defined && !/\A[\d.]+\z/ } @rest;
    my $deadline = time + $LIMIT;

    while (1) {
        my $result = $condition->();
        return $result if $result;

        last if time > $deadline;
        sleep 0.02;
    }

    Test::More::diag("waited in vain for $what") if defined $what;

    return;
}


# Why the memory of a process that is not dumpable, as a worker is, cannot be
# read or traced here; undef: it can.

sub memory_hidden {
    my %prctl = (x86_64 => 157, aarch64 => 167);
    my ($machine) = qx{uname -m} =~ /(\S+)/;
    my $number = $prctl{$machine} // return "no number of prctl() for $machine";

    pipe my $in, my $out or die "pipe: $!\n";

    my $child = fork // die "fork: $!\n";

    if ($child == 0) {
        close $in;
        syscall $number, 4, 0, 0, 0, 0;    # PR_SET_DUMPABLE
        close $out;
        sleep 60;
        POSIX::_exit(0);
    }

    close $out;
    sysread $in, my $nothing, 1;

    my $open = open my $memory, '<', "/proc/$child/mem";

    local $?;
    kill 'KILL', $child;
    waitpid $child, 0;

    return $open ? undef : 'workers are not dumpable: only root with '
        . 'CAP_SYS_PTRACE reads their memory';
}


# Whether a process still does something: where process 1 does not collect
# orphans, as in many containers, one that has ended can be signalled still.

sub runs {
    my ($pid) = @_;

    return slurp("/proc/$pid/stat") =~ /\) [^XZ] /;
}


sub listens {
    my ($on) = @_;

    return IO::Socket::INET->new(
        PeerAddr => '127.0.0.1',
        PeerPort => $on,
        Proto    => 'tcp',
        Timeout  => 1,
    );
}


# ---- child processes ---------------------------------------------------------


sub spawn {
    my ($name, $on, @command) = @_;

    my $pid = fork // die "fork failed: $!\n";

    if ($pid == 0) {
        setpgrp;
        open STDIN,  '<',  '/dev/null'      or POSIX::_exit(126);
        open STDOUT, '>>', "$dir/$name.out" or POSIX::_exit(126);
        open STDERR, '>&', \*STDOUT         or POSIX::_exit(126);
        exec @command or POSIX::_exit(127);
    }

    $child{$name} = $pid;

    wait_for {
        waitpid($pid, WNOHANG) != 0
            and die "$name did not start:\n", slurp("$dir/$name.out");
        listens($on);
    } or die "$name does not listen on $on:\n", slurp("$dir/$name.out");

    return $pid;
}


sub reap {
    my ($name, $signal) = @_;

    my $pid = delete $child{$name} // return;

    local ($?, $!);
    kill $signal, $pid;
    kill 'CONT',  $pid;

    wait_for { waitpid($pid, WNOHANG) != 0 } or do {
        kill 'KILL', $pid;
        waitpid $pid, 0;
    };

    return;
}


sub slurp {
    my ($path) = @_;

    open my $in, '<', $path or return '';
    local $/;

    return <$in> // '';
}


# ---- Redis -------------------------------------------------------------------


sub set_up_redis {
    my $password = 'redis-password-for-tests-only';
    my $auth     = $option{redis_auth};
    my ($listen, $scheme, $options) = ("port $port{redis}", 'redis', '');

    my $access = $auth eq 'password' ? "requirepass $password\n"
        : $auth eq 'acl' ? "user gateway on >$password "
            . slurp("$root/conf/redis-acl.rules")
            . "user default on >$password ~* &* +\@all\n"
        : '';

    if ($option{redis_tls}) {
        my ($certificate, $key) = certificate('redis');
        $scheme = 'rediss';
        $listen = "port 0\ntls-port $port{redis}\ntls-cert-file $certificate\n"
            . "tls-key-file $key\ntls-auth-clients no";
        $options .= " ca=$certificate";
    }

    my $user = $auth eq 'acl' ? 'gateway@' : '';
    my $host = $option{redis_tls} ? 'localhost' : '127.0.0.1';

    if ($auth ne 'none') {
        $options .= ' password_file=' . secret_file('redis_password', $password);
    }

    # the directive's own is short: a machine that is busy has none to lose
    $options .= " timeout=$option{redis_timeout}" if $option{redis_timeout};

    $ENV{TEST_NGINX_REDIS_URL}     = "$scheme://$user$host:$port{redis}/0";
    $ENV{TEST_NGINX_REDIS_OPTIONS} = $options;

    write_file("$dir/redis.conf", <<"EOC");
bind 127.0.0.1
$listen
dir $dir
save ""
appendonly no
daemonize no
$access
EOC

    return;
}


# A self-signed certificate for localhost is its own authority.

sub certificate {
    my ($name) = @_;

    my ($certificate, $key) = map { "$dir/$name.$_" } qw(crt key);

    system("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256"
         . " -nodes -days 2 -subj /CN=localhost"
         . " -addext subjectAltName=DNS:localhost,IP:127.0.0.1"
         . " -keyout $key -out $certificate >$dir/$name.openssl 2>&1") == 0
        or die "openssl failed:\n", slurp("$dir/$name.openssl");

    return ($certificate, $key);
}


sub redis_start {
    return spawn('redis', $port{redis}, 'redis-server', "$dir/redis.conf");
}


sub redis_stop   { return reap('redis', 'KILL'); }
sub redis_pause  { return kill 'STOP', $child{redis}; }
sub redis_resume { return kill 'CONT', $child{redis}; }


# Runs redis-cli as the default user, who may do everything; in list context
# the lines of the answer.

sub redis_cli {
    my (@arguments) = @_;

    my @command = ('redis-cli', '-h', '127.0.0.1', '-p', $port{redis});
    push @command, '--tls', '--cacert', "$dir/redis.crt"
        if $option{redis_tls};

    local $ENV{REDISCLI_AUTH} = slurp("$dir/redis_password");
    delete local $ENV{REDISCLI_AUTH} if $option{redis_auth} eq 'none';

    open my $out, '-|', @command, @arguments
        or die "redis-cli cannot be run: $!\n";
    my @lines = <$out>;
    close $out;
    chomp @lines;

    return wantarray ? @lines : join "\n", @lines;
}


# An account's record, as Redis has it, or one field of it ('' for none).

sub stored {
    my ($account, $field) = @_;

    my %record = map { split / /, $_, 2 } grep { length }
        redis_cli('GET', "{reauth}:a:$account");

    return defined $field ? $record{$field} // '' : \%record;
}


# A record as its text; a field that is empty is left out.  What follows a state
# in it stands at the end.

sub record_text {
    my (%record) = @_;

    my $revision = delete $record{revision};

    my @names = sort { ($a =~ /needs/) <=> ($b =~ /needs/) || $a cmp $b }
        grep { length $record{$_} } keys %record;

    return join '', "revision $revision\n", map {"$_ $record{$_}\n"} @names;
}


# Changes fields of it behind the gateway's back; "tell" also as another
# instance would, in its next revision and by an event.

sub store {
    my ($account, %value) = @_;

    return redis_cli('SET', "{reauth}:a:$account",
        record_text(%{ stored($account) }, %value), 'KEEPTTL');
}


sub store_and_tell {
    my ($account, %value) = @_;

    store($account, %value, revision => 1 + stored($account, 'revision'));

    return redis_cli('XADD', '{reauth}:events', '*', 'another',
        record_text(%{ stored($account) }));
}


# ---- sandbox upstream --------------------------------------------------------


sub sandbox_start {
    my (@options) = @_;

    @options = @{ $option{sandbox_options} } if !@options;

    return spawn('sandbox', $port{sandbox},
        $^X, "$root/sandbox/sandbox-upstream",
        '--listen',       "127.0.0.1:$port{sandbox}",
        '--api-key-file', $ENV{TEST_NGINX_KEY_FILE},
        '--log',          "$dir/sandbox.log",
        @options);
}


sub sandbox_stop { return reap('sandbox', 'TERM'); }


# Pulls the sandbox's strings: sandbox('POST', '/step/acct_1').

sub sandbox {
    my ($method, $path, $body) = @_;

    return http($method, "/_sandbox$path", {}, $body,
        port => $port{sandbox})->{json};
}


# What the sandbox received, one hash a request, oldest first.

sub sandbox_log {
    return map { JSON::PP::decode_json($_) }
        grep { /\S/ } split /\n/, slurp("$dir/sandbox.log");
}


# ---- HTTP --------------------------------------------------------------------


# One request, one connection: http('GET', '/x', { Header => 'value' }, $body).
# A body that is a reference is sent as JSON.  Returns { status, headers (lower
# case), body, json }; status 0 where no answer came.

sub http {
    my ($method, $path, $headers, $body, %argument) = @_;

    my $to      = $argument{port} // server_port();
    my $timeout = $argument{timeout} // $LIMIT;
    my %header  = (Host => 'localhost', Connection => 'close',
                   %{ $headers || {} });

    if (ref $body) {
        $body = JSON::PP->new->utf8->canonical->encode($body);
        $header{'Content-Type'} //= 'application/json';
    }

    $header{'Content-Length'} //= length $body if defined $body;

    my $request = "$method $path HTTP/1.1\r\n"
        . join('', map { "$_: $header{$_}\r\n" }
               grep { defined $header{$_} } sort keys %header)
        . "\r\n" . ($body // '');

    my $socket = IO::Socket::INET->new(
        PeerAddr => '127.0.0.1',
        PeerPort => $to,
        Proto    => 'tcp',
        Timeout  => $timeout,
    ) or return { status => 0, headers => {}, body => "connect: $@" };

    local $SIG{PIPE} = 'IGNORE';
    print {$socket} $request;
    $socket->flush;

    if ($argument{abandon}) {
        close $socket;
        return { status => 0, headers => {}, body => '' };
    }

    my $select   = IO::Select->new($socket);
    my $deadline = time + $timeout;
    my $raw      = '';

    while ($select->can_read($deadline - time)) {
        my $n = sysread $socket, $raw, 65536, length $raw;
        last if !$n;
    }

    close $socket;

    return parse_answer($raw);
}


sub parse_answer {
    my ($raw) = @_;

    my ($head, $body) = split /\r\n\r\n/, $raw, 2;
    my ($start, @lines) = split /\r\n/, $head // '';
    my ($status) = ($start // '') =~ m{^HTTP/1\.[01] (\d{3})};
    my %header;

    for my $line (@lines) {
        my ($key, $value) = split /:\s*/, $line, 2;
        $key = lc $key;
        $header{$key} = defined $header{$key} ? "$header{$key}, $value" : $value;
    }

    $body //= '';

    if (($header{'transfer-encoding'} // '') eq 'chunked') {
        my $decoded = '';

        while ($body =~ s/\A([0-9A-Fa-f]+)\r\n//) {
            my $size = hex $1 or last;
            $decoded .= substr $body, 0, $size, '';
            $body =~ s/\A\r\n//;
        }

        $body = $decoded;
    }

    my $json = eval { JSON::PP::decode_json($body) };

    # what the gateway writes itself; passed on is what the upstream sent

    fail_invalid_json($body)
        if !defined $json && $body ne ''
            && ($header{'content-type'} // '') =~ m{^application/json}
            && ($header{'cache-control'} // '') eq 'no-store'
            && length $body == ($header{'content-length'} // -1);

    return {
        status  => $status // 0,
        headers => \%header,
        body    => $body,
        json    => $json,
    };
}


# Each response that the gateway composes has to be JSON, whatever else the test
# looks at.

sub fail_invalid_json {
    my ($body) = @_;

    require Test::More;

    return Test::More::fail("the gateway's own response is JSON: $body");
}


sub check_json {
    my ($block, $body) = @_;

    fail_invalid_json($body)
        if defined $body
        && $body =~ /\A\{"error":"[A-Z_]+","message":.*"decision_id":/s
        && !defined eval { JSON::PP::decode_json($body) };

    return;
}


# Files of a test that failed move into the checkout: nothing stays in the
# directory for temporary files.

sub keep {
    my ($files) = @_;

    my $kept = "$root/build/failed";

    make_path($kept, { error => \my $errors });
    return $files if system('cp', '-R', $files, $kept) != 0;

    remove_tree($files);

    return "$kept/" . File::Basename::basename($files);
}


sub server_port {
    return Test::Nginx::Util::server_port()
        if defined &Test::Nginx::Util::server_port;

    return Reauth::Gateway->latest->port;
}


# The call that all this is about; the e-mail's local part picks the sandbox's
# story.

sub update {
    my ($account, $credentials, %argument) = @_;

    $credentials = { email => "$credentials\@example.com", password => 'secret' }
        if !ref $credentials;

    return http('PUT', "/api/authenticate/$account/credentials",
        $argument{headers}, $credentials, %argument);
}


END {
    if ($$ == $owner && $dir) {
        local $?;

        # what is left of the output may have no reader: after a bail-out prove
        # goes at once
        $SIG{$_} = 'IGNORE' for qw(HUP INT PIPE TERM);

        # the gateway before what it talks to, so that it ends in peace
        Reauth::Gateway->stop_all;

        if (defined &Test::Nginx::Util::server_root) {
            my $file = Test::Nginx::Util::server_root() . '/logs/nginx.pid';
            my ($pid) = slurp($file) =~ /(\d+)/;

            if ($pid && kill 'QUIT', $pid) {
                wait_for { waitpid($pid, WNOHANG) != 0 && !-e $file };
            }
        }

        reap($_, 'TERM') for sort keys %child;

        if (Test::More->builder->is_passing) {
            remove_tree($dir);

        } else {
            my $kept = keep($dir);
            Test::More::diag("files of this test are kept in $kept");
        }
    }
}

1;
