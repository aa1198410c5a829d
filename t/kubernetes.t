# packaging/kubernetes: the chart with its values creates the manifests, and
# they fit the image.  "./run contract" checks them by the schemas of
# Kubernetes.

use strict;
use warnings;

use Test::More;

use Reauth::Test redis => 0, sandbox => 0;

my $FOLDER = 'packaging/kubernetes';

sub text { return Reauth::Test::slurp($_[0]); }

# two levels, and blocks of text

sub values_of {
    my (%value, $outer, $block);

    for my $line (split /\n/, text("$FOLDER/helm/values.yaml")) {
        if (defined $block && $line =~ /\A  (.*)\z/) {
            $value{$block} .= "$1\n";
            next;
        }

        undef $block;
        next if $line =~ /\A *(?:#|\z)/;

        my ($indent, $name, $scalar) = $line =~ /\A( *)(\w+):(?: (.*))?\z/
            or die "values.yaml: $line\n";

        $outer = $name if !$indent;
        my $path = $indent ? "$outer.$name" : $name;

        if (($scalar // '') eq '|') { $value{ $block = $path } = ''; }
        elsif (defined $scalar)     { $value{$path} = $scalar; }
    }

    return \%value;
}

# the part of the template language that the chart uses

sub rendered {
    my ($template, $value) = @_;

    my $one = sub {
        my ($path, $indent) = @_;

        return 'nginx-reauth' if $path eq 'Release.Name';

        my ($name) = $path =~ /\AValues\.([\w.]+)\z/ or die "$path\n";
        my $text = $value->{$name} // die "values.yaml has no $name\n";

        return $text if !$indent;

        chomp $text;
        return $text =~ s/^/' ' x $indent/gemr;
    };

    $template =~ s/^\{\{- if \.(\S+) \}\}\n(.*?)^\{\{- end \}\}\n/$one->($1) eq 'true' ? $2 : ''/gmse;
    $template =~ s/\{\{ \.(\S+)(?: \| indent (\d+))? \}\}/$one->($1, $2)/ge;
    die "not understood: $1\n" if $template =~ /(\{\{.*)/;

    return $template;
}

sub without_comments { return $_[0] =~ s/^ *#.*\n//gmr =~ s/\A\n+//r; }

my $value = { %{ values_of() }, 'serviceMonitor.enabled' => 'true' };
my %manifest;

for my $path (glob "$FOLDER/helm/templates/*.yaml") {
    my ($name) = $path =~ /(\w+)\.yaml\z/;

    $manifest{$name} = text("$FOLDER/$name.yaml");
    is(without_comments(rendered(text($path), $value)),
        without_comments($manifest{$name}),
        "$name: the manifest is that of the chart");
}

is(rendered(text("$FOLDER/helm/templates/configmap.yaml"), $value),
    $manifest{configmap},
    'the configuration is the rendered template with its comments');

is(join(' ', sort map { /(\w+)\.yaml/ } text("$FOLDER/kustomization.yaml")
        =~ /^ +(?:# )?- (\S+)$/mg),
    join(' ', sort keys %manifest), 'all are applied');

is(rendered(text("$FOLDER/helm/templates/networkpolicy.yaml"),
    { %$value, 'networkPolicy.enabled' => 'false' }), '',
    'no policy is rendered if it is disabled');

# ---- the image ----

my $deployment = $manifest{deployment};
my $conf       = text('docker/nginx.conf');
my $dockerfile = text('Dockerfile');

my ($version) = text('ngx_module/common/ngx_http_reauth_conf.h')
    =~ /NGX_HTTP_REAUTH_VERSION +"(.*?)"/;

like($deployment, qr/image: nginx-reauth:\Q$version\E$/m,
    'the deployment has the version of the module');
is(scalar(() = text("$FOLDER/helm/Chart.yaml") =~ /^(?:appV|v)ersion: "?\Q$version\E"?$/mg),
    2, 'the chart has the version of the module');

my @ports = $deployment =~ /containerPort: (\d+)/g;

is(join(' ', map { "listen $_;" } @ports),
    join(' ', grep { $conf =~ /^ +\Q$_\E$/m } map { "listen $_;" } @ports),
    'nginx listens on each port');
is("@ports", join(' ', ($dockerfile =~ /^EXPOSE (8080 .*)$/m)[0]),
    'the image exposes the ports of the chart');

is(join(' ', sort $deployment =~ /(?<=name: )(REAUTH_\w+)/g),
    join(' ', sort $conf =~ /\$\{(REAUTH_(?:REDIS_URL|SERVER_NAMES))\}/g,
        'REAUTH_UPSTREAM'), 'the environment is complete');

my ($user) = $dockerfile =~ /--uid (\d+)/;
like($deployment, qr/runAsUser: $user$/m,
    'the deployment has the user of the image');
like($deployment, qr/fsGroup: $user$/m,   'can read the secrets');

my @secrets = $conf =~ m{/run/secrets/(\w+)}g;
is(join(' ', sort @secrets),
    join(' ', sort { $a cmp $b }
        text("$FOLDER/secret.example.yaml") =~ /^  (\w+_\w+): /mg),
    'the Secret has all files');

for my $mount ($deployment =~ m{mountPath: (/etc/nginx/\S+)/[^/\n]+$}mg) {
    like($conf, qr/include \Q$mount\E\/\*\.conf;/, "$mount is included");
}

# the stop: the hook, then requests in progress, as systemd is told to wait

my ($grace) = $deployment =~ /terminationGracePeriodSeconds: (\d+)/;
my ($hook)  = $deployment =~ /reauth-drain, "(\d+)"/;
my ($stop)  = text('packaging/systemd/reauth.conf') =~ /TimeoutStopSec=(\d+)/;

cmp_ok($grace, '>=', $hook + $stop, 'a pod has time to stop');
like($dockerfile, qr/^STOPSIGNAL SIGQUIT$/m,
    'the image stops nginx gracefully');

my ($period, $failures) = $deployment
    =~ m{path: /reauth/readyz.*?periodSeconds: (\d+).*?failureThreshold: (\d+)}s;

cmp_ok($hook, '>', 2 * $period * $failures,
    'a draining pod is noticed before it stops');

# ---- the metrics ----

my ($job) = text('conf/monitoring/prometheus.yml') =~ /job_name: (\S+)/;
my ($label) = $manifest{servicemonitor} =~ /jobLabel: (\S+)/;

like($manifest{service}, qr/^    \Q$label\E: \Q$job\E$/m,
    "the service has the label of the alerts' job");

done_testing();
