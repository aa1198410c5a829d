# A location that specifies a callers file requires a caller, with or without a
# key; one that proxies without a key and inherits the file does not.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Test::More;

use Reauth::Test redis => 0;

my $callers = secret_file('callers', <<"EOC", oct 644);
all  sha256:${\ sha256_hex('all') } all
some sha256:${\ sha256_hex('some') } call accounts=acct_b*
EOC

my $key     = "reauth_key_file $ENV{TEST_NGINX_KEY_FILE};";
my $gateway = gateway(without => ['reauth_key_file'], config => <<"EOC");
location /gated/ {
    reauth_callers_file $callers;
    reauth_gate on;
    proxy_pass http://fans_api/api/;
}
location /plain/ {
    reauth_callers_file $callers;
    if (\$http_x_flag) { set \$flag 1; }
    proxy_pass http://fans_api/api/;
}
location /own/ {
    reauth_callers_file $callers;
    limit_except GET { allow all; }
    if (\$http_x_flag) { proxy_pass http://fans_api; }
    proxy_pass http://fans_api;
}
location /files/ {
    reauth_callers_file $callers;
    alias ${\ work_dir() }/;
}
location /above/ {
    reauth_callers_file $callers;
    location /above/calls/ { proxy_pass http://fans_api/api/; }
    location /above/files/ { alias ${\ work_dir() }/; }
}
location /other/ { proxy_pass http://fans_api/api/; }
location /api/authenticate        { $key reauth_authenticate /upstream; }
location /api/fansly/authenticate { $key reauth_authenticate /upstream; }
location /upstream/ {
    $key
    internal;
    proxy_pass http://fans_api/;
    proxy_set_header Authorization \$reauth_authorization;
}
EOC

sub status {
    my ($token, $path, %header) = @_;

    return $gateway->http('GET', $path,
        { Authorization => "Bearer $token", %header })->{status};
}

for my $path ('/gated/acct_a1/me', '/plain/acct_a1/me', '/own/acct_a1/me') {
    for my $flag (0, 1) {
        my @header = ('X-Flag' => $flag || '');

        is(status('nobody', $path, @header), 401,
            "$path: a request without a token is rejected");
        is(status('some', $path, @header), 403,
            "$path: a caller may not call an account of others");
    }
}

for my $path ('/files/hello', '/above/calls/acct_a1/me', '/above/files/hello') {
    is(status('nobody', $path), 401,
        "$path: a request without a token is rejected");
}

Reauth::Test::write_file(work_dir() . '/hello', 'hello', oct 644);

for my $path ('/files/hello', '/above/files/hello') {
    is(status('all', $path), 200, "$path: a caller with all rights is served");
}

is($gateway->http('POST', '/own/acct_a1/me', {}, '{}')->{status}, 401,
    'a request by a different method requires a token');

is(scalar sandbox_log(), 0, 'nothing was sent');

status('all', $_) for '/gated/acct_a1/me', '/plain/acct_a1/me';

my @sent = sandbox_log();

is(@sent, 2, 'an allowed caller can call both paths');
is($_->{headers}{authorization} // '', '',
    'the token of the caller is not sent to the upstream')
    for @sent;

status('own-key', '/other/acct_a1/me');
is((sandbox_log())[-1]{headers}{authorization}, 'Bearer own-key',
    'where neither is, nothing is changed');

done_testing();
