# The shipped configurations, including that of the README, serve only the names
# that they list: a page whose host name resolves to the gateway would be of its
# own origin.

use strict;
use warnings;

use Test::More;

use Reauth::Shipped;
use Reauth::Test;

my ($text) = Reauth::Test::slurp('README.md') =~ /^```nginx\n(.*?)^```/ms;
my $readme = work_dir() . '/README.conf';

# the upstream and nginx's directory are those of the test
$text =~ s/upstream fans_api \{ server \S+;/upstream fans_api {\n    server upstream;\n/;
$text =~ s/^http \{\n/pid \/run\/nginx.pid;\nhttp {\n    access_log \/var\/log\/access.log;\n/m;
Reauth::Test::write_file($readme, $text);

my @paths = ('/', '/reauth/accounts', '/reauth/healthz', '/api/acct_1/chats',
    '/api/authenticate/auth_1', '/upstream/api/me', '/nowhere');

my @forwarded = qw(Forwarded X-Forwarded-For X-Forwarded-Host X-Forwarded-Port
    X-Forwarded-Proto X-Real-IP);

for my $file ('conf/nginx.conf', 'docker/nginx.conf', 'conf/demo.conf', $readme) {
    my ($name) = $file =~ /(README|[^\/]+\/[^\/]+)\.conf\z/;

    my $gateway = Reauth::Shipped->start($file,
        upstream => $ENV{TEST_NGINX_SANDBOX_PORT});
    my $port   = $gateway->port;
    my $before = sandbox_log();

    for my $host ('evil.example', "evil.example:$port", 'localhost.evil.example', '10.0.0.1', '[::1]',
        'gateway.example', '', undef)
    {
        my @answers = map { $gateway->http('GET', $_, { Host => $host }) } @paths;
        my $shown   = $host // 'none';

        # HTTP/1.1 requires a Host header
        my $status = ($host // '') ne '' ? 421 : 400;

        is_deeply([grep { $_ != $status } map { $_->{status} } @answers], [],
            "$name: Host $shown is rejected with $status");
        is_deeply([grep { /account|acct_|attempt/ } map { $_->{body} } @answers], [],
            "$name: Host $shown: the response has nothing of accounts");
    }

    is($gateway->http('PUT', '/api/authenticate/acct_1/credentials', { Host => 'evil.example' },
        { email => 'ok@example.com', password => 'x' })->{status}, 421,
        "$name: an update for another host is rejected");
    is($gateway->http('GET', '/', { Host => 'evil.example' })->{json}{error},
        'MISDIRECTED_REQUEST',
        "$name: the error is in the upstream's envelope");
    is(scalar(sandbox_log()), $before, "$name: nothing was sent");

    # nginx has a page for "/" of its own; locations can be mounted into the image
    if ($file !~ /docker/) {
        mkdir "$gateway->{dir}/html";
        Reauth::Test::write_file("$gateway->{dir}/html/index.html", "Welcome to nginx!\n");
        my $root = $gateway->http('GET', '/', { Host => 'localhost' });
        is("$root->{status} " . ($root->{json}{error} // ''), '404 NOT_FOUND',
            "$name: other paths are unknown");
    }

    for my $host ('localhost', "localhost:$port", '127.0.0.1', "127.0.0.1:$port",
        $file =~ /docker/ ? 'gateway:8080' : ())
    {
        is($gateway->http('GET', '/reauth/readyz', { Host => $host })->{status}, 200,
            "$name: the host $host is served");
    }

    my $answer = $gateway->http('GET', '/api/acct_9/chats', { map { $_ => 'canary' } @forwarded });
    is($answer->{status}, 200,
        "$name: a call with forwarded headers is passed");

    my $sent = (sandbox_log())[-1];
    is_deeply([grep { ($sent->{headers}{$_} // '') =~ /canary/ } keys %{ $sent->{headers} }], [],
        "$name: headers about the client's address are not passed");

    $gateway->stop;
}

# ---- metrics are for operators, once callers are named ----

my $callers = callers_file(map { [$_, $_] } qw(status operate));

for my $named (0, 1) {
    my $gateway = Reauth::Shipped->start('conf/nginx.conf',
        upstream => $ENV{TEST_NGINX_SANDBOX_PORT},
        replace  => [[qr/(?<=;\n)(?=\n +# errors generated)/,
            $named ? "reauth_callers_file $callers;\n" : '']]);

    my %status = map {
        $_ => $gateway->http('GET', '/reauth/metrics',
            { Host => 'localhost', $_ ? (Authorization => "Bearer token-of-$_") : () })->{status}
    } '', qw(status operate);

    is_deeply(\%status, $named ? { '' => 401, status => 403, operate => 200 }
        : { '' => 200, status => 200, operate => 200 },
        'conf/nginx.conf: metrics ' . ($named ? 'require the scope operate with a callers file'
            : 'are shown without a callers file'));

    $gateway->stop;
}

done_testing();
