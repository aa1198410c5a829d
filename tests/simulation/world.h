
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The world of the simulation: true time, what happens next, gateways with
 * their workers, the network, Redis, the upstream and its clients.
 */


#ifndef SIMULATION_WORLD_H
#define SIMULATION_WORLD_H


#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "redis.h"
#include "worker.h"


#define GATEWAYS_MAX      3
#define WORKERS_MAX       2            /* of a gateway */
#define PROCESSES_MAX     (GATEWAYS_MAX * WORKERS_MAX)
#define ACCOUNTS_MAX      4
#define LINKS_MAX         64
#define EVENTS_MAX        1024
#define REQUESTS_MAX      128
#define TRUTHS_MAX        512
#define COPIES_MAX        8

#define ZONE_SIZE         (256 * 1024)
#define START_MS          INT64_C(1763985600000)
#define NEVER             INT64_MAX
#define NOBODY            -1

#define UPDATE_WAIT       30000        /* reauth_update_wait */
#define WAIT_STEP         500


typedef enum {
    EVENT_CONNECT = 0,                 /* arrives at Redis */
    EVENT_CONNECTED,                   /* back at the worker */
    EVENT_REFUSED,
    EVENT_COMMAND,                     /* bytes for Redis */
    EVENT_REPLY,                       /* bytes for the worker */
    EVENT_CLOSED,                      /* by Redis, seen by the worker */
    EVENT_LEFT,                        /* by the worker, seen by Redis */

    EVENT_UPDATE,                      /* a PUT arrives at the upstream */
    EVENT_ANSWER,                      /* its response at the worker */
    EVENT_WAIT,                        /* a request looks again */
    EVENT_POLL,                        /* a poll arrives at the upstream */
    EVENT_POLLED,
    EVENT_WEBHOOK,
    EVENT_LEASED,                      /* a poll is due */
    EVENT_LIST,                        /* a request for the list arrives */
    EVENT_LISTED,
    EVENT_MOOD                         /* Redis serves again */
} event_type_t;


typedef struct {
    int64_t          at;
    uint64_t         order;            /* of those at the same time */
    event_type_t     type;
    int              link;
    unsigned         generation;
    int              request;
    int              process;
    int              account;
    int              truth;
    reauth_state_t   state;
    int64_t          started_us;
    uint64_t         origin;           /* of an update; started_us: epoch */
    char            *bytes;
    size_t           len;
    unsigned         step;
    int64_t          asked_ms;         /* by the clock of the gateway */
    int64_t          sent;             /* monotonic */
    reauth_record_t *asked;            /* of a poll; NULL: not known */
    int              own;              /* a poll of the gateway's poller */
    unsigned         status;           /* of a response; 0: 200 */
    int64_t          retry_after;      /* -1: none */
    worker_list_t    list;
    int              whole;
} event_t;


/* a connection of a worker to Redis */

typedef struct {
    int              used;
    unsigned         generation;
    int              process;
    int              connection;       /* the worker's number of it */
    int              client;           /* Redis' one; -1: not there */
    int64_t          to_redis;         /* when the last bytes arrive */
    int64_t          to_worker;
    int64_t          slow;             /* until */
    unsigned         slow_ms;          /* at most */
    int64_t          read;             /* when it asked for the end of events */
    int              closed;           /* by the worker */
    int              reset;            /* by Redis; the worker will see it */
} link_t;


typedef struct {
    const worker_api_t  *api;
    worker_conf_t        conf;
    int                  gateway;
    int                  alive;
    int64_t              stalled;      /* until: SIGSTOP */
    unsigned             boots;
    int                  number;
} process_t;


typedef struct {
    void            *zone;
    int              workers;
    int64_t          skew;             /* of the wall clock */
    int64_t          monotonic;        /* what to take off true time */
    int64_t          cut;              /* off Redis, until */
    int64_t          calm;             /* since when it is not */
    int64_t          started;          /* with an empty zone */
    int64_t          told;             /* when it received Retry-After */
    int64_t          paused;           /* and until when it sends no polls */
    int              listing;          /* it reads a list */
} gateway_t;


/* an attempt as it is upstream */

typedef struct {
    int              account;
    int64_t          began;
    int64_t          since;            /* when its update was begun */
    int64_t          ended;            /* 0: running */
    int64_t          started_us;
    reauth_state_t   state;
    int              shown;
    uint64_t         epoch;            /* of the update */
    uint64_t         origin;
    int              disputed;         /* an earlier one has a later epoch */
    int              running;          /* a gate was looked at meanwhile */
    int              exempt;           /* and not judged */
    char             name[16];
} truth_t;


/* attempts of all runs that were running while a gate was looked at */

typedef struct {
    unsigned long long  attempts;
    unsigned long long  exempt;        /* not judged, or only until then */
} laws_counts_t;


/* a client's update, until it is answered */

