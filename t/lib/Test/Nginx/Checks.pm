package Test::Nginx::Checks;

# The checks of a block: the response, the error log and the access log.

use strict;
use warnings;

use Digest::MD5 ();
use Digest::SHA ();
use Exporter 'import';
use Test::More ();
use Time::HiRes qw(sleep);

our @EXPORT = qw(add_response_body_check);

my @body_checks;

sub add_response_body_check ($) { return push @body_checks, shift; }


sub bail_out { return Test::Nginx::Util::bail_out(@_); }


sub header_of {
    my ($response, $key) = @_;

    my $values = $response && $response->{headers}{ lc $key } or return '';

    return join ', ', @$values;
}


sub expected {
    my ($block, $section, $index, $need_array) = @_;

    my $value = $block->$section;

    return $value->[$index] if ref $value eq 'ARRAY';

    bail_out($block->name,
        " - several requests need an array in --- $section")
        if $need_array;

    return $value;
}


sub with_ports {
    my ($text) = @_;

    return $text if !defined $text || ref $text;

    my $port   = Test::Nginx::Util::server_port();
    my $client = Test::Nginx::Util::server_port_for_client();

    $text =~ s/\$ServerPort\b/$port/g;
    $text =~ s/\$ServerPortForClient\b/$client/g;

    return $text;
}


sub check_code {
    my ($block, $response, @which) = @_;

    my $code = $response && $response->{code} || '';
    my $what = $block->name . ' - status code ok';

    if (defined $block->error_code_like) {
        my $pattern = expected($block, 'error_code_like', @which);
        Test::More::like($code, qr/$pattern/sm, $what);

    } else {
        Test::More::is($code,
            defined $block->error_code
                ? expected($block, 'error_code', @which) : 200, $what);
    }

    return;
}


sub header_expectations {
    my ($text) = @_;

    my %expectations;

    for my $line (split /\n/, $text // '') {
        $line =~ s/^\s+|\s+$//g;

        if ($line =~ s/^!\s*//) {
            $expectations{$line} = undef;

        } else {
            my ($key, $value) = split /\s*:\s*/, $line, 2;
            $expectations{$key} = $value if defined $key;
        }
    }

    return \%expectations;
}


sub check_headers {
    my ($block, $response, @which) = @_;

    my $name = $block->name;
    my $raw  = $response ? $response->{raw_headers} : '';

    if (defined $block->raw_response_headers_like) {
        my $re = expected($block, 'raw_response_headers_like', @which);
        Test::More::like($raw, qr/$re/s, "$name - raw resp headers like");
    }

    if (defined $block->raw_response_headers_unlike) {
        my $re = expected($block, 'raw_response_headers_unlike', @which);
        Test::More::unlike($raw, qr/$re/s, "$name - raw resp headers unlike");
    }

    if (defined $block->response_headers) {
        my $want = header_expectations(
            expected($block, 'response_headers', @which));

        for my $key (sort keys %$want) {
            if (!defined $want->{$key}) {
                Test::More::unlike($raw, qr/^\s*\Q$key\E\s*:/mi,
                    "$name - header $key not present in the raw headers");
                next;
            }

            Test::More::is(header_of($response, $key),
                with_ports($want->{$key}), "$name - header $key ok");
        }

    } elsif (defined $block->response_headers_like) {
        my $want = header_expectations(
            expected($block, 'response_headers_like', @which));

        for my $key (sort keys %$want) {
            my $re = $want->{$key} // '';
            Test::More::like(header_of($response, $key), qr/^$re$/,
                "$name - header $key like ok");
        }
    }

    return;
}


my %body_filter = (
    md5_hex  => \&Digest::MD5::md5_hex,
    sha1_hex => \&Digest::SHA::sha1_hex,
    uc       => sub { return uc shift },
    lc       => sub { return lc shift },
    ucfirst  => sub { return ucfirst shift },
    lcfirst  => sub { return lcfirst shift },
    length   => sub { return length shift },
);


sub filter_body {
    my ($block, $response, $index) = @_;

    my $filters = $block->response_body_filters;
    return if !defined $filters || !$response;

    $filters = [ split ' ', $filters ] if !ref $filters;
    $filters = [$filters]              if ref $filters ne 'ARRAY';
    $filters = $filters->[$index]      if ref $filters->[0] eq 'ARRAY';

    for my $filter (@$filters) {
        my $code = ref $filter ? $filter : $body_filter{$filter}
            or bail_out($block->name, " - unknown body filter $filter");
        $response->{content} = $code->($response->{content});
    }

    return;
}


sub check_body {
    my ($block, $response, $repeat, $index, $need_array) = @_;

    my $name = $block->name;
    my $body = $response ? $response->{content} : undef;
    my $what = "(repeated req $repeat, req $index)";

    if (defined $block->response_body) {
        my $want = Test::Nginx::Util::expand_env_in_text(
            with_ports(
                expected($block, 'response_body', $index, $need_array)),
            $name);

        if (ref $want) {
            Test::More::like($body, $want,
                "$name - response_body - like $what");

        } else {
            Test::More::is($body, $want,
                "$name - response_body - response is expected $what");
        }

    } elsif (defined $block->response_body_like) {
        my $re = with_ports(
            expected($block, 'response_body_like', $index, $need_array));
        Test::More::like($body, qr/$re/s,
            "$name - response_body_like - response is expected");

    } elsif (defined $block->response_body_unlike) {
        my $re = with_ports(
            expected($block, 'response_body_unlike', $index, $need_array));
        Test::More::unlike($body, qr/$re/s,
            "$name - response_body_unlike - response is expected");
    }

    for my $check (@body_checks) {
        $check->($block, $body, $index, $repeat, 0);
    }

    return;
}


