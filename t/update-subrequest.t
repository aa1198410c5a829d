# A subrequest of another module to the authenticate family or a webhook is
# rejected, and the reason is logged.

use strict;
use warnings;

use Test::More;

use Reauth::Test redis => 0;
use Reauth::Webhook;

my $gateway = gateway(config => <<'EOC');
location /asks/ { auth_request /api/authenticate/auth_1; proxy_pass http://fans_api; }
location /hooks/ { auth_request /webhook; proxy_pass http://fans_api; }
location = /webhook { reauth_webhook $TEST_NGINX_WEBHOOK_SECRET; }
EOC

is($gateway->http('GET', '/asks/x')->{status}, 403,
    'a subrequest to the authenticate family is rejected');
is($gateway->http('GET', '/hooks/x')->{status}, 403,
    'a subrequest to a webhook is rejected');

my $log = $gateway->error_log;

like($log, qr{subrequest to "/api/authenticate/auth_1" rejected: a location},
    'the log names the location');
like($log, qr{a location with "reauth_authenticate" serves requests of clients},
    'the log names the directive');
like($log, qr{"reauth_webhook" serves requests of clients only},
    'the log names the directive of the webhook');
unlike($log, qr/\[(?:alert|crit|emerg)\]/, 'no alerts are logged');
is(scalar sandbox_log(), 0, 'nothing was sent');

done_testing();
