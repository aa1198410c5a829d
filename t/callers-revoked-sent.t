# A caller loses its rights while its request waits or its body is being sent:
# nothing is sent for it any more, and it gets no data.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Test::More;
use Time::HiRes qw(sleep);

use Reauth::Certificates;
use Reauth::Peer ();
use Reauth::Stream ();
use Reauth::Test;

my $file = work_dir() . '/callers';
my $hold = work_dir() . '/hold';
my $link = 'fansapiauth://auth/deeplink-of-the-account';

# The upstream: while $hold exists, responses are delayed until it is removed.

my $peer = Reauth::Peer->start(sub {
    my ($request) = @_;

    sleep 0.02 while -e $hold;

    return if $request =~ /acct_retry/;

    return Reauth::Peer::response('422 Unprocessable', '{"message":"no"}')
        if $request =~ /refused\@/;

    return Reauth::Peer::response('200 OK', $request =~ m{\A\w+ /api/acct}
        ? '{"chats":[]}'
        : $request =~ /\AGET /
        ? '{"account":{"id":"acct_own"},"state":"authenticating",'
            . '"progress":"started","lastAttempt":{"success":false}}'
        : qq({"attempt_id":"auth_1","message":"started","polling_url":)
            . qq("https://api.fansapi.com/api/authenticate/auth_1",)
            . qq("mobile_auth_session_deeplink":"$link"}));
});

my %line = (
    all   => 'all sha256:' . sha256_hex('all') . ' all',
    alice => 'alice sha256:' . sha256_hex('one')
        . ' update,attempt,call,team,status',
    carol => 'carol sha256:' . sha256_hex('unknown') . ' all',
);

sub callers {
    my (%changed) = @_;

    my %lines = (%line, %changed);

    Reauth::Test::write_file("$file.new",
        join '', map { "$_\n" } grep { defined } @lines{sort keys %lines});
    rename "$file.new", $file;

    return;
}

callers();

my $ca = Reauth::Certificates->authority('clients');
my ($certificate, $key) = Reauth::Test::certificate('server');
my @carol = $ca->sign('carol');
my $tls   = free_port();
my $port  = $peer->port;

my $gateway = gateway(
    counted     => 1,
    http_config => <<"EOC", config => <<"EOS");
reauth_callers_file $file certificate=cn;
reauth_update_wait 60s;
upstream two { server 127.0.0.1:$port; server 127.0.0.1:$port; }
server {
    listen 127.0.0.1:$tls ssl;
    server_name tls.example;
    ssl_certificate $certificate;
    ssl_certificate_key $key;
    ssl_verify_client optional;
    ssl_client_certificate ${\ $ca->certificate };
    location /api/authenticate { reauth_authenticate /upstream; }
    location /upstream/ {
        internal;
        proxy_pass http://127.0.0.1:$port/;
        proxy_set_header Authorization \$reauth_authorization;
    }
}
EOC
location /api/ {
    reauth_gate on;
    proxy_pass http://two;
    proxy_set_header Authorization \$reauth_authorization;
}
location /upstream/ {
    internal;
    proxy_pass http://127.0.0.1:$port/;
    proxy_set_header Authorization \$reauth_authorization;
}
EOS

sub credentials {
    my ($word) = @_;

    return qq({"email":"$word\@example.com","password":"secret"});
}

sub request {
    my ($token, $method, $path, $body, %option) = @_;

    return Reauth::Stream->open($gateway, $method, $path, {
        Authorization => "Bearer $token",
        defined $body ? ('Content-Type' => 'application/json') : (),
        %option,
    }, $body);
}

sub put {
    my ($token, $account, $word) = @_;

    return request($token, 'PUT', "/api/authenticate/$account/credentials",
        credentials($word));
}

sub sent { return scalar grep { /\Q$_[0]\E/ } $peer->requests; }

sub reached {
    my ($what) = @_;

    return wait_for(sub { sent($what) }, "$what at the upstream");
}

# waits until the file is in use: 415 for an update that would be allowed

