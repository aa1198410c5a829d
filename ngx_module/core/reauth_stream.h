
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Detects missed events: each event in the stream of Redis has the number after
 * that of the previous one.  Determines when all active records are read again.
 * Plain C, without a clock.
 */


#ifndef REAUTH_STREAM_H
#define REAUTH_STREAM_H


#include <stdint.h>


/* minimum interval of reading everything again if events were missed, in ms */
#define REAUTH_STREAM_AGAIN_MS   1000

/* the same if events may have been missed, or did not fit into the zone */
#define REAUTH_STREAM_DOUBT_MS   30000


typedef enum {
    REAUTH_STREAM_WHOLE = 0,
    REAUTH_STREAM_DOUBT,         /* something may be missing */
    REAUTH_STREAM_MISSED         /* something is */
} reauth_stream_state_t;


typedef struct {
    uint64_t               number;   /* of the last event; 0: none yet */
    uint64_t               told;     /* of the last one in Redis; 0: unknown */
    reauth_stream_state_t  state;
} reauth_stream_t;


/*
 * begins to read everything, after the event of this number: that of the last
 * one in the stream, or by the counter; 0: none was written yet
 */
void reauth_stream_begin(reauth_stream_t *stream, uint64_t number);

/*
 * An event; "number" 0: of a gateway of an earlier version, which does not
 * count.  Returns 1 if events before it were missed.
 */
int reauth_stream_event(reauth_stream_t *stream, uint64_t number);

/* the stream has no further events; returns 1 if the counter is higher */
int reauth_stream_end(reauth_stream_t *stream);

/*
 * The number of the last event by the counter in Redis; 0: it does not exist.
 * Returns 1 if Redis has lost its data, which must be read again.
 */
int reauth_stream_counter(reauth_stream_t *stream, uint64_t number);

/* whether this number by the counter shows that Redis has lost all data */
int reauth_stream_is_emptied(const reauth_stream_t *stream, uint64_t number);

/* something that was read did not fit into the zone */
void reauth_stream_dropped(reauth_stream_t *stream);

/* Redis has lost a part of the set of active accounts: it is read at once */
void reauth_stream_unlisted(reauth_stream_t *stream);

/*
 * Milliseconds until everything must be read again, "since_ms" after the last
 * time; -1: never.
 */
int64_t reauth_stream_again_ms(const reauth_stream_t *stream,
    int64_t since_ms);


#endif /* REAUTH_STREAM_H */
