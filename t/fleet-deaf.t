# A connection on which no events arrive any more, though nobody has closed it,
# as after a partition: the gateway is not ready until it follows again.

use strict;
use warnings;

use Test::More;

use Reauth::Test redis_timeout => '2s', sandbox_options => ['--hold'];
use Reauth::Between;

my $between = Reauth::Between->start;
my $one = gateway(name => 'one');
my $two = gateway(name => 'two', http_config => 'reauth_redis redis://gateway@127.0.0.1:'
    . $between->port . "/0$ENV{TEST_NGINX_REDIS_OPTIONS};");


sub readyz { return $two->http('GET', '/reauth/readyz')->{json}; }


sub gate { return $two->http('GET', "/reauth/gate/$_[0]")->{status}; }


# The connections of two that are not used for events: by their last command.

sub kill_others {
    for my $line (redis_cli('CLIENT', 'LIST')) {
        my ($id)  = $line =~ /\bid=(\d+)/;
        my ($cmd) = $line =~ /\bcmd=(\S+)/ or next;

        redis_cli('CLIENT', 'KILL', 'ID', $id) if $cmd !~ /\A(?:xread|m?get|client)/;
    }

    return;
}


is($one->update('acct_1', 'ok')->{status}, 200,
    'an update at the first gateway is accepted');
ok(wait_for { gate('acct_1') == 503 } 'the second gateway follows the update');
# the first event of all may follow others that were lost: all is read once

ok(wait_for { readyz()->{status} eq 'ready' } 'the second gateway is ready');

# ---- no reply to XREAD ----

$between->answer('XREAD', '');
ok(wait_for { $between->answered('XREAD') } 'no events arrive');

is($one->update('acct_2', 'ok')->{status}, 200,
    'a second update at the first gateway is accepted');
kill_others();
ok(wait_for { readyz()->{status} eq 'degraded' }
    'the gateway is degraded if no events arrive');
is(gate('acct_2'), 204, 'the update is not known');

# ---- they arrive again ----

$between->pass;
ok(wait_for { readyz()->{status} eq 'ready' }
    'the gateway is ready when events arrive again');
is(gate('acct_2'), 503, 'the missed update is known');
like($two->error_log, qr/Redis did not respond|timed out/,
    'the log says that Redis did not respond');

done_testing();
