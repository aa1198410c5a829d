
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The clock of the fleet: this machine's monotonic clock and an offset, which
 * is in the zone.  The offset is taken from the wall clock when the zone is
 * created, and from Redis as soon as it is connected.
 */


#ifndef _NGX_HTTP_REAUTH_CLOCK_H_INCLUDED_
#define _NGX_HTTP_REAUTH_CLOCK_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/* the offset of this worker's zone */
extern volatile int64_t  *ngx_http_reauth_clock;


/* milliseconds of the wall clock, as of this turn of the event loop */

static ngx_inline int64_t
ngx_http_reauth_wall_clock(void)
{
    ngx_time_t  *tp;

    tp = ngx_timeofday();

    return (int64_t) tp->sec * 1000 + tp->msec;
}


/*
 * The same for the monotonic clock.  Where nginx has none, ngx_current_msec is
 * the wall clock; where it is of 32 bits, it wraps after 49 days.
 */

static ngx_inline int64_t
ngx_http_reauth_monotonic(void)
{
#if (NGX_PTR_SIZE == 8)

    return (int64_t) ngx_current_msec;

#elif (NGX_HAVE_CLOCK_MONOTONIC)

    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;

#else

    return ngx_http_reauth_wall_clock();

#endif
}


/* milliseconds since the Unix epoch by the clock of the fleet */

static ngx_inline int64_t
ngx_http_reauth_now(void)
{
    return ngx_http_reauth_monotonic() + *ngx_http_reauth_clock;
}


/*
 * That time at a monotonic time, by what is known of the fleet's clock now.
 * The time of a request is compared with those of records, which are moved when
 * the clock is corrected: it is kept as a monotonic one.
 */

static ngx_inline int64_t
ngx_http_reauth_clock_at(int64_t monotonic_ms)
{
    return monotonic_ms + *ngx_http_reauth_clock;
}


/* when a request was sent: by the clock of the fleet, as it was known then */

typedef struct {
    int64_t  monotonic_ms;
    int64_t  ms;
} ngx_http_reauth_moment_t;


static ngx_inline void
ngx_http_reauth_moment(ngx_http_reauth_moment_t *moment)
{
    moment->monotonic_ms = ngx_http_reauth_monotonic();
    moment->ms = ngx_http_reauth_now();
}


/*
 * The clock may have been corrected since, and records that Redis has are not
 * moved: the earlier time, so that no response seems to be about a later one.
 */

static ngx_inline int64_t
ngx_http_reauth_moment_ms(const ngx_http_reauth_moment_t *moment)
{
    return ngx_min(moment->ms, ngx_http_reauth_clock_at(moment->monotonic_ms));
}


/* by how much the wall clock of this machine is ahead of that of the fleet */

static ngx_inline int64_t
ngx_http_reauth_clock_offset_ms(void)
{
    return ngx_http_reauth_wall_clock() - ngx_http_reauth_now();
}


#endif /* _NGX_HTTP_REAUTH_CLOCK_H_INCLUDED_ */
