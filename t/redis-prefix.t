# reauth_redis prefix=: two deployments in one Redis, with a password only.

use strict;
use warnings;

use Test::More;
use Reauth::Test redis_auth => 'password', sandbox_options => ['--hold'];

my ($one, $two) = map {
    gateway(name => $_, http_config => "reauth_redis $ENV{TEST_NGINX_REDIS_URL}"
        . "$ENV{TEST_NGINX_REDIS_OPTIONS} prefix=$_;")
} qw(one two);

is($one->update('acct_1', 'ok')->{status}, 200,
    'an update of the first gateway is accepted');
ok(wait_for { redis_cli('EXISTS', '{one}:a:acct_1') }
    'the record has the prefix of the first gateway');

# each gateway tests whether Redis accepts writes, and creates its counter
is((grep { !/\A\{one\}:|\A\{two\}:(?:probe|seq\z)/ } redis_cli('KEYS', '*')), 0,
    'no key has a different prefix');

is($one->http('GET', '/reauth/gate/acct_1')->{status}, 503,
    'the gate is closed on the gateway of the update');
sleep 1;
is($two->http('GET', '/reauth/gate/acct_1')->{status}, 204,
    'the other has nothing to do with it');

done_testing();
