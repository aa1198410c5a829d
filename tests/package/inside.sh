#!/bin/bash

# Copyright (C) the nginx-reauth authors
#
# Runs as root in the system that run.sh has booted, without a network.

# shellcheck disable=SC2016 # for eval

set -uo pipefail
shopt -s nullglob

DROPINS=/etc/systemd/system/nginx.service.d
SITE=/etc/nginx/sites-available/reauth
CREDENTIALS='{"email":"ok@example.com","password":"secret"}'
number=0
failed=0



note() { printf '# %s %s\n' "$(date +%T)" "$*"; }

# check NAME COMMAND...

check() {
    local name=$1 out
    shift
    number=$((number + 1))

    if out=$("$@" 2>&1); then
        printf 'ok %d - %s\n' "$number" "$name"
    else
        printf 'not ok %d - %s\n' "$number" "$name"
        printf '%s\n' "$out" | tail -n 30 | sed 's/^/#   /'
        failed=$((failed + 1))
    fi
}

not() { ! "$@"; }

same() { [ "$1" = "$2" ] || { printf 'got %s, expected %s\n' "$1" "$2"; false; }; }

# files PID: the limit of open files of a process

files() { awk '/^Max open files/ { print $5 }' "/proc/$1/limits"; }

# 65536, unless the limit of this system is lower

limit=$(files 1)
[ "$limit" -lt 65536 ] || limit=65536

# await COMMAND...: waits for at most a minute

await() {
    local i

    for ((i = 0; i < 600; i++)); do
        "$@" >/dev/null 2>&1 && return 0
        sleep 0.1
    done

    "$@"
}

# commands HEADING NUMBER: those of a block below that heading, unchanged

commands() {
    awk -v heading="$1" -v wanted="$2" '
        $0 == heading { below = 1; next }
        below && /^##/ && heading !~ /^## / { exit }
        below && /^## / { exit }
        below && /^```sh$/ { inside = ++block == wanted; next }
        /^```$/ { inside = 0 }
        below && inside' /test/docs/operations.md > /tmp/commands
    [ -s /tmp/commands ] || { echo "no commands"; return 1; }
    (cd /packages/first && bash -eu -o pipefail /tmp/commands)
}

master() { systemctl show --value -p MainPID nginx; }

workers() { pgrep -P "$(master)" -x nginx; }

gateway() { curl -s -S --max-time 200 -H 'Host: gateway.test' "$@"; }

status() { gateway -o /dev/null -w '%{http_code}' "$@"; }

ready() { [ "$(status http://127.0.0.1:8080/reauth/readyz)" = 200 ]; }

sandbox() { curl -s -S --cacert /root/ca.crt --resolve \
    api.fansapi.com:9443:127.0.0.1 "$@"; }

control() {
    sandbox -X POST -H 'Content-Type: application/json' -d "$2" \
        "https://api.fansapi.com:9443/_sandbox/$1"
}

put() {
    status -X PUT -H 'Content-Type: application/json' -d "$CREDENTIALS" \
        "http://127.0.0.1:8080/api/authenticate/$1/credentials"
}

received() {
    sandbox "https://api.fansapi.com:9443/_sandbox/log?account=$1&method=PUT&min=1&wait_ms=10000" \
        | grep -q PUT
}

# begin ACCOUNT: an update whose response the upstream delays

begin() {
    control "account/$1" '{"delay_ms":600000}' >/dev/null
    put "$1" > "/tmp/$1.status" 2>/tmp/"$1.error" &
    update=$!
    await received "$1"
}

# finish ACCOUNT: the upstream sends the response, and the client receives it

finish() {
    control "release/$1" '{}' >/dev/null
    wait "$update"
    cat "/tmp/$1.error"
    same "$(cat "/tmp/$1.status")" 200
}

stopping() { [ "$(systemctl show --value -p ActiveState nginx)" = deactivating ]; }

exposure() { systemd-analyze security nginx.service --no-pager | tail -n 1; }

update_lists() {
    printf 'deb [trusted=yes] file:/packages/%s ./\n' "$@" \
        > /etc/apt/sources.list
    apt-get update -q -o Acquire::Languages=none || exit 1
}

installed() { dpkg-query -W -f '${Version}' "$1" 2>/dev/null; }

no_deleted() {
    local pid

    for pid in $(pgrep -x nginx); do
        ! grep -E 'nginx.*\(deleted\)' "/proc/$pid/maps" || return 1
    done
}

one_master() { [ "$(pgrep -x nginx -P 1 | wc -l)" -eq 1 ]; }

