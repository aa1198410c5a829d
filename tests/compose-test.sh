#!/bin/sh

# Copyright (C) the nginx-reauth authors
#
# Builds the images, starts docker-compose.yml, sends one update through it, and
# stops it.  "./run compose-test" installs the required packages and calls it.
#
# With the argument "official", the gateway's image is that of
# docker/official.Dockerfile.  If nginx's image cannot be pulled, a second
# argument, a source of nginx, replaces it.
#
# If no Docker responds, it starts one and stops it at the end.  If the base
# image cannot be pulled, it is made by debootstrap.

set -eu

cd "$(dirname "$0")/.."

WORK=$(pwd)/build/compose
BASE=debian:trixie-slim
PROJECT=reauth-compose-test
DOWNLOAD_PORT=18999
daemon=
download=
up=no

mkdir -p "$WORK"


say() { printf '%s\n' "$*"; }

fail() { printf 'compose-test: %s\n' "$*" >&2; exit 1; }

compose() {
    # port 0: a free one
    REAUTH_PORT=0 docker-compose --ansi never -p $PROJECT "$@"
}


clean_up() {
    status=$?
    trap - EXIT HUP INT TERM

    if [ $up = yes ]; then
        [ $status -eq 0 ] || compose logs --no-color --tail 40 || :
        compose down --volumes --timeout 10 > "$WORK/down.log" 2>&1 || {
            cat "$WORK/down.log" >&2
            status=1
        }
    fi

    [ -z "$download" ] || kill "$download"

    if [ -n "$daemon" ]; then
        kill "$daemon"
        wait "$daemon" || :
        umount "$run/exec/netns/default" 2>/dev/null || :
        rm -rf "$run"
    fi

    exit $status
}


# ---- docker ------------------------------------------------------------------


# Images are stored in build/ between runs.

start_docker() {
    docker info >/dev/null 2>&1 && return

    [ "$(id -u)" -eq 0 ] || fail "no Docker responds; as root, this test starts one"
    command -v dockerd >/dev/null || fail "no Docker responds, and dockerd is
not installed: install docker.io"

    # a socket's path must be short
    run=$(mktemp -d)
    DOCKER_HOST=unix://$run/docker.sock
    export DOCKER_HOST

    # builds may need the DNS and proxies of this machine
    REAUTH_BUILD_NETWORK=host
    export REAUTH_BUILD_NETWORK

    # without a bridge and iptables, the network of the machine is not changed
    dockerd --host "$DOCKER_HOST" --data-root "$WORK/docker" \
        --exec-root "$run/exec" --pidfile "$run/pid" \
        --storage-driver overlay2 --bridge none --iptables=false \
        --ip6tables=false --ip-masq=false --ip-forward=false \
        > "$WORK/dockerd.log" 2>&1 &
    daemon=$!

    for _ in $(seq 60); do
        ! docker info >/dev/null 2>&1 || return 0
        kill -0 $daemon 2>/dev/null || break
        sleep 0.5
    done

    tail -n 20 "$WORK/dockerd.log" >&2
    fail "dockerd did not start; its log: $WORK/dockerd.log"
}


# The base image: a local one, that of the registry, or one made by debootstrap
# from the mirror and with the network settings of this machine's apt.

base_image() {
    docker image inspect $BASE >/dev/null 2>&1 && return
    ! timeout 120 docker pull -q $BASE 2>/dev/null || return 0

    [ "$(id -u)" -eq 0 ] || fail "$BASE cannot be pulled; as root, this test makes one"
    command -v debootstrap >/dev/null || fail "$BASE cannot be pulled, and
debootstrap is not installed: install it"

    say "$BASE cannot be pulled: making one by debootstrap"

    mirror=$(apt-get indextargets --format "\$(REPO_URI)" \
        "Created-By: Packages" | sed -n '\#/debian/*$#{p;q}')
    root=$WORK/base
    rm -rf "$root"
    # shellcheck disable=SC2086 # nothing, where it is to take its own
    debootstrap --variant=minbase trixie "$root" $mirror \
        > "$WORK/debootstrap.log" \
        || fail "debootstrap failed; its log: $WORK/debootstrap.log"

    apt-config dump | grep -iE '^Acquire::(Check|https?|Retries)' \
        > "$root/etc/apt/apt.conf.d/90machine" || :
    rm -f "$root"/var/cache/apt/archives/*.deb

    tar -C "$root" --one-file-system -c . | docker import - $BASE >/dev/null
    rm -rf "$root"
}


# ---- the image on nginx's official one ---------------------------------------


# The image that compose starts as the gateway.

official_image() {
    source=$1
    set --

    if ! timeout 120 docker pull -q nginx:stable 2>/dev/null; then
        [ -f "$source/src/core/nginx.h" ] || fail "nginx:stable cannot be
pulled; usage: compose-test official DIRECTORY, a source of nginx"

        say "nginx:stable cannot be pulled: building one from $source"
        version=$(sed -n 's/.*NGINX_VERSION  *"\(.*\)"/\1/p' \
            "$source/src/core/nginx.h")

        docker build --network "${REAUTH_BUILD_NETWORK:-default}" \
            --build-arg VERSION="$version" -t reauth-nginx \
            -f tests/official.Dockerfile "$source" > "$WORK/nginx.log" 2>&1 \
            || fail "nginx could not be built; the log: $WORK/nginx.log"

        # what nginx.org would send
        tar -czf "$WORK/nginx-$version.tar.gz" -C "$source/.." \
            --transform "s,^[^/]*,nginx-$version," "$(basename "$source")"
        python3 -m http.server --bind 127.0.0.1 --directory "$WORK" \
            "$DOWNLOAD_PORT" > "$WORK/download.log" 2>&1 &
        download=$!

        set -- --build-arg NGINX=reauth-nginx \
            --build-arg NGINX_DOWNLOAD="http://127.0.0.1:$DOWNLOAD_PORT"
    fi

    docker build --network "${REAUTH_BUILD_NETWORK:-default}" "$@" \
        -t nginx-reauth -f docker/official.Dockerfile . \
        > "$WORK/official.log" 2>&1 || {
        tail -n 30 "$WORK/official.log" >&2
        fail "the image could not be built; all of it: $WORK/official.log"
    }
}


# ---- the test ----------------------------------------------------------------


# request STATUS METHOD PATH [CURL ARGUMENTS]: fails on any other status.

request() {
    want=$1 method=$2 path=$3
    shift 3

    status=$(curl -s -m 30 -X "$method" -o "$WORK/body" -w '%{http_code}' \
        "$@" "$GATEWAY$path") || :
    body=$(cat "$WORK/body" 2>/dev/null) || body=
    [ "$status" = "$want" ] \
        || fail "$method $path: expected $want, got $status: $body"
    say "$method $path: $status"
}


# The value of a string in the last response.

field() {
    printf '%s' "$body" \
        | sed -n "s/.*\"$1\" *: *\"\([^\"]*\)\".*/\1/p" | head -n 1
}


