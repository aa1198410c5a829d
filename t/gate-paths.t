# The account that is checked is the account that is forwarded, however the path
# is written.

use strict;
use warnings;

use Test::More;
use Reauth::Test redis => 0, sandbox_options => ['--hold'];

my $gateway = gateway(config => <<'EOC');
location /api/ {
    reauth_gate on;
    proxy_pass http://fans_api;
    proxy_set_header Authorization $reauth_authorization;
}
location /replaced/ {
    reauth_gate on;
    proxy_pass http://fans_api/api/;
    proxy_set_header Authorization $reauth_authorization;
}
location ~ ^/api/acct_v/ {
    reauth_gate on;
    proxy_pass http://fans_api$request_uri;
    proxy_set_header Authorization $reauth_authorization;
}
location /rewritten/ {
    reauth_gate on;
    rewrite ^/rewritten/(.*)$ /api/$1 break;
    proxy_pass http://fans_api;
    proxy_set_header Authorization $reauth_authorization;
}
EOC

my $unmerged = gateway(
    name        => 'unmerged',
    http_config => 'merge_slashes off;',
);

for ($gateway, $unmerged) {
    is($_->update('acct_closed', 'ok')->{status}, 200,
        'an update of acct_closed is accepted');
}


# The call that the upstream received, or undef.

sub sent {
    my ($through, $path) = @_;

    my $before = () = sandbox_log();
    my $answer = $through->http('GET', $path);
    my @log = sandbox_log();

    return ($answer, @log > $before ? $log[-1]{target} : undef);
}


sub closed {
    my ($path, $through) = @_;

    my ($answer, $target) = sent($through // $gateway, $path);

    is($answer->{status}, 503, "$path: the status is 503");
    is($answer->{json}{account_id}, 'acct_closed',
        "$path: the error names the account");
    is($target, undef, "$path: nothing was sent");

    return;
}


sub passed {
    my ($path, $expected, $through) = @_;

    my ($answer, $target) = sent($through // $gateway, $path);

    is($target, $expected, "$path: sent as $expected");

    return;
}


sub refused {
    my ($path, $through) = @_;

    my ($answer, $target) = sent($through // $gateway, $path);

    is($answer->{status}, 400, "$path: the status is 400");
    is($answer->{json}{error}, 'BAD_PATH', "$path: the error is BAD_PATH");
    is($target, undef, "$path: nothing was sent");

    return;
}


# ---- the plain form ----

closed('/api/acct_closed/me');
passed('/api/acct_open/me?a=%2F..%2F', '/api/acct_open/me?a=%2F..%2F');
passed('/api/acct_open/a%20b', '/api/acct_open/a%20b');

# ---- other spellings, which could be read as another account ----

refused($_) for '/api/%61cct_closed/me', '/api/acct%5Fclosed/me',
    '//api///acct_closed//me', '/api/./acct_closed/./me',
    '/api/acct_open/../acct_closed/me', '/api/acct_open/%2e%2e/acct_closed/me',
    '/api/acct_open%2F..%2Facct_closed/me', '/api/x/y/../../acct_closed/me',
    '/api/acct_closed/../acct_open/me', '/api/acct_closed/%2e%2e/acct_open/me',
    '/api/acct_closed%2F..%2Facct_open/me', '/api/%61cct_open/me',
    '/api//acct_open//me';
passed('/api/acct_open//me', '/api/acct_open//me');
passed('/api/acct_open/a%2Fb', '/api/acct_open/a%2Fb');

# ---- two accounts in one path ----

closed('/api/acct_closed/acct_open');

# ---- an encoded question mark does not end the path ----

refused('/api/x%3F/acct_closed/me');
closed('/api/acct_closed/a%3Fb');
passed('/api/acct_open/a%3Fb', '/api/acct_open/a%3Fb');

# ---- invalid IDs with the prefix of one ----

refused('/api/acct_/me');
refused('/api/acct_clo%20sed/me');
refused('/api/acct_closed%3B/me');
refused('/api/acct_closed;x=1/me');
refused('/api/acct_closed%252F../me');
refused('/api/acct_closed%3F/me');
refused('/api/acct_closed%0A/me');
refused('/api/acct_' . 'a' x 65 . '/me');
refused('/api/fansly_acct_/me');
refused("/api/acct_clos\xc3\xa9d/me");

# ---- paths that nginx itself creates ----

closed('/replaced/acct_closed/me');
refused('/replaced/acct_open/../acct_closed/me');
passed('/replaced/acct_open/me', '/api/acct_open/me');
passed('/replaced/acct_open/a%20b', '/api/acct_open/a%20b');
passed('/replaced/acct_open/%252e%252e/x', '/api/acct_open/%252e%252e/x');
passed('/replaced/acct_open/a%2Fb', '/api/acct_open/a/b');
closed('/rewritten/acct_closed/me');
closed('/rewritten/%61cct_closed/me');
passed('/rewritten/acct_open/me', '/api/acct_open/me');
passed('/rewritten/acct_open/a%20b', '/api/acct_open/a%20b');
refused('/rewritten/acct_open/x\\..\\..\\acct_closed/me');
refused('/rewritten/\\acct_closed/me');
refused('/rewritten/acct_open/x%5C..%5C..%5Cacct_closed/me');
passed('/api/acct_v/a%2Fb', '/api/acct_v/a%2Fb');
refused('/api/acct_v/x%2F..%2Facct_closed/me');

# ---- with merge_slashes off ----

refused('/api//acct_closed/me', $unmerged);
refused('/api/acct_open/..//acct_closed/me', $unmerged);
refused('/api//acct_open/me', $unmerged);
passed('/api/acct_open//me', '/api/acct_open//me', $unmerged);

done_testing();
