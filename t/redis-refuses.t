# Redis rejects commands for a while, by its ACL or because of its state: the
# gateways follow each other again after it, without a reload.

use strict;
use warnings;

use Test::More;
use Reauth::Test sandbox_options => ['--hold'];

my $one = gateway(name => 'one');
my $two = gateway(name => 'two');


sub follows {
    my ($account, $what) = @_;

    $one->update($account, 'ok');

    return ok(wait_for(sub {
        $two->http('GET', "/reauth/gate/$account")->{status} == 503
    }), $what);
}


sub ready { return $two->http('GET', '/reauth/readyz')->{json}; }


follows('acct_0', 'one follows the other');

for my $command (qw(xread zrangebyscore)) {
    redis_cli('ACL', 'SETUSER', 'gateway', "-$command");
    redis_cli('CLIENT', 'KILL', 'TYPE', 'normal');

    ok(wait_for(sub { $two->error_log =~ /NOPERM.*\Q$command\E/i }),
        "the rejected $command is logged");

    ok(wait_for(sub {
        (ready()->{reason} // '') =~ /changes made by other gateways are not read/
    }), 'readyz tells it');
    is(ready()->{status}, 'degraded', 'readyz reports "degraded"');

    redis_cli('ACL', 'SETUSER', 'gateway', "+$command");
    follows("acct_$command", 'allowed again: it follows');
    ok(wait_for(sub { ready()->{status} eq 'ready' }),
        'readyz reports "ready" again');
}

like($two->error_log, qr/changes made by other gateways are ignored/,
    'the log tells what that meant');

done_testing();
