# An account created by a start is known after a poll.  It counts for the caller
# that polled it, and is not followed beyond that caller's limit.  One that a
# webhook has reported counts for the first caller that polls it.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Test::More;

use Reauth::Peer ();
use Reauth::Test redis => 0, sandbox => 0;
use Reauth::Webhook;

my $started = started_at(-1);
my $counter = work_dir() . '/counter';

# each start begins an attempt of a new account
my $peer = Reauth::Peer->start(sub {
    my ($request) = @_;

    if ($request =~ m{\AGET \S*/auth_(\d+)}) {
        return Reauth::Peer::response('200 OK', qq({"account":{"id":"acct_s$1"},)
            . '"state":"authenticating","progress":"started",'
            . qq("lastAttempt":{"success":false,"started_at":"$started"}}));
    }

    open my $out, '>>', $counter or die "$counter: $!\n";
    syswrite $out, 'x';
    close $out;

    return Reauth::Peer::accepted('auth_' . -s $counter);
});

my $file = secret_file('callers', join '', map {
    "$_->[0] sha256:" . sha256_hex("token of $_->[0]") . " $_->[1]\n"
} ['greedy', 'update,attempt attempts=3'],
    ['late', 'update,attempt attempts=3'], ['hooked', 'update,attempt attempts=3'],
    ['other', 'all']);

my $gateway = gateway(
    http_config => "reauth_callers_file $file;\n"
        . 'upstream fans_api { server 127.0.0.1:' . $peer->port . '; }',
    config => <<"EOC");
location = /reauth/metrics { reauth_metrics; }
location = /reauth/webhook { reauth_webhook $ENV{TEST_NGINX_WEBHOOK_SECRET}; }
EOC

sub ask {
    my ($caller, $method, $path, $body) = @_;

    return $gateway->http($method, $path,
        { Authorization => "Bearer token of $caller",
          defined $body ? ('Content-Type' => 'application/json') : () }, $body);
}

sub start {
    my ($caller) = @_;

    return ask($caller, 'POST', '/api/authenticate',
        '{"email":"one@example.com","password":"x"}');
}

sub begun_by {
    my ($caller) = @_;

    return scalar grep { ($_->{caller} // '') eq $caller }
        @{ ask('other', 'GET', '/reauth/accounts?limit=1000')
            ->{json}{accounts} };
}

# ---- each is polled immediately ----

my %statuses;

for (1 .. 10) {
    my $answer = start('greedy');

    $statuses{ $answer->{status} }++;
    ask('greedy', 'GET', "/api/authenticate/$answer->{json}{attempt_id}")
        if $answer->{status} == 200;
}

is_deeply(\%statuses, { 200 => 3, 429 => 7 }, 'the bound is that of updates');
is(begun_by('greedy'), 3, 'the attempts are those of who has polled');

# ---- polled after all have been started ----

my @ids = map { start('late')->{json}{attempt_id} } 1 .. 10;
is((grep { defined } @ids), 10, 'nothing is known of them yet');

for my $id (@ids) {
    is(ask('late', 'GET', "/api/authenticate/$id")->{status}, 200,
        "$id: the poll is answered");
}

is(begun_by('late'), 3, 'started accounts within the limit are followed');
is(start('late')->{status}, 429, 'a start beyond the limit is refused');
like($gateway->error_log,
    qr/\[warn\].*attempt reported by a poll is not followed/,
    'the others are logged');
like($gateway->http('GET', '/reauth/metrics',
        { Authorization => 'Bearer token of other' })->{body},
    qr/^reauth_limited_total\{limit="attempts"\} \d\d$/m,
    'attempts that are not followed are counted');

# ---- reported by webhooks first ----

@ids = map { start('hooked')->{json}{attempt_id} } 1 .. 5;

for my $id (@ids) {
    my $account = $id =~ s/auth_/acct_s/r;
    my $event   = event('accounts.otp_code_required', $account,
        started_at => $started);

    $gateway->http('POST', '/reauth/webhook', { Signature => signature($event),
        'Content-Type' => 'application/json' }, $event);
    is(ask('other', 'GET', "/reauth/accounts/$account")->{json}{caller}, undef,
        "$account: nobody is known to have started it");
}

ask('hooked', 'GET', "/api/authenticate/$_") for @ids;
is(begun_by('hooked'), 5,
    'an attempt counts for the caller that polls it first');
is(start('hooked')->{status}, 429,
    'a caller at its limit cannot start an account');

ask('other', 'GET', "/api/authenticate/$_") for @ids;
is(begun_by('other'), 0, 'whoever polls later has not started it');
is(begun_by('hooked'), 5, 'a poll of another caller does not change the owner');

is(ask('other', 'PUT', '/api/authenticate/acct_other/credentials',
    '{"email":"one@example.com","password":"x"}')->{status}, 200,
    'an update of another caller is accepted');

done_testing();