typedef struct {
    int              used;
    int              process;
    unsigned         boots;            /* of the process */
    int              account;
    int              print;
    int64_t          since;
    int64_t          wait_until;
    uint64_t         joined;
    uint64_t         epoch;            /* as it was begun */
} request_t;


/* how a run goes, from its seed */

typedef struct {
    int              gateways;
    int              accounts;
    int              reject;
    int              polling;
    int64_t          gate_max;
    int              latency;          /* at most, usually */
    unsigned         faults;           /* of a thousand actions */
    int              old_session;
    unsigned         ended;            /* accounts that fill the zone */
    unsigned         stream;           /* entries that it keeps; 0: all */
    int              alike;            /* zones with the same last ten bits */
    unsigned         backlog;          /* changes while Redis is away */
    int              fansly;           /* the first account is one */
    int              follow;           /* the gateways poll, for minutes */
} plan_t;


typedef struct {
    uint64_t         random;
    int64_t          now;
    uint64_t         order;
    uint64_t         counted;          /* events, in this run */
    int              trace;
    int              calm;             /* no more faults */

    plan_t           plan;
    const char      *violation;
    char             detail[256];

    process_t        processes[PROCESSES_MAX];
    gateway_t        gateways[GATEWAYS_MAX];

    event_t          events[EVENTS_MAX];
    size_t           nevents;

    link_t           links[LINKS_MAX];
    redis_t         *redis;
    int64_t          redis_skew;
    int64_t          redis_us;         /* its clock is not set back by this */
    int              redis_down;
    int64_t          redis_calm;       /* since when it serves all */
    int64_t          redis_lost;       /* when it lost data */
    int              unlisted;         /* it has lost a part of its indexes */
    int64_t          told;             /* when a pause was stored in Redis */
    int64_t          paused;           /* and until when it holds for all */
    int              forgotten[ACCOUNTS_MAX];  /* deleted by hand */
    redis_db_t      *copies[COPIES_MAX];
    int64_t          copied[COPIES_MAX];
    unsigned         ncopies;

    request_t        requests[REQUESTS_MAX];
    int              nrequests;        /* no later one was used in this run */
    truth_t          truths[TRUTHS_MAX];
    int              ntruths;
} world_t;


extern world_t      world;
extern const char  *account_names[ACCOUNTS_MAX];


/* world.c */

void world_load(const char *path);
void world_reset(uint64_t seed, const plan_t *plan);
void world_random_plan(uint64_t seed, plan_t *plan);
unsigned chance(unsigned n);
void trace(const char *format, ...) __attribute__((format(printf, 1, 2)));
void violated(const char *law, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

event_t *event_add(event_type_t type, int64_t delay);
void world_run(int64_t until);           /* all that happens until then */
int world_step(int64_t until);           /* the next event; 0: none before */

void process_enter(process_t *process);  /* before its functions are called */
void process_leave(process_t *process);  /* a turn; laws are checked */
int process_start(process_t *process, int create);
void process_kill(process_t *process);
void gateway_start(int gateway);
process_t *some_process(void);           /* one that runs; or NULL */


/* network.c */

void network_reset(void);
void network_connect(void *self, int connection);
void network_send(void *self, int connection, const unsigned char *data,
    size_t len);
void network_close(void *self, int connection);
void network_reply(void *data, int client, const char *bytes, size_t len);
void network_event(event_t *event);
void network_drop(int process);          /* all that it has */
void network_cut(int gateway, int64_t ms);
void redis_clock(void);
void redis_crash(int64_t down_ms, const redis_db_t *db, int keep);
void redis_load(int64_t ms, const redis_db_t *db, int keep);
void redis_refuse_writes(int64_t ms, const char *error);
void redis_snapshot(void);
int64_t latency(void);


/* upstream.c */

void upstream_event(event_t *event);
void upstream_begun(void *self, void *data, const worker_begun_t *begun);
void upstream_update(process_t *process, int account, int print);
void upstream_poll(process_t *process, int account);
void upstream_forget(process_t *process, int account);
void upstream_leased(void *self, const char *account, size_t len);
void upstream_paused(void *self, int64_t ms);
void upstream_list(process_t *process);
void upstream_advance(int account);
void upstream_end(int account);
void upstream_forgotten(int account);
int upstream_newest(int account);
int upstream_fansly(int account);
void requests_gone(process_t *process);


/* laws.c */

void laws_reset(void);
const laws_counts_t *laws_count(void);
void laws_gateway_reset(int gateway);
void laws_check(process_t *process);
void laws_begun(int account, const reauth_record_t *record, int local);
void laws_sent(int account, uint64_t epoch, uint64_t origin, int truth);
void laws_forgotten(int account, const reauth_record_t *record);
void laws_polled(const process_t *process);
int laws_lost(void);
const char *state_name(unsigned state);
int laws_unwritten(void);
int laws_backlog(unsigned n);
void laws_agree(void);


#endif /* SIMULATION_WORLD_H */
