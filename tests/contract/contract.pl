# Copyright (C) the nginx-reauth authors
#
# Runs schemathesis against a gateway with callers and the sandbox upstream:
# each response must match docs/openapi.yaml.  Called by "./run contract".
#
#   perl -It/lib tests/contract/contract.pl PYTHON SECONDS SEED

use strict;
use warnings;

use Cwd ();
use Digest::SHA qw(sha256_hex);

use Reauth::Test redis => 0, sandbox_options => ['--step-ms', 50];

# Excluded: the stream of events does not end.
my @EXCLUDED = qw(followEvents);

# The maximum number of requests to an operation in a phase, unless time is up.
my $EXAMPLES = 200;

my ($python, $seconds, $seed) = @ARGV;

my $root = Cwd::getcwd();

my $dir     = work_dir();
my $token   = 'token-of-the-contract';
my $secret  = secret_file('webhook', 'webhook-secret-of-the-contract');
my $callers = secret_file('callers',
    'contract sha256:' . sha256_hex($token) . " all\n", oct 644);

my $gateway = gateway(
    workers     => 2,
    without     => ['ready'],
    http_config => "reauth_callers_file $callers;",
    config      => <<"EOC");
location = /reauth/webhook { reauth_webhook $secret; }
location = /reauth/metrics { reauth_metrics; }
EOC

# Callers are optional in the description, but required here.

my $description = Reauth::Test::slurp("$root/docs/openapi.yaml");
$description =~ s/^security:\n\K  - \{\}\n//m
    or die "docs/openapi.yaml: no optional security\n";
Reauth::Test::write_file("$dir/openapi.yaml", $description);

if (my @repeated = repeated($description)) {
    die map {"docs/openapi.yaml: $_ is repeated\n"} @repeated;
}

print "contract: schemathesis for $seconds s, seed $seed\n";

# schemathesis writes to its current directory
chdir $dir or die "chdir $dir: $!\n";

my $status = system $python, '-m', 'schemathesis.cli',
    '--config-file', "$root/tests/contract/schemathesis.toml",
    'run', "$dir/openapi.yaml",
    '--url', 'http://127.0.0.1:' . $gateway->port,
    '--header', "Authorization: Bearer $token",
    '--checks', 'all',
    '--phases', 'examples,coverage,fuzzing',
    '--max-examples', $EXAMPLES,
    '--max-time', $seconds,
    '--seed', $seed,
    '--generation-database', 'none',
    '--no-color',
    map { ('--exclude-operation-id', $_) } @EXCLUDED;

chdir $root or die "chdir $root: $!\n";

my @crashes = grep {/\[(?:alert|emerg|crit)\]|exited on signal/}
    split /^/, $gateway->error_log;

print @crashes;

exit($status != 0 || @crashes ? 1 : 0);


# Duplicate keys of a mapping; YAML parsers keep the last one without a message.

sub repeated {
    my ($yaml) = @_;

    my ($line, @repeated, %seen) = (0);

    for (split /\n/, $yaml) {
        $line++;
        my ($indent, $item, $key) = /^( *)(- )?("?[\w\/{}.-]+"?):(?: |$)/
            or next;

        my $depth = length $indent;

        delete @seen{ grep { $_ > $depth || $item && $_ == $depth } keys %seen };
        push @repeated, "line $line: $key" if $seen{$depth}{$key}++;
    }

    return @repeated;
}
