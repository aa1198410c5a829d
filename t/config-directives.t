# No directive is accepted and silently ignored: if another directive that it
# needs is missing, "nginx -t" rejects it or warns, with its place and what to
# do.  The table has a row for every directive of the module.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use File::Find qw(find);
use File::Path qw(make_path);
use Test::More;

use Reauth::Test redis => 0, sandbox => 0;

my $dir     = work_dir();
my $key     = $ENV{TEST_NGINX_KEY_FILE};
my $secret  = secret_file('secret', "c2VjcmV0LW9mLXRoZS13ZWJob29rLTMyLWJ5dGVz\n");
my $notices = secret_file('notices', "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n");
my $callers = secret_file('callers',
    'one sha256:' . sha256_hex('one') . " all\n", oct 644);

# ---- a whole configuration, in parts -----------------------------------------

my %part = (
    zone         => 'reauth_zone accounts:1m;',
    redis        => 'reauth_redis redis://127.0.0.1:1;',
    key          => "reauth_key_file $key;",
    poll         => 'reauth_poll on /upstream;',
    gate         => 'reauth_gate on;',
    hold         => 'reauth_gate_hold 1s;',
    authenticate => 'location /api/authenticate {'
        . ' reauth_authenticate /upstream; <+authenticate> }',
    status  => 'location /reauth/ { reauth_status; <+status> }',
    webhook => "location = /reauth/webhook { reauth_webhook $secret; <+webhook> }",
    metrics => 'location = /reauth/metrics { reauth_metrics; <+metrics> }',
    variable => 'proxy_set_header Authorization $reauth_authorization;',
    api      => 'location /api/ { <gate> <hold>'
        . ' proxy_pass http://127.0.0.1:1; <variable> <+api> }',
    upstream => 'location /upstream/ { internal;'
        . ' proxy_pass http://127.0.0.1:1/; <variable> }',
    files    => 'location /files/ { root /; <+files> }',
);

my $port  = free_port();
my $frame = <<'EOC';
http { <zone> <redis> <key> <+http>
server { listen 127.0.0.1:<+port>; <poll> <+server>
<api> <authenticate> <upstream> <status> <webhook> <metrics> <files>
} }
EOC

sub configuration {
    my ($without, $added) = @_;

    my %left = (%part, map { $_ => '' } @$without);
    my $text = $frame;

    $text =~ s/<(\w+)>/$left{$1}/g for 1, 2;
    $text =~ s/<\+port>/$port/;
    $text =~ s/<\+(\w+)>/$added->{$1} \/\/ ''/ge;

    return $text;
}

# [whether it is accepted, the lines about it]

