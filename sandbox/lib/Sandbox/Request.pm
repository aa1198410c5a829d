package Sandbox::Request;

# Copyright (C) the nginx-reauth authors
#
# A request that keeps its target as received: Mojo::URL normalizes it, but
# tests have to see what the gateway sent.

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
