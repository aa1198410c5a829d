# nginx must not start with an API key that is missing, no secret, or no key.

use strict;
use warnings;

use Test::Nginx::Socket;
use Reauth::Test redis => 0, sandbox => 0;

plan tests => repeat_each() * 28;

our $empty  = secret_file('empty', '');
our $blank  = secret_file('newline', "\n");
our $lines  = secret_file('lines', "one\ntwo\n");
our $return = secret_file('return', "one\r\r\n");
our $zero   = secret_file('zero', "o\0e\n");
our $read   = secret_file('read', "secret-that-all-can-see\n", oct '644');
our $write  = secret_file('write', "secret\n", oct '660');
our $group  = secret_file('group', "secret\n", oct '640');
our $none   = work_dir() . '/no-such-file';

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

=== TEST 1: missing
--- http_config eval: main::key($::none)
--- must_die
--- suppress_stderr
--- error_log eval: main::refused($::none, 'No such file or directory')



=== TEST 2: empty
--- http_config eval: main::key($::empty)
--- must_die
--- suppress_stderr
--- error_log eval: main::refused($::empty, 'is empty')



=== TEST 3: nothing but a newline
--- http_config eval: main::key($::blank)
--- must_die
--- suppress_stderr
--- error_log eval: main::refused($::blank, 'is empty')



=== TEST 4: a line break inside
--- http_config eval: main::key($::lines)
--- must_die
--- suppress_stderr
--- error_log eval: main::refused($::lines, 'line')
--- no_error_log
two



=== TEST 5: a carriage return inside
--- http_config eval: main::key($::return)
--- must_die
--- suppress_stderr
--- error_log eval: main::refused($::return, 'line')



=== TEST 6: a zero byte inside
--- http_config eval: main::key($::zero)
--- must_die
--- suppress_stderr
--- error_log eval: main::refused($::zero, '')



=== TEST 7: readable by all
--- http_config eval: main::key($::read)
--- must_die
--- suppress_stderr
--- error_log eval
main::refused($::read, 'may be read by everybody: chmod 0640 it, or 0600')
--- no_error_log
secret-that-all-can-see



=== TEST 8: writable by others
--- http_config eval: main::key($::write)
--- must_die
--- suppress_stderr
--- error_log eval: main::refused($::write, 'may be written by others')



=== TEST 9: a directory
--- http_config eval: main::key(main::work_dir())
--- must_die
--- suppress_stderr
--- error_log eval
main::refused(main::work_dir(), 'is not a regular file: name the file')



=== TEST 10: reauth_authenticate without any
--- without: reauth_key_file
--- must_die
--- suppress_stderr
--- error_log
"reauth_authenticate" in location "/api/authenticate" needs "reauth_key_file"



=== TEST 11: twice
--- http_config eval: main::key($::group) . main::key($::group)
--- must_die
--- suppress_stderr
--- error_log
"reauth_key_file" directive is duplicate



=== TEST 12: reauth_secret_file, the same rules
--- http_config eval: "reauth_secret_file $::read;"
--- must_die
--- suppress_stderr
--- error_log eval
qr/"reauth_secret_file" "\Q$::read\E": may be read by everybody/



=== TEST 13: reauth_secret_file twice
--- http_config eval: "reauth_secret_file $::group;" x 2
--- must_die
--- suppress_stderr
--- error_log
"reauth_secret_file" directive is duplicate
