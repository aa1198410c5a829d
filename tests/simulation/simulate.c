
/*
 * Copyright (C) the nginx-reauth authors
 *
 * simulate worker.so [runs [seed [seconds]]]: so many random runs, one for each
 * seed from the first, none of which begins after so many seconds.  A run is
 * what its seed says: the same each time.
 *
 * REAUTH_STEPS=n  actions of a run; REAUTH_TRACE=1  tells all that happens;
 * REAUTH_FAILURES=n  goes on until so many runs have failed; REAUTH_LAW=text
 * goes on until this law is violated
 */


#include <time.h>

#include "world.h"


#define STEPS         200

/* what is added to the latency while much is read, at most */
#define READING       400

/* attempts of 1000 that may be exempt from a law, when there are enough */
#define EXEMPT_MAX    100
#define EXEMPT_LEAST  10000


static unsigned long  steps;

/* this run has failovers in a row, and a Redis that loads its data */
static int  failovers;


/* nobody is served by a gateway whose workers are all stopped */

static void
gateway_stopped(int g)
{
    int        n;
    int64_t    until;
    process_t *process;

    until = NEVER;

    for (n = 0; n < world.gateways[g].workers; n++) {
        process = &world.processes[g * WORKERS_MAX + n];
        until = process->stalled < until ? process->stalled : until;
    }

    if (until > world.now && until >= world.gateways[g].calm) {
        world.gateways[g].calm = until + 1;
    }
}


/* without a change, the loss shows in the counter of events only */

static void
quiet(void)
{
    if (chance(4) == 0) {
        world_run(world.now + 13000);
    }
}


/* not by the gateway "but" */

static void
act_update(int but)
{
    process_t  *process;

    process = some_process();

    if (process != NULL && process->gateway != but) {
        upstream_update(process, (int) chance((unsigned) world.plan.accounts),
                        (int) chance(3));
    }
}


/* until a gateway has noticed that all is lost, and begins to read, slowly */

static void
until_read(void)
{
    int       i;
    int64_t   until;
    uint64_t  ends;

    ends = redis_ends(world.redis);
    until = world.now + 5000;

    while (world.violation == NULL
           && redis_ends(world.redis) == ends
           && world_step(until))
    {
        /* void */
    }

    for (i = 0; i < LINKS_MAX; i++) {
        if (world.links[i].read == world.now) {
            world.links[i].slow = world.now + 5000;
            world.links[i].slow_ms = READING;
        }
    }
}


/*
 * Redis loses all, often again: soon after gateways have written some records,
 * or while they read it after the first loss.
 */

static void
act_flush(void)
{
    int          g;
    unsigned     n, read;
    const char  *flush[] = { "FLUSHALL" };

    read = chance(2);

    trace("FLUSHALL");
    redis_command(world.redis, 1, flush);
    world.redis_lost = world.now;

    if (read) {
        for (g = 0; g < world.plan.gateways; g++) {
            until_read();
        }

        act_update(NOBODY);
        world_run(world.now + chance(600));

    } else if (chance(4)) {
        quiet();
        return;

    } else {
        for (n = 1 + chance(4); n > 0 && world.violation == NULL; n--) {
            act_update(NOBODY);
            world_run(world.now + chance(60));
        }
    }

    trace("FLUSHALL, again");
    redis_command(world.redis, 1, flush);
    world.redis_lost = world.now;

    if (read) {
        world_run(world.now + 13000);

    } else {
        quiet();
    }
}


/* all do something with one account, or with all, at the same time */

static void
act_together(void)
{
    int         account, all;
    unsigned    n;
    process_t  *process;

    all = chance(2) != 0;
    account = (int) chance((unsigned) world.plan.accounts);

    for (n = 4 + chance(8); n > 0 && world.violation == NULL; n--) {
        process = some_process();

        if (process == NULL) {
            return;
        }

        if (all) {
            account = (int) chance((unsigned) world.plan.accounts);
        }

        switch (chance(4)) {

        case 0:
            upstream_update(process, account, (int) chance(3));
            break;

        case 1:
            upstream_advance(account);
            break;

        default:
            upstream_poll(process, account);
        }

        world_run(world.now + chance(12));
    }
}


