# reauth_gate dry_run passes calls, and reports that they would be rejected.

use strict;
use warnings;

use Test::More;
use Reauth::Test redis => 0, sandbox_options => ['--hold'];

my $gateway = gateway(
    http_config => 'log_format gate "$uri $status $reauth_gate";',
    config      => <<'EOC');
access_log logs/gate.log gate;
location /api/ {
    reauth_gate dry_run;
    proxy_pass http://fans_api;
    proxy_set_header Authorization $reauth_authorization;
}
EOC

is($gateway->update('acct_1', 'ok')->{status}, 200,
    'an update of acct_1 is accepted');

# the upstream itself rejects calls during a login
is($gateway->http('GET', '/api/acct_1/me')->{json}{decision_id}, undef,
    "a call that would be refused gets the upstream's response");
is($gateway->http('GET', '/api/acct_2/me')->{status}, 200,
    'a call of another account is passed');

is((grep { $_->{target} eq '/api/acct_1/me' } sandbox_log()), 1,
    'the call got to the upstream');
like($gateway->error_log, qr/\[info\].*the gate would be closed for account "acct_1"/,
    'a call that would be refused is logged');

my $log = Reauth::Test::slurp(work_dir() . '/gateway/logs/gate.log');
like($log, qr{^/api/acct_1/me \d+ would_close$}m,
    '$reauth_gate is "would_close" while the gate is closed');
like($log, qr{^/api/acct_2/me \d+ open$}m,
    '$reauth_gate is "open" for another account');

done_testing();
