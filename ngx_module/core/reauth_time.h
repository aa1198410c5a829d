
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Times as text for the years 1970 to 9999: ISO 8601 as restricted by RFC 3339,
 * parsed and written, and HTTP-date, parsed only.  Independent of the locale
 * and time zone.
 */


#ifndef REAUTH_TIME_H
#define REAUTH_TIME_H


#include <stdint.h>

#include "reauth_string.h"


/* the end of the year 9999 */
#define REAUTH_TIME_MS_MAX   INT64_C(253402300799999)

/* with the NUL at the end */
#define REAUTH_TIME_US_SIZE  sizeof("2025-01-01T12:00:00.000000Z")
#define REAUTH_TIME_MS_SIZE  sizeof("2025-01-01T12:00:00.000Z")


/*
 * Parses a time (RFC 3339) with up to nine digits of a fraction, truncated to
 * microseconds, and "Z" or a numeric offset.  Returns 0 and microseconds since
 * the Unix epoch, or -1 if the text is invalid.
 */
int reauth_time_parse(const reauth_string_t *text, int64_t *us);

/*
 * The three forms of HTTP-date (RFC 9110, 5.6.7): IMF-fixdate, RFC 850,
 * asctime.  The name of the day is not compared with the date.  A year of two
 * digits that is more than 50 years after "now_ms" is of the century before.
 * Returns 0 and milliseconds since the Unix epoch, or -1 if the text is not
 * such a date.
 */
int reauth_time_parse_http(const reauth_string_t *text, int64_t now_ms,
    int64_t *ms);

/*
 * Write a NUL-terminated text in UTC to a buffer of the size above and return
 * its length.  Times outside of the range are written as the nearest time
 * inside.
 */
size_t reauth_time_format_us(char *buf, int64_t us);
size_t reauth_time_format_ms(char *buf, int64_t ms);


#endif /* REAUTH_TIME_H */
