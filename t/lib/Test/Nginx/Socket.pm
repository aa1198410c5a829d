package Test::Nginx::Socket;

# Runs test files in the format of the CPAN module of this name, as far as this
# project uses it: Test::Base parses the file, Test::Nginx::Util runs nginx,
# Test::Nginx::Client sends the requests, Test::Nginx::Checks checks responses
# and logs.  See tests/README.md for the supported sections.

use Test::Base -Base;
use Test::Nginx::Util;
use Test::Nginx::Checks;
use Test::Nginx::Client ();

our $VERSION = '0.01';

our @EXPORT = (
    @Test::Nginx::Util::EXPORT,
    qw(plan add_response_body_check),
);

1;
