# States, operations, resources, metrics, error codes and directives are the same
# in the code, the documents, openapi.yaml, the sandbox and the lists of tests.

use strict;
use warnings;

use Test::More;

use Reauth::Test;

# The tables of the code: those of core/ are printed by a program built from it,
# metrics are those of a gateway, others are read from the source.

my $program = 'build/tests/unit/tables';

is(system("make -s -C tests OUT=../build/tests ../$program >&2"), 0,
    'a program that prints the tables is built');

sub slurp { return Reauth::Test::slurp($_[0]); }

my $shapes = slurp('sandbox/lib/Sandbox/Shapes.pm');
my ($waiting) = $shapes =~ /^my %WAITING_STATE = \((.*?)^\);/ms;
my @words     = $waiting =~ /=> '([\w-]+)'/g;

my (@state, %list);

for (split /\n/, qx{$program @words}) {
    my ($table, @row) = split / /;

    if ($table eq 'state') {
        my %row;
        @row{qw(name gate person end action)} = @row;
        push @state, \%row;
    } else {
        push @{ $list{$table} }, "@row";
    }
}

my $api     = slurp('docs/http-api.md');
my $openapi = slurp('docs/openapi.yaml');

sub names {
    my ($table, @where) = @_;

    return map { $_->{name} } grep { my $row = $_; !grep { !$row->{$_} } @where } @$table;
}

sub same {
    my ($got, $expected, $name) = @_;

    cmp_ok(scalar @$expected, '>', 2, "$name: there are some");

    return is_deeply([sort @$got], [sort @$expected], $name)
        || diag("got: @{[sort @$got]}\nexpected: @{[sort @$expected]}");
}

# a list of openapi.yaml, by its path

sub listed {
    my (@path) = @_;

    my $text   = $openapi;
    my $indent = '';

    for my $name (@path) {
        ($indent, $text) = $text =~ /^( *)\Q$name\E:(.*)/ms or return;
        $text =~ s/\n {0,${\ length $indent}}\S.*//s;
    }

    my ($values) = $text =~ /\A\s*\[(.*?)\]/s or return;

    return split /,\s*/, $values;
}

# the rows of a table below a heading of a document

