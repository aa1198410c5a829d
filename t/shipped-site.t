# conf/reauth.conf, the site of the Debian package, has the settings of
# conf/nginx.conf, which is a complete configuration and is tested.

use strict;
use warnings;

use Test::More;


sub slurp {
    my ($file) = @_;

    open my $fh, '<', $file or die "$file: $!";
    local $/ = undef;
    return scalar <$fh>;
}


# Directives with their blocks, one string each: "server|location /|return 421".
# Braces in quoted strings are not blocks.

sub directives {
    my ($text) = @_;

    $text =~ s/^[ ]*\#.*$//mg;

    my (@path, %directives, $count);
    my $words = '';

    while ($text =~ /\G(?:('[^']*'|"[^"]*"|[^;{}\s'"]+)|(\s+)|([;{}]))/gc) {
        my ($word, $blank, $end) = ($1, $2, $3);

        if (defined $word) {
            $words .= $word;

        } elsif (defined $blank) {
            $words .= ' ' if $words ne '';

        } elsif ($end eq '}') {
            pop @path;

        } else {
            $words =~ s/ +$//;
            $words .= ' ' . ++$count if $words eq 'server' && $end eq '{';
            push @path, $words if $end eq '{';
            $directives{ join '|', @path, $words } = 1 if $end eq ';';
            $words = '';
        }
    }

    die 'not all was read' if (pos($text) // 0) != length $text;
    return keys %directives;
}


# Settings of http in a complete configuration are in the servers of a site, so
# that they do not apply to other sites.

my %moved = map { $_ => 1 } qw(access_log server_tokens client_header_timeout
    client_body_timeout error_page proxy_ssl_server_name proxy_ssl_name
    proxy_ssl_verify proxy_ssl_verify_depth proxy_ssl_trusted_certificate
    proxy_buffer_size proxy_buffers proxy_connect_timeout);

my @whole = map { s/^http\|//r } grep { /^http\|/ }
    directives(slurp('conf/nginx.conf'));

my @expected;
for my $directive (@whole) {
    my ($name) = $directive =~ /^(\w+)/;

    if (!$moved{$name}) {
        push @expected, $directive;
        next;
    }

    push @expected, "server 1|$directive" if $name !~ /^proxy_/;
    push @expected, "server 2|$directive";
}

# Debian's nginx.conf logs errors only
my ($error_log) = grep { /^error_log / } directives(slurp('conf/nginx.conf'));
like $error_log, qr/ notice$/, 'acts of operators are logged';
push @expected, map { "server $_|$error_log" } 1, 2;

# separate logs; Redis is optional
s{/access[.]log}{/reauth_access.log} for @expected;

my $site = slurp('conf/reauth.conf');
ok $site !~ /^reauth_redis/m, 'Redis is not required';
$site =~ s/^#(?=reauth_redis)(.*)\n#/$1/m;

is_deeply [sort(directives($site))], [sort @expected],
    'the site has the directives of the whole configuration';

my @marks = $site =~ /^ *\# ([0-9])[.] /mg;
is_deeply \@marks, [1 .. 5], 'five places to edit';

done_testing();
