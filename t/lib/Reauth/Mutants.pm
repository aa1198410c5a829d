package Reauth::Mutants;

# Responses of the upstream with random mutations, reproducible by seed and
# number.  The examples are in tests/data/upstream/examples.json.

use strict;
use warnings;

use Cwd ();
use File::Basename ();
use JSON::PP ();

my $directory = Cwd::abs_path(File::Basename::dirname(__FILE__)
    . '/../../../tests/data/upstream');
my $json = JSON::PP->new->canonical->allow_nonref;

our @EVENTS = qw(
    accounts.connected accounts.reconnected accounts.disconnected
    accounts.session_expired accounts.authentication_failed
    accounts.otp_code_required accounts.face_otp_required
);

my @any = qw(poll fansly_poll update start reauthenticate
    fansly_reauthenticate submit_2fa send_email call);

# Replacements of a value, as JSON, because not all of them are values in Perl.

my @values = (
    qw(null true false 0 1 -1 2 1e999 -0.0 18446744073709551616 [] {} ""),
    qw("true" "false" "1" [true] {"a":1} "authenticated" "AUTHENTICATED"
       "authenticated-soon" "signed_in" "signed-in" "signed" "failed"
       "auth_failed" "failing" "needs-captcha" "needs-email" "needs-selfie"
       "verifying" "verified" "challenge-x" "frobnicating" "\u0000"
       "authenticated\u0000" "authenticated\ud83d" "\ude00" "acct_other"
       "auth_other" "fansly_acct_other" "accounts.connected"
       "accounts.celebrated" "fansly.accounts.connected" "../x" "auth_"
       "https://app.onlyfansapi.com/api/authenticate/auth_other"
       "2024-05-06T07:08:09.000000Z" "2124-05-06T07:08:09.000000Z"
       "0000-00-00T00:00:00Z"),
    '"authenticated "', '"' . 'x' x 300 . '"', '[' x 100 . ']' x 100,
);

my @before = map { "$_," } qw("state":"authenticated" "progress":"signed_in"
    "is_authenticated":true "event":"accounts.connected" "attempt_id":"auth_z"
    "lastAttempt":{} "data":{} "state":5 "a\u0000b":"\ud83d" "error":[]);

my @statuses = (100, 101, 102, 103, 199, 200 .. 206, 226, 299, 300 .. 308, 399,
    400 .. 410, 415, 418, 421, 422, 425, 426, 428, 429, 431, 444, 451, 494 ..
    499, 500 .. 511, 520 .. 530, 599, 600, 999);

my @lines = ('HTTP/1.0 200 OK', 'HTTP/1.1 200', 'HTTP/1.1 200 ', 'HTTP/2 200',
    'HTTP/1.1 2000 OK', 'HTTP/1.1 0200 OK', 'HTTP/1.1  200 OK', 'HTTP/9.9 200',
    'ICY 200 OK', 'http/1.1 200 OK', 'HTTP/1.1 OK', 'HTTP/1.1 -200 OK');

my @odd_headers = (
    'Set-Cookie: canary=1; Path=/', 'Server: canary', 'Location: /canary',
    'Location: https://canary.example.com/', 'Connection: canary',
    'Keep-Alive: timeout=5', 'Upgrade: canary', 'Trailer: X-Canary',
    'Proxy-Authenticate: Basic', 'WWW-Authenticate: Basic realm="canary"',
    'X-Accel-Redirect: /reauth/summary', 'X-Accel-Limit-Rate: 1000000',
    'X-Accel-Buffering: no', 'X-Accel-Expires: 60', 'X-Accel-Charset: utf-7',
    'Retry-After: canary', 'Retry-After: -1', 'Retry-After: 1e9',
    'Retry-After: 99999999999999999999', 'Retry-After: ', 'Date: canary',
    'x-ofapi-credits-used: 5', 'x-ofapi-credits-used: canary',
    'x-rate-limit-remaining-minute: -5', 'Access-Control-Allow-Origin: *',
    'Content-Encoding: gzip', 'Content-Type: text/html',
    'Content-Type: application/json; charset="', 'Content-Language: x',
    'Cache-Control: public, max-age=99999', 'Refresh: 0; url=/canary',
    'X-Should-Retry: true', 'Reauth-Canary: 1', 'Link: <canary>',
    'X-Canary: ' . 'x' x 2000, 'ETag: "canary"', 'Last-Modified: canary',
    'Expires: canary', 'Vary: *', 'Status: 200', "X-Canary: a\r\n b",
    'Decision-Id: 1', 'no colon', ': no name',
);


