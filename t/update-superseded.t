# Identical updates wait for the first of them while a different one waits for
# its turn, which may come before all identical ones have their response: they
# still get it, and none of them is sent after the newer update.

use strict;
use warnings;

use Test::More;
use Reauth::Stream ();
use Reauth::Test sandbox_options => ['--hold'];

my @gateways = map { gateway(name => $_, workers => 2, counted => 1) } qw(one two);


sub begin {
    my ($gateway, $account, $password) = @_;

    return Reauth::Stream->open($gateway, 'PUT',
        "/api/authenticate/$account/credentials",
        { 'Content-Type' => 'application/json', Host => 'gateway.example' },
        qq({"email":"ok\@example.com","password":"$password"}));
}


sub sent {
    my ($account) = @_;

    return map { $_->{body} =~ /"(first|second)"/ }
        grep { $_->{method} eq 'PUT' && $_->{account} eq $account }
        sandbox_log();
}


for my $account (map { "acct_$_" } 1 .. 4) {
    sandbox('POST', "/account/$account", { delay_ms => 600_000 });

    my @first = (begin($gateways[0], $account, 'first'));
    ok(wait_for(sub {
        $gateways[1]->http('GET', "/reauth/gate/$account")->{status} == 503
    }), "$account: both know of the first");

    push @first, map { begin($gateways[$_ % 2], $account, 'first') } 1 .. 8;
    $gateways[0]->works_at(5);
    $gateways[1]->works_at(4);
    my @second = map { begin($gateways[$_ % 2], $account, 'second') } 1 .. 4;
    $gateways[0]->works_at(7);
    $gateways[1]->works_at(6);
    sandbox('POST', "/release/$account");

    my @answers = map { $_->finish } @first;
    my %attempt = map { ($_->{json}{attempt_id} // 'none') => 1 } @answers;

    is(scalar(grep { $_->{status} == 200 } @answers), 9, 'all are answered');
    is(scalar(keys %attempt), 1, 'all first updates have one attempt');
    is(scalar(grep { ($_->{json}{polling_url} // '')
        =~ m{\Ahttp://gateway[.]example/api/authenticate/auth_} } @answers), 9,
        'polling_url of all first updates leads to the gateway');

    @answers = map { $_->finish } @second;
    is(scalar(grep { $_->{status} == 200 } @answers), 4,
        'all second updates are accepted');
    is(join(' ', sent($account)), 'first second',
        'the upstream got each once, the newer one last');
}

done_testing();
