#!/bin/bash

# Copyright (C) the nginx-reauth authors
#
# Builds the packages in a fresh Debian, and installs, configures, upgrades and
# removes them in another one that systemd-nspawn boots.  Requires root.
#
#   tests/package/run.sh [bookworm|trixie]...
#
# REAUTH_ROOTS is a directory with bookworm.clean and trixie.clean, made by
# debootstrap, which are not changed; by default they are made in build/package.
# REAUTH_MIRROR is a mirror of Debian; by default the first one of apt.

set -euo pipefail

cd "$(dirname "$0")/../.."

ROOT=$(pwd)
WORK=$ROOT/build/package
ROOTS=${REAUTH_ROOTS:-$WORK}
# shellcheck disable=SC2016 # apt's own variable
MIRROR=${REAUTH_MIRROR:-$(apt-get indextargets --format '$(SITE)' \
    | sort -u | sed -n 1p)}

# packages of the installed system before those of the module, as on a server

BASE="systemd systemd-sysv dbus redis-server redis-tools curl openssl logrotate
    init-system-helpers procps iproute2 man-db libmojolicious-perl
    libio-socket-ssl-perl"

fail() { printf 'deb-test: %s\n' "$*" >&2; exit 1; }

say() { printf '%s %s\n' "$(date +%T)" "$*"; }

[ "$(id -u)" -eq 0 ] || fail "debootstrap and systemd-nspawn need root"


in_root() {
    chroot "$@"
}


# layer NAME LOWER: an overlay on a root, which is not changed

layer() {
    local dir=$WORK/$suite/$1

    rm -rf "$dir"
    mkdir -p "$dir/upper" "$dir/work" "$dir/root"
    mount -t overlay overlay -o \
        "lowerdir=$2,upperdir=$dir/upper,workdir=$dir/work" "$dir/root"
    mounted+=("$dir/root")

    cp /etc/resolv.conf /etc/hosts "$dir/root/etc/"
    mount -t proc proc "$dir/root/proc"
    mounted+=("$dir/root/proc")
    echo force-unsafe-io > "$dir/root/etc/dpkg/dpkg.cfg.d/fast"
    printf '#!/bin/sh\nexit 101\n' > "$dir/root/usr/sbin/policy-rc.d"
    chmod 755 "$dir/root/usr/sbin/policy-rc.d"
}


