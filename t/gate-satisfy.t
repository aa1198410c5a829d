# "satisfy any" does not skip the gate.

use strict;
use warnings;

use Test::More;
use Reauth::Test redis => 0, sandbox_options => ['--hold'];

my $gateway = gateway(config => <<'EOC');
location /any/ {
    satisfy any;
    allow 127.0.0.1;
    auth_request /never;
    reauth_gate on;
    empty_gif;
}
location /all/ {
    auth_request /always;
    reauth_gate on;
    empty_gif;
}
location = /never  { return 403; }
location = /always { return 204; }
EOC

is($gateway->http('GET', '/any/acct_1')->{status}, 200,
    'satisfy any: a call is passed while the gate is open');
is($gateway->http('GET', '/all/acct_1')->{status}, 200,
    'satisfy all: a call is passed while the gate is open');

$gateway->update('acct_1', 'ok');

is($gateway->http('GET', '/any/acct_1')->{status}, 503,
    'satisfy any: a call is refused while the gate is closed');
is($gateway->http('GET', '/all/acct_1')->{status}, 503,
    'satisfy all: a call is refused while the gate is closed');
is($gateway->http('GET', '/any/acct_2')->{status}, 200,
    'satisfy any: a call of another account is passed');

done_testing();
