# reauth_gate_bypass: a value that is neither empty nor "0" passes the call.

use strict;
use warnings;

use Test::More;
use Reauth::Test redis => 0, sandbox_options => ['--hold'];

my $gateway = gateway(
    http_config => 'log_format gate "$args $status $reauth_gate";',
    config      => <<'EOC');
access_log logs/gate.log gate;
reauth_gate_bypass $arg_bypass;
location /api/ {
    reauth_gate on;
    proxy_pass http://fans_api;
    proxy_set_header Authorization $reauth_authorization;
}
EOC

$gateway->update('acct_1', 'ok');

for my $case ([ '', 1 ], [ 'bypass=', 1 ], [ 'bypass=0', 1 ],
    [ 'bypass=1', 0 ], [ 'bypass=00', 0 ], [ 'bypass=no', 0 ])
{
    my ($args, $closed) = @$case;
    my $answer = $gateway->http('GET', "/api/acct_1/me?$args");

    is(defined $answer->{json}{decision_id} ? 1 : 0, $closed,
        "\"$args\": " . ($closed ? 'closed' : 'let through'));
}

my $log = Reauth::Test::slurp(work_dir() . '/gateway/logs/gate.log');
like($log, qr/^bypass=0 503 closed$/m,
    '$reauth_gate is "closed" without a bypass');
like($log, qr/^bypass=1 \d+ bypassed$/m,
    '$reauth_gate is "bypassed" with a bypass');

done_testing();
