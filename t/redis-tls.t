# rediss://: a certificate must be signed by the specified CA, for the name in
# the URL; verify=off accepts any.

use strict;
use warnings;

use Test::More;
use Reauth::Test redis_tls => 1, redis_auth => 'password',
    sandbox_options => ['--hold'];
use Reauth::Certificates;

my $port  = $ENV{TEST_NGINX_REDIS_PORT};
my $dir   = work_dir();
my $count = 0;

my ($mine) = "$dir/redis.crt";


# A certificate for other names.

sub certificate {
    my ($name, $names) = @_;

    system("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256"
        . " -nodes -days 2 -subj /CN=$name -addext subjectAltName=$names"
        . " -keyout $dir/$name.key -out $dir/$name.crt >/dev/null 2>&1") == 0
        or die "openssl failed\n";

    return "$dir/$name.crt";
}


# Restarts Redis with another certificate.

sub serve {
    my ($name) = @_;

    redis_stop();

    my $conf = Reauth::Test::slurp("$dir/redis.conf");
    $conf =~ s{\S+/[\w.-]+\.crt}{$dir/$name.crt};
    $conf =~ s{\S+/[\w.-]+\.key}{$dir/$name.key};
    Reauth::Test::write_file("$dir/redis.conf", $conf);

    redis_start();

    return;
}


sub connect_by {
    my ($host, $parameters) = @_;

    return gateway(
        name        => 'gateway' . $count++,
        without     => ['ready'],
        http_config => "reauth_redis rediss://$host:$port"
            . " password_file=$dir/redis_password $parameters;",
    );
}


sub accepted {
    my ($what, $host, $parameters) = @_;

    my $gateway = connect_by($host, $parameters);

    ok(wait_for { ($gateway->http('GET', '/reauth/readyz')->{json}{status}
        // '') eq 'ready' } "$what: the certificate is accepted");
    is($gateway->http('GET', '/reauth/summary')->{json}{store}{redis}, 'up',
        "$what: Redis is up");
    $gateway->stop;

    return $gateway;
}


sub refused {
    my ($what, $host, $parameters, $reason) = @_;

    my $gateway = connect_by($host, $parameters);

    ok(wait_for { $gateway->error_log =~ $reason } "$what: refused, and why");
    ok(wait_for { ($gateway->http('GET', '/reauth/summary')
        ->{json}{store}{redis} // '') eq 'down' } "$what: Redis is down");
    unlike($gateway->error_log, qr/redis-password/,
        "$what: the log has no password");
    $gateway->stop;

    return;
}


# ---- for localhost and 127.0.0.1 ----

my $gateway = accepted('the right name', 'localhost', "ca=$mine");
accepted('the right address', '127.0.0.1', "ca=$mine");

refused('a CA that is not ours', 'localhost', '',
    qr/certificate verify error.*TLS handshaking.*is not trusted/s);

my $other = certificate('other.example', 'DNS:other.example,IP:127.0.0.9');
refused('another CA', 'localhost', "ca=$other", qr/is not trusted/);

my $loose = accepted('verify=off', 'localhost', "ca=$other verify=off");
like($loose->error_log, qr/\[warn\].*"verify=off" of "reauth_redis"/,
    'verify=off is logged as a warning');

# ---- for other names ----

serve('other.example');

refused('another name', 'localhost', "ca=$other",
    qr/the certificate does not match the name in the URL/);
refused('another address', '127.0.0.1', "ca=$other",
    qr/the certificate does not match the name in the URL/);
accepted('another name, verify=off', 'localhost', 'verify=off');

# ---- a certificate that has expired or is not yet valid; a valid one ----

my $ca = Reauth::Certificates->authority('redis-ca');

sub serve_signed {
    my ($name, %argument) = @_;

    my ($certificate, $private) = $ca->sign($name, %argument,
        names => 'DNS:localhost,IP:127.0.0.1');
    Reauth::Test::write_file("$dir/$name.crt",
        Reauth::Test::slurp($certificate));
    Reauth::Test::write_file("$dir/$name.key", Reauth::Test::slurp($private));
    serve($name);

    return;
}

serve_signed('expired', from => '20200101000000Z', to => '20200201000000Z');
refused('an expired one', 'localhost', 'ca=' . $ca->certificate,
    qr/certificate has expired.*is not trusted/s);
accepted('an expired one, verify=off', 'localhost', 'verify=off');

serve_signed('future', from => '20900101000000Z', to => '20900201000000Z');
refused('one that is not valid yet', 'localhost', 'ca=' . $ca->certificate,
    qr/certificate is not yet valid.*is not trusted/s);

serve_signed('signed');
accepted('one that a CA signed', 'localhost', 'ca=' . $ca->certificate);

# ---- a name that only resembles the right one ----

my $wild = certificate('wild', 'DNS:*.localhost,DNS:localhost.example');
serve('wild');
refused('a wildcard of it', 'localhost', "ca=$wild", qr/does not match the name/);

# ---- plain text against TLS, TLS against plain text ----

my $plain = gateway(
    name        => 'plain',
    without     => ['ready'],
    http_config => "reauth_redis redis://127.0.0.1:$port"
        . " password_file=$dir/redis_password;",
);
ok(wait_for { $plain->error_log =~ /\[error\].*redis/ }
    'a TLS port without rediss:// is logged as an error');
is($plain->http('GET', '/api/acct_1/me')->{status} =~ /\A(?:200|503)\z/ ? 1 : 0,
    1, 'calls have a response without TLS');

my $conf = Reauth::Test::slurp("$dir/redis.conf");
$conf =~ s/^port 0\ntls-port.*\n/port $port\n/m;
redis_stop();
Reauth::Test::write_file("$dir/redis.conf", $conf);
redis_start();
refused('rediss:// to a plain port', 'localhost', "ca=$mine",
    qr/(?:timed out|TLS handshake failed).*while TLS handshaking/);

done_testing();