let_go() {
    local i

    for ((i = ${#mounted[@]} - 1; i >= 0; i--)); do
        umount "${mounted[i]}" 2>/dev/null || umount -l "${mounted[i]}" || :
    done

    mounted=()
}


mounted=()
trap let_go EXIT
trap 'exit 1' HUP INT TERM


install_in() {
    local root=$1
    shift

    in_root "$root" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y \
        --no-install-recommends "$@" </dev/null
}


# repack FILE SED OUT: creates another version of a package, for upgrades

repack() {
    rm -rf "$3"
    dpkg-deb -R "$1" "$3"
    sed -i -E "$2" "$3/DEBIAN/control"
    dpkg-deb --root-owner-group -b "$3" "$packages/" >/dev/null
    rm -rf "$3"
}


build_packages() {
    layer build "$ROOTS/$suite.clean"
    local root=$WORK/$suite/build/root

    mkdir -p "$root/src" "$packages"
    git ls-files -z | xargs -0 cp --parents -t "$root/src"

    in_root "$root" apt-get update -q
    in_root "$root" env DEB_BUILD_OPTIONS=parallel=2 /src/run deb

    mkdir -p "$WORK/$suite/first"
    cp "$root"/src/build/deb/*_*.deb "$WORK/$suite/first/"

    # without a running init system, like a build of an image
    cp "$WORK/$suite"/first/*_*.deb "$root/"
    in_root "$root" sh -c 'cd / && DEBIAN_FRONTEND=noninteractive apt-get \
        install -q -y --no-install-recommends ./nginx-reauth-common_*.deb \
        ./libnginx-mod-http-reauth_*.deb </dev/null'
    in_root "$root" nginx -t
    in_root "$root" apt-get purge -q -y libnginx-mod-http-reauth \
        nginx-reauth-common

    let_go
}


# The repository of the booted system: packages to be installed, and newer
# versions of the module and of nginx, one of them with another ABI.

make_repository() {
    local root=$1 file abi version stage

    install_in "$root" -d nginx ca-certificates "${libraries[@]}"
    mkdir -p "$WORK/$suite/repository" "$WORK/$suite/second" \
        "$WORK/$suite/third" "$WORK/$suite/fourth"
    cp "$root"/var/cache/apt/archives/*.deb "$WORK/$suite/repository/"

    packages=$WORK/$suite/second
    for file in "$WORK/$suite"/first/*.deb; do
        repack "$file" 's/^(Version: .*)/\1+new1/' "$WORK/$suite/tree"
    done

    version=$(dpkg-deb -f "$WORK/$suite"/repository/nginx_*.deb Version)
    abi=$(dpkg-deb -f "$WORK/$suite"/repository/nginx_*.deb Provides \
        | grep -o 'nginx-abi-[0-9.]*-[0-9]*')

    for stage in third:new1: fourth:new2:-9; do
        packages=$WORK/$suite/${stage%%:*}
        local name=${stage#*:}
        for file in "$WORK/$suite"/repository/nginx{,-common}_*.deb; do
            repack "$file" "s/^(Version: .*)/\\1+${name%:*}/
                s/nginx-common \\(>= [^)]*\\)/nginx-common (>= $version)/
                s/nginx-common \\(<< [^)]*\\)/nginx-common (<< $version+z)/
                s/nginx-common \\(= [^)]*\\)/nginx-common (= $version+${name%:*})/
                s/$abi/$abi${name#*:}/" "$WORK/$suite/tree"
        done
    done
}


index() {
    (cd "$1" && dpkg-scanpackages -m . 2>/dev/null > Packages)
}


test_suite() {
    local root key

    suite=$1
    packages=$WORK/$suite/first
    rm -rf "${WORK:?}/$suite"
    mkdir -p "$WORK/$suite"

    if [ ! -d "$ROOTS/$suite.clean" ]; then
        say "$suite: debootstrap"
        debootstrap --variant=minbase --include=ca-certificates,perl "$suite" \
            "$ROOTS/$suite.clean.new" "$MIRROR"
        mv "$ROOTS/$suite.clean.new" "$ROOTS/$suite.clean"
    fi

    say "$suite: build"
    build_packages

    say "$suite: a system to install on"
    layer test "$ROOTS/$suite.clean"
    root=$WORK/$suite/test/root

    in_root "$root" apt-get update -q
    # shellcheck disable=SC2086 # a list
    install_in "$root" $BASE

    mapfile -t libraries < <(dpkg-deb -f \
        "$WORK/$suite"/first/libnginx-mod-http-reauth_*.deb Depends \
        | tr ',' '\n' | sed -n 's/^ *\(lib[^ ]*\).*/\1/p')
    make_repository "$root"

    mkdir -p "$root/packages" "$root/test" "$root/result"
    for key in first repository second third fourth; do
        cp -R "$WORK/$suite/$key" "$root/packages/"
        index "$root/packages/$key"
    done
    cp -R tests/package/. "$root/test/"
    cp -R docs sandbox "$root/test/"
    rm -f "$root/usr/sbin/policy-rc.d" "$root"/etc/apt/sources.list \
        "$root"/etc/apt/sources.list.d/* "$root"/var/lib/apt/lists/*_*
    rm -f "$root"/var/cache/apt/archives/*.deb
    cp tests/package/package-test.service "$root/etc/systemd/system/"
    mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
    ln -sf ../package-test.service \
        "$root/etc/systemd/system/multi-user.target.wants/"
    umount "$root/proc"
    unset 'mounted[-1]'

    say "$suite: boot"
    set -- --private-network --directory="$root" --machine="reauth-$suite-$$"
    [ -d /run/systemd/system ] || set -- "$@" --register=no --keep-unit

    timeout --kill-after=30 3000 systemd-nspawn "$@" --boot \
        > "$WORK/$suite/boot.log" 2>&1 </dev/null || :

    cat "$root/result/log" || tail -n 50 "$WORK/$suite/boot.log"
    [ -f "$root/result/passed" ] || fail "$suite: failed (above)"
    cp "$root"/result/* "$WORK/$suite/"
    let_go
    say "$suite: passed"
}


[ $# -gt 0 ] || set -- bookworm trixie

for name in "$@"; do
    test_suite "$name"
done
