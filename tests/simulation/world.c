
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <unistd.h>

#include "world.h"


world_t      world;
const char  *account_names[ACCOUNTS_MAX] = {
    "acct_1", "acct_2", "acct_3", "acct_4"
};

static worker_api_pt  apis[PROCESSES_MAX];


/* xorshift64*: the same everywhere, whatever the C library has */

static uint64_t
random_word(void)
{
    world.random ^= world.random >> 12;
    world.random ^= world.random << 25;
    world.random ^= world.random >> 27;

    return (world.random * UINT64_C(0x2545f4914f6cdd1d)) >> 31;
}


unsigned
chance(unsigned n)
{
    return (unsigned) (random_word() % n);
}


void
trace(const char *format, ...)
{
    va_list  args;

    if (world.trace) {
        va_start(args, format);
        printf("%10lld  ", (long long) (world.now - START_MS));
        vprintf(format, args);
        printf("\n");
        va_end(args);
    }
}


void
violated(const char *law, const char *format, ...)
{
    va_list  args;

    if (world.violation == NULL) {
        world.violation = law;

        va_start(args, format);
        vsnprintf(world.detail, sizeof(world.detail), format, args);
        va_end(args);

        trace("VIOLATION: %s: %s", law, world.detail);
    }
}


/* ---- processes ----------------------------------------------------------- */


static uint64_t
process_random(void *self)
{
    return random_word();
}


static void
process_log(void *self, unsigned level, const char *text)
{
    process_t  *process = self;

    trace("   %d.%d: %s", process->gateway, process->conf.index, text);
}


static const worker_world_t  callbacks = {
    process_random,
    network_connect,
    network_send,
    network_close,
    upstream_begun,
    upstream_leased,
    upstream_paused,
    process_log
};


/* each copy has its own global variables: dlopen() compares files */

static worker_api_pt
load_copy(const char *path)
{
    int      fd, file;
    char     name[64], buffer[65536];
    void    *handle;
    ssize_t  n;

    file = open(path, O_RDONLY);
    fd = memfd_create("worker", MFD_CLOEXEC);

    if (file == -1 || fd == -1) {
        perror(path);
        exit(2);
    }

    while ((n = read(file, buffer, sizeof(buffer))) > 0) {
        if (write(fd, buffer, (size_t) n) != n) {
            perror("memfd");
            exit(2);
        }
    }

    close(file);

    snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);

    handle = dlopen(name, RTLD_LAZY | RTLD_LOCAL);

    if (handle == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        exit(2);
    }

    return (worker_api_pt) (uintptr_t) dlsym(handle, "worker_api");
}


