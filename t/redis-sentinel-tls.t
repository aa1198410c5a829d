# rediss-sentinel://: Sentinels and Redis are verified, and each is sent its own
# password only.

use strict;
use warnings;

use Test::More;
use Reauth::Test redis => 0, sandbox_options => ['--hold'];
use Reauth::Certificates;
use Reauth::Redis;

my $ca = Reauth::Certificates->authority('redis-ca');
my ($certificate, $key) = $ca->sign('server', names => 'IP:127.0.0.1');
my $rules = Reauth::Test::slurp(
    File::Basename::dirname(__FILE__) . '/../conf/redis-acl.rules');
chomp $rules;

my $port = free_port();
my @tls  = ("tls-cert-file $certificate", "tls-key-file $key",
    'tls-ca-cert-file ' . $ca->certificate, 'tls-auth-clients no',
    'tls-replication yes');
my @cli  = ('--tls', '--cacert', $ca->certificate, '--no-auth-warning');

my $primary = Reauth::Redis->start(
    port  => $port,
    cli   => [@cli, '-a', 'admin'],
    lines => ['port 0', "tls-port $port", @tls, 'user default on >admin ~* &* +@all',
        "user gateway on >of-the-gateway $rules"],
);

my $watch    = free_port();
my $sentinel = Reauth::Redis->start(
    sentinel => 1,
    port     => $watch,
    cli      => [@cli, '-a', 'of-the-sentinel'],
    lines    => ['port 0', "tls-port $watch", @tls, 'requirepass of-the-sentinel',
        "sentinel monitor main 127.0.0.1 $port 1", 'sentinel auth-pass main admin'],
);

my $password = secret_file('gateway_password', "of-the-gateway\n");
my $watching = secret_file('sentinel_password', "of-the-sentinel\n");
my $count    = 0;


sub start_with {
    my (@parameters) = @_;

    return gateway(
        name        => 'gateway' . $count++,
        without     => ['ready'],
        http_config => "reauth_redis rediss-sentinel://gateway\@127.0.0.1:$watch/main"
            . ' ca=' . $ca->certificate . " @parameters timeout=2s;",
    );
}


sub readyz {
    my ($gateway) = @_;

    return $gateway->http('GET', '/reauth/readyz')->{json};
}


my $gateway = start_with("password_file=$password",
    "sentinel_password_file=$watching");

ok(wait_for { readyz($gateway)->{status} eq 'ready' }
    'the gateway is ready with Sentinels');
$gateway->update('acct_1', 'ok');
is($primary->state_of('acct_1'), 'running', 'an update is stored');
is($primary->cli('ACL', 'LOG'), '', 'no right is missing');

# ---- without a password, with a wrong one, with a wrong name ----

for my $wrong (
    [qr/NOAUTH/, "password_file=$password"],
    [qr/wrong user or password/, "password_file=$password",
        "sentinel_password_file=$password"],
) {
    my ($error, @parameters) = @$wrong;
    my $refused = start_with(@parameters);

    ok(wait_for { $refused->error_log =~ /$error.* while .* sentinel 127/ }
        'a refusal by a Sentinel is logged');
    ok(wait_for {
        (readyz($refused)->{reason} // '') =~ /no Sentinel names a primary/
    } 'readyz reports that no Sentinel names a primary');
    unlike($refused->error_log, qr/of-the-/, 'the log has no password');
    $refused->stop;
}

my $other = gateway(
    name        => 'other',
    without     => ['ready'],
    http_config => "reauth_redis rediss-sentinel://gateway\@127.0.0.1:$watch/other"
        . ' ca=' . $ca->certificate . " password_file=$password"
        . " sentinel_password_file=$watching timeout=2s;",
);
ok(wait_for { $other->error_log =~ /Sentinel has no master of the name in the URL/ }
    'a name that the Sentinel does not know is logged');

my $direct = gateway(
    name        => 'direct',
    without     => ['ready'],
    http_config => "reauth_redis rediss://127.0.0.1:$watch ca="
        . $ca->certificate . " password_file=$watching timeout=2s;",
);
ok(wait_for { $direct->error_log =~ /this is a Sentinel: use redis-sentinel/ }
    'rediss:// to a Sentinel is told');

done_testing();
