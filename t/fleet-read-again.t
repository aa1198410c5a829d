# A gateway reads all accounts again, and is not ready until it has.  Before it
# knows from where it follows the events, Redis returns one of its records in the
# reply to a commit, and another gateway ends this attempt: the end is read.

use strict;
use warnings;

use Test::More;
use Reauth::Test sandbox => 0;
use Reauth::Between;
use Reauth::Webhook;

my %argument = (config => <<'EOC');
location = /reauth/webhook { reauth_webhook $TEST_NGINX_WEBHOOK_SECRET; }
location = /reauth/metrics { reauth_metrics; }
EOC


# The IDs of connections that wait for events.

sub followers {
    my @ids;

    ok(wait_for {
        @ids = map {/^id=(\d+) .* cmd=xread /} redis_cli('CLIENT', 'LIST');
        return scalar @ids;
    } 'a gateway follows the events');

    return @ids;
}


sub hears {
    my ($gateway, $name, $started) = @_;

    is(deliver($gateway, event($name, 'acct_1', started_at => $started))->{status},
        200, "a gateway receives $name");

    return;
}


sub readyz { return $_[0]->http('GET', '/reauth/readyz')->{json}{status}; }


my $between = Reauth::Between->start;
my $one = gateway(%argument, name => 'one', http_config =>
    'reauth_redis redis://gateway@127.0.0.1:' . $between->port
        . "/0$ENV{TEST_NGINX_REDIS_OPTIONS};");

my ($follower) = followers();

my $two     = gateway(%argument, name => 'two');
my $started = started_at(-5);

hears($two, 'accounts.otp_code_required', $started);
ok(wait_for { $one->http('GET', '/reauth/gate/acct_1')->{status} == 503 }
    'the first gateway knows the attempt');

# the first gateway begins to read, and its first command does not arrive yet

$between->hold('GET');
my $held = $between->answered('GET');
redis_cli('CLIENT', 'KILL', 'ID', $follower);
ok(wait_for { $between->answered('GET') > $held }
    'the first gateway reads all accounts again');
ok(wait_for { readyz($one) eq 'degraded' }
    'the first gateway is not ready before it has read them');

# the second one changes the record, so that a commit of the first one conflicts

hears($two, 'accounts.face_otp_required', $started);
ok(wait_for { stored('acct_1', 'action') eq 'face' }
    'Redis has a record that the first gateway does not know');
hears($one, 'accounts.face_otp_required', $started);
ok(wait_for { $one->http('GET', '/reauth/metrics')->{body}
    =~ /^reauth_redis_unwritten 0$/m }
    'the first gateway has compared its change with that record');

hears($two, 'accounts.authentication_failed', $started);
ok(wait_for { stored('acct_1', 'state') eq 'failed' }
    'the attempt has ended in Redis');

$between->pass;

ok(wait_for { $one->http('GET', '/reauth/gate/acct_1')->{status} == 204 }
    'the first gateway learns of the end');
ok(wait_for { readyz($one) eq 'ready' } 'the first gateway is ready again');

done_testing();
