package Bench::Suite::Instructions;

# Instructions of a request in user space, a figure that is reproducible.  They
# are stored in bench/instructions.txt, so that a regression is visible.

use strict;
use warnings;

use Bench::Accounts qw(account forget map_file peers put_active put_ended);
use Bench::Callgrind qw(instructions under);
use Bench::Gateways qw(auth_request bare lua ready reauth redis);
use Bench::Load qw(median);
use Bench::Process qw($root read_file stop write_file);
use Bench::Report qw(nginx_version publish table);

my ($known, $closed) = (100_000, 1000);
my $kept = "$root/bench/instructions.txt";

# nginx's allocator and timers take some hundred instructions more or less from
# one start to the next, so figures of the module are those of several starts
my $starts = 3;

# other connections that are open during the measurement, as in production
my $idle = 16;


sub call {
    my ($status, $account) = @_;

    return sub {
        my ($client, $i) = @_;

        my $answer = $client->get('/api/' . account($account->($i)) . '/chats');
        die "$answer->{status} instead of $status\n"
            if $answer->{status} != $status;
        return;
    };
}


sub put {
    my ($client, $i) = @_;

    my $answer = $client->put('/api/authenticate/' . account(50_000 + $i)
            . '/credentials', '{"auth_type":"email_password","email":'
            . qq("someone\@example.com","password":"secret-$i"}));
    die "an update was answered $answer->{status}\n"
        if $answer->{status} != 200;

    return;
}

my $open = call(200, sub { $closed + $_[0] * 7919 % ($known - $closed) });
my $shut = call(503, sub { $_[0] % $closed });


# [name, what it is compared with, the gateway's port, request] each

sub measure {
    my ($found, $gateway, @what) = @_;

    for my $what (@what) {
        my ($name, $base, $port, $request) = @$what;

        my ($n, $own) = instructions(
            { %$gateway, port => $gateway->{$port} },
            $gateway->{name}, $request, $idle);

        push @{ $found->{order} }, $name if !$found->{$name};

        my $it = $found->{$name} //= { base => $base };
        push @{ $it->{all} }, $n;
        push @{ $it->{owns} }, $own;

        $it->{n}    = median(@{ $it->{all} });
        $it->{own}  = median(@{ $it->{owns} });
        $it->{over} = $it->{n} - $found->{$base}{n} if $base;

        printf "%-44s %8.0f %s\n", $name, $n, $base
            ? sprintf '%+8.0f', $n - $found->{$base}{n} : '';
    }

    stop($gateway->{master});

    return;
}


# "+200 (+150 to +250)" if there was more than one start

sub more {
    my ($found, $it) = @_;

    return '' if !$it->{base};

    my $text = sprintf '%+.0f', $it->{over};
    my @all = sort { $a <=> $b }
        map { $_ - $found->{ $it->{base} }{n} } @{ $it->{all} };

    return @all > 1 ? sprintf '%s (%+.0f to %+.0f)', $text, @all[0, -1] : $text;
}


sub run {
    my ($class, @arguments) = @_;

    my $found = {};

    measure($found, bare(UNDER => under('bare')),
        ['proxy_pass', undef, 'port',  $open],
        ['return 503', undef, 'port2', $shut],
        ['PUT by proxy_pass', undef, 'port', \&put]);

    my $redis = redis();

    for (1 .. $starts) {
        forget($redis->{port});
        put_active($redis->{port}, 'b', 0, $closed);

        my $gateway = reauth(UNDER => under('reauth'),
            REDIS => $redis->{port}, PREFIX => 'b');
        ready($gateway);
        put_ended($redis->{port}, 'b', $gateway, $closed, $known - $closed,
            'whole');

        measure($found, $gateway,
            ['gate open', 'proxy_pass', 'port2', $open],
            ['gate open, key from its file', 'proxy_pass', 'port', $open],
            ['gate closed, full answer', 'return 503', 'port2', $shut],
            ['update, Redis written twice', 'PUT by proxy_pass', 'port',
             \&put]);
    }

    peers($redis->{port}, $known, $closed);
    my $lua = lua(UNDER => under('lua'), REDIS_PORT => $redis->{port},
        ACCOUNTS => map_file($known, $closed));

    measure($found, $lua,
        ['Lua, Redis GET per call, open', 'proxy_pass', 'port', $open],
        ['Lua, Redis GET per call, closed', 'return 503', 'port', $shut],
        ['Lua shared dict, open', 'proxy_pass', 'port2', $open],
        ['Lua shared dict, closed', 'return 503', 'port2', $shut],
        ['update by Lua, one HSET', 'PUT by proxy_pass', 'port', \&put]);

    my $auth = auth_request(UNDER => under('auth_request'),
        REDIS_PORT => $redis->{port});

    measure($found, $auth,
        ['auth_request to Node, open', 'proxy_pass', 'port', $open],
        ['auth_request to Node, closed', 'return 503', 'port', $shut]);

    publish('instructions', table(
        ['what', 'instructions', 'against', 'more', "the module's own"],
        map { my $it = $found->{$_};
              [$_, sprintf('%.0f', $it->{n}), $it->{base} // '',
               more($found, $it), $it->{own} ? sprintf '%.0f', $it->{own} : ''] }
            @{ $found->{order} }));

    return keep($found) if grep { $_ eq 'keep' } @arguments;
    return against_kept($found);
}


sub keep {
    my ($found) = @_;

    write_file($kept, "# What a request takes more than nginx alone, in "
        . "instructions:\n# \"./run bench instructions keep\" writes it.\n\n"
        . 'nginx ' . nginx_version() . "\n"
        . join '', map { sprintf "%6.0f  %s\n", $found->{$_}{over}, $_ }
            grep { defined $found->{$_}{over} } @{ $found->{order} });

    return;
}


sub against_kept {
    my ($found) = @_;

    my $text = read_file($kept);
    my ($version) = $text =~ /^nginx (\S+)/m;

    if (nginx_version() ne $version) {
        print "bench/instructions.txt is of nginx $version: not compared\n";
        return;
    }

    my %was   = reverse $text =~ /^ *(\d+)  (.+)$/mg;
    my @worse = grep { exists $was{$_} && !/Lua|Node/
            && $found->{$_}{over} > 1.05 * $was{$_} + 50 }
        @{ $found->{order} };

    printf "%s: %.0f, it was %d\n", $_, $found->{$_}{over}, $was{$_}
        for @worse;

    die "this costs more than bench/instructions.txt says; if that is meant "
        . "to be: ./run bench instructions keep\n" if @worse;

    return;
}

1;
