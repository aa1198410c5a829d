# An update without a response: the list of accounts shows whether the login
# runs and how it ends; attempts of other accounts are not confused with it.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep);
use Reauth::Test sandbox_options => [ '--hold', '--stall-s', '30' ];

my %poll = (
    config => <<'EOC',
reauth_poll on /upstream interval=200ms rate=20r/s;
location /upstream/ {
    internal;
    proxy_pass http://fans_api/;
    proxy_set_header Authorization $reauth_authorization;
    proxy_read_timeout 1s;
    proxy_next_upstream off;
}
EOC
);
my $one = gateway(name => 'one', %poll);
my $two = gateway(name => 'two', %poll);


sub becomes {
    my @expected = @_;

    $_->becomes(@expected) for $one, $two;

    return;
}


sub lists {
    return scalar grep { $_->{target} eq '/api/accounts' } sandbox_log();
}


for my $story (qw(lost stall)) {
    my $account = "acct_$story";

    cmp_ok($one->update($account, $story)->{status}, '>=', 500,
        "$story: the client gets an error");
    becomes($account, 'running', "$story: it runs, as the list tells");
    is($two->http('GET', "/reauth/gate/$account")->{status}, 503,
        "$story: closed there, too");
    is($one->http('GET', "/reauth/accounts/$account")->{json}{attempt_id},
        undef, "$story: the attempt ID is not known");

    sandbox('POST', "/finish/$account", { success => $story eq 'lost' ? \1
                                                                      : \0 });
    becomes($account, $story eq 'lost' ? 'succeeded' : 'failed',
        "$story: how it ends");
}

cmp_ok(lists(), '>=', 2, 'the list was asked for');

# one that has not started is followed as long as it may still appear

cmp_ok($one->update('acct_down', 'down')->{status}, '>=', 500,
    'down: no login starts');
my $lists = lists();
ok(wait_for { lists() > $lists } 'down: the list is asked for');
sleep 0.5;
becomes('acct_down', 'unknown',
'down: the attempt stays unknown after the first list');

done_testing();