sub pick { my (@list) = @_; return $list[ rand @list ]; }

sub chance { my ($n) = @_; return rand($n) < 1; }


sub examples {
    open my $in, '<', "$directory/examples.json" or die "examples: $!\n";
    local $/;
    my $examples = JSON::PP::decode_json(<$in>);
    close $in;

    for my $example (@$examples) {
        $example->{on} = [map { $_ eq 'any' ? @any : $_ } @{ $example->{on} }];
    }

    return @$examples;
}


# The text of an example, with values for "$account" and other variables.

sub fill {
    my ($example, $name) = @_;

    my $text = $example->{text} // $json->encode($example->{body});
    $text =~ s/\$(\w+)/$name->{$1} \/\/ ''/ge;

    return $text;
}


sub mutate_member {
    my ($root) = @_;

    my $at = $root;

    while (1) {
        $at = pick(@$at) if ref $at eq 'ARRAY' && @$at;
        return if ref $at ne 'HASH' || !%$at;

        my $key = pick(sort keys %$at);

        if (ref $at->{$key} eq 'HASH' && !chance(4)) {
            $at = $at->{$key};
            next;
        }

        my $what = int rand 8;

        if ($what == 0) {
            delete $at->{$key};

        } elsif ($what == 1) {
            my $other = $key;
            substr($other, rand length $other, 1) ^= ' ';
            $at->{$other} = delete $at->{$key};

        } elsif ($what == 2 && ref $root eq 'HASH') {
            $root->{$key} = $at->{$key};

        } elsif ($what == 3) {
            $at->{$key} = { $key => $at->{$key} };

        } else {
            $at->{$key} = '$value';
        }

        return;
    }
}


# Values of the list are inserted unencoded, so that any text is possible.

sub mutate_structure {
    my ($text) = @_;

    my $root = eval { $json->decode($text) };
    return $text if !ref $root;

    mutate_member($root) for 1 .. rand 4;

    # nesting and types of the whole document
    $root = pick({ data => $root }, [$root], { result => $root }, $root->{data})
        if ref $root eq 'HASH' && chance(12);

    $text = $json->encode($root);
    $text =~ s/"\$value"/pick(@values)/ge;

    return $text;
}


