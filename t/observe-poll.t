# A 503 of the upstream for an account whose gate is open does not close the
# gate, but makes the poller request the account's state once.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep);
use Reauth::Test redis => 0, sandbox_options => ['--hold'];

my $gateway = gateway(
    config => 'reauth_poll on /upstream interval=60s max_interval=60s;',
);

sub polls {
    return scalar grep { $_->{method} eq 'GET'
        && $_->{target} =~ m{\A/api/(?:accounts|authenticate/)} } sandbox_log();
}

# unknown to the gateway, while the account logs in at the upstream
sandbox('POST', '/account/acct_away', {
    next => [ { status => 503, times => 0, path => '/chats',
        body => { error => 'SERVICE_UNAVAILABLE', message => 'x' } } ],
});

is($gateway->http('GET', '/api/acct_away/me')->{status}, 200,
    'a call of the unknown account is passed');
sleep 0.5;
is(polls(), 0, 'causes no poll');

my $answer = $gateway->http('GET', '/api/acct_away/chats');
is($answer->{status}, 503, 'a 503 response of the upstream is passed');
is($answer->{json}{message}, 'x',
    'the body of a 503 response is passed unchanged');
ok(wait_for { polls() == 1 } 'a 503 response causes a poll');

$gateway->http('GET', '/api/acct_away/chats') for 1 .. 5;
sleep 1.5;
is(polls(), 1, 'several 503 responses cause one poll');

is($gateway->http('GET', '/reauth/gate/acct_away')->{status}, 204,
    'the gate stays open after a 503 response');

unlike($gateway->error_log, qr/\[(?:alert|emerg)\]/, 'no alerts are logged');

done_testing();