void
world_load(const char *path)
{
    int  i;

    for (i = 0; i < PROCESSES_MAX; i++) {
        apis[i] = load_copy(path);
    }

    for (i = 0; i < GATEWAYS_MAX; i++) {
        world.gateways[i].zone = mmap(NULL, ZONE_SIZE, PROT_READ | PROT_WRITE,
                                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (world.gateways[i].zone == MAP_FAILED) {
            perror("mmap");
            exit(2);
        }
    }

    world.redis = redis_create(network_reply, NULL);
}


static int64_t
process_monotonic(const process_t *process)
{
    return world.now - world.gateways[process->gateway].monotonic;
}


static int64_t
process_wall(const process_t *process)
{
    return world.now + world.gateways[process->gateway].skew;
}


int
process_start(process_t *process, int create)
{
    gateway_t      *gateway;
    worker_conf_t  *conf;

    gateway = &world.gateways[process->gateway];
    conf = &process->conf;

    conf->self = process;
    conf->world = &callbacks;
    conf->zone = gateway->zone;
    conf->zone_size = ZONE_SIZE;
    conf->create = create;
    conf->alike = world.plan.alike;
    conf->reject = world.plan.reject;
    conf->polling = world.plan.polling;
    conf->gate_max_ms = world.plan.gate_max;
    conf->monotonic_ms = process_monotonic(process);
    conf->wall_ms = process_wall(process);
    conf->log_level = world.trace ? 7 : 0;

    process->alive = 1;
    process->stalled = 0;
    process->boots++;

    return process->api->start(conf);
}


void
process_kill(process_t *process)
{
    trace("%d.%d is killed", process->gateway, process->conf.index);

    process->alive = 0;

    network_drop(process->number);
    requests_gone(process);
}


/* a gateway whose zone is empty */

void
gateway_start(int n)
{
    int         i;
    process_t  *process;

    laws_gateway_reset(n);
    world.gateways[n].started = world.now;
    world.gateways[n].paused = 0;

    for (i = 0; i < world.gateways[n].workers; i++) {
        process = &world.processes[n * WORKERS_MAX + i];

        if (process_start(process, i == 0) != 0) {
            violated("a gateway starts", "gateway %d", n);
            return;
        }
    }

    world.processes[n * WORKERS_MAX].api->fill(world.plan.ended);
}


void
process_enter(process_t *process)
{
    process->api->time(process_monotonic(process), process_wall(process));
}


void
process_leave(process_t *process)
{
    process->api->turn();
    laws_check(process);
}


process_t *
some_process(void)
{
    int         i;
    process_t  *process;

    i = (int) chance((unsigned) world.plan.gateways);
    process = &world.processes[i * WORKERS_MAX
                               + (int) chance((unsigned)
                                              world.gateways[i].workers)];

    return process->alive && process->stalled <= world.now ? process : NULL;
}


/* ---- events -------------------------------------------------------------- */


event_t *
event_add(event_type_t type, int64_t delay)
{
    event_t  *event;

    if (world.nevents == EVENTS_MAX) {
        violated("the simulation has room", "%zu events", world.nevents);
        world.nevents--;
        free(world.events[world.nevents].bytes);
        free(world.events[world.nevents].asked);
    }

    event = &world.events[world.nevents++];

    memset(event, 0, sizeof(event_t));

    event->type = type;
    event->at = world.now + delay;
    event->order = world.order++;

    return event;
}


static int
event_first(void)
{
    int     first;
    size_t  i;

    first = -1;

    for (i = 0; i < world.nevents; i++) {
        if (first == -1
            || world.events[i].at < world.events[first].at
            || (world.events[i].at == world.events[first].at
                && world.events[i].order < world.events[first].order))
        {
            first = (int) i;
        }
    }

    return first;
}


/* when the process has something to do by itself */

static int64_t
process_due(process_t *process)
{
    int64_t  due;

    if (!process->alive) {
        return NEVER;
    }

    due = process->api->next();

    if (due == -1) {
        return NEVER;
    }

    due = due == 0 ? world.now
                   : due + world.gateways[process->gateway].monotonic;

    if (due < world.now) {
        due = world.now;
    }

    return due < process->stalled ? process->stalled : due;
}


static void
event_handle(event_t *event)
{
    process_t  *process;

    /* what arrives at a stopped process waits for it */

    if (event->type == EVENT_CONNECTED || event->type == EVENT_REFUSED
        || event->type == EVENT_REPLY || event->type == EVENT_CLOSED)
    {
        process = &world.processes[world.links[event->link].process];

    } else if (event->type == EVENT_ANSWER || event->type == EVENT_WAIT
               || event->type == EVENT_POLLED || event->type == EVENT_WEBHOOK
               || event->type == EVENT_LISTED)
    {
        process = &world.processes[event->process];

    } else {
        process = NULL;
    }

    if (process != NULL && process->alive && process->stalled > world.now) {
        if (world.nevents < EVENTS_MAX) {
            world.events[world.nevents] = *event;
            world.events[world.nevents++].at = process->stalled;
        }

        return;
    }

    if (event->type <= EVENT_LEFT || event->type == EVENT_MOOD) {
        network_event(event);

    } else {
        upstream_event(event);
    }

    free(event->bytes);
    free(event->asked);
}


int
world_step(int64_t until)
{
    int        i, first;
    event_t    event;
    int64_t    at, due;
    process_t *process, *next;

    first = event_first();
    at = first == -1 ? NEVER : world.events[first].at;

    next = NULL;

    for (i = 0; i < PROCESSES_MAX; i++) {
        process = &world.processes[i];
        due = process_due(process);

        if (due < at) {
            at = due;
            next = process;
        }
    }

    redis_clock();
    due = redis_due(world.redis);

    if (due != -1 && !world.redis_down) {
        due = (due + 999) / 1000 - world.redis_skew;
        due = due < world.now ? world.now : due;

        if (due < at) {
            if (due > until) {
                return 0;
            }

            world.now = due;
            world.counted++;
            redis_clock();
            redis_expire_blocked(world.redis);
            return 1;
        }
    }

    if (at > until) {
        return 0;
    }

    world.now = at > world.now ? at : world.now;
    world.counted++;

    if (next != NULL) {
        process_enter(next);
        process_leave(next);
        return 1;
    }

    event = world.events[first];
    world.events[first] = world.events[--world.nevents];

    event_handle(&event);

    return 1;
}


void
world_run(int64_t until)
{
    while (world.violation == NULL && world_step(until)) { /* void */ }

    world.now = until;
}


/* ---- a run --------------------------------------------------------------- */


void
world_random_plan(uint64_t seed, plan_t *plan)
{
    world.random = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);

    (void) chance(2);
    (void) chance(2);

    plan->gateways = chance(4) ? 2 : chance(2) ? 3 : 1;
    plan->accounts = 1 + (int) chance(3);
    plan->reject = chance(4) == 0;
    plan->polling = chance(2) == 0;
    plan->gate_max = chance(3) ? 900000 : 120000;
    plan->latency = chance(3) ? 5 : 100;
    plan->faults = chance(4) ? 100 : 0;
    plan->old_session = chance(2) == 0;
    plan->ended = chance(16) ? 0 : 1000;
    plan->stream = chance(4) ? 0 : 1 + chance(3);
    plan->alike = chance(8) == 0;
    plan->backlog = chance(32) ? 0 : 100 + chance(150);
    plan->fansly = chance(4) == 0;
    plan->follow = chance(4) == 0;
}


