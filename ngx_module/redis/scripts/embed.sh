#!/bin/sh
#
# Copyright (C) the nginx-reauth authors
#
# Writes a C header with the text of every *.lua in a directory as
# NGX_HTTP_REAUTH_SCRIPT_TEXT_<NAME>, for nginx's configure.
#
# usage: embed.sh directory > header.h

set -eu

if [ $# -ne 1 ] || [ ! -d "$1" ]; then
    echo "usage: $0 directory > header.h" >&2
    exit 2
fi

printf '\n/* made by scripts/embed.sh from the scripts beside it: change those */\n'

for file in "$1"/*.lua; do
    if [ ! -f "$file" ]; then
        echo "$0: no *.lua in $1" >&2
        exit 1
    fi

    name=$(basename "$file" .lua | tr 'abcdefghijklmnopqrstuvwxyz-' \
                                      'ABCDEFGHIJKLMNOPQRSTUVWXYZ_')

    printf '\n\n#define NGX_HTTP_REAUTH_SCRIPT_TEXT_%s' "$name"
    sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/    "/' -e 's/$/\\n"/' \
        "$file" | awk '{ printf " \\\n%s", $0 }'
    printf '\n'
done
