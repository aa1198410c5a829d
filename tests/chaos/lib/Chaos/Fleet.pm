package Chaos::Fleet;

# Three gateways, three servers of Redis with a Sentinel each, and what is done
# to them.

use strict;
use warnings;

use File::Path qw(make_path);
use Time::HiRes qw(time);

our @GATEWAYS = qw(gateway1 gateway2 gateway3);
our @SERVERS  = qw(redis1 redis2 redis3);

our $SECRET = 'webhook-secret-of-the-chaos';

my ($faketime) = glob '/usr/lib/*/faketime/libfaketimeMT.so.1';


sub start {
    my ($class, %argument) = @_;

    my $self = bless {%argument}, $class;

    $self->start_redis($_)    for @SERVERS;
    $self->start_sentinel($_) for @SERVERS;

    $self->{clock}{$_} = 0 for @GATEWAYS;
    $self->write_gateway($_)  for @GATEWAYS;
    $self->start_gateway($_)  for @GATEWAYS;

    return $self;
}


sub dir {
    my ($self, $name) = @_;

    my $dir = "$self->{dir}/$name";
    make_path($dir);

    return $dir;
}


sub write_file {
    my ($path, $content, $mode) = @_;

    open my $out, '>', "$path.new"  or die "$path: $!\n";
    chmod $mode // oct '644', "$path.new" or die "$path: $!\n";
    print {$out} $content;
    close $out                      or die "$path: $!\n";
    rename "$path.new", $path       or die "$path: $!\n";

    return $path;
}


sub read_file {
    my ($path) = @_;

    open my $in, '<', $path or return '';
    local $/ = undef;

    return <$in> // '';
}


# ---- Redis ----


# Its files are on a small disk of its own, which can be filled.

sub start_redis {
    my ($self, $name) = @_;

    my $dir     = $self->dir($name);
    my $address = $self->{machines}->address($name);
    my $conf    = "$dir/redis.conf";

    if (!-e $conf) {
        make_path("$dir/disk");
        Chaos::Machines::run('mount', '-t', 'tmpfs', '-o', 'size=64m', 'tmpfs',
            "$dir/disk");

        write_file($conf, join '', map {"$_\n"}
            "bind $address 127.0.0.1", 'protected-mode no', 'port 6379',
            "dir $dir/disk", 'appendonly yes', 'appendfsync everysec',
            'save ""', 'repl-diskless-sync-delay 0', 'repl-timeout 5',
            'daemonize no', 'auto-aof-rewrite-min-size 8mb',
            'min-replicas-to-write 1', 'min-replicas-max-lag 3',
            $name eq $SERVERS[0] ? () : 'replicaof '
                . $self->{machines}->address($SERVERS[0]) . ' 6379');
    }

    $self->{pid}{$name} = $self->{machines}->launch($name, "$dir/output",
        'redis-server', $conf);

    return;
}


sub start_sentinel {
    my ($self, $name) = @_;

    my $dir  = $self->dir($name);
    my $conf = "$dir/sentinel.conf";

    if (!-e $conf) {
        write_file($conf, join '', map {"$_\n"}
            'bind ' . $self->{machines}->address($name) . ' 127.0.0.1',
            'protected-mode no', 'port 26379', "dir $dir", 'daemonize no',
            'sentinel monitor main '
                . $self->{machines}->address($SERVERS[0]) . ' 6379 2',
            'sentinel down-after-milliseconds main 1000',
            'sentinel failover-timeout main 3000');
    }

    $self->{pid}{"sentinel of $name"} = $self->{machines}->launch($name,
        "$dir/output", 'redis-server', $conf, '--sentinel');

    return;
}


# redis-cli on the machine

sub cli {
    my ($self, $name, @arguments) = @_;

    open my $out, '-|', 'timeout', 2, $self->{machines}->inside($name),
        'redis-cli', @arguments or die "redis-cli: $!\n";
    local $/ = undef;
    my $answer = <$out> // '';
    close $out;

    return $answer;
}


# The name of the server that most Sentinels call the primary; undef: none.

