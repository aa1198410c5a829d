# Each operation, for each kind of caller, with own, foreign and unknown
# accounts, by token and by the certificate of another server.  Rules decide: a
# rejected request is not sent to the upstream, an allowed one is.  Tokens that
# are revoked meanwhile: t/callers-revoked-sent.t.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Test::More;

use Reauth::Certificates;
use Reauth::Test redis => 0, sandbox => 0;

my $own   = 'accounts=acct_own*,fansly_acct_own*,fanvue_acct_own*';
my @words = qw(update attempt call call:read team team:read status operate all);

# name => [words, the rest of the line]
my %caller = (
    (map { my $word = $_; (tr/:/_/r => [[$word]],
        tr/:/_/r . '_own' => [[$word], $own]) } @words),
    call_team   => [[qw(call team:read)]],
    routed      => [['all'], 'routes=GET:/me,*:/chats*'],
    nobody      => undef,
);

sub hash { return sha256_hex("token-of-$_[0]"); }

my $callers = secret_file('callers', join('', map {
    my ($words, $rest) = @{ $caller{$_} };
    "$_ sha256:${\ hash($_)} " . join(',', @$words) . ' ' . ($rest // '') . "\n"
} sort grep { $caller{$_} } keys %caller), oct 644);

my ($certificate, $key) = Reauth::Test::certificate('server');
my $ours     = Reauth::Certificates->authority('ours');
my $stranger = Reauth::Certificates->authority('strangers');
my @all      = $stranger->sign('all', subject => '/CN=all');

my ($up, $tls) = (free_port(), free_port());
my $log = work_dir() . '/upstream.log';

my $locations = <<'EOC';
location /api/ {
    reauth_gate on;
    proxy_pass http://fans_api;
    proxy_set_header Authorization $reauth_authorization;
}
location /api/authenticate        { reauth_authenticate /upstream; }
location /api/fansly/authenticate { reauth_authenticate /upstream; }
location /upstream/ {
    internal;
    proxy_pass http://fans_api/;
    proxy_set_header Authorization $reauth_authorization;
}
location /reauth/ { reauth_status; }
EOC

my $tls_server = join '', map { <<"EOC" } ['ours', $ours], ['other', $stranger];
server {
    listen 127.0.0.1:$tls ssl;
    server_name $_->[0].example;
    ssl_certificate $certificate;
    ssl_certificate_key $key;
    ssl_verify_client optional;
    ssl_client_certificate ${\ $_->[1]->certificate };
    reauth_callers_file $callers certificate=cn;
    location = /reauth/metrics { reauth_metrics; reauth_callers_file $callers certificate=cn; }
    $locations
}
EOC

my $gateway = gateway(http_config => <<"EOC", config => <<"EOS");
reauth_callers_file $callers;
upstream fans_api { server 127.0.0.1:$up; keepalive 4; }
log_format upstream '\$request_method \$uri';
server {
    listen 127.0.0.1:$up;
    access_log $log upstream;
    location / { return 200 '{}'; }
    location /api/authenticate { return 422 '{"message":"no"}'; }
    location /api/fansly/authenticate { return 422 '{"message":"no"}'; }
}
$tls_server
EOC
location = /reauth/metrics { reauth_metrics; reauth_callers_file $callers; }
$locations
EOS

sub reached { return scalar(() = Reauth::Test::slurp($log) =~ /\n/g); }

sub has {
    my ($name, @any) = @_;

    my $given = $caller{$name} or return 0;

    return scalar grep { my $word = $_; grep { $_ eq $word || $_ eq 'all' }
        @{ $given->[0] } } @any;
}

sub confined { return ($caller{ $_[0] } && $caller{ $_[0] }[1] // '') =~ /accounts=/; }

my %failed;
my $sent_so_far = 0;

# Sends a request and checks it by the rules: 401 or 403 and nothing sent, or
# another status and, if it is for the upstream, sent once.  The upstream logs a
# request after it has responded, so only expected requests are awaited.

sub judge {
    my ($name, $what, $allowed, $sent, $method, $path, $body) = @_;

    my $answer = $gateway->http($method, $path,
        { Authorization => "Bearer token-of-$name" }, $body);

    $sent_so_far += $sent if $allowed;
    wait_for(sub { reached() >= $sent_so_far }, "$method $path at the upstream");

    my $more = reached() - $sent_so_far;
    $sent_so_far += $more;

    my $expected = !$caller{$name} ? 401 : $allowed ? 0 : 403;
    my $got = $answer->{status} == 401 || $answer->{status} == 403
        ? $answer->{status} : 0;

    $failed{"$name $what: $method $path: $answer->{status}, $more too many"} = 1
        if $got != $expected || $more != 0;

    return;
}

sub whole {
    my ($what) = @_;

    is(join("\n", sort keys %failed), '', $what);
    %failed = ();

    return;
}

# ---- ordinary calls: all operations of the vendor ----

my @calls;

open my $table, '<', 'tests/data/operations' or die "tests/data/operations: $!";

while (my $line = <$table>) {
    my ($methods, $path, $whose) = $line =~ /^([A-Z,]+) +(\S+) +(account|team)$/
        or next;
    push @calls, map { [$_, $path, $whose] } split /,/, $methods;
}

cmp_ok(scalar @calls, '>=', 230, 'at least 230 operations are tested');

# each of them for a few callers, some of them for all
my @few = qw(call call_read team team_read all_own);

for my $i (0 .. $#calls) {
    my ($method, $template, $whose) = @{ $calls[$i] };
    my @names = $i % 20 == 0 ? sort keys %caller : @few[$i % @few];

    for my $account (qw(own else)) {
        my $path = $template =~ s/\{account\}/acct_$account/gr
            =~ s/\{(fansly|fanvue)\}/$1_acct_$account/gr
            =~ s/\{url\}/https:%2F%2Fcdn%2Ffile/r =~ s/\{id\}/12/gr;
        my ($rest) = $path =~ /acct_$account(.*)/;

        for my $name (@names) {
            my $reads   = $method eq 'GET' ? 'read' : 'none';
            my $routed  = ($caller{$name} && $caller{$name}[1] // '') =~ /routes=/;
            my $allowed = $whose eq 'team'
                ? has($name, 'team', "team:$reads") && !confined($name) && !$routed
                : has($name, 'call', "call:$reads")
                    && (!confined($name) || $account eq 'own')
                    && (!$routed || $rest =~ m{\A/chats}
                        || $rest eq '/me' && $method eq 'GET');

            judge($name, $whose, $allowed, 1, $method, $path,
                $method eq 'GET' || $method eq 'DELETE' ? undef : '{}');
        }
    }
}

whole('ordinary calls');

# ---- requests that the gateway itself processes ----

my $credentials = { email => 'ok@example.com', password => 'secret' };

# name, method, path, body, scope, the rule for confined callers, sent
my @own = (
    ['update', 'PUT', '/api/authenticate/{account}/credentials',
        $credentials, 'update', 'account', 1],
    ['reauthenticate', 'POST', '/api/authenticate/{account}/reauthenticate',
        undef, 'update', 'account', 1],
    (map { ["Fansly's poll, $_", $_, '/api/fansly/authenticate/fansly_{account}',
        undef, 'attempt', 'account', 1] } qw(GET HEAD)),
    ['Fansly\'s 2FA', 'PUT', '/api/fansly/authenticate/fansly_{account}',
        { code => '123456' }, 'attempt', 'account', 1],
    ['Fansly\'s reauthenticate', 'POST',
        '/api/fansly/authenticate/fansly_{account}/reauthenticate', undef,
        'update', 'account', 1],
    ['Fansly\'s start', 'POST', '/api/fansly/authenticate', $credentials,
        'update', 'never', 1],
    ['start', 'POST', '/api/authenticate', $credentials, 'update', 'never', 1],
    (map { ["poll, $_", $_, '/api/authenticate/auth_1', undef, 'attempt',
        'never', 1] } qw(GET HEAD)),
    ['2FA', 'PUT', '/api/authenticate/auth_1', { code => '123456' },
        'attempt', 'never', 1],
    ['e-mail', 'POST', '/api/authenticate/auth_1/send-email-to-creator',
        undef, 'attempt', 'never', 1],
    (map { (
        ["list, $_", $_, '/reauth/accounts', undef, 'status', 'always', 0],
        ["one, $_", $_, '/reauth/accounts/{account}', undef, 'status',
            'account', 0],
        ["timeline, $_", $_, '/reauth/accounts/{account}/timeline', undef,
            'status', 'account', 0],
        ["summary, $_", $_, '/reauth/summary', undef, 'status', 'never', 0],
        ["metrics, $_", $_, '/reauth/metrics', undef, 'operate', 'never', 0],
    ) } qw(GET HEAD)),
    (map { ["gate, $_", $_, '/reauth/gate/{account}', undef, 'status',
        'account', 0] } qw(GET HEAD POST PUT PATCH DELETE)),
    ['events',   'HEAD', '/reauth/events', undef, 'status', 'always', 0],
    ['poll now', 'POST', '/reauth/accounts/{account}/poll', undef,
        'operate', 'account', 0],
    (map { ["audit, $_", $_, '/reauth/audit', undef, 'operate', 'always', 0] }
        qw(GET HEAD)),
    (map { ["drained, $_", $_, '/reauth/drain', undef, 'operate', 'never', 0] }
        qw(GET HEAD)),
    (map { ["usage, $_", $_, '/reauth/usage', undef, 'operate', 'never', 0] }
        qw(GET HEAD)),
    ['override', 'PUT', '/reauth/accounts/{account}/override',
        { gate => 'open', for => '1s' }, 'operate', 'account', 0],
    ['no override', 'DELETE', '/reauth/accounts/{account}/override', undef,
        'operate', 'account', 0],
    ['drain',    'PUT', '/reauth/drain', { for => '1s' }, 'operate', 'never', 0],
    ['no drain', 'DELETE', '/reauth/drain', undef, 'operate', 'never', 0],
    ['forget',   'DELETE', '/reauth/accounts/{account}', undef, 'operate',
        'account', 0],
);

# every operation of the description is among them, or needs nobody

my %judged = map { my ($what, $method, $path) = @$_;
    ("$method $path" =~ s/fansly_\{account\}|\{account\}/{account_id}/r
        =~ s/auth_1/{attempt_id}/r => 1) } @own;

my %needs_nobody = map { ("GET /reauth/$_" => 1, "HEAD /reauth/$_" => 1) }
    qw(healthz readyz);
my ($path, @left);

for my $line (split /\n/, Reauth::Test::slurp('docs/openapi.yaml')
    =~ s/^components:.*//msr)
{
    $path = $1 if $line =~ m{^  (/\S*):};
    next if $line !~ /^    (get|head|put|post|delete|patch):/;

    my $operation = "\U$1\E $path";

    # signed; above; a stream that does not end
    push @left, $operation if !$judged{$operation} && !$needs_nobody{$operation}
        && $operation !~ m{webhook\z|/\{path\}\z|\AGET /reauth/events\z};
}

is("@left", '', 'every operation of docs/openapi.yaml is judged');


for my $case (@own) {
    my ($what, $method, $template, $body, $scope, $confined, $sent) = @$case;

    for my $account (qw(acct_own acct_own_unknown acct_else)) {
        my $path = $template =~ s/\{account\}/$account/r;

        for my $name (sort keys %caller) {
            my $allowed = has($name, $scope)
                && (!confined($name) || $confined eq 'always'
                    || $confined eq 'account' && $account =~ /own/);

            judge($name, $what, $allowed, $sent, $method, $path, $body);
        }
    }
}

whole('what the gateway serves');

is($gateway->http('GET', "/reauth/$_")->{status}, 200, "$_ needs nobody")
    for qw(healthz readyz);

# ---- a certificate that another server has verified ----

my $before = reached();

for my $case (@own, ['call', 'GET', '/api/{account}/me'],
    ['team', 'GET', '/api/accounts'])
{
    my ($what, $method, $template, $body) = @$case;
    my $path = $template =~ s/\{account\}/acct_own/r;

    for my $sni (['other.example', 421], ['127.0.0.1', 401]) {
        open my $curl, '-|', 'curl', '-sk', '-o', '/dev/null', '-w',
            '%{http_code}', '--resolve', "$sni->[0]:$tls:127.0.0.1",
            '--cert', $all[0], '--key', $all[1],
            $method eq 'HEAD' ? '-I' : ('-X', $method),
            '-H', 'Host: ours.example',
            $body ? ('-H', 'Content-Type: application/json', '-d', '{}') : (),
            "https://$sni->[0]:$tls$path" or die "curl: $!\n";
        my $status = <$curl>;
        close $curl;

        # nginx rejects another name than that of the connection
        $failed{"$what by $sni->[0]: $status"} = 1
            if $status != $sni->[1] && $status != 400;
    }
}

whole('a certificate of another server names nobody');
is(reached(), $before, 'a certificate of a different server reaches nothing');

done_testing();
