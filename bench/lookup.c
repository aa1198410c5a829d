
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
 *
 *     lookup ACCOUNTS CLOSED CHANGES
 *
 * prints the median, the 99th and the 99.9th percentile of a look-up of an open
 * and of a closed account while another process makes this number of changes a
 * second; and in microseconds of processor time, how long the lock was held, of
 * 1,000 times all but the longest: by changes, by lists of all accounts and of
 * few, by the same in the order of updates, by a forget of an account that
 * fills the change log, and by a repair.
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


#define ARENA    (1024UL * 1024 * 1024)
#define LOOKUPS  2000000
#define IDS      100000
#define HELD     1000000
#define FORGOTTEN  100


volatile ngx_time_t  *ngx_cached_time;
ngx_uint_t            ngx_pagesize = 4096;
volatile ngx_msec_t   ngx_current_msec;

static u_char  *arena, *arena_last;


static void
die(const char *what)
{
    fprintf(stderr, "lookup: %s\n", what);
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


/* a lock of nginx's kind; measures how long it is held */

static double    held_since;
static unsigned  nheld;
static uint32_t  held[HELD];


static int
by_size(const void *one, const void *two)
{
    uint32_t  a = *(const uint32_t *) one, b = *(const uint32_t *) two;

    return (a > b) - (a < b);
}


/* the 99.9th percentile: the longest is one with an interrupt of the machine */

static double
held_us(void)
{
    uint32_t  ns;

    qsort(held, nheld, sizeof(uint32_t), by_size);

    ns = nheld ? held[(unsigned) (nheld * 0.999)] : 0;
    nheld = 0;

    return ns / 1000.;
}


void
ngx_shmtx_lock(ngx_shmtx_t *mtx)
{
    while (!ngx_atomic_cmp_set(mtx->lock, 0, 1)) {
        ngx_cpu_pause();
    }

    held_since = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}


void
ngx_shmtx_unlock(ngx_shmtx_t *mtx)
{
    double  ns;

    ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - held_since;

    if (nheld < HELD) {
        held[nheld++] = (uint32_t) ns;
    }

    *mtx->lock = 0;
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


static void
print_percentiles(ngx_http_reauth_zone_t *zone, char (*ids)[16], unsigned n,
    unsigned closed)
{
    size_t                     len;
    double                     start;
    unsigned                   i;
    ngx_uint_t                 is_closed;
    static uint32_t            ns[LOOKUPS];
    ngx_http_reauth_closed_t   out;

    len = sizeof("acct_0000000") - 1;

    for (i = 0; i < LOOKUPS; i++) {
        start = now();

        is_closed = !ngx_http_reauth_zone_open(zone, (u_char *) ids[i % n],
                                               len)
                    && ngx_http_reauth_zone_gate(zone, (u_char *) ids[i % n],
                                                 len, &out)
                       == NGX_OK;

        ns[i] = (uint32_t) (now() - start);

        if (is_closed != closed) {
            die("a look-up was wrong");
        }
    }

    qsort(ns, LOOKUPS, sizeof(uint32_t), by_size);

    printf("%u %u %u ", ns[LOOKUPS / 2], ns[LOOKUPS / 100 * 99],
           ns[LOOKUPS / 1000 * 999]);
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


static double
list_all(ngx_http_reauth_zone_t *zone, ngx_uint_t states, ngx_uint_t order)
{
    static reauth_record_t         records[1000];
    ngx_http_reauth_zone_cursor_t  cursor;

    nheld = 0;

    memset(&cursor, 0, sizeof(cursor));
    cursor.states = states;
    cursor.auth_type = REAUTH_AUTH_TYPE_LAST;
    cursor.limit = 1000;
    cursor.ended = order;
    cursor.index = order ? INT64_MAX : 0;

    while (!cursor.done) {
        (void) ngx_http_reauth_zone_list(zone, &cursor, records);
    }

    return held_us();
}


/*
 * Accounts are forgotten, each after it has filled the change log, which is
 * not in the caches then.
 */

static double
forgotten(ngx_http_reauth_zone_t *zone, unsigned accounts, int64_t now_ms)
{
    unsigned         i, n, times;
    uint32_t         longest[FORGOTTEN];
    reauth_forget_t  result;
    reauth_record_t  record, former;
    reauth_string_t  account;

    static volatile u_char  other[64 * 1024 * 1024];

    for (times = 0; times < FORGOTTEN; times++) {
        memset(&record, 0, sizeof(reauth_record_t));

        snprintf(record.account, sizeof(record.account), "acct_%07u",
                 accounts + 2000 + times);

        account = reauth_string_from(record.account);

        for (i = 0; i < zone->sh->nring; i++) {
            record.epoch = 2 * (accounts + 2000);
            record.revision = 2 + i;
            record.since_ms = now_ms;
            record.updated_ms = now_ms + i;
            record.deadline_ms = now_ms + 900000;
            record.auth_type = REAUTH_AUTH_TYPE_EMAIL_PASSWORD;
            record.source = REAUTH_SOURCE_UPDATE;
            record.state = REAUTH_STATE_RUNNING;

            if (ngx_http_reauth_zone_merge(zone, &record, 0, &former)
                != NGX_OK)
            {
                die("a change was not taken");
            }
        }

        for (n = 0; n < sizeof(other); n += 64) {
            other[n]++;
        }

        nheld = 0;

        if (ngx_http_reauth_zone_forget(zone, &account, &result, &former,
                                        &record)
            != NGX_OK)
        {
            die("an account was not forgotten");
        }

        longest[times] = held[0];

        /* active again: no slot is free for the changes that are measured */

        memset(&record, 0, sizeof(reauth_record_t));

        memcpy(record.account, former.account, sizeof(record.account));

        record.epoch = 3 * (accounts + 2000);
        record.revision = 1;
        record.since_ms = now_ms;
        record.updated_ms = now_ms;
        record.deadline_ms = now_ms + 900000;
        record.state = REAUTH_STATE_RUNNING;

        if (ngx_http_reauth_zone_merge(zone, &record, 0, &former) != NGX_OK) {
            die("a change was not taken");
        }
    }

    qsort(longest, FORGOTTEN, sizeof(uint32_t), by_size);

    return longest[FORGOTTEN - 2] / 1000.;
}


static double
killed(ngx_http_reauth_zone_t *zone)
{
    nheld = 0;

    zone->sh->held = 1;

    ngx_http_reauth_zone_lock(zone);
    ngx_http_reauth_zone_unlock(zone);

    return held_us();
}


static void
with_writer(ngx_http_reauth_zone_t *zone, char (*open_ids)[16],
    char (*closed_ids)[16], unsigned accounts, unsigned closed,
    unsigned changes, int64_t now_ms)
{
    int                 status;
    pid_t               pid;
    double              start, forget;
    unsigned            i, n;
    volatile double    *us;
    volatile unsigned  *end;

    end = mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_SHARED|MAP_ANONYMOUS, -1,
               0);
    if (end == MAP_FAILED) {
        die("no memory");
    }

    us = (volatile double *) (end + 16);

    /* the processes allocate memory independently: before the writer does */

    forget = forgotten(zone, accounts, now_ms);

    pid = fork();

    if (pid == -1) {
        die("no process for the writer");
    }

    if (pid == 0) {
        on_core(1);
        nheld = 0;
        start = now();

        for (i = 0; !*end; i++) {
            while (now() < start + i * 1e9 / changes) { ngx_cpu_pause(); }

            write_one(zone, accounts, closed, now_ms, i);
        }

        *us = held_us();
        _exit(0);
    }

    on_core(0);

    n = accounts - closed < IDS ? accounts - closed : IDS;
    print_percentiles(zone, open_ids, n, 0);

    n = closed < IDS ? closed : IDS;
    print_percentiles(zone, closed_ids, n, 1);

    *end = 1;

    if (waitpid(pid, &status, 0) != pid || status != 0) {
        die("the writer failed");
    }

    printf("%.0f ", *us);
    printf("%.0f ", list_all(zone, 0, 0));
    printf("%.0f ", list_all(zone, 1u << REAUTH_STATE_FAILED, 0));
    printf("%.0f ", list_all(zone, 0, NGX_HTTP_REAUTH_LIST_UPDATED));
    printf("%.0f ", list_all(zone, 1u << REAUTH_STATE_FAILED,
                             NGX_HTTP_REAUTH_LIST_UPDATED));
    printf("%.0f ", forget);
    printf("%.0f\n", killed(zone));
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
    ngx_slab_pool_t         *shpool;
    ngx_http_reauth_zone_t   zone;

    if (argc != 3 && argc != 4) {
        die("usage: lookup accounts closed [changes]");
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

    shpool = (ngx_slab_pool_t *) arena;
    arena += 4096;
    shpool->mutex.lock = (ngx_atomic_t *) arena;
    arena += 4096;

    shm_zone.data = &zone;
    shm_zone.shm.addr = (u_char *) shpool;
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

    if (argc == 4) {
        with_writer(&zone, open_ids, closed_ids, accounts, closed,
                    atoi(argv[3]), now_ms);
        return 0;
    }

    printf("%.1f %.1f ",
           run(&zone, open_ids, n, 0, 1),
           run(&zone, closed_ids, closed < IDS ? closed : IDS, 1, 1));
    printf("%.1f %.1f\n",
           run(&zone, open_ids, n, 0, 2),
           run(&zone, closed_ids, closed < IDS ? closed : IDS, 1, 2));

    return 0;
}
