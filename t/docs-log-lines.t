# All log lines of the module at warn and above are in docs/troubleshooting.md,
# and all lines quoted there are in the module.

use strict;
use warnings;

use File::Find qw(find);
use Test::More;

use Reauth::Test redis => 0, sandbox => 0;

# Lines that are not documented, each with the reason.

my @excepted = (
    [qr/\A\W+\z/, 'what is put into it is quoted'],
    [qr/\A"reauth_callers_file" "\x01": \x01\z/, 'as above'],
    [qr/\A\x01=\x01 of "reauth_redis": \x01\z/, 'as above'],
    [qr/\A"\x01" sends requests to "\x01", \x01\z/, 'as above'],
    [qr/\Aan? [\w ]+\z/, 'it is put into a line that is quoted'],
    [qr/\Areauth_zone is accessed without its lock\z/,
        'only in a build for tests'],
);

# Functions that log a text passed by the caller.

my %wrapper = (
    ngx_http_reauth_redis_fail => '%s',
    ngx_http_reauth_key_refuse =>
        'reauth: $reauth_authorization %s, the request is not sent',
    reauth_secret_system_error => "%s: \x01",
    ngx_http_reauth_store_refused => "redis: %s: \x01",
);

my %composed = map { s/%s/\x01/r => 1 } values %wrapper;

# ---- log lines of the module
# ---------------------------------------------------

my $string = qr/"(?:[^"\\]++|\\.)*+"/;
my $char   = qr/'(?:[^'\\]|\\.)++'/;
my $spec   = qr/%|[.*\d]*(?:u[izDLd]?|z[ud]?|[VvsdiDLMPTl])/;
my $nested = qr/(\((?:[^()"']++|$string|$char|(?-1))*+\))/;

# joins adjacent strings and resolves escapes

sub joined {
    my ($code) = @_;

    my $text = join '', map { substr $_, 1, -1 } $code =~ /$string/g;

    $text =~ s/\\(["\\])/$1/g;

    return $text;
}

sub arguments {
    my ($call) = @_;

    my (@argument, $depth);

    push @argument, '';
    $depth = 0;

    while ($call =~ /\G($string|$char|.)/gs) {
        my $part = $1;

        $depth++ if $part eq '(';
        $depth-- if $part eq ')';

        if ($part eq ',' && $depth == 0) {
            push @argument, '';
        } else {
            $argument[-1] .= $part;
        }
    }

    return @argument;
}

# The texts of a format: arguments are \x01, unless the argument is one of
# several strings.

sub texts {
    my ($format, @argument) = @_;

    my @text = ('');

    while ($format =~ /\G(?:%($spec)|([^%]+))/gc) {
        my ($spec, $plain) = ($1, $2);

        if (defined $plain || $spec eq '%') {
            $_ .= $plain // '%' for @text;
            next;
        }

        shift @argument if $spec =~ /\*/;

        my $value = shift @argument // '';
        my @choice = $value =~ /\?/
            ? map { joined($_) } $value =~ /[?:]\s*((?:$string\s*)+)/g : ();

        @choice = ("\x01") if !@choice;
        @text = map { my $text = $_; map { $text . $_ } @choice } @text;
    }

    return @text;
}

# [file, text] of each line, of those at warn and above, and all strings

my (@said, @logged, @literals);

find({ no_chdir => 1, wanted => sub {
    my $file = $_;

    return if $file !~ /\.[ch]$/;

    my $source = Reauth::Test::slurp($file);

    $source =~ s{/\*.*?\*/}{}gs;

    $source =~ s/\bngx_(\w+)_file_n\b/"$1()"/g;
    push @literals, map { joined($_) } $source =~ /((?:$string\s*)+)/g;

    while ($source =~ /\b(\w+)\s*$nested/g) {
        my ($function, $call) = ($1, substr $2, 1, -1);
        my @argument = arguments($call);
        my $level = '';

        if ($function =~ /\Angx_(?:conf_log|log|ssl)_error\z/) {
            ($level) = splice @argument, 0, 3;
        } elsif (exists $wrapper{$function}) {
            @argument = (qq{"$wrapper{$function}"}, "1 ? $argument[-1]");
        } else {
            next;
        }

        my $format = shift @argument;

        next if $format !~ /"/;

        my @text = map { [$file, $_ =~ s/,? in \x01:\x01\z//r] }
            grep { $_ ne "\x01" && !$composed{$_} }
            texts(joined($format), @argument);

        push @said, @text;
        push @logged, @text if $level !~ /NGX_LOG_(?:NOTICE|INFO|DEBUG)/;
    }

    # reasons that nginx appends to the name of the directive

    while ($source =~ /^(?:static )?char \*\n\w+\([^{}]*?\)\n\{(.*?)^\}/gms) {
        my $body = $1;

        push @logged, map { [$file, "\"\x01\" directive " . joined($_)] }
            $body =~ /return (?:[^;"]*\? )?((?:$string\s*)+)[:;]/g;
    }

    # and reasons that follow the name of a file

    if ($file =~ m{/core/reauth_(?:secret|file)\.c\z}) {
        push @logged, map { [$file, texts(joined($_))] }
            $source =~ /(?:return|ERROR_SIZE,)\s+((?:$string\s*)+)/g;
    }
} }, 'ngx_module');


cmp_ok(scalar @logged, '>', 150, 'lines are found in the source');

# ---- lines of the document
# -----------------------------------------------------

my ($lines) = Reauth::Test::slurp('docs/troubleshooting.md')
    =~ /^(## At start.*)^## Responses to clients$/ms;
my @quoted = map { /nginx's own/ ? () : /`([^`\n]+)`/g }
    $lines =~ /^\| (`.*?) \| /mg;

cmp_ok(scalar @quoted, '>', 150, 'lines are quoted');

# Converts a quoted line to a pattern.  "..." stands for any text, and a word in
# place of an argument for any value.

sub expression {
    my ($quote) = @_;

    $quote =~ s/,? in \.\.\.\z//;

    my $error = $quote =~ s/ \((?:\d+: )?\.\.\.\)\z// ? '(?: \(.*)?' : '';

    my @part = map { join '', map { /\A\w+\z/ ? "(?:$_|\x01)" : quotemeta }
        split /(\w+)/ } split /\.\.\./, $quote, -1;

    return '\A(?:' . join('.*', @part) . ")$error\\z";
}

my %expression = map { $_ => expression($_) } @quoted;
my $known      = join '|', values %expression;
my %missing;

for my $line (@logged) {
    my ($file, $text) = @$line;

    $missing{"$file: " . $text =~ s/\x01/.../gr} = 1
        if $text !~ /$known/ && !grep { $text =~ $_->[0] } @excepted;
}

is(join("\n", sort keys %missing), '', 'each line is quoted');

# a line of the module or, because arguments may be quoted, strings

my $literals = join "\n", @literals;

my @unknown = grep {
    my $quote = $_;

    !grep({ $_->[1] =~ /$expression{$quote}/ } @said, @logged)
    && grep { index($literals, $_) < 0 } map { s/\A\W+|\W+\z//gr }
        split /\.\.\.|\bN\b|"/, $quote
} @quoted;

is(join("\n", @unknown), '', 'each quoted line is in the module');

done_testing();
