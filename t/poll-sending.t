# A gateway that knows an attempt only as being sent is to poll it, as it has not
# yet read that the upstream has accepted the update: it returns the poll soon,
# instead of keeping the lease.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use Reauth::Between;
use Reauth::Stream ();
use Reauth::Test sandbox_options => ['--hold'];

my $between = Reauth::Between->start;

my $two = gateway(
    name        => 'two',
    log_level   => 'debug',
    config      => 'reauth_poll on /upstream interval=200ms rate=20r/s;',
    http_config => 'reauth_redis redis://gateway@127.0.0.1:' . $between->port
        . "/0$ENV{TEST_NGINX_REDIS_OPTIONS};",
);
my $one = gateway(name => 'one');

sub due { return redis_cli('ZSCORE', '{reauth}:due', 'acct_1'); }

sub polled {
    return scalar grep { $_->{method} eq 'GET' } sandbox_log();
}

# ---- two reads that the update is being sent, and nothing more ----

sandbox('POST', '/account/acct_1', { delay_ms => 600_000 });

my $put = Reauth::Stream->open($one, 'PUT', '/api/authenticate/acct_1/credentials',
    { 'Content-Type' => 'application/json' },
    '{"email":"ok@example.com","password":"x"}');

$two->becomes('acct_1', 'starting', 'the second gateway reads of the update');

$between->hold('XREAD');
ok(wait_for { $between->answered('XREAD') } 'the second gateway reads no events');

sandbox('POST', '/release/acct_1');

is($put->finish->{status}, 200, 'the update is accepted');
ok(wait_for { $two->error_log =~ /"acct_1" not polled, its update is being sent/ }
    'the second gateway does not poll yet');

my $at = 1000 * time;

ok(wait_for { due() < $at + 10_000 } 'the lease of 20 seconds is not kept');
is(polled(), 0, 'nothing is polled yet');

$between->pass;
ok(wait_for { polled() > 0 } 'the attempt is polled when the events are read');

done_testing();
