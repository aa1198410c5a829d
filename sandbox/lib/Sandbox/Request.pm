package Sandbox::Request;

# Copyright (C) the nginx-reauth authors
#
# A request that remembers its target as it came: Mojo::URL normalizes, and a
# test wants to see what the gateway really sent.

use v5.36;
use Mojo::Base 'Mojo::Message::Request';

has 'target';


sub extract_start_line ($self, $buffer) {
    if ($$buffer =~ m{\A\s*\S+\s+(?<target>\S+)\s+HTTP/[\d.]+\x0d?\x0a}) {
        $self->target($+{target});
    }

    return $self->SUPER::extract_start_line($buffer);
}

1;
