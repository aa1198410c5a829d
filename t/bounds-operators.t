# What a caller with the scope "operate" can take from others: it has half of
# the overrides, and half of the polls that operators can request, which are a
# quarter of all.  Others are not disturbed.

use strict;
use warnings;

use JSON::PP ();
use Test::More;

use Reauth::H2 ();
use Reauth::Test sandbox_options => ['--hold'];

# one for each 32 KB of a zone of 1 MB
my $OVERRIDES = 32;

# a quarter of rate=, and half of it
my $POLLS     = 10;
my $OWN_POLLS = 5;

my $callers = callers_file(
    ['greedy', 'operate accounts=acct_g*'], ['other', 'operate'], ['all', 'all']);

my $http2   = free_port();
my $gateway = gateway(
    workers     => 2,
    http_config => <<"EOC",
reauth_callers_file $callers;
server {
    listen 127.0.0.1:$http2 http2;
    location /reauth/ { reauth_status; }
}
EOC
    config      => <<'EOC',
reauth_poll on /upstream interval=10m max_interval=10m rate=40r/m;
location = /reauth/metrics { reauth_metrics; }
EOC
);

# by HTTP/1.1, or by HTTP/2 on one connection

my $h2 = Reauth::H2->connect_to($http2);

# An act that is faster than Redis takes entries of the audit log is rejected and
# sent again: t/bounds-audit.t tests this bound.

sub ask {
    my @args = @_;

    my $answer;

    wait_for {
        $answer = ask_once(@args);
        $answer->{status} != 429 || $answer->{body} !~ /The audit log has no room/;
    } 'the room of the audit log';

    return $answer;
}

sub ask_once {
    my ($protocol, $name, $method, $path, $body) = @_;

    my $text = $body ? JSON::PP::encode_json($body) : undef;

    return $gateway->http($method, "/reauth/$path",
        { Authorization => "Bearer token-of-$name",
          $text ? ('Content-Type' => 'application/json') : () }, $text)
        if $protocol eq 'HTTP/1.1';

    my $answer = $h2->answer($h2->request($method, "/reauth/$path",
        { authorization => "Bearer token-of-$name",
          $text ? ('content-type' => 'application/json') : () },
        $text ? (body => $text) : ()));

    $answer->{json} = eval { JSON::PP::decode_json($answer->{body}) };

    return $answer;
}

sub override {
    my ($protocol, $name, $account, $gate) = @_;

    return ask($protocol, $name, $gate ? 'PUT' : 'DELETE',
        "accounts/$account/override", $gate && { gate => $gate, for => '1h' });
}

# the accounts with an override

sub overridden {
    my ($prefix) = @_;

    return grep { index($_, $prefix) == 0 } map { $_->{account_id} }
        grep { $_->{override} }
        @{ ask('HTTP/1.1', 'all', 'GET', 'accounts?limit=1000')
            ->{json}{accounts} };
}

sub limited {
    my ($limit) = @_;

    return ask('HTTP/1.1', 'all', 'GET', 'metrics')->{body}
        =~ /^reauth_limited_total\{limit="$limit"\} (\d+)$/m ? $1 : -1;
}

# ---- overrides ----

my $n = 0;

for my $protocol ('HTTP/1.1', 'HTTP/2') {
    my @set = map { override($protocol, 'greedy', 'acct_g' . ++$n, 'closed')
        ->{status} } 1 .. $OVERRIDES / 4;
    is("@set", join(' ', (200) x ($OVERRIDES / 4)),
        "$protocol: the share of the caller is set");
}

for my $protocol ('HTTP/1.1', 'HTTP/2') {
    my $refused = override($protocol, 'greedy', 'acct_g_more', 'closed');

    is($refused->{status}, 429, "$protocol: one more is refused");
    is($refused->{json}{error}, 'TOO_MANY_REQUESTS',
        "$protocol: the error is TOO_MANY_REQUESTS");
    cmp_ok($refused->{headers}{'retry-after'}, '>=', 1,
        "$protocol: the error has the time to wait") if $protocol ne 'HTTP/2';
    is(ask($protocol, 'all', 'GET', 'gate/acct_g_more')->{status}, 204,
        "$protocol: nothing was changed");

    is(override($protocol, 'greedy', 'acct_g1', 'open')->{status}, 200,
        "$protocol: an override of the caller can be changed");
    is(override($protocol, 'other', "acct_o_\L$protocol\E" =~ tr{/.}{__}r, 'closed')
        ->{status}, 200, "$protocol: an override of a second caller is set");
}

is(limited('overrides'), 2, 'rejected overrides are counted');
like($gateway->error_log,
    qr/\[warn\].* caller "greedy" has 16 overrides of gates: half of the limit/,
    'a rejected override is logged');
