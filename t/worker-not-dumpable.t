# If a secret is configured, other processes of the workers' user cannot read
# the memory of a worker; without one, nothing changes.

use strict;
use warnings;

use IO::Socket::INET ();
use POSIX ();
use Test::More;

use Reauth::Test redis => 0, sandbox => 0;

my ($uid, $gid) = (getpwnam 'nobody')[2, 3];

my $user = 'nobody ' . (defined $gid ? getgrgid($gid) : '');

plan skip_all => 'needs root: the workers have to be of another user'
    if $> != 0;
plan skip_all => 'there is no user "nobody"' if !defined $uid;

my $secret = secret_file('a_secret', 'a secret of some length, for a test');
my $proxy  = 'location / { proxy_pass http://127.0.0.1:1; }';

my @all = qw(reauth_key_file reauth_zone reauth_redis ready
    /api/authenticate /api/fansly/authenticate /upstream/ /api/ /reauth/
    /reauth/webhook /reauth/metrics);


# checks whether a process of that user can read it: 1, or the error

sub reads {
    my ($pid) = @_;

    my $child = open(my $from, '-|') // die "fork: $!\n";

    if ($child == 0) {
        POSIX::setgid($gid);
        POSIX::setuid($uid);

        my ($start) = Reauth::Test::slurp("/proc/$pid/stat")
            ? qx{cat /proc/$pid/maps 2>/dev/null} =~ /^([0-9a-f]+)-/ : ();
        my $said = $!{EACCES} ? 'EACCES' : "$!";

        if (open my $memory, '<:raw', "/proc/$pid/mem") {
            no warnings 'portable';
            sysseek $memory, hex($start // '0'), 0;
            $said = sysread($memory, my $bytes, 4) ? 1 : "read: $!";

        } else {
            $said = $!{EACCES} || $!{EPERM} ? 'denied' : "$!";
        }

        print $said;
        close STDOUT;
        POSIX::_exit(0);
    }

    local $/ = undef;
    my $said = <$from>;
    close $from;

    return $said;
}


sub workers_of {
    my ($gateway) = @_;

    my $worker;

    # nginx has forked it, but it may not have begun; after a reload, the former
    # one may not have ended

    ok(wait_for {
        ($worker, my @former) = $gateway->worker_pids;
        return $worker && !@former
            && Reauth::Test::slurp("/proc/$worker/status") =~ /^Uid:\s+$uid\b/m;
    } 'the worker has the specified user');

    ok(wait_for { my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
            PeerPort => $gateway->port) or return;
        print {$socket} "GET / HTTP/1.0\r\n\r\n";
        return scalar <$socket> } 'the worker responds');

    return $worker;
}

my $plain = gateway(name => 'plain', user => $user, without => \@all,
    config => $proxy);

is(reads(workers_of($plain)), 1,
    'the user can read the memory of a worker without a secret');

my $keyed = gateway(name => 'keyed', user => $user,
    without => [grep { $_ ne 'reauth_key_file' } @all], config => $proxy);

is(reads(workers_of($keyed)), 'denied',
    'the user cannot read the memory of a worker with a key');

$keyed->reload;
is(reads(workers_of($keyed)), 'denied',
    'the memory of a worker cannot be read after a reload');

my $master = gateway(name => 'master_secret', user => $user,
    without => [grep { $_ ne 'reauth_zone' } @all],
    http_config => "reauth_secret_file $secret;", config => $proxy);

is(reads(workers_of($master)), 'denied',
    'the memory of a worker with a master secret cannot be read');

$_->stop for $plain, $keyed, $master;

unlike($keyed->error_log, qr/\[(?:alert|crit|emerg)\]/, 'nothing is logged');

done_testing();
