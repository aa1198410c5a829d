# Rights that the gateways' user loses while they run, one after the other: what
# was refused is written and reaches the other gateway when the right is back,
# also if only the last part of it was refused.

use strict;
use warnings;

use Test::More;

use Reauth::Test sandbox_options => ['--hold'];

my $up      = free_port();
my $callers = callers_file(['boss', 'all'], ['crm', 'all budget=1000/d']);

# the spending begins at 0 at midnight

sleep 1 while time % 86400 > 86400 - 150;

my $one = gateway(name => 'one', workers => 2, http_config => <<"EOC", config => <<"EOL");
reauth_callers_file $callers;
server {
    listen 127.0.0.1:$up;
    location / { add_header x-ofapi-credits-used 1; return 200 '{}'; }
}
EOC
location /api/ {
    reauth_gate on;
    proxy_pass http://127.0.0.1:$up;
    proxy_set_header Authorization \$reauth_authorization;
}
EOL

my $two = gateway(name => 'two', workers => 2,
    http_config => "reauth_callers_file $callers;");

sub as { return { Authorization => "Bearer token-of-$_[0]" }; }

sub reasons {
    my ($gateway) = @_;

    return @{ $gateway->http('GET', '/reauth/readyz', as('boss'))->{json}{reasons} };
}

sub gate {
    my ($gateway, $account) = @_;

    return $gateway->http('GET', "/reauth/gate/$account", as('boss'))->{status};
}

sub spent {
    my ($gateway) = @_;

    my ($crm) = grep { $_->{caller} eq 'crm' }
        @{ $gateway->http('GET', '/reauth/usage', as('boss'))->{json}{callers} };

    return ($crm // {})->{spent} // 0;
}

sub all_ready {
    my ($what) = @_;

    return ok(wait_for { !reasons($one) && !reasons($two) } $what);
}

all_ready('both gateways are ready at first');

my $n = 0;

for my $right (qw(zadd set expire zrangebyscore xadd)) {
    my $override = 'acct_override' . ++$n;
    my $before   = () = $one->error_log =~ /failed to write an override/g;

    redis_cli('ACL', 'SETUSER', 'gateway', "-$right");

    is($one->update("acct_$n", 'ok', headers => as('boss'))->{status}, 200,
        "$right is missing: an update is accepted");
    is($one->http('PUT', "/reauth/accounts/$override/override", as('boss'),
        { gate => 'closed', for => '10m', reason => 'test' })->{status}, 200,
        "$right is missing: an override is accepted");
    is($one->http('GET', '/api/acct_free/me', as('crm'))->{status}, 200,
        "$right is missing: a call is passed");

    ok(wait_for {
        (() = $one->error_log =~ /failed to write an override/g) > $before
    } "$right is missing: the override is refused by Redis");
    ok(wait_for { $one->error_log =~ /spending of callers is not shared/ }
        "$right is missing: the spending was refused by Redis");
    is(gate($one, $override), 503, "$right is missing: the override is in force");

    redis_cli('ACL', 'SETUSER', 'gateway', "+$right");

    ok(wait_for { gate($two, "acct_$n") == 503 }
        "$right is back: the other gateway has the update");
    ok(wait_for { gate($two, $override) == 503 }
        "$right is back: the other gateway has the override");
    ok(wait_for { spent($two) == $n }
        "$right is back: the other gateway knows what was spent");
}

# ---- an act that writes nothing but the audit log ----

sub unwritten {
    return scalar(() = $one->error_log =~ /failed to write the audit log "acts"/g);
}

# it must be refused before the gateway finds out by itself

my $before = unwritten();

for (1 .. 20) {
    redis_cli('ACL', 'SETUSER', 'gateway', '-expire');
    $one->http('DELETE', '/reauth/drain', as('boss'));
    $n++;

    wait_for { unwritten() > $before || reasons($one) };
    redis_cli('ACL', 'SETUSER', 'gateway', '+expire');

    last if unwritten() > $before;
    wait_for { !reasons($one) };
}

cmp_ok(unwritten(), '>', $before, 'expire is missing: the audit log was refused');

# the number of entries, and of those that Redis has twice

my $entries = <<'EOL';
    local seen, n, twice = {}, 0, 0

    for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '-', '+')) do
        local text = entry[2][1] .. ' ' .. entry[2][2]

        if seen[text] then
            twice = twice + 1
        else
            n = n + 1
        end

        seen[text] = true
    end

    return n .. ' ' .. twice
EOL

sub entries { return redis_cli('EVAL', $entries, 1, '{reauth}:audit:acts'); }

# the next one is written with it, or later

$one->http('DELETE', '/reauth/drain', as('boss'));
$n++;

ok(wait_for { entries() =~ /\A$n / } 'expire is back: the audit log has all acts');
is(entries(), "$n 0", 'expire is back: no entry of the audit log is there twice');

all_ready('both gateways are ready at the end');

done_testing();
