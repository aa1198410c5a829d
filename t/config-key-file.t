# nginx must not start with an API key that is missing or invalid.

use strict;
use warnings;

use Test::Nginx::Socket;
use Reauth::Test redis => 0, sandbox => 0;

plan tests => repeat_each() * 52;

our $empty  = secret_file('empty', '');
our $blank  = secret_file('newline', "\n");
our $lines  = secret_file('lines', "one\ntwo\n");
our $return = secret_file('return', "one\r\r\n");
our $zero   = secret_file('zero', "o\0e\n");
our $read   = secret_file('read', "secret-that-all-can-see\n", oct '644');
our $write  = secret_file('write', "secret\n", oct '660');
our $group  = secret_file('group', 'a-secret-of-40-bytes-for-all-directives-' . "\n", oct '640');
our $none   = work_dir() . '/no-such-file';

our $quoted = secret_file('quoted', "\"very-secret\"\n");
our $scheme = secret_file('scheme', "Bearer very-secret\n");
our $spaced = secret_file('spaced', "very secret-of-webhooks\n");
our $short  = secret_file('short', 'x' x 31 . "\n");
our $whsec  = secret_file('whsec', 'whsec_' . 'x' x 15 . "\n");
our $tiny   = secret_file('tiny', "abc\n");
our $four   = secret_file('four', "abcd\n");
our $other  = secret_file('other', "k\xc3\xa9y-very-secret\n");

sub key {
    my ($file) = @_;

    return "reauth_key_file $file;";
}

sub refused {
    my ($file, $text) = @_;

    return qr/\[emerg\].*"reauth_key_file" "\Q$file\E": .*$text.*nginx\.conf:\d+/;
}

run_tests();

__DATA__

=== TEST 1: a missing file is rejected
--- http_config eval: main::key($::none)
--- must_die
--- suppress_stderr
--- error_log eval: main::refused($::none, 'No such file or directory')



=== TEST 2: an empty file is rejected
--- http_config eval: main::key($::empty)
--- must_die
--- suppress_stderr
--- error_log eval: main::refused($::empty, 'is empty')



=== TEST 3: a file that contains only a newline is rejected
--- http_config eval: main::key($::blank)
--- must_die
--- suppress_stderr
--- error_log eval: main::refused($::blank, 'is empty')



=== TEST 4: a line break in the key is rejected
--- http_config eval: main::key($::lines)
--- must_die
--- suppress_stderr
--- error_log eval: main::refused($::lines, 'line')
--- no_error_log
two



=== TEST 5: a carriage return in the key is rejected
--- http_config eval: main::key($::return)
--- must_die
--- suppress_stderr
--- error_log eval: main::refused($::return, 'line')



=== TEST 6: a zero byte in the key is rejected
--- http_config eval: main::key($::zero)
--- must_die
--- suppress_stderr
--- error_log eval: main::refused($::zero, '')



=== TEST 7: a file readable by all is rejected
--- http_config eval: main::key($::read)
--- must_die
--- suppress_stderr
--- error_log eval
main::refused($::read, 'is readable by everybody: change its mode to 0640 or 0600')
--- no_error_log
secret-that-all-can-see



=== TEST 8: a file writable by others is rejected
--- http_config eval: main::key($::write)
--- must_die
--- suppress_stderr
--- error_log eval: main::refused($::write, 'is writable by its group or by everybody')



=== TEST 9: a directory is rejected
--- http_config eval: main::key(main::work_dir())
--- must_die
--- suppress_stderr
--- error_log eval
main::refused(main::work_dir(), 'is not a regular file: specify the file')



=== TEST 10: reauth_authenticate without a key is rejected
--- without: reauth_key_file
--- must_die
--- suppress_stderr
--- error_log
"reauth_authenticate" in location "/api/authenticate" needs "reauth_key_file"



=== TEST 11: a second reauth_key_file is rejected
--- http_config eval: main::key($::group) . main::key($::group)
--- must_die
--- suppress_stderr
--- error_log
"reauth_key_file" directive is duplicate



=== TEST 12: reauth_secret_file has the same rules
--- http_config eval: "reauth_secret_file $::read;"
--- must_die
--- suppress_stderr
--- error_log eval
qr/"reauth_secret_file" "\Q$::read\E": is readable by everybody/



=== TEST 13: a second reauth_secret_file is rejected
--- http_config eval: "reauth_secret_file $::group;" x 2
--- must_die
--- suppress_stderr
--- error_log
"reauth_secret_file" directive is duplicate



=== TEST 14: a key in quotation marks is rejected
--- http_config eval: main::key($::quoted)
--- must_die
--- suppress_stderr
--- error_log eval
main::refused($::quoted, 'has a quotation mark at byte 1, which is invalid in a bearer token: expected only the token')
--- no_error_log
very-secret



=== TEST 15: a key with an authentication scheme is rejected
--- http_config eval: main::key($::scheme)
--- must_die
--- suppress_stderr
--- error_log eval: main::refused($::scheme, 'begins with "Bearer": expected only the token')
--- no_error_log
very-secret



=== TEST 16: a key with a blank in it is rejected
--- http_config eval: main::key($::spaced)
--- must_die
--- suppress_stderr
--- error_log eval: main::refused($::spaced, 'has a blank at byte 5')
--- no_error_log
very secret



=== TEST 17: a key with a non-ASCII letter is rejected, in a location too
--- config eval: "location /a/ { ${\ main::key($::other)} }"
--- must_die
--- suppress_stderr
--- error_log eval: main::refused($::other, 'has a character outside of ASCII at byte 2')
--- no_error_log
very-secret



=== TEST 18: the webhook's secret has the same rules
--- config eval
"location /hook/ { reauth_webhook $::spaced; }
location /a/ { ${\ main::key($::spaced)} }"
--- must_die
--- suppress_stderr
--- error_log eval: main::refused($::spaced, 'has a blank at byte 5')



=== TEST 19: a reauth_secret_file of less than 32 bytes is rejected
--- http_config eval: "reauth_secret_file $::short;"
--- must_die
--- suppress_stderr
--- error_log eval
qr/\[emerg\].*"reauth_secret_file" "\Q$::short\E": is too short: it has 31 bytes, expected at least 32; generate a secret with: openssl rand -hex 32 in .*nginx\.conf:\d+/
--- no_error_log
xxx



=== TEST 20: a webhook's secret of less than 16 bytes, without its prefix, is rejected
--- config eval: "location /hook/ { reauth_webhook $::whsec; }"
--- must_die
--- suppress_stderr
--- error_log eval
qr/\[emerg\].*"reauth_webhook" "\Q$::whsec\E": is too short: it has 15 bytes, expected at least 16/
--- no_error_log
xxx



=== TEST 21: an API key that cannot be found in responses is rejected
--- http_config eval: main::key($::tiny)
--- without: reauth_key_file
--- must_die
--- suppress_stderr
--- error_log eval: main::refused($::tiny, 'is too short: it has 3 bytes, expected at least 4; check that the key is complete')



=== TEST 22: an API key of 4 bytes is accepted
--- http_config eval: main::key($::four)
--- without: reauth_key_file
--- request
GET /reauth/healthz
--- error_code: 200
--- no_error_log
[emerg]
