# reauth_redis_failure reject: no updates without Redis; the gate and others
# work, and a rejected update changes nothing.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep);
use Reauth::Test redis_timeout => '3s', sandbox_options => ['--hold'];

my $gateway = gateway(http_config => 'reauth_redis_failure reject;');


sub refused {
    my ($account, $what) = @_;

    my $answer = $gateway->update($account, 'wrong');

    is($answer->{status}, 503, "$what: the update is rejected with 503");
    is($answer->{json}{error}, 'STORE_UNAVAILABLE',
        "$what: the error is STORE_UNAVAILABLE");
    ok($answer->{headers}{'retry-after'},
        "$what: the response has Retry-After");

    return;
}


# rejected as well if Redis takes longer than the timeout, on a busy machine

ok(wait_for { $gateway->update('acct_active', 'ok')->{status} == 200 }
    'an update is accepted');
is($gateway->http('GET', '/reauth/gate/acct_active')->{status}, 503,
    'the gate of the active account is closed');

my $puts = grep { $_->{method} eq 'PUT' } sandbox_log();

# ---- Redis hangs ----

redis_pause();

refused('acct_new', 'hangs, a new one');
refused('acct_active', 'hangs, another update of an active one');
is($gateway->http('GET', '/reauth/gate/acct_new')->{status}, 204,
    'the gate of what was refused is open');
is($gateway->http('GET', '/reauth/gate/acct_active')->{status}, 503,
    'the gate of what ran is closed');
is($gateway->http('GET', '/api/acct_9/me')->{status}, 200,
    'calls of other accounts pass');

# it now reads the data sent before the connection was closed
redis_resume();
ok(wait_for { $gateway->http('GET', '/reauth/readyz')->{json}{status}
    eq 'ready' } 'the gateway is ready again');
sleep 1.5;

is($gateway->http('GET', '/reauth/gate/acct_new')->{status}, 204,
    'the gate of a rejected update is still open');
is($gateway->http('GET', '/reauth/gate/acct_active')->{status}, 503,
    'the gate of the active account is still closed');
isnt(stored('acct_new', 'state'), 'starting',
    'nothing starts in Redis');
is(stored('acct_active', 'state'), 'running',
    'the active account is still running in Redis');
is(redis_cli('ZSCORE', '{reauth}:active', 'acct_new'), '',
    'nothing of it is active');

my $other = gateway(name => 'other');
is($other->http('GET', '/reauth/gate/acct_new')->{status}, 204,
    'open for another gateway too');
is($other->http('GET', '/reauth/gate/acct_active')->{status}, 503,
    'the other gateway has closed the gate of the active account');

# ---- Redis is gone ----

redis_stop();

refused('acct_new', 'gone');
refused('acct_new', 'gone, again');
is($gateway->http('GET', '/reauth/gate/acct_new')->{status}, 204,
    'the gate of a rejected update is open without Redis');

is((grep { $_->{method} eq 'PUT' } sandbox_log()), $puts,
    'rejected updates are not sent to the upstream');

redis_start();
ok(wait_for { $gateway->update('acct_new', 'ok')->{status} == 200 }
    'the update is accepted when Redis is back');

done_testing();
