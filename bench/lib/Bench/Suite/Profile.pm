package Bench::Suite::Profile;

# Where the instructions of a request go, by function.  The functions of nginx
# and of libraries have names if they are exported.

use strict;
use warnings;

use Bench::Callgrind qw(annotate functions profile under);
use Bench::Gateways qw(bare redis);
use Bench::Requests qw(callers_file %request gateway);

my ($count, $idle, $top) = (200, 16, 40);

# the request, and the port of the gateway: see bench/conf/reauth.conf

my %profiles = (
    open       => ['open',    'port2', 'redis'],
    key        => ['open',    'port3', 'redis'],
    caller     => ['caller',  'port3', 'redis', 'callers'],
    closed     => ['closed',  'port2', 'redis'],
    update     => ['update',  'port',  'redis'],
    local      => ['update',  'port'],
    repeated   => ['repeated', 'port', 'redis'],
    webhook    => ['webhook', 'port',  'redis'],
    status     => ['status',  'port',  'redis'],
    proxy_pass => ['open',    'port',  'bare'],
    return_503 => ['closed',  'port2', 'bare'],
    put        => ['update',  'port',  'bare'],
);


sub run {
    my ($class, $what, $function) = @_;

    my ($request, $port, $with, $callers) = @{ $profiles{$what} };
    $with //= '';

    my $gateway = $with eq 'bare' ? bare(UNDER => under('bare'))
        : gateway($with eq 'redis' ? redis() : undef,
            $callers ? (CALLERS => callers_file()) : ());

    my $file = profile({ %$gateway, port => $gateway->{$port} },
        $gateway->{name}, $request{$request}, $idle, $count);

    return callers($file, $function) if defined $function;

    my ($all, @self) = annotate($file);
    my (undef, @with) = annotate($file, '--inclusive=yes');

    @self = functions(@self);

    my %object;
    $object{ $_->{object} } += $_->{n} for @self;

    printf "\n%s: %.0f instructions per request\n", $what, $all->{n} / $count;

    show('by object', map { { n => $object{$_}, name => $_ || '?' } }
        sort { $object{$b} <=> $object{$a} } keys %object);
    show('by function, without called functions', @self);
    show('by function, with called functions', @with);

    print "\nthe dump, for callgrind_annotate: $file\n";

    return;
}


sub show {
    my ($title, @rows) = @_;

    print "\n$title\n\n";

    for my $row (@rows > $top ? @rows[0 .. $top - 1] : @rows) {
        printf "%9.0f  %s%s\n", $row->{n} / $count, $row->{name},
            $row->{object} ? " [$row->{object}]" : '';
    }

    return;
}


# Who calls the functions whose names contain the word, and how often.

sub callers {
    my ($file, $word) = @_;

    my @callers;

    for my $row (annotate($file, '--inclusive=yes', '--tree=caller')) {
        if ($row->{mark} eq '<') {
            push @callers, $row;
            next;
        }

        if ($row->{mark} eq '*' && index($row->{name}, $word) >= 0) {
            printf "\n%9.0f  %s [%s], called by\n", $row->{n} / $count,
                @$row{qw(name object)};
            printf "%9.0f  %7.2f times by %s\n", $_->{n} / $count,
                $_->{times} / $count, $_->{name}
                for sort { $b->{n} <=> $a->{n} } @callers;
        }

        @callers = ();
    }

    return;
}

1;
