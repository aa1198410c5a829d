# A body that was read before the location was chosen is used if it is in
# memory, and rejected if nginx wrote it to a file.

use strict;
use warnings;

use Test::More;

use Reauth::Directives ();
use Reauth::Test redis => 0;
use Reauth::Webhook;

my $nginx = $ENV{TEST_NGINX_BINARY} || 'nginx';
my ($binary) = grep { -f && -x } $nginx,
    map { "$_/$nginx" } split(/:/, $ENV{PATH}), '/usr/sbin';

plan skip_all => 'this nginx has no client_body_early_read'
    if !Reauth::Directives::of($binary)->{client_body_early_read};

my $gateway = gateway(
    http_config => "client_body_early_read 1;\nclient_body_buffer_size 2k;",
    config      => <<'EOC');
location = /reauth/webhook { reauth_webhook $TEST_NGINX_WEBHOOK_SECRET; }
EOC

is($gateway->update('acct_1', 'ok')->{status}, 200,
    'an update that was read early is accepted');
is(deliver($gateway, event('accounts.reconnected', 'acct_1'))->{status}, 200,
    'a webhook that was read early is accepted');
is($gateway->http('GET', '/reauth/healthz')->{status}, 200,
    'a request without a body is served');


# larger than the server's buffer

my $answer = $gateway->http('PUT', '/api/authenticate/acct_2/credentials',
    { 'Content-Type' => 'application/json' },
    '{"email":"ok@example.com","password":"x"' . ' ' x 4000 . '}');

is($answer->{status}, 500, 'a body that was read into a file is rejected');
like($gateway->error_log, qr/reauth: the body was already read to a file/,
    'the log says why');
is(scalar(grep { $_->{target} =~ /acct_2/ } sandbox_log()), 0,
    'nothing was sent');

done_testing();
