# Callers are identified by tokens; scopes and account patterns apply to all
# endpoints except webhooks, health and metrics.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Test::More;

use Reauth::Test redis => 0, sandbox_options => ['--hold'];

my %token = map { $_ => "token-of-$_" } qw(alice bob carol dave);

my $callers = secret_file('callers', <<"EOC", oct 644);
# name and scopes
alice sha256:${\ sha256_hex($token{alice}) } all
bob   sha256:${\ sha256_hex($token{bob}) } update,attempt,call,status accounts=acct_b*
carol sha256:${\ sha256_hex($token{carol}) } call
dave  sha256:${\ sha256_hex($token{dave}) } status accounts=acct_d1,acct_d2
EOC

my $gateway = gateway(
    http_config => <<"EOC", config => <<'EOS', without => ['ready']);
reauth_callers_file $callers;
log_format caller '\$reauth_operation \$reauth_caller \$status [\$http_authorization]';
access_log logs/caller.log caller;
EOC
location = /reauth/metrics { reauth_metrics; }
location = /operators/metrics { reauth_metrics callers; }
EOS

sub as {
    my ($who, $method, $path, $body, %more) = @_;

    my %headers = (%more);
    $headers{Authorization} = "Bearer $token{$who}" if $who;

    return $gateway->http($method, $path, \%headers, $body);
}

sub put {
    my ($who, $account, $story) = @_;

    return as($who, 'PUT', "/api/authenticate/$account/credentials",
        { email => "$story\@example.com", password => 'secret' });
}

my $answer = as(undef, 'GET', '/api/acct_1/me');
is($answer->{status}, 401,
    'a call without a token is rejected with the 401 code');
is($answer->{json}{error}, 'UNAUTHORIZED_CALLER',
    'a call without a token gets an error in the envelope');
like($answer->{headers}{'www-authenticate'}, qr/^Bearer/,
    'a call without a token is told the authentication scheme');

$answer = $gateway->http('GET', '/api/acct_1/me',
    { Authorization => 'Bearer wrong' });
is($answer->{status}, 401, 'a call with an unknown token is rejected');
unlike($answer->{body}, qr/wrong/,
    'an unknown token is not repeated in the response');

is($gateway->http('GET', '/api/acct_1/me',
    { Authorization => "bearer   $token{alice}" })->{status}, 200,
    'the scheme\'s case and blanks do not matter');
is($gateway->http('GET', '/api/acct_1/me',
    { Authorization => "Basic $token{alice}" })->{status}, 401,
    'the scheme itself does');

is(as('alice', 'GET', '/api/acct_1/me')->{status}, 200,
    'a caller with all rights may call an account');
is(as('alice', 'GET', '/api/accounts')->{status}, 200,
    'a caller with all rights may make a call of the team');

$answer = as('bob', 'GET', '/api/acct_1/me');
is($answer->{status}, 403, 'a caller may not call an account of others');
is($answer->{json}{error}, 'FORBIDDEN_CALLER',
    'a forbidden call gets an error in the envelope');
is(as('bob', 'GET', '/api/acct_b1/me')->{status}, 200,
    'a caller may call its own account');
is(as('bob', 'GET', "/api/$_/api/acct_b1")->{status}, 403,
    "$_: a confined caller may not make a call of the team")
    for 'webhooks', 'api';
is(as('bob', 'GET', '/api/accounts')->{status}, 403,
    'a confined caller may not list all accounts of the upstream');
is(as('bob', 'GET', '/api/acct_1/../acct_b1/me')->{status}, 400,
    'a path with two accounts is rejected');

is(put('carol', 'acct_c1', 'ok')->{status}, 403,
    'an update without the scope is rejected');
like(put('carol', 'acct_c1', 'ok')->{json}{description}, qr/scope update;/,
    'the error of an update without the scope names the scope');
like(as('dave', 'GET', '/api/acct_d1/me')->{json}{description},
    qr/scope call, or call:read for GET/,
    'the error of a call without the scope names the scopes');
is(put('bob', 'acct_c1', 'ok')->{status}, 403,
    'an update of an account of others is rejected');
