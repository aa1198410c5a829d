package Reauth::Requests;

# The requests that test files in Test::Nginx's format are made of, as text,
# and how the sandbox is asked through the gateway for what it received.

use strict;
use warnings;

use Exporter 'import';

our @EXPORT = qw($look login logged put raw_data received);

# what a block's config needs for received()
our $look = 'location /_sandbox/ { proxy_pass http://fans_api; }';


sub put {
    my ($account, $body) = @_;

    return "PUT /api/authenticate/$account/credentials\n$body";
}


# The e-mail's local part picks the sandbox's story.

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


# The last requests about an account, oldest first.

sub received {
    my ($account, $last) = @_;

    $last //= 1;

    return "GET /_sandbox/log?account=$account&last=$last";
}


# A body, as it stands in what received() gets.

sub logged {
    my ($body) = @_;

    $body =~ s{(["\\/])}{\\$1}g;

    return qr/"body":"\Q$body\E"/;
}

1;
