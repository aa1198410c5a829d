# "make install" installs what the commands of operations.md and the shipped
# configuration need: the module, the programs and their manuals, the board.

use strict;
use warnings;

use File::Temp ();
use Test::More;

use Reauth::Test redis => 0, sandbox => 0;

# a checkout in which nothing is built

my $dir = File::Temp->newdir;

system('cp', '-R', qw(board conf docs tools), "$dir/") == 0 or die "cp failed\n";
mkdir "$dir/build" or die "mkdir: $!\n";

for my $name (qw(build build-token)) {
    Reauth::Test::write_file("$dir/tools/$name", "#!/bin/sh\n");
}

my @built = qw(ngx_http_reauth_module.so reauth-token);
Reauth::Test::write_file("$dir/build/$_", "$_\n") for @built;

sub run {
    my ($command) = @_;

    my $output = `cd $dir && { $command; } 2>&1`;
    is($?, 0, "the command ends without an error: $command") or diag($output);

    return;
}

run("DESTDIR=$dir/root MODULES=/usr/lib/nginx/modules tools/install");

my $bin = '/usr/local/bin';
my $man = '/usr/local/share/man/man1';

for my $file ("/usr/lib/nginx/modules/$built[0]", "$bin/$built[1]", "$bin/reauth-doctor",
    "$man/reauth-doctor.1", "$man/reauth-token.1")
{
    ok(-s "$dir/root$file", "make install puts the file below DESTDIR: $file");
}

# ---- the board, where the configuration of operations.md has it ----

my ($commands) = Reauth::Test::slurp('docs/operations.md')
    =~ /^### Debian, from source\n.*?^```sh\n(.*?)^```/ms;
my ($copy) = $commands =~ /^(.* conf\/nginx\.conf > \/etc\/nginx\/nginx\.conf)/m;

run(($copy // 'false') =~ s/\/etc\/nginx\/nginx\.conf/nginx.conf/r);

my ($board) = Reauth::Test::slurp("$dir/nginx.conf") =~ /alias\s+"(\S+\/board)\/";/;

for my $file (map { s/.*\///r } glob 'board/*') {
    is(Reauth::Test::slurp("$dir/root$board/$file"), Reauth::Test::slurp("board/$file"),
        "the file of the board is where nginx reads it: $file");
}

done_testing();
