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
is($answer->{status}, 401, 'nobody');
is($answer->{json}{error}, 'UNAUTHORIZED_CALLER', 'in the envelope');
like($answer->{headers}{'www-authenticate'}, qr/^Bearer/,
    'and the response says how to authenticate');

$answer = $gateway->http('GET', '/api/acct_1/me',
    { Authorization => 'Bearer wrong' });
is($answer->{status}, 401, 'an unknown token');
unlike($answer->{body}, qr/wrong/, 'is not echoed');

is($gateway->http('GET', '/api/acct_1/me',
    { Authorization => "bearer   $token{alice}" })->{status}, 200,
    'the scheme\'s case and blanks do not matter');
is($gateway->http('GET', '/api/acct_1/me',
    { Authorization => "Basic $token{alice}" })->{status}, 401,
    'the scheme itself does');

is(as('alice', 'GET', '/api/acct_1/me')->{status}, 200, 'who may do all');
is(as('alice', 'GET', '/api/accounts')->{status}, 200, 'a call of the team');

$answer = as('bob', 'GET', '/api/acct_1/me');
is($answer->{status}, 403, 'an account that is not the caller\'s');
is($answer->{json}{error}, 'FORBIDDEN_CALLER', 'in the envelope');
is(as('bob', 'GET', '/api/acct_b1/me')->{status}, 200, 'one that is');
is(as('bob', 'GET', "/api/$_/api/acct_b1")->{status}, 403, "$_: the team's")
    for 'webhooks', 'api';
is(as('bob', 'GET', '/api/accounts')->{status}, 403,
    'who is confined to accounts may not see all of them upstream');
is(as('bob', 'GET', '/api/acct_1/../acct_b1/me')->{status}, 400,
    'a path with two accounts is rejected');

is(put('carol', 'acct_c1', 'ok')->{status}, 403, 'no scope for updates');
like(put('carol', 'acct_c1', 'ok')->{json}{description}, qr/scope update;/,
    'which is named');
like(as('dave', 'GET', '/api/acct_d1/me')->{json}{description},
    qr/scope call, or call:read for GET/, 'that of calls');
is(put('bob', 'acct_c1', 'ok')->{status}, 403, 'nor this account');
is(put(undef, 'acct_c1', 'ok')->{status}, 401, 'nor nobody');
is(scalar(grep { $_->{method} eq 'PUT' } sandbox_log()), 0,
    'nothing of it was sent');

$answer = put('bob', 'acct_b1', 'ok');
is($answer->{status}, 200, 'one that is allowed');
my $attempt = $answer->{json}{attempt_id};

is(as('bob', 'GET', "/api/authenticate/$attempt")->{status}, 200,
    'a poll of an attempt of the caller\'s');
is(as('carol', 'GET', "/api/authenticate/$attempt")->{status}, 403,
    'without the scope');
is(as('carol', 'GET', '/api/acct_b1/me')->{status}, 503,
    'the gate comes after that');
is(as(undef, 'GET', '/api/acct_b1/me')->{status}, 401, 'and 401 before it');

$answer = put('alice', 'acct_c1', 'ok');
my $other = $answer->{json}{attempt_id};
is(as('bob', 'GET', "/api/authenticate/$other")->{status}, 403,
    'a poll of somebody else\'s');
is(as('bob', 'PUT', "/api/authenticate/$other", { code => '123456' })
    ->{status}, 403, 'nor a code for it');

sandbox('POST', '/finish/acct_c1', { success => 1 });
is(as('alice', 'GET', "/api/authenticate/$other")->{status}, 200, 'it ends');
is(as('bob', 'GET', "/api/authenticate/$other")->{status}, 403,
    'a poll of an attempt that has ended is judged by its answer');
sandbox('POST', '/finish/acct_b1', { success => 1 });
is(as('bob', 'GET', "/api/authenticate/$attempt")->{status}, 200, 'it ends');
is(as('bob', 'GET', "/api/authenticate/$attempt")->{status}, 200,
    'and the caller\'s own may be seen');

$answer = as('carol', 'GET', '/reauth/accounts');
is($answer->{status}, 403, 'the status');
like($answer->{json}{description}, qr/scope status;/, 'its scope is named');
like(as('carol', 'GET', "/api/authenticate/$attempt")->{json}{description},
    qr/scope attempt;/, 'that of polls, too');
is(as('dave', 'GET', '/reauth/accounts/acct_b1')->{status}, 403,
    'of an account that is not the caller\'s');
$answer = as('bob', 'GET', '/reauth/accounts');
is(join(' ', map { $_->{account_id} } @{ $answer->{json}{accounts} }),
    'acct_b1', 'a list holds what the caller may see');
is(as('dave', 'GET', '/reauth/gate/acct_b1')->{status}, 403, 'its gate');
is(as('dave', 'GET', '/reauth/gate/acct_d1')->{status}, 204, 'another one');

is($gateway->http('GET', $_)->{status}, 200, "$_ needs nobody")
    for qw(/reauth/healthz /reauth/readyz /reauth/metrics);

$gateway->stop;

my $log = do { local (@ARGV, $/) = $gateway->{dir} . '/logs/caller.log'; <> };
like($log, qr/^call alice 200/m, 'the caller\'s name is logged');
like($log, qr/^update carol 403/m, 'where it was refused, too');
unlike($log, qr/token-of/, 'its token never is');

done_testing();