is(override('HTTP/1.1', 'greedy', 'acct_g2')->{status}, 200,
    'an override of the caller can be removed');
is(override('HTTP/1.1', 'other', 'acct_g3', 'open')->{status}, 200,
    'an override that is replaced belongs to the other caller');
is(override('HTTP/1.1', 'greedy', 'acct_g_more', 'closed')->{status}, 200,
    'the caller can set an override again');

# ---- removed overrides count for nobody, and take no place from others ----

for my $way ('forgotten', 'removed by another') {
    my ($name, $tail) = $way eq 'forgotten' ? ('greedy', '')
                                            : ('other', '/override');

    for my $round (1 .. 3) {
        my %removed;

        $removed{ask('HTTP/1.1', $name, 'DELETE', "accounts/$_$tail")
            ->{status}}++ for overridden('acct_g');
        is_deeply([keys %removed], [200], "$way: overrides are removed");

        my %set;

        $set{override('HTTP/1.1', 'greedy', "acct_g_${name}_${round}_$_",
            'closed')->{status}}++ for 1 .. $OVERRIDES / 2;
        is_deeply(\%set, { 200 => $OVERRIDES / 2 },
            "$way: the caller can set its share again");
    }

    my @own = map { override('HTTP/1.1', 'other', "acct_o_${name}_$_",
        'closed')->{status} } 1 .. $OVERRIDES / 8;
    is("@own", join(' ', (200) x ($OVERRIDES / 8)),
        "$way: the other caller can set overrides");
}

is(scalar overridden('acct_g'), $OVERRIDES / 2,
    'the overrides in force remain');

is(redis_cli('ZCARD', '{reauth}:overrides'), scalar overridden('acct'),
    'Redis lists the overrides in force only');

my ($away) = grep { !redis_cli('EXISTS', "{reauth}:override:$_") }
    redis_cli('ZRANGE', '{reauth}:overrides', 0, -1);
is($away, undef, 'Redis has all overrides that it lists');

cmp_ok(redis_cli('TTL', '{reauth}:override:acct_g_other_1_1'), '<=', 601,
    'Redis keeps a removed override for ten minutes');
is(redis_cli('EXISTS', '{reauth}:override:acct_g_other_1_1'), 1,
    'Redis keeps a removed override');

# ---- polls ----

for my $account (map {"acct_g_login$_"} 1 .. 3) {
    is($gateway->update($account, 'ok', headers => {
        Authorization => 'Bearer token-of-all' })->{status}, 200,
        'a login by an unconfined caller is accepted');
}

# until it is rejected over both protocols; how many polls were accepted

sub polls_of {
    my ($name, $why) = @_;

    my @polled;

    for my $i (1 .. 4 * $POLLS) {
        my $answer = ask($i % 2 ? 'HTTP/1.1' : 'HTTP/2', $name, 'POST',
            'accounts/acct_g_login' . (1 + $i % 3) . '/poll');

        push @polled, $answer->{status};
        next if $answer->{status} == 202;

        is($answer->{json}{error}, 'TOO_MANY_REQUESTS',
            "a further poll requested by $name is rejected");
        like($answer->{json}{description}, $why, "$name is told the limit");
        cmp_ok($answer->{headers}{'retry-after'}, '>=', 1,
            "$name is told the time to wait") if $i % 2;
        last if @polled > 1 && $polled[-2] == 429;
    }

    is("@polled[-2, -1]", '429 429',
        "polls of $name are rejected over both protocols");

    return scalar grep { $_ == 202 } @polled;
}

is(polls_of('greedy', qr/one caller take an eighth of the rate/), $OWN_POLLS,
    'one caller can request an eighth of the polls of a minute');
like($gateway->error_log,
    qr/\[warn\].* requested poll of account "acct_g_login\d" rejected: limit reached, an eighth of "rate=".* caller "greedy"/,
    'a poll rejected at the limit of its caller is logged');
is(polls_of('other', qr/one caller take an eighth of the rate/), $OWN_POLLS,
    'a second caller can request as many polls');
is(polls_of('all', qr/take a quarter of the rate/), 0,
    'all callers together can request a quarter');
like($gateway->error_log,
    qr/\[warn\].* rejected: limit reached, a quarter of "rate=".* caller "all"/,
    'a poll rejected at the limit of all callers is logged');
cmp_ok(limited('polls'), '>=', 6, 'rejected polls are counted');

# ---- another caller meanwhile ----

is(ask('HTTP/1.1', 'all', 'GET', 'accounts/acct_g_login1')->{status}, 200,
    'the status of an account is still served');

$h2->close;
$gateway->stop;

done_testing();
