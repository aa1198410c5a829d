# With "timer_resolution", nginx reads the clock at its ticks only: event streams
# that take turns do not wait for a tick each ten.

use strict;
use warnings;

use Test::More;

use Reauth::Test redis => 0, sandbox_options => ['--hold'];
use Reauth::Stream ();

# of which ten are resumed in a turn, or a hundred if a turn is late
my $streams = 60;

my $gateway = gateway(
    log_level   => 'debug',
    main_config => 'timer_resolution 300ms;',
    http_config => 'reauth_wait_max 200;',
    config      => 'location /reauth/ { reauth_status operate; }',
);

is($gateway->update('acct_1', 'ok')->{status}, 200, 'a login begins');

my @streams = map {
    Reauth::Stream->open($gateway, 'GET', '/reauth/events');
} 1 .. $streams;

ok($_->saw(qr/^id: \S+\n\n/m), 'a stream of events begins') for @streams;

is($gateway->http('DELETE', '/reauth/accounts/acct_1')->{status}, 200,
    'an account is forgotten');
ok($_->saw(qr/"account_id":"acct_1","attempt_id":null.*\n\n/),
    'each stream has the change') for @streams;

# each part of the log is a turn of the event loop

my ($since) = $gateway->error_log
    =~ /http request line: "DELETE (.*)/s;
my $turns = grep { m{http output filter "/reauth/events\?"} }
    split /timer delta: /, $since;

# ten streams, and all others at the next tick; and perhaps the comment of a
# stream in a turn of its own

cmp_ok($turns, '>', 0, 'the log shows the turns of the event loop');
cmp_ok($turns, '<=', 3, 'streams do not wait for a tick each ten');

done_testing();
