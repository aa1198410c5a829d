# A gateway that starts reads active accounts in the order of their deadlines, a
# hundred at a time: none is missed at the end of a page, or if others are added
# or removed meanwhile.  Many accounts with one deadline are read without order.
# Redis reads the next page while the records of the one before are merged.

use strict;
use warnings;

use Test::More;
use Reauth::Test sandbox_options => ['--hold'];
use Reauth::Between;


# Adds active accounts, whose deadlines are "each" to a millisecond, with records
# that have a further line of so many bytes.

my $add = <<'EOS';
local now = redis.call('TIME')[1] * 1000
for i = 0, ARGV[2] - 1 do
    local name = string.format('acct_%s%04d', ARGV[1], i)
    local at = string.format('%.0f', now + 600000 + math.floor(i / ARGV[3]))
    redis.call('SET', '{reauth}:a:' .. name, 'revision 1\naccount ' .. name
        .. '\nepoch ' .. i + 1 .. '\nstate running\nattempt auth_' .. name
        .. '\nauth_type email_password\nsource update\nsince '
        .. string.format('%.0f', now - 1000) .. '\nupdated '
        .. string.format('%.0f', now) .. '\ndeadline ' .. at .. '\n'
        .. (ARGV[4] + 0 > 0 and 'later ' .. string.rep('x', ARGV[4]) .. '\n'
            or ''))
    redis.call('ZADD', '{reauth}:active', at, name)
end
EOS

sub add {
    my ($kind, $n, $each, $bytes) = @_;

    redis_cli('FLUSHALL');
    redis_cli('EVAL', $add, 0, $kind, $n, $each, $bytes // 0);

    return;
}


sub scans {
    return join("\n", redis_cli('INFO', 'commandstats'))
        =~ /cmdstat_zscan:calls=(\d+)/ ? $1 : 0;
}


sub open_accounts {
    my ($gateway, @accounts) = @_;

    return join ' ', grep {
        $gateway->http('GET', "/reauth/gate/$_")->{status} != 503
    } @accounts;
}


sub start {
    my ($name, $port) = @_;

    return gateway(name => $name,
        without => ['ready', 'reauth_poll', 'reauth_zone'],
        log_level => 'debug',
        http_config => "reauth_zone accounts:8m;\nreauth_redis redis://gateway\@127.0.0.1:$port/0"
            . "$ENV{TEST_NGINX_REDIS_OPTIONS};");
}


sub ready {
    my ($gateway) = @_;

    return wait_for {
        $gateway->http('GET', '/reauth/readyz')->{json}{status} eq 'ready'
    } 'the gateway is ready';
}


my $redis = $ENV{TEST_NGINX_REDIS_PORT};

# ---- three accounts of each deadline: pages end within one ----

add('page', 310, 3);

my $pages = start('pages', $redis);

ok(ready($pages), 'a gateway has read several pages');
is(open_accounts($pages, map { sprintf 'acct_page%04d', $_ } 0 .. 309), '',
    'no account is missed at the end of a page');
is(scans(), 0, 'accounts are read in order');

# the records of a page arrive after the list of the next page

my @early = $pages->error_log
    =~ /reauth sync: \d+ active accounts.*?(send|reauth merge): /sg;
is("@early", 'send send send send',
    'the next page is requested before the records of a page are merged');
$pages->stop;

# ---- all have the same deadline ----

add('same', 310, 1000);

my $same = start('same', $redis);

ok(ready($same), 'a gateway has read accounts of one deadline');
is(open_accounts($same, map { sprintf 'acct_same%04d', $_ } 0 .. 309), '',
    'no account is missed if all have the same deadline');
cmp_ok(scans(), '>', 0, 'accounts of one deadline are read without order');
$same->stop;

# ---- pages of 300 KB: of 30, some arrive faster than they are read ----

add('large', 3000, 1, 3000);

my $large = start('large', $redis);

ok(ready($large), 'a gateway has read large records');
is(open_accounts($large, map { sprintf 'acct_large%04d', 30 * $_ } 0 .. 99), '',
    'no account of a large reply is missed');
like($large->error_log, qr/reauth redis: more than 8 reads, continued later/,
    'a large reply is read in several turns of the event loop');
$large->stop;

# ---- accounts that were read are removed, others are added, meanwhile ----

add('moved', 310, 2);

my $one     = gateway(name => 'one', without => ['reauth_poll']);
my $between = Reauth::Between->start;
$between->delay('ZRANGEBYSCORE', 1);

my $slow = start('slow', $between->port);

ok(wait_for { $between->answered('ZRANGEBYSCORE') == 2 }
    'a gateway reads its second page');
redis_cli('ZREM', '{reauth}:active',
    map { sprintf 'acct_moved%04d', $_ } 0 .. 49);
is($one->update($_, 'ok')->{status}, 200, "the update of $_ is accepted")
    for 'acct_added', 'acct_moved0300';
redis_cli('ZADD', '{reauth}:active', 1, 'acct_moved0300');

ok(ready($slow), 'a gateway has read accounts that have changed meanwhile');
is(open_accounts($slow, 'acct_added',
    map { sprintf 'acct_moved%04d', $_ } 50 .. 309), '',
    'no account is missed if others are added and removed');

done_testing();
