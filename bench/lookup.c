
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The look-up of the gate in nanoseconds: the code of the zone on shared memory
 * like that of nginx, with stubs for the few functions of nginx that it calls.
 *
 *     lookup ACCOUNTS CLOSED
 *
 * prints the time of a look-up of an open and of a closed account, in one
 * process and in two at once, each on its own core.
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
#include "ngx_http_reauth_zone_queue.c"
#include "ngx_http_reauth_zone_cache.c"
#include "ngx_http_reauth_zone_counts.c"
#include "ngx_http_reauth_zone_list.c"
#include "ngx_http_reauth_zone_override.c"
#include "ngx_http_reauth_zone_repair.c"


#define ARENA    (1024UL * 1024 * 1024)
#define LOOKUPS  2000000
#define IDS      100000


volatile ngx_time_t  *ngx_cached_time;
ngx_uint_t            ngx_pagesize = 4096;
volatile ngx_msec_t   ngx_current_msec;

static u_char  *arena, *arena_last;


void
ngx_explicit_memzero(void *buf, size_t n)
{
    explicit_bzero(buf, n);
}


void *
ngx_slab_alloc_locked(ngx_slab_pool_t *pool, size_t size)
{
    void    *p;
    size_t   power;

    /* like the slab: powers of two up to half a page, then pages */

    for (power = 8; power < size && power < 4096; power *= 2) { /* void */ }

    size = size > 2048 ? (size + 4095) & ~4095UL : power;

    if (size >= 4096) {
        arena = (u_char *) (((uintptr_t) arena + 4095) & ~4095UL);
    }

    if (arena + size > arena_last) {
        return NULL;
    }

    p = arena;
    arena += size;

    return p;
}


void *
ngx_slab_alloc(ngx_slab_pool_t *pool, size_t size)
{
    return ngx_slab_alloc_locked(pool, size);
}


void *
ngx_slab_calloc(ngx_slab_pool_t *pool, size_t size)
{
    return ngx_slab_alloc_locked(pool, size);
}


void *
ngx_slab_calloc_locked(ngx_slab_pool_t *pool, size_t size)
{
    return ngx_slab_alloc_locked(pool, size);
}


void
ngx_slab_free_locked(ngx_slab_pool_t *pool, void *p)
{
}


void
ngx_shmtx_lock(ngx_shmtx_t *mtx)
{
}


void
ngx_shmtx_unlock(ngx_shmtx_t *mtx)
{
}


u_char *
ngx_hex_dump(u_char *dst, u_char *src, size_t len)
{
    return dst + 2 * len;
}


/* expiry is not measured here */

void
ngx_rbtree_insert(ngx_rbtree_t *tree, ngx_rbtree_node_t *node)
{
}


void
ngx_rbtree_delete(ngx_rbtree_t *tree, ngx_rbtree_node_t *node)
{
}


void
ngx_rbtree_insert_value(ngx_rbtree_node_t *root, ngx_rbtree_node_t *node,
    ngx_rbtree_node_t *sentinel)
{
}


void
ngx_rbtree_insert_timer_value(ngx_rbtree_node_t *root, ngx_rbtree_node_t *node,
    ngx_rbtree_node_t *sentinel)
{
}


