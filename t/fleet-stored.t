# Of responses to the poller, Redis, the status and the logs contain only what
# is meant to be stored.

use strict;
use warnings;

use Test::More;
use Reauth::Test sandbox_options => ['--hold'];

my $gateway = gateway(
    log_level => 'debug',
    config    => 'reauth_poll on /upstream interval=200ms rate=20r/s;',
);

my %kept = map { $_ => 1 } qw(
    account epoch revision state attempt auth_type action source since updated
    deadline started_at completed_at progress error_code error_message caller
    fingerprint sealed has kept before accepted stepped
    origin
);


sub state_of {
    my ($account) = @_;

    return $gateway->http('GET', "/reauth/accounts/$account")->{json}{state}
        // '';
}


for my $story (qw(ok otp face phone lost)) {
    $gateway->update("acct_$story", $story);
    sandbox('POST', "/step/acct_$story") for 1 .. 2;
}

ok(wait_for { state_of('acct_face') eq 'needs_face'
    && state_of('acct_otp') eq 'needs_otp' } 'polls were seen');

sandbox('POST', '/finish/acct_ok');
ok(wait_for { state_of('acct_ok') eq 'succeeded' }
    'an end is reported by a poll');

my $polled = sandbox('GET', '/account/acct_face')->{poll};
like(JSON::PP->new->encode($polled), qr/CANARY/,
    'responses to polls contain what must not be stored');

my (%fields, $text);

for my $key (redis_cli('KEYS', '*')) {
    my $type = redis_cli('TYPE', $key);
    my @lines = redis_cli(
          $type eq 'hash'   ? ('HGETALL', $key)
        : $type eq 'zset'   ? ('ZRANGE', $key, 0, -1)
        : $type eq 'stream' ? ('XRANGE', $key, '-', '+')
        :                     ('GET', $key));

    $text .= join "\n", $key, @lines, '';

    next if $key !~ /:a:(.+)/;

    $fields{$_} = 1 for keys %{ stored($1) };
}

is_deeply([ grep { !$kept{$_} } sort keys %fields ], [],
    'the records hold what may be kept');
unlike($text, qr/CANARY/, 'Redis has nothing of the confidential data');
unlike($text, qr/example\.com|\bsecret\b|onlyfans_data/i,
    'Redis has nothing of the credentials or the account');

my $status = join '', map { $gateway->http('GET', $_)->{body} }
    '/reauth/accounts', map { "/reauth/accounts/acct_$_/timeline" }
    qw(ok otp face phone);
unlike($status, qr/CANARY/, 'the status has nothing of the confidential data');

unlike($gateway->access_log, qr/CANARY/,
    'the access log has nothing of the confidential data');

$gateway->stop;

done_testing();