sub in_force {
    my ($token, $status) = @_;

    return wait_for(sub {
        $gateway->http('PUT', '/api/authenticate/acct_probe/credentials',
            { Authorization => "Bearer $token" }, '{}')->{status} == $status;
    }, 'the new file');
}

sub hold { Reauth::Test::write_file($hold, ''); return; }

# The ways to lose rights: the line is removed, or has another token, other
# scopes or other accounts.

my @ways = (
    [ 'revoked',        401, alice => undef ],
    [ 'another token',  401, alice => $line{alice} =~ s/sha256:\w+/'sha256:' . sha256_hex('two')/er ],
    [ 'fewer scopes',   403, alice => $line{alice} =~ s/update.*status/status/r ],
    [ 'fewer accounts', 403, alice => $line{alice} =~ s/$/ accounts=acct_other/r ],
);

for my $way (@ways) {
    my ($name, $status, %changed) = @$way;

    (my $tag = $name) =~ tr/ /_/;

    hold();

    # updates of another caller are being sent: one joins, one waits
    my $first  = put('all', "acct_joined_$tag", 'same');
    my $second = put('all', "acct_wait_$tag", 'one');
    my $third  = put('all', "acct_refused_$tag", 'refused');
    reached("acct_${_}_$tag") for qw(joined wait refused);

    my %late = (
        'joins'         => put('one', "acct_joined_$tag", 'same'),
        'joins a refusal' => put('one', "acct_refused_$tag", 'refused'),
        'waits'         => put('one', "acct_wait_$tag", 'two'),
    );

    # these are being sent, without a response yet
    $late{'has been sent'} = put('one', "acct_sent_$tag", 'own');
    $late{'polls'}
        = request('one', 'GET', "/api/authenticate/auth_$tag");
    $late{'reauthenticates'} = request('one', 'POST',
        "/api/authenticate/acct_reauth_$tag/reauthenticate");
    $late{'has an e-mail sent'} = request('one', 'POST',
        "/api/authenticate/auth_email_$tag/send-email-to-creator");
    reached($_) for "acct_sent_$tag", "auth_$tag", "acct_reauth_$tag",
        "auth_email_$tag";

    my %body = (
        'the body of an update' => ['PUT',
            "/api/authenticate/acct_body_$tag/credentials",
            credentials('body')],
        'the body of a start' => ['POST', "/api/authenticate?body_$tag",
            credentials('body')],
        'the body of a code' => ['PUT', "/api/authenticate/auth_body_$tag",
            '{"code":"123456"}'],
        'the body of a call' => ['POST', "/api/acct_body_$tag/chats", '{}'],
        "the body of the team's" => ['POST', "/api/webhooks?body_$tag", '{}'],
    );

    for my $what (sort keys %body) {
        my ($method, $path, $text) = @{ $body{$what} };

        $late{$what} = request('one', $method, $path, substr($text, 0, -1),
            'Content-Length' => length $text);
    }

    callers(%changed);
    ok(in_force('one', $status), "$name: the changed rights are in force");

    print { $late{$_}{socket} } '}' for sort keys %body;
    unlink $hold;

    for my $what (sort keys %late) {
        my $answer = $late{$what}->finish;

        is($answer->{status}, $status, "$name, $what: refused");
        unlike($answer->{body}, qr/deeplink|auth_1|"chats"|progress/,
            "$name, $what: the error has nothing of the response");
    }

    is($_->finish->{status}, $_ == $third ? 422 : 200,
        "$name: the requests of other callers are not affected")
        for $first, $second, $third;

    is(sent("body_$tag"), 0, "$name: the body is not sent to the upstream");
    is(sent("acct_wait_$tag"), 1, "$name: the waiting update is not sent");

    callers();
    ok(in_force('one', 415), "$name: the rights of the caller are restored");
}

like($gateway->error_log, qr/\[notice\] .* rights of caller "alice" have been revoked, its active request is rejected/,
    'the rejection of an active request is logged');

# ---- while an update is being written to Redis ----

redis_pause();
my $begins = put('one', 'acct_begins', 'own');
$gateway->works_at(1, { Authorization => 'Bearer all' });
callers(alice => undef);
ok(in_force('one', 401), 'revoked while an update is written to Redis');
redis_resume();
is($begins->finish->{status}, 401,
    'an update that waits for Redis is rejected');
