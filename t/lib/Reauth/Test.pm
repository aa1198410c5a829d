package Reauth::Test;

# The environment of the gateway in a test: Redis and a sandbox upstream of this
# file, secret files, ports, and the configuration that loads the module.  See
# tests/README.md.

use strict;
use warnings;

use parent 'Exporter';

use Cwd ();
use Digest::SHA ();
use File::Basename ();
use File::Path qw(make_path remove_tree);
use File::Spec ();
use File::Temp ();
use IO::Socket::INET ();
use JSON::PP ();
use POSIX qw(WNOHANG);
use Test::More ();
use Time::HiRes qw(sleep time);
use Time::Local qw(timegm);

use Reauth::Gateway ();
use Reauth::HTTP qw(check_json http parse_answer);
use Reauth::Ports ();

our @EXPORT = qw(
    callers_file free_port gateway http poll_times redis_cli redis_pause redis_resume
    redis_start redis_stop runs sandbox sandbox_log sandbox_start sandbox_stop secret_file
    store store_and_tell store_until stored update wait_for work_dir
);

# The timeout of every wait in seconds, so that a failing test ends; it does not
# measure speed.  Used by all of t/lib and all tests.
our $LIMIT = 60;

sub limit { return $LIMIT; }

our $API_KEY = 'sandbox-api-key-for-tests-only';

my $root = Cwd::abs_path(File::Basename::dirname(__FILE__) . '/../../..');
my $module = $ENV{TEST_NGINX_MODULE}
    || "$root/build/ngx_http_reauth_module.so";
my $owner = $$;
my $started = 0;
my (%option, %port, %child, $dir);


# use Reauth::Test redis => 0, sandbox => 0, sandbox_options => [...],
#     redis_auth => 'none' | 'password' | 'acl', redis_tls => 1,
#     redis_timeout => '' (the default of reauth_redis);

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

    # a syntax check (perl -c) would start the processes and not stop them
    set_up() if !$^C && !$started++;

    # the arguments are options, not names to export
    return $class->export_to_level(1, $class, @EXPORT);
}


