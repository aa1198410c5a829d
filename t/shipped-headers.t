# In the shipped configurations, including that of the README, responses of the
# upstream may have many headers: content delivery networks and frameworks add
# several kilobytes.

use strict;
use warnings;

use Test::More;

use Reauth::Peer ();
use Reauth::Shipped;
use Reauth::Test;

my $headers = join '', map { "X-Policy-$_: " . ('p' x 1000) . "\r\n" } 1 .. 12;

my $peer = Reauth::Peer->start(sub {
    my ($request) = @_;

    my $answer = $request =~ /\APUT /
        ? Reauth::Peer::accepted('auth_1')
        : Reauth::Peer::response('200 OK', '{"all":"here"}');

    return $answer =~ s/\r\n/\r\n$headers/r;
});

my ($text) = Reauth::Test::slurp('README.md') =~ /^```nginx\n(.*?)^```/ms;
my $readme = work_dir() . '/README.conf';

# the upstream and nginx's directory are those of the test
$text =~ s/upstream fans_api \{ server \S+;/upstream fans_api {\n    server upstream;\n/;
$text =~ s/^http \{\n/pid \/run\/nginx.pid;\nhttp {\n    access_log \/var\/log\/access.log;\n/m;
Reauth::Test::write_file($readme, $text);

for my $file ('conf/nginx.conf', 'docker/nginx.conf', 'conf/demo.conf', $readme) {
    my ($name) = $file =~ /(README|[^\/]+\/[^\/]+)\.conf\z/;

    my $gateway = Reauth::Shipped->start($file, upstream => $peer->port);

    my $call = $gateway->http('GET', '/api/acct_free/me');

    is($call->{status}, 200, "$name: the response to a call is passed");
    is($call->{headers}{'x-policy-12'}, 'p' x 1000,
        "$name: the client receives all headers");
    is($call->{body}, '{"all":"here"}', "$name: the client receives the body");

    my $update = $gateway->update("acct_$name" =~ s/\W/-/gr, 'ok');

    is($update->{status}, 200, "$name: the response to an update is passed");
    is($update->{json}{attempt_id}, 'auth_1',
        "$name: the attempt of the update is known");

    $gateway->stop;
}

done_testing();
