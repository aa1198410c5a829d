# An update is begun while Redis is unavailable, by a gateway that knows nothing
# of the account, and is rejected when Redis is available again: the attempt of
# Redis remains that of the caller that began it.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Test::More;

use Reauth::Stream;
use Reauth::Test redis_timeout => '1s', sandbox_options => ['--hold'];

sub line {
    my ($name, $rest) = @_;

    return "$name sha256:" . sha256_hex("token of $name") . " $rest\n";
}

my $file = secret_file('callers', line('first', 'all attempts=2')
    . line('second', 'all attempts=1'));

my %argument = (http_config => "reauth_callers_file $file;");

sub ask {
    my ($of, $caller, $method, $path, $body) = @_;

    return $of->http($method, $path,
        { Authorization => "Bearer token of $caller",
          defined $body ? ('Content-Type' => 'application/json') : () }, $body);
}

sub put {
    my ($of, $caller, $account, $password) = @_;

    return ask($of, $caller, 'PUT', "/api/authenticate/$account/credentials",
        qq({"email":"ok\@example.com","password":"$password"}));
}

my $one = gateway(name => 'one', %argument);

is(put($one, 'first', 'acct_1', 'x')->{status}, 200, 'an attempt is begun');

my $record = ask($one, 'first', 'GET', '/reauth/accounts/acct_1')->{json};

ok(wait_for { stored('acct_1', 'attempt') } 'the attempt is in Redis');
redis_pause();

my $two = gateway(name => 'two', %argument);

is(ask($two, 'second', 'GET', '/reauth/accounts/acct_1')->{status}, 503,
    'the other gateway has read nothing');

sandbox('POST', '/account/acct_1', { next => [ { status => 422,
    delay_ms => 600_000, body => '{"error":"VALIDATION_ERROR"}' } ] });

my $body = '{"email":"ok@example.com","password":"y"}';
my $update = Reauth::Stream->open($two, 'PUT',
    '/api/authenticate/acct_1/credentials',
    { Authorization => 'Bearer token of second',
      'Content-Type' => 'application/json',
      'Content-Length' => length $body }, $body);

ok(wait_for { 2 <= grep { $_->{method} eq 'PUT' } sandbox_log() }
    'the update of another caller is sent without Redis');

redis_resume();

ok(wait_for { stored('acct_1', 'prior_attempt') } 'the update is in Redis');
is(stored('acct_1', 'prior_attempt'), $record->{attempt_id},
    'the first attempt is restored if the update is rejected');

sandbox('POST', '/release/acct_1');
ok($update->saw(qr/VALIDATION_ERROR/), 'the update is rejected');

for my $gateway ($two, $one) {
    my $restored;

    ok(wait_for {
        $restored = ask($gateway, 'second', 'GET',
            '/reauth/accounts/acct_1')->{json};
        ($restored->{state} // '') eq 'running';
    } 'the first attempt is restored');

    is($restored->{caller}, 'first', 'the attempt is that of its caller');
    is($restored->{attempt_id}, $record->{attempt_id}, 'the ID is the same');
}

ok(wait_for { (stored('acct_1', 'state') // '') eq 'running' }
    'the rejection is in Redis');
is(stored('acct_1', 'caller'), 'first', 'the caller in Redis is the same');

# it counts for the first caller and not for the second one

is(put($two, 'second', 'acct_2', 'x')->{status}, 200,
    'the second caller can begin its only attempt');
is(put($two, 'first', 'acct_3', 'x')->{status}, 200,
    'the first caller can begin one more');
is(put($two, 'first', 'acct_4', 'x')->{status}, 429,
    'the restored attempt counts for the first caller');

done_testing();
