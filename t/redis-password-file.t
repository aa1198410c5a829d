# password_file= for the default user; without it, the log names what is
# missing.

use strict;
use warnings;

use Test::More;
use Reauth::Test redis_auth => 'password', sandbox_options => ['--hold'];

my $gateway = gateway();

is($gateway->update('acct_1', 'ok')->{status}, 200,
    'an update is accepted with a password');
is(stored('acct_1', 'state'), 'running', 'an update is stored with a password');

my $without = gateway(
    name        => 'without',
    without     => ['ready'],
    http_config => "reauth_redis $ENV{TEST_NGINX_REDIS_URL};",
);
ok(wait_for { $without->error_log =~ /NOAUTH.*password_file=/ }
    'a missing password is logged');
ok(wait_for { $without->http('GET', '/reauth/readyz')->{body}
    =~ /"reason":"Redis requires a password \(NOAUTH\): updates are stored / }
    'readyz reports that Redis requires a password');

for my $log ($gateway->error_log, $without->error_log) {
    unlike($log, qr/redis-password-for-tests/, 'the password is in no log');
}

my $command = Reauth::Test::slurp('/proc/' . $gateway->pid . '/cmdline');
unlike($command, qr/redis-password/, 'the password is not in the command line');

done_testing();
