# The alerts and the dashboard of conf/monitoring: Prometheus scrapes a gateway
# and loads them, and everything that they name is exported and documented.

use strict;
use warnings;

use Cwd ();
use IPC::Open2 qw(open2);
use JSON::PP qw(decode_json);
use Test::More;

use Reauth::Shipped ();
use Reauth::Test sandbox_options => ['--hold'];

my $FOLDER = 'conf/monitoring';

for my $program (qw(promtool prometheus)) {
    plan skip_all => "there is no $program (Debian: prometheus)"
        if system("command -v $program >/dev/null") != 0;
}

# output and exit status of a command with this input

sub command {
    my ($input, @command) = @_;

    my $pid = open2(my $out, my $in, 'sh', '-c', 'exec "$@" 2>&1', 'sh', @command);
    print {$in} $input;
    close $in or die "@command: $!\n";

    my $text = do { local $/; <$out> };
    waitpid $pid, 0;

    return ($?, $text // '');
}

my $secret = Reauth::Test::secret_file('notices',
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n");
my $gateway = Reauth::Shipped->start('conf/nginx.conf',
    upstream => $ENV{TEST_NGINX_SANDBOX_PORT},
    replace  => [[qr/(?=^ +location = \/reauth\/metrics )/m, <<"EOC"]]);
        reauth_notify /notify $secret;
        location = /notify { internal; proxy_pass http://127.0.0.1:1; }
EOC

sub scrape { return $gateway->http('GET', '/reauth/metrics'); }

my $scrape = scrape();
is($scrape->{status}, 200, 'the shipped configuration has the metrics');

my $metrics = $scrape->{body};

# ---- names, types and help ----

my ($status, $text) = command($metrics, 'promtool', 'check', 'metrics');
is("$status $text", '0 ', 'promtool has nothing to say about the metrics');

# a histogram is one metric of three names

my ($histograms) = map {qr/(?:$_)/} join '|',
    $metrics =~ /^# TYPE (\w+) histogram$/mg;

sub name_of { return $_[0] =~ s/\A($histograms)_(?:bucket|sum|count)\z/$1/r; }

my (%exported, %value);

while ($metrics =~ /^(reauth_\w+)(?:\{(.*?)\})? -?[\d.]+$/mg) {
    my ($name, $labels) = (name_of($1), $2 // '');

    $exported{$name}++;
    $value{$name}{$1}{$2}++ while $labels =~ /(\w+)="([^"]*)"/g;
}

cmp_ok(scalar keys %exported, '>', 15, 'the gateway exports over 15 metrics');

# ---- the age of the oldest attempt ----

sub metric { return scrape()->{body} =~ /^\Q$_[0]\E ([\d.]+)$/m ? $1 : ''; }

is(metric('reauth_oldest_active_seconds'), 0, 'no attempt is active');

is($gateway->update('acct_1', 'ok')->{status}, 200, 'an attempt begins');
my $since = 1000 * (time - 700);
store_until { metric('reauth_oldest_active_seconds') >= 700 }
    'acct_1', since => $since;
cmp_ok(metric('reauth_oldest_active_seconds'), '<', 700 + 300,
    'the metric has the age of the oldest attempt');

# ---- rules ----

($status, $text) = command('', 'promtool', 'test', 'rules',
    'tests/monitoring/rules.test.yml');
is($status, 0, 'each alert fires when it should, and not before') or diag $text;

my $rules  = Reauth::Test::slurp("$FOLDER/reauth.rules.yml");
my $tests  = Reauth::Test::slurp('tests/monitoring/rules.test.yml');
my @alerts = $rules =~ /- alert: (\w+)$/mg;

cmp_ok(scalar @alerts, '>', 20, 'there are over 20 alerts');
is(join(' ', grep { $tests !~ /alertname="$_",alertstate="firing"/ } @alerts),
    '', 'each is tested');

my $runbook = Reauth::Test::slurp('docs/troubleshooting.md');
my @section = $runbook =~ /^### (Reauth\w+)$/mg;
my @link    = $rules =~ /runbook_url: \S+\/troubleshooting\.md#(\w+)$/mg;

is("@section", "@alerts", 'each has its section, in this order');
is("@link", lc "@alerts", 'each alert links to its section');

# lines of the log for which the commands search are quoted above

my ($quoted, $commands) = split /^## Alerts$/m, $runbook;
my @sought = map { split /\|/ } $commands =~ /grep (?:-E )?'?([^'\n]+?)'? [^'|;]*error\.log/g;

cmp_ok(scalar @sought, '>', 15, 'commands look for lines of the log');
is(join(', ', grep { index($quoted, $_) < 0 } @sought), '',
    'the commands look for lines that the module logs');

# ---- Prometheus ----

my $root = Cwd::getcwd();
my $dir  = work_dir();
my $port = free_port();
my $conf = Reauth::Test::slurp("$FOLDER/prometheus.yml");
my $at   = $gateway->port;

$conf =~ s/reauth\.rules\.yml/$root\/$FOLDER\/reauth.rules.yml/
    or die "no rules\n";
$conf =~ s/127\.0\.0\.1:8080/127.0.0.1:$at/ or die "no target\n";
$conf =~ s/15s/1s/                          or die "no interval\n";

Reauth::Test::write_file("$dir/prometheus.yml",
    "global:\n  evaluation_interval: 1s\n\n$conf");