sub rows {
    my ($text, $heading) = @_;

    my ($section) = $text =~ /^#+ \Q$heading\E\n(.*?)(?=^#+ |\z)/ms or return;

    return map { [split / *\| */, substr $_, 2] } $section =~ /^(\| .*`.*)$/mg;
}

# ---- states --------------------------------------------------------------------

my @names  = map { $_->{name} } @state;
my @closed = map { $_->{name} } grep { $_->{gate} eq 'closed' } @state;
my %gate   = map { $_->{name} => $_->{gate} } @state;

for my $document ('docs/http-api.md', 'docs/state-machine.md') {
    my %documented;

    for my $row (rows(slurp($document), 'States')) {
        my ($states, $gate) = @$row;
        next if $gate !~ /\A(?:open|closed)\z/;
        $documented{$_} = $gate for $states =~ /`(\w+)`/g;
    }

    is_deeply(\%documented, \%gate, "$document: states and their gates");
}

my ($end) = join ' ', map { $_->[2] =~ /\Aend\b/ ? $_->[0] : () }
    rows(slurp('docs/state-machine.md'), 'States');
same([$end =~ /`(\w+)`/g], [names(\@state, 'end')], 'docs/state-machine.md: ends');

same([listed('State', 'enum')], \@names, 'openapi.yaml: states');
same([listed('Summary', 'states', 'required')], \@names,
    'openapi.yaml: states of the summary');
same([listed('GateClosed', 'state', 'enum')], [@closed, 'loading', 'none'],
    'openapi.yaml: states of a closed gate');
same([listed('Action', 'enum')], $list{action}, 'openapi.yaml: actions');
same([listed('Record', 'source', 'enum')], $list{source}, 'openapi.yaml: sources');
same([listed('AuthType', 'enum')], $list{auth_type}, 'openapi.yaml: kinds of logins');

my ($summary) = $api =~ /^\{"states": \{(.*?)\}/ms;
same([$summary =~ /"(\w+)":/g], \@names, 'docs/http-api.md: the summary');

my ($actions) = $api =~ /^`action_required` is null or (.*?)\n\n/ms;
same([$actions =~ /`(\w+)`/g], [grep { $_ ne 'null' } @{ $list{action} }],
    'docs/http-api.md: actions');

my ($tested) = slurp('t/answers-text.t') =~ /^my %action = \((.*?)^\);/ms;
my %tested = map { s/'|undef/$& eq q(') ? '' : 'null'/ger }
    $tested =~ /(\w+) +=> ([\w']+),/g;
is_deeply(\%tested, { map { $_->{name} => $_->{action} }
    grep { $_->{gate} eq 'closed' } @state }, 't/answers-text.t: actions of states');

my $secret = Reauth::Test::secret_file('notices',
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n");
my $gateway = gateway(config => <<"EOC");
location = /reauth/metrics { reauth_metrics; }
reauth_notify /notify $secret;
location = /notify { internal; proxy_pass http://127.0.0.1:1; }
EOC

is($gateway->http('GET', '/reauth/accounts?state=x')->{json}{errors}{state}[0]
    =~ s/.*one of | and |, / /gr, " @names", 'the text of 422: states');

# the sandbox has each wait for a person that the gateway knows

my %reached = map { (split / /)[1] => 1 } @{ $list{word} };
$reached{needs_app} = 1 if $shapes =~ /deeplink/;
same([sort keys %reached], [names(\@state, 'person')], 'the sandbox: states that need a person');

# ---- operations and resources -----------------------------------------------------

my @routes = map { s/ \w+\z//r } @{ $list{route} };
my (%path, $path);

for (split /\n/, $openapi =~ s/^components:.*//msr) {
    $path = $1 if m{^  (/\S*):};
    $path{"\U$1\E $path"} = 1 if $path && /^    (get|head|put|post|delete|patch):/;
}

same([grep { /authenticate/ } keys %path], \@routes, 'openapi.yaml: operations');

my @documented;

for my $row (rows($api, 'The authenticate family')) {
    my ($methods, $where) = $row->[0] =~ /\A`(.*) (\S+)`\z/ or next;
    push @documented, map { "$_ $where" } split /`, `/, $methods;
}

same(\@documented, [grep { !/^HEAD / } @routes], 'docs/http-api.md: operations');

my ($app, @sandbox) = slurp('sandbox/lib/Sandbox/App.pm');

for (['_add_authenticate', '/api/authenticate'], ['_add_fansly', '/api/fansly/authenticate']) {
    my ($function, $family) = @$_;
    my ($body) = $app =~ /^sub $function .*?\{(.*?)^\}/ms;

    while ($body =~ /\$family->(\w+)\('(\S*?)'\)/g) {
        my ($method, $tail) = (uc $1, $2 =~ s/<(account|attempt):\w+>/{$1_id}/r);
        push @sandbox, "$method $family" . ($tail eq '/' ? '' : $tail);
    }
}

same(\@sandbox, [grep { !/^HEAD / } @routes], 'the sandbox: operations');

my ($operations) = slurp('docs/directives.md') =~ /^\| `\$reauth_operation` \|(.*)$/m;
same([$operations =~ /`(\w+)`/g], $list{operation},
    'docs/directives.md: values of $reauth_operation');

my $status = slurp('ngx_module/api/ngx_http_reauth_status.c');
my ($resources) = $status =~ /^static \S+ +\w+_resources\[\] = \{(.*?)^\};/ms;
my %resource = $resources =~ /ngx_string\("([^"]+)"\), \d, (\d),/g;
my ($acting) = slurp('ngx_module/api/ngx_http_reauth_operate.c')
    =~ /^static \S+ +\w+_all\[\] = \{(.*?)^\};/ms;
$resource{$_} = 0 for $acting =~ /\{ ngx_string\("([^"]+)"\),/g;

my @paths = grep { !m{/(?:metrics|webhook)\z} }
    do { my %seen; grep { m{\A/reauth/} && !$seen{$_}++ } map { (split / /)[1] } keys %path };

same([do { my %seen; grep { !$seen{$_}++ } map { m{\A/reauth/(\w+/?)} } @paths }],
    [keys %resource], 'openapi.yaml: resources');

my ($told) = $gateway->http('GET', '/reauth/nothing')->{json}{description}
    =~ /: (.*)\./;
same([map { s/\{\w+\}/{id}/r =~ s{\A/reauth/}{}r } @paths],
    [split /, | and /, $told], 'the text of 404: resources');

same([do { my %seen; grep { !$seen{$_}++ }
    $api =~ m{^### `(?:GET|PUT|POST|DELETE) (/reauth/\S+)`}mg }], \@paths, 'docs/http-api.md: resources');

my ($own) = slurp('t/callers-matrix.t') =~ /^my \@own = \((.*?)^\);/ms;
my %matrix = map { $_ => 1 } $own =~ m{'/reauth/(\w+/?)}g;
same([grep { $_ ne 'metrics' } keys %matrix], [grep { !$resource{$_} } keys %resource],
    't/callers-matrix.t: resources');

# ---- error codes ------------------------------------------------------------------

my %code = reverse map { split / / } @{ $list{error} };
my @documented_errors;

for my $row (rows($api, 'Errors')) {
    my ($status, $code) = @$row;
    push @documented_errors, "$status $1" if $code =~ /\A`([A-Z_]+)`\z/;
}

same(\@documented_errors, $list{error}, 'docs/http-api.md: error codes');
same([listed('Error', 'error', 'enum')], [keys %code], 'openapi.yaml: error codes');

my %nginx = reverse $api =~ /(\d{3})\s+`([A-Z_]+)`/g;
my ($answers) = slurp('docs/troubleshooting.md') =~ /^## Responses to clients\n(.*)/ms;
my @unknown = grep { !$code{$_} && !$nginx{$_} } $answers =~ /\d `([A-Z_]+)`/g;
is("@unknown", '', 'docs/troubleshooting.md: error codes');

# ---- metrics ----------------------------------------------------------------------

my $text = $gateway->http('GET', '/reauth/metrics')->{body};

my %type = $text =~ /^# TYPE (\w+) (\w+)/mg;
my (%label, %values, %label_values);

while ($text =~ /^(\w+)\{(.*?)\} /mg) {
    my ($name, $labels) = ($1, $2);

    # of a histogram, the bounds of buckets need no mention

    $name =~ s/_bucket\z// if !$type{$name};
    my @labels = grep { $_->[0] ne 'le' }
        map { [/(\w+)="([^"]*)"/] } split /,/, $labels;

    next if !@labels;

    $label{$name} = join ',', map { $_->[0] } @labels;
    $values{$name}{ $labels[0][1] } = 1 if @labels == 1;
    $label_values{$name}{ $_->[0] }{ $_->[1] } = 1 for @labels;
}

# Values of a family with several labels are listed label by label, in the order
# of its labels; those of a label "as above" are those of the previous family.

my %above;

sub check_labels {
    my ($family, $labels, $meaning) = @_;

    my @said = $meaning =~ s/`\w+`(?:: | as above)//gr =~ /`(\w+)`/g;

    for my $label (@$labels) {
        my @expected = sort keys %{ $label_values{$family}{$label} };

        $above{$label} = [sort splice @said, 0, scalar @expected]
            if $meaning !~ /`$label` as above/;

        is_deeply($above{$label}, \@expected,
            "docs/http-api.md: $family has the values of $label");
    }

    return is("@said", '', "docs/http-api.md: $family has no other values");
}

my %metric;

for my $row (rows($api, 'Webhooks and metrics')) {
    my ($which, $type, $meaning) = @$row;

    for my $name ($which =~ /`(reauth_\w+(?:\{[\w,]+\})?)`/g) {
        $metric{$name} = $type;

        my ($family, $labels) = $name =~ /(\w+)\{([\w,]+)\}/ or next;
        my ($below) = $api =~ /^(`$family` counts.*?)\n(?:\n`reauth_|\n## )/ms;

        # text in parentheses describes a value
        1 while $meaning =~ s/\([^()]*\)//;

        $meaning = $below if $meaning =~ /see below/;

        # versions of reauth_build_info, callers and receivers are not words
        next if $family =~ /\Areauth_(?:accounts|build_info|credits_used_total|notices_\w+)\z/;

        if ($labels =~ /,/) {
            check_labels($family, [split /,/, $labels], $meaning);
            next;
        }

        my %said = map { $_ => 1 } $meaning =~ /`(\w+)`/g;
        my @missing = grep { !$said{$_} } sort keys %{ $values{$family} };
        my @no_more = $below ? () : grep { !$values{$family}{$_} } sort keys %said;

        is("@missing", '', "docs/http-api.md: $name has its values");
        is("@no_more", '', "docs/http-api.md: $name has no others");
    }
}

