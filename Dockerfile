# Three images: the gateway (the default), and the sandbox upstream and Redis
# for trials.
#
#   docker build -t nginx-reauth .
#   docker build -t nginx-reauth-sandbox --target sandbox .
#   docker build -t nginx-reauth-redis --target redis .
#
# The images contain no secrets.  They run as user 10001 on a read-only root
# file system, with a tmpfs at /tmp.

ARG BASE=debian:trixie-slim


FROM $BASE AS base

RUN groupadd --gid 10001 reauth \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin reauth


FROM base AS sandbox

RUN apt-get update -q \
    && apt-get install -q -y --no-install-recommends libmojolicious-perl \
    && rm -rf /var/lib/apt/lists/*

COPY sandbox/sandbox-upstream /opt/sandbox/
COPY sandbox/lib /opt/sandbox/lib

USER 10001:10001
EXPOSE 9090
HEALTHCHECK --interval=2s --timeout=2s --start-period=10s \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/9090"]
CMD ["/opt/sandbox/sandbox-upstream", "--listen", "0.0.0.0:9090", \
    "--api-key-file", "/run/secrets/upstream_api_key"]


FROM base AS redis

RUN apt-get update -q \
    && apt-get install -q -y --no-install-recommends redis-server \
    && rm -rf /var/lib/apt/lists/* \
    && install -d -o reauth -g reauth -m 0700 /data

COPY docker/redis.conf /etc/redis.conf

USER 10001:10001
VOLUME /data
EXPOSE 6379
HEALTHCHECK --interval=2s --timeout=2s --start-period=10s \
    CMD ["bash", "-c", "REDISCLI_AUTH=$(< /run/secrets/redis_password) redis-cli --user gateway exists '{reauth}:active' | grep -qx '[01]'"]
CMD ["redis-server", "/etc/redis.conf"]


FROM base AS build

WORKDIR /src
COPY run ./
COPY tools/lib.sh tools/packages.sh tools/setup tools/
RUN ./run setup build
COPY tools/build tools/build-token tools/configure.sh tools/reauth-token.c tools/
COPY config ./
COPY ngx_module ngx_module
RUN ./run build && tools/build-token \
    && sed -n 's/.*REAUTH_VERSION *"\(.*\)"/\1/p' \
        ngx_module/common/ngx_http_reauth_conf.h > build/version


FROM base AS gateway

RUN apt-get update -q \
    && apt-get install -q -y --no-install-recommends \
        ca-certificates gettext-base libhiredis1.1.0 libjansson4 nginx \
    && rm -rf /var/lib/apt/lists/* /var/log/nginx/* /etc/nginx/nginx.conf \
        /etc/nginx/sites-enabled/*

COPY --from=build /src/build/ngx_http_reauth_module.so \
    /usr/lib/nginx/modules/
COPY --from=build /src/build/reauth-token /usr/local/bin/
COPY --from=build /src/build/version /usr/share/nginx-reauth/
COPY board /usr/share/nginx-reauth/board
COPY docker/entrypoint /usr/local/bin/reauth-entrypoint
COPY docker/drain /usr/local/bin/reauth-drain
COPY docker/sbom /usr/local/bin/reauth-sbom
COPY docker/nginx.conf /etc/nginx/nginx.conf.template

RUN reauth-sbom "$(cat /usr/share/nginx-reauth/version)" \
    > /usr/share/nginx-reauth/sbom.spdx.json

USER 10001:10001
EXPOSE 8080 8081
STOPSIGNAL SIGQUIT
HEALTHCHECK --interval=5s --timeout=2s --start-period=10s \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /reauth/healthz HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' >&3 && read -r status <&3 && [[ $status == *' 200 '* ]]"]
ENTRYPOINT ["reauth-entrypoint"]
CMD ["nginx", "-e", "stderr", "-g", "daemon off;"]
