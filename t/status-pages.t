# GET /reauth/accounts page by page: each account once, active ones first.  A page
# for which many records are examined gives the zone's lock back in between.

use strict;
use warnings;

use Test::More tests => 16;

use Reauth::Test redis => 0;

my $gateway = gateway();

for my $n (1 .. 9) {
    $gateway->update("acct_active_$n", 'slow');
}

for my $n (1 .. 4) {
    $gateway->update("acct_ended_$n", 'limit');
}

my (@pages, @accounts);
my $cursor = '';

while (defined $cursor && @pages < 20) {
    my $answer = $gateway->http('GET', "/reauth/accounts?limit=4$cursor");

    push @pages, $answer;
    push @accounts, @{ $answer->{json}{accounts} };

    $cursor = $answer->{json}{next_cursor};
    $cursor = "&cursor=$cursor" if defined $cursor;
}

is(scalar(grep { $_->{status} != 200 } @pages), 0, 'all pages are 200');
is(scalar(grep { @{ $_->{json}{accounts} } > 4 } @pages), 0,
    'no page is longer than its limit');
is(scalar @accounts, 13, 'the pages contain all accounts');

my %seen = map { $_->{account_id} => 1 } @accounts;
is(scalar keys %seen, 13, 'the pages have each account once');

is(join('', map { $_->{gate} eq 'closed' ? 'c' : 'o' } @accounts),
    'c' x 9 . 'o' x 4, 'the pages have active accounts first');

my $whole = $gateway->http('GET', '/reauth/accounts?limit=1000');
is_deeply([map { $_->{account_id} } @{ $whole->{json}{accounts} }],
    [map { $_->{account_id} } @accounts],
    'one large page has the accounts in the same order');
is($whole->{json}{next_cursor}, undef, 'the only page has no next page');

my $ended = $gateway->http('GET', '/reauth/accounts?state=rejected&limit=2');
is(scalar @{ $ended->{json}{accounts} }, 2,
    'a page of one state has as many accounts as specified');
is(scalar(grep { $_->{state} ne 'rejected' } @{ $ended->{json}{accounts} }), 0,
    'the page has only accounts of the specified state');

my $rest = $gateway->http('GET', '/reauth/accounts?state=rejected&limit=1000'
    . "&cursor=$ended->{json}{next_cursor}");
is(scalar @{ $rest->{json}{accounts} }, 2, 'the rest of them');
is($rest->{json}{next_cursor}, undef,
    'the last page of a state has no next page');

my $summary = $gateway->http('GET', '/reauth/summary')->{json};
is($summary->{active}, 9, 'the summary counts the active ones alike');
is($summary->{zone}{accounts}, 13, 'the summary counts all accounts');

# ---- the lock of the zone is held for 128 records or empty buckets ----

SKIP: {
    my $large = gateway(name => 'large', log_level => 'debug',
        http_config => 'reauth_zone accounts:8m;');

    my $locks = sub { return scalar(() = $large->error_log =~ /shmtx lock$/mg); };

    skip 'this nginx has no debug log', 3 if !$locks->();

    # of ended accounts, the zone has a bucket for each KB
    my $before = $locks->();
    my $none   = $large->http('GET', '/reauth/accounts?state=rejected');
    my $taken  = $locks->() - $before;

    is(scalar @{ $none->{json}{accounts} }, 0, 'no account matches');
    is($none->{json}{next_cursor}, undef, 'although all were examined');
    cmp_ok($taken, '>=', 8 * 1024 / 128,
        'the lock is released after each 128 records');
}
