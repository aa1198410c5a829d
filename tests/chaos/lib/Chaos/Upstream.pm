package Chaos::Upstream;

# The upstream that knows the truth: which login of which account is in
# progress.

use strict;
use warnings;

use IO::Socket::INET ();
use JSON::PP ();
use POSIX qw(strftime);
use Time::HiRes ();

my $json = JSON::PP->new->utf8->canonical;


# judge: is told of what begins and ends; loop; address to listen on

sub start {
    my ($class, %argument) = @_;

    my $self = bless { attempts => {}, %argument }, $class;

    my $listen = IO::Socket::INET->new(
        LocalAddr => '0.0.0.0',
        LocalPort => 9000,
        Proto     => 'tcp',
        Listen    => 512,
        ReuseAddr => 1,
        Blocking  => 0,
    ) or die "the upstream cannot listen: $!\n";

    $self->{loop}->listener($listen, sub {
        while (my $socket = $_[0]->accept) {
            $socket->blocking(0);
            $self->{loop}->add(bless { socket => $socket, upstream => $self },
                'Chaos::Upstream::Connection');
        }
    });

    return $self;
}


sub iso_time {
    my ($time) = @_;

    return undef if !defined $time;

    return strftime('%Y-%m-%dT%H:%M:%S', gmtime $time)
        . sprintf '.%06dZ', 1_000_000 * ($time - int $time);
}


sub answer {
    my ($self, $line, $head, $body) = @_;

    my ($method, $path) = $line =~ m{\A(\S+) /api/(\S*)};

    return (404, { error => 'NOT_FOUND', message => 'There is no such path.' })
        if !defined $path;

    return $self->update($1, $body)
        if $method eq 'PUT' && $path =~ m{\Aauthenticate/(acct_\d+)/credentials\z};

    return $self->poll($1) if $path =~ m{\Aauthenticate/(auth_\w+)\z};

    return (200, [map { $self->item($_) } $self->{judge}->accounts])
        if $path eq 'accounts';

    return (200, { data => [] });
}


# Accepted at once; an attempt in progress is superseded.

sub update {
    my ($self, $name, $body) = @_;

    my ($number) = $body =~ /"password":"secret(\d+)"/;
    my $attempt  = $self->{judge}->begins($name, $number);

    $attempt->{started} = Time::HiRes::time();
    $self->{attempts}{ $attempt->{id} } = $attempt;

    return (200, {
        attempt_id  => $attempt->{id},
        message     => 'Authentication has been started.',
        polling_url => "https://api.fansapi.com/api/authenticate/$attempt->{id}",
    });
}


sub last_attempt {
    my ($attempt) = @_;

    return {
        started_at    => iso_time($attempt->{started}),
        completed_at  => iso_time($attempt->{completed}),
        success       => $attempt->{completed} && !$attempt->{superseded}
            ? JSON::PP::true : JSON::PP::false,
        error_message => $attempt->{superseded} ? 'Superseded.' : undef,
        error_code    => $attempt->{superseded} ? 'SUPERSEDED' : undef,
        needs_otp     => JSON::PP::false,
        needs_face_otp   => JSON::PP::false,
        otp_phone_ending => undef,
    };
}


# While it is in progress, the state is that of the session before.

sub poll {
    my ($self, $id) = @_;

    my $attempt = $self->{attempts}{$id}
        // return (404, { error => 'NOT_FOUND', message => 'There is no such attempt.' });

    return (200, {
        account     => { id => $attempt->{account}, display_name => 'Chaos' },
        state       => $attempt->{superseded} ? 'auth-failed' : 'authenticated',
        progress    => $attempt->{completed} ? 'signed_in' : 'filling_out_login',
        lastAttempt => last_attempt($attempt),
    });
}


sub item {
    my ($self, $account) = @_;

    my $attempt = $account->{attempt};

    return {
        id                      => $account->{name},
        display_name            => 'Chaos',
        is_authenticated        => JSON::PP::true,
        authentication_progress => $attempt && !$attempt->{completed}
            ? 'filling_out_login' : 'signed_in',
    };
}


# The webhook that tells of the end of an attempt.

sub webhook {
    my ($self, $attempt) = @_;

    my $last = last_attempt($attempt);
    delete $last->{error_code};

    return $json->encode({
        event      => 'accounts.reconnected',
        account_id => $attempt->{account},
        payload    => {
            state             => 'authenticated',
            progress          => 'signed_in',
            latestAuthAttempt => $last,
        },
    });
}


package Chaos::Upstream::Connection;

use strict;
use warnings;


sub readable {
    my ($self) = @_;

    while (my ($line, $head, $body) = Chaos::Loop::message(\$self->{in})) {
        my ($status, $content) = $self->{upstream}->answer($line, $head, $body);
        my $text = $json->encode($content);

        $self->{upstream}{loop}->write_to($self, join "\r\n",
            "HTTP/1.1 $status Chaos", 'Content-Type: application/json',
            'Content-Length: ' . length $text, '', $text);

        last if !$self->{socket};
    }

    return;
}


sub broken { return; }

1;
