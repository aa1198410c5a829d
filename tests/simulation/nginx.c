
/*
 * Copyright (C) the nginx-reauth authors
 *
 * What the module uses of nginx beyond the objects that are linked: a process
 * whose memory, clock, sockets and random numbers are those of the simulation.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_event_connect.h>

#include "nginx.h"


#define ARENA_SIZE      (16 * 1024 * 1024)
#define ARENA_CLASSES   24
#define ARENA_HEAD      16


/* the memory of the process is reset when it is started again */

static u_char          *arena;
static size_t           arena_used;
static void            *arena_free[ARENA_CLASSES];

static ngx_connection_t  connections[SIMULATION_CONNECTIONS];
static ngx_event_t       reads[SIMULATION_CONNECTIONS];
static ngx_event_t       writes[SIMULATION_CONNECTIONS];
static u_char           *inputs[SIMULATION_CONNECTIONS];
static size_t            input_lens[SIMULATION_CONNECTIONS];
static int               ends[SIMULATION_CONNECTIONS];
static int               errors[SIMULATION_CONNECTIONS];
static int               used[SIMULATION_CONNECTIONS];

static ngx_time_t        cached_time;
static ngx_cycle_t       cycle;
static ngx_log_t         cycle_log;

const worker_conf_t     *simulation_conf;

volatile ngx_msec_t      ngx_current_msec;
volatile ngx_time_t     *ngx_cached_time = &cached_time;
volatile ngx_cycle_t    *ngx_cycle = &cycle;
ngx_pid_t                ngx_pid = 1;
ngx_uint_t               ngx_pagesize = 4096;
ngx_uint_t               ngx_pagesize_shift = 12;
ngx_uint_t               ngx_cacheline_size = 64;
ngx_int_t                ngx_ncpu = 1;
ngx_uint_t               ngx_process = NGX_PROCESS_WORKER;
ngx_uint_t               ngx_worker;
ngx_uint_t               ngx_exiting;
sig_atomic_t             ngx_quit;
sig_atomic_t             ngx_terminate;
ngx_uint_t               ngx_event_flags = NGX_USE_CLEAR_EVENT;
ngx_event_actions_t      ngx_event_actions;
static ngx_atomic_t      connection_counter;
ngx_atomic_t            *ngx_connection_counter = &connection_counter;

extern void __libc_free(void *p);


/* ---- memory -------------------------------------------------------------- */


static unsigned
arena_class(size_t size)
{
    unsigned  n;

    for (n = 5; ((size_t) 1 << n) < size; n++) { /* void */ }

    return n;
}


static void *
arena_alloc(size_t size)
{
    u_char    *p;
    unsigned   n;

    n = arena_class(size + ARENA_HEAD);

    if (n >= ARENA_CLASSES) {
        return NULL;
    }

    p = arena_free[n];

    if (p != NULL) {
        arena_free[n] = *(void **) p;
        return p;
    }

    if (arena_used + ((size_t) 1 << n) > ARENA_SIZE) {
        return NULL;
    }

    p = arena + arena_used;
    arena_used += (size_t) 1 << n;

    *(unsigned *) p = n;

    return p + ARENA_HEAD;
}


/* ngx_free() too; memory of libraries is not from the arena */

void
free(void *p)
{
    unsigned  n;

    if (p == NULL) {
        return;
    }

    if ((u_char *) p < arena || (u_char *) p >= arena + ARENA_SIZE) {
        __libc_free(p);
        return;
    }

    n = *(unsigned *) ((u_char *) p - ARENA_HEAD);

    *(void **) p = arena_free[n];
    arena_free[n] = p;
}


void *
ngx_alloc(size_t size, ngx_log_t *log)
{
    return arena_alloc(size);
}


void *
ngx_calloc(size_t size, ngx_log_t *log)
{
    void  *p;

    p = arena_alloc(size);

    if (p != NULL) {
        ngx_memzero(p, size);
    }

    return p;
}


