# With certificate=cn, a client certificate verified by nginx identifies the
# caller; other names identify none.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Test::More;

use Reauth::Test redis => 0;
use Reauth::Certificates;

my $ca       = Reauth::Certificates->authority('clients');
my $stranger = Reauth::Certificates->authority('strangers');
my ($certificate, $key) = Reauth::Test::certificate('server');

my %client = (
    alice    => [$ca->sign('alice')],
    bob      => [$ca->sign('bob')],
    nobody   => [$ca->sign('nobody')],
    case     => [$ca->sign('case', subject => '/CN=Alice')],
    two      => [$ca->sign('two', subject => '/CN=alice/CN=bob')],
    no_cn    => [$ca->sign('no_cn', subject => '/O=alice')],
    long     => [$ca->sign('long', subject => '/CN=' . 'alice' x 12)],
    expired  => [$ca->sign('expired', subject => '/CN=alice',
        from => '20200101000000Z', to => '20200201000000Z')],
    stranger => [$stranger->sign('stranger', subject => '/CN=alice')],
    own      => [$stranger->certificate,
        $stranger->certificate =~ s/crt\z/key/r],
);

my $callers = secret_file('callers', <<"EOC", oct 644);
alice sha256:${\ sha256_hex('token-of-alice') } all
bob   sha256:${\ sha256_hex('token-of-bob') } status
EOC

my %port = map { $_ => free_port() } qw(demanded token unverified two);

sub server {
    my ($port, $verify, $parameter, $name, $authority) = @_;

    $name      //= "$verify.example";
    $authority //= $ca;

    return <<"EOC";
server {
    listen 127.0.0.1:$port ssl;
    server_name $name;
    ssl_certificate $certificate;
    ssl_certificate_key $key;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_verify_client $verify;
    ssl_client_certificate ${\ $authority->certificate };
    reauth_callers_file $callers $parameter;
    location /reauth/ { reauth_status; }
    location /api/ {
        proxy_pass http://fans_api;
        proxy_set_header Authorization \$reauth_authorization;
    }
}
EOC
}

my $gateway = gateway(
    without     => ['ready'],
    listen      => 'ssl',
    http_config => "log_format caller '\$uri \$status caller=\$reauth_caller';\n"
        . "access_log logs/caller.log caller;\n"
        . server($port{demanded}, 'on', 'certificate=cn')
        . server($port{token}, 'optional_no_ca', '')
        . server($port{unverified}, 'off', 'certificate=cn')
        # the same address, another server name
        . server('$TEST_NGINX_SERVER_PORT', 'off', 'certificate=cn')
        # two servers of one address with different authorities
        . server($port{two}, 'optional', 'certificate=cn', 'clients.example')
        . server($port{two}, 'optional', 'certificate=cn', 'strangers.example',
            $stranger),
    port        => $ENV{TEST_NGINX_SERVER_PORT} = free_port(),
    config      => <<"EOC");
server_name gateway.example;
ssl_certificate $certificate;
ssl_certificate_key $key;
ssl_verify_client optional_no_ca;
ssl_client_certificate ${\ $ca->certificate };
reauth_callers_file $callers certificate=cn;
EOC

# curl: the status, or 000

sub status {
    my ($client, $path, %argument) = @_;

    my $port = $argument{port} // $gateway->port;
    my $name = $argument{sni} // 'gateway.example';
    my @certificate = $client
        ? ('--cert', $client{$client}[0], '--key', $client{$client}[1]) : ();

    open my $curl, '-|', 'curl', '-sk', '-o', '/dev/null', '-w',
        '%{http_code}', '--resolve', "$name:$port:127.0.0.1", @certificate,
        (map { ('-H', $_) } @{ $argument{headers} || [] }),
        "https://$name:$port$path" or die "curl: $!\n";
    my $status = <$curl>;
    close $curl;

    return $status;
}

ok(wait_for { status('alice', '/reauth/readyz') == 200 }
    'the gateway is ready');

is(status('alice', '/api/accounts'), 200, 'a certificate that names a caller');
is(status('alice', '/reauth/accounts'), 200,
    'a certificate identifies a caller for the status');
is(status('bob', '/reauth/accounts'), 200,
    'a certificate identifies a second caller');
is(status('bob', '/api/accounts'), 403,
    'a caller with a certificate has its own scopes');

is(status(undef, '/reauth/accounts'), 401,
    'a request without a certificate is rejected');