void
world_reset(uint64_t seed, const plan_t *plan)
{
    int         i, n;
    size_t      e;
    process_t  *process;
    gateway_t  *gateway;

    for (e = 0; e < world.nevents; e++) {
        free(world.events[e].bytes);
        free(world.events[e].asked);
    }

    world.random = (seed + 1) * UINT64_C(0xd1342543de82ef95);
    (void) random_word();
    (void) random_word();

    world.now = START_MS;
    world.order = 0;
    world.counted = 0;
    world.nevents = 0;
    world.ntruths = 0;
    world.calm = 0;
    world.redis_lost = 0;
    world.unlisted = 0;
    world.paused = 0;
    world.violation = NULL;
    world.plan = *plan;

    account_names[0] = plan->fansly ? "fansly_acct_1" : "acct_1";

    memset(world.requests, 0, sizeof(world.requests));
    world.nrequests = 0;
    memset(world.forgotten, 0, sizeof(world.forgotten));

    laws_reset();
    network_reset();

    for (i = 0; i < GATEWAYS_MAX; i++) {
        gateway = &world.gateways[i];

        gateway->workers = i < plan->gateways ? 1 + (int) chance(2) : 0;
        gateway->skew = chance(2) ? (int64_t) chance(7200000) - 3600000
                                  : (int64_t) chance(400) - 200;
        gateway->monotonic = START_MS - 1000000 - chance(1000000);
        gateway->cut = 0;
        gateway->calm = world.now;
        gateway->listing = 0;

        for (n = 0; n < WORKERS_MAX; n++) {
            process = &world.processes[i * WORKERS_MAX + n];

            memset(process, 0, sizeof(process_t));
            process->number = i * WORKERS_MAX + n;
            process->api = apis[process->number]();
            process->gateway = i;
            process->conf.index = n;
        }
    }

    for (i = 0; i < plan->gateways; i++) {
        gateway_start(i);
    }
}
