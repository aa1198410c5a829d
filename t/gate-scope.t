# A gate at the server level applies to all locations that do not turn it off,
# except the authenticate family and the status; subrequests are not gated.

use strict;
use warnings;

use Test::More;
use Reauth::Test redis => 0, sandbox_options => ['--hold'];

my $gateway = gateway(config => <<'EOC');
reauth_gate on;
location /api/ {
    proxy_pass http://fans_api;
    proxy_set_header Authorization $reauth_authorization;
}
location /own/ { empty_gif; }
location /off/ { reauth_gate off; empty_gif; }
location /metrics/ {
    reauth_metrics;
    location /metrics/inner/ { empty_gif; }
    location /metrics/off/ { reauth_gate off; empty_gif; }
}
location /mirrored/ {
    reauth_gate off;
    mirror /mirror/acct_1;
    proxy_pass http://fans_api/api/acct_9/;
    proxy_set_header Authorization $reauth_authorization;
}
location /mirror/ {
    internal;
    proxy_pass http://fans_api/api/acct_1/mirrored;
    proxy_set_header Authorization $reauth_authorization;
}
location /included/ {
    reauth_gate off;
    add_before_body /own/acct_1;
    addition_types *;
    empty_gif;
}
location /redirected/ {
    reauth_gate off;
    error_page 404 = /own/acct_1;
    root /nowhere;
}
EOC

my $id = $gateway->update('acct_1', 'ok')->{json}{attempt_id};
ok($id, 'an update of acct_1 is accepted');

is($gateway->http('GET', '/api/acct_1/me')->{status}, 503,
    'a gate is inherited from the server');
is($gateway->http('GET', '/own/acct_1')->{status}, 503,
    'a gate is inherited by a location without an own setting');
is($gateway->http('GET', '/off/acct_1')->{status}, 200,
    'a gate can be turned off in a location');
is($gateway->http('GET', '/metrics/acct_1')->{status}, 200,
    'a location of the module itself has no gate');
is($gateway->http('GET', '/metrics/inner/acct_1')->{status}, 503,
    'a location inside one of the module has a gate');
is($gateway->http('GET', '/metrics/off/acct_1')->{status}, 200,
    'if that does not turn it off');

is($gateway->http('GET', "/api/authenticate/$id")->{status}, 200,
    'a poll is not gated');
is($gateway->update('acct_1', 'slow')->{status}, 200, 'an update is not gated');
is($gateway->http('GET', '/reauth/accounts/acct_1')->{status}, 200,
    'the status is not gated');
is($gateway->http('GET', '/reauth/healthz')->{status}, 200,
    'healthz is not gated');

is($gateway->http('GET', '/mirrored/x')->{status}, 200,
    'a call with a mirror is not gated by its subrequest');
ok(wait_for { grep { $_->{target} =~ /mirrored/ } sandbox_log() }
    'the subrequest of a mirror is not gated');

is($gateway->http('GET', '/redirected/x')->{status}, 503,
    'where an internal redirect leads is');

done_testing();