void *
ngx_memalign(size_t alignment, size_t size, ngx_log_t *log)
{
    return arena_alloc(size);
}


/* ---- log, clock, random numbers ------------------------------------------ */


void
ngx_log_error_core(ngx_uint_t level, ngx_log_t *log, ngx_err_t err,
    const char *fmt, ...)
{
    u_char   text[1024], *p;
    va_list  args;

    va_start(args, fmt);
    p = ngx_vslprintf(text, text + sizeof(text) - 1, fmt, args);
    va_end(args);

    if (log->handler) {
        p = log->handler(log, p, text + sizeof(text) - 1 - p);
    }

    *p = '\0';

    simulation_conf->world->log(simulation_conf->self, (unsigned) level,
                                (char *) text);
}


void
simulation_set_time(int64_t monotonic_ms, int64_t wall_ms)
{
    ngx_current_msec = (ngx_msec_t) monotonic_ms;
    cached_time.sec = (time_t) (wall_ms / 1000);
    cached_time.msec = (ngx_uint_t) (wall_ms % 1000);
}


long
random(void)
{
    long  word;

    word = (long) (simulation_conf->world->random(simulation_conf->self)
                   & 0x7fffffff);

    /* of a zone: one of 512 pairs of gateways makes the same epochs */

    return simulation_conf->alike && simulation_conf->create
           ? word - word % REAUTH_EPOCH_TICKS : word;
}


int
RAND_bytes(unsigned char *buf, int num)
{
    int  i;

    for (i = 0; i < num; i++) {
        buf[i] = (unsigned char)
                 simulation_conf->world->random(simulation_conf->self);
    }

    return 1;
}


/* ---- connections --------------------------------------------------------- */


static ssize_t
simulation_recv(ngx_connection_t *c, u_char *buf, size_t size)
{
    size_t  n;
    int     i;

    i = c->fd;
    n = ngx_min(size, input_lens[i]);

    if (n == 0) {
        if (ends[i]) {
            c->read->eof = 1;
            return 0;
        }

        c->read->ready = 0;
        return NGX_AGAIN;
    }

    ngx_memcpy(buf, inputs[i], n);

    inputs[i] += n;
    input_lens[i] -= n;

    if (input_lens[i] == 0 && !ends[i]) {
        c->read->ready = 0;
    }

    return (ssize_t) n;
}


static ssize_t
simulation_send(ngx_connection_t *c, u_char *buf, size_t size)
{
    simulation_conf->world->send(simulation_conf->self, c->fd, buf, size);

    return (ssize_t) size;
}


ngx_int_t
ngx_event_connect_peer(ngx_peer_connection_t *pc)
{
    int                i;
    ngx_connection_t  *c;

    for (i = 0; used[i]; i++) {
        if (i + 1 == SIMULATION_CONNECTIONS) {
            return NGX_ERROR;
        }
    }

    used[i] = 1;
    ends[i] = 0;
    errors[i] = 0;
    input_lens[i] = 0;

    c = &connections[i];

    ngx_memzero(c, sizeof(ngx_connection_t));
    ngx_memzero(&reads[i], sizeof(ngx_event_t));
    ngx_memzero(&writes[i], sizeof(ngx_event_t));

    c->fd = i;
    c->read = &reads[i];
    c->write = &writes[i];
    c->read->data = c;
    c->write->data = c;
    c->write->write = 1;
    c->read->log = pc->log;
    c->write->log = pc->log;
    c->log = pc->log;
    c->recv = simulation_recv;
    c->send = simulation_send;

    pc->connection = c;

    simulation_conf->world->connect(simulation_conf->self, i);

    return NGX_AGAIN;
}


ngx_int_t
ngx_event_get_peer(ngx_peer_connection_t *pc, void *data)
{
    return NGX_OK;
}