is(put(undef, 'acct_c1', 'ok')->{status}, 401,
    'an update without a token is rejected');
is(scalar(grep { $_->{method} eq 'PUT' } sandbox_log()), 0,
    'nothing of it was sent');

$answer = put('bob', 'acct_b1', 'ok');
is($answer->{status}, 200, 'an update of an allowed account is accepted');
my $attempt = $answer->{json}{attempt_id};

is(as('bob', 'GET', "/api/authenticate/$attempt")->{status}, 200,
    'a caller may poll the attempt of its own account');
is(as('carol', 'GET', "/api/authenticate/$attempt")->{status}, 403,
    'a poll without the scope is rejected');
is(as('carol', 'GET', '/api/acct_b1/me')->{status}, 503,
    'the gate is checked after the rights of the caller');
is(as(undef, 'GET', '/api/acct_b1/me')->{status}, 401,
    'a call without a token gets 401 even if the gate is closed');

$answer = put('alice', 'acct_c1', 'ok');
my $other = $answer->{json}{attempt_id};
is(as('bob', 'GET', "/api/authenticate/$other")->{status}, 403,
    'a caller may not poll the attempt of an account of others');
is(as('bob', 'PUT', "/api/authenticate/$other", { code => '123456' })
    ->{status}, 403, 'a caller may not send a code to the attempt of others');

sandbox('POST', '/finish/acct_c1', { success => 1 });
is(as('alice', 'GET', "/api/authenticate/$other")->{status}, 200,
    'a poll reports the end of the attempt of acct_c1');
is(as('bob', 'GET', "/api/authenticate/$other")->{status}, 403,
    'a poll of an ended attempt of an account of others is rejected');
sandbox('POST', '/finish/acct_b1', { success => 1 });
is(as('bob', 'GET', "/api/authenticate/$attempt")->{status}, 200,
    'a poll reports the end of the attempt of acct_b1');
is(as('bob', 'GET', "/api/authenticate/$attempt")->{status}, 200,
    'a caller may poll its own attempt that has ended');

$answer = as('carol', 'GET', '/reauth/accounts');
is($answer->{status}, 403, 'the status without the scope is rejected');
like($answer->{json}{description}, qr/scope status;/,
    'the error of the status without the scope names the scope');
like(as('carol', 'GET', "/api/authenticate/$attempt")->{json}{description},
    qr/scope attempt;/,
    'the error of a poll without the scope names the scope');
is(as('dave', 'GET', '/reauth/accounts/acct_b1')->{status}, 403,
    'the status of an account of others is rejected');
$answer = as('bob', 'GET', '/reauth/accounts');
is(join(' ', map { $_->{account_id} } @{ $answer->{json}{accounts} }),
    'acct_b1', 'a list contains only accounts that the caller may see');
is(as('dave', 'GET', '/reauth/gate/acct_b1')->{status}, 403,
    'the gate of an account of others cannot be queried');
is(as('dave', 'GET', '/reauth/gate/acct_d1')->{status}, 204,
    'the gate of an allowed account can be queried');

is($gateway->http('GET', $_)->{status}, 200, "$_ needs nobody")
    for qw(/reauth/healthz /reauth/readyz /reauth/metrics);

# "reauth_metrics callers": the inherited callers file applies

is(as(undef, 'GET', '/operators/metrics')->{status}, 401,
    'metrics with the parameter "callers" require a token');
is(as($_, 'GET', '/operators/metrics')->{status}, 403,
    "metrics are not shown to $_, who lacks the scope operate")
    for qw(bob carol dave);
is(as('alice', 'GET', '/operators/metrics')->{status}, 200,
    'metrics are shown to a caller with the scope operate');

$gateway->stop;

my $log = do { local (@ARGV, $/) = $gateway->{dir} . '/logs/caller.log'; <> };
like($log, qr/^call alice 200/m, "the caller's name is logged with a call");
like($log, qr/^update carol 403/m,
    "the caller's name is logged with a rejected update");
unlike($log, qr/token-of/, "the caller's token is not logged");

done_testing();
