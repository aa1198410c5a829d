# Redis loses all data while nothing is written: the gateways notice and
# continue to poll active attempts.

use strict;
use warnings;

use Test::More;
use Reauth::Test sandbox_options => ['--hold'];

my %poll = (
    config => <<'EOC',
reauth_poll on /upstream interval=200ms rate=20r/s;
location /upstream/ {
    internal;
    proxy_pass http://fans_api/;
    proxy_set_header Authorization $reauth_authorization;
}
EOC
);
my $one = gateway(name => 'one', %poll);
my $two = gateway(name => 'two', %poll);

is($one->update('acct_1', 'ok')->{status}, 200,
    'an update of acct_1 is accepted');
ok(wait_for(sub { $two->http('GET', '/api/acct_1/me')->{status} == 503 }),
    'the other gateway knows');

redis_cli('FLUSHALL');
is($_->http('GET', '/api/acct_1/me')->{status}, 503,
    'the gate is closed after FLUSHALL')
    for $one, $two;

# the next write would be noticed, too: as a change that was missed

ok(wait_for(sub { ($one->error_log . $two->error_log)
    =~ /the database was emptied/ }), 'the loss is logged');

sandbox('POST', '/finish/acct_1', { success => \1 });

for my $gateway ($one, $two) {
    ok(wait_for(sub { $gateway->http('GET', '/reauth/gate/acct_1')->{status}
        == 204 }), 'the poller learns of the end');
}

done_testing();
