
/*
 * Copyright (C) the nginx-reauth authors
 *
 * One worker process of a gateway, as the simulation sees it: worker.so is
 * loaded once for each worker, so that each has its own global variables.
 */


#ifndef SIMULATION_WORKER_H
#define SIMULATION_WORKER_H


#include <stddef.h>
#include <stdint.h>

#include "reauth_attempt.h"
#include "reauth_degraded.h"


typedef enum {
    WORKER_GATE_OPEN = 0,
    WORKER_GATE_CLOSED,
    WORKER_GATE_LOADING            /* 503 until Redis has been read */
} worker_gate_t;


/* the result of a begin */

typedef struct {
    int                    ok;     /* 0: refused */
    int                    busy;   /* Redis is away and has to be there */
    int                    local;
    reauth_begin_result_t  begun;
    reauth_record_t        record;
} worker_begun_t;


/* what a worker asks of the world; "self" identifies the worker */

typedef struct {
    uint64_t  (*random)(void *self);
    void      (*connect)(void *self, int connection);
    void      (*send)(void *self, int connection, const unsigned char *data,
        size_t len);
    void      (*close)(void *self, int connection);
    void      (*begun)(void *self, void *data, const worker_begun_t *begun);
    void      (*leased)(void *self, const char *account, size_t len);

    /* all gateways are told to pause for so long */
    void      (*paused)(void *self, int64_t ms);
    void      (*log)(void *self, unsigned level, const char *text);
} worker_world_t;


typedef struct {
    void                  *self;
    const worker_world_t  *world;

    void                  *zone;         /* shared by the workers */
    size_t                 zone_size;
    int                    create;       /* lays the zone out */
    int                    alike;        /* epochs end as those of others do */

    int                    index;        /* worker 0, 1 ... */
    int                    reject;       /* reauth_redis_failure reject */
    int                    polling;      /* reauth_poll is on */
    int64_t                gate_max_ms;
    int64_t                monotonic_ms;
    int64_t                wall_ms;
    unsigned               log_level;
} worker_conf_t;


/* a list of accounts that was requested */

typedef struct {
    uint32_t  number;                    /* of the zone's lists */
    int64_t   sent;                      /* monotonic */
    int64_t   asked_ms;
} worker_list_t;


/* how a gateway describes itself */

typedef struct {
    int       loaded;
    int       ready;                     /* no reason to be degraded */
    unsigned  nreasons;
    int       writes_refused;            /* told */
    size_t    dirty;
    size_t    active;
    size_t    accounts;
    size_t    evicted;                   /* ended records that made room */
} worker_health_t;


typedef struct {
    /* a new process; the one before is gone without a trace */
    int  (*start)(const worker_conf_t *conf);

    /* the clocks of the machine; each turn of the event loop reads them */
    void  (*time)(int64_t monotonic_ms, int64_t wall_ms);

    /* the rest of a turn: posted events and timers */
    void  (*turn)(void);

    /* the monotonic time of the next timer, -1: none; 0: there are events */
    int64_t  (*next)(void);

    void  (*connected)(int connection, int error);
    void  (*received)(int connection, const unsigned char *data, size_t len);
    void  (*closed)(int connection);

    /* world->begun is called once */
    int  (*begin)(const char *account, const uint8_t *print, int waited,
        void *data);

    /* as the response to a poll that was sent at this monotonic time */
    void  (*asked)(reauth_fact_t *fact, const reauth_record_t *record,
        int64_t monotonic, int64_t now);

    reauth_advance_result_t  (*advance)(const char *account,
        reauth_fact_t *fact, reauth_record_t *record);

    /* as DELETE of an account; 1: the attempt of *former is forgotten */
    int  (*forget)(const char *account, reauth_record_t *former);

    /* as the handler of webhooks */
    void  (*webhook)(const char *account, reauth_state_t state,
        int64_t started_us);

    /* accounts whose attempts have ended, as if they were read from Redis */
    void  (*fill)(unsigned n);

    /* the attempt of an account that nobody knows has ended: acct_back_n */
    void  (*end)(unsigned n);

    /* takes the polls that are due; world->leased is called for each */
    void  (*lease)(void);

    /* its own poll has failed; the record is that of when it was sent */
    void  (*failed)(const char *account, const reauth_record_t *asked,
        unsigned status, int64_t retry_after_ms);

    /* requests a list of accounts; 0: no attempt waits for one */
    int  (*list)(worker_list_t *list);
    void  (*listed)(const worker_list_t *list, unsigned status,
        const char *body, size_t len, int whole);

    worker_gate_t  (*gate)(const char *account);
    int  (*kept)(const char *account, reauth_record_t *record);
    void  (*health)(worker_health_t *health);

    /* a worker died with the lock: the next one that takes it repairs */
    void  (*broken)(void);

    /* whether the list by update has each account once, in its order */
    int  (*ordered)(void);
    int64_t  (*now)(void);
    int64_t  (*monotonic)(void);
} worker_api_t;


typedef const worker_api_t *(*worker_api_pt)(void);


#endif /* SIMULATION_WORKER_H */
