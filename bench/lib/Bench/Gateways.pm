package Bench::Gateways;

# The candidates, with the configurations in bench/conf and bench/node.

use strict;
use warnings;

use Exporter 'import';

use File::Copy qw(copy);

use Bench::Process qw($root $build $gateway_core $load_core await await_port
    fresh_dir port read_file spawn template worker workers write_file);
use Bench::Client ();

our @EXPORT_OK = qw($file_size $key auth_request bare express haproxy lua proxy
    ready reauth redis upstream);

our $key = 'ofapi_' . 'k' x 40;

# bytes of the file that the upstream serves
our $file_size = 64 * 1024 * 1024;

my ($module, $upstream_port, $upstream_tls_port, $certificate);
my %instances;


# processes that were started have been stopped

sub forget {
    ($module, $upstream_port, $upstream_tls_port, $certificate) = ();

    return;
}


# of the upstream: its path, with the key

sub certificate {
    my $path = fresh_dir('certificate') . '/upstream.pem';

    system('openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1'
        . ' -nodes -days 2 -subj /CN=localhost -addext'
        . " subjectAltName=DNS:localhost -keyout $path.key -out $path"
        . " 2>$path.log && cat $path.key >>$path") == 0
        or die "no certificate:\n", read_file("$path.log");

    return $path;
}


sub upstream {
    return $upstream_port if $upstream_port;

    my $port = port();

    $certificate       = certificate();
    $upstream_tls_port = port();

    my $upstream = nginx($load_core, 'upstream', 'upstream.conf',
        UPSTREAM_PORT => $port, PORT => $port);

    # without blocks: its content is not read from a disk
    truncate write_file("$upstream->{dir}/file", ''), $file_size
        or die "$upstream->{dir}/file: $!\n";

    return $upstream_port = $port;
}


# Starts an nginx; "under" is a command that runs it.

