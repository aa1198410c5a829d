# Responses and webhooks of the upstream, as documented, with words, types,
# members, nesting, bytes, headers, statuses and framing changed at random, are
# sent through a running gateway.  Rules are checked, not expected values:
#
#   a gate is opened only by a known end of this login;
#   a client gets JSON of the gateway, or the response of the upstream, with the
#   allowed headers;
#   unreadable responses are counted;
#   no worker exits, and nothing is logged above "error";
#   updates continue to work.
#
# REAUTH_SEED=n     uses another seed
# REAUTH_MUTANTS=n  tests n mutants
# REAUTH_TRACE=n    prints mutant n

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use JSON::PP ();
use Test::More;
use Time::HiRes qw(time);

use Reauth::Mutants;
use Reauth::Test redis => 0, sandbox => 0;
use Reauth::Webhook;

my $seed    = $ENV{REAUTH_SEED}    // 1;
my $mutants = $ENV{REAUTH_MUTANTS} // 1500;
my $trace   = $ENV{REAUTH_TRACE}   // 0;

$SIG{PIPE} = 'IGNORE';

my $upstream = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0,
    Proto => 'tcp', Listen => 64) or die "cannot listen: $!\n";

my $gateway = gateway(
    workers     => 2,
    log_level   => 'warn',
    http_config => "reauth_zone accounts:16m;\nupstream fans_api {"
        . ' server 127.0.0.1:' . $upstream->sockport . '; }',
    config => 'location = /reauth/webhook {
        reauth_webhook $TEST_NGINX_WEBHOOK_SECRET; }
    location = /reauth/metrics { reauth_metrics; }
    proxy_next_upstream off;',
);

my @workers = sort $gateway->worker_pids;
my $strict  = JSON::PP->new->allow_nonref;

# ---- one exchange: the client and the upstream of the gateway are both here --

# Each request to the upstream gets the next response of the list; if the list
# is empty, an ordinary 200.

my $ordinary = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    . "Content-Length: 2\r\n\r\n{}";

