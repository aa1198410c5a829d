# reauth_gate_account: the operator specifies where the account is.

use strict;
use warnings;

use IO::Socket::INET ();
use Test::More;
use Reauth::Test redis => 0, sandbox_options => ['--hold'];

my $gateway = gateway(config => <<'EOC');
underscores_in_headers on;
ignore_invalid_headers off;
location = /report {
    reauth_gate on;
    reauth_gate_account $arg_account;
    return 204;
}
location /by-header/ {
    reauth_gate on;
    reauth_gate_account $http_x_account;
    empty_gif;
}
location /by-argument/ {
    reauth_gate on;
    reauth_gate_account $arg_account;
    empty_gif;
}
location /rewritten/ {
    rewrite ^ /changed break;
    reauth_gate on;
    reauth_gate_account $arg_account;
    empty_gif;
}
location /braces/ {
    reauth_gate on;
    reauth_gate_account ${arg_account};
    empty_gif;
}
location /by-cookie/ {
    reauth_gate on;
    reauth_gate_account $cookie_account_id;
    empty_gif;
}
location /composed/ {
    reauth_gate on;
    reauth_gate_account acct_$arg_n;
    empty_gif;
}
location /two/ {
    reauth_gate on;
    reauth_gate_account $arg_first${http_x_second};
    empty_gif;
}
location /in-path/ {
    reauth_gate on;
    empty_gif;
}
EOC

$gateway->update('acct_1', 'ok');

# "return" is processed before the gate
is($gateway->http('GET', '/report?account=acct_1')->{status}, 204,
    '"return" is processed before the gate');

sub by_header {
    my ($account) = @_;

    return $gateway->http('GET', '/by-header/acct_1/x',
        { 'X-Account' => $account })->{status};
}

is(by_header('acct_1'), 503, 'the header names it');
is(by_header('acct_2'), 200, 'the header names another one than the path');
is(by_header(undef), 200,
    'a call without the header has no account and is passed');
is(by_header('acct_1 '), 503, 'nginx takes blanks off a header');
is(by_header('%61cct_1'), 503, 'the account in a header is decoded');
is(by_header('%2561cct_1'), 400,
    'the account in a header is decoded only once');
is(by_header('acct_1/'), 400, 'a value with an invalid character is rejected');
is(by_header('ACCT_1'), 400, 'IDs are case-sensitive');
is(by_header('a' x 3000), 400, 'a value of 3000 characters is rejected');

for my $case (
    ['account=acct_1', 503], ['account=%61cct_1', 503], ['Account=acct_1', 503],
    ['x=1&account=acct_1&y', 503], ['account=acct_2', 200],
    ['', 200], ['account=', 200], ['account', 200], ['accounts=acct_1', 200],
    ['x=account=acct_1', 200], ['account=acct_2&accounts=acct_1', 200],
    ['account=acct_2&account=acct_1', 400], ['account=&account=acct_1', 400],
    ['account&account=acct_1', 400], ['account=acct_2&ACCOUNT=acct_1', 400],
    ['%61ccount=acct_1', 400], ['account=acct_2&%61ccount=acct_1', 400],
    ['account=acct_2&account%00x=acct_1', 400], ['account[]=acct_1', 400],
    ['account%5B%5D=acct_1', 400], ['+account=acct_1', 400],
    ['%20account=acct_1', 400], ['account=acct_1%00', 400],
    ['account=acct_1%', 400], ['account=acct_2+', 400],
    ['account=auth_1', 400], ['account=acct_2,acct_1', 400],
    ['x=1;account=acct_1&account=acct_2', 400])
{
    my ($args, $status) = @$case;
    my $answer = $gateway->http('GET', "/by-argument/x?$args");

    is($answer->{status}, $status, "?$args: the status is $status");
    is($answer->{json}{error}, 'BAD_ACCOUNT',
        "?$args: the error is BAD_ACCOUNT")
        if $status == 400;
}

# nginx ends the arguments at "#", but sends the whole target

