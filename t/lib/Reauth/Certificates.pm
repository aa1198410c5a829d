package Reauth::Certificates;

# Certificate authorities of a test, and certificates signed by them: for any
# name, time and key.

use strict;
use warnings;

use File::Path qw(make_path);

use Reauth::Test ();


sub openssl {
    my ($log, @arguments) = @_;

    my $pid = fork // die "fork failed: $!\n";

    if ($pid == 0) {
        open STDIN,  '<',  '/dev/null' or die;
        open STDOUT, '>>', $log        or die;
        open STDERR, '>&', \*STDOUT    or die;
        exec 'openssl', @arguments or die;
    }

    waitpid $pid, 0;

    return $? == 0
        || die "openssl @arguments failed:\n", Reauth::Test::slurp($log);
}


# A self-signed certificate that signs others by its methods certificate() and
# sign().

sub authority {
    my ($class, $name) = @_;

    my $dir  = Reauth::Test::work_dir() . "/ca-$name";
    my $self = bless { dir => $dir, log => "$dir/openssl.log" }, $class;

    make_path($dir);
    Reauth::Test::write_file("$dir/index", '');
    Reauth::Test::write_file("$dir/serial", "01\n");
    Reauth::Test::write_file("$dir/openssl.conf", <<"EOC");
[ca]
default_ca = authority
[authority]
database = $dir/index
serial = $dir/serial
new_certs_dir = $dir
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = optional
[req]
distinguished_name = none
[none]
EOC

    openssl($self->{log}, 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
        'ec_paramgen_curve:P-256', '-nodes', '-days', 2, '-subj', "/CN=$name",
        '-keyout', "$dir/ca.key", '-out', "$dir/ca.crt");

    return $self;
}


sub certificate { return $_[0]{dir} . '/ca.crt'; }


# sign($name, names => 'DNS:...,IP:...', subject => '/CN=...', days => 2,
# from => 'YYYYMMDDHHMMSSZ', to => ..., authority => 1): returns the files of a
# certificate and of its key.

sub sign {
    my ($self, $name, %argument) = @_;

    my $file    = "$self->{dir}/$name";
    my @dates   = $argument{to}
        ? ('-startdate', $argument{from}, '-enddate', $argument{to})
        : ('-days', $argument{days} // 2);
    my $basic   = $argument{authority} ? 'TRUE' : 'FALSE';
    my $names   = $argument{names} ? "subjectAltName = $argument{names}\n" : '';

    Reauth::Test::write_file("$file.ext", "basicConstraints = CA:$basic\n$names");

    openssl($self->{log}, 'req', '-new', '-newkey', 'ec', '-pkeyopt',
        'ec_paramgen_curve:P-256', '-nodes', '-subj',
        $argument{subject} // "/CN=$name", '-keyout', "$file.key",
        '-out', "$file.csr", '-config', "$self->{dir}/openssl.conf");
    openssl($self->{log}, 'ca', '-batch', '-notext', '-preserveDN', '-config',
        "$self->{dir}/openssl.conf", '-cert', $self->certificate, '-keyfile',
        "$self->{dir}/ca.key", '-in', "$file.csr", '-out', "$file.crt",
        '-extfile', "$file.ext", @dates);

    return ("$file.crt", "$file.key");
}


# Replaces the own certificate by one that another authority has signed, which
# makes this authority an intermediate one.

sub intermediate {
    my ($self, $name) = @_;

    my ($certificate, $key) = $self->sign($name, authority => 1);
    my $other = (ref $self)->authority("$name-own");

    for ([$certificate, 'ca.crt'], [$key, 'ca.key']) {
        Reauth::Test::write_file("$other->{dir}/$_->[1]",
            Reauth::Test::slurp($_->[0]));
    }

    return $other;
}

1;
