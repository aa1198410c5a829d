# Two gateways whose nginx has the same random numbers, as in containers that are
# started together: neither hides entries of the other one in the audit log.

use strict;
use warnings;

use Test::More;

use Reauth::Test;

plan skip_all => './run asan: the runtime of the sanitizer has to be loaded first'
    if defined $ENV{ASAN_OPTIONS};

my $library = work_dir() . '/random.so';

open my $cc, '|-', 'cc', '-shared', '-fPIC', '-o', $library, '-x', 'c', '-'
    or die "cannot run cc: $!\n";
print {$cc} "long random(void) { return 4; }\n";
close $cc or die "cc failed\n";

my %config = (config => "location /reauth/ { reauth_status operate; }\n",
    environment => { LD_PRELOAD => $library });

my @gateways = map { gateway(name => $_, %config) } 'one', 'two';

for my $i (0 .. 1) {
    is($gateways[$i]->http('PUT', "/reauth/accounts/acct_$i/override", {},
        { gate => 'open', for => '1m', reason => 'a test' })->{status}, 200,
        "gateway $i acts");
}

sub accounts {
    my ($gateway) = @_;

    return join ' ', sort map { $_->{account_id} }
        @{ $gateway->http('GET', '/reauth/audit')->{json}{events} };
}

for my $gateway (@gateways) {
    ok(wait_for { accounts($gateway) eq 'acct_0 acct_1' }
        'a gateway lists the acts of both');
}

done_testing();
