
/*
 * Copyright (C) the nginx-reauth authors
 *
 * How long the lock of the zone is held.
 *
 *     held ACCOUNTS CLOSED
 *
 * prints in microseconds "work/passed" for each of these, and for the repair in
 * milliseconds: a change; a list; a list of a state; the same two in the order
 * of updates; a forget of an account that fills the change log; a summary with
 * all overrides; the repair after a worker was killed; the part of it for which
 * gates wait; a list in the order of updates after it; the expiry of 16 ended
 * records; a begin in a full zone.
 *
 * "passed" is the time that passed, of 1,000 times all but the longest.  It
 * contains interrupts, which also count as time of the processor.  For "work",
 * the same is done in several processes: the least time of the processor of
 * each part counts, and the longest of these is printed.  A new process has not
 * touched the memory before, like a new worker.
 */


#include "zone.h"


#define RUNS       5
#define HELD       500000
#define CHANGES    5000
#define FORGOTTEN  100
#define EXPIRED    100
#define BEGUN      2000


typedef struct {
    unsigned                 n;
    uint32_t                 least[HELD];
    uint32_t                 passed[HELD];
} held_t;


typedef struct {
    ngx_http_reauth_zone_t  *zone;
    unsigned                 accounts;
    unsigned                 closed;
    int64_t                  now_ms;
    ngx_uint_t               states;    /* of a list */
    ngx_uint_t               order;
} work_t;


static held_t    *held;
static double     held_since, had_since;
static unsigned   run, ignored;


void
ngx_shmtx_lock(ngx_shmtx_t *mtx)
{
    while (!ngx_atomic_cmp_set(mtx->lock, 0, 1)) {
        ngx_cpu_pause();
    }

    had_since = now();
    held_since = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}


void
ngx_shmtx_unlock(ngx_shmtx_t *mtx)
{
    double  ns;

    ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - held_since;

    if (!ignored && held->n < HELD) {
        held->passed[held->n] = (uint32_t) (now() - had_since);

        if (run == 0 || ns < held->least[held->n]) {
            held->least[held->n] = (uint32_t) ns;
        }

        held->n++;
    }

    *mtx->lock = 0;
}


static int
by_size(const void *one, const void *two)
{
    uint32_t  a = *(const uint32_t *) one, b = *(const uint32_t *) two;

    return (a > b) - (a < b);
}


/* does the work several times; it must take the lock as often each time */

static void
repeat(void (*work)(work_t *w), work_t *w, double unit)
{
    int       status;
    pid_t     pid;
    uint32_t  longest;
    unsigned  i, n;

    for (run = 0; run < RUNS; run++) {
        n = held->n;
        held->n = 0;

        pid = fork();

        if (pid == -1) {
            die("no process");
        }

        if (pid == 0) {
            on_core(1);
            ngx_http_reauth_zone_init_process(w->zone);
            work(w);
            _exit(0);
        }

        if (waitpid(pid, &status, 0) != pid || status != 0) {
            die("a process failed");
        }

        if (run != 0 && held->n != n) {
            die("the lock was taken more or less often than before");
        }
    }

    run = 0;
    longest = 0;
    n = held->n;

    /* the first time, the process touches other memory of its own, too */

    for (i = n > 1; i < n; i++) {
        longest = ngx_max(longest, held->least[i]);
    }

    qsort(held->passed, n, sizeof(uint32_t), by_size);

    i = n - 1 - (n > 1 ? ngx_max(n / 1000, 1) : 0);

    printf("%.0f/%.0f ", longest / unit, held->passed[i] / unit);
    fflush(stdout);
}


static void
change(work_t *w)
{
    double    start;
    unsigned  i;

    start = now();

    for (i = 0; i < CHANGES; i++) {

        /* at this rate, the caches are used by others in between */

        while (now() < start + i * 1e9 / CHANGES) { ngx_cpu_pause(); }

        write_one(w->zone, w->accounts, w->closed, w->now_ms,
                  run * CHANGES + i);
    }
}


static void
list(work_t *w)
{
    static reauth_record_t         records[1000];
    ngx_http_reauth_zone_cursor_t  cursor;

    memset(&cursor, 0, sizeof(cursor));
    cursor.states = w->states;
    cursor.auth_type = REAUTH_AUTH_TYPE_LAST;
    cursor.limit = 1000;
    cursor.ended = w->order;
    cursor.index = w->order ? INT64_MAX : 0;

    while (!cursor.done) {
        (void) ngx_http_reauth_zone_list(w->zone, &cursor, records);
    }
}


static void
merge(work_t *w, unsigned n, uint64_t epoch, uint64_t revision,
    int64_t updated_ms, reauth_record_t *former)
{
    reauth_record_t  record;

    memset(&record, 0, sizeof(reauth_record_t));

    snprintf(record.account, sizeof(record.account), "acct_%07u", n);

    record.epoch = epoch;
    record.revision = revision;
    record.since_ms = w->now_ms;
    record.updated_ms = updated_ms;
    record.deadline_ms = w->now_ms + 900000;
    record.auth_type = REAUTH_AUTH_TYPE_EMAIL_PASSWORD;
    record.source = REAUTH_SOURCE_UPDATE;
    record.state = REAUTH_STATE_RUNNING;

    if (ngx_http_reauth_zone_merge(w->zone, &record, 0, former) != NGX_OK) {
        die("a change was not taken");
    }
}