footprint() {
    find /etc/nginx /usr/share /usr/lib/systemd /etc/systemd \
        ! -path '*/man/cat*' ! -name '*.cache' ! -path '/usr/share/mime/*' \
        ! -path '*package-test*' | grep -E 'nginx|reauth' | sort
}

finish_all() {
    printf '1..%d\n' "$number"
    cp /var/log/nginx/error.log /result/nginx-error.log
    journalctl --no-pager -u nginx > /result/journal
    [ "$failed" -gt 0 ] || touch /result/passed
    exit "$failed"
}

trap finish_all EXIT


# ---- the upstream: the sandbox, by TLS, with a CA of its own ------------------

note upstream
cd /root || exit 1
printf 'sandbox-key-of-the-package-test\n' > /root/key
openssl req -x509 -newkey rsa:2048 -nodes -days 7 -subj /CN=test-ca \
    -keyout ca.key -out ca.crt 2>/dev/null
openssl req -newkey rsa:2048 -nodes -subj /CN=api.fansapi.com \
    -keyout tls.key -out tls.csr 2>/dev/null
printf 'subjectAltName=DNS:api.fansapi.com\n' > ext
openssl x509 -req -in tls.csr -CA ca.crt -CAkey ca.key -CAcreateserial \
    -days 7 -extfile ext -out tls.crt 2>/dev/null
systemd-run -q --unit=sandbox /test/sandbox/sandbox-upstream \
    --api-key-file /root/key --listen 127.0.0.1:9443 --tls-cert /root/tls.crt \
    --tls-key /root/tls.key
check 'the sandbox upstream responds' await \
    sandbox -f https://api.fansapi.com:9443/_sandbox/log


# ---- install ------------------------------------------------------------------

note install
update_lists repository
echo 'APT::Get::Assume-Yes "true";' > /etc/apt/apt.conf.d/yes
check 'nginx is installed' apt-get install -q -y nginx
before=$(footprint)
check 'commands of operations.md: packages' \
    commands '### Debian packages' 1 < /root/key
cp /root/ca.crt /usr/local/share/ca-certificates/test.crt
update-ca-certificates >/dev/null 2>&1
check 'the module is enabled' \
    test -L /etc/nginx/modules-enabled/50-mod-http-reauth.conf
check 'nginx runs' systemctl is-active nginx
check 'a worker has loaded the module, by the reload of the trigger' await \
    grep -q ngx_http_reauth_module "/proc/$(pgrep -P "$(master)" | head -n 1)/maps"
check 'systemd has read how to stop nginx' \
    same "$(systemctl show --value -p TimeoutStopUSec nginx)" '1min 50s'
check 'dependency on the ABI of nginx' \
    sh -c "dpkg-query -W -f '\${Depends}' libnginx-mod-http-reauth | grep nginx-abi-"
check 'dependencies on libraries' \
    sh -c "dpkg-query -W -f '\${Depends}' libnginx-mod-http-reauth \
        | grep libhiredis | grep libjansson | grep libssl"
# where lines break depends on the version of groff

page() { man "$1" 2>/dev/null | tr -s '[:space:]' ' ' | grep "$2" >/dev/null; }

check 'manual page nginx-reauth' page nginx-reauth FIRST
check 'manual page ngx_http_reauth_module' page ngx_http_reauth_module reauth_zone
check 'manual page reauth-token' page reauth-token 'callers file'
check 'manual page reauth-doctor' page reauth-doctor 'running gateway'
check 'reauth-token' sh -c 'reauth-token billing all | grep "^billing sha256:"'


# ---- the first steps of docs/operations.md, with three of the edits -----------

note configure
check 'commands of operations.md: Redis' commands '## Redis' 1
sed -i -e 's/api.fansapi.com:443/127.0.0.1:9443/' \
    -e '/^#reauth_redis/,/^#  /s/^#//' \
    -e 's/server_name localhost/server_name gateway.test localhost/' $SITE
openssl rand -hex 24 > /root/webhook
check 'commands of operations.md: callers, webhooks' \
    commands '### Debian packages' 2 < /root/webhook
check 'three edits; commands of operations.md: start' \
    commands '### Debian packages' 3
check 'the gateway is ready' await ready
check 'an update is sent to the upstream' same "$(put acct_1)" 200
check 'a call of that account is 503' \
    same "$(status http://127.0.0.1:8080/api/acct_1/me)" 503
check 'a call of another account passes' \
    same "$(status http://127.0.0.1:8080/api/acct_2/me)" 200
