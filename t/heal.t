# reauth_heal: an account whose session has expired is reauthenticated by the
# gateway, and only such an account.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);
use Reauth::Test redis => 0, sandbox_options => ['--hold'];
use Reauth::Webhook;

my $gateway = gateway(
    workers   => 2,
    log_level => 'debug',
    config    => <<"EOC",
reauth_poll on /upstream interval=100ms max_interval=200ms rate=50r/s;
reauth_heal on max=2/d delay=100ms;
location = /reauth/metrics { reauth_metrics; }
location = /reauth/webhook { reauth_webhook $ENV{TEST_NGINX_WEBHOOK_SECRET}; }
EOC
);

my $code = 'SESSION_EXPIRED:NEEDS_REAUTHENTICATION';

sub record {
    my ($account) = @_;

    return $gateway->http('GET', "/reauth/accounts/$account")->{json} // {};
}

sub state_is {
    my ($account, $state) = @_;

    return wait_for { (record($account)->{state} // '') eq $state }
        "$account is $state";
}

sub tries {
    my ($account) = @_;

    return scalar grep { $_->{method} eq 'POST'
        && $_->{target} =~ m{/authenticate/$account/reauthenticate$} }
        sandbox_log();
}

sub expire {
    my ($account, @more) = @_;

    sandbox('POST', "/account/$account", { authenticated => \0,
        next => \@more });

    return is($gateway->http('GET', "/api/$account/x")->{status}, 401,
        "$account: the session has expired");
}

sub counted {
    my ($result) = @_;

    return $gateway->http('GET', '/reauth/metrics')->{body}
        =~ /^reauth_heals_total\{result="$result"\} (\d+)$/m ? $1 : undef;
}

# ---- it heals ----

is(record('acct_1')->{heal}, undef, 'nothing is known of an account');
expire('acct_1');
ok(state_is('acct_1', 'running'), 'the account is reauthenticated');
is(tries('acct_1'), 1, 'one reauthentication is sent');

my $record = record('acct_1');
is($record->{gate}, 'closed', 'the gate is closed during the login');
is($record->{source}, 'heal', 'the source is heal');
is_deeply($record->{heal}, { next_at => undef, tries => 1,
    last_error => undef }, 'the record shows the try');
ok($record->{attempt_id}, 'the attempt is known');

is($gateway->http('POST', '/api/authenticate/acct_1/reauthenticate')->{status},
    200, 'a caller that reauthenticates meanwhile gets a response');
is(tries('acct_1'), 1, 'the reauthentication of the caller is not sent');

sandbox('POST', '/finish/acct_1', { success => \1 });
ok(state_is('acct_1', 'succeeded'), 'the account is logged in again');
is($gateway->http('GET', '/api/acct_1/x')->{status}, 200,
    'calls of the healed account succeed');

my ($timeline) = $gateway->http('GET', '/reauth/accounts/acct_1/timeline')
    ->{json}{events};
my %source = map { ($_->{source} // 'none') => 1 } @$timeline;
ok($source{heal}, 'the timeline has entries with the source heal');
cmp_ok(counted('started'), '==', 1, 'the try is counted');

# ---- simultaneous failures ----

sandbox('POST', '/account/acct_many', { authenticated => \0 });
$gateway->http('GET', '/api/acct_many/x') for 1 .. 50;
ok(state_is('acct_many', 'running'), 'an account with many failures is healed');
is(tries('acct_many'), 1, 'many failures cause one reauthentication');

# ---- it fails, the delay doubles, the cap is reached ----

my @refuse = map { { path => '/reauthenticate', status => 429,
    headers => { 'Content-Type' => 'application/json' },
    body => { error => 'TOO_MANY' } } } 1 .. 9;

my $begin = time;
expire('acct_2', @refuse);
ok(wait_for { tries('acct_2') == 2 } 'a try that is rejected is repeated');
cmp_ok(time - $begin, '>=', 0.25, 'the second try is later');
ok(wait_for { (record('acct_2')->{heal}{last_error} // '') eq 'TOO_MANY'
    && !record('acct_2')->{heal}{next_at} } 'the last error is shown');
$record = record('acct_2');
is($record->{state}, 'failed', 'the account is failed after the tries');
is($record->{action_required}, 'credentials',
    'the account needs credentials after the tries');
is($record->{error_code}, $code, 'the error is still that of the session');
is_deeply($record->{heal}, { next_at => undef, tries => 2,
    last_error => 'TOO_MANY' }, 'no further try is to come');
sleep 1;
is(tries('acct_2'), 2, 'there are not more tries than the cap');
expire('acct_2', @refuse);
sleep 1;
is(tries('acct_2'), 2, 'the cap holds for another failure on the same day');
cmp_ok(counted('rejected'), '==', 2, 'rejected tries are counted');
like($gateway->error_log,
    qr/"acct_2" was not reauthenticated: TOO_MANY, try 2 of 2 a day/,
    'a rejected try is logged');

my ($failed) = grep { $_->{account_id} eq 'acct_2' }
    @{ $gateway->http('GET', '/reauth/accounts?state=failed')
        ->{json}{accounts} };
is_deeply($failed->{heal}, { next_at => undef, tries => 2,
    last_error => 'TOO_MANY' }, 'the list shows that no try is to come');

# ---- a success counts, too ----

expire('acct_1');
ok(wait_for { tries('acct_1') == 2 } 'a second failure is healed');
sandbox('POST', '/finish/acct_1', { success => \1 });
ok(state_is('acct_1', 'succeeded'), 'the account is logged in a second time');
expire('acct_1');
sleep 1;
is(tries('acct_1'), 2, 'successful tries count for the cap');

# ---- what is not healed ----

$gateway->update('acct_3', 'wrong');
sandbox('POST', '/finish/acct_3', { success => \0, error_code => 'X' });
ok(state_is('acct_3', 'failed'), 'new credentials are refused');

expire('acct_4');
ok(state_is('acct_4', 'running'), 'the gateway reauthenticates another account');
sandbox('POST', '/finish/acct_4', { success => \0,
    error_code => 'INVALID_CREDENTIALS', state => 'auth-failed' });
ok(state_is('acct_4', 'failed'), 'the credentials of the account are refused');

$gateway->update('acct_5', 'otp');
ok(wait_for { sandbox('POST', '/step/acct_5', {});
    record('acct_5')->{state} eq 'needs_otp' } 'an account waits for a person');
sandbox('POST', '/account/acct_5', { authenticated => \0 });
Reauth::Webhook::deliver($gateway, event('accounts.session_expired', 'acct_5'));

expire('acct_6', { path => '/reauthenticate', status => 400,
    headers => { 'Content-Type' => 'application/json' },
    body => { message => 'x', reason => 'Already authenticated' } });
ok(state_is('acct_6', 'rejected'), 'the upstream says that it is logged in');

sleep 1;
is(tries('acct_3'), 0, 'refused credentials are not tried');
is(tries('acct_4'), 1, 'credentials that were refused are not tried again');
is(tries('acct_5'), 0, 'an account that waits for a person is left alone');
is(tries('acct_6'), 1, 'an account that is logged in is not tried again');

# ---- an update comes first ----

# this gateway tries so late that the update precedes its first try; if it does
# not, on a busy machine, another account is used

my $late = gateway(
    name      => 'late',
    log_level => 'debug',
    config    => <<'EOC',
reauth_poll on /upstream interval=100ms max_interval=200ms rate=50r/s;
reauth_heal on max=2/d delay=3s;
EOC
);
my ($renewed, $renewals);

ok(wait_for {
    $renewed = 'acct_renewed' . ++$renewals;
    $begin = time;
    sandbox('POST', "/account/$renewed", { authenticated => \0 });
    $late->http('GET', "/api/$renewed/x");

    return $late->update($renewed, 'ok')->{status} == 200
        && time - $begin < 3;
} 'new credentials arrive before the first try');
is($late->record($renewed)->{heal}, undef,
    'no try is to come after new credentials');
sleep $begin + 4 - time if time < $begin + 4;
is(tries($renewed), 0, 'an account with new credentials is not healed');

# ---- a webhook, by the list of accounts ----

$gateway->update('acct_8', 'ok');
sandbox('POST', '/finish/acct_8', { success => \1 });
ok(state_is('acct_8', 'succeeded'), 'an account is logged in');
sandbox('POST', '/account/acct_8', { authenticated => \0 });
Reauth::Webhook::deliver($gateway, event('accounts.session_expired', 'acct_8'));
ok(wait_for { tries('acct_8') == 1 }
    'an account is healed after a webhook about its session');

unlike($gateway->error_log, qr/\[(?:error|crit|alert|emerg)\]/,
    'no errors are logged');

done_testing();
