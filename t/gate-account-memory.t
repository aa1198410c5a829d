# If an account cannot be determined for lack of memory, it is an error of the
# gateway, not of the client: 500, and nothing is sent.

use strict;
use warnings;

use Test::More;
use Reauth::Test redis => 0, sandbox_options => ['--hold'];

my $LENGTH = 24 << 20;

my $gateway = gateway(
    http_config => 'large_client_header_buffers 4 32m;',
    config      => <<'EOC',
location /calls/ {
    reauth_gate on;
    reauth_gate_account $arg_account;
    proxy_pass http://fans_api;
}
EOC
);

my ($worker) = $gateway->worker_pids;

# The additional address space that the worker can use.

sub limit {
    my ($more) = @_;

    my ($pages) = split / /, Reauth::Test::slurp("/proc/$worker/statm");
    my $bytes = defined $more ? $pages * 4096 + $more : 'unlimited';

    return system('prlimit', "--as=$bytes:unlimited", '--pid', $worker) == 0;
}

sub call {
    return $gateway->http('GET',
        '/calls/x?account=' . ('a' x $LENGTH))->{status};
}

is(call(), 400, 'an account ID that is far too long');

my $sent = () = sandbox_log();

SKIP: {
    skip 'no prlimit here, or not enough memory is used by it alone', 2
        if $ENV{ASAN_OPTIONS} || !limit(40 << 20);

    is(call(), 500, 'a call is rejected with 500 if memory is short');
    like($gateway->error_log, qr/\[emerg\].* (?:malloc|posix_memalign)\(/,
        'the failed allocation is logged');
    limit();
}

is(call(), 400, 'an invalid account is rejected when memory is available');
is(scalar(() = sandbox_log()), $sent, 'nothing was sent');
is_deeply([$gateway->worker_pids], [$worker], 'the worker runs');

done_testing();
