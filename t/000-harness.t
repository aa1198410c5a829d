# The harness itself, without the module: it and the CPAN module of the same
# name have to agree on each of these blocks, the number of tests included.

use strict;
use warnings;

use Test::Nginx::Socket;

repeat_each(2);
plan tests => repeat_each() * 64;

no_long_string();
log_level('info');

our $runs = 0;

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value('main_config', 'worker_rlimit_core 0;')
        if !defined $block->main_config;
});

run_tests();

__DATA__

=== TEST 1: status, headers, body
--- config
location = /t {
    add_header X-One first;
    add_header X-Two second;
    return 200 "body of $request_method\n";
}
--- request
GET /t
--- response_headers
X-One: first
x-two: second
! X-Three
--- response_body
body of GET
--- no_error_log
[error]
[alert]



=== TEST 2: a status other than 200
--- config
location = /t { return 503 "closed"; }
--- request
DELETE /t
--- error_code: 503
--- response_body chomp
closed



=== TEST 3: a body and more headers
--- config
location = /t {
    proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/sink;
    proxy_set_header X-Body $request_body;
}
location = /sink { return 200 "$http_x_mine $http_content_length $http_x_body\n"; }
--- request
PUT /t
{"a": 1}
--- more_headers
# a comment
X-Mine: yes
Content-Type: application/json
--- response_body
yes 8 {"a": 1}



=== TEST 4: patterns are matched
--- config
location = /t {
    add_header X-Date $date_gmt;
    return 201 "one two three";
}
--- request
GET /t
--- error_code_like: ^20[0-9]$
--- response_headers_like
X-Date: .* GMT
Content-Length: \d+
--- raw_response_headers_like: X-Date: .*GMT\r\n
--- response_body_like: two.*three$



=== TEST 5: a pattern that must not match
--- config
location = /t { return 200 "harmless"; }
--- request
GET /t
--- raw_response_headers_unlike: Set-Cookie
--- response_body_unlike: secret



=== TEST 6: several requests, each with its own answer
--- config
location = /a { return 200 "$http_x_n"; }
location = /b { add_header X-B b; return 404 "b"; }
--- request eval
["GET /a", "GET /b"]
--- more_headers eval
["X-N: 1", "X-N: 2"]
--- error_code eval
[200, 404]
--- response_headers eval
["! X-B", "! Location"]
--- response_body eval
["1", qr/^b$/]
--- no_error_log
[error]



=== TEST 7: pipelined requests
--- config
location = /a { return 200 "a"; }
location = /b { return 201 "b"; }
location = /c { return 200 "c"; }
--- pipelined_requests eval
["GET /a", "GET /b", "GET /c"]
--- error_code eval
[200, 201, 200]
--- response_body eval
["a", "b", "c"]



=== TEST 8: a raw request, in pieces
--- config
location = /t { return 200 "$http_x_last"; }
--- raw_request eval
["GET /t HTTP/1.1\r\nHost: localhost\r\nConn",
 "ection: close\r\nX-Last: arrived\r\n\r\n"]
--- raw_request_middle_delay: 0.05
--- response_body: arrived



=== TEST 9: a request in packets, with a pause
--- config
location = /t {
    proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/sink;
    proxy_set_header X-Body $request_body;
}
location = /sink { return 200 "$http_content_length $http_x_body"; }
--- request eval
[["POST /t\nabc", { value => "def", delay_before => 0.05 }]]
--- response_body: 6 abcdef



=== TEST 10: a chunked request, a chunked response
--- http_config
server {
    listen $TEST_NGINX_RAND_PORT_1;
    location / { ssi on; ssi_types *; root "$TEST_NGINX_SERVER_ROOT/html"; }
}
--- config
location = /t {
    rewrite ^ /page.txt break;
    proxy_http_version 1.1;
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
}
--- user_files
>>> page.txt
assembled
--- request eval
"GET /t\r
5\r
hello\r
0\r
\r
"
--- more_headers
Transfer-Encoding: chunked
--- response_headers
Transfer-Encoding: chunked
--- response_body
assembled



=== TEST 11: lines of the error log
--- config
location = /t { deny all; }
--- request
GET /t
--- error_code: 403
--- error_log
access forbidden by rule
--- grep_error_log eval: qr/access forbidden[^,]*/
--- grep_error_log_out eval
["access forbidden by rule\n", "access forbidden by rule\n"]



=== TEST 12: lines of the access log
--- http_config
log_format short "short $uri $status";
--- config
access_log logs/access.log short;
location = /t { return 200 "t"; }
--- request
GET /t
--- access_log
short /t 200
--- no_access_log
short /t 500



=== TEST 13: configuration that must be refused
--- config
no_such_directive on;
--- must_die
--- suppress_stderr
--- error_log
unknown directive "no_such_directive"



=== TEST 14: configuration that must be refused, with an exit code
--- config
location / { return; }
--- must_die: 1
--- suppress_stderr
--- error_log eval
qr/invalid number of arguments in "return" directive/



=== TEST 15: an answer that does not come in time
--- config
location = /t {
    proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/slow;
}
location = /slow {
    limit_rate 1;
    return 200 "a long answer that takes many seconds";
}
--- request
GET /t
--- timeout: 300ms
--- abort
--- ignore_response
--- no_error_log
[emerg]



=== TEST 16: HEAD, the root location, the port in the expectation
--- config
location = /port {
    return 200 "$server_port $TEST_NGINX_SERVER_PORT\n";
}
--- request eval
["HEAD /", "GET /port", "GET /"]
--- error_code eval
[200, 200, 200]
--- response_body eval
["", "\$ServerPort \$ServerPort\n", qr/It works/]



=== TEST 17: Perl code when nginx runs, filters, a comment before the request
--- config
location = /t { return 200 "$TEST_NGINX_SERVER_PORT"; }
--- init
$main::runs++;
die "run twice for one block\n" if $main::runs > 1;
--- request
# this asks for t
GET /t
--- response_body_filters: length
--- response_body eval
length($Test::Nginx::Util::ServerPort)



=== TEST 18: a skipped test is skipped
--- skip_eval: 3: 1
--- config
location = /t { return 200; }
--- request
GET /t



=== TEST 19: skipped for nginx's version
--- skip_nginx: 2: >= 1.2.0: newer than that
--- config
location = /t { return 200; }
--- request
GET /t
