# The memory of the zone that is in use is mapped before a new worker serves:
# its first requests do not wait for the kernel.

use strict;
use warnings;

use Test::More;

use Reauth::Test redis => 0, sandbox_options => ['--hold'];

my $hidden = Reauth::Test::memory_hidden();
plan skip_all => $hidden if defined $hidden;

my $size = 32 * 1024;

my $gateway = gateway(http_config => "reauth_zone accounts:${size}k;");

# The part of the zone that a process has mapped, in KB.

sub mapped {
    my ($pid) = @_;

    my ($kb) = Reauth::Test::slurp("/proc/$pid/smaps")
        =~ /^Size: +$size kB\n(?:\w+: .*\n)*?Rss: +(\d+) kB$/m;

    return $kb;
}

$gateway->update("acct_$_", 'ok') for 1 .. 300;

my ($old) = $gateway->begun;
my $used  = mapped($old);

ok($used, 'the zone is one of the mappings of a worker');
cmp_ok($used, '<', $size, 'a part of the zone is in use');

sub is_mapped {
    my ($what) = @_;

    my ($new) = grep { $_ != $old } $gateway->begun;

    cmp_ok(mapped($new), '>=', $used, "$what has mapped what is in use");
    $old = $new;

    return;
}

ok($gateway->reload, 'the gateway is reloaded');
is_mapped('a worker after a reload');

ok($gateway->kill_worker, 'a worker is killed');
is_mapped('a worker in place of a killed one');

done_testing();
