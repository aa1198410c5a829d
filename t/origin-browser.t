# A real browser that displays a page of another origin, and the shipped
# gateway: no request of the page reaches the upstream, and it can read no
# response; an origin listed in reauth_origin can do both.  t/origin.t sends the
# same requests without a browser.

use strict;
use warnings;

use JSON::PP ();
use Test::More;

my ($chromium) = grep { -x } map { "$_/chromium" } split /:/, $ENV{PATH};

plan skip_all => 'no Chromium here: apt-get install chromium' if !$chromium;

require Reauth::Peer;
require Reauth::Shipped;
require Reauth::Test;
Reauth::Test->import;

my $page = <<'EOP';
<!doctype html><title>elsewhere</title><body><script>
const gateway = new URLSearchParams(location.search).get('gateway');
const call = gateway + '/api/acct_1/chats';
const outcomes = {};
const json = { 'Content-Type': 'application/json' };
const login = '{"email":"ok@example.com","password":"secret"}';

async function read(name, url, options) {
    try {
        const response = await fetch(url, options);
        const text = await response.text();
        outcomes[name] = response.type == 'opaque' ? 'opaque ' + text.length
            : response.status + ' ' + (response.headers.get('Retry-After') ? 'Retry-After' : text.slice(0, 60));
    } catch (e) {
        outcomes[name] = 'nothing';
    }
}

function element(name, tag, url) {
    return new Promise(done => {
        const e = document.createElement(tag);
        const end = how => {
            let text = how;
            try {
                if (e.contentDocument) text = 'read ' + e.contentDocument.body.innerText;
            } catch (error) { /* of another origin */ }
            outcomes[name] = text;
            done();
        };
        e.onload = () => end('loaded');
        e.onerror = () => end('nothing');
        e[tag == 'link' ? 'href' : 'src'] = url;
        if (tag == 'link') e.rel = 'stylesheet';
        document.body.append(e);
    });
}

function form(name, url) {
    return new Promise(done => {
        const frame = document.createElement('iframe');
        const form = document.createElement('form');
        frame.name = name;
        document.body.append(frame, form);
        Object.assign(form, { method: 'POST', action: url, enctype: 'text/plain', target: name });
        form.innerHTML = "<input name='{\"a\":\"' value='\"}'>";
        frame.onload = () => {
            outcomes[name] = frame.contentDocument ? 'read' : 'loaded';
            done();
        };
        form.submit();
    });
}

function listen(name, make, opened) {
    return new Promise(done => {
        const s = make();
        const end = how => { outcomes[name] = how; s.close(); done(); };
        s.onopen = () => end('open');
        s.onerror = () => end('nothing');
    });
}

(async () => {
    await read('text/plain', call, { method: 'POST', body: '{}', headers: { 'Content-Type': 'text/plain' } });
    await read('get', call);
    await read('no-cors get', call, { mode: 'no-cors' });
    await read('no-cors post', call, { mode: 'no-cors', method: 'POST', body: '{}' });
    await read('delete', call + '/1', { method: 'DELETE' });
    await read('token', call, { headers: { Authorization: 'Bearer x' } });
    await read('accounts', gateway + '/reauth/accounts');
    await read('gate', gateway + '/reauth/gate/acct_1');
    await listen('events', () => new EventSource(gateway + '/reauth/events'));
    await listen('socket', () => new WebSocket(gateway.replace('http', 'ws') + '/api/acct_1/socket'));
    await element('image', 'img', call);
    await element('script', 'script', gateway + '/reauth/accounts');
    await element('style', 'link', gateway + '/reauth/accounts');
    await element('frame', 'iframe', call);
    await form('form', call);
    outcomes['beacon'] = navigator.sendBeacon(call, 'x') ? 'sent' : 'nothing';
    await read('put', gateway + '/api/authenticate/acct_1/credentials', { method: 'PUT', headers: json, body: login });
    await read('closed', call);
    await fetch('/report', { method: 'POST', body: JSON.stringify(outcomes) });
    location = call;
})();
</script>
EOP

my $reports = Reauth::Test::work_dir() . '/reports';

my $elsewhere = Reauth::Peer->start(sub {
    my ($request) = @_;

    if ($request =~ /\APOST \/report .*?\r\n\r\n(.*)/s) {
        open my $out, '>>', $reports or return;
        syswrite $out, "$1\n";
        close $out;
        return Reauth::Peer::response('200 OK', '{}');
    }

    return Reauth::Peer::response('404 Not Found', '{}') if $request !~ /\AGET \/\?/;

    (my $answer = Reauth::Peer::response('200 OK', $page)) =~ s/application\/json/text\/html/;
    return $answer;
});

my @browsers;
my $count = 0;

