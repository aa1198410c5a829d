package Reauth::Receiver;

# A receiver of notices, which checks their signatures as Standard Webhooks
# specifies.  Requires Reauth::Test.

use strict;
use warnings;

use parent 'Reauth::Peer';

use Digest::SHA qw(hmac_sha256);
use Fcntl qw(:flock);
use JSON::PP ();
use MIME::Base64 qw(decode_base64 encode_base64);
use Time::HiRes qw(sleep);

our $SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';


# It accepts everything at first.

sub start {
    my ($class, %argument) = @_;

    my $self;
    my $name = $argument{name} // 'receiver';
    my $file = Reauth::Test::work_dir() . "/$name.json";
    my $mode = Reauth::Test::work_dir() . "/$name.mode";

    Reauth::Test::write_file($mode, "* 200\n") if !-e $mode;

    $self = $class->SUPER::start(
        sub { return answer_to($file, $mode, @_) }, $argument{port});
    @$self{qw(name file mode)} = ($name, $file, $mode);

    return $self;
}


# The configuration of a gateway whose notices it receives.

sub config {
    my ($self, $parameters) = @_;

    my $port   = $self->port;
    my $secret = Reauth::Test::secret_file('notices', "$SECRET\n");
    my $notify = join ' ', 'reauth_notify /notify', $secret, $parameters // ();

    return "$notify;\n"
        . "location = /notify { internal; proxy_pass http://127.0.0.1:$port; }\n";
}


# A metric of notices of this gateway, by its name without the prefix.

sub metric {
    my ($class, $gateway, $name) = @_;

    return $gateway->http('GET', '/reauth/metrics')->{body}
        =~ /^reauth_notices_\Q$name\E\{\S+ (\d+)$/m ? $1 : undef;
}


# From now on: answers('acct_1' => 500, '*' => 200); 'reset' and 'silence' are
# no responses, "after:N" a 200 after so many seconds.

sub answers {
    my ($self, %answer) = @_;

    Reauth::Test::write_file("$self->{mode}.new",
        join '', map {"$_ $answer{$_}\n"} sort keys %answer);
    rename "$self->{mode}.new", $self->{mode} or die "rename: $!\n";

    return;
}


# Nothing listens until begin().

sub begin {
    my ($self) = @_;

    my $other = (ref $self)->start(name => $self->{name}, port => $self->{port});

    $self->{pid} = delete $other->{pid};

    return;
}


sub answer_to {
    my ($file, $mode, $request, $number, $socket) = @_;

    my ($head, $body) = split /\r\n\r\n/, $request, 2;
    my ($line, @lines) = split /\r\n/, $head;
    my %header = map { /\A([^:]+): *(.*)\z/ ? (lc $1, $2) : () } @lines;
    my $json = eval { JSON::PP::decode_json($body) } // {};
    my $account = $json->{data}{account_id} // '';

    my %answer = map { split / /, $_, 2 }
        split /\n/, Reauth::Test::slurp($mode);
    my $answer = $answer{$account} // $answer{'*'};

    open my $out, '>>', $file or die "$file: $!\n";
    flock $out, LOCK_EX;
    print {$out} JSON::PP->new->canonical->encode({
        line => $line, headers => \%header, body => $body, json => $json,
        account => $account, answer => $answer, valid => valid(\%header, $body),
        time => time, lines => \@lines,
    }), "\n";
    close $out;

    return 'reset' if $answer eq 'reset';
    return Reauth::Peer::silence($socket) if $answer eq 'silence';

    if ($answer =~ /\Aafter:(\S+)\z/) {
        sleep $1;
        $answer = 200;
    }

    return "HTTP/1.1 204 No Content\r\n\r\n" if $answer == 204;

    return Reauth::Peer::response("$answer Status", '{}',
        $answer =~ /\A3/ ? 'Location: /elsewhere' : ());
}


sub valid {
    my ($header, $body) = @_;

    my ($key) = map { decode_base64($_) } $SECRET =~ /\Awhsec_(.*)/;
    my $signed = join '.', map { $_ // '' }
        @$header{qw(webhook-id webhook-timestamp)}, $body;
    my $signature = encode_base64(hmac_sha256($signed, $key), '');

    return (abs(($header->{'webhook-timestamp'} // 0) - time) < 300
        && grep { $_ eq "v1,$signature" }
            split / /, $header->{'webhook-signature'} // '') ? 1 : 0;
}


# All requests, or those with this response.

sub received {
    my ($self, $answer) = @_;

    return if !-e $self->{file};

    # the last line may not have been written completely

    my ($lines) = Reauth::Test::slurp($self->{file}) =~ /\A(.*\n)/s;

    return grep { !defined $answer || $_->{answer} =~ /\A$answer/ }
        map { JSON::PP::decode_json($_) } split /\n/, $lines // '';
}


# The accepted ones, as "account number" in order: "number" is data.number.

sub accepted {
    my ($self, $account) = @_;

    return map { "$_->{account} $_->{json}{data}{number}" }
        grep { !defined $account || $_->{account} eq $account }
        $self->received('(?:2|after)');
}


# Writes a notice to the stream in Redis, as the gateway does.

sub notice {
    my ($class, $account, $number, $type) = @_;

    $type //= 'account.needs_person';

    return (Reauth::Test::redis_cli('XADD', '{reauth}:notices', '*',
        'type', $type, 'account', $account, 'body',
        JSON::PP->new->canonical->encode({ type => $type,
            data => { account_id => $account, number => $number } })))[0];
}

1;
