# Names in the documentation exist: files, functions, directives, metrics and
# constants of the module, and the targets of links.

use strict;
use warnings;

use File::Find qw(find);
use Test::More;

use Reauth::Test redis => 0, sandbox => 0;

my @docs = (glob('docs/*.md'), glob('*/README.md'), glob('*.md'));

my $source = join '', map { Reauth::Test::slurp($_) } 'config',
    grep {-f} glob 'tools/*';

find({ no_chdir => 1, wanted => sub {
    $source .= Reauth::Test::slurp($_) if /\.(?:[cht]|lua|sh|pm)\z/;
} }, 'ngx_module', 't', 'tests', 'bench', 'sandbox/lib');

my %word = map { $_ => 1 } $source =~ /\w+/g;

# folders with which a path begins, in the repository and in the module

my $roots = join '|',
    qw(ngx_module t tests tools sandbox bench conf docker docs packaging),
    map { m{([^/]+)/\z} } glob 'ngx_module/*/';

# anchors that GitHub creates for headings, and explicit ones

sub anchors {
    my ($text) = @_;

    my %anchor = map { $_ => 1 } $text =~ /<a (?:id|name)="([^"]+)"/g;

    $text =~ s/^```.*?^```//gms;

    for my $heading ($text =~ /^#+ (.+)$/mg) {
        $heading =~ s/\]\([^)]*\)//g;
        $heading = lc $heading;
        $heading =~ s/[^\w -]//g;
        $heading =~ tr/ /-/;
        $anchor{$heading} = 1;
    }

    return \%anchor;
}

# the errors of one file

sub missing {
    my ($file) = @_;

    my $text = Reauth::Test::slurp($file);
    my ($dir) = $file =~ m{(.*/)};
    my @missing;

    for my $name ($text =~ /`([^`\n]+)`/g) {

        if ($name =~ m{\A(?:$roots)/[\w./*-]*\z}o) {
            my @found = grep { -e } glob "{,ngx_module/}$name";

            # capitals are placeholders, other files are generated
            push @missing, $name
                if !@found && $name !~ m{[A-Z]{3}|\Adocker/secrets/|/servroot_};

        } elsif ($name =~ /\A((?:ngx_http_)?reauth_\w+|(?:NGX_HTTP_)?REAUTH_\w+)\z/) {
            push @missing, $name if !$word{$1};
        }
    }

    while ($text =~ /\]\(([^)#\s]*)(?:#([^)\s]+))?\)/g) {
        my ($path, $anchor) = ($1, $2);

        next if $path =~ /\A\w+:/;

        my $target = $path eq '' ? $file : ($dir // '') . $path;

        push @missing, "$path#" . ($anchor // '')
            if !-e $target || defined $anchor
            && !anchors(Reauth::Test::slurp($target))->{$anchor};
    }

    return @missing;
}

# rows of a table that name files and the functions defined there

sub misplaced {
    my ($file) = @_;

    my (%place, @misplaced, $rows);

    for my $path (glob 'ngx_module/*.c ngx_module/*/*.c') {
        $place{$_} = $path for Reauth::Test::slurp($path) =~ /^(\w+)\(/mg;
    }

    for my $row (Reauth::Test::slurp($file) =~ /^\|.*\.c` \|$/mg) {
        my ($functions, $path) = $row =~ /\| (.*) \| `([^`]+)` \|$/ or next;
        $rows++;

        push @misplaced, map {"$_ is in $place{$_}"}
            grep { $place{$_} && $place{$_} ne "ngx_module/$path" }
            $functions =~ /`(\w+)`/g;
    }

    return $rows > 20 ? @misplaced : 'too few rows';
}

cmp_ok(scalar @docs, '>', 10, 'there are over 10 documents');
cmp_ok(scalar keys %word, '>', 5000, 'there are over 5000 names');

is(join("\n", missing($_)), '', $_) for @docs;

is(join("\n", misplaced('docs/development.md')), '',
    'functions are in the files that are named');

done_testing();