sub patterns_of {
    my ($patterns) = @_;

    return @$patterns                     if ref $patterns eq 'ARRAY';
    return $patterns                      if ref $patterns;
    return grep { length } split /\n+/, $patterns;
}


sub matches {
    my ($line, $pattern) = @_;

    return ref $pattern ? $line =~ $pattern : index($line, $pattern) >= 0;
}


# Checks that there is a line for each pattern.

sub has_lines {
    my ($block, $lines, $section) = @_;

    for my $pattern (grep { defined } patterns_of($block->$section // [])) {
        return 0 if !grep { matches($_, $pattern) } @$lines;
    }

    return 1;
}


# One test for each pattern that must, or must not, match.

sub check_lines {
    my ($block, $lines, $section, $log, $wanted) = @_;

    return if !defined $block->$section;

    for my $pattern (patterns_of($block->$section)) {
        next if !defined $pattern;

        my ($found) = grep { matches($_, $pattern) } @$lines;
        my $what = $block->name . " - pattern \"$pattern\" "
            . ($wanted ? 'matches a line in' : 'does not match a line in')
            . " $log";

        if (!Test::More::ok($wanted ? defined $found : !defined $found, $what)
            && defined $found)
        {
            Test::More::diag("the line is: $found");
        }
    }

    return;
}


# The actual and the expected result of grep_error_log.

sub grepped {
    my ($block, $lines, $repeat) = @_;

    my $name    = $block->name;
    my $pattern = $block->grep_error_log;
    my $want    = $block->grep_error_log_out;

    bail_out("$name - --- grep_error_log and --- grep_error_log_out go together")
        if defined $pattern xor defined $want;

    $pattern = $pattern->[$repeat] if ref $pattern eq 'ARRAY';
    return if !defined $pattern;

    $want = $want->[$repeat] if ref $want eq 'ARRAY';
    $want = Test::Nginx::Util::expand_env_in_text($want, $name);

    my $re = ref $pattern ? $pattern : qr/\Q$pattern\E/;
    my $got = join '', map { "$_\n" } grep { !/\n/ }
        map { /($re)/ ? $1 : () } @$lines;

    return ($got, $want);
}


sub check_grep {
    my ($block, $lines, $repeat) = @_;

    my $name = $block->name;
    my ($got, $want) = grepped($block, $lines, $repeat);

    return if !defined $want;

    if (ref $want) {
        Test::More::like($got, $want,
            "$name - grep_error_log_out (req $repeat)");

    } else {
        Test::More::is($got, $want,
            "$name - grep_error_log_out (req $repeat)");
    }

    return;
}


sub check_error_log {
    my ($block, $repeat) = @_;

    my $lines = Test::Nginx::Util::error_log_data(sub {
        my ($so_far) = @_;

        my ($got, $want) = grepped($block, $so_far, $repeat);

        return has_lines($block, $so_far, 'error_log')
            && (!defined $want || (ref $want ? $got =~ $want : $got eq $want));
    });

    check_grep($block, $lines, $repeat);
    check_lines($block, $lines, 'error_log',    'error.log', 1);
    check_lines($block, $lines, 'no_error_log', 'error.log', 0);

    # unexpected lines: reported once, and a failure if a process has died
    my ($death) = grep {
        /\bAssertion .*?failed\b
         | exited\ on\ signal\ (?!9\b|15\b)
         | exited\ with\ (?:fatal\ )?code\ (?!0\b)/x
    } @$lines;
    Test::More::fail($block->name . " - $death") if defined $death;

    return if defined $block->must_die;

    my $expected = join "\n",
        map { defined $block->$_ ? patterns_of($block->$_) : () }
        qw(error_log no_error_log);

    for my $level (grep { index($expected, "[$_") < 0 } qw(alert crit emerg)) {
        my ($line) = grep { /\[$level\]/ } @$lines or next;
        Test::More::diag('WARNING: ', $block->name, " - $line");
    }

    return;
}


sub check_shutdown_error_log {
    my ($block) = @_;

    my $lines = Test::Nginx::Util::error_log_data();

    check_lines($block, $lines, 'shutdown_error_log',    'error.log', 1);
    check_lines($block, $lines, 'no_shutdown_error_log', 'error.log', 0);

    return;
}


sub check_access_log {
    my ($block) = @_;

    return if !defined $block->access_log && !defined $block->no_access_log;

    my $lines = Test::Nginx::Util::access_log_data(
        sub { return has_lines($block, $_[0], 'access_log') });

    check_lines($block, $lines, 'access_log',    'access.log', 1);
    check_lines($block, $lines, 'no_access_log', 'access.log', 0);

    return;
}


sub check_response {
    my ($block, $response, $repeat, @which) = @_;

    check_code($block, $response, @which);
    check_headers($block, $response, @which);
    filter_body($block, $response, $which[0]);
    check_body($block, $response, $repeat, @which);

    return;
}


sub check_logs {
    my ($block, $repeat) = @_;

    sleep $block->wait if $block->wait;

    check_error_log($block, $repeat);
    check_access_log($block) if !defined $block->ignore_response;

    return;
}

1;
