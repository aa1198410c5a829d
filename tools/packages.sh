# shellcheck shell=sh disable=SC2034 # used by the tools

# Copyright (C) the nginx-reauth authors
#
# The packages of Debian 12 and 13 that the tools need.

PKG_BUILD="gcc make libc6-dev nginx nginx-dev libhiredis-dev libjansson-dev
    libssl-dev"
PKG_BUILD_OTHER="gcc make libc6-dev libhiredis-dev libjansson-dev libssl-dev
    libpcre2-dev zlib1g-dev"
PKG_RUN="redis-server redis-tools libmojolicious-perl libio-socket-ssl-perl
    curl openssl"
PKG_TEST="libtest-base-perl libcmocka-dev haproxy faketime prometheus jq
    libnginx-mod-http-lua libnginx-mod-http-js
    libnginx-mod-http-headers-more-filter libnginx-mod-http-brotli-filter"
PKG_LINT="clang-format clang-tidy cppcheck libperl-critic-perl libppi-perl
    shellcheck"
PKG_PYTHON="python3 python3-venv"
PKG_NPM="nodejs npm"
PKG_BOARD="chromium $PKG_NPM"
PKG_DEB="build-essential dpkg-dev debhelper lowdown lintian"
PKG_DEB_TEST="dpkg-dev debootstrap systemd-container git"
PKG_FUZZ="clang"
PKG_SIMULATE="liblua5.1-0-dev"
PKG_MATRIX="libpcre2-dev zlib1g-dev"
PKG_CROSS="gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user musl-tools
    libjansson-dev:arm64 libhiredis-dev:arm64 libssl-dev:arm64
    libcmocka-dev:arm64 liblua5.1-0-dev:arm64"
PKG_VALGRIND="valgrind libc6-dbg"
PKG_BENCH="valgrind wrk"
PKG_BENCH_PEERS="haproxy libnginx-mod-http-lua lua-cjson"
PKG_BENCH_HTTP2="nghttp2-client"
PKG_CHAOS="iproute2 util-linux faketime"


as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}


# Checked before anything is changed.

may_install() {
    [ "$(id -u)" -ne 0 ] || return 0

    why="there is no sudo"
    if command -v sudo >/dev/null; then
        ! sudo -n true 2>/dev/null && ! sudo -v || return 0
        why="sudo is not allowed for this user"
    fi

    fail "only root can install packages, and $why; run as root:
apt-get install --no-install-recommends$missing"
}


# Problems with the directory are reported before anything is installed.

check_place() {
    case $ROOT in
        *[\"\'\\\$\`\|\&\;\*\?[]* | *'
'*) fail "the directory's name has a quote, a line feed or one of
\\ \$ \` | & ; * ? [, which configurations do not support: $ROOT" ;;
    esac

    for directory in "$ROOT" "$BUILD" "$ROOT/t"; do
        [ ! -e "$directory" ] || [ -w "$directory" ] \
            || fail "$directory is not writable for $(id -un)"
    done

    [ -z "${CC:-}" ] || command -v "${CC%% *}" >/dev/null \
        || fail "CC=$CC: there is no such compiler"

    mkdir -p "$BUILD"
}


# On another distribution, all missing programs are named at once.

need_commands() {
    lacking=

    for program in "${CC:-cc}" make nginx redis-server redis-cli curl \
        openssl prove
    do
        command -v "${program%% *}" >/dev/null || lacking="$lacking $program"
    done

    [ -z "$lacking" ] || fail "these programs are missing:$lacking"
}


# The links by which services are started at boot, and their other names.

boot_links() {
    find /etc/systemd/system /etc/rc[2-5S].d -type l ! -name 'K*' 2>/dev/null \
        | sort
}


# Services enabled by an installation are disabled again, in the same way as by
# "systemctl disable" and "update-rc.d disable"; a container may lack systemctl.

as_found() {
    [ "$own_policy" = no ] || as_root rm -f "$policy"

    boot_links | comm -13 "$links" - > "$links.new"

    sed -n '/^\/etc\/systemd\//p' "$links.new" | while read -r link; do
        as_root rm -f "$link" </dev/null
    done

    sed -n 's#^/etc/rc.\.d/S[0-9]*##p' "$links.new" | sort -u \
        | while read -r service; do
            as_root update-rc.d "$service" disable >/dev/null </dev/null \
                || say "$service is enabled at boot and could not be disabled"
        done

    rm -f "$links" "$links.new"
}


# Installing nginx and redis-server must not start them, now or at boot.
# policy-rc.d prevents this during the installation, unless the machine has its
# own, and services that were enabled are disabled.

install_packages() {
    policy=/usr/sbin/policy-rc.d
    own_policy=no
    links=$BUILD/boot-links

    may_install
    boot_links > "$links"
    trap as_found EXIT
    trap 'exit 1' HUP INT TERM

    if [ ! -e $policy ]; then
        own_policy=yes
        printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
        as_root chmod 755 $policy
    fi

    status=0
    as_root apt-get update -q || status=$?
    if [ $status -eq 0 ]; then
        # shellcheck disable=SC2086 # a list
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y \
            --no-install-recommends $missing </dev/null || status=$?
    fi

    as_found
    trap - EXIT HUP INT TERM

    [ $status -eq 0 ] || fail "apt-get could not install: $missing"
}


architecture() {
    case $1 in
        *:*) say "${1#*:}" ;;
        *) dpkg --print-architecture ;;
    esac
}


need() {
    missing=

    check_place

    if ! command -v dpkg-query >/dev/null; then
        need_commands
        return
    fi

    for package in "$@"; do
        # two lines, if it is installed for two architectures
        dpkg-query -W -f '${Architecture} ${Status}\n' "$package" 2>/dev/null \
            | grep -qE "^($(architecture "$package")|all) install ok installed\$" \
            || missing="$missing $package"
    done

    [ -z "$missing" ] || { say "installing:$missing"; install_packages; }
}