sub set_up {

    # a terminated test stops the processes that it has started
    for my $signal (grep { !ref $SIG{$_} } qw(HUP INT TERM)) {
        $SIG{$signal} = sub { exit 1 };
    }

    # the path appears in configurations, where a blank would end it
    my $tmp = File::Spec->tmpdir;
    $tmp = '/tmp' if $tmp !~ m{\A[\w./-]+\z};
    $dir = File::Temp::tempdir("$tmp/reauth-test-XXXXXX");

    # files that are writable for a group are rejected
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

    # the module works in workers, which exist only with a master
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


# Adds the defaults that the text itself does not contain.

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


# A gateway that has not yet read Redis returns 503 for all requests, but for two
# seconds at most: on a busy machine, it may then read Redis still.  A gateway
# without the status pages returns another status at once.

sub await_ready {
    my (@argument) = @_;

    my $patience = time + 10;

    return wait_for(sub {
        my $answer = http('GET', '/reauth/readyz', {}, undef, @argument);

        return $answer->{status} != 503
            && (time > $patience || !is_reading($answer->{json}));
    }, 'the gateway is ready');
}


# Nothing keeps a degraded gateway from reading Redis.

sub is_reading {
    my ($readyz) = @_;

    my @reasons = @{ ($readyz // {})->{reasons} // [] };

    return @reasons == 1
        && ($reasons[0] =~ /^Redis has not been read yet/
            || $reasons[0] =~ /^Redis is unreachable/
            && defined $child{redis} && slurp("/proc/$child{redis}/stat") =~ /\) [RSD] /);
}


# A separate gateway, for a test that needs several, or that reloads, kills or
# restarts one.

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


# A callers file of [name, the rest of its line] each; the token of a caller is
# token-of- and its name.

sub callers_file {
    return secret_file('callers', join('', map {
        "$_->[0] sha256:" . Digest::SHA::sha256_hex("token-of-$_->[0]") . " $_->[1]\n"
    } @_), oct 644);
}


sub free_port { return Reauth::Ports::free_port(); }


# wait_for { ... } $what; a number before or instead of $what is ignored.

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

    Test::More::diag("timed out: $what") if defined $what;

    return;
}


# The reason why the memory of a process that is not dumpable, such as a worker,
# cannot be read or traced here; undef if it can.

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


# Checks that a process is running: if process 1 does not reap orphans, as in
# many containers, a process that has ended still accepts signals.

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

    # the default of the directive may be too short on a busy machine
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


# Creates a self-signed certificate for localhost.

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


# Runs redis-cli as the default user, who has all rights; in list context,
# returns the lines of the reply.

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


# The record of an account in Redis, or one of its fields ('' if missing).

sub stored {
    my ($account, $field) = @_;

    my %record = map { split / /, $_, 2 } grep { length }
        redis_cli('GET', "{reauth}:a:$account");

    return defined $field ? $record{$field} // '' : \%record;
}


# The text of a record.  Empty fields are omitted.  Fields that depend on a
# state are at the end.

sub record_text {
    my (%record) = @_;

    my $revision = delete $record{revision};

    my @names = sort { ($a =~ /needs/) <=> ($b =~ /needs/) || $a cmp $b }
        grep { length $record{$_} } keys %record;

    return join '', "revision $revision\n", map {"$_ $record{$_}\n"} @names;
}


# Changes fields of a record in Redis without the gateway's knowledge;
# store_and_tell() does so like another gateway: with the next revision and an
# event.

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


# The same, until a gateway has it.  A gateway that waits for the reply to a write
# of its own takes a later revision for this reply if only "since" differs,
# which no gateway changes.

sub store_until (&$%) {
    my ($condition, $account, %value) = @_;

    wait_for { stored($account, 'state') eq 'running' } "$account is stored"
        or return;

    return wait_for {
        store_and_tell($account, %value);
        $condition->();
    } "$account is changed";
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


# Controls the sandbox: sandbox('POST', '/step/acct_1').

sub sandbox {
    my ($method, $path, $body) = @_;

    return http($method, "/_sandbox$path", {}, $body,
        port => $port{sandbox})->{json};
}


# The requests that the sandbox received, one hash each, oldest first.

sub sandbox_log {
    return map { JSON::PP::decode_json($_) }
        grep { /\S/ } split /\n/, slurp("$dir/sandbox.log");
}


# The times of polls of the account, in seconds.

sub poll_times {
    my ($account) = @_;

    return map {
        my ($year, $month, @rest) = $_->{time} =~ /(\d+(?:\.\d+)?)/g;
        my ($day, $hour, $minute, $second) = @rest;

        timegm(int $second, $minute, $hour, $day, $month - 1, $year)
            + $second - int $second;
    } grep { $_->{method} eq 'GET' && ($_->{account} // '') eq $account }
        sandbox_log();
}


# ---- requests ----------------------------------------------------------------


sub server_port {
    return Test::Nginx::Util::server_port()
        if defined &Test::Nginx::Util::server_port;

    return Reauth::Gateway->latest->port;
}


# Sends an update of credentials; the local part of the e-mail selects the story
# of the sandbox.

sub update {
    my ($account, $credentials, %argument) = @_;

    $credentials = { email => "$credentials\@example.com", password => 'secret' }
        if !ref $credentials;

    return http('PUT', "/api/authenticate/$account/credentials",
        $argument{headers}, $credentials, %argument);
}


# ---- end of the test ---------------------------------------------------------


# Files of a failed test are moved to the checkout, so that none are left in the
# directory for temporary files.

sub keep_files {
    my ($files) = @_;

    my $kept = "$root/build/failed";

    make_path($kept, { error => \my $errors });
    return $files if system('cp', '-R', $files, $kept) != 0;

    remove_tree($files);

    return "$kept/" . File::Basename::basename($files);
}


END {
    if ($$ == $owner && $dir) {
        local $?;

        # the remaining output may have no reader: after a bail-out, prove exits
        # at once
        $SIG{$_} = 'IGNORE' for qw(HUP INT PIPE TERM);

        # the gateway is stopped before the servers to which it is connected
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
            my $kept = keep_files($dir);
            Test::More::diag("files of this test are kept in $kept");
        }
    }
}

1;
