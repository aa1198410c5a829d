#!/usr/bin/perl

# Copyright (C) the nginx-reauth authors
#
# Runs the sandbox upstream as a program and tests each story.

use v5.36;

use Digest::SHA qw(hmac_sha256_hex);
use File::Temp  qw(tempdir);
use FindBin     ();
use IPC::Open2 qw(open2);
use Mojo::IOLoop         ();
use Mojo::JSON           qw(decode_json);
use Mojo::Server::Daemon ();
use Mojo::UserAgent      ();
use Test::More;
use Time::HiRes qw(time);

use constant {
    KEY     => 'sandbox-test-key',
    SECRET  => 'sandbox-test-secret',
    STALL_S => 0.3,
    WAIT    => 60,
};

my $dir = tempdir(CLEANUP => 1);
my $ua  = Mojo::UserAgent->new(inactivity_timeout => WAIT, connect_timeout => WAIT);
my %key = (Authorization => 'Bearer ' . KEY);
my @hooks;
my $receiver = hook_receiver();
my ($base, $pid, $stdout) = start_sandbox();


sub write_file ($name, $text) {
    my $path = "$dir/$name";

    open my $out, '>', $path or die "$path: $!";
    print {$out} $text;
    close $out or die "$path: $!";

    return $path;
}


sub hook_receiver () {
    my $daemon = Mojo::Server::Daemon->new(listen => ['http://127.0.0.1'], silent => 1);

    $daemon->unsubscribe('request')->on(
        request => sub ($daemon, $tx) {
            push @hooks, $tx->req;
            $tx->res->code($tx->req->headers->header('X-OFAPI-Redelivery-Of') ? 500 : 204);
            $tx->resume;
        }
    );

    return $daemon->start;
}