/* polls of the attempt before are under way while an update is sent */

static void
act_superseded(process_t *process, int account)
{
    int  i;

    upstream_poll(process, account);
    world_run(world.now + chance(50));
    upstream_update(process, account, (int) chance(3));

    for (i = 0; i < 3 && world.violation == NULL; i++) {
        world_run(world.now + chance(300));

        if (process->alive && process->stalled <= world.now) {
            upstream_poll(process, account);
        }
    }
}


/* a gateway that is late does not find the last events */

static void
act_trim(int g)
{
    int          i;
    const char  *trim[] = { "XTRIM", "{reauth}:events", "MAXLEN", "1" };

    trim[3] = chance(2) ? "1" : "0";

    if (chance(2)) {
        network_cut(g, 300 + chance(300));

        for (i = 0; i < 2 * world.plan.accounts && world.violation == NULL; i++)
        {
            act_update(g);
            world_run(world.now + chance(50));
        }

        world_run(world.now + chance(150));
    }

    trace("the stream is trimmed to %s", trim[3]);
    redis_command(world.redis, 4, trim);

    if (chance(2)) {
        act_together();

    } else {
        world_run(world.now + 6000);
    }
}


static void
gateway_anew(int g)
{
    int  n;

    trace("gateway %d is started anew", g);

    for (n = 0; n < world.gateways[g].workers; n++) {
        process_kill(&world.processes[g * WORKERS_MAX + n]);
    }

    gateway_start(g);
}


/* all workers of a gateway are started again; the zone is kept */

static void
gateway_again(int g)
{
    int         n;
    process_t  *process;

    trace("the workers of gateway %d are started again", g);

    for (n = 0; n < world.gateways[g].workers; n++) {
        process_kill(&world.processes[g * WORKERS_MAX + n]);
    }

    for (n = 0; n < world.gateways[g].workers; n++) {
        process = &world.processes[g * WORKERS_MAX + n];

        if (process_start(process, 0) != 0) {
            violated("a worker starts again", "%d", process->number);
        }
    }
}


/*
 * Several failovers in a row, each to a replica that lacks the last writes,
 * often to the same one again, and that may have to load its data at first.
 * Their clocks differ; meanwhile, gateways are started again while they read,
 * and their clocks are set.
 */

static void
act_failovers(void)
{
    int                g;
    int64_t            ms;
    unsigned           n, same;
    const redis_db_t  *db;

    if (world.ncopies == 0) {
        redis_snapshot();
    }

    same = chance(2);
    db = world.copies[chance(world.ncopies)];

    for (n = 2 + chance(3); n > 0 && world.violation == NULL; n--) {
        db = same ? db : world.copies[chance(world.ncopies)];
        ms = chance(4) ? chance(3000) : chance(30000);

        if (chance(3) == 0) {
            redis_load(1 + ms, db, 0);

        } else {
            redis_crash(chance(2) ? 0 : ms, db, 0);
        }

        world.redis_skew += chance(3) ? 0 : (int64_t) chance(4000) - 2000;

        g = (int) chance((unsigned) world.plan.gateways);

        switch (chance(6)) {

        case 0:
            until_read();
            gateway_again(g);
            break;

        case 1:
            world.gateways[g].skew += (int64_t) chance(7200000) - 3600000;
            trace("the clock of gateway %d jumps", g);
            break;

        case 2:
            network_cut(g, ms);
            break;

        default:
            act_together();
        }

        world_run(world.now + chance(4000));
    }
}


/*
 * Redis loses the set of active accounts, a member of it, or the queues, but
 * not the records.
 */

