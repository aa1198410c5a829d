# GET /reauth/accounts/{id} of an account whose attempt has ended before the
# gateway was started: Redis has its record.

use strict;
use warnings;

use Test::More;

use Reauth::Test sandbox_options => ['--hold'];

my $first = gateway(name => 'first', without => ['/reauth/'],
    config => 'location /reauth/ { reauth_status operate; }');

$first->update('acct_failed', 'limit');
$first->update('acct_gone', 'limit');
$first->http('DELETE', '/reauth/accounts/acct_gone');

my $known = $first->http('GET', '/reauth/accounts/acct_failed');
is($known->{json}{state}, 'rejected', 'the update was rejected');
wait_for { (stored('acct_failed', 'state') // '') eq 'rejected' } 'Redis has the record';

my $later = gateway(name => 'later');

is_deeply($later->http('GET', '/reauth/accounts')->{json}{accounts}, [],
    'a gateway that was started later does not list the account');

my $found = $later->http('GET', '/reauth/accounts/acct_failed');
is($found->{status}, 200, 'a gateway that was started later returns the account');
is_deeply($found->{json}, $known->{json}, 'both gateways return the same record');

is($later->http('GET', '/reauth/accounts/acct_failed',
    { 'If-None-Match' => $found->{headers}{etag} })->{status}, 304,
    'the record has an ETag');
is($later->http('GET', '/reauth/accounts/acct_failed?wait=30s')->{status}, 200,
    'a request that waits gets the record at once');
is_deeply($later->http('GET', '/reauth/accounts')->{json}{accounts}, [],
    'reading the account does not change the list');
is($later->http('GET', '/api/acct_failed/me')->{status}, 200, 'the gate is open');

is($later->http('GET', "/reauth/accounts/$_")->{status}, 404, "$_ is unknown")
    for 'acct_gone', 'acct_never';

# a key that no gateway writes

redis_cli('LPUSH', '{reauth}:a:acct_list', 'x');

my $refused = $later->http('GET', '/reauth/accounts/acct_list');
is($refused->{status}, 503, 'the status of an account whose record cannot be read is 503');
is($refused->{json}{error}, 'STORE_UNAVAILABLE', 'the error of an unreadable record is STORE_UNAVAILABLE');
like($later->error_log,
    qr/\[error\].*redis: failed to read the record of account "acct_list": WRONGTYPE/,
    'a record that cannot be read is logged');

$later->update('acct_failed', 'slow');
is($later->http('GET', '/reauth/accounts/acct_failed')->{json}{state}, 'running',
    'a new attempt is that of the zone');

done_testing();
