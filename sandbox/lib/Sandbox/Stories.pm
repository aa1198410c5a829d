package Sandbox::Stories;

# Copyright (C) the nginx-reauth authors
#
# The course of a login, selected by the local part of the e-mail (or auth_id)
# up to a '-' or '+': otp-17@example.com selects the story `otp`.

use v5.36;

use Exporter qw(import);

our @EXPORT_OK = qw(story story_name);

my @FILL    = ([progress => 'filling_out_login']);
my @SUCCEED = (@FILL, [progress => 'submitting'], ['succeed']);

# plan:   the steps after `started`
# answer: a broken response to the request that starts the login
# refuse: the login is not started
my %STORY = (
    ok     => { plan => [@SUCCEED] },
    slow   => { plan => [@SUCCEED], slow => 1 },
    otp    => { plan => [@FILL, [wait => 'otp']] },
    appotp => { plan => [@FILL, [wait => 'appotp']] },
    face   => { plan => [@FILL, [wait => 'face']] },
    person => { plan => [@FILL, [wait => 'person']] },
    phone  => { plan => [([progress => 'checking']) x 4, ['succeed']], app => 1 },
    wrong  => {
        plan => [
            @FILL,
            [progress => 'submitting'],
            [fail     => 'INVALID_CREDENTIALS', 'Wrong email or password.'],
        ],
    },

    down  => { answer => 'down',  refuse => 1 },
    limit => { answer => 'limit', refuse => 1 },

    map { $_ => { plan => [@SUCCEED], answer => $_ } }
        qw(garbage half huge lost odd reset stall),
);


sub story_name ($text) {
    my ($name) = lc($text // q{}) =~ /\A([a-z]+)(?:[-+@]|\z)/;

    return defined $name && exists $STORY{$name} ? $name : 'ok';
}


sub story ($name) {
    return $STORY{$name};
}

1;