check 'another name is 421' same "$(curl -s -o /dev/null -w '%{http_code}' \
    -H 'Host: other.test' http://127.0.0.1:8080/)" 421
check 'reauth-doctor finds nothing wrong' reauth-doctor -k
check 'the access log is JSON' grep -q '"account_id":"acct_1"' \
    /var/log/nginx/reauth_access.log


# ---- nginx.service, before and after it is confined ---------------------------

# Bodies and responses that need temporary files, beside the gateway.

cat > /etc/nginx/sites-enabled/files <<'EOT'
server {
    listen 127.0.0.1:8081;
    client_max_body_size 16m;
    location /in { client_body_in_file_only clean; proxy_pass http://127.0.0.1:8082/; }
    location /out { proxy_buffers 4 4k; proxy_pass http://127.0.0.1:8082/; }
}
server {
    listen 127.0.0.1:8082;
    location / { return 200 ok; }
    location /large { root /var/www/html; }
}
EOT
head -c 8000000 /dev/urandom > /var/www/html/large

restart_waits() {
    begin "$1" || return
    systemctl --no-block restart nginx
    await stopping || return

    # longer than the 5 + 5 seconds after which Debian's unit kills nginx
    sleep 13
    stopping || { echo "nginx was stopped meanwhile"; return 1; }
    finish "$1" || return
    await ready
}

reload_keeps() {
    local old

    old=$(workers | sort)
    begin "$1" || return
    systemctl reload nginx || return
    await eval '[ "$(workers | sort)" != "$old" ]' || return
    same "$(status "http://127.0.0.1:8080/api/$1/me")" 503 || return
    finish "$1" || return
    await eval '! workers | grep -qxF "$old"'
}

upgrade_keeps() {
    local old

    old=$(master)
    begin "$1" || return
    service nginx upgrade || return
    await eval '[ "$(cat /run/nginx.pid)" != "$old" ]' || return
    await ready || return
    finish "$1" || return
    await eval "! test -d /proc/$old" || return
    await eval '[ "$(master)" = "$(cat /run/nginx.pid)" ]' || return
    systemctl is-active nginx || return
    systemctl reload nginx || return
    await ready
}

# a master that is no longer the main process of the unit has an update

restart_after_upgrade() {
    begin "$1" || return
    service nginx upgrade || return
    await test -s /run/nginx.pid.oldbin || return
    systemctl --no-block restart nginx
    await stopping || return
    sleep 13
    finish "$1" || return
    await ready
}

rotates() {
    gateway -o /dev/null http://127.0.0.1:8080/reauth/healthz
    logrotate -f /etc/logrotate.d/nginx || return
    await eval 'gateway -o /dev/null http://127.0.0.1:8080/reauth/healthz
        test -s /var/log/nginx/reauth_access.log' || return
    same "$(stat -c '%U:%G %a' /var/log/nginx/reauth_access.log)" \
        'www-data:adm 640' || return
    test -s /var/log/nginx/reauth_access.log.1
}

# the files exist again after all were removed: nginx creates them as root

remakes_files() {
    systemctl stop nginx || return
    rm -rf /var/lib/nginx/* /var/log/nginx/reauth_access.log
    systemctl start nginx || return
    await ready || return
    same "$(stat -c %U /var/lib/nginx/body)" www-data || return
    uploads && rotates
}

uploads() {
    head -c 400000 /dev/zero > /tmp/body
    same "$(status --data-binary @/tmp/body http://127.0.0.1:8081/in/)" 200 \
        || return
    same "$(gateway --limit-rate 4M http://127.0.0.1:8081/out/large \
        | sha256sum | cut -d' ' -f1)" \
        "$(sha256sum < /var/www/html/large | cut -d' ' -f1)"
}

battery() {
    check "$1: nginx restarts" systemctl restart nginx
    check "$1: the gateway is ready" await ready
    check "$1: all workers run" \
        same "$(workers | wc -l)" "$(nproc)"
    check "$1: the limit of open files" same "$(files "$(workers | head -n 1)")" \
        "$limit"
    check "$1: bodies and responses in temporary files" uploads
    check "$1: a reload" reload_keeps "acct_$1_reload"
    check "$1: a restart waits for an update" restart_waits "acct_$1_restart"
    check "$1: an upgrade of the binary" upgrade_keeps "acct_$1_upgrade"
    check "$1: a restart after an upgrade waits for the old master" \
        restart_after_upgrade "acct_$1_both"
    check "$1: logs are rotated" rotates
    check "$1: directories and logs are made anew" remakes_files
    check "$1: an update" same "$(put "acct_$1_put")" 200
    check "$1: reauth-doctor finds nothing wrong" reauth-doctor -k
}

note 'nginx.service as installed'
battery plain
note "systemd-analyze security, as installed: $(exposure)"

note 'nginx.service confined'
check 'commands of operations.md: systemd' commands '### systemd' 1
battery confined
note "systemd-analyze security, confined: $(exposure)"

confined() {
    nsenter -t "$(master)" -m sh -c "$1"
}

pid=$(workers | head -n 1)
check 'confined: /etc, /usr and /var are read-only' not confined \
    'touch /etc/x || touch /usr/x || touch /var/lib/x'
check 'confined: /run can be written' confined 'touch /run/x && rm /run/x'
check 'confined: no new privileges, a filter of system calls' sh -c \
    "grep -q 'NoNewPrivs:.1' /proc/$pid/status && grep -q 'Seccomp:.2' /proc/$pid/status"
check 'confined: capabilities' same \
    "$(awk '/^CapBnd/ { print $2 }' "/proc/$(master)/status")" 00000000000004e3
check 'confined: no unit failed' not systemctl is-failed nginx
check 'nothing at alert or emerg' not grep -E '\[(alert|emerg)\]' \
    /var/log/nginx/error.log


# ---- upgrades -----------------------------------------------------------------

note 'upgrade of the module'

module_upgrade() {
    local old

    old=$(master)
    update_lists repository second
    begin acct_module || return
    apt-get upgrade -q -y || return
    finish acct_module || return
    installed libnginx-mod-http-reauth | grep -q new1 || return
    installed nginx-reauth-common | grep -q new1 || return
    await eval "! test -d /proc/$old" || return
    await no_deleted || return
    await one_master || return
    await ready
}

nginx_upgrade() {
    local old

    old=$(master)
    update_lists repository second third
    apt-get upgrade -q -y || return
    installed nginx | grep -q new1 || return
    await eval "! test -d /proc/$old" || return
    await no_deleted || return
    await ready || return
    same "$(put acct_nginx)" 200
}

other_abi() {
    local out

    update_lists repository second third fourth
    apt-get upgrade -q -y || return
    installed nginx | grep -q new1 || { echo "nginx was upgraded"; return 1; }
    installed libnginx-mod-http-reauth | grep -q new1 || return
    ready || return
    out=$(apt-get -s install nginx nginx-common)
    grep -q '^Remv libnginx-mod-http-reauth' <<< "$out" \
        || { printf '%s\n' "$out"; return 1; }
    await ready
}

check 'the module is upgraded, an update goes on' module_upgrade
check 'the configuration is as it was' grep -q gateway.test $SITE
note 'upgrade of nginx'
check 'nginx of the same ABI is upgraded' nginx_upgrade
check 'nginx of another ABI is kept back, or removes the module' other_abi


# ---- remove and purge ---------------------------------------------------------

note remove
rm /etc/nginx/sites-enabled/reauth $DROPINS/reauth-hardening.conf
rmdir $DROPINS

removed() {
    apt-get remove -q -y libnginx-mod-http-reauth || return
    nginx -t || return
    systemctl is-active nginx || return
    not test -e /etc/nginx/modules-enabled/50-mod-http-reauth.conf || return
    not test -e /usr/lib/nginx/modules/ngx_http_reauth_module.so || return
    await eval '! grep -q reauth "/proc/$(workers | tail -n 1)/maps"' || return
    same "$(systemctl show --value -p TimeoutStopUSec nginx)" 5s
}

again() {
    apt-get install -q -y libnginx-mod-http-reauth || return
    test -e /etc/nginx/modules-enabled/50-mod-http-reauth.conf || return
    ln -s ../sites-available/reauth /etc/nginx/sites-enabled/
    nginx -t || return
    systemctl restart nginx || return
    await ready || return
    rm /etc/nginx/sites-enabled/reauth
}

purged() {
    apt-get purge -q -y libnginx-mod-http-reauth nginx-reauth-common || return
    nginx -t || return
    systemctl is-active nginx || return
    rm -rf $SITE /etc/nginx/sites-enabled/files /etc/nginx/secrets /etc/nginx/callers
    diff <(printf '%s\n' "$before") <(footprint)
}

check 'the module is removed, nginx runs' removed
check 'the module is installed again, and is enabled' again
check 'all is purged, and nothing is left' purged
