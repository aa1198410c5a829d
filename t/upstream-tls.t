# The shipped configuration, conf/nginx.conf: the certificate of the upstream
# must be signed by a trusted CA, for the upstream's name, and valid; otherwise
# neither calls nor updates are sent.

use strict;
use warnings;

use Test::More;

use Reauth::Test redis_auth => 'acl';
use Reauth::Certificates;

my $name    = 'api.fansapi.com';
my $dir     = work_dir();
my $sandbox = $ENV{TEST_NGINX_SANDBOX_PORT};
my $shipped = Reauth::Test::slurp('conf/nginx.conf');

my $ca       = Reauth::Certificates->authority('trusted');
my $stranger = Reauth::Certificates->authority('stranger');
my $between  = $ca->intermediate('between');

my %served = (
    right => [$ca->sign('right', names => "DNS:$name")],
    'another name' => [$ca->sign('other', names => 'DNS:api.example.com')],
    'a name below it' => [$ca->sign('below', names => "DNS:x.$name")],
    'its address only' => [$ca->sign('ip', names => 'IP:127.0.0.1')],
    expired => [$ca->sign('expired', names => "DNS:$name",
        from => '20200101000000Z', to => '20200201000000Z')],
    'not valid yet' => [$ca->sign('future', names => "DNS:$name",
        from => '20900101000000Z', to => '20900201000000Z')],
    'self-signed' => [self_signed()],
    'of another CA' => [$stranger->sign('strange', names => "DNS:$name")],
    'by an intermediate CA' => [chain($between->sign('chained',
        names => "DNS:$name"), $between->certificate)],
    'without its intermediate CA' => [$between->sign('unchained',
        names => "DNS:$name")],
);

sub self_signed {
    my $own = Reauth::Certificates->authority($name);

    return ($own->certificate, $own->certificate =~ s/crt\z/key/r);
}

sub chain {
    my ($certificate, $key, $more) = @_;

    return (Reauth::Test::write_file("$certificate.chain",
        Reauth::Test::slurp($certificate) . Reauth::Test::slurp($more)), $key);
}

# ---- the upstream: one server for each certificate ----

my %port    = map { $_ => free_port() } sort keys %served;
my $servers = join '', map { <<"EOC" } sort keys %served;
server {
    listen 127.0.0.1:$port{$_} ssl;
    ssl_certificate $served{$_}[0];
    ssl_certificate_key $served{$_}[1];
    location / { proxy_pass http://127.0.0.1:$sandbox; }
}
EOC

my $upstream = gateway(
    name        => 'upstream',
    without     => [qw(all module ready)],
    http_config => <<"EOC",
log_format name 'sni=\$ssl_server_name host=\$host \$request';
access_log logs/name.log name;

# without sessions, which nginx does not free at exit (./run asan)
ssl_protocols TLSv1.2;
ssl_session_cache off;
ssl_session_tickets off;
$servers
EOC
);

# ---- the shipped gateway ----

sub replaced {
    my ($what, $by) = @_;

    $shipped =~ s/\Q$what\E/$by/g or die "conf/nginx.conf has no $what\n";

    return;
}

my $gateway_port = free_port();

replaced('modules/ngx_http_reauth_module.so', qq("$ENV{TEST_NGINX_MODULE}"));
replaced("user              www-data;\n", $> == 0 ? "user  root;\n" : '');
replaced('/var/log/nginx/', 'logs/');
replaced('/run/nginx.pid', 'logs/nginx.pid');
replaced('redis://gateway@127.0.0.1:6379/0',
    "$ENV{TEST_NGINX_REDIS_URL} timeout=10s");
replaced('/etc/nginx/secrets/redis', "$dir/redis_password");
replaced('/etc/nginx/secrets/upstream_api_key', $ENV{TEST_NGINX_KEY_FILE});
replaced("http {\n", "http {\n" . join '', map { "${_}_temp_path $_;\n" }
    qw(client_body proxy fastcgi scgi uwsgi));      # the usual ones are root's
replaced('/etc/ssl/certs/ca-certificates.crt', $ca->certificate);
replaced('127.0.0.1:8080', "127.0.0.1:$gateway_port");

my $count = 0;

# On a slow machine, the gateway may poll the attempt before it is stopped.

my $poll = qr{/api/authenticate/auth_};

sub sent {
    return scalar grep { $_->{target} !~ $poll } sandbox_log();
}

sub through {
    my ($what) = @_;

    my $text = "daemon off;\n$shipped";
    $text =~ s/\Q$name\E:443/127.0.0.1:$port{$what}/
        or die "conf/nginx.conf has no $name:443\n";

    my $gateway = Reauth::Gateway->start(
        dir         => "$dir/shipped" . $count++,
        port        => $gateway_port,
        text        => $text,
        await_ready => 1,
    );
    my $before = sent();
    my $update = $gateway->update("acct_$count", 'ok');
    my $call   = $gateway->http('GET', '/api/accounts');
    my $limits = join '', map { Reauth::Test::slurp("/proc/$_/limits") }
        $gateway->worker_pids;

    $gateway->stop;

    like($limits, qr/^Max core file size +0 +0 /m,
        "$what: workers write no core files");
    like($call->{headers}{server} // 'nginx', qr/\A[[:alpha:]]+\z/,
        "$what: the response does not show the version of nginx");

    return ($update, $call, sent() - $before, $gateway->error_log);
}

for my $what ('right', 'by an intermediate CA') {
    my ($update, $call, $sent, $log) = through($what);

    is($update->{status}, 200, "$what: an update is accepted");
    is($call->{status}, 200, "$what: a call is passed");
    is($sent, 2, "$what: both were sent");
    is($log =~ s/^\S+ \S+ \[notice\] .*\n//mgr, '',
        "$what: no warnings and errors are logged");
}

my %reason = (
    'another name'    => qr/certificate does not match "api\.fansapi\.com"/,
    'a name below it' => qr/certificate does not match/,
    'its address only' => qr/certificate does not match/,
    expired           => qr/verify error: \(10:certificate has expired\)/,
    'not valid yet'   => qr/verify error: \(9:certificate is not yet valid\)/,
    'self-signed'     => qr/verify error: \((?:18|19):self.signed cert/,
    'of another CA'   => qr/verify error: \((?:20|21):unable to/,
    'without its intermediate CA' => qr/verify error: \((?:20|21):unable to/,
);

for my $what (sort keys %reason) {
    my ($update, $call, $sent, $log) = through($what);

    is($update->{status}, 502, "$what: an update is rejected");
    is($update->{json}{error}, 'UPSTREAM_BAD_ANSWER',
        "$what: the error is UPSTREAM_BAD_ANSWER");
    is($call->{status}, 502, "$what: a call is rejected");
    is($sent, 0, "$what: nothing was sent");
    like($log, $reason{$what}, "$what: the log says why");
}

$upstream->stop;

my @names = split /\n/,
    Reauth::Test::slurp("$upstream->{dir}/logs/name.log");
is(scalar(grep { $_ !~ $poll } @names), 4,
    'four requests were sent to the upstream');
is_deeply([ grep { $_ !~ /\Asni=\Q$name\E host=\Q$name\E / } @names ], [],
    'asked for the upstream by its name, in TLS and in HTTP');

done_testing();
