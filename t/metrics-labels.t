# Metrics with several labels, and distributions of durations: each event
# increases one series, by one.

use strict;
use warnings;

use Test::More;
use Reauth::Test sandbox_options => ['--hold'];
use Reauth::Webhook;

my $gateway = gateway(
    config => 'reauth_poll on /upstream interval=200ms rate=20r/s;
        reauth_gate_hold 10s;
        location = /reauth/webhook {
            reauth_webhook $TEST_NGINX_WEBHOOK_SECRET;
        }
        location = /reauth/metrics { reauth_metrics; }
        location /reauth/ { reauth_status operate; }',
);

# all series of a family by their labels, without those of the test itself

sub series {
    my ($family) = @_;

    my $text = $gateway->http('GET', '/reauth/metrics')->{body};

    return { map { /\A(.*) ([\d.]+)\z/ ? ($1 => $2) : () }
            grep { !/operation="(?:metrics|poller)"/ }
            $text =~ /^\Q$family\E\{?(.*)$/mg };
}

sub increases {
    my ($family, $labels, $what, $event) = @_;

    my $before = series($family);
    ok(exists $before->{"$labels}"}, "$family by $labels is there");

    $event->();
    wait_for { series($family)->{"$labels}"} > $before->{"$labels}"} } $what;

    my $after = series($family);
    my %more  = map { $_ => $after->{$_} - $before->{$_} }
        grep { $after->{$_} != $before->{$_} } keys %$after;

    is_deeply(\%more, { "$labels}" => 1 }, "$what: counted by $labels");

    return;
}

sub updated {
    my ($type, $result, $what, $event) = @_;

    return increases('reauth_updates_total',
        qq(auth_type="$type",result="$result"), $what, $event);
}

sub status_is {
    my ($status, $response) = @_;

    is($response->{status}, $status, "the response has the status $status");

    return $response;
}

sub state_of {
    return $gateway->http('GET', "/reauth/accounts/$_[0]")->{json}{state} // '';
}

sub ends {
    my ($account) = @_;

    sandbox('POST', "/finish/$account");
    wait_for { state_of($account) =~ /succeeded|failed/ } "$account ends";

    return;
}

# ---- updates ----

updated('email_password', 'accepted', 'an update',
    sub { status_is(200, $gateway->update('acct_1', 'ok')) });
updated('raw_data', 'accepted', 'an update with cookies', sub {
    status_is(200, $gateway->update('acct_2', { auth_type => 'raw_data',
        cookies => 'sess=1; auth_id=2', user_agent => 'Firefox',
        xbc => 'abc', auth_id => '2' }));
});
updated('email_password', 'coalesced', 'an identical update',
    sub { status_is(200, $gateway->update('acct_1', 'ok')) });
updated('none', 'invalid', 'an update without a password',
    sub { status_is(422, $gateway->update('acct_3', { email => 1 })) });

increases('reauth_requests_total', 'operation="update",status="4xx"',
    'an invalid update',
    sub { status_is(422, $gateway->update('acct_3', { email => 1 })) });
increases('reauth_requests_total', 'operation="status",status="2xx"',
    'a status',
    sub { status_is(200, $gateway->http('GET', '/reauth/accounts/acct_1')) });
increases('reauth_requests_total', 'operation="status",status="4xx"',
    'an unknown account',
    sub { status_is(404, $gateway->http('GET', '/reauth/accounts/acct_9')) });
increases('reauth_requests_total', 'operation="none",status="4xx"',
    'a path without a route',
    sub { status_is(404, $gateway->http('GET', '/api/authenticate/x/y/z')) });
increases('reauth_requests_total', 'operation="webhook",status="4xx"',
    'a webhook without a signature', sub {
        status_is(401, $gateway->http('POST', '/reauth/webhook',
            { 'Content-Type' => 'application/json' }, '{}'));
    });

# ---- the upstream ----

increases('reauth_upstream_duration_seconds_count', 'operation="update"',
    'an update', sub { $gateway->update('acct_4', 'ok') });

my $sum = series('reauth_upstream_duration_seconds_sum');
cmp_ok($sum->{'operation="update"}'}, '<', 60, 'the durations are plausible');

ok(wait_for {
    my $text = $gateway->http('GET', '/reauth/metrics')->{body};
    $text =~ /^reauth_upstream_duration_seconds_count\{operation="poller"\} [1-9]/m;
} 'background polls are counted apart');

# ---- waits ----

increases('reauth_wait_duration_seconds_count', 'kind="call"', 'a held call',
    sub {
        status_is(503, $gateway->http('GET', '/api/acct_1/chats',
            { Prefer => 'wait=1' }));
    });
my $buckets = series('reauth_wait_duration_seconds_bucket');
is($buckets->{'kind="call",le="0.500"}'}, 0, 'the call waited for a second');
is($buckets->{'kind="call",le="60.000"}'}, 1,
    'a wait of a second is in all greater buckets');
is($buckets->{'kind="call",le="+Inf"}'}, 1,
    'a wait of a second is in the last bucket');

increases('reauth_wait_duration_seconds_count', 'kind="status"', 'a status',
    sub {
        status_is(200, $gateway->http('GET', '/reauth/accounts/acct_1?wait=1'));
    });

# ---- ends ----

increases('reauth_attempts_ended_total',
    'auth_type="email_password",state="succeeded",source="poller"',
    'a login', sub { ends('acct_4') });
increases('reauth_login_duration_seconds_count', 'auth_type="raw_data"',
    'a login by cookies', sub { ends('acct_2') });

# ---- persons ----

sub override {
    my ($status, $body) = @_;

    status_is($status, $gateway->http('PUT',
        '/reauth/accounts/acct_1/override',
        { 'Content-Type' => 'application/json' }, $body));

    return;
}

increases('reauth_operator_requests_total', 'action="override",status="2xx"',
    'an override', sub { override(200, '{"gate":"open","for":"1m"}') });
increases('reauth_operator_requests_total', 'action="override",status="4xx"',
    'an invalid override', sub { override(422, '{"gate":"open"}') });
increases('reauth_operator_requests_total',
    'action="override_end",status="2xx"', 'its end', sub {
        status_is(200, $gateway->http('DELETE',
            '/reauth/accounts/acct_1/override'));
    });

# ---- Redis ----

sub value {
    my ($name) = @_;

    my $text = $gateway->http('GET', '/reauth/metrics')->{body};

    return $text =~ /^\Q$name\E ([\d.]+)$/m ? $1 : 'none';
}

my $replied = 'reauth_redis_commands_total{result="replied"}';
my $before  = value($replied);
my $timed   = value('reauth_redis_duration_seconds_count');

$gateway->update('acct_5', 'ok');
cmp_ok(value($replied), '>', $before, 'commands to Redis are counted');
cmp_ok(value('reauth_redis_duration_seconds_count'), '>', $timed,
    'the durations of commands to Redis are counted');
is(value('reauth_redis_duration_seconds_bucket{le="+Inf"}') >= $timed, 1,
    'durations of Redis have one series without a label');

my $connects = value('reauth_redis_connects_total');
cmp_ok($connects, '>', 0, 'connections that became ready are counted');

redis_pause();
$gateway->update('acct_6', 'ok');
wait_for { value('reauth_redis_commands_total{result="lost"}') > 0 }
    'a command without a reply';
cmp_ok(value('reauth_redis_commands_total{result="lost"}'), '>', 0,
    'a command without a reply is counted as lost');

redis_resume();
wait_for { value('reauth_redis_up') eq '1' } 'the end of the outage';
cmp_ok(value('reauth_redis_connects_total'), '>', $connects,
    'a new connection to Redis is counted');

done_testing();