sub try {
    my ($text) = @_;

    make_path("$dir/try/logs");

    # nginx's default paths for logs and temporary files require root
    my $places = join ' ', 'access_log logs/access.log;', map { "${_}_temp_path $_;" }
        qw(client_body proxy fastcgi scgi uwsgi);
    $text =~ s/http \{/http { $places/;

    Reauth::Test::write_file("$dir/try/nginx.conf",
        ($ENV{TEST_NGINX_STATIC} ? ''
            : "load_module \"$ENV{TEST_NGINX_MODULE}\";\n")
        . "pid logs/nginx.pid;\nevents { }\n$text");

    # with "-t", nginx does not free its memory at exit: no leaks

    local $ENV{ASAN_OPTIONS} = join ':', $ENV{ASAN_OPTIONS} // (),
        'detect_leaks=0';

    my $binary = $ENV{TEST_NGINX_BINARY} || 'nginx';
    my @said   = split /\n/, `'$binary' -t -e '$dir/try/logs/error.log' \\
        -p '$dir/try/' -c '$dir/try/nginx.conf' 2>&1`;

    return $? == 0, grep { /\[(?:warn|emerg|alert|crit)\]/
            && !/"user" directive/ } @said;
}

# ---- the table -----------------------------------------------------------------

# A directive: its syntax, the contexts in which it has an effect (http, server,
# the location of a part), and its result without them.  It replaces a part of
# the same name.

my $zone      = [['zone'], emerg => qr/needs shared memory: add "reauth_zone/];
my $unused    = qr/has no effect: it needs .*; add that, or remove/;
my $no_update = [['authenticate'], warn => qr/$unused/];

my %row = (
    reauth_zone => ['accounts:1m', ['http'],
        [[qw(redis api authenticate status webhook metrics poll)],
            warn => $unused]],
    reauth_redis => ['redis://127.0.0.1:1', ['http'], $zone,
        [[qw(api authenticate status webhook metrics poll)],
            warn => $unused]],
    reauth_redis_failure => ['reject', ['http'], $zone, $no_update,
        [['redis'], emerg => qr/without Redis: add "reauth_redis"/]],
    reauth_secret_file => [$secret, ['http'], $no_update],
    reauth_update_wait => ['1s', ['http'], $zone, $no_update],
    reauth_wait_max    => ['9', ['http'], $zone,
        [[qw(authenticate status hold)], warn => $unused]],
    reauth_body_memory => ['1m', ['http'], $zone,
        [[qw(authenticate webhook)], warn => $unused]],
    reauth_poll => ['on /upstream', ['server'], $zone,
        [['upstream'], emerg => qr/no location of the server matches: add/]],
    reauth_heal => ['on max=3/d delay=10s', ['server'], $zone,
        [['poll'], emerg => qr/"reauth_heal" needs "reauth_poll", by whose/]],
    reauth_notify => ["/upstream/notices $notices", ['server'], $zone,
        [['redis'], emerg => qr/needs Redis for events of accounts: add "rea/],
        [[qw(upstream poll authenticate)],
            emerg => qr/no location of the server matches: add/]],
    reauth_sweep => ['1m', ['server'], $zone,
        [['poll'], emerg => qr/"reauth_sweep" needs "reauth_poll", by whose/]],
    reauth_key_file => [$key, [qw(http server api)],
        [[qw(api authenticate upstream poll)], warn => $unused],
        [['variable'], warn => qr/no request is sent with the key: add/]],
    reauth_callers_file => [$callers,
        [qw(http server api authenticate status files)], $zone,
        [[qw(api authenticate upstream poll status files)],
            emerg => $unused]],
    reauth_gate         => ['on', [qw(http server api files)], $zone],
    reauth_gate_account => ['$arg_a', [qw(http server api)], $zone,
        [[qw(gate hold)], warn => $unused]],
    reauth_gate_bypass => ['$arg_b', [qw(http server api)], $zone,
        [[qw(gate hold)], warn => $unused]],
    reauth_gate_hold => ['1s', [qw(http server api)], $zone,
        [['gate'], warn => $unused]],
    reauth_gate_failed => ['on probe=10s', [qw(http server api)], $zone,
        [[qw(gate hold)], warn => $unused]],
    reauth_gate_max => ['1m', [qw(http server api authenticate)], $zone,
        [[qw(gate hold authenticate webhook)], warn => $unused]],
    reauth_retry_after => ['1s 2s', [qw(http server api status)], $zone,
        [[qw(gate hold status)], warn => $unused]],
    reauth_unknown_fields =>
        ['reject', [qw(http server authenticate)], $zone, $no_update],
    reauth_answer_max =>
        ['2k', [qw(http server authenticate)], $zone, $no_update],
    reauth_public_url => ['https://gateway.example',
        [qw(http server authenticate)], $zone, $no_update],
    reauth_origin => ['https://app.example http://localhost:3000',
        [qw(http server api authenticate status metrics)],
        [[qw(api authenticate upstream poll status metrics)], warn => $unused]],
    reauth_authenticate => ['/upstream', ['files'], $zone,
        [['upstream', 'poll'],
            emerg => qr/no location of the server matches: add/],
        [[qw(key poll)], emerg => qr/needs "reauth_key_file": add/]],
    reauth_status  => ['', ['files'], $zone],
    reauth_metrics => ['callers', ['files'], $zone],
    reauth_webhook => [$secret, ['files'], $zone,
        [['poll'], warn => qr/needs "reauth_poll": .*add "reauth_poll on/]],
);

# the names of contexts in the source of nginx

my %context = (
    http         => 'NGX_HTTP_MAIN_CONF',
    server       => 'NGX_HTTP_SRV_CONF',
    location     => 'NGX_HTTP_LOC_CONF',
    'if'         => 'NGX_HTTP_LIF_CONF',
    limit_except => 'NGX_HTTP_LMT_CONF',
);

# ---- every directive has a row -------------------------------------------------

my %flags;

find({ no_chdir => 1, wanted => sub {
    return if !/\.c$/;
    my $source = Reauth::Test::slurp($_);

    while ($source =~ /\{ ngx_string\("(reauth_\w+)"\),\s*((?:NGX_\w+\|?\s*)+),/g)
    {
        $flags{$1} = $2;
    }
} }, 'ngx_module');

is_deeply([sort keys %row], [sort keys %flags],
    'every directive of the source has a row');

is_deeply([try(configuration([]))], [1],
    'the whole configuration is accepted without a word');

# ---- with all that it needs, in each context; and without
# ------------------------

sub parts_without {
    my ($directive, $place, @without) = @_;

    (my $short = $directive) =~ s/^reauth_(?:gate_)?//;
    $short =~ s/_file$//;

    # the directive of a level is not written there twice
    my $own = exists $part{$short} && $part{$short} =~ /^\Q$directive\E /
        && ($place eq 'http'
            || $short =~ /^(?:poll|gate|hold)$/ && $place ne 'files');

    return ($own ? $short : (), @without);
}

for my $directive (sort keys %row) {
    my ($value, $places, @without) = @{ $row{$directive} };
    my $line = $value eq '' ? "$directive;" : "$directive $value;";
    my %allowed;

    for my $place (@$places) {
        my $context = $place =~ /^(?:http|server)$/ ? $place : 'location';
        $allowed{$context} = 1;

        is_deeply([try(configuration([parts_without($directive, $place)],
            { $place => $line }))], [1],
            "$directive is accepted without a warning: $place");

        for my $case (@without) {
            my ($parts, $level, $text) = @$case;

            next if grep { $_ eq $place } @$parts;

            my ($accepted, @said) = try(configuration(
                [parts_without($directive, $place), @$parts],
                { $place => $line }));

            my @about = grep { /"\Q$directive\E"/ } @said;

            # without a zone, the first directive that needs one is named
            @about = @said if $parts->[0] eq 'zone';

            my $name = "$directive: $place, without @$parts";

            ok($accepted == ($level eq 'warn'), "$name: "
                . ($level eq 'warn' ? 'accepted' : 'refused'));
            ok(scalar(grep { /\[$level\] .*$text.* in .+nginx\.conf:\d+/ }
                @about), "$name: why, where and what to do")
                or diag(join "\n", @said);
        }
    }

    # a context in the source for which there is no row, and the others

    for my $context (sort keys %context) {
        my $in = $flags{$directive} =~ /\b$context{$context}\b/ ? 1 : 0;

        is($allowed{$context} // 0, $in,
            "$directive: the table has the context $context");

        next if $in;

        my %place = (
            http         => { http => $line },
            server       => { server => $line },
            location     => { files => $line },
            'if'         => { files => "if (\$arg_a) { $line }" },
            limit_except => { files => "limit_except GET { $line }" },
        );
        my ($accepted, @said) = try(configuration([], $place{$context}));

        ok(!$accepted && "@said" =~ /"$directive" directive is not allowed here/,
            "$directive: refused in $context");
    }
}

Reauth::Test::write_file("$dir/try/off", Reauth::Test::slurp($callers),
    oct 644);

# ---- contradictory pairs
# ----------------------------------------------------------

for my $case (
    [{ status => 'reauth_gate on;' }, [], emerg =>
        qr/"reauth_gate" in location "\/reauth\/" has no effect: .*remove one/],
    [{ webhook => "reauth_callers_file $callers;" }, [], emerg =>
        qr/"reauth_callers_file" in location .*"reauth_webhook" .*use "allow"/],
    [{ api => "reauth_callers_file $callers certificate=cn;" }, [], warn =>
        qr/"certificate=cn" of "reauth_callers_file" has no effect: .*add "ssl_verify_client"/],
    [{ files => 'reauth_authenticate /reauth;' }, [], emerg =>
        qr/"reauth_authenticate" sends requests to "\/reauth\/api\/authenticate\/", whose location has a "reauth_" directive of its own: specify/],
    [{ files => 'reauth_authenticate /files2;',
        server => 'location /files2/ { proxy_pass http://127.0.0.1:1; }' },
        [], warn =>
        qr/"reauth_authenticate" sends requests to "\/files2\S*", whose location is not internal: add "internal;"/],
    [{ files => 'reauth_authenticate /inner;',
        server => 'location /inner/ { internal; }' }, [], warn =>
        qr/whose location has no content handler: add "proxy_pass"/],
    [{ files => "reauth_webhook $secret pass=/nowhere;" }, [], emerg =>
        qr/"reauth_webhook" sends requests to "\/nowhere", which no location/],
    (map { [{ files => "$_ proxy_pass http://127.0.0.1:1;" }, [], emerg =>
        qr/"reauth_\w+" in location "\/files\/" has no effect: another directive, such as "proxy_pass", .*; remove one/] }
        'reauth_status;', 'reauth_metrics;', "reauth_webhook $secret;",
        'reauth_authenticate /upstream;'),
    [{ files => 'reauth_metrics; empty_gif;' }, [], emerg =>
        qr/"reauth_metrics" in location .* has no effect: another directive/],
    (map { [{ server => "location $_ { reauth_status; }" }, [], emerg =>
        qr/"reauth_status" in location "\S+" has no effect: .*use a prefix location/] }
        '= /exact', '= /exact/', '~ ^/regex/', '~* ^/regex/', '@named'),
    (map { [{ authenticate => $_ }, [], emerg =>
        qr/"reauth_answer_max" directive must not be 0/] }
        'reauth_answer_max 0;', 'reauth_answer_max 0k;'),
    (map { [{ server => "reauth_poll on /upstream $_;" }, ['poll'], emerg =>
        qr/duplicate parameter in "reauth_poll"/] }
        'rate=1r/s rate=2r/s', 'interval=1s rate=1r/s interval=1s',
        'max_interval=9s max_interval=9s'),
    [{ files => "reauth_webhook $secret $secret;" }, [], emerg =>
        qr/"reauth_webhook" directive specifies the same secret file twice/],

    # "off" is the name of a file here
    [{ http => "reauth_callers_file off;" }, [qw(zone redis)], emerg =>
        qr/"reauth_callers_file" needs shared memory: add "reauth_zone/],

    [{ server => "location /keyed/ { reauth_key_file $key;"
        . ' reauth_authenticate /upstream; }' }, [qw(key authenticate poll)],
        warn => qr/whose location has no API key: add "reauth_key_file"/],
) {
    my ($added, $without, $level, $text) = @$case;

    my ($accepted, @said) = try(configuration($without, $added));
    my ($place) = map { "$_: $added->{$_}" } sort keys %$added;

    ok($accepted == ($level eq 'warn')
        && grep({ /\[$level\] .*$text.* in .+nginx\.conf:\d+/ } @said),
        $place) or diag(join "\n", @said);
}

# a location with a regular expression cannot be checked, and is not rejected

is_deeply([try(configuration(['upstream'], {
    server => 'location ~ ^/upstream/ { internal;'
        . " $part{variable} proxy_pass http://127.0.0.1:1; }" }))], [1],
    'a location by regular expression is accepted');

# "off" needs no other directive

is_deeply([try("http { reauth_gate $_; server { listen 127.0.0.1:$port;"
    . " reauth_poll off; reauth_origin off; } }")], [1], "$_ needs no zone")
    for qw(off OFF);

# ---- a word that is not in the list ----------------------------------------------

for my $case (
    ['reauth_gate', 'api', ['gate'], '"off", "on" or "dry_run"'],
    ['reauth_redis_failure', 'http', [], '"local" or "reject"'],
    ['reauth_unknown_fields', 'http', [], undef],
) {
    my ($directive, $place, $without, $values) = @$case;

    my ($accepted, @said) = try(configuration($without,
        { $place => "$directive maybe;" }));

    $values = defined $values ? quotemeta $values : '"drop".*"reject"';

    ok(!$accepted, "$directive maybe: refused");
    like("@said", qr/\[emerg\] .*invalid value "maybe" in "$directive": expected $values.* in .+nginx\.conf:\d+/,
        "$directive maybe: names the directive and its values");
}

for my $origin ('*', 'null', 'https://*.example', 'https://App.example', 'app.example',
    'https://app.example/', 'https://app.example:443')
{
    my ($accepted, @said) = try(configuration([],
        { server => "reauth_origin https://app.example $origin;" }));

    ok(!$accepted && "@said" =~ /\[emerg\] invalid origin "\Q$origin\E" in "reauth_origin": it .*; expected one such as .* in .+nginx\.conf:\d+/,
        "reauth_origin $origin: refused, and says why") or diag(join "\n", @said);
}

is_deeply([try(configuration([], { http => 'reauth_origin https://app.example;',
    server => 'reauth_origin off;' }))], [1], 'an inherited origin is taken back');

{
    my ($accepted, @said) = try(configuration(['poll'],
        { server => 'reauth_poll maybe;' }));

    ok(!$accepted, 'reauth_poll maybe: refused');
    like("@said", qr/"reauth_poll" takes "off", or "on"/,
        'reauth_poll maybe: names the directive and its values');
}

# ---- requests that wait leave connections to others, 512 by default ----------------

is_deeply([try(configuration([], { http => 'reauth_wait_max 128;' }))], [1],
    'reauth_wait_max that leaves a quarter');

{
    my ($accepted, @said) = try(configuration([],
        { http => 'reauth_wait_max 129;' }));

    ok($accepted, 'reauth_wait_max that leaves less: accepted');
    like("@said", qr/\[warn\] .*"reauth_wait_max" 129 leaves too few of 512 "worker_connections" to other requests: specify .* in \S+nginx\.conf:\d+/,
        'reauth_wait_max that leaves less: a warning');
}

# ---- addresses --------------------------------------------------------------------

for my $case (
    ['gateway.example',        'does not begin with http://'],
    ['ftp://gateway.example',  'does not begin with http://'],
    ['https://',               'does not begin with http://'],
    ['https://a:0',            'has no valid port'],
    ['https://a/b?c=d',        'has a character that is invalid in a path'],
    ['https://user@a',         'has something other than a port'],
) {
    my ($url, $text) = @$case;

    my ($accepted, @said) = try(configuration([],
        { http => "reauth_public_url $url;" }));

    ok(!$accepted, "reauth_public_url $url: refused");
    like("@said", qr/invalid URL "\Q$url\E" in "reauth_public_url": it $text.*; expected .* in \S+nginx\.conf:\d+/,
        "reauth_public_url $url: the error says why");
}

done_testing();
