
/*
 * Copyright (C) the nginx-reauth authors
 */


#include "reauth_stream.h"


void
reauth_stream_begin(reauth_stream_t *stream, uint64_t number)
{
    stream->number = number;
    stream->told = 0;
    stream->state = REAUTH_STREAM_WHOLE;
}


static void
reauth_stream_doubt(reauth_stream_t *stream, reauth_stream_state_t state)
{
    if (stream->state < state) {
        stream->state = state;
    }
}


int
reauth_stream_event(reauth_stream_t *stream, uint64_t number)
{
    int  missed;

    if (number == 0) {

        /*
         * earlier versions do not number their events: gaps are not
         * detectable
         */

        reauth_stream_doubt(stream, REAUTH_STREAM_DOUBT);
        return 0;
    }

    /*
     * If the counter did not exist when everything was read, because Redis
     * refused to create it, events before the first one may have been lost.
     */

    missed = stream->number == 0 || number != stream->number + 1;

    stream->number = number;

    if (missed) {
        reauth_stream_doubt(stream, REAUTH_STREAM_MISSED);
    }

    return missed;
}


int
reauth_stream_end(reauth_stream_t *stream)
{
    if (stream->told <= stream->number) {
        return 0;
    }

    /* counted, but not in the stream: they were removed before being read */

    stream->number = stream->told;
    reauth_stream_doubt(stream, REAUTH_STREAM_MISSED);

    return 1;
}


int
reauth_stream_counter(reauth_stream_t *stream, uint64_t number)
{
    if (number < stream->number) {
        return 1;
    }

    /* the events after stream->number are still to be read */

    stream->told = number;

    return 0;
}


int
reauth_stream_is_emptied(const reauth_stream_t *stream, uint64_t number)
{
    return number == 0 && stream->number != 0;
}


void
reauth_stream_dropped(reauth_stream_t *stream)
{
    reauth_stream_doubt(stream, REAUTH_STREAM_DOUBT);
}


void
reauth_stream_unlisted(reauth_stream_t *stream)
{
    reauth_stream_doubt(stream, REAUTH_STREAM_MISSED);
}


int64_t
reauth_stream_again_ms(const reauth_stream_t *stream, int64_t since_ms)
{
    int64_t  wait_ms;

    if (stream->state == REAUTH_STREAM_WHOLE) {
        return -1;
    }

    wait_ms = stream->state == REAUTH_STREAM_MISSED ? REAUTH_STREAM_AGAIN_MS
                                                    : REAUTH_STREAM_DOUBT_MS;

    return since_ms < wait_ms ? wait_ms - since_ms : 0;
}