/*
 * Accounts are forgotten, each after it has filled the change log, which is
 * not in the caches then.
 */

static void
forget(work_t *w)
{
    char             name[16];
    uint64_t         epoch;
    unsigned         i, n, times;
    reauth_forget_t  result;
    reauth_record_t  record, former;
    reauth_string_t  account;

    static volatile u_char  other[64 * 1024 * 1024];

    for (times = 0; times < FORGOTTEN; times++) {
        n = w->accounts + 2000 + times;
        epoch = 2 * n + run;

        ignored = 1;

        for (i = 0; i < w->zone->sh->nring; i++) {
            merge(w, n, epoch, 2 + i, w->now_ms + i, &former);
        }

        for (i = 0; i < sizeof(other); i += 64) {
            other[i]++;
        }

        snprintf(name, sizeof(name), "acct_%07u", n);
        account = reauth_string_from(name);

        ignored = 0;

        if (ngx_http_reauth_zone_forget(w->zone, &account, &result, &former,
                                        &record)
            != NGX_OK)
        {
            die("an account was not forgotten");
        }
    }
}


static void
sum_up(work_t *w)
{
    unsigned                        i;
    reauth_override_t               override;
    ngx_http_reauth_zone_summary_t  summary;

    ignored = 1;

    for (i = 0; i < w->zone->sh->noverrides - 1; i++) {
        memset(&override, 0, sizeof(reauth_override_t));

        snprintf(override.account, sizeof(override.account), "acct_%07u",
                 (unsigned) (i * 7919UL % w->accounts));

        override.stamp = 1000000 + run;
        override.set_ms = w->now_ms;
        override.until_ms = w->now_ms + 3600000;
        override.gate = REAUTH_OVERRIDE_OPEN;

        if (ngx_http_reauth_zone_merge_override(w->zone, &override) != NGX_OK) {
            die("an override was not taken");
        }
    }

    ignored = 0;

    for (i = 0; i < 20; i++) {
        ngx_http_reauth_zone_summary(w->zone, &summary);

        if (summary.overridden[0] != w->zone->sh->noverrides - 1) {
            die("a summary was wrong");
        }
    }
}


static void
expire(work_t *w)
{
    unsigned  i;

    for (i = 0; i < EXPIRED; i++) {
        ngx_http_reauth_zone_sweep(w->zone, w->now_ms + 2 * REAUTH_TTL_MS, 16);
    }
}


static void
begin(work_t *w)
{
    unsigned         i;
    reauth_record_t  former;

    for (i = 0; i < BEGUN; i++) {
        merge(w, 2 * w->accounts + run * BEGUN + i, 5 * w->accounts, 1,
              w->now_ms, &former);
    }
}


static void
repair(work_t *w)
{
    w->zone->sh->held = 1;

    ngx_http_reauth_zone_lock(w->zone);
    ngx_http_reauth_zone_unlock(w->zone);
}


static void
repair_unseen(work_t *w)
{
    ignored = 1;
    repair(w);
    ignored = 0;
}


/* the part of a repair for which gates wait; the whole repair ends it */

static void
repair_gates(work_t *w)
{
    ngx_http_reauth_zone_shctx_t  *sh = w->zone->sh;

    ngx_http_reauth_zone_lock(w->zone);

    sh->accounts = 0;
    ngx_http_reauth_zone_repair_gates(sh);

    ngx_http_reauth_zone_unlock(w->zone);

    repair_unseen(w);
}


static void
build(work_t *w)
{
    repair_unseen(w);
    list(w);
}


int
main(int argc, char **argv)
{
    work_t                  w;
    ngx_http_reauth_zone_t  zone;

    if (argc != 3) {
        die("usage: held accounts closed");
    }

    memset(&w, 0, sizeof(work_t));
    memset(&zone, 0, sizeof(ngx_http_reauth_zone_t));

    held = mmap(NULL, sizeof(held_t), PROT_READ|PROT_WRITE,
                MAP_SHARED|MAP_ANONYMOUS, -1, 0);
    if (held == MAP_FAILED) {
        die("no memory");
    }

    w.zone = &zone;
    w.accounts = atoi(argv[1]);
    w.closed = atoi(argv[2]);
    w.now_ms = (int64_t) time(NULL) * 1000;

    setup(&zone, w.accounts, w.closed, w.now_ms);

    repeat(change, &w, 1000);

    repeat(list, &w, 1000);
    w.states = 1u << REAUTH_STATE_FAILED;
    repeat(list, &w, 1000);
    w.order = NGX_HTTP_REAUTH_LIST_UPDATED;
    repeat(list, &w, 1000);
    w.states = 0;
    repeat(list, &w, 1000);

    repeat(forget, &w, 1000);
    repeat(sum_up, &w, 1000);
    repeat(repair, &w, 1e6);
    repeat(repair_gates, &w, 1e6);
    repeat(build, &w, 1000);
    repeat(expire, &w, 1000);

    while (ngx_slab_alloc(zone.shpool, 4096) != NULL) { /* void */ }

    repeat(begin, &w, 1000);

    printf("\n");

    return 0;
}
