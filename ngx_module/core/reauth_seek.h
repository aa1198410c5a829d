
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Determines the next address of a connection to Redis: an address of the
 * configuration, a node named by a Redis Cluster, or the primary named by
 * Sentinels.  The results of connections are reported by the calling code.
 */


#ifndef REAUTH_SEEK_H
#define REAUTH_SEEK_H


#include "reauth_degraded.h"


/* of a name in DNS */
#define REAUTH_SEEK_HOST_MAX     253

/*
 * Back-off in milliseconds: the first retry is early, as a restarted Redis is
 * available soon.  If the place can change, it is looked for once a second.
 */
#define REAUTH_SEEK_PAUSE_MIN    100
#define REAUTH_SEEK_PAUSE_MAX    5000
#define REAUTH_SEEK_PAUSE_MOVES  1000

/* redirections in a row: a cluster that is changed may name two in turn */
#define REAUTH_SEEK_HOPS_MAX     5


typedef struct {
    char       host[REAUTH_SEEK_HOST_MAX + 1];
    unsigned   port;
} reauth_endpoint_t;


typedef enum {
    REAUTH_SEEK_LISTED = 0,            /* an address of the configuration */
    REAUTH_SEEK_TOLD,                  /* the place that was named */
    REAUTH_SEEK_ASK                    /* Sentinels name it first */
} reauth_seek_where_t;


typedef enum {
    REAUTH_SEEK_FAILED = 0,            /* was not usable */
    REAUTH_SEEK_LEFT,                  /* was used, is not usable any more */
    REAUTH_SEEK_LOST                   /* was used, may be again */
} reauth_seek_end_t;


typedef struct {
    reauth_seek_where_t  where;

    unsigned             sentinels;    /* that name the primary */
    unsigned             servers;      /* in the configuration, else */
    unsigned             server;       /* number of the current one */
    unsigned             addrs;        /* of its name */
    unsigned             addr;         /* number of the current one */

    unsigned             tried;        /* servers, since the last pause */
    unsigned             hops;         /* redirections, likewise */
    unsigned             moves;        /* a place was named */
    unsigned             pause_ms;     /* the last one */

    reauth_endpoint_t    place;        /* TOLD */
    int64_t              epoch;        /* of the Sentinels' configuration */
    unsigned             stale;        /* answers of earlier ones, in a row */
} reauth_seek_t;


/* at least one of either; with Sentinels, the servers are not used */
void reauth_seek_init(reauth_seek_t *seek, unsigned servers,
    unsigned sentinels);

/* the number of addresses of the current place */
void reauth_seek_resolved(reauth_seek_t *seek, unsigned addrs);

/* whether there are other addresses to try before the next pause */
int reauth_seek_more(const reauth_seek_t *seek);

/*
 * The connection has ended; "steady": after it was usable for some time.
 * Returns the milliseconds to wait before the next try.
 */
unsigned reauth_seek_ended(reauth_seek_t *seek, reauth_seek_end_t end,
    int steady, unsigned random);

/* 0: connect to the place at once; -1: do not follow the redirection */
int reauth_seek_moved(reauth_seek_t *seek, const reauth_endpoint_t *place,
    int steady);

/* leaves a usable server for the next one at once */
void reauth_seek_turn(reauth_seek_t *seek);

/* the connection is usable */
void reauth_seek_ready(reauth_seek_t *seek);


typedef enum {
    REAUTH_SEEK_STALE = 0,             /* an older configuration */
    REAUTH_SEEK_SAME,
    REAUTH_SEEK_OTHER
} reauth_seek_named_t;

/* a Sentinel names the primary of a configuration epoch */
reauth_seek_named_t reauth_seek_named(reauth_seek_t *seek,
    const reauth_endpoint_t *place, int64_t epoch);


/* whether a server is the right one, by its error to a script that writes */
int reauth_seek_serves(const reauth_string_t *error);

/* how an error ends a connection that was used; FAILED: it does not */
reauth_seek_end_t reauth_seek_error(const reauth_string_t *error);

/*
 * The place in an error "code slot host:port" of a Redis Cluster, MOVED or ASK.
 * Without a host it is that of "here".  Returns -1 if it is not one.
 */
int reauth_endpoint_parse(reauth_endpoint_t *place,
    const reauth_string_t *error, const char *code, const char *here);

/* a name or an address, and a port; -1 if one of them is invalid */
int reauth_endpoint_set(reauth_endpoint_t *place, const reauth_string_t *host,
    const reauth_string_t *port);


#endif /* REAUTH_SEEK_H */
