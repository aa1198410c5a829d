# Event streams of one worker: an event is composed once for all that may share
# it, and streams take turns.  What each one receives does not depend on the
# others.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Test::More;

use Reauth::Test redis => 0, sandbox_options => ['--hold'];
use Reauth::Stream ();

# more than are resumed in one turn of the event loop
my $streams = 40;

my %token   = map { $_ => "token-of-$_" } qw(all some);
my $callers = secret_file('callers', <<"EOC", oct 644);
all  sha256:${\ sha256_hex($token{all}) } all,operate
some sha256:${\ sha256_hex($token{some}) } status accounts=acct_b*
EOC

my $gateway = gateway(
    log_level   => 'debug',
    workers     => 1,
    http_config => "reauth_callers_file $callers; reauth_wait_max 200;",
    config      => 'location /patient/ {
        reauth_status;
        reauth_retry_after 250s 300s;
    }',
);

sub as {
    my ($who, %more) = @_;

    return { Authorization => "Bearer $token{$who}", %more };
}

sub follow {
    my ($who, $path, $last) = @_;

    my $stream = Reauth::Stream->open($gateway, 'GET', $path // '/reauth/events',
        as($who, $last ? ('Last-Event-ID' => $last) : ()));

    ok($stream->saw(qr/^id: \S+\n\n/m), 'a stream of events begins');

    return $stream;
}

sub log_in { return $gateway->update($_[0], 'ok', headers => as('all')) }

sub changes {
    my ($stream) = @_;

    return grep { $_->{data} } $stream->events;
}

my @all  = map { follow('all') } 1 .. $streams;
my $some = follow('some');

my ($beginning) = $all[0]->text =~ /^id: (\S+)/m;

log_in('acct_a1');
log_in('acct_b1');

ok($_->saw(qr/"account_id":"acct_b1","attempt_id":"[^"]+".*"running".*\n\n/),
    'each stream has the last change') for @all, $some;

my @expected = changes($all[0]);

is(join(' ', map { "$_->{json}{account_id}:$_->{json}{state}" } @expected),
    'acct_a1:starting acct_a1:running acct_b1:starting acct_b1:running',
    'a stream has each change once, in its order');

for my $stream (@all[1 .. $#all]) {
    is_deeply([map { [@$_{qw(id data)}] } changes($stream)],
        [map { [@$_{qw(id data)}] } @expected],
        'all streams of a location have the same events');
}

# composed once, or again after a second

my $composed = () = $gateway->error_log =~ /composed, for all streams$/mg;

cmp_ok($composed, '>=', @expected, 'each change is composed');
cmp_ok($composed, '<=', @expected * $streams / 2,
    'no change is composed for each stream');

my @confined = changes($some);

is(join(' ', map { $_->{json}{account_id} } @confined), 'acct_b1 acct_b1',
    'a confined caller has the changes of its accounts only');
isnt($confined[0]{id}, $expected[2]{id},
    'the IDs of a confined caller are its own');

my $patient = follow('all', '/patient/events', $beginning);

ok($patient->saw(qr/"account_id":"acct_b1","attempt_id":"[^"]+".*"running".*\n\n/),
    'a stream of another location continues at Last-Event-ID');

my @waits = map { $_->{json}{retry_after} } changes($patient);

is(scalar @waits, 4, 'a stream of another location has all changes');
cmp_ok($_, '>=', 250,
    'an event has the retry_after of the location of its stream') for @waits;
cmp_ok($_->{json}{retry_after}, '<=', 60,
    'an event of the usual location has its retry_after') for @expected;

# forgotten while no stream has read of it: what was composed is not sent
$_->close for @all, $some;
is($gateway->http('DELETE', '/reauth/accounts/acct_a1', as('all'))->{status},
    200, 'an account is forgotten');

my $again = follow('all', undef, $beginning);

ok($again->saw(qr/"account_id":"acct_a1","attempt_id":null.*\n\n/),
    'a resumed stream shows that the account is unknown');
is(join(' ', map { "$_->{json}{account_id}:" . ($_->{json}{state} // '') }
    changes($again)), 'acct_b1:starting acct_b1:running acct_a1:none',
    'a resumed stream has no former change of a forgotten account');

# the change of a forgotten account is composed once, too

@all = map { follow('all') } 1 .. $streams;
is($gateway->http('DELETE', '/reauth/accounts/acct_b1', as('all'))->{status},
    200, 'an account is forgotten while all streams follow');

ok($_->saw(qr/"account_id":"acct_b1","attempt_id":null.*\n\n/),
    'each stream shows that the account is unknown') for @all;

my ($since) = $gateway->error_log
    =~ m{http request line: "DELETE /reauth/accounts/acct_b1 (.*)}s;
my $forgot = () = $since =~ /composed, for all streams$/mg;

cmp_ok($forgot, '>=', 1, 'the change of a forgotten account is composed');
cmp_ok($forgot, '<=', $streams / 2, 'the change of a forgotten account is not composed for each stream');

unlike($gateway->error_log, qr/\[(?:alert|crit|error)\]/,
    'nothing worse than a warning is logged');

done_testing();