is(status($_->[0], '/reauth/accounts'), 401, $_->[1])
    for ['nobody', 'a name that is no caller\'s'],
        ['case', 'a name in another case'],
        ['two', 'two names'],
        ['no_cn', 'no name'],
        ['long', 'a longer name'],
        ['stranger', 'one of another CA'],
        ['own', 'one that nobody signed'];

is(status('expired', '/reauth/accounts'), 400,
    'an expired certificate is refused by nginx');

my @bob = (headers => ['Authorization: Bearer token-of-bob']);

is(status('alice', '/api/accounts', @bob), 403, 'a token comes first');
is(status('stranger', '/reauth/accounts', @bob), 200,
    'a token is enough without a good certificate');
is(status('alice', '/api/accounts',
    headers => ['Authorization: Bearer what-sdks-need']), 200,
    'a certificate of no caller is ignored');

is(status('alice', '/reauth/accounts', port => $port{demanded}), 200,
    'a certificate that nginx requires identifies the caller');
is(status($_ || undef, '/reauth/accounts', port => $port{demanded}), 400,
    'without it nginx refuses: ' . ($_ || 'none'))
    for '', qw(stranger expired own);

is(status('alice', '/reauth/accounts', port => $port{token}), 401,
    'a certificate is ignored without certificate=cn');
is(status('alice', '/reauth/accounts', port => $port{unverified}), 401,
    'a certificate is ignored if the server does not request it');
is(status('alice', '/reauth/accounts', headers => ['Host: off.example']), 401,
    'a certificate is ignored if a different server requested it');
is(status('alice', '/reauth/accounts', sni => 'off.example',
    headers => ['Host: gateway.example']), 421,
    'a host of a server that requests no certificate is misdirected');

# Two servers of one address, each with its own authority; without SNI, nginx
# uses the first server and its authority.

sub of_two {
    my ($client, $sni, $host, @headers) = @_;

    return status($client, '/reauth/accounts', port => $port{two}, sni => $sni,
        headers => ["Host: $host", @headers]);
}

is(of_two('alice', 'clients.example', 'clients.example'), 200,
    'a certificate counts for the server whose authority signed it');
is(of_two('stranger', 'strangers.example', 'strangers.example'), 200,
    'a certificate is verified by the authority of its server');
is(of_two('stranger', 'strangers.example', 'clients.example'), 421,
    'a name that was not negotiated is refused by nginx');
is(of_two('alice', '127.0.0.1', 'clients.example'), 200,
    'a certificate without SNI is verified by the first server');
is(of_two('alice', '127.0.0.1', 'strangers.example'), 401,
    'a certificate without SNI is rejected by a server of another authority');
is(of_two('alice', '127.0.0.1', 'strangers.example', @{ $bob[1] }), 200,
    'a token is enough all the same');

# A session that was made without SNI is resumed by a name: nginx may take the
# certificate for verified, but the authority of that server has not signed it.

sub resumed {
    my ($tls, $sni, $host, @more) = @_;

    my $request = "GET /reauth/accounts HTTP/1.1\\r\\nHost: $host\\r\\n"
        . 'Connection: close\r\n\r\n';

    open my $client, '-|', "printf '$request' | timeout 60 openssl s_client"
        . " -quiet -ign_eof -connect 127.0.0.1:$port{two} -$tls"
        . ($sni ? " -servername $sni" : ' -noservername')
        . " @more 2>/dev/null" or die "openssl: $!\n";
    local $/;
    my ($status) = <$client> =~ m{\AHTTP/1.1 (\d+)};
    close $client;

    return $status // 0;
}

for my $tls (qw(tls1_2 tls1_3)) {
    my $file = work_dir() . "/session-$tls";

    is(resumed($tls, '', 'clients.example', '-cert', $client{alice}[0], '-key',
        $client{alice}[1], '-sess_out', $file), 200,
        "$tls: a certificate is accepted without SNI");
    is(resumed($tls, '', 'clients.example', '-sess_in', $file), 200,
        "$tls: a session is resumed with its certificate");
    is(resumed($tls, '', 'strangers.example', '-sess_in', $file), 401,
        "$tls: resumed, for another server");
    is(resumed($tls, 'strangers.example', 'strangers.example', '-sess_in',
        $file), 401, "$tls: resumed by the name of another server");
}

$gateway->stop;

my $log = Reauth::Test::slurp("$gateway->{dir}/logs/caller.log");
like($log, qr{^/api/accounts 200 caller=alice$}m, 'the log names the caller');
like($log, qr{^/api/accounts 403 caller=bob$}m,
    'the log names the caller of a rejected request');
like($log, qr{^/reauth/accounts 401 caller=-$}m,
    'the log names no caller for an invalid certificate');

done_testing();
