# Files that grant rights must be writable only for root and the user that
# starts nginx: others are rejected at startup and whenever they are read again.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Test::More;

use Reauth::Test redis => 0;

my $dir = work_dir();
my $pem = (Reauth::Test::certificate('authority'))[0];

my %text = (
    callers => 'alice sha256:' . sha256_hex('token-of-alice') . " all\n",
    secret  => 'a-secret-that-is-long-enough-for-every-directive' . "\n",
    ca      => Reauth::Test::slurp($pem),
);

my @directives = (
    ['reauth_callers_file' => 'callers', 'reauth_callers_file FILE;'],
    ['reauth_key_file'     => 'secret',  'reauth_key_file FILE;'],
    ['reauth_secret_file'  => 'secret',  'reauth_secret_file FILE;'],
    ['reauth_webhook'      => 'secret',  '',
        'reauth_poll on /upstream; '
        . 'location = /reauth/webhook { reauth_webhook FILE; }'],
    ['reauth_redis'        => 'secret',
        'reauth_redis redis://gateway@127.0.0.1 password_file=FILE;'],
    ['reauth_redis'        => 'secret', 'reauth_redis redis-sentinel://127.0.0.1'
        . '/main sentinel_password_file=FILE;'],
    ['reauth_redis'        => 'ca', 'reauth_redis rediss://127.0.0.1 ca=FILE;'],
);

my $judged = 0;

# the output of "nginx -t" for the configuration, in which FILE has this text

sub judged {
    my ($directive, $kind, $http, $config, $mode, $owner) = @_;

    my $file = Reauth::Test::write_file("$dir/judged", $text{$kind}, $mode);
    chown $owner, -1, $file if defined $owner;
    s/FILE/$file/ for $http, my $server = $config // '';

    # nginx does not free its memory if it fails to start

    local $ENV{ASAN_OPTIONS} = "$ENV{ASAN_OPTIONS}:detect_leaks=0"
        if defined $ENV{ASAN_OPTIONS};

    my $gateway = eval {
        gateway(
            name        => 'judged' . ++$judged,
            without     => ['ready', $http =~ /^(reauth_\w+)/ ? $1 : ()],
            http_config => $http, config => $server);
    };
    my $log = $gateway ? 'accepted' : $@;
    $gateway->stop if $gateway;
    unlink $file;

    return $log;
}

for my $case (@directives) {
    my ($directive, $kind, $http, $config) = @$case;
    my @case = ($directive, $kind, $http, $config);
    my $good = $kind eq 'secret' ? oct 640 : oct 644;

    is(judged(@case, $good), 'accepted',
        "$directive, $kind: a file of root is accepted");

    for my $mode ($good | oct 20, $good | oct 2) {
        like(judged(@case, $mode),
            qr/"\Q$directive\E".* is writable by its group or by everybody: run "chmod go-w" on it|"ca=.*" of "reauth_redis": it is writable by its group or by everybody/,
            sprintf '%s, %s: mode %o', $directive, $kind, $mode);
    }

    SKIP: {
        skip 'only root can give a file away', 1 if $> != 0;

        like(judged(@case, $good, 65_534),
            qr/is writable by its owner, who is neither root nor the user that starts nginx: change the owner to root/,
            "$directive, $kind: a file of another user is rejected");
    }
}

# ---- when they are read again ----

my $callers = Reauth::Test::write_file("$dir/callers", $text{callers}, oct 644);

my $gateway = gateway(http_config => "reauth_callers_file $callers;",
    config => 'location = /reauth/metrics { reauth_metrics; }');

sub status {
    my ($token) = @_;

    return $gateway->http('GET', '/reauth/accounts',
        { Authorization => "Bearer $token" })->{status};
}

sub refused {
    my $metrics = $gateway->http('GET', '/reauth/metrics')->{body};

    return $metrics =~ /^reauth_files_refused_total\{file="callers"\} (\d+)/m
        ? $1 : -1;
}

is(status('token-of-alice'), 200, 'a caller of the first version is accepted');
is(refused(), 0, 'nothing was refused yet');

my $bad = 'mallory sha256:' . sha256_hex('token-of-mallory') . " all\n";

Reauth::Test::write_file("$callers.new", $bad, oct 666);
rename "$callers.new", $callers;

ok(wait_for(sub { refused() == 1 }, 'the refusal'),
    'a callers file that all may write is rejected');
like($gateway->error_log, qr/callers" has changed, but is writable by its group or by everybody: run "chmod go-w" on it; the previous callers are still used/,
    'a rejected callers file is logged with the reason');
is(status('token-of-mallory'), 401, 'gives nobody rights');
is(status('token-of-alice'), 200,
    'the previous callers of a rejected file are still accepted');

SKIP: {
    skip 'only root can give a file away', 2 if $> != 0;

    Reauth::Test::write_file("$callers.new", $bad, oct 644);
    chown 65_534, -1, "$callers.new";
    rename "$callers.new", $callers;

    ok(wait_for(sub { refused() == 2 }, 'the refusal'),
        'a callers file of another user is rejected');
    is(status('token-of-mallory'), 401,
        'the callers of a file of another user get no rights');
}

Reauth::Test::write_file("$callers.new", $text{callers}
    . 'bob sha256:' . sha256_hex('token-of-bob') . " all\n", oct 644);
rename "$callers.new", $callers;

ok(wait_for(sub { status('token-of-bob') == 200 },
    'a valid callers file is read again'),
    'a good one is read again');

# ---- a secret that is too short when it is read again ----

my $secret = Reauth::Test::write_file("$dir/secret", $text{secret}, oct 600);

my $other = gateway(name => 'reread',
    http_config => "reauth_secret_file $secret;",
    config => 'location = /reauth/metrics { reauth_metrics; }');

Reauth::Test::write_file("$secret.new", 'y' x 31, oct 600);
rename "$secret.new", $secret;

ok(wait_for(sub { $other->http('GET', '/reauth/metrics')->{body}
        =~ /^reauth_files_refused_total\{file="secret"\} 1$/m }, 'the refusal'),
    'a secret that is too short is counted');
like($other->error_log, qr/secret" has changed, but is too short: it has 31 bytes, expected at least 32; .*; the previous content is still used/,
    'a rejected secret is logged with the reason');
unlike($other->error_log, qr/yyy/, 'a rejected secret is not in the log');

done_testing();
