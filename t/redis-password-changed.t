# The password of the gateways' user is changed in Redis while they run: by the
# documented steps they stay connected; otherwise the reasons name the password
# for each connection that is lost, until nginx is reloaded with the new file.

use strict;
use warnings;

use Test::More;

use Reauth::Redis;
use Reauth::Test redis => 0, sandbox_options => ['--hold'];

my ($rules) = Reauth::Test::slurp('conf/redis-acl.rules') =~ /(.*\S)/s;
my $redis   = Reauth::Redis->start(lines => ["user gateway on >first $rules"]);
my $file    = secret_file('password', "first\n");

my ($one, $two) = map {
    gateway(name => $_, workers => 2, http_config => 'reauth_redis redis://'
        . 'gateway@' . $redis->address . " password_file=$file timeout=10s;")
} qw(one two);

sub reasons {
    my ($gateway) = @_;

    return join ' | ',
        @{ $gateway->http('GET', '/reauth/readyz')->{json}{reasons} };
}

sub all_ready {
    my ($what) = @_;

    return ok(wait_for { reasons($one) eq '' && reasons($two) eq '' } $what);
}

sub learned {
    my ($account, $what) = @_;

    is($one->update($account, 'ok')->{status}, 200, "$what is accepted");

    return $two->becomes($account, 'running', "$what reaches the other gateway");
}

# Clients of Redis that read events; each gateway has one.

sub followers {
    return map { /^id=(\d+).* cmd=xread / ? $1 : () } $redis->cli(qw(CLIENT LIST));
}

# ---- as documented ----

secret_file('password', "second\n");
$redis->cli(qw(ACL SETUSER gateway >second));
$_->reload for $one, $two;
$redis->cli(qw(ACL SETUSER gateway <first));
learned('acct_1', 'an update after the former password is removed');
$redis->cli(qw(CLIENT KILL USER gateway));
all_ready('the gateways connect with the new password');
learned('acct_2', 'an update over connections with the new password');

# ---- in Redis only ----

$redis->cli(qw(ACL SETUSER gateway >third <second));
learned('acct_3', 'an update over connections that were kept');

ok(wait_for { 2 == followers() } 'each gateway reads events');
$redis->cli(qw(CLIENT KILL ID), $_) for followers();

for my $gateway ($one, $two) {
    ok(wait_for { reasons($gateway) eq 'Redis rejects the user or the password'
        . ' (WRONGPASS): changes made by other gateways are not read'
    } 'if only the connection of events is lost, its reason is reported')
        or diag(reasons($gateway));
}

$redis->cli(qw(CLIENT KILL USER gateway));

for my $gateway ($one, $two) {
    ok(wait_for { reasons($gateway) eq 'Redis rejects the user or the password'
        . ' (WRONGPASS): updates are stored by this gateway only'
    } 'if all connections are lost, the reason is reported')
        or diag(reasons($gateway));
}

is($one->update('acct_4', 'ok')->{status}, 200,
    'an update is accepted while the password is wrong');
is($_->http('GET', '/api/acct_1/me')->{status}, 503,
    'the gates stay closed while the password is wrong') for $one, $two;

secret_file('password', "third\n");
$_->reload for $one, $two;
all_ready('the gateways are ready after a reload with the new file');
$two->becomes('acct_4', 'running',
    'the other gateway knows of the update sent meanwhile');

# ---- new connections are refused ----

my $port  = $redis->port;
my $other = free_port();

ok(wait_for { 2 == followers() } 'each gateway reads events again');
my @followers = followers();
is($redis->cli('CONFIG', 'SET', 'port', $other), 'OK',
    'Redis accepts connections on another port only');
$redis->{port} = $other;
$redis->cli(qw(CLIENT KILL ID), $_) for @followers;

for my $gateway ($one, $two) {
    ok(wait_for { reasons($gateway) eq 'Redis is unreachable:'
        . ' changes made by other gateways are not read'
    } 'if events cannot be read, the reason is not that they soon will be')
        or diag(reasons($gateway));
}

$redis->cli('CONFIG', 'SET', 'port', $port);
$redis->{port} = $port;
all_ready('the gateways are ready when Redis accepts connections again');
learned('acct_5', 'an update after that');

$_->stop for $one, $two;

for my $log ($one->error_log, $two->error_log) {
    unlike($log, qr/\b(?:first|second|third)\b(?!\/)/,
        'the log has none of the passwords');
}

done_testing();
