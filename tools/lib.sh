# shellcheck shell=sh disable=SC2034 # used by the tools

# Copyright (C) the nginx-reauth authors
#
# Common to all tools, which are run in the root of the checkout.  A tool that
# runs long is a function followed by "exit", so that the shell has read the
# whole file before.

ROOT=$(pwd)
BUILD=$ROOT/build
DEMO=$BUILD/demo
MODULE=$BUILD/ngx_http_reauth_module.so
PATH=$PATH:/usr/sbin:/sbin
LC_ALL=C
export PATH LC_ALL

# the demo's addresses

GATEWAY_PORT=${REAUTH_DEMO_PORT:-8080}
SANDBOX_PORT=${REAUTH_DEMO_UPSTREAM_PORT:-9090}
REDIS_PORT=${REAUTH_DEMO_REDIS_PORT:-16379}


say() { printf '%s\n' "$*"; }

fail() { printf 'run: %s\n' "$*" >&2; exit 1; }

jobs() { say "${JOBS:-$(nproc)}"; }


# python_packages DIRECTORY FILE: a virtual environment with the packages of
# PyPI that the file lists, in the specified versions.

python_packages() {
    if ! cmp -s "$2" "$1/requirements.txt"; then
        rm -rf "$1"
        python3 -m venv "$1"
        "$1/bin/python" -m pip install --quiet --disable-pip-version-check \
            -r "$2"
        cp "$2" "$1/requirements.txt"
    fi
}


# npm_packages DIRECTORY FILE: the packages of npm that the file lists, in the
# specified versions.

npm_packages() {
    if ! cmp -s "$2" "$1/package.json"; then
        rm -rf "$1"
        mkdir -p "$1"
        cp "$2" "$1/package.json"
        npm install --prefix "$1" --no-package-lock --no-audit --no-fund \
            --ignore-scripts --silent \
            || { rm -rf "$1"; fail "npm could not install the packages of $2"; }
    fi
}
