package Bench::Suite::Instructions;

# Instructions of a request in user space, a figure that is reproducible.  They
# are stored in bench/instructions.txt, so that a regression is visible.

use strict;
use warnings;

use Bench::Accounts qw(forget map_file peers);
use Bench::Callgrind qw(instructions under);
use Bench::Gateways qw(auth_request bare lua redis);
use Bench::Load qw(median);
use Bench::Process qw($root read_file stop write_file);
use Bench::Report qw(nginx_version publish table);
use Bench::Requests qw($closed $known callers_file %request gateway);

my $kept = "$root/bench/instructions.txt";

# nginx's allocator and timers take some hundred instructions more or less from
# one start to the next, so figures of the module are those of several starts
my $starts = 3;

# other connections that are open during the measurement, as in production
my $idle = 16;


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


# nginx alone and this module

sub measure_module {
    my ($redis) = @_;

    my $found = {};

    measure($found, bare(UNDER => under('bare')),
        ['proxy_pass', undef, 'port',  $request{open}],
        ['proxy_pass, a token is sent', undef, 'port', $request{caller}],
        ['return 503', undef, 'port2', $request{closed}],
        ['PUT by proxy_pass', undef, 'port', $request{update}]);

    for (1 .. $starts) {
        forget($redis->{port});

        measure($found, gateway($redis),
            ['gate open', 'proxy_pass', 'port2', $request{open}],
            ['gate open, key from its file', 'proxy_pass', 'port3',
             $request{open}],
            ['gate closed, full answer', 'return 503', 'port2',
             $request{closed}],
            ['update, Redis written twice', 'PUT by proxy_pass', 'port',
             $request{update}],
            ['identical update, in progress', 'PUT by proxy_pass', 'port',
             $request{repeated}]);

        forget($redis->{port});

        measure($found, gateway($redis, FAILED => 'reauth_gate_failed on;'),
            ['gate open, reauth_gate_failed', 'proxy_pass', 'port2',
             $request{open}],
            ['failed account, reauth_gate_failed', 'return 503', 'port2',
             $request{failed}],
            ['gate open, others have failed', 'proxy_pass', 'port2',
             $request{open}]);

        forget($redis->{port});

        measure($found, gateway($redis, CALLERS => callers_file()),
            ["gate open, key from its file, a caller's token",
             'proxy_pass, a token is sent', 'port3', $request{caller}]);

        measure($found, gateway(),
            ['update, no Redis', 'PUT by proxy_pass', 'port',
             $request{update}]);
    }

    return $found;
}


sub measure_peers {
    my ($found, $redis) = @_;

    peers($redis->{port}, $known, $closed);
    my $lua = lua(UNDER => under('lua'), REDIS_PORT => $redis->{port},
        ACCOUNTS => map_file($known, $closed));

    measure($found, $lua,
        ['Lua, Redis GET per call, open', 'proxy_pass', 'port',
         $request{open}],
        ['Lua, Redis GET per call, closed', 'return 503', 'port',
         $request{closed}],
        ['Lua shared dict, open', 'proxy_pass', 'port2', $request{open}],
        ['Lua shared dict, closed', 'return 503', 'port2', $request{closed}],
        ['update by Lua, one HSET', 'PUT by proxy_pass', 'port',
         $request{update}]);

    my $auth = auth_request(UNDER => under('auth_request'),
        REDIS_PORT => $redis->{port});

    measure($found, $auth,
        ['auth_request to Node, open', 'proxy_pass', 'port', $request{open}],
        ['auth_request to Node, closed', 'return 503', 'port',
         $request{closed}]);

    return;
}


sub run {
    my ($class, @arguments) = @_;

    my $redis = redis();
    my $found = measure_module($redis);

    measure_peers($found, $redis);

    publish('instructions', table(
        ['what', 'instructions', 'against', 'more', "the module's own"],
        map { my $it = $found->{$_};
              [$_, sprintf('%.0f', $it->{n}), $it->{base} // '',
               more($found, $it), $it->{own} ? sprintf '%.0f', $it->{own} : ''] }
            @{ $found->{order} }));

    return keep($found) if @arguments;
    return against_kept($found);
}


# Each line: what a request takes in addition, what of it is in the module's own
# code, the request.

sub keep {
    my ($found) = @_;

    write_file($kept, <<'EOT' . 'nginx ' . nginx_version() . "\n"
# Instructions that a request takes in addition to those of nginx alone, and
# those of them in the module's own code; written by "./run bench instructions
# keep".

EOT
        . join '', map { sprintf "%6.0f %6.0f  %s\n",
                             @{ $found->{$_} }{qw(over own)}, $_ }
            grep { defined $found->{$_}{over} } @{ $found->{order} });

    return;
}


# An increase by more than 3 % fails.  malloc() takes a hundred instructions
# more or less from one start to the next; the module's own code does not vary,
# so it is compared separately.

sub against_kept {
    my ($found) = @_;

    my $text = read_file($kept);
    my ($version) = $text =~ /^nginx (\S+)/m;

    if (nginx_version() ne $version) {
        print "bench/instructions.txt is of nginx $version: not compared\n";
        return;
    }

    my $worse = 0;

    while ($text =~ /^ *(\d+) +(\d+)  (.+)$/mg) {
        my ($over, $own, $name) = ($1, $2, $3);
        my $it = $found->{$name};

        next if !$it || $name =~ /Lua|Node/;

        if ($it->{over} > 1.03 * $over + 100) {
            printf "%s: +%.0f, it was +%d\n", $name, $it->{over}, $over;
            $worse++;
        }

        if ($it->{own} > 1.03 * $own) {
            printf "%s: %.0f of the module's own, it was %d\n", $name,
                $it->{own}, $own;
            $worse++;
        }
    }

    die "instructions have increased by more than 3 %; if this is intended: "
        . "./run bench instructions keep\n" if $worse;

    return;
}

1;
