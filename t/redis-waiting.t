# A change that is made while a worker has no connection to Redis, or whose
# connection is lost before the reply, is written as soon as there is one.

use strict;
use warnings;

use Test::More;
use Reauth::Test;
use Reauth::Between;
use Reauth::Redis;
use Reauth::Stream ();

my $json = { 'Content-Type' => 'application/json' };


# All commands that a server executes, in order.

my $marks = 0;
my @monitors;

sub monitor {
    my ($port, $password) = @_;

    local $ENV{REDISCLI_AUTH} = $password // '';
    delete local $ENV{REDISCLI_AUTH} if !defined $password;

    open my $lines, '-|', 'redis-cli', '-h', '127.0.0.1', '-p', $port,
        'MONITOR' or die "redis-cli: $!\n";
    <$lines>;

    # not closed before the server ends: that would wait for redis-cli

    push @monitors, $lines;

    return { lines => $lines, commands => [] };
}


sub read_commands {
    my ($monitor, $cli) = @_;

    my $mark = 'mark' . ++$marks;

    $cli->('ECHO', $mark);

    while (defined(my $line = readline $monitor->{lines})) {
        last if $line =~ /"ECHO" "$mark"/i;
        push @{ $monitor->{commands} }, $line if $line !~ / lua\] /;
    }

    return @{ $monitor->{commands} };
}


my ($monitor, $cli) = (
    monitor($ENV{TEST_NGINX_REDIS_PORT},
        Reauth::Test::slurp(Reauth::Test::work_dir() . '/redis_password')),
    \&redis_cli,
);


# A worker probes Redis at first, then every five seconds.  A change that waits
# is written together with the first probe; it would otherwise wait for one or
# two timeouts of ten seconds.

sub at_once {
    my ($what, $key) = @_;

    my @commands;

    ok(wait_for {
        @commands = read_commands($monitor, $cli);
        return scalar grep {/"evalsha".*"\Q$key\E"/i} @commands;
    } "$what: the change is written");

    my ($written) = grep { $commands[$_] =~ /"evalsha".*"\Q$key\E"/i }
        0 .. $#commands;
    my ($client) = $commands[$written] =~ /(\[0 \S+\])/;

    is(scalar(grep { /\Q$client\E "evalsha".*:probe"/i && !/"connect"/ }
        @commands[0 .. $written]), 1, "$what: the change is written at once");

    return;
}


# An update whose response does not come.

sub begin {
    my ($gateway, $account) = @_;

    sandbox('POST', "/account/$account", { delay_ms => 600_000 });

    my $stream = Reauth::Stream->open($gateway, 'PUT',
        "/api/authenticate/$account/credentials", $json,
        '{"email":"slow@example.com","password":"secret"}');

    ok(wait_for {
        $gateway->http('GET', "/reauth/gate/$account")->{status} == 503
    } "$account: the gate of the update is closed");

    return $stream;
}


sub end {
    my ($stream, $account) = @_;

    ok(wait_for { grep { $_->{account} eq $account } sandbox_log() }
        "$account: the update is sent");

    sandbox('POST', "/release/$account");
    is($stream->finish->{status}, 200, "$account: the update is accepted");

    return;
}


sub change {
    my ($gateway, $what) = @_;

    is($gateway->update("acct_$what", 'ok')->{status}, 200,
        "$what: an update is accepted");

    my $stream = begin($gateway, "acct_begun_$what");

    is($gateway->http('PUT', "/reauth/accounts/acct_held_$what/override", $json,
        '{"gate":"closed","for":"10m","reason":"test"}')->{status}, 200,
        "$what: a person closes a gate");

    return $stream;
}


sub changes_written {
    my ($what, $stream) = @_;

    at_once("$what, an update", "{reauth}:a:acct_$what");
    at_once("$what, an update that is being sent",
        "{reauth}:a:acct_begun_$what");
    at_once("$what, an override", "{reauth}:override:acct_held_$what");
    at_once("$what, the audit log", '{reauth}:audit:acts');

    end($stream, "acct_begun_$what");

    return;
}


sub is_ready {
    my ($gateway, $what) = @_;

    return ok(wait_for {
        $gateway->http('GET', '/reauth/readyz')->{json}{status} eq 'ready'
    } "$what: the gateway is ready");
}


my %argument = (without => ['ready'],
    config => 'location /reauth/ { reauth_status operate; }');

# ---- the first connection ----

redis_pause();

my $gateway = gateway(%argument, name => 'first');
ok(wait_for { $gateway->http('GET', '/api/acct_other/me')->{status} == 200 }
    'a gateway does not wait for Redis any longer');

my $stream = change($gateway, 'first');
redis_resume();
changes_written('first', $stream);
is_ready($gateway, 'after the first connection');

# ---- after an outage ----

redis_cli('ACL', 'SETUSER', 'gateway', 'off');
redis_cli('CLIENT', 'KILL', 'USER', 'gateway');
ok(wait_for { $gateway->http('GET', '/reauth/summary')->{json}{store}{redis}
    eq 'down' } 'Redis refuses the gateway');

@{ $monitor->{commands} } = ();
$stream = change($gateway, 'outage');
redis_cli('ACL', 'SETUSER', 'gateway', 'on');
changes_written('outage', $stream);
is_ready($gateway, 'after an outage');

# ---- the connection is lost before the reply ----

@{ $monitor->{commands} } = ();
redis_cli('CLIENT', 'PAUSE', 600_000, 'WRITE');
$stream = begin($gateway, 'acct_begun_lost');
ok(wait_for { grep {/ cmd=evalsha user=gateway/} redis_cli('CLIENT', 'LIST') }
    'a command of the gateway is pending');
redis_cli('CLIENT', 'KILL', 'USER', 'gateway');
redis_cli('CLIENT', 'UNPAUSE');
at_once('lost, an update that is being sent', '{reauth}:a:acct_begun_lost');
end($stream, 'acct_begun_lost');
$gateway->stop;

# ---- the keys are at another node ----

my $between = Reauth::Between->start;

$gateway = gateway(%argument, name => 'moved', http_config =>
    'reauth_redis redis://gateway@127.0.0.1:' . $between->port
        . "/0$ENV{TEST_NGINX_REDIS_OPTIONS};");
is_ready($gateway, 'before the keys move');

@{ $monitor->{commands} } = ();
$between->answer('EVALSHA',
    "-MOVED 1 127.0.0.1:$ENV{TEST_NGINX_REDIS_PORT}\r\n");
$stream = begin($gateway, 'acct_begun_moved');
at_once('moved, an update that is being sent', '{reauth}:a:acct_begun_moved');
end($stream, 'acct_begun_moved');
$gateway->stop;

# ---- the Sentinels do not name the primary yet ----

my $primary   = Reauth::Redis->start;
my @sentinels = Reauth::Redis->sentinels($primary);

$_->pause for @sentinels;
($monitor, $cli) = (monitor($primary->port), sub { $primary->cli(@_) });

$gateway = gateway(%argument, name => 'sentinel', http_config =>
    'reauth_redis redis-sentinel://'
        . join(',', map { $_->address } @sentinels) . '/main timeout=10s;');
ok(wait_for { $gateway->http('GET', '/api/acct_other/me')->{status} == 200 }
    'a gateway does not wait for the Sentinels any longer');

$stream = change($gateway, 'sentinel');
$_->resume for @sentinels;
changes_written('sentinel', $stream);
is_ready($gateway, 'with Sentinels');

done_testing();
