# A binary upgrade (USR2) begins with an empty zone, and reads Redis.

use strict;
use warnings;

use Test::More;
use Reauth::Test sandbox_options => ['--hold'];

# nginx starts itself again by the name it was started with
my ($nginx) = grep { defined && -x } $ENV{TEST_NGINX_BINARY},
    map { "$_/nginx" } split(/:/, $ENV{PATH}), '/usr/sbin';

my $gateway = gateway(workers => 2);
my $dir     = work_dir() . '/gateway';


sub running {
    my ($pid) = Reauth::Test::slurp("$dir/logs/nginx.pid") =~ /(\d+)/;

    return $pid;
}


# It takes the signal as a daemon only, which nobody else will end.

my @daemons;

END { local $?; kill 'TERM', @daemons if @daemons; }

$gateway->stop;

my $conf = Reauth::Test::slurp("$dir/nginx.conf");
$conf =~ s/^daemon off;$/daemon on;/m;
Reauth::Test::write_file("$dir/nginx.conf", $conf);

system($nginx, '-e', "$dir/logs/error.log", '-p', "$dir/", '-c',
    "$dir/nginx.conf") == 0 or die "nginx did not start\n";

ok(wait_for { running() } 'the old one runs');
my $old = running();
push @daemons, $old;

ok(wait_for { ($gateway->http('GET', '/reauth/readyz')->{json}{status} // '')
    eq 'ready' } 'and has read Redis');

my $id = $gateway->update('acct_1', 'ok')->{json}{attempt_id};
my $new;

kill 'USR2', $old;
ok(wait_for {
    $new = running();
    -e "$dir/logs/nginx.pid.oldbin" && $new && $new != $old
} 'the new one runs');
push @daemons, $new;

my %seen;
$seen{ $gateway->http('GET', '/api/acct_1/me')->{status} }++ for 1 .. 60;
is_deeply([ keys %seen ], [503], 'closed by both');

kill 'QUIT', $old;
ok(wait_for { !runs($old) } 'the old one ends');

%seen = ();
$seen{ $gateway->http('GET', '/api/acct_1/me')->{status} }++ for 1 .. 20;
is_deeply([ keys %seen ], [503], 'closed by the new one');
ok(wait_for { ($gateway->http('GET', '/reauth/accounts/acct_1')
    ->{json}{attempt_id} // '') eq $id } 'which knows all of it');
is($gateway->http('GET', '/api/acct_1/me')->{json}{state}, 'running',
    'and not only that it has to load it');
is($gateway->http('GET', '/api/acct_2/me')->{status}, 200, 'others pass');
is($gateway->update('acct_2', 'ok')->{status}, 200, 'it takes updates');

kill 'QUIT', $new;
ok(wait_for { !runs($new) } 'the new one ends');
@daemons = ();

done_testing();