for my $target ('/by-argument/x?account=acct_2#&account=acct_1',
    '/by-argument/x?account=acct_2#', '/by-argument/x?#account=acct_1',
    '/by-argument/x#?account=acct_1', '/rewritten/x?account=acct_2#&a=b')
{
    my $answer = $gateway->http('GET', $target);

    is($answer->{status}, 400, "$target: the status is 400");
    is($answer->{json}{error}, 'BAD_PATH', "$target: the error is BAD_PATH");
    like($answer->{json}{message}, qr/fragment/, "$target: the message says why");
}

for my $case (
    ['/rewritten/x?account=acct_2', 200], ['/rewritten/x?account=acct_1', 503],
    ['/braces/?account=acct_1', 503], ['/braces/?account=acct_2', 200],
    ['/braces/?account=acct_2&account=acct_1', 400],
    ['/braces/?account=acct_2&%61ccount=acct_1', 400],
    ['/composed/?n=2&n=1', 400], ['/composed/?n=2&N=1', 400],
    ['/two/?first=acct_&first=acct_1', 400])
{
    my ($path, $status) = @$case;

    is($gateway->http('GET', $path)->{status}, $status,
        "$path: the status is $status");
}

for my $case (
    ["X-Account: acct_2\r\n", 200], ["X-Account: acct_1\r\n", 503],
    ["X-Account: acct_2\r\nx-account: acct_1\r\n", 400],
    ["X-Account: acct_2\r\nX-Account: acct_2\r\n", 400],
    ["X_Account: acct_1\r\n", 503], ["X.Account: acct_1\r\n", 400],
    ["X-Account: acct_2\r\nX_Account: acct_1\r\n", 400],
    ["X-Account: acct_2\r\nX.Account: acct_1\r\n", 400])
{
    my ($headers, $status) = @$case;

    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $gateway->port, Timeout => 60) or die "connect: $!\n";

    print {$socket} "GET /by-header/x HTTP/1.1\r\nHost: localhost\r\n"
        . "Connection: close\r\n$headers\r\n";

    my $answer = do { local $/; <$socket> };

    like($answer, qr/\AHTTP\S+ $status /, $headers =~ s/\r\n/ /gr . $status);
}

# ---- a cookie: of several, nginx uses the first, others use the last ----

for my $case (
    ['account_id=acct_1', 503], ['account_id=acct_2', 200], ['other=acct_1', 200],
    ['a=b; account_id=acct_1; c=d', 503],
    ['account_id=acct_2; x=account_id=acct_1', 200],
    ['account_id=acct_2; account_id=acct_1', 400],
    ['account_id=acct_2;Account_Id=acct_1', 400],
    ['account_id=acct_2; account%5Fid=acct_1', 400],
    ['account_id=acct_2; account.id=acct_1', 400],
    ["account_id=acct_2\r\nCookie: account_id=acct_1", 400],
    ["a=b\r\nCookie: account_id=acct_1", 503])
{
    my ($cookie, $status) = @$case;

    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $gateway->port, Timeout => 60) or die "connect: $!\n";

    print {$socket} "GET /by-cookie/x HTTP/1.1\r\nHost: localhost\r\n"
        . "Connection: close\r\nCookie: $cookie\r\n\r\n";

    my $answer = do { local $/; <$socket> };

    like($answer, qr/\AHTTP\S+ $status /,
        $cookie =~ s/\r\n/ /gr . ": $status");
}

is($gateway->http('GET', '/composed/?n=1')->{status}, 503,
    'an account composed of variables is gated');
is($gateway->http('GET', '/composed/?n=')->{status}, 400,
    'an account composed of an empty variable is rejected');

is($gateway->http('GET', '/in-path/a/b/acct_1/c')->{status}, 503,
    'the segment may be anywhere in the path');
is($gateway->http('GET', '/in-path/xacct_1/c')->{status}, 200,
    'a segment that only ends so');
is($gateway->http('GET', '/in-path/?id=acct_1')->{status}, 200,
    'the query is no path');
is($gateway->http('GET', '/in-path/acct_1')->{status}, 503,
    'the segment may be at the end of the path');

done_testing();