static void
act_unlist(void)
{
    const char  *member[] = { "ZREM", "{reauth}:active", NULL };

    static const char  *keys[] = {
        "DEL", "{reauth}:active", "{reauth}:due", "{reauth}:due:person",
        "{reauth}:due:last"
    };

    static const char  *queues[] = {
        "DEL", "{reauth}:due", "{reauth}:due:person", "{reauth}:due:last"
    };

    world.unlisted = 1;

    switch (chance(4)) {

    case 0:
        member[2] = account_names[chance((unsigned) world.plan.accounts)];
        trace("%s is removed from the active accounts", member[2]);
        redis_command(world.redis, 3, member);
        break;

    case 1:
        trace("the active accounts are deleted");
        redis_command(world.redis, 2, keys);
        break;

    case 2:
        trace("the queues of polls are deleted");
        redis_command(world.redis, 4, queues);
        break;

    default:
        trace("all indexes are deleted");
        redis_command(world.redis, 5, keys);
    }

    quiet();
}


static void
act_fault(void)
{
    int          g, n, account;
    int64_t      ms;
    char         key[64];
    process_t   *process;
    const char  *del[] = { "DEL", key };
    const char  *scripts[] = { "SCRIPT", "FLUSH" };

    ms = chance(4) ? 1 + chance(3000) : 1 + chance(30000);
    g = (int) chance((unsigned) world.plan.gateways);

    switch (chance(failovers ? 18 : 16)) {

    case 0:
        redis_crash(chance(2) ? 0 : ms, NULL, 1);
        act_together();
        return;

    case 1:
        redis_crash(chance(2) ? 0 : ms, NULL, 0);
        act_together();
        return;

    case 2:
        if (world.ncopies) {
            n = (int) chance(world.ncopies);
            redis_crash(chance(2) ? 0 : ms, world.copies[n], 0);
            world.redis_skew += chance(3) ? 0 : (int64_t) chance(4000) - 2000;
            act_together();
        }

        return;

    case 3:
    case 4:
        redis_refuse_writes(ms, chance(2)
            ? "OOM command not allowed when used memory > 'maxmemory'."
            : "MISCONF Redis is configured to save RDB snapshots, but it's "
              "currently unable to persist to disk.");
        return;

    case 5:
    case 6:
        network_cut(g, ms);
        return;

    case 7:
        act_trim(g);
        return;

    case 8:
        act_flush();
        return;

    case 9:
        trace("SCRIPT FLUSH");
        redis_command(world.redis, 2, scripts);
        return;

    case 10:
        world.gateways[g].skew += (int64_t) chance(7200000) - 3600000;
        trace("the clock of gateway %d jumps", g);
        return;

    case 11:
        gateway_anew(g);
        return;

    case 12:
        account = (int) chance((unsigned) world.plan.accounts);
        snprintf(key, sizeof(key), "{reauth}:a:%s", account_names[account]);
        trace("the record %s is deleted", key);
        redis_command(world.redis, 2, del);
        upstream_forgotten(account);
        world.redis_lost = world.now;

        /* nobody knows it any more */

        for (g = chance(8) ? world.plan.gateways : 0;
             g < world.plan.gateways;
             g++)
        {
            gateway_anew(g);
        }

        return;

    case 13:
        process = some_process();

        if (process != NULL) {
            process_kill(process);

            if (process_start(process, 0) != 0) {
                violated("a worker starts again", "%d", process->number);
            }
        }

        return;

    case 15:
        act_unlist();
        return;

    case 16:
        act_failovers();
        return;

    case 17:
        redis_load(ms, NULL, 1);
        act_together();
        return;

    default:
        process = some_process();

        if (process != NULL) {
            trace("process %d is stopped for %lld ms", process->number,
                  (long long) ms);
            process->stalled = world.now + ms;
            gateway_stopped(process->gateway);
        }
    }
}


/* the gateway's own poller */

static void
act_poll(process_t *process)
{
    process_enter(process);
    process->api->lease();
    process_leave(process);

    upstream_list(process);
}


/*
 * All gateways poll for some time, up to minutes, as each of them does five
 * times a second; lists are requested while updates are sent.
 */

