# A 503 for an account that we believe open is no verdict, but a reason to look
# at the account once.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep);
use Reauth::Test redis => 0, sandbox_options => ['--hold'];

my $gateway = gateway(
    config => 'reauth_poll on /upstream interval=60s max_interval=60s;',
);

sub looks {
    return scalar grep { $_->{method} eq 'GET'
        && $_->{target} =~ m{\A/api/(?:accounts|authenticate/)} } sandbox_log();
}

# not known to the gateway, but the upstream has one that logs in
sandbox('POST', '/account/acct_away', {
    next => [ { status => 503, times => 0, path => '/chats',
        body => { error => 'SERVICE_UNAVAILABLE', message => 'x' } } ],
});

is($gateway->http('GET', '/api/acct_away/me')->{status}, 200, 'a good answer');
sleep 0.5;
is(looks(), 0, 'is none');

my $answer = $gateway->http('GET', '/api/acct_away/chats');
is($answer->{status}, 503, 'a 503');
is($answer->{json}{message}, 'x', 'is passed on as it is');
ok(wait_for { looks() == 1 } 'and the account is looked at');

$gateway->http('GET', '/api/acct_away/chats') for 1 .. 5;
sleep 1.5;
is(looks(), 1, 'once');

is($gateway->http('GET', '/reauth/gate/acct_away')->{status}, 204,
    'its gate stays open');

unlike($gateway->error_log, qr/\[(?:alert|emerg)\]/, 'no alerts');

done_testing();