($status, $text) = command('', 'promtool', 'check', 'config',
    "$dir/prometheus.yml");
is($status, 0, 'the configuration is valid') or diag $text;

Reauth::Test::spawn('prometheus', $port, 'prometheus',
    "--config.file=$dir/prometheus.yml", "--storage.tsdb.path=$dir/tsdb",
    "--web.listen-address=127.0.0.1:$port");

sub api {
    my ($path, %argument) = @_;

    my $body = join '&', map {
        "$_=" . $argument{$_} =~ s/([^\w.])/sprintf '%%%02X', ord $1/ger
    } sort keys %argument;

    my $answer = Reauth::Test::http(%argument ? 'POST' : 'GET',
        "/api/v1/$path", %argument
            ? ({ 'Content-Type' => 'application/x-www-form-urlencoded' }, $body)
            : ({}, undef), port => $port);

    return { status => 'none' } if $answer->{body} !~ /\A\{/;
    return decode_json($answer->{body});
}

sub query { return api('query', query => $_[0]); }

ok(wait_for(sub {
    my $result = query('up{job="nginx-reauth"}');
    return $result->{status} eq 'success'
        && @{ $result->{data}{result} }
        && $result->{data}{result}[0]{value}[1] == 1;
}, 'a scrape'), 'a gateway is scraped');

# after one evaluation, all of them are healthy or not

my @loaded;

wait_for {
    my $data = api('rules')->{data} // return 0;
    @loaded = map { @{ $_->{rules} } } @{ $data->{groups} };
    return @loaded && !grep { $_->{health} eq 'unknown' } @loaded;
} 'the rules';

is(join(' ', sort map { $_->{name} } @loaded), join(' ', sort @alerts),
    'all rules are loaded');
is(join(' ', map { $_->{name} } grep { $_->{health} ne 'ok' } @loaded), '',
    'all can be evaluated');

# ---- the dashboard ----

my $dashboard = decode_json(Reauth::Test::slurp("$FOLDER/dashboard.json"));
my @panels    = grep { $_->{type} ne 'row' } @{ $dashboard->{panels} };
my %id        = map { $_->{id} => 1 } @{ $dashboard->{panels} };

cmp_ok(scalar @panels, '>', 15, 'the dashboard has panels');
is(scalar keys %id, scalar @{ $dashboard->{panels} },
    'the IDs of the panels are unique');
is(join(', ', map { $_->{title} } grep {
    $_->{datasource}{uid} ne '${datasource}'
        || grep { $_->{datasource}{uid} ne '${datasource}' } @{ $_->{targets} }
} @panels), '', 'all use the data source that was chosen');

my (%cell, @outside, @overlap);

for my $panel (@{ $dashboard->{panels} }) {
    my $pos = $panel->{gridPos};

    push @outside, $panel->{title} if $pos->{x} + $pos->{w} > 24;

    for my $x ($pos->{x} .. $pos->{x} + $pos->{w} - 1) {
        for my $y ($pos->{y} .. $pos->{y} + $pos->{h} - 1) {
            push @overlap, $panel->{title} if $cell{"$x $y"}++;
        }
    }
}

is("@outside @overlap", ' ', 'no panel covers another');

my %variable = (
    '$__rate_interval' => '5m',
    '$__range'         => '6h',
    '$instance'        => '.*',
    '$job'             => 'nginx-reauth',
);

my @shown = map { map { $_->{expr} } @{ $_->{targets} } } @panels;
push @shown, map { $_->{expr} } @{ $dashboard->{annotations}{list} };

s/(\$\w+)/$variable{$1} \/\/ die "no $1\n"/ge for @shown;

my @failed = grep { query($_)->{status} ne 'success' } @shown;
is(join("\n", @failed), '', 'Prometheus accepts each query');

# gauges have a value after one scrape, rates after two

my @gauges = grep { !/\[|ALERTS/ } @shown;
ok(wait_for(sub {
    return !grep { !@{ query($_)->{data}{result} } } @gauges;
}, 'the values'), 'each query of gauges has a result');

# ---- names in the rules and the dashboard ----

my @expressions = (@shown, map { $_->{query} } @loaded);
my (@missing, @other, %used);

for my $expression (@expressions) {
    while ($expression =~ /\b(reauth_\w+)(?:\{(.*?)\})?/g) {
        my ($name, $selector) = (name_of($1), $2 // '');

        $used{$name}++;
        push @missing, $name if !$exported{$name};

        while ($selector =~ /(\w+)(=~?)"([^"]*)"/g) {
            my ($label, $operator, $values) = ($1, $2, $3);

            next if $label eq 'job' || $label eq 'instance';

            for my $pattern ($operator eq '=' ? $values : split /\|/, $values) {
                push @other, "$name $label $pattern"
                    if !grep {/\A$pattern\z/} keys %{ $value{$name}{$label} };
            }
        }
    }
}

is("@missing", '', 'each metric is exported');
is(join(', ', @other), '', 'each value of a label that is named is exported');

my $reference = Reauth::Test::slurp('docs/http-api.md');
is(join(' ', grep { $reference !~ /`$_(?:\{[\w,]+\})?`/ } sort keys %used), '',
    'each is documented');
is(join(' ', grep { !$used{$_} } sort keys %exported), '',
    'each metric is shown or watched');

done_testing();