static void
act_follow(void)
{
    int         g;
    int64_t     until;
    process_t  *process;

    until = world.now + (chance(4) ? chance(3000) : chance(80000));

    do {

        for (g = 0; g < world.plan.gateways && world.violation == NULL; g++) {
            process = &world.processes[g * WORKERS_MAX];

            if (!process->alive || process->stalled > world.now) {
                continue;
            }

            if (chance(40) == 0) {
                upstream_update(process,
                                (int) chance((unsigned) world.plan.accounts),
                                (int) chance(3));
                world_run(world.now + chance(6));
            }

            if (process->alive && process->stalled <= world.now) {
                act_poll(process);
            }
        }

        world_run(world.now + 200 + chance(1000));

    } while (world.now < until && world.violation == NULL);
}


static void
act(void)
{
    int         account;
    process_t  *process;

    if (chance(1000) < world.plan.faults) {
        act_fault();
        return;
    }

    account = (int) chance((unsigned) world.plan.accounts);
    process = some_process();

    if (process == NULL) {
        return;
    }

    switch (chance(10)) {

    case 0:
    case 1:
    case 2:
        upstream_update(process, account, (int) chance(3));
        return;

    case 3:
    case 4:
    case 5:
        upstream_advance(account);
        return;

    case 6:
        if (chance(2)) {
            redis_snapshot();
            return;
        }

        if (chance(8) == 0) {
            upstream_forget(process, account);
            return;
        }

        act_poll(process);
        return;

    case 7:
        if (chance(2)) {
            act_poll(process);
            return;
        }

        upstream_poll(process, account);
        return;

    default:
        if (upstream_fansly(account) && chance(4) == 0) {
            act_superseded(process, account);
            return;
        }

        upstream_poll(process, account);
    }
}


static int64_t
pause_ms(void)
{
    switch (chance(32)) {

    case 0:
        return chance(10000);

    case 1:
    case 2:
    case 3:
        return chance(1000);

    default:
        return chance(30);
    }
}


/* when the last of the faults ends */

static int64_t
last_fault(void)
{
    int      i;
    size_t   n;
    int64_t  at;

    at = world.now;

    for (n = 0; n < world.nevents; n++) {
        if (world.events[n].type == EVENT_MOOD && world.events[n].at > at) {
            at = world.events[n].at;
        }
    }

    for (i = 0; i < PROCESSES_MAX; i++) {
        at = world.processes[i].stalled > at ? world.processes[i].stalled : at;
    }

    for (i = 0; i < world.plan.gateways; i++) {
        at = world.gateways[i].cut > at ? world.gateways[i].cut : at;
    }

    return at;
}


/* polls that are due show which accounts are gone */

static void
lease_all(void)
{
    int  i, n;

    for (n = 0; n < 4; n++) {
        for (i = 0; i < world.plan.gateways; i++) {
            act_poll(&world.processes[i * WORKERS_MAX]);
        }

        world_run(world.now + 1500);
    }
}


/* no more faults: all that is under way arrives */

static void
settle(void)
{
    int  i;

    trace("no more faults");

    world.calm = 1;

    for (i = 0; i < world.plan.accounts; i++) {
        upstream_end(i);
    }

    world_run(last_fault() + 35000);

    for (i = 0; i < REQUESTS_MAX; i++) {
        if (world.requests[i].used) {
            world_run(world.now + 130000);
            break;
        }
    }

    lease_all();

    if (laws_lost()) {

        /* the next poll shows what Redis has lost: that of an update which is
           being sent is due when it can't be under way any more */

        world_run(world.now + 130000);
        lease_all();
        world_run(world.now + 10000);
    }

    if (laws_lost()) {

        /* without an ID it is not polled: the list of accounts settles it, or
           its deadline */

        world_run(world.now + world.plan.gate_max + 10000);
        lease_all();
    }

    /* a deadline may pass at any time */

    for (i = 0; i < 4 && laws_unwritten(); i++) {
        world_run(world.now + 6000);
    }

    if (world.violation == NULL) {
        laws_agree();
    }
}


/*
 * Redis is away while a gateway learns of so many ends: what is written to it
 * afterwards, before other faults begin.
 */