sub primary {
    my ($self) = @_;

    my %votes;

    for my $name (@SERVERS) {
        my ($address) = $self->cli($name, '-p', 26_379, 'SENTINEL',
            'GET-MASTER-ADDR-BY-NAME', 'main') =~ /^([\d.]+)$/m or next;

        $votes{$address}++;
    }

    for my $name (@SERVERS) {
        return $name if ($votes{ $self->{machines}->address($name) } // 0) > 1;
    }

    return;
}


# Whether all Sentinels name the same primary, which is one, and no failover is
# in progress.

sub is_settled {
    my ($self) = @_;

    my %named;

    for my $name (@SERVERS) {
        my %master = split /\n/,
            $self->cli($name, '-p', 26_379, 'SENTINEL', 'MASTER', 'main');

        return if ($master{flags} // '') ne 'master';

        $named{ $master{ip} } = 1;
    }

    my $primary = $self->primary // return;

    return keys %named == 1
        && $self->cli($primary, 'ROLE') =~ /\Amaster$/m;
}


sub fill_disk {
    my ($self, $name) = @_;

    open my $out, '>', "$self->{dir}/$name/disk/filler" or die "filler: $!\n";
    1 while syswrite $out, 'x' x 65_536;
    close $out;

    return;
}


sub free_disk {
    my ($self, $name) = @_;

    unlink "$self->{dir}/$name/disk/filler";

    return;
}


# ---- gateways ----


sub set_clock {
    my ($self, $name, $ahead) = @_;

    $self->{clock}{$name} = $ahead;
    write_file($self->dir($name) . '/clock', sprintf "%+d\n", $ahead);

    return;
}


sub write_gateway {
    my ($self, $name) = @_;

    my $dir  = $self->dir($name);
    my $near = $self->{machines}->near($name);
    my $sentinels = join ',', map { $self->{machines}->address($_) } @SERVERS;

    make_path("$dir/logs");
    write_file("$dir/key", "key-of-the-chaos\n", oct '600');
    write_file("$dir/webhook", "$SECRET\n", oct '600');
    $self->set_clock($name, 0);

    my $environment = join '', map {"env $_;\n"} sort keys %{ $self->environment($name) };

    write_file("$dir/nginx.conf", <<"EOC");
load_module "$self->{module}";
user root;
worker_processes 2;
worker_shutdown_timeout 10s;
error_log logs/error.log $self->{log_level};
pid logs/nginx.pid;
$environment
events { worker_connections 512; }
http {
    access_log off;
    client_body_temp_path temp_body;
    proxy_temp_path temp_proxy;
    fastcgi_temp_path temp_fastcgi;
    scgi_temp_path temp_scgi;
    uwsgi_temp_path temp_uwsgi;
    keepalive_requests 1000000;

    reauth_zone accounts:4m;
    reauth_redis redis-sentinel://$sentinels/main timeout=1s;
    reauth_key_file $dir/key;

    upstream fans_api { server $near:9000; keepalive 16; }

    server {
        listen 8080 backlog=1024;
        reauth_poll on /upstream interval=1s max_interval=2s rate=100r/s;

        location /api/ {
            reauth_gate on;
            proxy_pass http://fans_api;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Authorization \$reauth_authorization;
            proxy_next_upstream off;
        }
        location /api/authenticate { reauth_authenticate /upstream; }
        location /upstream/ {
            internal;
            proxy_pass http://fans_api/;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Authorization \$reauth_authorization;
            proxy_next_upstream off;
            proxy_ignore_client_abort on;
        }
        location = /reauth/webhook { reauth_webhook $dir/webhook; }
        location /reauth/ { reauth_status; }
    }
}
EOC

    return;
}


sub environment {
    my ($self, $name) = @_;

    return {} if !$faketime;

    return {
        LD_PRELOAD                   => $faketime,
        FAKETIME_TIMESTAMP_FILE      => "$self->{dir}/$name/clock",
        FAKETIME_NO_CACHE            => 1,
        FAKETIME_DONT_FAKE_MONOTONIC => 1,
    };
}


sub has_clocks { return defined $faketime; }


sub start_gateway {
    my ($self, $name) = @_;

    my $dir = "$self->{dir}/$name";
    my $environment = $self->environment($name);

    unlink "$dir/logs/nginx.pid";

    $self->{machines}->launch($name, "$dir/output", 'env',
        (map {"$_=$environment->{$_}"} sort keys %$environment),
        $self->{nginx}, '-e', "$dir/logs/error.log", '-p', "$dir/",
        '-c', "$dir/nginx.conf");

    return;
}


sub master {
    my ($self, $name, $file) = @_;

    return read_file("$self->{dir}/$name/logs/" . ($file // 'nginx.pid'))
        =~ /(\d+)/ ? $1 : undef;
}


sub workers {
    my ($self, $name) = @_;

    my $master = $self->master($name) // return;

    return split ' ', read_file("/proc/$master/task/$master/children");
}


# All processes at once, as if the machine had lost power.

sub kill_gateway {
    my ($self, $name) = @_;

    my @all;

    # a master may start workers meanwhile

    kill 'KILL', @all while @all = $self->{machines}->processes($name);

    return;
}


# Errors in the logs of gateways of which none is expected: workers are killed
# by this test alone.

sub complaints {
    my ($self) = @_;

    return map {
        my $name = $_;
        map {"$name: $_"} grep { !/exited on signal 9$/ }
            read_file("$self->{dir}/$name/logs/error.log")
            =~ /^(.*\[(?:emerg|crit|alert)\].*)$/mg;
    } @GATEWAYS;
}

1;
