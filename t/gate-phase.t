# The gate and the callers are checked after all limits and access checks, and
# before the request is forwarded: a denied client gets no information and is
# not held.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Test::More;

use Reauth::Test redis => 0, sandbox_options => ['--hold'];

my $dir     = work_dir();
my $callers = secret_file('callers', <<"EOC", oct 640);
one  sha256:${\ sha256_hex('one') } all
some sha256:${\ sha256_hex('some') } all accounts=acct_b*
EOC

mkdir "$dir/files" or die "mkdir: $!\n";
Reauth::Test::write_file("$dir/files/found", 'a file');

my $proxy = 'proxy_pass http://fans_api/api/;'
    . ' proxy_set_header Authorization $reauth_authorization;';

my $gateway = gateway(
    http_config => 'limit_req_zone $binary_remote_addr zone=one:1m rate=1r/m;'
        . ' limit_conn_zone $binary_remote_addr zone=connections:1m;',
    config => <<"EOC");
root $dir/files;
reauth_gate on;
reauth_gate_hold 60s;
location /denied/ { deny all; $proxy }
location /basic/ {
    auth_basic closed;
    auth_basic_user_file /dev/null;
    $proxy
}
location /asked/ { auth_request /never; $proxy }
location /asked-status/ {
    auth_request /reauth/gate/acct_2;
    $proxy
}
location /let-in/ { auth_request /always; $proxy }
location /any/ {
    satisfy any;
    allow 127.0.0.1;
    deny all;
    reauth_callers_file $callers;
    $proxy
}
location /limited/ {
    limit_req zone=one;
    limit_req_status 429;
    reauth_callers_file $callers;
    $proxy
}
location /connections/ {
    limit_conn connections 1;
    limit_conn_status 429;
    $proxy
}
location /files/ {
    try_files /found =404;
    $proxy
}
location /fallback/ {
    try_files /missing \@named;
    $proxy
}
location /mirrored/ {
    mirror /mirror;
    $proxy
}
location /paged/ {
    deny all;
    error_page 403 = \@named;
    $proxy
}
location /redirected/ {
    deny all;
    error_page 403 = /let-in/acct_1/x;
    $proxy
}
location \@named { proxy_pass http://fans_api; }
location = /mirror {
    internal;
    proxy_pass http://fans_api/api/whoami?mirrored;
    proxy_set_header Authorization \$reauth_authorization;
}
location = /never  { internal; return 403; }
location = /always { internal; return 204; }
EOC

sub get {
    my ($path, %header) = @_;

    return $gateway->http('GET', $path, \%header);
}

sub sent { return scalar(my @log = sandbox_log()); }

is($gateway->update('acct_1', 'ok')->{status}, 200, 'the account logs in');
my $before = sent();

# ---- access ----

for my $case (['denied', 403], ['basic', 401], ['asked', 403]) {
    my ($where, $status) = @$case;
    my $answer = get("/$where/acct_1/x", Prefer => 'wait=60');

    is($answer->{status}, $status, "$where: refused, not held");
    unlike($answer->{body}, qr/acct_1|attempt|running/,
        "$where: the response has nothing of the state");
}

is(get('/let-in/acct_1/x')->{status}, 503,
    'the gate is closed for a request that auth_request allows');
is(get('/asked-status/acct_1/x')->{json}{account_id}, 'acct_1',
    'the gate is that of the request, not of auth_request');

# ---- satisfy any ----

is(get('/any/acct_1/x')->{status}, 401, 'satisfy any: who is it');
is(get('/any/acct_1/x', Authorization => 'Bearer some')->{status}, 403,
    'satisfy any: a caller may not call an account of others');
is(get('/any/acct_1/x', Authorization => 'Bearer one')->{status}, 503,
    'satisfy any: the gate is not skipped');

# ---- limits ----

my @status = map {
    get('/limited/acct_1/x', Authorization => "Bearer wrong-$_")->{status}
} 1 .. 30;
is_deeply(\@status, [401, (429) x 29], 'wrong tokens are limited');

require Reauth::Stream;
my $held = Reauth::Stream->open($gateway, 'GET', '/connections/acct_1/x',
    { Prefer => 'wait=60' });
ok(wait_for { get('/connections/acct_1/x')->{status} == 429 }
    'a held call is a connection');
$held->close;

# ---- later phases ----

for my $where (qw(files fallback mirrored)) {
    is(get("/$where/acct_1/x")->{status}, 503,
        "/$where: a call is refused while the gate is closed");
}

# ---- internal redirects ----

is(get('/paged/acct_1/x')->{status}, 503, 'a named location by error_page');
is(get('/redirected/acct_2/x')->{status}, 503,
    'a redirection by error_page is gated');

is(sent(), $before, 'nothing was sent, nor mirrored');

isnt(get("/$_/acct_2/x")->{status}, 503, "$_: open for another account")
    for qw(let-in fallback mirrored paged asked-status);
ok(wait_for { grep { $_->{target} =~ m{mirrored|whoami} } sandbox_log() }
    'an allowed call is mirrored');

unlike($gateway->error_log, qr/\[(?:alert|crit)\]/, 'nothing else is logged');

done_testing();
