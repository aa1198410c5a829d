# A caller that is confined to some accounts learns nothing of the others: not
# by the ids of events, ETags, pages and cursors of lists, nor by the summary.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Test::More;
use Time::HiRes qw(time);

use Reauth::Stream ();
use Reauth::Test redis => 0, sandbox_options => ['--hold'];

my %token   = map { $_ => "token-of-$_" } qw(all some other);
my $callers = secret_file('callers', <<"EOC", oct 644);
all   sha256:${\ sha256_hex($token{all}) } all
some  sha256:${\ sha256_hex($token{some}) } status accounts=acct_b*
other sha256:${\ sha256_hex($token{other}) } status accounts=acct_b*
EOC

my $gateway = gateway(http_config => "reauth_callers_file $callers;");

sub as {
    my ($who, %more) = @_;
    return { Authorization => "Bearer $token{$who}", %more };
}

sub get {
    my ($who, $path, %headers) = @_;
    return $gateway->http('GET', $path, as($who, %headers));
}

sub log_in {
    my ($account) = @_;

    my $answer = $gateway->update($account, 'ok', headers => as('all'));
    is($answer->{status}, 200, "$account logs in") if $answer->{status} != 200;

    return;
}

sub follow {
    my ($who, @id) = @_;

    my $stream = Reauth::Stream->open($gateway, 'GET', '/reauth/events',
        as($who, @id ? ('Last-Event-ID' => $id[0]) : ()));
    $stream->saw(qr/retry: /) or diag('no greeting');

    return $stream;
}

sub ids { return $_[0]->text =~ /^id: (\S+)$/mg; }

my $sealed = qr/\A[0-9a-f]{88}\z/;

log_in("acct_a$_") for 1 .. 130;
log_in("acct_b$_") for 1 .. 3;

# ---- events ----------------------------------------------------------------------

my $all  = follow('all');
my $some = follow('some');

like((ids($all))[0], qr/\A[0-9a-f]+-[0-9a-f]+\z/,
    'a caller with access to all accounts gets the number of the change');
like((ids($some))[0], $sealed, 'the event ID of a confined caller is sealed');
isnt((ids(follow('some')))[0], (ids($some))[0],
    'a confined caller cannot tell that nothing has changed');

log_in('acct_a131');
log_in('acct_b4');
ok($some->saw(qr/acct_b4[^\n]*"running"/),
    'a confined caller gets the events of its own account');
unlike($some->text, qr/acct_a/,
    'a confined caller gets no events of other accounts');
like($_, $sealed,
    'a confined caller gets no numbers of changes') for ids($some);

my $last = (ids($some))[-1];
$some->close;
log_in('acct_a132');
log_in('acct_b5');

$some = follow('some', $last);
ok($some->saw(qr/acct_b5[^\n]*"running"/),
    'a confined caller gets missed events of its own account');
unlike($some->text, qr/reset|acct_b4|acct_a/,
    'a confined caller gets only the missed events of its own account');

for my $id ((ids($all))[0], '0-0', "0$last", substr($last, 0, 87) . 'g',
    substr($last, 2) . substr($last, 0, 2))
{
    ok(follow('some', $id)->saw(qr/event: reset/), 'an ID of another caller is unknown');
}

ok(follow('other', $last)->saw(qr/event: reset/),
    'an event ID of another caller resets the stream');
ok(follow('all', $last)->saw(qr/event: reset/),
    'a sealed event ID resets the stream of an unconfined caller');

my @old = $gateway->worker_pids;
$gateway->reload;

# old workers let nobody wait
wait_for { !grep { -e "/proc/$_" } @old } 'the old workers have exited';

$some = follow('some', $last);
ok($some->saw(qr/acct_b5/), 'an id is valid after a reload');
unlike($some->text, qr/reset/,
    'a stream continues without a reset after a reload');

# ---- lists -----------------------------------------------------------------------

my $etag = get('some', '/reauth/accounts')->{headers}{etag};
my $of_all = get('all', '/reauth/accounts')->{headers}{etag};

log_in('acct_a133');
is(get('some', '/reauth/accounts')->{headers}{etag}, $etag, 'the list has not changed for it');
isnt(get('all', '/reauth/accounts')->{headers}{etag}, $of_all,
    'the ETag of an unconfined caller changes with other accounts');

my $before = time;
my $answer = get('some', '/reauth/accounts?wait=1s', 'If-None-Match' => $etag);
cmp_ok(time - $before, '>=', 0.9,
    'a confined caller waits for a change of its own account');

log_in('acct_b6');
$answer = get('some', '/reauth/accounts?wait=60s', 'If-None-Match' => $etag);
is(scalar @{ $answer->{json}{accounts} }, 6, 'a new account is returned at once');
isnt($answer->{headers}{etag}, $etag, 'a new own account changes the ETag');

my (@pages, @cursors);

for (my $path = '/reauth/accounts?limit=2'; $path && @pages < 10; ) {
    my $page   = get('some', $path)->{json};
    my $cursor = $page->{next_cursor};

    push @pages, scalar @{ $page->{accounts} };
    push @cursors, $cursor if defined $cursor;
    $path = defined $cursor ? "/reauth/accounts?limit=2&cursor=$cursor" : undef;
}

pop @pages if !$pages[-1];
is("@pages", '2 2 2', 'pages are full, whoever else is there');
like($_, $sealed, 'a cursor tells no place') for @cursors;
is(get('some', '/reauth/accounts?cursor=a0-0')->{status}, 422, 'a cursor of another caller is invalid');
is(get('other', "/reauth/accounts?cursor=$cursors[0]")->{status}, 422,
    'a cursor of another confined caller is invalid');
is(get('all', '/reauth/accounts?limit=2')->{json}{next_cursor} =~ /\A[ae][0-9a-f]+-[0-9a-f]+\z/ ? 1 : 0,
    1, 'an unconfined caller gets a plain cursor');

# ---- the summary -------------------------------------------------------------------

is(get('all', '/reauth/summary')->{status}, 200, 'the summary counts all accounts');
$answer = get('some', '/reauth/summary');
is($answer->{status}, 403, 'a confined caller may not read the summary');
is($answer->{json}{error}, 'FORBIDDEN_CALLER',
    'the error of the summary is FORBIDDEN_CALLER');

done_testing();
