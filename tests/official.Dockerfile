# A stand-in for nginx's official image, for compose-test on machines that
# cannot pull it: the same user, paths, options and environment.  The context is
# a source of nginx.

ARG BASE=debian:trixie-slim


FROM $BASE AS build

RUN apt-get update -q \
    && apt-get install -q -y --no-install-recommends \
        gcc make libc6-dev libssl-dev libpcre2-dev zlib1g-dev
COPY . /nginx
WORKDIR /nginx
RUN [ -x configure ] || ln -s auto/configure configure
RUN ./configure --prefix=/etc/nginx --sbin-path=/usr/sbin/nginx \
        --modules-path=/usr/lib/nginx/modules \
        --conf-path=/etc/nginx/nginx.conf \
        --error-log-path=/var/log/nginx/error.log \
        --http-log-path=/var/log/nginx/access.log --pid-path=/run/nginx.pid \
        --lock-path=/run/nginx.lock \
        --http-client-body-temp-path=/var/cache/nginx/client_temp \
        --http-proxy-temp-path=/var/cache/nginx/proxy_temp \
        --user=nginx --group=nginx --with-compat --with-file-aio \
        --with-threads --with-http_addition_module \
        --with-http_auth_request_module --with-http_gunzip_module \
        --with-http_gzip_static_module --with-http_realip_module \
        --with-http_secure_link_module --with-http_slice_module \
        --with-http_ssl_module --with-http_stub_status_module \
        --with-http_sub_module --with-http_v2_module --with-http_v3_module \
        --with-stream --with-stream_realip_module --with-stream_ssl_module \
        --with-stream_ssl_preread_module \
        --with-cc-opt='-g -O2 -fstack-protector-strong -Wformat -fPIC' \
        --with-ld-opt='-Wl,-z,relro -Wl,-z,now -pie' \
    && make -s -j 2 && make install


FROM $BASE

ARG VERSION
ENV NGINX_VERSION=$VERSION

RUN groupadd --system --gid 101 nginx \
    && useradd --system --gid nginx --no-create-home --home /nonexistent \
        --shell /bin/false --uid 101 nginx \
    && apt-get update -q \
    && apt-get install -q -y --no-install-recommends \
        libssl3 libpcre2-8-0 zlib1g gettext-base curl ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && mkdir -p /usr/lib/nginx/modules /var/log/nginx /var/cache/nginx
COPY --from=build /etc/nginx /etc/nginx
COPY --from=build /usr/sbin/nginx /usr/sbin/nginx
RUN ln -s /usr/lib/nginx/modules /etc/nginx/modules \
    && ln -sf /dev/stdout /var/log/nginx/access.log \
    && ln -sf /dev/stderr /var/log/nginx/error.log
STOPSIGNAL SIGQUIT
CMD ["nginx", "-g", "daemon off;"]
