package Sandbox::Journal;

# Copyright (C) the nginx-reauth authors
#
# Received requests: the latest in memory, all in a file of JSON lines.

use v5.36;
use Mojo::Base -base;

use Fcntl      qw(O_APPEND O_CREAT O_WRONLY);
use List::Util qw(all);
use Mojo::JSON qw(encode_json);
use Mojo::Util qw(b64_encode decode);

use Sandbox::Clock qw(iso_time now_us);

use constant {
    KEEP     => 10_000,
    LOG_MODE => oct 600,
};

has entries => sub { [] };
has count   => 0;
has 'file';


sub open_file ($self, $path) {
    sysopen my $out, $path, O_WRONLY | O_APPEND | O_CREAT, LOG_MODE
        or die "sandbox-upstream: --log $path: $!\n";

    return $self->file($out);
}


sub record ($self, $tx, $account) {
    my $req   = $tx->req;
    my $entry = {
        n          => $self->count($self->count + 1)->count,
        time       => iso_time(now_us()),
        connection => $tx->connection,
        http       => $req->version,
        method     => $req->method,
        target     => $req->target,
        account    => $account,
        headers    => _headers($req->headers),
        _body($req->body),
    };

    my $entries = $self->entries;
    push @$entries, $entry;
    shift @$entries if @$entries > KEEP;

    $self->_write($entry) if $self->file;

    return $entry;
}


# The latest matching requests, oldest first.
sub find ($self, $last, %filter) {
    my @found;

    for my $entry (reverse @{ $self->entries }) {
        last if @found >= $last;
        push @found, $entry if _fits($entry, \%filter);
    }

    return [reverse @found];
}


sub clear ($self) {
    return $self->entries([]);
}


sub _fits ($entry, $filter) {
    return 0 if defined $filter->{path} && index($entry->{target}, $filter->{path}) < 0;
    return 0 if defined $filter->{after} && $entry->{n} <= $filter->{after};

    return all { !defined $filter->{$_} || $entry->{$_} eq $filter->{$_} } qw(account method);
}


sub _headers ($headers) {
    return { map { lc $_ => join ', ', @{ $headers->every_header($_) } } @{ $headers->names } };
}


sub _body ($bytes) {
    my $text = decode 'UTF-8', $bytes;

    return (body => $text) if defined $text;
    return (body => undef, body_base64 => b64_encode $bytes, q{});
}


sub _write ($self, $entry) {
    my $line = encode_json($entry) . "\n";
    my $sent = syswrite $self->file, $line;

    warn "sandbox-upstream: --log: $!\n" if !defined $sent || $sent != length $line;

    return;
}

1;
