# The link for a login by the app: passed to the client, stored sealed for
# identical updates, and not readable anywhere.

use strict;
use warnings;

use Test::More;

use Reauth::Test;

plan tests => 18;

my $gateway = gateway();

wait_for { $gateway->http('GET', '/reauth/readyz')->{body} =~ /"ready"/ }
    'the gateway is ready';

sub everything_in_redis {
    my $text = '';

    for my $key (redis_cli('--scan')) {
        my $type = redis_cli('TYPE', $key);

        $text .= join "\n", $key,
              $type eq 'hash'   ? redis_cli('HGETALL', $key)
            : $type eq 'string' ? redis_cli('GET', $key)
            : $type eq 'stream' ? redis_cli('XRANGE', $key, '-', '+')
            : $type eq 'zset'   ? redis_cli('ZRANGE', $key, 0, -1)
            : $type eq 'list'   ? redis_cli('LRANGE', $key, 0, -1)
            : "a $type\n", '';
    }

    return $text;
}

my %mobile = (auth_type => 'mobile_app');
my $first = $gateway->update('acct_1', \%mobile);
my $link = $first->{json}{mobile_auth_session_deeplink};

is($first->{status}, 200, 'an update by the mobile app is accepted');
like($link, qr{\Afansapiauth://auth/fansapi_auth_CANARYdeeplink\w+\z},
     'the response has the deeplink');

my $second = $gateway->update('acct_1', \%mobile);
is($second->{status}, 200, 'an identical update is accepted');
is($second->{headers}{'reauth-coalesced'}, 1, 'not sent again');
is($second->{headers}{'cache-control'}, 'no-store', 'not to be stored');
is($second->{json}{mobile_auth_session_deeplink}, $link,
    'an identical update gets the same deeplink');
is($second->{json}{attempt_id}, $first->{json}{attempt_id},
    'a coalesced update has the same attempt');
is($second->{json}{polling_url}, $first->{json}{polling_url},
    'a coalesced update has the same polling_url');
is(scalar(sandbox_log()), 1, 'the upstream got one');

wait_for { everything_in_redis() =~ /needs_app/ } 'Redis has the record';
my $redis = everything_in_redis();
like($redis, qr/^state needs_app$/m, 'Redis has the record');
unlike($redis, qr/CANARY|fansapiauth|fansapi_auth/,
    'the deeplink is not stored in Redis as it is');
unlike($redis, qr/sandbox-api-key/, 'the API key is not stored in Redis');

unlike($gateway->http('GET', $_)->{body}, qr/CANARY|fansapiauth/,
    "the deeplink is not in the response of $_")
    for '/reauth/accounts', '/reauth/accounts/acct_1', '/api/acct_1/chats';

# another gateway has the key to open it

my $other = gateway(name => 'other');
wait_for { $other->http('GET', '/reauth/readyz')->{body} =~ /"ready"/ }
    'the other gateway is ready';
is($other->update('acct_1', \%mobile)->{json}{mobile_auth_session_deeplink},
   $link, 'the other gateway returns the deeplink');

unlike($gateway->error_log . $other->error_log, qr/CANARY|fansapiauth/,
       'the deeplink is not in the error log');
unlike($gateway->access_log . $other->access_log, qr/CANARY|fansapiauth/,
       'the deeplink is not in the access log');
