# A gateway whose user of Redis may not read notices, by the rules of an earlier
# version: a metric reports it, and another gateway delivers them.

use strict;
use warnings;

use Test::More;
use Reauth::Test sandbox_options => ['--hold'];
use Reauth::Receiver;

my $secret   = secret_file('notices', "$Reauth::Receiver::SECRET\n");
my $receiver = Reauth::Receiver->start;
my $config   = <<"EOC";
reauth_poll on /upstream interval=100ms max_interval=200ms rate=50r/s;
reauth_notify /notify $secret after=1h;
location = /notify { internal; proxy_pass http://127.0.0.1:${\ $receiver->port }; }
location = /reauth/metrics { reauth_metrics; }
EOC

my ($rules) = Reauth::Test::slurp('conf/redis-acl.rules') =~ /(.*\S)/s;
my $file    = secret_file('earlier_password', "of-the-earlier-user\n");

redis_cli('ACL', 'SETUSER', 'earlier', 'on', '>of-the-earlier-user',
    split(/ /, $rules), '-xreadgroup');

my $earlier = gateway(
    name        => 'earlier',
    config      => $config,
    http_config => 'reauth_redis ' . $ENV{TEST_NGINX_REDIS_URL} =~ s/gateway@/earlier@/r
        . $ENV{TEST_NGINX_REDIS_OPTIONS} =~ s/password_file=\S+/password_file=$file/r . ';',
);

sub failing {
    my ($gateway) = @_;

    return $gateway->http('GET', '/reauth/metrics')->{body}
        =~ /^reauth_notices_failing\{receiver="\/notify"\} (\d)$/m ? $1 : undef;
}

sub told {
    my ($account) = @_;

    return join ' ', map { $_->{json}{type} }
        grep { $_->{account} eq $account } $receiver->received;
}

sub log_in {
    my ($gateway, $account) = @_;

    is($gateway->update($account, 'otp')->{status}, 200, "an update of $account is accepted");
    sandbox('POST', "/step/$account") for 1 .. 2;

    return;
}

# ---- no gateway may read them ----

ok(wait_for { $earlier->error_log =~ /failed to read the notices for "\/notify"/ }
    'the refusal is logged');
ok(wait_for { failing($earlier) == 1 } 'a metric reports the refusal');

log_in($earlier, 'acct_1');
ok(wait_for { redis_cli('XLEN', '{reauth}:notices') == 1 }
    'the notice of acct_1 is written to Redis');
is(told('acct_1'), '', 'no notice of acct_1 is delivered');

# ---- another gateway may ----

my $other = gateway(name => 'other', config => $config);

ok(wait_for { told('acct_1') eq 'account.needs_person' }
    'a notice is delivered by another gateway, which may read it');
ok(wait_for { failing($earlier) == 0 && failing($other) == 0 }
    'no metric reports a refusal while another gateway delivers notices');
$other->stop;

# ---- the right is granted ----

ok(wait_for { failing($earlier) == 1 } 'a metric reports the refusal again');
redis_cli('ACL', 'SETUSER', 'earlier', '+xreadgroup');
ok(wait_for { failing($earlier) == 0 } 'a metric reports the end of the refusal');

log_in($earlier, 'acct_2');
ok(wait_for { told('acct_2') eq 'account.needs_person' }
    'the gateway with the right delivers the notice of acct_2');
is(told('acct_1'), 'account.needs_person', 'the notice of acct_1 is delivered once');

done_testing();