one_update() {
    account=acct_compose

    request 200 GET /reauth/readyz
    [ "$(field status)" = ready ] || fail "not ready: $body"

    request 200 PUT /api/authenticate/$account/credentials \
        -H 'Content-Type: application/json' \
        -d '{"email": "ok@example.com", "password": "a new password"}'
    attempt=$(field attempt_id)
    [ -n "$attempt" ] || fail "no attempt_id: $body"

    request 503 GET /api/$account/chats
    [ "$(field attempt_id)" = "$attempt" ] || fail "not the attempt: $body"

    for _ in $(seq 30); do
        request 200 GET "/api/authenticate/$attempt"
        [ "$(field progress)" != signed_in ] || break
        sleep 0.5
    done

    request 200 GET /reauth/accounts/$account
    [ "$(field state)" = succeeded ] || fail "not succeeded: $body"
    request 200 GET /api/$account/chats

    # the record is in Redis
    stored=$(compose exec -T redis sh -c \
        "REDISCLI_AUTH=\$(cat /run/secrets/redis_password) \
            redis-cli --user gateway get '{reauth}:a:$account'")
    say "$stored" | grep -q '^state succeeded' || fail "Redis has: $stored"
}


trap clean_up EXIT
trap 'exit 1' HUP INT TERM

for tool in docker docker-compose curl; do
    command -v $tool >/dev/null || fail "needs $tool"
done

start_docker
base_image
docker/make-secrets

say "building the images"
compose build > "$WORK/build.log" 2>&1 || {
    tail -n 30 "$WORK/build.log" >&2
    fail "an image could not be built; all of it: $WORK/build.log"
}

if [ "${1:-}" = official ]; then
    say "building the image on nginx's official one"
    official_image "${2:-}"
fi

say "starting the images"
up=yes
compose up -d > "$WORK/up.log" 2>&1 || {
    cat "$WORK/up.log" >&2
    fail "docker-compose up failed"
}

GATEWAY=http://$(compose port gateway 8080)

for _ in $(seq 60); do
    [ "$(curl -s -m 2 -o /dev/null -w '%{http_code}' \
        "$GATEWAY/reauth/readyz")" != 200 ] || break
    sleep 0.5
done

one_update

container=$(compose ps -q gateway)

for _ in $(seq 60); do
    health=$(docker inspect -f '{{.State.Health.Status}}' "$container")
    [ "$health" != healthy ] || break
    sleep 0.5
done

[ "$health" = healthy ] || {
    docker inspect -f '{{range .State.Health.Log}}{{.ExitCode}} {{.Output}}
{{end}}' "$container" >&2
    fail "the health check of the gateway reports $health (above)"
}

# what the image has beside the gateway

inside() { compose exec -T gateway "$@"; }

inside grep -q '"name":"libjansson4"' /usr/share/nginx-reauth/sbom.spdx.json \
    || fail "the bill of materials lacks a package"

inside bash -c 'exec 3<>/dev/tcp/127.0.0.1/8081
    printf "GET /reauth/metrics HTTP/1.0\r\nHost: gateway\r\n\r\n" >&3
    grep -q "^reauth_redis_up 1" <&3' || fail "there are no metrics at port 8081"

inside reauth-drain 0 || fail "the gateway cannot be drained"
request 503 GET /reauth/readyz
[ "$(field status)" = draining ] || fail "not draining: $body"

say "compose-test: all passed"