sub browse {
    my ($url) = @_;

    my $dir = Reauth::Test::work_dir() . '/browser' . $count++;
    mkdir $dir or die "mkdir: $!\n";

    my $pid = fork // die "fork: $!\n";

    if ($pid == 0) {
        setpgrp;
        open STDOUT, '>', "$dir.log"   or POSIX::_exit(126);
        open STDERR, '>&', \*STDOUT    or POSIX::_exit(126);
        exec $chromium, '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic',
            '--no-first-run', '--disable-background-networking', '--disable-component-update',
            '--disable-sync', '--disable-dev-shm-usage', "--user-data-dir=$dir",
            '--host-resolver-rules=MAP rebound.example 127.0.0.1, MAP * ~NOTFOUND, '
            . 'EXCLUDE localhost, EXCLUDE 127.0.0.1', $url
            or POSIX::_exit(127);
    }

    push @browsers, $pid;

    return;
}

sub close_browsers {
    local ($?, $!);

    for my $pid (splice @browsers) {
        kill 'KILL', -$pid;
        waitpid $pid, 0;
    }

    return;
}

END { close_browsers(); }

# the report of the page at its end

sub outcomes {
    my ($host, $gateway) = @_;

    unlink $reports;
    browse("http://$host:" . $elsewhere->port . '/?gateway=http://127.0.0.1:' . $gateway->port);
    Reauth::Test::wait_for(sub { -s $reports }) or diag('the page has not come to its end');

    my ($line) = -s $reports ? split /\n/, Reauth::Test::slurp($reports) : '{}';

    return JSON::PP::decode_json($line);
}

sub start {
    my ($origin) = @_;

    return Reauth::Shipped->start('conf/nginx.conf', upstream => $ENV{TEST_NGINX_SANDBOX_PORT},
        replace => $origin ? [[qr/(?=^ +reauth_poll )/m, "reauth_origin $origin;\n"]] : []);
}

# ---- no origin is listed
# -------------------------------------------------------

my %refused = (
    frame => qr/\Aloaded\z/,
    form => qr/\Aloaded\z/,
    beacon => qr/./,
);

my @names = ('text/plain', 'get', 'no-cors get', 'no-cors post', 'delete', 'token', 'accounts',
    'gate', 'events', 'socket', 'image', 'script', 'style', 'frame', 'form', 'beacon', 'put',
    'closed');

my $gateway = start();

# a page of another site, and one of another port of the same host; "get",
# "no-cors get", the image, the frame, "closed" and the navigation use one path

my $pages = 0;

for my $host ('localhost', '127.0.0.1') {
    $pages++;

    my $before = Reauth::Test::sandbox_log();
    my $of     = outcomes($host, $gateway);

    like($of->{$_} // 'not tried', $refused{$_} // qr/\Anothing\z/,
        "$host: the request $_ is refused") for @names;

    ok(Reauth::Test::wait_for(sub {
        my @asked = $gateway->access_log =~ /"GET","uri":"\/api\/acct_1\/chats","status":"403"/g;
        return @asked == 6 * $pages;
    }), "$host: the page's navigation is refused as well");

    is(scalar(Reauth::Test::sandbox_log()), $before, "$host: nothing reached the upstream");
    is_deeply($gateway->http('GET', '/reauth/accounts')->{json}{accounts}, [],
        "$host: no login began");
    close_browsers();
}

# a page whose host name resolves to the gateway is of its origin

browse('http://rebound.example:' . $gateway->port . '/reauth/accounts');
ok(Reauth::Test::wait_for(sub { $gateway->access_log =~ /"status":"421"/ }),
    "a different name of the gateway's address is not served");
close_browsers();
$gateway->stop;

# ---- a listed origin
# -----------------------------------------------------------

$gateway = start('http://localhost:' . $elsewhere->port);

my $of = outcomes('localhost', $gateway);

like($of->{get}, qr/\A200 /, 'named: a call can be read');
like($of->{'text/plain'}, qr/\A[24]\d\d /, 'named: what the upstream says to a POST');
like($of->{delete}, qr/\A[24]\d\d /, 'named: a DELETE, after its preflight');
like($of->{token}, qr/\A200 /, 'named: with a token');
like($of->{accounts}, qr/\A200 \{"accounts"/, 'named: the status');
is($of->{events}, 'open', 'named: the events');
like($of->{put}, qr/\A200 .*attempt_id/, 'named: an update');
is($of->{closed}, '503 Retry-After', 'named: the closed gate, with its headers');
is($of->{$_}, 'nothing', "named: $_: who does not say its origin is refused") for qw(image script style);
is($of->{'no-cors get'}, 'nothing', 'named: nor does it get into the page unread');

done_testing();
