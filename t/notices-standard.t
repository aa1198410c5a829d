# Notices are valid for the library of Standard Webhooks from PyPI, and the key is
# read again when its file changes.

use strict;
use warnings;
use utf8;

use JSON::PP qw(decode_json);
use Test::More;

my $python;

BEGIN {
    $python = $ENV{TEST_NGINX_WEBHOOKS_PYTHON};

    plan skip_all => 'requires TEST_NGINX_WEBHOOKS_PYTHON, a Python with'
        . ' standardwebhooks' if !$python;
}

use Reauth::Test sandbox => 0;
use Reauth::Receiver;

my $port   = free_port();
my $log    = work_dir() . '/standard.json';
my $secret = secret_file('notices', "whsec_" . 'QUJD' x 12 . "\n");

Reauth::Test::spawn('receiver', $port, $python, 'tests/notices/receiver.py',
    $port, $Reauth::Receiver::SECRET, $log);

my $gateway = gateway(config => <<"EOC");
reauth_notify /notify $secret;
location = /notify { internal; proxy_pass http://127.0.0.1:$port; }
EOC

sub received {
    my @received = map { decode_json($_) }
        split /\n/, -e $log ? Reauth::Test::slurp($log) : '';

    return @received;
}

my $id = Reauth::Receiver->notice('acct_1', 1);
ok(wait_for { received() > 0 } 'a notice with another key is received');
like((received())[0]{error}, qr/No matching signature/, 'the signature with another key is not valid');

secret_file('notices', "$Reauth::Receiver::SECRET\n");
ok(wait_for { grep { $_->{notice} } received() }
    'a notice with the key of the changed file is valid');

my ($valid) = grep { $_->{notice} } received();
is($valid->{id}, "msg_$id", 'the ID of the notice is the same');
is_deeply($valid->{notice}, { type => 'account.needs_person',
    data => { account_id => 'acct_1', number => 1 } }, 'the notice is the same');

# ---- what the gateway itself writes ----

Reauth::Test::redis_cli('XADD', '{reauth}:notices', '*', 'type', 'account.failed',
    'account', 'acct_2', 'body', '{"text": "\u00e9 \"quoted\" \\\\"}');
ok(wait_for { 2 <= grep { $_->{notice} } received() } 'a body with escapes is valid');
is((grep { $_->{notice} } received())[-1]{notice}{text}, qq(\x{e9} "quoted" \\),
    'a body with escapes is unchanged');

redis_stop();
ok(wait_for { grep { ($_->{notice}{type} // '') eq 'gateway.degraded' }
    received() } 'the notice of a degraded gateway is valid');

done_testing();