is(sent('acct_begins'), 0, 'an update that waits for Redis is not sent');

my $record = $gateway->http('GET', '/reauth/accounts/acct_begins',
    { Authorization => 'Bearer all' })->{json};
is("$record->{state} $record->{error_code}", 'rejected NOT_SENT',
    'an update that was begun ends as not sent');

callers();
ok(in_force('one', 415), 'the rights of the caller are restored');

# ---- while a timeline is read from Redis ----

redis_pause();
my $reads = request('one', 'GET', '/reauth/accounts/acct_begins/timeline');
$gateway->works_at(1, { Authorization => 'Bearer all' });
callers(alice => undef);
ok(in_force('one', 401), 'revoked while a timeline is read from Redis');
redis_resume();
my $timeline = $reads->finish;
is($timeline->{status}, 401,
    'a timeline that is read from Redis is not returned');
unlike($timeline->{body}, qr/acct_begins|events/,
    'the error has nothing of the timeline');

callers();
ok(in_force('one', 415), 'the rights of the caller are restored');

# ---- a second server is not tried ----

hold();
my $retry = request('one', 'GET', '/api/acct_retry/me');
reached('acct_retry');
callers(alice => undef);
ok(in_force('one', 401), 'revoked while the first server is asked');
unlink $hold;
is($retry->finish->{status}, 401, 'the second one is not');
is(sent('acct_retry'), 1, 'the call is sent to the first server only');

callers();
ok(in_force('one', 415), 'the rights of the caller are restored');

# ---- a certificate: the line counts, not its token hash ----

sub put_by_certificate {
    my ($account, $release) = @_;

    my $pid = open my $curl, '-|', 'curl', '-sk', '-w', '%{http_code}',
        '--resolve', "tls.example:$tls:127.0.0.1", '--cert', $carol[0],
        '--key', $carol[1], '-X', 'PUT', '-H',
        'Content-Type: application/json', '-d', credentials('own'),
        "https://tls.example:$tls/api/authenticate/$account/credentials"
        or die "curl: $!\n";

    reached($account);
    $release->();

    local $/;
    my $text = <$curl>;
    close $curl;

    return $text;
}

hold();
like(put_by_certificate('acct_cert_kept', sub {
    callers(carol => $line{carol} =~ s/sha256:\w+/'sha256:' . sha256_hex('new')/er);
    ok(in_force('new', 415),
        'a new token of a caller with a certificate is in force');
    unlink $hold;
}), qr/deeplink.*200\z/s, 'a certificate is as good as before');

hold();
like(put_by_certificate('acct_cert_gone', sub {
    callers(carol => undef);
    ok(in_force('new', 401), 'no line for a name of a certificate');
    unlink $hold;
}), qr/UNAUTHORIZED_CALLER.*401\z/s, 'a certificate that names nobody');

# ---- a worker that exits after a reload ----

# the caller whose line was removed last: that of the other one has not changed

callers();
ok(in_force('unknown', 415), 'the rights of the caller are restored');

my $text = credentials('body');
my $late = request('one', 'PUT',
    '/api/authenticate/acct_reload/credentials', substr($text, 0, -1),
    'Content-Length' => length $text);
$gateway->works_at(1, { Authorization => 'Bearer all' });

my ($old) = $gateway->worker_pids;

# how many times it has read the file

sub old_has_read {
    return scalar(() = $gateway->error_log
        =~ /\b$old#\d+: reauth: ".*callers" has changed and was read again/g);
}

my $read = old_has_read();
$gateway->reload;
callers(alice => undef);
ok(in_force('one', 401), 'revoked after a reload');

# the old worker reads it at its own interval
ok(wait_for(sub { old_has_read() > $read }, 'the old worker'),
    'the old worker reads the file, too');

print { $late->{socket} } '}';
is($late->finish->{status}, 401,
    'an update that an old worker reads is rejected');
is(sent('acct_reload'), 0, 'an update that an old worker reads is not sent');

done_testing();
