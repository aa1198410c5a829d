# The clock of Redis is read regularly while a gateway is connected; a reply
# that is not a time is rejected.

use strict;
use warnings;

use Test::More;

use Reauth::Test sandbox_options => ['--hold'];
use Reauth::Between;

my $between = Reauth::Between->start;
my $gateway = gateway(http_config => 'reauth_redis redis://gateway@127.0.0.1:'
    . $between->port . "/0$ENV{TEST_NGINX_REDIS_OPTIONS};");


sub offset {
    return $gateway->http('GET', '/reauth/summary')->{json}{clock_offset_ms};
}


sub says {
    my ($seconds) = @_;

    return $between->answer('TIME',
        sprintf "*2\r\n\$%d\r\n%s\r\n\$1\r\n0\r\n", length $seconds, $seconds);
}


cmp_ok(abs(offset()), '<', 1000, 'the clocks agree');

$gateway->update('acct_1', 'ok');

# its times in Redis are by the clock of Redis at that time

ok((wait_for { redis_cli('EXISTS', '{reauth}:a:acct_1') == 1 }),
    'the update is written to Redis');

says(time - 3600);
ok((wait_for { abs(offset() - 3_600_000) < 60_000 }),
    'the clock of Redis is set back: the gateway follows');
is($gateway->http('GET', '/reauth/gate/acct_1')->{status}, 503,
    'the gate is closed still');
ok((wait_for {
    $gateway->error_log =~ /\[warn\] .*the system clock is 36\d\d\.\d{3} s ahead/
}), 'the clock that was set back is logged');

$between->pass;
ok((wait_for { abs(offset()) < 1000 }), 'the clock is right again');
ok((wait_for { $gateway->error_log =~ /the system clock agrees/ }),
    'the agreement of the clocks is logged');

# ---- an invalid time ----

$between->answer('TIME', "-NOPERM User gateway has no permissions\r\n");
redis_cli('CLIENT', 'KILL', 'TYPE', 'normal');
ok((wait_for { $between->answered('TIME') > 3
    && $gateway->error_log =~ /NOPERM/ }), 'a Redis that tells no time');
is($gateway->http('GET', '/reauth/readyz')->{json}{status}, 'degraded',
    'a Redis without a clock is reported as degraded');
is($gateway->http('GET', '/reauth/gate/acct_1')->{status}, 503,
    'the gate is closed still');

$between->pass;
ok((wait_for {
    $gateway->http('GET', '/reauth/readyz')->{json}{status} eq 'ready'
}), 'the gateway is ready again');

done_testing();
