# The ACL of conf/redis-acl.rules is sufficient for the gateway, and each of its
# commands is needed.

use strict;
use warnings;

use Test::More;
use Reauth::Test sandbox_options => ['--hold'];

my $gateway = gateway();
my $other   = gateway(name => 'other');

sub readyz {
    my ($gateway) = @_;

    return $gateway->http('GET', '/reauth/readyz')->{json}{reason} // '';
}

my $id = $gateway->update('acct_1', 'otp')->{json}{attempt_id};
$gateway->update('acct_2', { auth_type => 'mobile_app' });
$gateway->update('acct_3', 'limit');
sandbox('POST', '/step/acct_1') for 1 .. 2;
$gateway->http('GET', "/api/authenticate/$id");
sandbox('POST', '/finish/acct_1', { success => \1 });
$gateway->http('GET', "/api/authenticate/$id");
ok(wait_for { $other->http('GET', '/reauth/accounts/acct_1')->{json}{state}
    eq 'succeeded' } 'all of it works');
$other->http('GET', $_) for qw(/reauth/accounts /reauth/accounts/acct_9
    /reauth/summary /reauth/readyz);
$other->reload;

is(redis_cli('ACL', 'LOG'), '', 'nothing was denied');

for my $log ($gateway->error_log, $other->error_log) {
    unlike($log, qr/NOPERM/, 'the log has no permission error');
}

my $rights = redis_cli('ACL', 'GETUSER', 'gateway');
unlike($rights, qr/\+\@/, 'the user has no categories of commands');

# ---- without a command, the gateway reports what is missing ----

redis_cli('ACL', 'SETUSER', 'gateway', '-script');
my $third = gateway(name => 'third', without => ['ready']);
ok(wait_for { $third->error_log =~ /NOPERM.*script/i }
    'the missing right to SCRIPT LOAD is logged');
ok(wait_for { ($third->http('GET', '/reauth/summary')->{json}{store}{redis}
    // '') eq 'down' } 'Redis is down without SCRIPT LOAD');
ok(wait_for { readyz($third) =~ /the Redis user lacks a right \(NOPERM\): / }
    'readyz says so');

# ---- a wrong password, a wrong user ----

my $wrong = secret_file('wrong_password', "wrong\n");

for my $user ('gateway', 'nobody') {
    my $refused = gateway(
        name        => "wrong-$user",
        without     => ['ready'],
        http_config => "reauth_redis redis://$user\@127.0.0.1:"
            . "$ENV{TEST_NGINX_REDIS_PORT} password_file=$wrong;",
    );

    ok(wait_for { $refused->error_log =~ /wrong user or password/ }
        "$user: refused, and said");
    ok(wait_for { readyz($refused)
        =~ /Redis rejects the user or the password \(WRONGPASS\): / }
        "$user: readyz says so");
}

# ---- a user without access to the keys ----

redis_cli('ACL', 'SETUSER', 'gateway', '+script|load', 'resetkeys',
    '~{other}:*');
$gateway->update('acct_7', 'ok');
ok(wait_for { $gateway->error_log =~ /NOPERM/ }
    'missing rights for the keys are logged');
is($gateway->http('GET', '/api/acct_7/me')->{status}, 503,
    'the gate is closed all the same');

done_testing();
