# GET /reauth/accounts?sort=since: active attempts, the longest wait first, page by
# page, while others begin and end; those that are being sent are the last.

use strict;
use warnings;

use Test::More;

use Reauth::Stream ();
use Reauth::Test redis => 0, sandbox_options => ['--hold', '--stall-s', '8'];

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

# not in the order of their names

my @order = map {"acct_$_"} qw(b4 a7 b1 a9 b6 a2 b8 a3 b5 a1);

login('acct_ended', 'limit');
login($_, 'slow') for @order;

my $all = page('sort=since');
is_deeply(names($all), \@order, 'the list is in the order of beginning');
is($all->{next_cursor}, undef, 'the list has one page');
is_deeply([sort { $a cmp $b } map { $_->{since} } @{ $all->{accounts} }],
    [map { $_->{since} } @{ $all->{accounts} }], 'the times are in this order');

# an update begins another attempt, which is the newest; polls change nothing

sandbox('POST', "/step/$order[3]");
login($order[0], 'otp');
push @order, shift @order;
is_deeply(names(page('sort=since')), \@order, 'a new attempt is the last one');

# pages, while attempts end and begin

my $one = page('sort=since&limit=4');
is_deeply(names($one), [@order[0 .. 3]], 'the first page has the longest waits');

$gateway->http('DELETE', "/reauth/accounts/$_", as('all')) for @order[1, 3, 5];
login('acct_b2', 'slow');

my $two = page("sort=since&limit=4&cursor=$one->{next_cursor}");
is_deeply(names($two), [@order[4, 6, 7, 8]], 'the second page begins where the first one ended');

my $rest = page("sort=since&limit=4&cursor=$two->{next_cursor}");
is_deeply(names($rest), [$order[9], 'acct_b2'], 'the third page has the rest, and the new one');
is($rest->{next_cursor}, undef, 'the third page is the last one');

my @left = (@order[0, 2, 4, 6 .. 9], 'acct_b2');
is_deeply(names(page('sort=since')), \@left, 'the list has those that are left');

my ($cursor, @single) = ('');

while (defined $cursor && @single < 50) {
    my $next = page("sort=since&limit=1$cursor");
    push @single, @{ names($next) };
    $cursor = defined $next->{next_cursor} ? "&cursor=$next->{next_cursor}" : undef;
}

is_deeply(\@single, \@left, 'pages of one account have each of them once');

# filters, a confined caller

is_deeply(names(page('sort=since&state=running&auth_type=email_password')), \@left,
    'filters apply to the sorted list');
is_deeply(names(page('sort=since&state=failed')), [], 'ended attempts are not listed');
is_deeply(names(page('sort=since', 'few')), [grep { /acct_b/ } @left],
    'a confined caller sees its accounts in this order');

my @own    = grep { /acct_b/ } @left;
my $sealed = page('sort=since&limit=2', 'few')->{next_cursor};
is_deeply(names(page("sort=since&limit=1000&cursor=$sealed", 'few')),
    [@own[2 .. $#own]], 'the cursor of a confined caller continues');

# an attempt that is being sent is newer, although its deadline is earlier

my $stream = Reauth::Stream->open($gateway, 'PUT', '/api/authenticate/acct_a0/credentials',
    { %{ as('all') }, 'Content-Type' => 'application/json' },
    '{"email":"stall@example.com","password":"secret"}');
wait_for { page('state=starting')->{accounts}[0] } 'an update is being sent';
is_deeply(names(page('sort=since')), [@left, 'acct_a0'], 'an attempt that is being sent is the last one');
is_deeply(names(page('sort=since&state=starting')), ['acct_a0'], 'a filter finds it');

my ($late, $seen) = ('', 0);

for (1 .. 30) {
    my $next = page("sort=since&limit=1$late");
    $seen += grep { $_ eq 'acct_a0' } @{ names($next) };
    last if !defined $next->{next_cursor};
    $late = "&cursor=$next->{next_cursor}";
}

is($seen, 1, 'pages have an attempt that is being sent once');
$stream->close;

# errors

my $plain = page('limit=1')->{next_cursor};

for my $query ('sort=newest', 'sort=', 'sort=since&sort=since', "sort=since&cursor=$plain",
    "cursor=$one->{next_cursor}", 'sort=since&cursor=s1')
{
    is($gateway->http('GET', "/reauth/accounts?$query", as('all'))->{status}, 422,
        "$query is invalid");
}

is_deeply(names(page('sort=since&cursor=sffffffffffffffff-ffffffffffffffff')), [],
    'a made up cursor is after the end');

done_testing();