sub nginx {
    my ($core, $name, $conf, %value) = @_;

    my $under = delete $value{UNDER} // [];
    my $dir   = fresh_dir($name . ($instances{$name}++ || ''));

    %value = (
        DIR           => $dir,
        USER          => $> == 0 ? 'user www-data;' : '',
        KEY           => $key,
        MASTER        => @$under ? 'off' : 'on',
        UPSTREAM_PORT => $upstream_port,
        UPSTREAM_TLS_PORT => $upstream_tls_port,
        CERTIFICATE => $certificate,
        %value,
    );

    template('common.inc', $dir, %value);
    my $path = template($conf, $dir, %value);

    write_file("$dir/upstream_api_key", "$key\n");
    write_file("$dir/webhook_secret",   "webhook-secret-for-benchmarks\n");
    chmod 0600, "$dir/upstream_api_key", "$dir/webhook_secret";

    my $pid = spawn($core, "$dir/out", @$under, 'nginx', '-e',
        "$dir/error.log", '-p', $dir, '-c', $path);
    await_port($pid, $value{PORT});

    return {
        name   => $name,
        dir    => $dir,
        master => $pid,
        pid    => @$under ? $pid : worker($pid),
        pids   => @$under ? [$pid] : [workers($pid, $value{WORKERS} // 1)],
        port   => $value{PORT},
        port2  => $value{PORT2},
        port3  => $value{PORT3},
    };
}


sub bare {
    my (%value) = @_;

    upstream();

    return nginx($gateway_core, 'bare', 'bare.conf',
        PORT => port(), PORT2 => port(), %value);
}


# For transfers, HTTP/2 and others: nginx alone, or with REAUTH the gate and the
# key from its file.  PORT2 is that of HTTP/2.

sub proxy {
    my (%value) = @_;

    upstream();

    my $core  = delete $value{CORE} // $gateway_core;
    my $redis = delete $value{REDIS};
    my $zone  = delete $value{ZONE} // '64m';

    %value = (
        NAME          => 'bare',
        LOAD          => '',
        HTTP          => '',
        SERVER        => '',
        GATE          => '',
        STATUS        => '',
        AUTHORIZATION => qq("Bearer $key"),
        %value,
    ) if !delete $value{REAUTH};

    %value = (
        NAME          => 'reauth',
        LOAD          => 'load_module ' . module() . ';',
        SERVER        => 'reauth_key_file upstream_api_key;',
        GATE          => 'reauth_gate on;',
        STATUS        => 'location /reauth/ { reauth_status; }',
        AUTHORIZATION => '$reauth_authorization',
        %value,
        HTTP          => "reauth_zone accounts:$zone; reauth_gate_max 24h; "
            . ($redis ? "reauth_redis redis://127.0.0.1:$redis/0; " : '')
            . ($value{HTTP} // ''),
    ) if !$value{NAME};

    my $name = delete $value{NAME};

    return nginx($core, $name, 'proxy.conf',
        PORT     => port(),
        PORT2    => port(),
        WORKERS  => 1,
        UPSTREAM => 'http://fans_api',
        %value);
}


# a copy, so that a build during the benchmark does not change the measured
# module

sub module {
    return $module if $module;

    $module = fresh_dir('module') . '/ngx_http_reauth_module.so';
    copy("$root/build/ngx_http_reauth_module.so", $module)
        or die "no module to measure: $!\n";

    return $module;
}


# REDIS: a port, or none; PREFIX: the prefix of its accounts.

sub reauth {
    my (%value) = @_;

    upstream();

    my $redis  = delete $value{REDIS};
    my $prefix = delete $value{PREFIX} // 'reauth';

    return nginx(
        $gateway_core, 'reauth', 'reauth.conf',
        PORT   => port(),
        PORT2  => port(),
        PORT3  => port(),
        MODULE => module(),
        ZONE   => '64m',
        REDIS  => $redis ? "reauth_redis redis://127.0.0.1:$redis/0 "
            . "prefix=$prefix;" : '',
        FAILED => '',
        CALLERS => '',
        FEATURES => '',
        %value
    );
}


sub ready {
    my ($gateway, $seconds) = @_;

    my $client = Bench::Client->new($gateway->{port});

    return await('readyz', $seconds // 60, sub {
        return $client->get('/reauth/readyz')->{status} == 200;
    });
}


sub lua {
    my (%value) = @_;

    upstream();

    my $name = delete $value{NAME} // 'lua';

    return nginx(
        $gateway_core, $name, 'lua.conf',
        PORT       => port(),
        PORT2      => port(),
        MODULES    => '/usr/lib/nginx/modules',
        LUA        => "$build/lua/usr/share/lua/5.1",
        TIMEOUT    => 1000,
        ACCOUNTS   => '/dev/null',
        REDIS_PORT => undef,
        %value
    );
}


sub node {
    my ($core, $name, @arguments) = @_;

    my $port = port();
    my $dir  = fresh_dir($name);

    # the directory in which npm has installed the packages
    my $pid = do {
        local $ENV{NODE_PATH} = "$build/node/node_modules";
        spawn($core, "$dir/out", 'node', "$root/bench/node/$name.js", $port,
            @arguments);
    };
    await_port($pid, $port);

    return { name => $name, pid => $pid, port => $port };
}


sub auth_request {
    my (%value) = @_;

    upstream();

    my $service = node($load_core, 'auth', $value{REDIS_PORT});
    my $gateway = nginx($gateway_core, 'auth_request', 'auth_request.conf',
        PORT => port(), AUTH_PORT => $service->{port}, %value);
    $gateway->{services} = [$service->{pid}];

    return $gateway;
}


sub express {
    my (%value) = @_;

    return node($gateway_core, 'update', $value{REDIS_PORT}, upstream(), $key);
}


sub haproxy {
    my (%value) = @_;

    my $port = port();
    my $dir  = fresh_dir('haproxy');
    my $path = template('haproxy.cfg', $dir, PORT => $port, KEY => $key,
        UPSTREAM_PORT => upstream(), %value);

    my $pid = spawn($gateway_core, "$dir/out", 'haproxy', '-db', '-f', $path);
    await_port($pid, $port);

    return { name => 'haproxy', pid => $pid, port => $port };
}


sub redis {
    my $port = port();
    my $dir  = fresh_dir('redis' . ($instances{redis}++ || ''));

    my $pid = spawn($load_core, "$dir/out", 'redis-server', '--port', $port,
        '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir',
        $dir);
    await_port($pid, $port);

    return { name => 'redis', pid => $pid, port => $port };
}

1;
