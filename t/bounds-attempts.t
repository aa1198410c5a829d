# The number of attempts that a caller can begin is limited: by attempts= of its
# line, by default to a quarter of the active attempts that fit into the zone;
# half of these are available to all callers.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Test::More;

use Reauth::H2 ();
use Reauth::Test sandbox_options => ['--hold'];

my $CONFINED = 300;

sub line {
    my ($name, $rest) = @_;

    return "$name sha256:" . sha256_hex("token of $name") . " $rest\n";
}

my $file = secret_file('callers', join '',
    line('greedy', 'all attempts=3'), line('other', 'all'),
    map { line("small$_", "all accounts=acct_$_-*") } 1 .. $CONFINED);

my %argument = (
    http_config => "reauth_callers_file $file;",
    config      => 'location = /reauth/metrics { reauth_metrics; }',
);
my $gateway = gateway(%argument);

my $OTHER = { Authorization => 'Bearer token of other' };

sub ask {
    my ($of, $caller, $method, $path, $body) = @_;

    return $of->http($method, $path,
        { Authorization => "Bearer token of $caller",
          defined $body ? ('Content-Type' => 'application/json') : () }, $body);
}

sub put {
    my ($of, $caller, $account, $password) = @_;

    return ask($of, $caller, 'PUT', "/api/authenticate/$account/credentials",
        '{"email":"ok@example.com","password":"' . ($password // 'x') . '"}');
}

sub refused {
    my ($of, $what) = @_;

    my $sent   = () = sandbox_log();
    my $answer = put($of, 'greedy', 'acct_further');

    is($answer->{status}, 429, "$what: a further attempt is refused");
    is($answer->{json}{error}, 'TOO_MANY_ATTEMPTS',
        "$what: the error is TOO_MANY_ATTEMPTS");
    is($answer->{headers}{'retry-after'}, 10,
        "$what: the response has Retry-After");
    is((() = sandbox_log()), $sent, "$what: nothing is sent to the upstream");

    return;
}

my %attempt;

for my $account (map { "acct_g$_" } 1 .. 3) {
    my $answer = put($gateway, 'greedy', $account);

    is($answer->{status}, 200, "$account is begun");
    $attempt{$account} = $answer->{json}{attempt_id};
}

refused($gateway, 'attempts=3');

is(put($gateway, 'greedy', 'acct_g2', 'y')->{status}, 200,
    'the caller can begin its own attempt anew');
is(put($gateway, 'greedy', 'acct_g2', 'y')->{status}, 200,
    'an identical update of an own attempt is accepted');
is(ask($gateway, 'greedy', 'POST',
    '/api/authenticate/acct_g2/reauthenticate')->{status}, 200,
    'an own attempt can be reauthenticated');
is(ask($gateway, 'greedy', 'POST', '/api/authenticate',
    '{"email":"ok@example.com","password":"x"}')->{json}{error},
    'TOO_MANY_ATTEMPTS', 'a start is refused as well');
is(put($gateway, 'other', 'acct_o1')->{status}, 200,
    'an update of another caller is accepted');
is(put($gateway, 'greedy', 'acct_o1', 'z')->{status}, 429,
    "an update of another caller's attempt is refused");

# a rejected update changes neither the attempt nor its caller

sandbox('POST', '/account/acct_g3', { next => [ { status => 422,
    body => '{"error":"VALIDATION_ERROR"}' } ] });
is(put($gateway, 'other', 'acct_g3', 'w')->{status}, 422,
    'an update by a different caller is rejected');

my $restored = ask($gateway, 'other', 'GET', '/reauth/accounts/acct_g3')->{json};
is($restored->{caller}, 'greedy', 'the attempt is still that of its caller');
is($restored->{attempt_id}, $attempt{acct_g3}, 'the attempt is the one before the update');
refused($gateway, 'after a rejected update of another caller');
is(stored('acct_g3', 'caller'), 'greedy', 'the caller in Redis is that of the attempt');

like(ask($gateway, 'other', 'GET', '/reauth/metrics')->{body},
    qr/^reauth_limited_total\{limit="attempts"\} 4$/m,
    'refused attempts are counted');
like($gateway->error_log,
    qr/\[warn\].*caller "greedy" has too many active attempts/,
    'a refused attempt is logged');

# whichever caller counts, and whatever became of the previous one

$gateway->reload;
refused($gateway, 'after a reload');

ok($gateway->kill_worker, 'a worker was killed');
refused($gateway, 'after it');

my $second = gateway(%argument, name => 'second');
$second->learns($_, { caller => 'greedy' },
    "the second gateway has read $_ of Redis", $OTHER) for sort keys %attempt;
refused($second, 'there');

# an end makes room, whichever gateway reports it

sandbox('POST', '/finish/acct_g1');
ok(wait_for {
    ask($gateway, 'greedy', 'GET', "/api/authenticate/$attempt{acct_g1}");
    ask($gateway, 'greedy', 'GET', '/reauth/accounts/acct_g1')->{json}{state}
        eq 'succeeded';
} 'an attempt of the caller ends');
$second->learns('acct_g1', { state => 'succeeded' },
    'the other gateway learns of the end', $OTHER);

my $g4 = put($second, 'greedy', 'acct_g4');
is($g4->{status}, 200, 'the caller can begin an attempt after the end');
$gateway->learns('acct_g4', { attempt_id => $g4->{json}{attempt_id} },
    'the first gateway learns of the new attempt', $OTHER);
refused($gateway, 'and no more');

$_->stop for $gateway, $second;

# over HTTP/2

my $http2 = gateway(name => 'http2', without => ['reauth_redis'],
    listen => 'http2', %argument);
my $h2 = Reauth::H2->connect_to($http2->port);

sub put_h2 {
    my ($caller, $account) = @_;

    my $answer = $h2->answer($h2->request('PUT',
        "/api/authenticate/$account/credentials",
        { authorization => "Bearer token of $caller",
          'content-type' => 'application/json' },
        body => '{"email":"ok@example.com","password":"x"}'));

    return $answer->{status} . ($answer->{body} =~ /TOO_MANY_ATTEMPTS/ ? '!' : '');
}

is(join(' ', map { put_h2('greedy', "acct_h$_") } 1 .. 4), '200 200 200 429!',
    'HTTP/2: one more is refused');
is(put_h2('other', 'acct_h5'), 200, "HTTP/2: another caller's is not");
$http2->stop;

# expiry

my $short = gateway(name => 'short', without => ['reauth_redis'], %argument,
    http_config => "reauth_callers_file $file;\nreauth_gate_max 2s;");

is(put($short, 'greedy', "acct_t$_")->{status}, 200, "acct_t$_ is begun")
    for 1 .. 3;
ok(wait_for { put($short, 'greedy', 'acct_t4')->{status} == 200 }
    'expired attempts make room for others');
$short->stop;

# many confined callers, each with nonexistent accounts

my $small = gateway(name => 'small', without => ['reauth_redis'], %argument,
    http_config => "reauth_zone accounts:1m;\nreauth_callers_file $file;");

my (%begun, %statuses);

for my $n (1 .. $CONFINED) {
    for my $i (1 .. 1000) {
        my $status = put($small, "small$n", "acct_$n-$i")->{status};

        $statuses{$status}++;
        last if $status != 200;
        $begun{$n}++;
    }
}

note join ' ', %statuses, 'begun by the first', @begun{1 .. 4};
is($statuses{429}, $CONFINED, 'each comes to its bound');
is_deeply([sort keys %statuses], [200, 429], 'before the zone is full');
is((grep { ($begun{$_} // 0) < 1 } 1 .. $CONFINED), 0,
    'each has begun some');
# half of the room is for all callers: two quarters

cmp_ok(abs($begun{1} - $begun{2}), '<=', 1,
    'the first and the second caller get the same share');
cmp_ok($begun{3}, '<', $begun{1} / 2,
    'the first two callers get more than the third one');
is(put($small, 'other', 'acct_o2')->{status}, 200,
    'the last caller can begin an attempt');
unlike($small->error_log, qr/\[(?:alert|crit|emerg)\]/,
    'nothing worse than an error is logged');

done_testing();
