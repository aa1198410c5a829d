package Reauth::Gateway;

# An nginx with the module that a test starts, reloads and stops itself.

use strict;
use warnings;

use File::Path qw(make_path);
use POSIX qw(WNOHANG);
use Test::More ();

use Reauth::Ports ();

my @running;
my @daemons;


sub latest { return $running[-1] // die "no gateway has been started\n"; }


# Arguments: dir, main_config, http_config, config, workers, port, listen
# (parameters of "listen"), log_level, await_ready; counted, for works_at;
# environment, a hash of variables.  "text" is a whole configuration, instead of
# the arguments that form one.

sub start {
    my ($class, %argument) = @_;

    my $self = bless {
        workers   => 1,
        listen    => '',
        log_level => $ENV{TEST_NGINX_LOG_LEVEL} || 'info',
        %argument,
    }, $class;

    $self->{port} //= Reauth::Ports::free_port();
    make_path("$self->{dir}/logs");
    $self->write_config;
    $self->launch;

    return $self;
}


sub port { return $_[0]{port}; }
sub pid  { return $_[0]{pid}; }


sub write_config {
    my ($self) = @_;

    my $dir  = $self->{dir};
    my $user = $> == 0 ? 'user ' . ($self->{user} // 'root') . ';' : '';
    my $count = $self->{counted} ? 'location = /counted { stub_status; }' : '';
    my $text = $self->{text} // <<"EOC";
worker_processes $self->{workers};
daemon off;
error_log logs/error.log $self->{log_level};
pid logs/nginx.pid;
$user
env ASAN_OPTIONS;
env LSAN_OPTIONS;
$self->{main_config}
events {
    worker_connections 256;
}
http {
    access_log logs/access.log;
    client_body_temp_path client_body_temp;
    proxy_temp_path proxy_temp;
    fastcgi_temp_path fastcgi_temp;
    scgi_temp_path scgi_temp;
    uwsgi_temp_path uwsgi_temp;
    $self->{http_config}
    server {
        listen 127.0.0.1:$self->{port} $self->{listen};
        $count
        $self->{config}
    }
}
EOC

    $text =~ s/\$(TEST_NGINX_[A-Z0-9_]+)/$ENV{$1} \/\/ die "no \$ENV{$1}\n"/ge;
    Reauth::Test::write_file("$dir/nginx.conf", $text);

    return;
}


sub launch {
    my ($self) = @_;

    my $dir = $self->{dir};
    my $pid = fork // die "fork failed: $!\n";

    if ($pid == 0) {
        open STDIN,  '<',  '/dev/null'       or POSIX::_exit(126);
        open STDOUT, '>>', "$dir/logs/output" or POSIX::_exit(126);
        open STDERR, '>&', \*STDOUT           or POSIX::_exit(126);

        local @ENV{ keys %{ $self->{environment} } }
            = values %{ $self->{environment} };

        no warnings 'exec';
        exec $ENV{TEST_NGINX_BINARY} || 'nginx', '-e', "$dir/logs/error.log",
            '-p', "$dir/", '-c', "$dir/nginx.conf"
            or POSIX::_exit(127);
    }

    $self->{pid} = $pid;
    push @running, $self;

    Reauth::Test::wait_for(sub {
        waitpid($pid, WNOHANG) == 0
            or die "nginx did not start:\n", $self->said;

        return -s "$dir/logs/nginx.pid";
    }) or die "nginx did not start in $Reauth::Test::LIMIT s:\n", $self->said;

    # the file is written before the workers exist

    Reauth::Test::wait_for(sub { $self->{workers} <= $self->begun })
        or die "nginx has no workers:\n", $self->said;

    Reauth::Test::await_ready(port => $self->{port}) if $self->{await_ready};

    return $self;
}


# The end of the error log, and the output of nginx.

sub said {
    my ($self) = @_;

    my @lines = split /^/, $self->error_log;

    splice @lines, 0, -50;

    return @lines, Reauth::Test::slurp("$self->{dir}/logs/output");
}


sub worker_pids {
    my ($self) = @_;

    return split ' ',
        Reauth::Test::slurp("/proc/$self->{pid}/task/$self->{pid}/children");
}


# The workers that have begun to serve and have not been told to quit: those that
# nginx has given this title.  It is not seen if valgrind runs nginx.

sub begun {
    my ($self) = @_;

    return grep {
        my $title = Reauth::Test::slurp("/proc/$_/cmdline");

        $title =~ /\bvalgrind\b/ ? accepts($_)
            : $title =~ /: worker process[ \0]*\z/
    } $self->worker_pids;
}


# A process accepts connections if an epoll of it waits for a listening socket of
# TCP.  Of workers that hold secrets, only root can tell.

sub accepts {
    my ($pid) = @_;

    my %listening = map { $_ => 1 }
        map { /^ *\d+:(?: \S+){2} 0A (?:\S+ +){5}(\d+) /mg }
        map { Reauth::Test::slurp("/proc/$pid/net/$_") } qw(tcp tcp6);

    my @epolls = grep { (readlink "/proc/$pid/fd/$_" // '') =~ /eventpoll/ }
        map { /(\d+)\z/ } glob "/proc/$pid/fd/*";

    return scalar grep { $listening{$_} }
        map { (readlink "/proc/$pid/fd/$_" // '') =~ /\[(\d+)\]/ }
        map { Reauth::Test::slurp("/proc/$pid/fdinfo/$_") =~ /^tfd: +(\d+)/mg }
        @epolls;
}


# Stops all workers; returns when the kernel has stopped them.

sub suspend {
    my ($self) = @_;

    my @workers = $self->worker_pids;
    kill 'STOP', @workers;

    for my $pid (@workers) {
        Reauth::Test::wait_for(
            sub { Reauth::Test::slurp("/proc/$pid/stat") =~ /\) T / },
            60, "worker $pid to stop");
    }

    return @workers;
}


sub resume {
    my ($self, @workers) = @_;

    return kill 'CONT', @workers;
}


# Returns when the new workers serve and no old one accepts requests, unless it is
# stopped; old ones may still be finishing.

sub reload {
    my ($self) = @_;

    my %old = map { $_ => 1 } $self->worker_pids;

    $self->write_config;
    kill 'HUP', $self->{pid};

    return Reauth::Test::wait_for(sub {
        my @begun = $self->begun;

        return $self->{workers} <= (grep { !$old{$_} } @begun)
            && !grep {
                $old{$_} && Reauth::Test::slurp("/proc/$_/stat") !~ /\) [Tt] /
            } @begun;
    }, 'new workers');
}


# Kills a worker, by default the first one that serves; returns when another one
# serves in its place.

sub kill_worker {
    my ($self, $pid) = @_;

    my %old = map { $_ => 1 } $self->worker_pids;

    kill 'KILL', $pid // ($self->begun)[0];

    return Reauth::Test::wait_for(sub {
        return scalar grep { !$old{$_} } $self->begun;
    }, 'a worker in place of the one that was killed');
}


sub stop {
    my ($self, $signal) = @_;

    my $pid = delete $self->{pid} // return;
    @running = grep { $_ != $self } @running;

    local ($?, $!);

    for my $step ($signal || 'QUIT', 'TERM', 'KILL') {
        kill $step, $pid;

        my $ended = Reauth::Test::wait_for(
            sub { return waitpid($pid, WNOHANG) != 0 });

        if ($ended) {
            unlink "$self->{dir}/logs/nginx.pid";
            return;
        }

        Test::More::diag("nginx $pid did not end in $Reauth::Test::LIMIT s"
            . " after $step");
    }

    return;
}


# Restarts as a daemon, because only a daemon handles USR2; it is no child of
# the test.  Its PID is read from the file; that of a replaced binary is in
# nginx.pid.oldbin.

sub daemonize {
    my ($self) = @_;

    my $dir  = $self->{dir};
    my $conf = Reauth::Test::slurp("$dir/nginx.conf");

    # nginx restarts itself by the name with which it was started
    my ($nginx) = grep { defined && -x } $ENV{TEST_NGINX_BINARY},
        map { "$_/nginx" } split(/:/, $ENV{PATH}), '/usr/sbin';

    $self->stop;

    $conf =~ s/^daemon off;$/daemon on;/m;
    Reauth::Test::write_file("$dir/nginx.conf", $conf);

    system($nginx, '-e', "$dir/logs/error.log", '-p', "$dir/", '-c',
        "$dir/nginx.conf") == 0 or die "nginx did not start:\n", $self->said;

    push @daemons, $self;

    Reauth::Test::wait_for(sub { $self->daemon_pid })
        or die "nginx did not start in $Reauth::Test::LIMIT s:\n",
            $self->said;

    return $self->daemon_pid;
}


sub daemon_pid {
    my ($self, $name) = @_;

    my $path = "$self->{dir}/logs/" . ($name // 'nginx.pid');
    my ($pid) = -e $path ? Reauth::Test::slurp($path) =~ /(\d+)/ : ();

    return $pid;
}


sub stop_all {
    # stopping removes the gateway from the list

    my @all = @running;

    $_->stop for @all;

    for my $daemon (@daemons) {
        kill 'TERM', grep { defined }
            map { $daemon->daemon_pid($_) } qw(nginx.pid nginx.pid.oldbin);
    }

    return;
}


sub restart {
    my ($self) = @_;

    $self->stop;
    $self->write_config;

    return $self->launch;
}


sub http {
    my ($self, $method, $path, $headers, $body, %argument) = @_;

    return Reauth::Test::http($method, $path, $headers, $body,
        port => $self->{port}, %argument);
}


sub update {
    my ($self, $account, $credentials, %argument) = @_;

    return Reauth::Test::update($account, $credentials,
        port => $self->{port}, %argument);
}


# The record that this gateway itself has; empty if it has none.  "GET" of the
# account does not show that: it would be read from Redis.

sub own_record {
    my ($self, $account, $headers) = @_;

    my $cursor = '';

    while (defined $cursor) {
        my $page = $self->http('GET', '/reauth/accounts?limit=1000'
            . ($cursor ne '' ? "&cursor=$cursor" : ''), $headers)->{json} // {};

        for my $record (@{ $page->{accounts} // [] }) {
            return $record if $record->{account_id} eq $account;
        }

        $cursor = $page->{next_cursor};
    }

    return {};
}


# Waits until this gateway itself has a record of the account with these fields:
# learns('acct_1', { state => 'running' }, $what, \%headers).

sub learns {
    my ($self, $account, $fields, $what, $headers) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my %is;

    Reauth::Test::wait_for(sub {
        my $record = $self->own_record($account, $headers);

        %is = map { $_ => $record->{$_} } keys %$fields;

        return %$record && !grep {
            ($is{$_} // "\0") ne ($fields->{$_} // "\0")
        } keys %$fields;
    });

    return Test::More::is_deeply(\%is, $fields, $what);
}


# Waits until this gateway itself has the account in this state.

sub becomes {
    my ($self, $account, $state, $what) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    return $self->learns($account, { state => $state }, $what);
}


# Waits until all workers together have the specified number of requests that
# are received completely and not answered completely: the requests that are to
# wait have then arrived.  Sends these headers.

sub works_at {
    my ($self, $n, $headers) = @_;

    # the request that counts is one of them
    my $writing = 1 + $n;

    return Reauth::Test::wait_for(sub {
        return $self->http('GET', '/counted', $headers)->{body}
            =~ /Writing: $writing /;
    }, "$n requests to wait");
}


sub error_log {
    my ($self) = @_;

    return Reauth::Test::slurp("$self->{dir}/logs/error.log");
}


sub access_log {
    my ($self) = @_;

    return Reauth::Test::slurp("$self->{dir}/logs/access.log");
}


# The record of an account, of this gateway or of Redis; empty if it is unknown.

sub record {
    my ($self, $account) = @_;

    return $self->http('GET', "/reauth/accounts/$account")->{json} // {};
}


# Waits until each of these gateways itself has the account in this state.

sub all_have {
    my ($class, $account, $state, @gateways) = @_;

    return Reauth::Test::wait_for(sub {
        return !grep { ($_->own_record($account)->{state} // '') ne $state }
            @gateways;
    }, "$account is $state on all gateways");
}


# Stops a worker while it does not hold the lock: another one responds.  On a
# busy machine, one that continues has not run yet when it is stopped again: it
# has released the lock when a request was answered.

sub stop_without_lock {
    my ($self, $pid) = @_;

    my $seconds = 0;

    return Reauth::Test::wait_for(sub {
        kill 'STOP', $pid;
        Reauth::Test::wait_for(sub {
            Reauth::Test::slurp("/proc/$pid/stat") =~ /\) T / });

        return 1 if $self->http('GET', '/reauth/summary', {}, undef,
            timeout => ++$seconds)->{status};

        kill 'CONT', $pid;
        $self->http('GET', '/reauth/summary');

        return 0;
    }, 'a worker without the lock');
}

1;
