# The variables of the gate in an access log.

use strict;
use warnings;

use Test::More;
use Reauth::Test redis => 0, sandbox_options => ['--hold'];

my $gateway = gateway(
    http_config => <<'EOC',
log_format reauth "$request_method $uri $status op=$reauth_operation"
                  " account=$reauth_account attempt=$reauth_attempt"
                  " type=$reauth_auth_type state=$reauth_state"
                  " gate=$reauth_gate coalesced=$reauth_coalesced"
                  " store=$reauth_store key=$reauth_authorization";
EOC
    config => <<'EOC',
access_log logs/reauth.log reauth;
location = /plain { empty_gif; }
EOC
);


sub logged {
    my ($start) = @_;

    my $line;

    wait_for {
        ($line) = Reauth::Test::slurp(work_dir() . '/gateway/logs/reauth.log')
            =~ /^(\Q$start\E .*)$/m;
    };

    return $line // '';
}


my $id = $gateway->update('acct_1', 'ok')->{json}{attempt_id};
$gateway->update('acct_1', 'ok', headers => { 'X-Again' => 1 });
$gateway->http('GET', "/api/authenticate/$id");
$gateway->http('GET', '/api/acct_1/me');
$gateway->http('GET', '/api/acct_2/me');
$gateway->http('GET', '/api/no-account');
$gateway->http('GET', '/api/acct_/bad');
$gateway->http('GET', '/reauth/accounts');
$gateway->http('GET', '/plain');

my $rest = 'coalesced=- store=- key=';

is(logged('GET /api/acct_1/me'), "GET /api/acct_1/me 503 op=call"
    . " account=acct_1 attempt=$id type=email_password state=running"
    . " gate=closed $rest", 'a call that is held off');
is(logged('GET /api/acct_2/me'), 'GET /api/acct_2/me 200 op=call'
    . " account=acct_2 attempt=- type=- state=- gate=open $rest",
    'a call that passes');
like(logged('GET /api/no-account'),
    qr/op=call account=- attempt=- type=- state=- gate=- /,
    'the line of a call without an account has empty values');
like(logged('GET /api/acct_/bad'), qr/ 400 op=call account=- .* gate=- /,
    'the line of a call with an invalid ID has empty values');
like(logged('PUT /api/authenticate/acct_1/credentials'),
    qr/ 200 op=update .*attempt=\Q$id\E type=email_password state=running /,
    'the line of an update has the attempt');
like(logged('PUT /api/authenticate/acct_1/credentials'),
    qr/ account=acct_1 .* gate=- coalesced=- store=local key=$/,
    'the line of an update has the store and no key');
like(Reauth::Test::slurp(work_dir() . '/gateway/logs/reauth.log'),
    qr/^PUT .* coalesced=1 /m, 'an update that was coalesced');
like(logged("GET /api/authenticate/$id"),
    qr/ 200 op=poll .*attempt=\Q$id\E .*gate=- /,
    'the line of a poll has the attempt');
like(logged('GET /reauth/accounts'), qr/ 200 op=status .*gate=- /,
    'the line of a status request has no gate');
is(logged('GET /plain'), 'GET /plain 200 op=- account=- attempt=- type=-'
    . " state=- gate=- $rest", 'the line of another location has empty values');

unlike(Reauth::Test::slurp(work_dir() . '/gateway/logs/reauth.log'),
    qr/\Q$Reauth::Test::API_KEY\E/, 'the key is never there');

done_testing();
