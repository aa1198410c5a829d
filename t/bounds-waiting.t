# At the limit of reauth_wait_max for some seconds: requests of every kind that
# waits arrive continuously, many clients close, logins begin and end, nginx is
# reloaded.  Each response is a documented one, and all places are free
# afterwards.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);

use Reauth::Peer ();
use Reauth::Stream ();
use Reauth::Test redis => 0, sandbox => 0;

my $max  = 12;
my $seed = $ENV{REAUTH_SEED} // (time ^ $$) & 0xffff;
note "REAUTH_SEED=$seed";
srand $seed;

my $peer = Reauth::Peer->start(sub {
    my ($request) = @_;

    return Reauth::Peer::response('200 OK', '{}') if $request !~ /\APUT /;

    # slower than updates arrive, also on a busy machine
    sleep 0.3 + rand 0.6;

    return $request =~ /"refuse/
        ? Reauth::Peer::response('422 Unprocessable', '{"message":"no"}')
        : Reauth::Peer::accepted('auth_' . int rand 1e9);
});

my $gateway = gateway(
    counted     => 1,
    http_config => "reauth_wait_max $max;\n"
        . 'upstream fans_api { server 127.0.0.1:' . $peer->port . '; }',
    config      => <<'EOC');
location /api/ {
    reauth_gate on;
    reauth_gate_hold 30s;
    reauth_gate_max 1s;
    proxy_pass http://fans_api;
    proxy_set_header Authorization $reauth_authorization;
}
EOC

# the possible responses of each kind

my %kind = (
    account => [sub { ('GET', "/reauth/accounts/$_[0]?wait=2s") },
                '200 404 503'],
    list    => [sub { ('GET', '/reauth/accounts?wait=2s') }, '200 503'],
    events  => [sub { ('GET', '/reauth/events') }, '200 503'],
    held    => [sub { ('POST', "/api/$_[0]/x", { Prefer => 'wait=2' }, '{}') },
                '200 503'],
    update  => [sub { ('PUT', "/api/authenticate/$_[0]/credentials",
                { 'Content-Type' => 'application/json' },
                '{"email":"' . (qw(accept refuse))[rand 2]
                    . '@example.com","password":"x"}') }, '200 409 422'],
);

my (@open, %wrong, %answers);
my $start  = time;
my $end    = $start + $Reauth::Test::LIMIT;
my $reload = $start + 2;

# checks that of each kind some succeeded, and some were rejected

sub all_seen {
    return !grep {
        !$answers{$_}{200} || !$answers{$_}{ $_ eq 'update' ? 409 : 503 }
    } keys %kind;
}

while (time < $end || @open) {

    $end = time if time < $end && time > $start + 8 && all_seen();

    if (time < $end && @open < 12 * $max) {
        my @names = (sort keys %kind, ('update') x 4);
        my $name  = $names[rand @names];

        push @open, [$name, time, Reauth::Stream->open($gateway,
            $kind{$name}[0]->('acct_' . int rand 3))];
    }

    for my $i (reverse 0 .. $#open) {
        my ($name, $since, $stream) = @{ $open[$i] };

        if (!$stream->is_open) {
            my $status = $stream->answer->{status} // 'none';

            $answers{$name}{$status}++;
            $wrong{"$name: $status"}++ if $kind{$name}[1] !~ /\b$status\b/;

        } elsif (rand() < 0.01 || time > $end && $name eq 'events') {
            $stream->close;

        } elsif (time - $since > $Reauth::Test::LIMIT) {
            $wrong{"$name: no answer"}++;
            $stream->close;

        } else {
            next;
        }

        splice @open, $i, 1;
    }

    if (time > $reload && time < $end) {

        # without a wait for its end: the requests go on
        kill 'HUP', $gateway->pid;
        $reload = time + 2;
    }

    sleep 0.004;
}

is_deeply(\%wrong, {}, 'no other answers than there are');
ok($answers{$_}{200}, "$_: some got what they waited for") for sort keys %kind;
ok($answers{$_}{503}, "$_: some were too many") for qw(account list events held);
ok($answers{update}{409}, 'update: some were too many');

# the response to an update whose client has closed would end waiting requests
ok(wait_for {
    my $json = $gateway->http('GET', '/reauth/summary')->{json};
    return $json && !$json->{states}{starting};
} 'all updates are answered');

$gateway->works_at(0);

my @waiting = map {
    Reauth::Stream->open($gateway, 'GET', '/reauth/accounts?wait=60s')
} 1 .. $max;
$gateway->works_at($max);

is($gateway->http('GET', '/reauth/accounts?wait=60s')->{status}, 503,
    'all places can be taken again, and no more');
$gateway->update('acct_last', 'accept');
is_deeply([ map { $_->finish->{status} } @waiting ], [ (200) x $max ],
    'each waiting request gets a response');
unlike($gateway->error_log, qr/\[(?:alert|crit|emerg)\]/, 'nothing else is said');

note(join ' ', $_, %{ $answers{$_} }) for sort keys %answers;

done_testing();