ngx_rbtree_node_t *
ngx_rbtree_next(ngx_rbtree_t *tree, ngx_rbtree_node_t *node)
{
    return NULL;
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


static void
die(const char *what)
{
    fprintf(stderr, "lookup: %s\n", what);
    exit(1);
}


static double
now(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return ts.tv_sec * 1e9 + ts.tv_nsec;
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


/* the same steps as in gate/ngx_http_reauth_gate.c */

static double
measure(ngx_http_reauth_zone_t *zone, char (*ids)[16], unsigned n,
    unsigned closed)
{
    double                     start;
    size_t                     len;
    unsigned                   i, k, found;
    ngx_http_reauth_closed_t   out;

    found = 0;
    k = 0;
    start = now();

    for (i = 0; i < LOOKUPS; i++) {
        len = sizeof("acct_0000000") - 1;

        if (!ngx_http_reauth_zone_open(zone, (u_char *) ids[k], len)) {
            found += ngx_http_reauth_zone_gate(zone, (u_char *) ids[k], len,
                                               &out)
                     == NGX_OK;
        }

        if (++k == n) {
            k = 0;
        }
    }

    start = now() - start;

    if (found != (closed ? LOOKUPS : 0)) {
        die("a look-up was wrong");
    }

    return start / LOOKUPS;
}


static void
on_core(int core)
{
    cpu_set_t  set;

    CPU_ZERO(&set);
    CPU_SET(core, &set);

    (void) sched_setaffinity(0, sizeof(set), &set);
}


/* the mean of the processes, which begin together */

static double
run(ngx_http_reauth_zone_t *zone, char (*ids)[16], unsigned n, unsigned closed,
    unsigned processes)
{
    double             sum;
    unsigned           i;
    volatile double   *ns;
    volatile unsigned *ready;

    ns = mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_SHARED|MAP_ANONYMOUS, -1,
              0);
    if (ns == MAP_FAILED) {
        die("no memory");
    }

    ready = (volatile unsigned *) (ns + 8);

    for (i = 0; i < processes; i++) {
        if (fork() == 0) {
            on_core(i);
            (void) measure(zone, ids, n, closed);

            __sync_fetch_and_add(ready, 1);

            while (*ready < processes) { /* void */ }

            ns[i] = measure(zone, ids, n, closed);
            _exit(0);
        }
    }

    sum = 0;

    for (i = 0; i < processes; i++) {
        (void) wait(NULL);
    }

    for (i = 0; i < processes; i++) {
        if (ns[i] == 0) {
            die("a process failed");
        }

        sum += ns[i];
    }

    return sum / processes;
}


int
main(int argc, char **argv)
{
    char                   (*open_ids)[16], (*closed_ids)[16];
    int64_t                  now_ms;
    unsigned                 i, n, accounts, closed;
    ngx_log_t                log;
    ngx_time_t               cached;
    ngx_shm_zone_t           shm_zone;
    ngx_slab_pool_t          shpool;
    ngx_http_reauth_zone_t   zone;

    if (argc != 3) {
        die("usage: lookup accounts closed");
    }

    accounts = atoi(argv[1]);
    closed = atoi(argv[2]);

    arena = mmap(NULL, ARENA, PROT_READ|PROT_WRITE, MAP_SHARED|MAP_ANONYMOUS,
                 -1, 0);
    if (arena == MAP_FAILED) {
        die("no memory");
    }

    arena_last = arena + ARENA;

    memset(&cached, 0, sizeof(ngx_time_t));
    cached.sec = time(NULL);
    ngx_cached_time = &cached;
    now_ms = (int64_t) cached.sec * 1000;

    memset(&log, 0, sizeof(ngx_log_t));
    memset(&zone, 0, sizeof(ngx_http_reauth_zone_t));
    memset(&shm_zone, 0, sizeof(ngx_shm_zone_t));
    memset(&shpool, 0, sizeof(ngx_slab_pool_t));

    shm_zone.data = &zone;
    shm_zone.shm.addr = (u_char *) &shpool;
    shm_zone.shm.size = 256 * 1024 * 1024;
    shm_zone.shm.log = &log;
    zone.shm_zone = &shm_zone;
    zone.log = &log;

    if (ngx_http_reauth_zone_init(&shm_zone, NULL) != NGX_OK) {
        die("no zone");
    }

    ngx_http_reauth_zone_init_process(&zone);

    fill(&zone, accounts, closed, now_ms);

    /* an order that prefetching cannot predict */

    open_ids = malloc(IDS * sizeof(*open_ids));
    closed_ids = malloc(IDS * sizeof(*closed_ids));

    if (open_ids == NULL || closed_ids == NULL || accounts <= closed) {
        die("no memory, or no open account");
    }

    n = accounts - closed < IDS ? accounts - closed : IDS;

    for (i = 0; i < IDS; i++) {
        snprintf(open_ids[i], sizeof(*open_ids), "acct_%07u",
                 (unsigned) (closed + (i * 7919UL) % (accounts - closed)));
        snprintf(closed_ids[i], sizeof(*closed_ids), "acct_%07u",
                 (unsigned) ((i * 7919UL) % closed));
    }

    printf("%.1f %.1f ",
           run(&zone, open_ids, n, 0, 1),
           run(&zone, closed_ids, closed < IDS ? closed : IDS, 1, 1));
    printf("%.1f %.1f\n",
           run(&zone, open_ids, n, 0, 2),
           run(&zone, closed_ids, closed < IDS ? closed : IDS, 1, 2));

    return 0;
}