sub exchange {
    my ($method, $path, $fields, $answers, $head) = @_;

    my $body   = ref $fields ? JSON::PP::encode_json($fields) : $fields // '';
    my $caller = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $gateway->port, Proto => 'tcp')
        or return { status => 0, headers => {}, body => "connect: $!" };

    syswrite $caller, "$method $path HTTP/1.1\r\nHost: localhost\r\n"
        . "Connection: close\r\nContent-Type: application/json\r\n"
        . ($head // '') . 'Content-Length: ' . length($body) . "\r\n\r\n$body";

    my ($raw, $asked, %request) = ('', 0);
    my $select   = IO::Select->new($caller, $upstream);
    my $deadline = time + $Reauth::Test::LIMIT;

    while ($select->exists($caller) && time < $deadline) {
        for my $socket ($select->can_read(1)) {

            if ($socket == $upstream) {
                $select->add($upstream->accept // next);
                next;
            }

            my $text = $socket == $caller ? \$raw : \$request{$socket};
            my $n = sysread $socket, $$text //= '', 65536, length($$text // '');

            if ($socket == $caller) {
                $select->remove($caller) if !$n;
                next;
            }

            next if $n && !whole($$text);

            syswrite $socket, $answers->[$asked++] // $ordinary if $n;
            $select->remove($socket);
            delete $request{$socket};
            close $socket;
        }
    }

    return { %{ Reauth::Test::parse_answer($raw) }, asked => $asked,
        raw => $raw };
}

sub whole {
    my ($text) = @_;

    my $head = index $text, "\r\n\r\n";
    my ($length) = $text =~ /^Content-Length: *(\d+)/mi;

    return $head >= 0 && length($text) >= $head + 4 + ($length // 0);
}

# ---- possible ends of a login ------------------------------------------------

# JSON::PP rejects only halves of surrogate pairs and a byte order mark, which
# the gateway reads.

sub read_json {
    my ($text) = @_;

    $text =~ s/\A\xef\xbb\xbf//;
    $text =~ s/(?<!\\)((?:\\\\)*)\\u[dD][89a-fA-F][0-9a-fA-F]{2}/$1?/g;

    my $json;

    return eval { $json = $strict->decode($text); 1 } ? \$json : undef;
}

sub word {
    my ($object, $name, @words) = @_;

    my $value = ref $object eq 'HASH' ? $object->{$name} : undef;

    return if !defined $value || ref $value;

    $value = lc $value;
    $value =~ tr/_/-/;

    return !!grep { $value eq $_ } @words;
}

sub yes {
    my ($object, $name) = @_;

    my $value = ref $object eq 'HASH' ? $object->{$name} : undef;

    return JSON::PP::is_bool($value) ? $value : word($object, $name, 'true', 1);
}

sub no_bool {
    my ($object, $name) = @_;

    my $value = ref $object eq 'HASH' ? $object->{$name} : undef;

    return JSON::PP::is_bool($value) && !$value;
}

sub text {
    my ($object, $name) = @_;

    my $value = ref $object eq 'HASH' ? $object->{$name} : undef;

    return defined $value && !ref $value && length $value ? $value : undef;
}

# "step": a poll has reported this login, or it began long ago; "began": when.

sub poll_may_end {
    my ($json, $login) = @_;

    return if ref $json ne 'HASH';

    my $last    = $json->{lastAttempt};
    my $started = text($last, 'started_at');

    return if (!defined $started || $started lt $login->{earliest})
        && (!$login->{step} || (defined $started && $started =~ /^20[01]|^202[0-4]/));

    return 1 if word($json, 'state', 'authenticated')
        && (word($json, 'progress', 'signed-in') || yes($last, 'success'));

    return word($json, 'state', 'failed', 'auth-failed')
        || (text($last, 'completed_at') && no_bool($last, 'success'));
}

sub fansly_may_end {
    my ($json, $login) = @_;

    return if !$login->{step} || !text($json, 'account_id');
    return 1 if word($json, 'status', 'failed', 'auth-failed');

    return yes($json, 'is_authenticated') && no_bool($json, 'needs_code')
        && !word($json, 'status', 'verifying')
        && (text($json, 'status') // '') !~ /^needs|^challenge[-_]/i;
}

my %ends = map { $_ => 1 } qw(accounts.connected accounts.reconnected
    accounts.disconnected accounts.authentication_failed
    fansly.accounts.connected fansly.accounts.disconnected
    fansly.accounts.authentication_failed);

# a webhook is about a login whose start was reported by a poll

sub event_may_end {
    my ($json, $login) = @_;

    return if ref $json ne 'HASH' || !$ends{ text($json, 'event') // '' }
        || (text($json, 'account_id') // '') ne $login->{account};

    return $login->{step};
}

sub may_end {
    my ($op, $mutant, $login) = @_;

    my $status = $mutant->{status} // 0;

    # a rejected or redirected update restores the previous state
    return ($mutant->{whole} || $status < 400) && $status >= 300
        && $status < 500 && $status != 408
        if $op =~ /update|reauthenticate/;

    my $judge = $op eq 'poll' ? \&poll_may_end
        : $op eq 'fansly_poll' ? \&fansly_may_end
        : $op eq 'webhook' ? \&event_may_end : return;

    return if $op ne 'webhook'
        && (!$mutant->{whole} || $status < 200 || $status > 299);

    my $json = read_json($mutant->{received}) // return;
    my $data = ref $$json eq 'HASH' ? $$json->{data} : undef;

    return $judge->($$json, $login)
        || ($op =~ /poll/ && $judge->($data, $login));
}

# ---- possible responses to a client ------------------------------------------

my $passed = qr/\A(?:server|date|content-type|content-length|connection|(?#
    )retry-after|x-request-id|x-ofapi-.*|x-rate-limit-.*|idempotent-replayed|(?#
    )cache-control|x-should-retry|reauth-[a-z]+|allow|x-content-type-options|(?#
    )cross-origin-resource-policy)\z/x;

sub is_ours {
    my ($answer) = @_;

    my $json = $answer->{json};

    return ref $json eq 'HASH' && !grep { !defined text($json, $_) }
        qw(error message description decision_id);
}

# all members except addresses that are rewritten, or null if they led elsewhere

sub fixed {
    my ($text) = @_;

    $text =~ s/"polling_url"\s*:\s*(?:null|"(?:[^"\\]|\\.)*")//gs;

    return $text;
}

sub wrong_answer {
    my ($op, $mutant, $answer) = @_;

    # data in transit is lost with the connection
    return if $op =~ /call|accounts/ && !$mutant->{whole};
    return 'no response' if !$answer->{status};

    if ($op ne 'call' && $op ne 'accounts') {
        my ($alien) = grep { !/$passed/ } sort keys %{ $answer->{headers} };

        return "the header $alien" if defined $alien;
        return 'the header server'
            if $answer->{headers}{server} !~ /^(?:nginx|freenginx|angie)/i;
    }

    return if is_ours($answer) || $op eq 'webhook';
    return 'a response of the upstream that was cut off' if !$mutant->{whole};

    # ambiguous responses are read by nginx in one of the ways
    return if $mutant->{odd};

    my $status = $mutant->{status} // 0;

    return "status $answer->{status} of $status"
        if $answer->{status} != $status;
    return 'another body' if fixed($answer->{body}) ne fixed($mutant->{received});

    return;
}

# ---- mutants -----------------------------------------------------------------

my %request = (
    poll                  => ['GET', '/api/authenticate/$attempt'],
    fansly_poll           => ['GET', '/api/fansly/authenticate/$account'],
    update                => ['PUT', '/api/authenticate/$account/credentials'],
    start                 => ['POST', '/api/authenticate'],
    reauthenticate        => ['POST', '/api/authenticate/$account/reauthenticate'],
    fansly_reauthenticate =>
        ['POST', '/api/fansly/authenticate/$account/reauthenticate'],
    submit_2fa            => ['PUT', '/api/authenticate/$attempt'],
    fansly_submit_2fa     => ['PUT', '/api/fansly/authenticate/$account'],
    send_email            =>
        ['POST', '/api/authenticate/$attempt/send-email-to-creator'],
    call                  => ['GET', '/api/$account/chats'],
    accounts              => ['GET', '/api/accounts'],
    webhook               => ['POST', '/reauth/webhook'],
);

my @examples = Reauth::Mutants::examples();
my %example  = map { $_->{name} => $_ } @examples;

sub address {
    my ($op, $login) = @_;

    my ($method, $path) = @{ $request{$op} };
    $path =~ s/\$(\w+)/$login->{$1}/g;

    return ($method, $path);
}

sub ask {
    my ($op, $login, @answers) = @_;

    my $fields
        = $op eq 'update' || $op eq 'start'
            ? { email => 'a@example.com', password => "secret-$login->{number}" }
        : $op =~ /2fa/ ? { code => '123456' } : undef;

    return exchange(address($op, $login), $fields, \@answers);
}

sub plain {
    my ($name, $login) = @_;

    return Reauth::Mutants::plain($example{$name}, $login)->{wire};
}

# A login that the upstream has accepted; undef if it has not.

sub begin {
    my ($op, $login, $number) = @_;

    my $fansly = $op =~ /fansly/;
    my $fresh  = $fansly || $op =~ /reauthenticate|call|webhook/;

    %$login = (
        number   => $number,
        account  => ($fansly ? 'fansly_' : '') . 'acct_'
            . ($fresh ? "n$number" : 'r' . $number % 24),
        attempt  => "auth_$number",
        event    => Reauth::Mutants::pick(@Reauth::Mutants::EVENTS),
        earliest => substr(started_at(-3), 0, 19),
        began    => time,
    );
    $login->{$_} = started_at(0) for qw(started completed);

    return 1 if $op =~ /update|reauthenticate|start|call|accounts/;

    my $answer = $fansly
        ? ask('fansly_reauthenticate', $login,
            plain('Fansly, reauthenticate', $login))
        : ask('update', $login, plain('update', $login));

    return if $answer->{status} != 200;

    if (Reauth::Mutants::chance(2)) {
        $answer = $fansly
            ? ask('fansly_poll', $login, plain('Fansly, verifying', $login))
            : ask('poll', $login, plain('login begun', $login));
        $login->{step} = 1;
    }

    return $answer->{status} == 200;
}

sub is_closed {
    my ($account) = @_;

    my $path = $account =~ /^fansly/ ? "/api/fansly/$account/chats"
                                     : "/api/$account/chats";
    my $call = exchange('GET', $path, undef, []);

    my $gate = exchange('GET', "/reauth/gate/$account", undef, []);

    return $gate->{status} == 503 && $call->{status} == 503
        && !$call->{asked} && is_ours($call);
}

sub unreadable {
    my $text = exchange('GET', '/reauth/metrics', undef, [])->{body};
    my $sum  = 0;

    $sum += $1
        while $text =~ /^reauth_upstream_unreadable_total\{[^}]*\} (\d+)$/mg;

    return $sum;
}

sub send_mutant {
    my ($op, $mutant, $login) = @_;

    return ask($op, $login, $mutant->{wire}) if $op ne 'webhook';

    return exchange(address($op, $login), $mutant->{received}, [],
        'Signature: ' . signature($mutant->{received}) . "\r\n");
}

my $ended = 0;

# The rule that a mutant broke.

sub broken {
    my ($op, $mutant, $login) = @_;

    my $good  = $op eq 'webhook' || ($mutant->{whole} && !$mutant->{odd}
        && ($mutant->{status} // 0) =~ /^2/ && $mutant->{status} != 204);
    my $counts = $good && $op =~ /poll|update|reauthenticate|start|webhook/
        && !read_json($mutant->{received});
    my $before = $counts ? unreadable() : 0;

    my $answer = send_mutant($op, $mutant, $login);
    my $wrong  = wrong_answer($op, $mutant, $answer);

    return "$wrong, in:\n" . shown($answer->{raw}) if defined $wrong;

    return 'what could not be read was not counted'
        if $counts && unreadable() <= $before;

    $login->{step} = 1 if time > $login->{began} + 9;

    return 'the gate of another account opened'
        if $mutant->{wire} =~ /acct_other/ && !is_closed('acct_other');

    return if $op =~ /^start|call|accounts/;

    if (may_end($op, $mutant, $login)) {
        $ended++;
        return;
    }

    return is_closed($login->{account}) ? undef : 'a gate opened';
}

sub shown {
    my ($text) = @_;

    $text =~ s/([^\x20-\x7e\n])/sprintf '\\x%02x', ord $1/ge;

    return substr $text, 0, 4000;
}

my %other = (number => 0, account => 'acct_other', attempt => 'auth_other');

is(ask('update', \%other, plain('update', \%other))->{status}, 200,
   'an account that no mutant is about');

my $failed = 0;
my $from   = time;
my ($count, $text) = (0);

for my $n (1 .. $mutants) {
    srand $seed * 1_000_003 + $n;

    my $example = $examples[$n % @examples];
    my $op      = Reauth::Mutants::pick(@{ $example->{on} });
    my %login;

    my $what    = begin($op, \%login, $n) ? undef
        : 'a login after it was not accepted';
    my $mutant  = Reauth::Mutants::mutant($example, \%login);

    $what //= broken($op, $mutant, \%login);
    $count++;

    diag("mutant $n, $op:\n", shown($mutant->{wire})) if $n == $trace;

    next if !defined $what;

    fail("REAUTH_SEED=$seed REAUTH_TRACE=$n: $op, $what");
    diag(shown($mutant->{wire}));

    last if ++$failed == ($ENV{REAUTH_FAILURES} // 5);
}

is($failed, 0, "seed $seed: $count mutants broke no law");
note(sprintf '%d of them might end a login; %.1f s', $ended, time - $from);
cmp_ok($ended, '>', $count / 50, 'some might end a login');

is(exchange('GET', '/reauth/healthz', undef, [])->{status}, 200,
    'nginx responds after all mutants');
is("@{[ sort $gateway->worker_pids ]}", "@workers", 'the workers are the same');
is(scalar(() = $gateway->error_log =~ m{\[(?:alert|crit|emerg)\]}g), 0,
   'nothing worse logged');

for my $name ('success', 'success in data', 'failure') {
    my %login;

    begin('poll', \%login, ++$mutants);
    ask('poll', \%login, plain($name, \%login));
    is(exchange('GET', "/reauth/gate/$login{account}", undef, [])->{status}, 204,
       "$name opens a gate as ever");
}

done_testing();
