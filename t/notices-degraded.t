# The notice gateway.degraded is sent by each gateway itself, also without Redis;
# a receiver never gets the API key; without reauth_notify nothing is done.

use strict;
use warnings;

use Test::More;
use Reauth::Test sandbox => 0;
use Reauth::Receiver;

my $receiver = Reauth::Receiver->start;
my $to       = $receiver->port;
my $secret   = secret_file('notices', "$Reauth::Receiver::SECRET\n");

# ---- without the directive ----

my $none = gateway(name => 'none');
Reauth::Receiver->notice('acct_0', 1);

# ---- while Redis is away ----

my $gateway = gateway(config => <<"EOC");
reauth_notify /notify $secret events=gateway.degraded;
location = /notify { internal; proxy_pass http://127.0.0.1:$to; }
EOC

$receiver->answers('*' => 503);
redis_stop();

ok(wait_for { $receiver->received('503') } 'a gateway without Redis tells it');

my ($got) = $receiver->received;
my $told  = $got->{json};

is($told->{type}, 'gateway.degraded', 'the type is gateway.degraded');
like($told->{timestamp}, qr/\A20\d\d-\d\d-\d\dT[\d:.]+Z\z/, 'the notice has a timestamp');
like($told->{data}{since}, qr/\A20\d\d-\d\d-\d\dT[\d:.]+Z\z/, 'the notice has the time of the begin');
ok(length $told->{data}{gateway}, 'the notice names the gateway');
like($told->{data}{reasons}[0], qr/^Redis /, 'the notice has the reasons');
is_deeply($told->{data}{reasons},
    $gateway->http('GET', '/reauth/readyz')->{json}{reasons},
    'the reasons are those of readyz');
is(join(' ', sort keys %{ $told->{data} }), 'gateway reasons since',
    'nothing else is told');
ok($got->{valid}, 'the signature is valid');

# ---- a reload before it is accepted ----

$gateway->reload;
$receiver->answers('*' => 200);
ok(wait_for { $receiver->received('200') } 'the notice is sent again after a reload');
sleep 3;
is(scalar($receiver->received('200')), 1, 'the state is told once');
my $before = $receiver->received;
$gateway->reload;
sleep 12;
is(scalar($receiver->received), $before, 'the state is not told again after a reload');

redis_start();
ok(wait_for { $gateway->http('GET', '/reauth/readyz')->{json}{status} eq 'ready' }
    'Redis is available again');
is(scalar($receiver->received), $before, 'nothing is told when it is over');

unlike($none->error_log, qr/notices/, 'a gateway without the directive does nothing');
is(redis_cli('KEYS', '{reauth}:notices*'), '',
    'no gateway uses the stream of notices');

# ---- a location that would send the API key ----

my $careless = gateway(name => 'careless', config => <<"EOC");
reauth_notify /notify $secret;
location = /notify {
    internal;
    proxy_pass http://127.0.0.1:$to;
    proxy_set_header Authorization \$reauth_authorization;
}
EOC

Reauth::Receiver->notice('acct_1', 1);
ok(wait_for { $careless->error_log
    =~ /\$reauth_authorization is not for the receiver of notices, the request is not sent/ }
    'a location that uses the API key is logged');
ok(wait_for { $careless->error_log =~ /did not accept notice .* the location uses \$reauth_authorization/ }
    'the reason is logged with the notice');
is(scalar($receiver->received), $before, 'nothing is sent with the API key');
$careless->stop;

# ---- a location without an upstream ----

my $local = gateway(name => 'local', config => <<"EOC");
reauth_notify /notify $secret;
location = /notify { internal; return 200; }
EOC

ok(wait_for { $local->error_log =~ /the location has no upstream, check proxy_pass/ }
    'a response that nginx generates is not an acceptance');
$local->stop;

# ---- headers of the location; the upstream's state ----

my $headers = gateway(name => 'headers', config => <<"EOC");
reauth_notify /notify $secret;
location = /notify {
    internal;
    proxy_pass http://127.0.0.1:$to;
    proxy_set_header Authorization "Bearer of-the-receiver";
    proxy_pass_request_headers off;
    proxy_set_body "other";
}
EOC

$receiver->answers('*' => 401);
ok(wait_for { $receiver->received('401') } 'the notice is sent by another gateway');
($got) = $receiver->received('401');
ok($got->{valid}, 'proxy_pass_request_headers and proxy_set_body have no effect');
is($got->{headers}{authorization}, 'Bearer of-the-receiver',
    'headers of the location are sent');
is($headers->http('GET', '/reauth/summary')->{json}{upstream}{state}, 'unknown',
    'a 401 of a receiver is not one of the upstream');

$receiver->answers('*' => 200);
ok(wait_for { $receiver->accepted('acct_1') } 'the notice is accepted at last');

done_testing();
