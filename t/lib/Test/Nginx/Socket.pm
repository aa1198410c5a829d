package Test::Nginx::Socket;

# Runs test files in the format of the CPAN module of this name, as far as this
# project uses it: Test::Base parses the file, Test::Nginx::Util runs nginx,
# Test::Nginx::Client sends the requests and checks the answers.  See
# tests/README.md for what is supported.

use Test::Base -Base;
use Test::Nginx::Util;
use Test::Nginx::Client;

our $VERSION = '0.01';

our @EXPORT = (
    @Test::Nginx::Util::EXPORT,
    qw(plan add_response_body_check),
);

1;
