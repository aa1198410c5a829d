package Reauth::Requests;

# Requests for test files in Test::Nginx's format, as text, and queries of the
# sandbox, through the gateway, for the requests that it received.

use strict;
use warnings;

use Exporter 'import';

our @EXPORT = qw($look login logged put raw_data received);

# the location that received() requires
our $look = 'location /_sandbox/ { proxy_pass http://fans_api; }';


sub put {
    my ($account, $body) = @_;

    return "PUT /api/authenticate/$account/credentials\n$body";
}


# The local part of the e-mail selects the story of the sandbox.

sub login {
    my ($story, $password) = @_;

    $password //= 'secret';

    return qq({"email":"$story\@example.com","password":"$password"});
}


sub raw_data {
    my (%field) = (auth_id => 'slow', cookies => 'a=1', xbc => 'x',
                   user_agent => 'u', @_);

    return '{"auth_type":"raw_data",'
        . join(',', map { qq("$_":"$field{$_}") }
               qw(auth_id cookies xbc user_agent)) . '}';
}


# The latest requests about an account, oldest first.

sub received {
    my ($account, $last) = @_;

    $last //= 1;

    return "GET /_sandbox/log?account=$account&last=$last";
}


# A body in the form in which received() returns it.

sub logged {
    my ($body) = @_;

    $body =~ s{(["\\/])}{\\$1}g;

    return qr/"body":"\Q$body\E"/;
}

1;
