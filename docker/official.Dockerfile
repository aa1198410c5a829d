# The gateway on nginx's official image, or on another one that has its layout:
# NGINX_VERSION, nginx in PATH, modules in /usr/lib/nginx/modules.  The module is
# built for the nginx that the image has.
#
#   docker build -t nginx-reauth -f docker/official.Dockerfile .
#   docker build -t nginx-reauth -f docker/official.Dockerfile \
#       --build-arg NGINX=nginx:1.29 .
#
# It has the configuration, the variables and the ports of the image of
# Dockerfile.

ARG NGINX=nginx:stable


FROM $NGINX AS build

ARG NGINX_DOWNLOAD=https://nginx.org/download

WORKDIR /src
COPY run ./
COPY tools/lib.sh tools/packages.sh tools/
RUN apt-get update -q \
    && apt-get install -q -y --no-install-recommends ca-certificates curl \
    && mkdir /nginx \
    && curl -fsSL "$NGINX_DOWNLOAD/nginx-$NGINX_VERSION.tar.gz" \
        | tar -xz -C /nginx --strip-components 1
COPY tools/build tools/build-token tools/configure.sh tools/reauth-token.c tools/
COPY config ./
COPY ngx_module ngx_module
RUN ./run build /nginx && tools/build-token \
    && sed -n 's/.*REAUTH_VERSION *"\(.*\)"/\1/p' \
        ngx_module/common/ngx_http_reauth_conf.h > build/version


FROM $NGINX

RUN groupadd --gid 10001 reauth \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin reauth

# the names of the libraries differ between versions of Debian
RUN apt-get update -q \
    && apt-get install -q -y --no-install-recommends \
        ca-certificates gettext-base libjansson4 \
        "$(apt-cache search --names-only '^libhiredis[0-9.]*$' | cut -d' ' -f1)" \
    && rm -rf /var/lib/apt/lists/* /etc/nginx/nginx.conf /etc/nginx/conf.d/*

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
