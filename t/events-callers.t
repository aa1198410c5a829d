# Named callers: the status requires a scope, and shows only accounts that the
# caller can access.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Test::More;
use Time::HiRes qw(sleep);

use Reauth::Test redis => 0, sandbox_options => ['--hold'];
use Reauth::Stream ();

my %token   = map { $_ => "token-of-$_" } qw(all some call);
my $callers = secret_file('callers', <<"EOC", oct 644);
all  sha256:${\ sha256_hex($token{all}) } all
some sha256:${\ sha256_hex($token{some}) } status,call accounts=acct_b*
call sha256:${\ sha256_hex($token{call}) } call
EOC

my $gateway = gateway(counted => 1,
    http_config => "reauth_callers_file $callers; reauth_gate_hold 30s;");

sub as {
    my ($who, %more) = @_;

    return { %more, $who ? (Authorization => "Bearer $token{$who}") : () };
}

sub get {
    my ($who, $path) = @_;

    return $gateway->http('GET', $path, as($who));
}

sub follow {
    my ($who, $path) = @_;

    return Reauth::Stream->open($gateway, 'GET', $path, as($who));
}

sub log_in {
    my ($account) = @_;

    return $gateway->update($account, 'ok', headers => as('all'))
        ->{json}{attempt_id};
}

for my $path (qw(accounts accounts?wait=5s accounts/acct_b1 summary events
                 accounts/acct_b1/timeline accounts/acct_b1?wait=5s
                 gate/acct_b1))
{
    is(get(undef, "/reauth/$path")->{status}, 401,
        "$path: a request without a token is rejected");
    is(get('call', "/reauth/$path")->{status}, 403,
        "$path: a caller without the scope is rejected");
}

for my $path (qw(accounts/acct_a1 accounts/acct_a1?wait=5s gate/acct_a1
                 accounts/acct_a1/timeline))
{
    is(get('some', "/reauth/$path")->{status}, 403,
        "$path: a caller may not read an account of others");
}

is(get(undef, "/reauth/$_")->{status}, 200,
    "$_: a request without a token is served")
    for qw(healthz readyz);

my $all  = follow('all', '/reauth/events');
my $some = follow('some', '/reauth/events');
my $list = follow('some', '/reauth/accounts?wait=60s');
ok($_->saw(qr/^id: /m), 'each stream of events begins') for $all, $some;

log_in('acct_a1');
sleep 0.2;
ok($list->is_open, 'a list does not change with accounts of others');
my $id = log_in('acct_b1');

for my $account (map { $_->{account_id} }
    @{ $list->finish->{json}{accounts} })
{
    is($account, 'acct_b1', 'the list shows its own');
}

ok($_->saw(qr/acct_b1.*\n\n/),
    'each stream has the events of acct_b1') for $all, $some;
like($all->text, qr/acct_a1/,
    'an unconfined caller gets the events of other accounts');
unlike($some->text, qr/acct_a1/,
    'a confined caller gets no events of other accounts');
is(join(' ', map { $_->{account_id} }
    @{ get('some', '/reauth/accounts')->{json}{accounts} }), 'acct_b1',
    'a confined caller gets a list of its own accounts');
is(@{ get('all', '/reauth/accounts')->{json}{accounts} }, 2,
    'an unconfined caller gets a list of all accounts');
is(get('some', '/reauth/accounts/acct_b1/timeline')->{status}, 200,
    'a confined caller gets the timeline of its own account');

# a held call belongs to its caller until the end
my $held = Reauth::Stream->open($gateway, 'GET', '/api/acct_b1/chats',
    as('some', Prefer => 'wait=60'));
$gateway->works_at(3, as('all'));
ok($held->is_open, 'a call is held while the gate is closed');
sandbox('POST', '/finish/acct_b1');
$gateway->http('GET', "/api/authenticate/$id", as('all'));
is($held->finish->{status}, 200, 'a held call is passed when the gate opens');

done_testing();