static void
backlog(unsigned n)
{
    int         written;
    unsigned    i;
    int64_t     until;
    process_t  *process;

    world.calm = 1;
    world_run(world.now + 5000);

    until = world.now + 5000 + 20 * n;
    redis_crash(until - world.now, NULL, 1);
    world_run(world.now + 1000);

    process = some_process();

    for (i = 1; i <= n && world.violation == NULL; i++) {
        process_enter(process);
        process->api->end(i);
        process_leave(process);

        world_run(world.now + 1 + chance(20));
    }

    until += 20000;

    written = 0;

    while (world.violation == NULL && !written && world_step(until)) {
        written = laws_backlog(n);
    }

    if (!written) {
        violated("changes are written by the thousand", "%u changes, not at "
                 "all", n);
    }

    world.calm = 0;
}


static void
run(uint64_t seed)
{
    plan_t         plan;
    unsigned long  i;

    world_random_plan(seed, &plan);
    world_reset(seed, &plan);

    failovers = seed % 4 == 3;

    if (plan.backlog) {
        backlog(plan.backlog);
    }

    for (i = 0; i < steps && world.violation == NULL; i++) {
        act();
        world_run(world.now + pause_ms());

        if (plan.follow && chance(8) == 0) {
            act_follow();
        }
    }

    if (world.violation == NULL) {
        settle();
    }
}


static unsigned long
variable(const char *name, unsigned long value)
{
    char  *text;

    text = getenv(name);

    return text == NULL ? value : strtoul(text, NULL, 10);
}


/*
 * What the law of open gates does not judge could hide a fault, so it must be
 * rare; a few runs do not show whether it is.
 */

static int
is_judged(const laws_counts_t *counts)
{
    if (counts == NULL) {
        return 1;
    }

    printf("%llu of %llu attempts are exempt from the law of open gates\n",
           counts->exempt, counts->attempts);

    if (counts->attempts < EXEMPT_LEAST
        || counts->exempt * 1000 <= counts->attempts * EXEMPT_MAX)
    {
        return 1;
    }

    printf("violated: at most %d of 1000 attempts are exempt\n", EXEMPT_MAX);

    return 0;
}


int
main(int argc, char **argv)
{
    char            *law;
    time_t           until;
    uint64_t         seed, first, runs, failed, events;
    struct timespec  start, end;

    const laws_counts_t  *counts;

    if (argc < 2) {
        fprintf(stderr, "usage: simulate worker.so [runs [seed [seconds]]]\n");
        return 2;
    }

    runs = argc > 2 ? strtoull(argv[2], NULL, 10) : 1000;
    first = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
    until = argc > 4 ? time(NULL) + atol(argv[4]) : 0;
    steps = variable("REAUTH_STEPS", STEPS);
    world.trace = variable("REAUTH_TRACE", 0) != 0;
    law = getenv("REAUTH_LAW");

    world_load(argv[1]);

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);

    failed = 0;
    events = 0;
    counts = NULL;

    for (seed = first; seed < first + runs; seed++) {

        if (until && time(NULL) >= until) {
            break;
        }

        run(seed);
        events += world.counted;
        counts = laws_count();

        if (world.violation != NULL) {
            printf("seed %llu: violated: %s: %s\n", (unsigned long long) seed,
                   world.violation, world.detail);
            fflush(stdout);

            failed++;

            if (law != NULL ? strcmp(law, world.violation) == 0
                            : failed >= variable("REAUTH_FAILURES", 1))
            {
                break;
            }
        }
    }

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);

    printf("%llu runs of %lu steps, seeds from %llu, %llu events, %.1f s of "
           "processor time, %llu violations\n",
           (unsigned long long) (seed - first + (failed ? seed < first + runs
                                                        : 0)),
           steps, (unsigned long long) first, (unsigned long long) events,
           (double) (end.tv_sec - start.tv_sec)
           + (double) (end.tv_nsec - start.tv_nsec) / 1e9,
           (unsigned long long) failed);

    return failed || !is_judged(counts) ? 1 : 0;
}
