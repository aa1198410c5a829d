package Bench::Suite::Status;

# The list of accounts of a gateway with 10,000 active attempts: how long a page
# occupies the worker, which all other requests have to wait.

use strict;
use warnings;

use Bench::Accounts qw(put_active put_ended);
use Bench::Client ();
use Bench::Gateways qw(ready reauth redis);
use Bench::Process qw(cpu);
use Bench::Report qw(publish table);

my ($active, $million) = (10_000, 1_000_000);


# Rows of requests that are sent one after another: the name, how many, the path.

sub rows {
    my ($gateway, @requests) = @_;

    my $client = Bench::Client->new($gateway->{port});

    return map {
        my ($name, $times, $path) = @$_;
        my $cpu = cpu($gateway->{pid});

        my @took = sort { $a <=> $b } map {
            my $answer = $client->get($path);
            die "$path: $answer->{status}\n" if $answer->{status} != 200;
            1000 * $answer->{took};
        } 1 .. $times;

        print "$name: done\n";

        [$name, sprintf('%.2f', 1000 * (cpu($gateway->{pid}) - $cpu) / $times),
         map { sprintf '%.2f', $_ } $took[@took / 2], $took[0.99 * @took],
         $took[-1]];
    } @requests;
}


sub run {
    my ($class) = @_;

    my $redis   = redis();
    put_active($redis->{port}, 'reauth', 0, $active);
    my $gateway = reauth(REDIS => $redis->{port}, ZONE => '64m');
    ready($gateway);

    my $client = Bench::Client->new($gateway->{port});
    my @rows   = rows($gateway,
        ['first page of 100', 1000, '/reauth/accounts?limit=100'],
        ['first page of 1,000', 200, '/reauth/accounts?limit=1000'],
        ['one account', 5000, '/reauth/accounts/acct_0000017'],
        ['summary', 2000, '/reauth/summary']);

    my ($pages, $accounts, $cursor) = (0, 0);
    my $cpu = cpu($gateway->{pid});

    do {
        my $body = $client->get('/reauth/accounts?limit=100'
                . (defined $cursor ? "&cursor=$cursor" : ''))->{body};
        $pages++;
        $accounts += () = $body =~ /"account_id"/g;
        ($cursor) = $body =~ /"next_cursor" *: *"([^"]+)"/;
    } while (defined $cursor);

    die "the pages hold $accounts accounts\n" if $accounts != $active;

    push @rows, ["all of $active, $pages pages of 100, each",
        sprintf('%.2f', 1000 * (cpu($gateway->{pid}) - $cpu) / $pages), '', '',
        ''];

    put_active($redis->{port}, 'large', 0, $active);

    my $large = reauth(REDIS => $redis->{port}, PREFIX => 'large',
        ZONE => '384m');

    ready($large);
    put_ended($redis->{port}, 'large', $large, $active, $million - $active);

    push @rows, rows($large,
        ['1,000,000 accounts: first page of 100 of a state', 1000,
         '/reauth/accounts?limit=100&state=running'],
        ['of a state that no account has', 1000,
         '/reauth/accounts?limit=100&state=needs_otp'],
        ['of ended accounts', 1000,
         '/reauth/accounts?limit=100&state=succeeded']);

    publish('status', table(
        ['status, 10,000 active', 'worker ms', 'answered in ms', 'p99 ms',
         'worst ms'], @rows));

    return;
}

1;
