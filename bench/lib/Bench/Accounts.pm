package Bench::Accounts;

# Data of accounts: in Redis as the gateway reads it, in Redis as the peers
# store it, and as a file for a map.

use strict;
use warnings;

use Exporter 'import';

use IO::Socket::INET;
use Time::HiRes qw(time);

use Bench::Client ();
use Bench::Process qw($build await write_file);

our @EXPORT_OK = qw(account command forget map_file peers put_active put_ended
    record summary);


sub account {
    my ($n) = @_;

    return sprintf 'acct_%07d', $n;
}


# Sends commands to Redis in a pipeline and waits for all replies.

sub command {
    my ($port, @commands) = @_;

    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $port) or die "Redis: $!\n";

    while (my @batch = splice @commands, 0, 500) {
        my $text = '';

        for my $command (@batch) {
            $text .= '*' . @$command . "\r\n";
            $text .= '$' . length($_) . "\r\n$_\r\n" for @$command;
        }

        print {$socket} $text or die "Redis: $!\n";
        $socket->flush;

        for (@batch) {
            my $line = <$socket>;
            die "Redis: $line" if $line =~ /^-/;

            if ($line =~ /^\$(\d+)/) {
                read $socket, my $value, $1 + 2;
            }
        }
    }

    return;
}


# The record of account n, and its text.  Deadlines differ, as attempts begin
# one by one, and are not in the order of the names.

sub record {
    my ($n, $state) = @_;

    # begun one by one within the last hour
    my $since = int(1000 * time) - 3_600_000 + 7919 * $n % 3_600_000;

    my @fields = (
        revision  => 1,
        account   => account($n),
        epoch     => 1 + $n,
        state     => $state,
        attempt   => sprintf('auth_%032x', $n),
        auth_type => 'email_password',
        source    => 'update',
        since     => $since,
        updated   => $since + 20,
        progress  => $state eq 'running' ? 'submitting' : 'signed_in',
        caller    => 'billing',
        $state eq 'running' ? (deadline => $since + 86_400_000)
                            : (completed_at => 1000 * $since),
    );

    my $text = '';
    $text .= "$fields[$_] $fields[$_ + 1]\n" for grep { $_ % 2 == 0 } 0 .. $#fields;

    return ({ @fields }, $text);
}


# Accounts with active attempts, which a gateway reads when it starts.

sub put_active {
    my ($port, $prefix, $first, $count) = @_;

    while ($count > 0) {
        my $n = $count > 5000 ? 5000 : $count;
        my @commands;

        for my $i ($first .. $first + $n - 1) {
            my ($record, $text) = record($i, 'running');
            push @commands,
                ['SET', "{$prefix}:a:$record->{account}", $text],
                ['ZADD', "{$prefix}:active", @$record{qw(deadline account)}];
        }

        command($port, @commands);
        $first += $n;
        $count -= $n;
    }

    return;
}


# Accounts whose attempts have ended, which a running gateway reads from the
# stream of events.  "whole": their records are also in Redis, as the next
# update requires; each takes half a kilobyte there.

sub put_ended {
    my ($port, $prefix, $gateway, $first, $count, $whole) = @_;

    my $client = Bench::Client->new($gateway->{port});
    my $known  = summary($client)->{accounts};

    while ($count > 0) {
        my $n = $count > 20_000 ? 20_000 : $count;

        my @commands;

        for my $i ($first .. $first + $n - 1) {
            my ($record, $text) = record($i, 'succeeded');
            push @commands, ['SET', "{$prefix}:a:$record->{account}", $text]
                if $whole;
            push @commands, ['XADD', "{$prefix}:events", '*', 'another', $text];
        }

        command($port, @commands);
        $first += $n;
        $count -= $n;
        $known += $n;

        await('taking what is known', 120, sub {
            return summary($client)->{accounts} >= $known;
        });

        # events that have been read only occupy memory
        command($port, ['XTRIM', "{$prefix}:events", 'MAXLEN', 10]);
    }

    return;
}


sub forget {
    my ($port) = @_;

    return command($port, ['FLUSHALL']);
}


# the numbers of /reauth/summary

sub summary {
    my ($client) = @_;

    my $body   = $client->get('/reauth/summary')->{body};
    return { $body =~ /"(\w+)" *: *(\d+)/g };
}


# The format of the peers: a word for each account; the first ones are closed.

sub state_of {
    my ($n, $closed) = @_;

    return $n < $closed ? 'closed' : 'open';
}


sub peers {
    my ($port, $count, $closed) = @_;

    for (my $n = 0; $n < $count; $n += 5000) {
        my $last = $n + 5000 < $count ? $n + 5000 : $count;
        command($port, map { ['SET', 'gate:' . account($_),
                              state_of($_, $closed)] } $n .. $last - 1);
    }

    return;
}


sub map_file {
    my ($count, $closed) = @_;

    return write_file("$build/run/accounts", join '',
        map { account($_) . ' ' . state_of($_, $closed) . "\n" }
            0 .. $count - 1);
}

1;
