# Data at rest in Redis: every key expires except those named here, old events
# are removed, and no value contains confidential data of clients or the
# upstream.

use strict;
use warnings;

use Test::More;

use Reauth::Test;
use Reauth::Webhook;

my $gateway = gateway(config => <<"EOC");
reauth_poll on /upstream interval=100ms max_interval=500ms rate=50r/s;
location = /reauth/webhook { reauth_webhook $ENV{TEST_NGINX_WEBHOOK_SECRET}; }
reauth_heal on delay=0;
location /calls/api/ {
    reauth_gate on;
    reauth_gate_failed on;
    rewrite ^/calls(/.*) \$1 break;
    proxy_pass http://fans_api;
    proxy_set_header Authorization \$reauth_authorization;
}
EOC

# emptied as attempts end; they contain only account IDs and times; a number
my %endless = map { ("{reauth}:$_" => 1) }
    qw(active due due:person due:last rate seq);

# ---- events of two days ago, and one of an hour ago ----

my ($now) = redis_cli('TIME');
my $day_before = ($now - 2 * 86_400) * 1000;

redis_cli('XADD', '{reauth}:events', $day_before + $_, 'writer', "old event $_")
    for 1 .. 120;
redis_cli('XADD', '{reauth}:events', ($now - 3600) * 1000, 'writer', 'an hour');

# ---- a scenario ----

my %secret = (
    password => 'a-password-at-rest', cookie => 'sess=a-cookie-at-rest',
    xbc => 'an-xbc-at-rest', 'user agent' => 'an-agent-at-rest',
    'e-mail' => 'rest@example.com', code => '918273',
    token => 'a-token-at-rest',
);

sub put {
    my ($account, $body) = @_;

    return $gateway->http('PUT', "/api/authenticate/$account/credentials",
        { Authorization => "Bearer $secret{token}" }, $body);
}

for my $story (qw(ok otp wrong face down lost limit)) {
    put("acct_$story", { email => "$story-$secret{'e-mail'}",
        password => $secret{password} });
}

put('acct_raw', { auth_type => 'raw_data', auth_id => 'ok',
    cookies => $secret{cookie}, xbc => $secret{xbc},
    user_agent => $secret{'user agent'} });
sandbox('POST', '/account/acct_app', { hold => 1 });
my $app = put('acct_app', { auth_type => 'mobile_app' });
like($app->{json}{mobile_auth_session_deeplink}, qr/CANARY/,
    'the response has a deeplink');

my $attempt = put('acct_otp', { email => "otp-$secret{'e-mail'}",
    password => $secret{password} })->{json}{attempt_id};
$gateway->http('PUT', "/api/authenticate/$attempt", {},
    { code => $secret{code} });

my $event = event('accounts.connected', 'acct_hooked', csrf => 'CANARY-csrf');
$gateway->http('POST', '/reauth/webhook', { Signature => signature($event),
    'X-OFAPI-Idempotency-Key' => 'evt_1' }, $event);

ok(wait_for { ($gateway->http('GET', '/reauth/accounts/acct_ok')
    ->{json}{state} // '') eq 'succeeded' } 'a login ends');

# until old events are removed: one write of sixteen

my $n = 0;
ok(wait_for {
    put('acct_more' . $n++, { auth_type => 'mobile_app' });
    !grep { /old event/ } redis_cli('XRANGE', '{reauth}:events', '-', '+');
} 'old events are removed');
ok(scalar(grep { /an hour/ } redis_cli('XRANGE', '{reauth}:events', '-', '+')),
    'events of the last hour are kept');

# a session expires: a probe and a reauthentication

sandbox('POST', '/account/acct_dead', { authenticated => \0 });
ok(wait_for {
    $gateway->http('GET', '/calls/api/acct_dead/x');
    redis_cli('EXISTS', '{reauth}:heal:acct_dead') eq '1';
} 'an account is reauthenticated');
sandbox('POST', '/account/acct_refused', { authenticated => \0, next => [
    { path => '/reauthenticate', status => 402, times => 0,
      body => { error => 'X' } } ] });
ok(wait_for {
    $gateway->http('GET', '/calls/api/acct_refused/x');
    redis_cli('EXISTS', '{reauth}:failed:acct_refused') eq '1';
} 'the lease of a probe is in Redis');

# ---- every key ----

my (%kinds, $text);

for my $key (redis_cli('KEYS', '*')) {
    my $type = redis_cli('TYPE', $key);
    next if $type eq 'none';

    my $left = redis_cli('TTL', $key);
    my ($kind) = $key =~ /\A(\{reauth\}:\w+)/;

    $kinds{$kind} = 1;

    ok($left >= 0 || $left == -2 || $endless{$key}, "$key ends ($left s)");
    cmp_ok($left, '<=', 2 * 86_400, 'the keys end within two days');

    $text .= join "\n", $key, redis_cli('--raw',
          $type eq 'zset'   ? ('ZRANGE', $key, 0, -1, 'WITHSCORES')
        : $type eq 'stream' ? ('XRANGE', $key, '-', '+')
        : $type eq 'hash'   ? ('HGETALL', $key)
        :                     ('GET', $key)), '';
}

my @unknown = grep { !/:(?:a|active|due|due:person|due:last|events|o|seen|list|rate|pause|seq|probe|audit|failed|heal|sweep)\z/ }
    keys %kinds;
is("@unknown", '', 'no key that docs/security.md does not name');

is(index($text, $secret{$_}), -1, "no key has the $_") for sort keys %secret;
unlike($text, qr/CANARY/, 'nothing that the upstream sent in confidence');

# ---- an event has neither of what an active attempt has ----

my @events = redis_cli('--raw', 'XRANGE', '{reauth}:events', '-', '+');

ok(scalar(grep { /\Aaccount acct_app\z/ } @events), 'the events have been read');
is(join(' ', grep { /\A(?:(?:prior_)?fingerprint|sealed) / } @events), '',
    'no event has a fingerprint or a sealed value');

my $values = join '|', grep { defined } map {
    @{ stored($_) }{qw(fingerprint sealed prior_fingerprint)}
} qw(acct_app acct_down acct_lost acct_face);

like($values, qr/[0-9a-f]{64}/, 'the records have them');
unlike("@events", qr/$values/,
    'no event has the value of a fingerprint or sealed value');

# ---- an attempt that has ended has neither fingerprint nor sealed value ----

my $record = stored('acct_ok');

is($record->{$_}, undef, "ended: no $_") for qw(fingerprint sealed);
isnt(stored('acct_app')->{sealed}, undef, 'active: a sealed deeplink');

done_testing();