is_deeply(\%metric, { map { ($label{$_} ? "$_\{$label{$_}\}" : $_) => $type{$_} }
    keys %type }, 'docs/http-api.md: metrics and their types');
same([keys %{ $values{reauth_accounts} }], \@names, 'the metrics: states');

# ---- directives -------------------------------------------------------------------

my $commands = slurp('ngx_module/ngx_http_reauth_module.c');
my %command;

while ($commands =~ /\{ ngx_string\("(reauth_\w+)"\),\s*(\S+),(.*?)\) \},/gs) {
    my ($name, $flags, $rest) = ($1, $2, $3);
    $command{$name} = { flags => $flags,
        field => $rest =~ /offsetof\(\w+, ([\w.]+)\)/ ? $1 : $name =~ s/^reauth_//r };
}

# the number of parameters, by nginx's flags

sub least_and_most {
    my ($flags) = @_;

    return (0, $flags =~ /NGX_CONF_TAKE(\d)/ ? $1 : 0) if $flags =~ /NGX_CONF_NOARGS/;
    return (1, '...')  if $flags =~ /NGX_CONF_1MORE/;

    my $numbers = join '', $flags =~ /NGX_CONF_TAKE(\d+)/g;

    return $numbers =~ /\A(\d)(?:\d*(\d))?\z/ ? ($1, $2 // $1) : ();
}

# the same by the syntax; of several forms, the shortest and the longest

sub least_and_most_documented {
    my ($name, $syntax) = @_;

    my ($least, $most);

    for my $form (map { split / \| /, $_ } split /<br>/,
        $syntax =~ s/\[.*?\]/$& =~ tr{|}{,}r/ger)
    {
        $form =~ s/\*\*$name\*\*//;

        my $optional = () = $form =~ /\[.*?\]/g;
        my $required = () = $form =~ s/\[.*?\]//gr =~ /\*[^ ]+/g;

        my $longest = $form =~ /\.\.\./ ? 99 : $required + $optional;

        $least = $required if !defined $least || $required < $least;
        $most  = $longest  if !defined $most  || $longest > $most;
    }

    return ($least, $most);
}

# Checks that a value is that of the code: NULL, a word of a list, or a number
# in nginx's units.

my $conf = $commands . slurp('ngx_module/ngx_http_reauth_conf.c');

sub is_value {
    my ($value, $type, $expression) = @_;

    return !defined $value if $expression eq 'NULL';
    return $expression eq '0' if $value eq 'off' && $type eq 'msec';

    return $conf =~ /ngx_string\("$value"\),\s+$expression \}/
        if $value !~ /\A(\d+)([smk]?)\z/;

    my ($n, $unit) = ($1, $2);
    my %factor = $type eq 'msec' ? (s => 1000, m => 60_000)
        : (k => 1024, m => 1024 * 1024);
    my $product = 1;

    $product *= $_ for split / \* /, $expression;

    return $n * ($factor{$unit} || 1) == $product;
}

my $directives = slurp('docs/directives.md');
my @sections   = $directives =~ /^## (reauth_\w+)$/mg;

is_deeply([sort keys %command], \@sections,
    'docs/directives.md: directives in alphabetical order');
my ($links) = $directives =~ /\A(.*?)^## /ms;
same([$links =~ /\[(reauth_\w+)\]\(#\g1\)/g], \@sections, 'docs/directives.md: links at the top');

my $defaults = 0;

for my $name (@sections) {
    my ($section) = $directives =~ /^## $name\n(.*?)(?=^## |\z)/ms;
    my %row = $section =~ /^\| (\w+): +\| (.*?) *\|$/mg;
    my $flags = $command{$name}{flags};

    is($row{Context}, join(', ', $flags =~ /MAIN_CONF/ ? 'http' : (),
        $flags =~ /SRV_CONF/ ? 'server' : (), $flags =~ /LOC_CONF/ ? 'location' : ()),
        "$name: its contexts");

    if ($conf =~ /ngx_conf_(?:merge|init)_(\w+)_value\(\w+->\Q$command{$name}{field}\E,
            \s*(?:[a-z][\w>-]+,\s*)?([^;]+)\);/x)
    {
        my ($type, $expression) = ($1, $2);
        my ($default) = $row{Default} =~ /\A$name (.*);\z/;

        ok(is_value($default, $type, $expression), "$name: its default")
            or diag(($default // 'none') . ", in the code $expression");
        $defaults++;
    }

    $row{Syntax} =~ s/\\\|/|/g;

    my ($least, $most) = least_and_most($flags);
    my ($documented, $longest) = least_and_most_documented($name, $row{Syntax});

    is($documented, $least, "$name: its least parameters");
    is($longest, $most, "$name: its most parameters") if $most ne '...';
    cmp_ok($longest, '>', 1, "$name: its most parameters") if $most eq '...';
}

cmp_ok($defaults, '>', 8, 'defaults are compared');

# ---- commands ---------------------------------------------------------------------

my ($cases) = slurp('run') =~ /^    (asan .*?)\)$/ms;
my @commands = $cases =~ /([\w-]+)/g;
my ($targets) = slurp('Makefile') =~ /^COMMANDS = (.*?[^\\])$/ms;

same([$targets =~ /([\w-]+)/g, qw(test asan valgrind)], \@commands,
    'Makefile: the commands of ./run');
same([grep { $_ ne 'help' } @commands],
    [do { my %seen; grep { !$seen{$_}++ } qx{tools/help} =~ /^  ([a-z][\w-]*)\b/mg }],
    './run help: the commands of ./run');
is(join(' ', grep { !-x "tools/$_" } @commands), '',
    'each command of ./run is a program in tools/');

# ---- proofs -----------------------------------------------------------------------

my $security = slurp('docs/security.md');
my %proof    = map { $_ => 1 } $security =~ /`((?:fuzz|test)_\w+|t\/[\w*-]+\.t)`/g;

my @unproven = grep {
    my $file = /\Afuzz/ ? "tests/fuzz/$_.c" : /\Atest/ ? "tests/unit/$_.c" : $_;
    !(() = glob $file) || !-e (glob $file)[0];
} sort keys %proof;
is("@unproven", '', 'docs/security.md: tests that it names');

same([grep { /\Afuzz/ } keys %proof], [map { m{(fuzz_\w+)\.c\z} } glob 'tests/fuzz/fuzz_*.c'],
    'docs/security.md: fuzz targets');

my ($values) = $security =~ /^## Values from outside\n(.*?)(?=^## )/ms;
my @rows = map { [split / \| /] } $values =~ /^\| (.*) \|$/mg;
my @bare = map { $_->[0] } grep { $_->[-1] !~ /`/ } @rows[2 .. $#rows];
cmp_ok(scalar @rows, '>', 30, 'docs/security.md: values from outside');
is("@bare", '', 'docs/security.md: each value has a proof');

# ---- events ----------------------------------------------------------------------

my ($events) = slurp('docs/http-api.md') =~ /^\| event \| effect \|\n(.*?)^$/ms;

same([map { /`([\w.-]+)`/g } ($events // '') =~ /^(\| `[^|]*\|)/mg],
    [grep { $_ ne 'unknown' } slurp('ngx_module/core/reauth_webhook.c')
        =~ /^    \{ "([\w.-]+)",\s+REAUTH_STATE_/mg],
    'docs/http-api.md: events of webhooks');

# ---- the audit log ----------------------------------------------------------------

my ($acts, $sent) = slurp('docs/http-api.md')
    =~ /^## .*?^\| `action` \| ([^;|]*`drain_end`); ([^;|]*); only if they were refused/ms;
my $entry = slurp('ngx_module/common/ngx_http_reauth_audit_entry.c');
my ($names) = $entry =~ /^const char  \*ngx_http_reauth_act_names.*?\{(.*?)\}/ms;

same([($acts // '') =~ /`(\w+)`/g], [$names =~ /"(\w+)"/g],
    'docs/http-api.md: acts of operators in the audit log');
same([($sent // '') =~ /`(\w+)`/g],
    [map { lc } $entry =~ /^    case REAUTH_OPERATION_(\w+):/mg],
    'docs/http-api.md: requests to the upstream in the audit log');

# ---- at rest ----------------------------------------------------------------------

my ($rest) = $security =~ /^## At rest in Redis\n(.*?)(?=^## )/ms;
my %at_rest = map { $_ => 1 } map { /`([^`]+)`/g } $rest =~ /^(\|[^|]*\|)/mg;

same([grep { !/\Aprior_(?!fingerprint)/ }
        slurp('ngx_module/core/reauth_record.c') =~ /\breauth_spec\w*\("(\w+)"/g],
    [grep { /\A\w+\z/ && !/\A(?:events|overrides|seq|active|due|notices|waiting|list|rate|pause|probe)\z/ }
        keys %at_rest],
    'docs/security.md: fields of a record at rest');

done_testing();
