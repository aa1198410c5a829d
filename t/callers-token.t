# reauth-token creates a token and the matching line of the callers file, and
# rejects what the module would reject; ./run callers-token calls it.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Test::More;

use Reauth::Test redis => 0;

my $dir  = work_dir();
my $run  = './run callers-token';
my $made = 'build/reauth-token';

system('./tools/build-token') == 0 or die "reauth-token was not built\n";

# standard output, standard error and exit status of a program

sub program {
    my ($program, @arguments) = @_;

    my $command = join ' ', map { "'$_'" } @arguments;
    my $line    = `$program $command 2>$dir/stderr </dev/null`;

    return ($line, Reauth::Test::slurp("$dir/stderr"), $? >> 8);
}

sub made {
    my ($program, @arguments) = @_;

    my ($line, $told, $status) = program($program, @arguments);

    is($status, 0, "$program @arguments exits with 0");
    my ($token) = $told =~ /: (rgw_[0-9A-Za-z_-]{43})\n\z/;
    ok($token, 'the token is written to the standard error');
    unlike($line, qr/\Q$token/, 'the token is not in the line');

    return ($line, $token);
}

my ($alice, $alices_token) = made($made, 'alice', 'all');
my ($bob, $bobs_token) = made($run, 'bob-2', 'call,status', 'acct_b*,acct_1');
my ($carol, $carols_token) = made($made, 'carol', 'call', 'attempts=2',
    'routes=GET:/chats,*:/me', 'accounts=acct_1');

isnt($alices_token, $bobs_token, 'each token is another one');
like($bob, qr/\Abob-2 sha256:[0-9a-f]{64} call,status accounts=acct_b\*,acct_1\n\z/,
    'a third argument without a name is accounts=');
like($carol, qr{\Acarol sha256:[0-9a-f]{64}\Q call attempts=2 routes=GET:/chats,*:/me accounts=acct_1\E\n\z},
    'parameters are in the line as they were given');

my $callers = secret_file('callers', $alice . $bob . $carol, oct 640);
my $gateway = gateway(http_config => "reauth_callers_file $callers;\n");

sub status {
    my ($token, $path) = @_;

    return $gateway->http('GET', $path,
        { Authorization => "Bearer $token" })->{status};
}

is(status($alices_token, '/api/acct_2/me'), 200, 'the gateway knows the token');
is(status($alices_token . '0', '/api/acct_2/me'), 401,
    'a token with a digit more is rejected');
is(status($bobs_token, '/api/acct_b2/me'), 200,
    'an account of accounts= can be called');
is(status($bobs_token, '/api/acct_2/me'), 403,
    'an account outside accounts= is rejected');
is(status($carols_token, '/api/acct_1/me'), 200, 'a call of routes= is passed');
is(status($carols_token, '/api/acct_1/posts'), 403,
    'a call outside routes= is rejected');

my $hash = 'sha256:' . '0' x 63 . '1';

for my $bad (
    [ qr/a name and scopes are needed/, 'alice' ],
    [ qr/argument 1 is empty/, '', 'all' ],
    [ qr/argument 1 has a blank/, 'a b', 'all' ],
    [ qr/argument 1 has a blank/, "a\nb", 'all' ],
    [ qr/argument 1 has a blank/, "bob $hash all\nalice", 'all' ],
    [ qr/argument 1 is empty or begins with "#"/, '#alice', 'all' ],
    [ qr/the caller's name/, 'a:b', 'all' ],
    [ qr/the caller's name is longer/, 'a' x 100, 'all' ],
    [ qr/argument 2 is empty/, 'alice', '' ],
    [ qr/the hash must be followed by scopes.*operate or all/, 'alice', 'calls' ],
    [ qr/the hash must be followed by scopes/, 'alice', $hash, 'all' ],
    [ qr/argument 2 has a blank/, 'alice', 'call, status' ],
    [ qr/a pattern of "accounts="/, 'alice', 'all', 'accounts=acct_*x' ],
    [ qr/argument 3 has a blank/, 'alice', 'all', 'accounts=x y' ],
    [ qr/"attempts=" takes a number/, 'alice', 'all', 'attempts=0' ],
    [ qr/invalid route in "routes="/, 'alice', 'all', 'routes=/chats' ],
    [ qr/"budget=" takes credits/, 'alice', 'all', 'budget=500' ],
    [ qr/"attempts=" is duplicate/, 'alice', 'all', ('attempts=1') x 2 ],
    [ qr/the scopes can be followed/, 'alice', 'all', 'acct_1' ],
    [ qr/argument 3 .* begins with "#"/, 'alice', 'all', '#accounts=acct_1' ],
    [ qr/the line would be longer than 4096 bytes/, 'alice', 'all', 'routes=GET:/' . 'x' x 5000 ])
{
    my ($why, @arguments) = @$bad;
    my ($line, $told, $status) = program($made, @arguments);
    my $shown = substr join('|', map { s/\n/\\n/r } @arguments), 0, 60;

    is($status, 1, "invalid arguments are refused: $shown");
    like($told, qr/\Areauth-token: $why/s, "the error says why: $shown");
    unlike($told, qr/rgw_/, "the error has no token: $shown");
    is($line, '', "no line is printed: $shown");
}

for my $bad (['alice'], ['alice', 'all', 'x*'], ['alice', 'all', 'acct_*x']) {
    my ($line, $told, $status) = program($run, @$bad);

    ok($status, "run refuses: @$bad");
    is($line, '', "run prints no line if it refuses: @$bad");
}

my $told = `$made alice all 2>&1 >/dev/full`;

is($? >> 8, 1, 'a line that cannot be written');
like($told, qr/the line could not be written: No space left/,
    'a line that cannot be written is reported');
unlike($told, qr/rgw_/,
    'the token of a line that cannot be written is not printed');

# the commands that write the token of an operator to a file

my ($commands) = Reauth::Test::slurp('docs/operations.md')
    =~ /needs? the token of an operator.*?^```sh\n(.*?)^```$/ms;
my $operator = "$dir/operator";

$commands //= '';
$commands =~ s{/etc/nginx/callers}{$dir/callers-of-operator}g;
$commands =~ s{/etc/nginx/secrets/operator}{$operator};
$commands =~ s{^reauth-token}{$made}m;

is(system('sh', '-c', $commands), 0, 'the commands of operations.md succeed');
like(Reauth::Test::slurp($operator), qr/\Argw_[0-9A-Za-z_-]{43}\n\z/,
    'the commands write the bare token to the file');
is((stat $operator)[2] & oct 777, oct 600, 'only the owner can read it');
chomp(my $operators_token = Reauth::Test::slurp($operator));
is(Reauth::Test::slurp("$dir/callers-of-operator"),
    'operator sha256:' . sha256_hex($operators_token) . " status,operate\n",
    'the line has its hash');

my ($help, undef, $helped) = program($made, '--help');

is($helped, 0, '--help is no error');
like($help, qr/^usage: reauth-token NAME SCOPES/,
    'the help goes to standard output');

done_testing();
