# In the shipped configurations, including that of the README, an update uses the
# next address of the upstream if one cannot be reached, as with IPv6 addresses
# and no route to them: nothing was sent.  One that was sent is not repeated.

use strict;
use warnings;

use Test::More;

use Reauth::Peer ();
use Reauth::Shipped;
use Reauth::Test;

my $peer = Reauth::Peer->start(sub {
    my ($request) = @_;

    return $request =~ /acct_lost/ ? undef
        : $request =~ /\APUT /     ? Reauth::Peer::accepted('auth_1')
        : Reauth::Peer::response('200 OK', '{}');
});

my ($text) = Reauth::Test::slurp('README.md') =~ /^```nginx\n(.*?)^```/ms;
my $readme = work_dir() . '/README.conf';

# the upstream and nginx's directory are those of the test
$text =~ s/upstream fans_api \{ server \S+;/upstream fans_api {\n    server upstream;\n/;
$text =~ s/^http \{\n/pid \/run\/nginx.pid;\nhttp {\n    access_log \/var\/log\/access.log;\n/m;
Reauth::Test::write_file($readme, $text);

sub sent {
    my ($account) = @_;

    return scalar grep { /^\d+ PUT \S*\Q$account\E\// } $peer->requests;
}

for my $file ('conf/nginx.conf', 'docker/nginx.conf', 'conf/demo.conf', $readme) {
    my ($name) = $file =~ /(README|[^\/]+\/[^\/]+)\.conf\z/;
    my $suffix = $name =~ s/\W/-/gr;

    # refuses connections, and is tried again each time
    my $gateway = Reauth::Shipped->start($file,
        upstream => '1 max_fails=0; server 127.0.0.1:' . $peer->port . ' max_fails=0');

    for my $n (1 .. 4) {
        my $account = "acct_$suffix$n";

        is($gateway->update($account, 'ok')->{status}, 200,
            "$name: update $n is accepted");
        is(sent($account), 1, "$name: update $n was sent once");
    }

    my $lost = $gateway->update("acct_lost$suffix", 'ok');

    is($lost->{status}, 502, "$name: an update without a response is 502");
    is($lost->{headers}{'x-should-retry'}, 'false',
        "$name: an update without a response must not be retried");
    is(sent("acct_lost$suffix"), 1,
        "$name: an update without a response was sent once");

    $gateway->stop;
}

done_testing();