sub start_sandbox () {
    my @command = (
        $^X, "$FindBin::Bin/../sandbox-upstream",
        '--listen',              '127.0.0.1:0',
        '--api-key-file',        write_file(key    => KEY . "\n"),
        '--webhook-secret-file', write_file(secret => SECRET),
        '--webhook-url',         'http://127.0.0.1:' . $receiver->ports->[0] . '/hook',
        '--log',                 "$dir/log",
        '--pid-file',            "$dir/pid",
        '--stall-s',             STALL_S,
        '--webhook-retry-ms',    10,
        '--seed',                1,
        '--hold',
    );

    my $child = open2(my $out, my $in, @command);
    my $line  = <$out> // die 'the sandbox said nothing';
    my ($url) = $line =~ m{\Asandbox upstream listening on (http://127\.0\.0\.1:\d+)$}
        or die "unexpected: $line";

    return ($url, $child, $out);
}


sub call ($method, $path, $body = undef, %headers) {
    my @json = defined $body ? (json => $body) : ();

    return $ua->start($ua->build_tx($method, "$base$path", { %key, %headers }, @json));
}


sub res ($method, $path, $body = undef) {
    return call($method, $path, $body)->res;
}


sub update ($account, $email) {
    return call(PUT => "/api/authenticate/$account/credentials",
        { email => $email, password => 'pw' });
}


sub control ($what, $account, $fields = {}) {
    return res(POST => "/_sandbox/$what/$account", $fields)->json;
}


sub steps ($account, $n) {
    control(step => $account) for 1 .. $n;

    return control(account => $account)->{poll};
}


# Waits for the specified number of events of an account, and removes them.
sub wait_hooks ($account, $n) {
    my $until = time + WAIT;
    my $mine  = sub { grep { ($_->json('/account_id') // q{}) eq $account } @hooks };

    Mojo::IOLoop->one_tick while $n > $mine->() && time < $until;

    my @found = $mine->();
    @hooks = ();

    return @found;
}


sub events (@requests) {
    return [sort map { $_->json('/event') } @requests];
}


sub stop_sandbox () {
    kill TERM => $pid;
    waitpid $pid, 0;
    $pid = undef;

    return $?;
}


my $ticker = Mojo::IOLoop->recurring(0.05, sub { });

subtest key => sub {
    for my $authorization (undef, 'Bearer wrong', 'Bearer ' . KEY . 'x') {
        my $res = $ua->get("$base/api/whoami",
            { defined $authorization ? (Authorization => $authorization) : () })->result;

        is $res->code, 401, 'wrong or missing key';
        like $res->json('/error'), qr/ /, 'error is a sentence';
    }

    is res(GET => '/api/whoami')->code, 200, 'right key';
};

subtest ok => sub {
    my $tx    = update('acct_ok', 'ok@example.com');
    my $start = $tx->res->json;
    my $path  = "/api/authenticate/$start->{attempt_id}";

    is $tx->res->code, 200;
    is $start->{polling_url}, "https://app.onlyfansapi.com$path";
    ok $tx->res->headers->set_cookie, 'a cookie to be dropped';
    is $tx->res->headers->header('x-rate-limit-limit-minute'), 1000;

    my $poll = res(GET => $path)->json;
    is $poll->{state}, 'authenticated', 'the old session is still reported';
    is $poll->{progress}, 'started';
    ok !$poll->{lastAttempt}{success} && !defined $poll->{lastAttempt}{completed_at}, 'running';
    like $poll->{lastAttempt}{started_at}, qr/\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z\z/;
    like $poll->{account}{onlyfans_data}{$_}, qr/CANARY/ for qw(csrf wsAuthToken wsUrl);
    is $poll->{account}{display_name}, 'ok@example.com';

    my $closed = res(GET => '/api/acct_ok/chats');
    is $closed->code, 503;
    is $closed->json('/error'), 'SERVICE_UNAVAILABLE';

    my ($item) = grep { $_->{id} eq 'acct_ok' } @{ res(GET => '/api/accounts')->json };
    ok $item->{is_authenticated}, 'accounts: the old session';
    is $item->{authentication_progress}, 'started';

    is steps('acct_ok', 1)->{progress}, 'filling_out_login';
    is steps('acct_ok', 1)->{progress}, 'submitting';
    $poll = steps('acct_ok', 1);
    is $poll->{progress}, 'signed_in';
    ok $poll->{lastAttempt}{success} && $poll->{lastAttempt}{completed_at}, 'ended';

    my $open = res(GET => '/api/acct_ok/chats?limit=1');
    is $open->code, 200;
    is $open->json('/data/target'), '/api/acct_ok/chats?limit=1';
    like $open->json('/_pagination/next_page'), qr{\Ahttps://app\.onlyfansapi\.com/api/acct_ok/};
    ok $open->json('/_meta/_credits');
};

subtest restart => sub {
    my @ids = map { update('acct_again', 'ok@example.com')->res->json } 1 .. 2;

    isnt $ids[0]{attempt_id}, $ids[1]{attempt_id};
    like $ids[1]{polling_url}, qr{\Ahttps://api\.fansapi\.com/}, 'the other host';
    is control(account => 'acct_again')->{attempts}, 2;
    is res(GET => "/api/authenticate/$ids[0]{attempt_id}")->json('/lastAttempt/error_code'),
        'SUPERSEDED';
};

subtest otp => sub {
    for my $story (qw(otp appotp)) {
        my $account = "acct_$story";
        my $id      = update($account, "$story-17\@example.com")->res->json('/attempt_id');
        my $poll    = steps($account, 2);

        is $poll->{state}, $story eq 'otp' ? 'needs-otp' : 'needs-app-otp';
        is $poll->{progress}, 'waiting_for_otp';
        is $poll->{lastAttempt}{otp_phone_ending}, $story eq 'otp' ? '42' : undef;

        is res(PUT => "/api/authenticate/$id", { code => '000000' })->code, 200, 'received';
        $poll = steps($account, 1);
        is $poll->{lastAttempt}{error_code}, 'WRONG_2FA';
        ok $poll->{lastAttempt}{needs_otp}, 'still open';

        res(PUT => "/api/authenticate/$id", { code => '123456' });
        is steps($account, 1)->{progress}, 'signed_in';
        is res(PUT => "/api/authenticate/$id", { code => '1' })->code, 400, 'no code is expected';
    }
};

subtest face => sub {
    my $id   = update('acct_face', 'face@example.com')->res->json('/attempt_id');
    my $poll = steps('acct_face', 2);

    is $poll->{state}, 'needs_face_otp';
    ok $poll->{lastAttempt}{needs_face_otp};
    like $poll->{lastAttempt}{face_otp_verification_url}, qr/CANARY/;

    is res(PUT => "/api/authenticate/$id", {})->code, 422, 'neither';
    is res(PUT => "/api/authenticate/$id", { selfie_verification_completed => 'true' })->code, 200;
    is steps('acct_face', 1)->{progress}, 'signed_in';
};

subtest wrong => sub {
    update('acct_wrong', 'wrong+1@example.com');
    my $poll = steps('acct_wrong', 3);

    is $poll->{state}, 'auth-failed';
    ok $poll->{lastAttempt}{error_code};
    is res(GET => '/api/acct_wrong/x')->json('/error'), 'SESSION_EXPIRED:NEEDS_REAUTHENTICATION';

    my $again = res(POST => '/api/authenticate/acct_wrong/reauthenticate')->json;
    ok !exists $again->{attempt_id}, 'reauthenticate tells no attempt_id';
    like $again->{polling_url}, qr{/api/authenticate/auth_\w+\z};
    ok control(finish => 'acct_wrong')->{authenticated}, 'finished by hand';
    is res(POST => '/api/authenticate/acct_wrong/reauthenticate')->code, 400;
};

subtest phone => sub {
    my $path  = '/api/authenticate/acct_phone/credentials';
    my $start = res(PUT => $path, { auth_type => 'mobile_app' })->json;
    my $link  = $start->{mobile_auth_session_deeplink};

    like $link, qr{\Afansapiauth://auth/fansapi_auth_};
    is steps('acct_phone', 1)->{mobile_auth_session_deeplink}, $link;

    my $end = control(finish => 'acct_phone', { success => 0, error_code => 'NOPE' })->{poll};
    is $end->{lastAttempt}{error_code}, 'NOPE';
    ok !exists $end->{mobile_auth_session_deeplink}, 'gone at the end';
};

subtest 'answers that break' => sub {
    my %expected = (
        down    => 502, lost => 504, limit => 429,
        garbage => 200, odd  => 200, huge  => 200,
    );

    for my $story (sort keys %expected) {
        is update("acct_$story", "$story\@example.com")->res->code, $expected{$story}, $story;
    }

    my $half = update('acct_half', 'half@example.com')->res;
    cmp_ok length $half->body, '<', $half->headers->content_length, 'half';

    for my $story (qw(reset stall)) {
        my $began = time;
        my $error = update("acct_$story", "$story\@example.com")->error;

        ok $error && !$error->{code}, "$story: " . ($error ? $error->{message} : 'no error');
        cmp_ok time - $began, '>=', STALL_S, 'it took its time' if $story eq 'stall';
    }

    my %running = map { $_ => control(account => "acct_$_")->{running} } keys %expected, 'half';
    is_deeply [sort grep { $running{$_} } keys %running], [qw(garbage half huge lost odd)],
        'which of them began a login';
};

subtest validation => sub {
    my $path = '/api/authenticate/acct_v/credentials';
    my $none = res(PUT => $path);

    is $none->code, 422, 'no body';
    is_deeply [sort keys %{ $none->json('/errors') }], [qw(email password)];

    my $aliases = res(PUT => $path,
        {
            auth_type => 'raw_data', auth_id => '1', cookies => 'a=b',
            x_bc      => 'x', userAgent => 'y',
        });
    is_deeply [sort keys %{ $aliases->json('/errors') }], [qw(user_agent xbc)], 'no aliases';
    is res(PUT => $path, { auth_type => 'cookies' })->json('/errors/auth_type/0'),
        'The selected auth type is invalid.';
};

subtest 'refused by id' => sub {
    my %expected = (
        unknown => 404, relayed => 404, credits => 402, restricted => 403, limited => 429,
        broken  => 500, cdn     => 502, cdn520  => 520, cdn524     => 524, maintenance => 503,
        expired => 401,
    );

    is res(GET => "/api/acct_${_}_1/x")->code, $expected{$_}, $_ for sort keys %expected;
};

subtest start => sub {
    my $id   = res(POST => '/api/authenticate', { email => 'ok@example.com', password => 'pw' })
        ->json('/attempt_id');
    my $poll = res(GET => "/api/authenticate/$id")->json;

    is $poll->{state}, 'authenticating';
    ok !exists $poll->{account}{onlyfans_data}, 'no onlyfans_data before the first success';
    my $mail = res(POST => "/api/authenticate/$id/send-email-to-creator");
    like $mail->json('/message'), qr/ok\@example/;
    is res(GET => '/api/authenticate/auth_nobody')->code, 404;
};

subtest fansly => sub {
    my $start = res(POST => '/api/fansly/authenticate',
        { email => 'appotp@example.com', password => 'pw' })->json;
    my $id = $start->{account_id};

    like $id, qr/\Afansly_acct_/;
    is res(GET => "/api/fansly/$id/x")->code, 503;
    steps($id, 2);

    my $poll = res(GET => "/api/fansly/authenticate/$id")->json;
    ok $poll->{needs_code};
    is $poll->{twofa_type}, 0;

    is res(PUT => "/api/fansly/authenticate/$id", { code => '123456' })->code, 200;
    steps($id, 1);
    ok res(GET => "/api/fansly/authenticate/$id")->json('/is_authenticated');
    is res(GET => "/api/fansly/$id/x")->code, 200;
    is res(POST => "/api/fansly/authenticate/$id/reauthenticate")->code, 200;
};

subtest forced => sub {
    control(
        account => 'acct_forced',
        { next => [
            { method => 'PUT', status => 503, body => { error => 'X' }, headers => { 'X-A' => 'b' },
                apply => 1 },
            { close => 1 },
        ] }
    );

    ok call(GET => '/api/acct_forced/x')->error, 'the one for any method: closed';
    my $put = update('acct_forced', 'ok@example.com')->res;
    is $put->code, 503;
    is $put->headers->header('X-A'), 'b';
    is control(account => 'acct_forced')->{attempts}, 1, 'and yet it began';
    is res(POST => '/_sandbox/account/acct_forced', { nxt => 1 })->code, 400, 'an unknown field is rejected';
};

subtest delayed => sub {
    control(
        account => 'acct_delayed',
        { delay_ms => 1000 * WAIT, next => [{ path => '/forced', delay_ms => 1000 * WAIT }] }
    );

    my @answers;
    for my $path (qw(forced own)) {
        $ua->start($ua->build_tx(GET => "$base/api/acct_delayed/$path", {%key}),
            sub ($ua, $tx) { push @answers, $tx->res->code });
    }

    my $log   = '/_sandbox/log?account=acct_delayed&min=2';
    my $until = time + WAIT;
    my $sent;
    $ua->get("$base$log" => sub ($ua, $tx) { $sent = @{ $tx->res->json } });
    Mojo::IOLoop->one_tick while !$sent && time < $until;

    is $sent, 2, 'both have come';
    is_deeply \@answers, [], 'and are not answered';
    is control(release => 'acct_delayed')->{released}, 2, 'released';
    Mojo::IOLoop->one_tick while @answers < 2 && time < $until;
    is_deeply \@answers, [200, 200], 'now they are';
    is call(GET => '/api/acct_delayed/x')->res->code, 200, 'and none is delayed any more';
    is control(release => 'acct_delayed')->{released}, 0, 'nothing is left';
};

subtest received => sub {
    my $raw = '/api/acct_raw/a%2Fb/./c?d=%20';

    call(PATCH => $raw, { name => "\x{e9}" }, 'X-One' => 'two');

    my $seen = res(GET => '/_sandbox/log?account=acct_raw&min=1')->json('/0');
    is $seen->{target}, $raw, 'as it was sent';
    is $seen->{headers}{authorization}, $key{Authorization};
    is $seen->{headers}{'x-one'}, 'two';
    is_deeply decode_json(do { my $body = $seen->{body}; utf8::encode($body); $body }),
        { name => "\x{e9}" };

    open my $in, '<', "$dir/log" or die "$dir/log: $!";
    my ($line) = grep {/acct_raw/} <$in>;
    close $in or die "$dir/log: $!";
    is decode_json($line)->{n}, $seen->{n}, 'and in the file';
};

subtest 'end of a connection' => sub {
    for my $path ('/api/acct_1/me', '/_sandbox/log') {
        my $asks = sub (%header) {
            return $ua->get("$base$path" => { %key, %header })->res->headers->connection // q{};
        };

        is $asks->(Connection => 'close'), 'close', "$path: the end is announced";
        isnt $asks->(), 'close', "$path: the connection is kept by default";
    }
};


subtest 'ordinary idempotency' => sub {
    my @replayed = map {
        call(POST => '/api/acct_idem/x', {}, 'Idempotency-Key' => 'k')
            ->res->headers->header('idempotent-replayed')
    } 1 .. 2;

    is_deeply \@replayed, [undef, 'true'];
};

subtest webhooks => sub {
    update('acct_hook', 'otp@example.com');
    steps('acct_hook', 2);
    control(finish => 'acct_hook');
    my @got = wait_hooks('acct_hook', 2);
    is_deeply events(@got), [qw(accounts.otp_code_required accounts.reconnected)];

    my $req = $got[0];
    is $req->headers->header('Signature'), hmac_sha256_hex($req->body, SECRET);
    is $req->headers->user_agent, 'OnlyFansAPI.com/Webhook-Client';
    like $req->headers->header('X-OFAPI-Idempotency-Key'), qr/\Aevt_[0-9a-f]{40}\z/;
    ok $req->json('/payload/latestAuthAttempt/started_at');

    my $send = sub ($account, %more) {
        res(POST => '/_sandbox/webhook',
            { event => 'accounts.connected', account_id => $account, %more });
    };

    $send->('acct_retry', redelivery_of => 'evt_x', signature => 'bad');
    @got = wait_hooks('acct_retry', 3);
    is @got, 3, 'three attempts';
    is $got[2]->headers->header('Signature'), 'bad';

    res(POST => '/_sandbox/settings', { webhook_duplicate => 1 });
    $send->('acct_twice');
    my %keys = map { $_->headers->header('X-OFAPI-Idempotency-Key') => 1 }
        @got = wait_hooks('acct_twice', 2);
    is @got, 2, 'twice';
    is keys %keys, 1, 'under one key';

    res(POST => '/_sandbox/settings', { webhook_duplicate => 0, webhook_loss => 100 });
    $send->('acct_lost');
    ok res(GET => '/_sandbox/webhooks?account=acct_lost&min=1')->json('/0/lost'), 'lost';
};

subtest 'on its own' => sub {
    res(POST => '/_sandbox/reset');
    res(POST => '/_sandbox/settings', { hold => 0, step_ms => 5, slow_ms => 60 });

    my %end = map { $_ => 0 } qw(ok slow phone);
    my %began;

    for my $story (sort keys %end) {
        update("acct_$story", "$story\@example.com");
        $began{$story} = time;
    }

    my $until = time + WAIT;
    while ((grep { !$_ } values %end) && time < $until) {
        for my $story (grep { !$end{$_} } keys %end) {
            $end{$story} = time if !control(account => "acct_$story")->{running};
        }
    }

    ok $end{$_}, $_ for sort keys %end;
    cmp_ok $end{slow} - $began{slow}, '>', 0.15, 'slow is slow';
};

subtest end => sub {
    ok -s "$dir/pid", 'a pid file';
    is stop_sandbox(), 0, 'SIGTERM: a clean exit';
    ok !-e "$dir/pid", 'no pid file';
};

Mojo::IOLoop->remove($ticker);

done_testing;

END {
    local $? = 0;
    kill TERM => $pid if defined $pid;
}
