# shellcheck shell=sh disable=SC2034 # what the tools read

# Copyright (C) the nginx-reauth authors
#
# nginx's configure and make, with this module.

WARNINGS="-Wall -Wextra -Wno-unused-parameter -Werror"


# configure_and_make DIR SOURCE TARGETS OPTIONS...: configures in a copy of
# nginx's source (configure writes there), unless none of its inputs has
# changed.  DIR is a directory of build/.  All paths are relative to its src,
# because neither configure nor its makefiles support blanks in paths.

configure_and_make() {
    dir=$1 source=$2 targets=$3
    shift 3

    mkdir -p "$dir"
    {
        say "$source" "$@"
        cat "$source/conf_flags" 2>/dev/null || :
        cat "$source/src/core/nginx.h"
        cat config ngx_module/redis/scripts/*
        find ngx_module -name "*.[ch]" | sort
    } | cksum > "$dir/stamp.new"

    if ! cmp -s "$dir/stamp.new" "$dir/stamp"; then
        rm -rf "$dir/src" "$dir/objs" "$dir/stamp"
        mkdir -p "$dir/src"
        cp -R "$source/." "$dir/src"

        (
            cd "$dir/src"
            [ -x configure ] || ln -s auto/configure configure
            ./configure --builddir=../objs --add-dynamic-module=../../.. "$@"
        ) > "$dir/configure.log" 2>&1 || {
            tail -n 20 "$dir/configure.log" >&2
            fail "nginx's configure failed; all of it: $dir/configure.log"
        }

        mv "$dir/stamp.new" "$dir/stamp"
    fi

    # shellcheck disable=SC2086 # targets is a list
    make -s -j "$(jobs)" -C "$dir/src" -f ../objs/Makefile $targets
}
