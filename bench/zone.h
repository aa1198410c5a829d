
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The code of the zone on shared memory like that of nginx, with nginx's slab
 * and stubs for the few other functions of nginx that it calls.
 */


#define _GNU_SOURCE

#include <sched.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "ngx_http_reauth_zone.c"
#include "ngx_http_reauth_zone_init.c"
#include "ngx_http_reauth_zone_lock.c"
#include "ngx_http_reauth_zone_memory.c"
#include "ngx_http_reauth_zone_ended.c"
#include "ngx_http_reauth_zone_usage.c"
#include "ngx_http_reauth_zone_failed.c"
#include "ngx_http_reauth_zone_heal.c"
#include "ngx_http_reauth_zone_audit.c"
#include "ngx_http_reauth_zone_queue.c"
#include "ngx_http_reauth_zone_cache.c"
#include "ngx_http_reauth_zone_counts.c"
#include "ngx_http_reauth_zone_list.c"
#include "ngx_http_reauth_zone_updated.c"
#include "ngx_http_reauth_zone_override.c"
#include "ngx_http_reauth_zone_repair.c"


#define ARENA  (1024UL * 1024 * 1024)

/* the tables of the zone are as large as in a zone of this size */
#define SIZE   (256UL * 1024 * 1024)


volatile ngx_time_t  *ngx_cached_time;
ngx_uint_t            ngx_pagesize = 4096;
ngx_uint_t            ngx_pagesize_shift = 12;
volatile ngx_msec_t   ngx_current_msec;
volatile ngx_cycle_t  *ngx_cycle;


static void
die(const char *what)
{
    fprintf(stderr, "bench: %s\n", what);
    exit(1);
}


static double
clock_ns(clockid_t id)
{
    struct timespec  ts;

    clock_gettime(id, &ts);

    return ts.tv_sec * 1e9 + ts.tv_nsec;
}


static double
now(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}


void
ngx_explicit_memzero(void *buf, size_t n)
{
    explicit_bzero(buf, n);
}


u_char *
ngx_hex_dump(u_char *dst, u_char *src, size_t len)
{
    return dst + 2 * len;
}


u_char *
ngx_sprintf(u_char *buf, const char *fmt, ...)
{
    return buf;
}


u_char *
ngx_cpystrn(u_char *dst, u_char *src, size_t n)
{
    return dst;
}


void
ngx_log_error_core(ngx_uint_t level, ngx_log_t *log, ngx_err_t err,
    const char *fmt, ...)
{
}


void
ngx_debug_point(void)
{
    abort();
}


static void
fill(ngx_http_reauth_zone_t *zone, unsigned accounts, unsigned closed,
    int64_t now_ms)
{
    unsigned         n;
    reauth_record_t  remote, record;

    for (n = 0; n < accounts; n++) {
        memset(&remote, 0, sizeof(reauth_record_t));

        snprintf(remote.account, sizeof(remote.account), "acct_%07u", n);
        snprintf(remote.attempt, sizeof(remote.attempt), "auth_%032x", n);

        remote.epoch = n + 1;
        remote.revision = 1;
        remote.since_ms = now_ms;
        remote.updated_ms = now_ms + 20;
        remote.deadline_ms = now_ms + 900000;
        remote.auth_type = REAUTH_AUTH_TYPE_EMAIL_PASSWORD;
        remote.source = REAUTH_SOURCE_UPDATE;
        remote.state = n < closed ? REAUTH_STATE_RUNNING
                                  : REAUTH_STATE_SUCCEEDED;

        if (ngx_http_reauth_zone_merge(zone, &remote, 0, &record) != NGX_OK) {
            die("an account was not taken");
        }
    }
}


static void
on_core(int core)
{
    cpu_set_t  set;

    CPU_ZERO(&set);
    CPU_SET(core, &set);

    (void) sched_setaffinity(0, sizeof(set), &set);
}


/* logins that go on; of the last accounts, begin, and end */

static void
write_one(ngx_http_reauth_zone_t *zone, unsigned accounts, unsigned closed,
    int64_t now_ms, unsigned i)
{
    unsigned         n;
    reauth_record_t  remote, record;

    n = i % 2 ? i * 7919U % closed : accounts + i / 4 % 1000;

    memset(&remote, 0, sizeof(reauth_record_t));

    snprintf(remote.account, sizeof(remote.account), "acct_%07u", n);
    snprintf(remote.attempt, sizeof(remote.attempt), "auth_%032x", n);

    remote.epoch = i % 2 ? n + 1 : accounts + i / 4 + 1;
    remote.revision = 2 + i;
    remote.since_ms = now_ms;
    remote.updated_ms = now_ms + 20;
    remote.deadline_ms = now_ms + 900000;
    remote.auth_type = REAUTH_AUTH_TYPE_EMAIL_PASSWORD;
    remote.source = REAUTH_SOURCE_UPDATE;
    remote.state = i % 2 || i % 4 == 0 ? REAUTH_STATE_RUNNING
                                       : REAUTH_STATE_SUCCEEDED;

    snprintf(remote.progress, sizeof(remote.progress), "step %u", i);

    if (ngx_http_reauth_zone_merge(zone, &remote, 0, &record) != NGX_OK) {
        die("a change was not taken");
    }
}


/* the zone with so many accounts, of which so many are closed */

static void
setup(ngx_http_reauth_zone_t *zone, unsigned accounts, unsigned closed,
    int64_t now_ms)
{
    ngx_slab_pool_t        *shpool;

    static ngx_log_t        log;
    static ngx_time_t       cached;
    static ngx_cycle_t      cycle;
    static ngx_shm_zone_t   shm_zone;

    cycle.log = &log;
    ngx_cycle = &cycle;
    cached.sec = now_ms / 1000;
    ngx_cached_time = &cached;

    shpool = mmap(NULL, ARENA, PROT_READ|PROT_WRITE, MAP_SHARED|MAP_ANONYMOUS,
                  -1, 0);
    if (shpool == MAP_FAILED) {
        die("no memory");
    }

    ngx_slab_sizes_init();

    shpool->end = (u_char *) shpool + ARENA;
    shpool->min_shift = 3;
    shpool->addr = shpool;
    shpool->mutex.lock = &shpool->lock.lock;

    ngx_slab_init(shpool);

    shm_zone.data = zone;
    shm_zone.shm.addr = (u_char *) shpool;
    shm_zone.shm.size = SIZE;
    shm_zone.shm.log = &log;
    zone->shm_zone = &shm_zone;
    zone->log = &log;

    if (ngx_http_reauth_zone_init(&shm_zone, NULL) != NGX_OK) {
        die("no zone");
    }

    ngx_http_reauth_zone_init_process(zone);

    fill(zone, accounts, closed, now_ms);
}
