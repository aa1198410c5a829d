# The stand-in of the key while nginx builds a request: it is unique to that
# request, and is replaced by the key wherever the variable was used; if it was
# changed, nothing is sent.

use strict;
use warnings;

use IO::Socket::INET;
use Test::More;

use Reauth::Peer;
use Reauth::Test redis => 0, sandbox => 0;

my $bearer = 'Bearer sandbox-api-key-for-tests-only';

# repeats what it receives in a header and in the body, except for logins

my $peer = Reauth::Peer->start(sub {
    my ($request, $number) = @_;

    return 'reset' if $request =~ m{/reset } && $number > 1;
    return Reauth::Peer::accepted('auth_1') if $request =~ m{\APUT };

    my ($echo) = $request =~ /^x-echo: (.*?)\r$/mi;

    return Reauth::Peer::response('200 OK', $request,
        defined $echo ? ("X-Echo: $echo") : ());
});

my $dead = free_port();
my $port = $peer->port;
my $set  = 'proxy_set_header Authorization $reauth_authorization;';

my $gateway = gateway(
    log_level   => 'debug',
    http_config => <<"EOC",
upstream fans_api { server 127.0.0.1:$port; keepalive 4; }
upstream half_dead { server 127.0.0.1:$dead max_fails=0; server 127.0.0.1:$port backup; }
map \$reauth_authorization \$cut { volatile; default ""; "~^(?<part>.{12})" \$part; }
map \$reauth_authorization \$less { volatile; default ""; "~^(?<rest>.*).\$" \$rest; }
log_format key "[\$reauth_authorization][\$cut][\$less]";
access_log logs/key.log key;
EOC
    config => <<"EOC");
location /twice/ { proxy_pass http://fans_api; $set
    proxy_set_header X-Key "\$reauth_authorization \$reauth_authorization";
    add_header X-Told "[\$reauth_authorization]" always; }
location /body/ { proxy_pass http://fans_api; $set
    proxy_set_body "key=\$reauth_authorization."; }
location /next/ { proxy_pass http://half_dead; $set }
location /cut/ { proxy_pass http://fans_api; $set proxy_set_header X-Cut \$cut; }
location /less/ { proxy_pass http://fans_api; $set proxy_set_header X-Less \$less; }
location /kept/ { proxy_pass http://fans_api; proxy_http_version 1.1;
    proxy_set_header Connection ""; $set }
location /page/ { proxy_pass http://fans_api; proxy_http_version 1.1;
    proxy_set_header Connection ""; $set
    error_page 404 502 504 = \@again; }
location \@again { proxy_pass http://fans_api; $set }
location /missing/ { error_page 404 = /twice/after; return 404; }
location /parent/ { auth_request /twice/asked; proxy_pass http://fans_api; $set }
EOC


# one request, byte by byte, because these are not ASCII

sub ask {
    my ($path, @headers) = @_;

    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $gateway->port) or die "cannot connect: $!\n";

    print {$socket} join "\r\n", "GET $path HTTP/1.1", 'Host: localhost',
        'Connection: close', @headers, '', '';
    local $/ = undef;

    return scalar <$socket>;
}


sub keys_in {
    my ($answer) = @_;

    my $n = () = $answer =~ /\Q$bearer\E/g;
    return $n;
}


# the requests in the debug log, in order

sub shown {
    return $gateway->error_log =~ /^Authorization: (.*?)\r$/mg;
}


# ---- in all places, and only there ----

my %places = (twice => 3, body => 2, next => 1, kept => 1, missing => 3,
    parent => 1);

for my $where (sort keys %places) {
    for my $round (1 .. 3) {
        my $answer = ask("/$where/acct_1");

        like($answer, qr{\AHTTP/1\.1 200 },
            "/$where/: the request of round $round is passed");
        is(keys_in($answer), $places{$where},
            "/$where/: the key is in each place of round $round");
        unlike($answer, qr/[\x80-\xff]/,
            'the request has no part of the stand-in');
        like($answer, qr/^X-Told: \[\]/m, 'a response does not have it')
            if $where eq 'twice';
    }
}

# a connection that the upstream resets, and the location for this error

my $answer = ask('/page/reset') . ask('/page/reset');
is(keys_in($answer), 2, 'sent again, by another location, with the key');

# ---- a caller sends a former stand-in ----

my @shown = shown();
my %seen = map { $_ => 1 } @shown;

SKIP: {
    skip 'this nginx has no debug log', 5
        if $gateway->error_log !~ /\[debug\]/;

    cmp_ok(scalar(@shown), '>', 15, 'the log shows what stood for the key');
    is(scalar(keys %seen), scalar(@shown), 'each stand-in is different');
    is(scalar(grep { length != length $bearer } @shown), 0,
        'each stand-in has the length of the value');

    my %heads = map { substr($_, 0, 8) => 1 } @shown;
    is(scalar(keys %heads), scalar(@shown),
        'each stand-in differs from its first bytes on');

    my $sent = ask('/twice/acct_1', map { "X-Echo: $_" } @shown);

    is(keys_in($sent), 3, 'an old stand-in is not replaced by the key');
}

# ---- text of the caller that resembles it ----

my $many = "\x80\xc3\xff\xfe" x 500;
$answer = ask('/twice/acct_1', "X-Echo: $many");

is(keys_in($answer), 3, 'bytes that are no ASCII: the key in its places');
like($answer, qr/^X-Echo: \Q$many\E\r$/m,
    'bytes that are not ASCII are sent unchanged');

# ---- changed before the request is sent ----

for my $where (qw(cut less)) {
    my $before = () = $peer->requests;

    like(ask("/$where/acct_1"), qr/\AHTTP\/1\.1 503 .*KEY_UNAVAILABLE/s,
        "/$where/: a part of the variable is rejected with 503");
    my $after = () = $peer->requests;
    is($after, $before, 'nothing is sent');
}

like($gateway->error_log, qr/\[error\].*was modified before the request was sent/,
    'a modified stand-in is logged');

# ---- an update, and its poll ----

is($gateway->update('acct_1', 'ok')->{status}, 200,
    'an update is accepted in the meantime');

$gateway->stop;

unlike($gateway->error_log, qr/sandbox-api-key/, 'the key is not logged');
unlike(Reauth::Test::slurp("$gateway->{dir}/logs/key.log"),
    qr/sandbox-api-key|[\x80-\xff]/,
    'the access log has neither the key nor a stand-in');
unlike($gateway->error_log, qr/\[(?:alert|crit|emerg)\]/,
    'nothing worse than an error is logged');

done_testing();