sub mutate_bytes {
    my ($text) = @_;

    my $what = int rand 20;

    if ($what == 0) {
        substr($text, rand length $text, 1) = chr rand 256
            for 1 .. 1 + rand 3;

    } elsif ($what == 1) {
        $text = substr $text, 0, rand length $text;

    } elsif ($what == 2) {
        $text = "\xef\xbb\xbf$text";

    } elsif ($what == 3) {
        my $bad = pick("\xff", "\xc0\x80", "\xed\xa0\x80", "\xf8");
        $text =~ s/"x"/"$bad"/;

    } elsif ($what == 4) {
        my $odd = pick('\u0000', '\ud83d', '\ude00', '\ud83d\u0000');
        $text =~ s/"x"/"$odd"/;

    } elsif ($what == 5) {
        $text = pick("$text$text", "$text\0", "$text,", "[$text", "$text}",
            "\n\t $text \n", '', 'null', '5', '"x"', 'x' x 70000,
            join('', map { "$_\0" } split //, $text));

    } elsif ($what <= 8) {
        $text =~ s/\A\{/'{' . pick(@before)/e;

    } elsif ($what == 9) {
        my $more = pick(@before);
        $text =~ s/\}\z/,${\ substr $more, 0, -1}}/;
    }

    return $text;
}


# Returns the response to send, and its properties: "status" if it has a valid
# one, "whole", and "received", the body that a client sees.

sub frame {
    my ($example, $text, $mutate) = @_;

    my $status  = $example->{status} // 200;
    my @headers = @{ $example->{headers} // [] };
    my %mutant  = (text => $text, whole => 1, received => $text);
    my $line    = "HTTP/1.1 $status Some";
    my $interim = '';

    push @headers, "Content-Type: ${\ ($example->{type} // 'application/json')}"
        if !$mutate || !chance(10);

    if ($mutate && chance(5)) {
        $status = pick(@statuses);
        $line   = "HTTP/1.1 $status Some";
    }

    if ($mutate && chance(25)) {
        $line   = pick(@lines);
        $status = $line =~ m{\AHTTP/\d\.\d +(200)(?: |\z)} ? $1 : undef;
    }

    if ($mutate && chance(3)) {
        push @headers, pick(@odd_headers)
            for 1 .. 1 + rand 4;
    }

    $interim = pick("HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nLink: <canary>\r\n\r\n",
        "HTTP/1.1 102 Processing\r\nSet-Cookie: canary=1\r\n\r\n")
        if $mutate && chance(40);

    my $body = $text;
    my $kind = $mutate ? int rand 16 : 99;
    my $length = length $text;

    if ($kind == 0) {
        $length = int rand $length + 1;
        $mutant{received} = substr $text, 0, $length;

    } elsif ($kind == 1) {
        $length += 1 + int rand 1000;
        $mutant{whole} = 0;

    } elsif ($kind == 2) {
        $length = undef;

    } elsif ($kind <= 5) {
        $length = undef;
        push @headers, 'Transfer-Encoding: chunked';
        ($body, $mutant{whole}) = chunked($text);

    } elsif ($kind == 6) {
        $length = pick('x', -1, "$length, $length", '', '99999999999999999999');
        $mutant{odd} = 1;
    }

    push @headers, "Content-Length: $length" if defined $length;

    if ($kind == 7) {
        push @headers, 'Content-Length: 1';
        $mutant{odd} = 1;
    }

    @headers = reverse @headers if $mutate && chance(2);

    # these statuses have no body, whatever follows
    @mutant{qw(whole received)} = (1, '')
        if defined $status && ($status == 204 || $status == 304);

    $mutant{odd}     = 1 if $interim ne '' || grep { !/\A[\w-]+: .*\z/ } @headers;
    $mutant{status}  = $status;
    $mutant{wire}    = join "\r\n", "$interim$line", @headers, '', $body;

    # without a status line
    if ($mutate && chance(60)) {
        @mutant{qw(wire status odd)} = ($body, undef, 1);
    }

    return \%mutant;
}


sub chunked {
    my ($text) = @_;

    my $body = '';

    while (length $text) {
        my $part = substr $text, 0, 1 + rand 200, '';
        $body .= sprintf "%x%s\r\n%s\r\n", length $part,
            pick('', '', ';x=y'), $part;
    }

    return (pick("$body", "${body}x\r\n", "${body}fffffffffffffffff\r\n"), 0)
        if chance(4);

    return ("${body}0\r\n" . pick('', "X-Canary: 1\r\n") . "\r\n", 1);
}


# Mutant number $n of $seed; with $plain, the unchanged example.

sub mutant {
    my ($example, $name) = @_;

    my $text = fill($example, $name);

    $text = mutate_structure($text) if !chance(4);
    $text = mutate_bytes($text)     if !chance(3);

    return frame($example, $text, 1);
}


sub plain {
    my ($example, $name) = @_;

    return frame($example, fill($example, $name), 0);
}

1;
