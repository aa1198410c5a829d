package Bench::Gateways;

# The candidates, with the configurations in bench/conf and bench/node.

use strict;
use warnings;

use Exporter 'import';

use File::Copy qw(copy);

use Bench::Process qw($root $build $gateway_core $load_core await await_port
    fresh_dir port read_file spawn template worker write_file);
use Bench::Client ();

our @EXPORT_OK = qw($key auth_request bare express haproxy lua ready reauth
    redis upstream);

our $key = 'ofapi_' . 'k' x 40;

my ($module, $upstream_port);
my %instances;


# processes that were started have been stopped

sub forget {
    ($module, $upstream_port) = ();

    return;
}


sub upstream {
    return $upstream_port if $upstream_port;

    my $port = port();
    nginx($load_core, 'upstream', 'upstream.conf', UPSTREAM_PORT => $port,
        PORT => $port);

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
