# HTTP/3: updates, the gate, held calls, webhooks and the event stream respond
# as over HTTP/1.1.

use strict;
use warnings;

use IPC::Open2 qw(open2);
use JSON::PP qw(decode_json encode_json);
use Test::More;

use Reauth::Certificates;
use Reauth::Test redis => 0, sandbox_options => ['--hold'];
use Reauth::Webhook;

my $nginx  = $ENV{TEST_NGINX_BINARY} || 'nginx';
my $python = $ENV{TEST_NGINX_HTTP3_PYTHON};

plan skip_all => 'requires TEST_NGINX_HTTP3_PYTHON, a Python with aioquic'
    if !$python;
plan skip_all => 'requires an nginx with HTTP/3'
    if qx{$nginx -V 2>&1} !~ /http_v3_module/;

my $ca = Reauth::Certificates->authority('gateway');
my ($certificate, $key) = $ca->sign('localhost', names => 'DNS:localhost');
my $quic_port = free_port();

my $gateway = gateway(workers => 1, config => <<"EOC");
listen 127.0.0.1:$quic_port quic;
ssl_certificate $certificate;
ssl_certificate_key $key;
reauth_gate_hold 60s;
location = /reauth/webhook { reauth_webhook \$TEST_NGINX_WEBHOOK_SECRET; }
EOC


# exchange([$request, ...], ...): sends the requests of each array at once, over
# one connection; returns the responses in the same arrays.

sub exchange {
    my @groups = @_;

    my $pid = open2(my $out, my $in, $python, 'tests/http3/client.py');

    print {$in} encode_json({
        port      => $quic_port,
        authority => $ca->certificate,
        requests  => \@groups,
    });
    close $in or die "the client of HTTP/3 does not read: $!\n";

    my $text = do { local $/ = undef; <$out> };
    waitpid $pid, 0;
    $? == 0 or die "the client of HTTP/3 failed\n";

    return @{ decode_json($text) };
}


sub get { return { method => 'GET', path => $_[0], headers => $_[1] // {} }; }


sub put_update {
    my ($account, $fields, %more) = @_;

    return {
        method  => 'PUT',
        path    => "/api/authenticate/$account/credentials",
        headers => { 'content-type' => 'application/json',
            authorization => 'Bearer of-the-caller' },
        body => ref $fields ? encode_json($fields) : $fields,
        %more,
    };
}


sub credentials {
    return { email => "$_[0]\@example.com", password => 'secret' };
}


sub sent_to {
    my ($account) = @_;

    return grep { $_->{method} eq 'PUT' && $_->{account} eq $account }
        sandbox_log();
}


my ($first) = exchange([get('/reauth/healthz')],
    [get('/reauth/accounts/acct_none')]);
is($first->[0]{status}, 200, 'healthz responds over HTTP/3');


# updates

my ($updates) = exchange([map { put_update('acct_1', credentials('otp')) }
    1 .. 4]);
my @ids = map { decode_json($_->{body})->{attempt_id} // 'none' } @$updates;

is(join(' ', map { $_->{status} } @$updates), '200 200 200 200',
    'four identical updates at once are accepted');
is(join(' ', @ids), join(' ', ($ids[0]) x 4), 'four identical updates share one attempt');

my @sent = sent_to('acct_1');
is(scalar @sent, 1, 'the upstream received one of the four updates');
like($sent[0]{headers}{authorization},
    qr/\ABearer (?!of-the-caller)/, 'an update is sent with the key of the gateway');

my ($pieces, $broken, $large) = exchange(
    [put_update('acct_2', credentials('ok'), pieces => 20)],
    [put_update('acct_3', '{"email":"x"', pieces => 3)],
    [put_update('acct_3', '{"email":' . ' ' x 70_000 . '"x"}')]);
is($pieces->[0]{status}, 200,
    'an update in twenty parts without Content-Length is accepted');
is($broken->[0]{status}, 400, 'a body that is not JSON is rejected');
is($large->[0]{status}, 413, 'a body over 64 KB is rejected');
is(scalar sent_to('acct_3'), 0, 'a rejected body is not sent');


# the gate

my ($closed) = exchange([get('/api/acct_1/chats'), get('/api/acct_9/chats')]);
my $answer = $closed->[0];

is($answer->{status}, 503, 'a closed gate responds with 503');
like($answer->{headers}{'retry-after'}, qr/\A\d+\z/,
    'a closed gate sends Retry-After');
is($answer->{headers}{'cache-control'}, 'no-store',
    'a closed gate sends Cache-Control');
is(decode_json($answer->{body})->{account_id}, 'acct_1',
    'the response of a closed gate names the account');
is($closed->[1]{status}, 200, 'an open gate passes a call');


# the event stream shows what a poll on the same connection learns; a call is
# held until then

sandbox('POST', '/finish/acct_1');

my ($events) = exchange([
    { %{ get('/reauth/events') }, until => '"state":"succeeded"' },
    get('/api/acct_1/chats', { prefer => 'wait=30' }),
    get("/api/authenticate/$ids[0]"),
]);

is($events->[0]{status}, 200, 'the event stream responds over HTTP/3');
like($events->[0]{body}, qr/^data: .*"state":"succeeded"/m,
    'the event stream has the end of the attempt');
is($events->[1]{status}, 200, 'a held call passes when the gate opens');


# webhooks

my $body    = event('accounts.session_expired', 'acct_1');
my $webhook = {
    method => 'POST', path => '/reauth/webhook', body => $body,
    headers => { 'content-type' => 'application/json',
        signature => signature($body) },
};
my ($heard) = exchange([$webhook, { %$webhook,
    headers => { %{ $webhook->{headers} }, signature => '0' x 64 } }]);

is($heard->[0]{status}, 200, 'a signed webhook is accepted');
is($heard->[1]{status}, 401, 'a webhook with another signature is rejected');


# a client that leaves

exchange([put_update('acct_4', credentials('ok'), abandon => 1)],
    [get('/reauth/healthz')]);
exchange([put_update('acct_5', credentials('ok'))], [get('/reauth/healthz')]);

is(scalar sent_to('acct_5'), 1, 'the gateway serves others afterwards');
ok(scalar(sent_to('acct_4')) <= 1,
    'an update whose client has left is sent once at most');

unlike($gateway->error_log, qr/\[(?:emerg|alert|crit|error)\]/,
    'no errors are logged');

done_testing();
