# reauth_gate_account: the account is where the operator says.

use strict;
use warnings;

use Test::More;
use Reauth::Test redis => 0, sandbox_options => ['--hold'];

my $gateway = gateway(config => <<'EOC');
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
location /composed/ {
    reauth_gate on;
    reauth_gate_account acct_$arg_n;
    empty_gif;
}
location /in-path/ {
    reauth_gate on;
    empty_gif;
}
EOC

$gateway->update('acct_1', 'ok');

# "return" is done before any gate
is($gateway->http('GET', '/report?account=acct_1')->{status}, 204, 'return');

sub by_header {
    my ($account) = @_;

    return $gateway->http('GET', '/by-header/acct_1/x',
        { 'X-Account' => $account })->{status};
}

is(by_header('acct_1'), 503, 'the header names it');
is(by_header('acct_2'), 200, 'the header names another one than the path');
is(by_header(undef), 200, 'no header: no account, no gate');
is(by_header('acct_1 '), 503, 'nginx takes blanks off a header');
is(by_header('acct_1/'), 200, 'no account id');
is(by_header('ACCT_1'), 200, 'ids are told apart by case');
is(by_header('a' x 3000), 200, 'far too long');

is($gateway->http('GET', '/composed/?n=1')->{status}, 503, 'composed');
is($gateway->http('GET', '/composed/?n=')->{status}, 200, 'composed: none');

is($gateway->http('GET', '/in-path/a/b/acct_1/c')->{status}, 503,
    'the segment may be anywhere in the path');
is($gateway->http('GET', '/in-path/xacct_1/c')->{status}, 200,
    'a segment that only ends so');
is($gateway->http('GET', '/in-path/?id=acct_1')->{status}, 200,
    'the query is no path');
is($gateway->http('GET', '/in-path/acct_1')->{status}, 503,
    'at the end of the path');

done_testing();