void
ngx_close_connection(ngx_connection_t *c)
{
    int  i;

    i = c->fd;

    if (c->read->timer_set) {
        ngx_del_timer(c->read);
    }

    if (c->write->timer_set) {
        ngx_del_timer(c->write);
    }

    if (c->read->posted) {
        ngx_delete_posted_event(c->read);
    }

    if (c->write->posted) {
        ngx_delete_posted_event(c->write);
    }

    c->read->closed = 1;
    c->write->closed = 1;

    used[i] = 0;
    input_lens[i] = 0;

    simulation_conf->world->close(simulation_conf->self, i);
}


int
getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
    *(int *) value = errors[fd];

    return 0;
}


ngx_int_t
ngx_tcp_nodelay(ngx_connection_t *c)
{
    return NGX_OK;
}


ngx_int_t
ngx_handle_read_event(ngx_event_t *rev, ngx_uint_t flags)
{
    return NGX_OK;
}


ngx_int_t
ngx_handle_write_event(ngx_event_t *wev, size_t lowat)
{
    return NGX_OK;
}


void
simulation_connected(int i, int error)
{
    if (used[i]) {
        errors[i] = error;
        connections[i].write->ready = 1;
        connections[i].write->handler(connections[i].write);
    }
}


void
simulation_received(int i, const u_char *data, size_t len)
{
    if (used[i]) {
        inputs[i] = (u_char *) data;
        input_lens[i] = len;
        connections[i].read->ready = 1;
        connections[i].read->handler(connections[i].read);
        input_lens[i] = 0;
    }
}


void
simulation_closed(int i)
{
    if (used[i]) {
        ends[i] = 1;
        connections[i].read->ready = 1;
        connections[i].read->handler(connections[i].read);
    }
}


/* ---- the process --------------------------------------------------------- */


ngx_int_t
simulation_process(const worker_conf_t *conf)
{
    simulation_conf = conf;

    if (arena == NULL) {
        arena = mmap(NULL, ARENA_SIZE, PROT_READ|PROT_WRITE,
                     MAP_PRIVATE|MAP_ANONYMOUS|MAP_NORESERVE, -1, 0);
        if (arena == MAP_FAILED) {
            return NGX_ERROR;
        }

        ngx_slab_sizes_init();
    }

    arena_used = 0;
    ngx_memzero(arena_free, sizeof(arena_free));
    ngx_memzero(used, sizeof(used));
    ngx_memzero(&cycle, sizeof(ngx_cycle_t));
    ngx_memzero(&cycle_log, sizeof(ngx_log_t));

    cycle_log.log_level = conf->log_level;
    cycle.log = &cycle_log;

    cycle.pool = ngx_create_pool(1024, cycle.log);
    if (cycle.pool == NULL) {
        return NGX_ERROR;
    }

    ngx_worker = (ngx_uint_t) conf->index;
    ngx_pid = 1000 + conf->index;

    simulation_set_time(conf->monotonic_ms, conf->wall_ms);

    ngx_queue_init(&ngx_posted_accept_events);
    ngx_queue_init(&ngx_posted_next_events);
    ngx_queue_init(&ngx_posted_events);

    return ngx_event_timer_init(cycle.log);
}


/* as ngx_process_events_and_timers() */

void
simulation_turn(void)
{
    ngx_event_process_posted(&cycle, &ngx_posted_events);

    if (!ngx_queue_empty(&ngx_posted_next_events)) {
        ngx_event_move_posted_next(&cycle);
    }

    ngx_event_expire_timers();
    ngx_event_process_posted(&cycle, &ngx_posted_events);
}


int64_t
simulation_next(void)
{
    ngx_rbtree_node_t  *node;

    if (!ngx_queue_empty(&ngx_posted_next_events)
        || !ngx_queue_empty(&ngx_posted_events))
    {
        return 0;
    }

    if (ngx_event_timer_rbtree.root == ngx_event_timer_rbtree.sentinel) {
        return -1;
    }

    node = ngx_rbtree_min(ngx_event_timer_rbtree.root,
                          ngx_event_timer_rbtree.sentinel);

    return (int64_t) node->key;
}
