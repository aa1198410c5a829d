# GET /reauth/accounts?sort=updated: all accounts, the last change first, page by
# page, while others change.  t/reload-killed-locked.t tests it after repairs.

use strict;
use warnings;

use Test::More;

use Reauth::Test redis => 0, sandbox_options => ['--hold'];

my $callers = callers_file(['all', 'all'], ['few', 'all accounts=acct_b*']);

my $gateway = gateway(http_config => "reauth_callers_file $callers;\nreauth_gate_max 1h;",
    workers => 2);

sub as { return { Authorization => "Bearer token-of-$_[0]" }; }

sub login { return $gateway->update(@_[0, 1], headers => as('all')); }

sub page {
    my ($query, $caller) = @_;

    return $gateway->http('GET', "/reauth/accounts?$query", as($caller // 'all'))->{json};
}

sub names { return [map { $_->{account_id} } @{ $_[0]{accounts} }]; }

sub pages {
    my ($query, $caller, $then) = @_;

    my ($cursor, @found) = ('');

    for (1 .. 60) {
        my $next = page("sort=updated&$query$cursor", $caller);

        push @found, @{ names($next) };
        last if !defined $next->{next_cursor};
        $cursor = "&cursor=$next->{next_cursor}";
        $then->() if $then;
    }

    return \@found;
}

# in no order of names; every third one has ended

my @names = map {"acct_$_"} qw(b4 a7 b1 a9 b6 a2 b8 a3 b5 a1 b7 a6);

login($names[$_], $_ % 3 == 2 ? 'limit' : 'slow') for 0 .. $#names;

my @order = reverse @names;
my $all   = page('sort=updated');

is_deeply(names($all), \@order, 'the last change is the first one');
is($all->{next_cursor}, undef, 'the list has one page');

my @times = map { $_->{updated_at} } @{ $all->{accounts} };
is_deeply([reverse sort { $a cmp $b } @times], \@times, 'the times are in this order');

# a change moves the account to the front, whether it was active or has ended

sub first { @order = ($_[0], grep { $_ ne $_[0] } @order); return; }

for my $change (['acct_b1', 'slow'], ['acct_a7', 'limit'], ['acct_b4', 'otp']) {
    login(@$change);
    first($change->[0]);
    is_deeply(names(page('sort=updated')), \@order, "$change->[0] is the first one");
}

# pages

is_deeply(pages("limit=$_"), \@order, "pages of $_ have each account once") for 1, 5, 12;

# of those that do not change, each is there once, whatever others do

my ($number, %changed) = (0);

my $found = pages('limit=2', 'all', sub {
    my $account = $names[$number++ % 3];

    $changed{$account} = 1;
    login($account, $number % 2 ? 'slow' : 'limit');
    login("acct_new$number", 'slow');
});

is_deeply([grep { !$changed{$_} } @$found], [grep { !$changed{$_} } @order],
    'accounts that do not change are in all pages once');
is_deeply([sort { $a cmp $b } @$found], [do { my %seen; grep { !$seen{$_}++ } sort { $a cmp $b } @$found }],
    'no account is there twice');
is(page('sort=updated&limit=1')->{accounts}[0]{account_id}, "acct_new$number",
    'the last one is the first of a new list');

@order = @{ names(page('sort=updated')) };

# the last account of a page is forgotten

my $one = page('sort=updated&limit=3');
$gateway->http('DELETE', "/reauth/accounts/$order[2]", as('all'));
is_deeply(names(page("sort=updated&limit=3&cursor=$one->{next_cursor}")), [@order[3 .. 5]],
    'a page continues after an account that is not known any more');
splice @order, 2, 1;
is_deeply(names(page('sort=updated')), \@order, 'a forgotten account is not in the list');

# filters, a confined caller

my %state = map { $_->{account_id} => $_->{state} } @{ page('sort=updated')->{accounts} };
my @failed = grep { $state{$_} eq 'rejected' } @order;

ok(@failed > 2, 'accounts were rejected');
is_deeply(pages('limit=2&state=rejected'), \@failed, 'a state is a filter');
is_deeply(pages('limit=2&gate=closed'), [grep { $state{$_} ne 'rejected' } @order],
    'the gate is a filter');
is_deeply(pages('limit=2&caller=all'), \@order, 'the caller is a filter');
is_deeply(pages('limit=2&caller=few'), [], 'a caller without accounts has an empty list');
is_deeply(pages('limit=2', 'few'), [grep { /acct_b/ } @order],
    'a confined caller sees its accounts in this order');

# an account that is known only by an override is the last one

$gateway->http('PUT', '/reauth/accounts/acct_alone/override', as('all'),
    { gate => 'closed', for => '10m', reason => 'test' });
is_deeply(pages("limit=$_"), [@order, 'acct_alone'],
    "pages of $_ end with an account without an attempt") for 1, 4, 50;

# errors

my $plain = page('limit=1')->{next_cursor};
my $since = page('sort=since&limit=1')->{next_cursor};

for my $query ("sort=updated&cursor=$plain", "sort=updated&cursor=$since",
    "cursor=$one->{next_cursor}", "sort=since&cursor=$one->{next_cursor}",
    'sort=updated&cursor=u1')
{
    is($gateway->http('GET', "/reauth/accounts?$query", as('all'))->{status}, 422,
        "$query is invalid");
}

is_deeply(names(page('sort=updated&cursor=u0-0')), ['acct_alone'],
    'a made up cursor is after the end');
is_deeply(names(page('sort=updated&limit=50&cursor=u7fffffffffffffff-ffffffff')), [@order, 'acct_alone'],
    'a made up cursor is before the beginning');

done_testing();
