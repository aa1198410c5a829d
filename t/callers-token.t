# ./run callers-token: a token and a line of the callers file that belong
# together.

use strict;
use warnings;

use Test::More;

use Reauth::Test redis => 0;

my $dir = work_dir();

# what it says on standard output and on standard error, and whether it failed

sub callers_token {
    my (@arguments) = @_;

    my $command = join ' ', map { "'$_'" } @arguments;
    my $line    = `./run callers-token $command 2>$dir/stderr`;

    return ($line, Reauth::Test::slurp("$dir/stderr"), $? != 0);
}

sub made {
    my ($line, $told, $failed) = callers_token(@_);

    ok(!$failed, "@_");
    my ($token) = $told =~ /: (rgw_[0-9a-f]{64})\n\z/;
    ok($token, 'a token is told');
    unlike($line, qr/\Q$token/, 'but is not in the line');

    return ($line, $token);
}

my ($alice, $alices_token) = made('alice', 'all');
my ($bob, $bobs_token) = made('bob-2', 'call,status', 'acct_b*,acct_1');

isnt($alices_token, $bobs_token, 'each time another one');
like($bob, qr/\Abob-2 sha256:[0-9a-f]{64} call,status accounts=acct_b\*,acct_1\n\z/,
    'the line');

my $callers = secret_file('callers', $alice . $bob, oct 640);
my $gateway = gateway(http_config => "reauth_callers_file $callers;\n");

sub status {
    my ($token, $path) = @_;

    return $gateway->http('GET', $path,
        { Authorization => "Bearer $token" })->{status};
}

is(status($alices_token, '/api/acct_2/me'), 200, 'alice is known');
is(status($bobs_token, '/api/acct_b2/me'), 200, 'and so is bob');
is(status($bobs_token, '/api/acct_2/me'), 403, 'with his accounts');

for my $bad (['alice'], ['', 'all'], ['a b', 'all'], ['a:b', 'all'],
    ["a\nb", 'all'], ['alice', ''], ['alice', 'calls'], ['alice', 'call, status'],
    ['alice', 'all', '*'], ['alice', 'all', 'acct_*x'], ['alice', 'all', 'x y'])
{
    my ($line, $told, $failed) = callers_token(@$bad);

    ok($failed, 'refused: ' . join '|', map { s/\n/\\n/r } @$bad);
    is($line, '', 'without a line');
}

done_testing();
