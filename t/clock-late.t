# Gateways whose clocks are hours ahead or behind begin attempts before they
# have reached Redis, whose clock then corrects them.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use Reauth::Clock;
use Reauth::Test sandbox_options => ['--hold'];

plan skip_all => Reauth::Clock::missing() if Reauth::Clock::missing();

redis_stop();

my %ahead = (ahead => 7200, behind => -7200);
my %gateway;

for my $name (sort keys %ahead) {
    my $clock = Reauth::Clock->new(
        Reauth::Test::work_dir() . "/clock-$name", $ahead{$name});

    $gateway{$name} = gateway(
        name        => $name,
        http_config => 'reauth_gate_max 10m;',
        config      => 'reauth_poll on /upstream interval=200ms rate=20r/s;',
        without     => ['ready'],
        $clock->arguments,
    );
}


sub gate {
    my ($name, $account) = @_;

    return $gateway{$name}->http('GET', "/reauth/gate/$account")->{status};
}




# responses that cannot be composed from the record, about logins that the
# upstream knows, so that polls do not change them

sub begun_upstream {
    my ($name) = @_;

    my $key = Reauth::Test::slurp($ENV{TEST_NGINX_KEY_FILE}) =~ s/\s+\z//r;

    return Reauth::Test::http('PUT', "/api/authenticate/acct_kept_$name/credentials",
        { Authorization => "Bearer $key" },
        { email => 'ok@example.com', password => 'secret' },
        port => $ENV{TEST_NGINX_SANDBOX_PORT})->{json}{attempt_id} // die "no login\n";
}

my %response;

for my $name (keys %ahead) {
    my $id = begun_upstream($name);

    $response{$name} = qq({"attempt_id":"$id","message":"begun",)
        . qq("polling_url":"https://api.fansapi.com/api/authenticate/$id","more":true});
}

for my $name (sort keys %ahead) {
    sandbox('POST', "/account/acct_kept_$name",
        { next => [ { status => 200, body => $response{$name} } ] });

    ok($gateway{$name}->update("acct_kept_$name", 'ok')->{json}{more},
        "$name: the response of an update has a further member");
    is($gateway{$name}->update("acct_$name", 'ok')->{status}, 200,
        "$name: an update without Redis is accepted");
    is($gateway{$name}->update("acct_ended_$name", 'limit')->{status}, 429,
        "$name: a rejected one");
    is(gate($name, "acct_$name"), 503, "$name: the gate is closed");
}

redis_start();

for my $name (sort keys %ahead) {
    my $account = "acct_$name";

    ok(wait_for { stored($account, 'state') } "$name: the record is written");

    for my $field ([since => 0], [updated => 0], [deadline => 600]) {
        my $seconds = stored($account, $field->[0]) / 1000 - time;

        cmp_ok(abs($seconds - $field->[1]), '<', 120,
            "$name: $field->[0] is by Redis' clock");
    }

    ok(wait_for { stored("acct_ended_$name", 'state') }
        "$name: the ended one is written");
    cmp_ok(abs(stored("acct_ended_$name", 'since') / 1000 - time), '<', 120,
        "$name: the ended record has the time of Redis");

    for my $other (sort keys %ahead) {
        ok(wait_for { gate($other, $account) == 503 }
            "$other: the gate of $account is closed");
        ok(wait_for {
            my $ready = $gateway{$other}->http('GET', '/reauth/readyz')->{json};

            # the offset of its clock is reported as well
            $ready->{status} ne 'loading'
                && !grep { /Redis/ } @{ $ready->{reasons} };
        } "$other: the gateway is ready");
        is(gate($other, $account), 503, "$other: the gate is closed");
    }
}

# ---- an update is repeated: the response is the stored one ----

for my $name (sort keys %ahead) {
    ok(wait_for { stored("acct_kept_$name", 'state') }
        "$name: the record of the stored response is written");

    for my $other (sort keys %ahead) {
        my $answer = $gateway{$other}->update("acct_kept_$name", 'ok');

        is($answer->{headers}{'reauth-coalesced'}, '1',
            "$other: the repeated update of $name is not sent");
        ok($answer->{json}{more},
            "$other: the repeated update of $name gets the stored response");
    }
}

# ---- polls come in time: neither hours late nor all at once ----

for my $name (sort keys %ahead) {
    sandbox('POST', "/finish/acct_$name");

    for my $other (sort keys %ahead) {
        ok(wait_for { gate($other, "acct_$name") == 204 }
            "$other: a background poll opens the gate of acct_$name");
    }
}

done_testing();
