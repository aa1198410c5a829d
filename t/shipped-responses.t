# In the shipped configurations, including that of the README, a large response to
# an ordinary call is not written to a temporary file, although the client reads
# it later than the upstream sends it.  It arrives complete.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep);

use Reauth::Peer ();
use Reauth::Shipped;
use Reauth::Stream ();
use Reauth::Test;

# more than the buffers of all sockets; no JSON, which the harness would parse

my $size = 12 * 1024 * 1024;

my $peer = Reauth::Peer->start(sub {
    return Reauth::Peer::response('200 OK', 't' x $size);
});

my ($text) = Reauth::Test::slurp('README.md') =~ /^```nginx\n(.*?)^```/ms;
my $readme = work_dir() . '/README.conf';

# the upstream and nginx's directory are those of the test
$text =~ s/upstream fans_api \{ server \S+;/upstream fans_api {\n    server upstream;\n/;
$text =~ s/^http \{\n/error_log \/var\/log\/error.log;\npid \/run\/nginx.pid;\nhttp {\n    access_log \/var\/log\/access.log;\n/m;
Reauth::Test::write_file($readme, $text);

for my $file ('conf/nginx.conf', 'docker/nginx.conf', 'conf/demo.conf', $readme) {
    my ($name) = $file =~ /(README|[^\/]+\/[^\/]+)\.conf\z/;

    my $gateway = Reauth::Shipped->start($file, upstream => $peer->port);
    my $stream  = Reauth::Stream->open($gateway, 'GET', '/api/accounts');

    # the file would be written now: without the pause, the client may be as fast
    # as the upstream, and the test would pass in any case
    sleep 0.5;

    my $answer = $stream->finish;

    is($answer->{status}, 200, "$name: the response is passed");
    is(length $answer->{body}, $size,
        "$name: the whole response arrives");
    unlike(Reauth::Test::slurp("$gateway->{dir}/logs/error.log"),
        qr/buffered to a temporary file/,
        "$name: nothing was written to a temporary file");

    $gateway->stop;
}

done_testing();
