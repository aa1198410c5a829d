
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The look-up of the gate in nanoseconds.
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
 * second.
 */


#include "zone.h"


#define LOOKUPS  2000000
#define IDS      100000


void
ngx_shmtx_lock(ngx_shmtx_t *mtx)
{
    while (!ngx_atomic_cmp_set(mtx->lock, 0, 1)) {
        ngx_cpu_pause();
    }
}


void
ngx_shmtx_unlock(ngx_shmtx_t *mtx)
{
    *mtx->lock = 0;
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


static int
by_size(const void *one, const void *two)
{
    uint32_t  a = *(const uint32_t *) one, b = *(const uint32_t *) two;

    return (a > b) - (a < b);
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


static void
with_writer(ngx_http_reauth_zone_t *zone, char (*open_ids)[16],
    char (*closed_ids)[16], unsigned accounts, unsigned closed,
    unsigned changes, int64_t now_ms)
{
    int                 status;
    pid_t               pid;
    double              start;
    unsigned            i, n;
    volatile unsigned  *end;

    end = mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_SHARED|MAP_ANONYMOUS, -1,
               0);
    if (end == MAP_FAILED) {
        die("no memory");
    }

    pid = fork();

    if (pid == -1) {
        die("no process for the writer");
    }

    if (pid == 0) {
        on_core(1);
        start = now();

        for (i = 0; !*end; i++) {
            while (now() < start + i * 1e9 / changes) { ngx_cpu_pause(); }

            write_one(zone, accounts, closed, now_ms, i);
        }

        _exit(0);
    }

    on_core(0);

    n = accounts - closed < IDS ? accounts - closed : IDS;
    print_percentiles(zone, open_ids, n, 0);

    n = closed < IDS ? closed : IDS;
    print_percentiles(zone, closed_ids, n, 1);

    printf("\n");

    *end = 1;

    if (waitpid(pid, &status, 0) != pid || status != 0) {
        die("the writer failed");
    }
}


int
main(int argc, char **argv)
{
    char                    (*open_ids)[16], (*closed_ids)[16];
    int64_t                 now_ms;
    unsigned                i, n, accounts, closed;
    ngx_http_reauth_zone_t  zone;

    if (argc != 3 && argc != 4) {
        die("usage: lookup accounts closed [changes]");
    }

    accounts = atoi(argv[1]);
    closed = atoi(argv[2]);
    now_ms = (int64_t) time(NULL) * 1000;

    memset(&zone, 0, sizeof(ngx_http_reauth_zone_t));
    setup(&zone, accounts, closed, now_ms);

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
