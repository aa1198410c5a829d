
/*
 * Copyright (C) the nginx-reauth authors
 */


#include "reauth_time.h"


#define REAUTH_TIME_DAY    86400
#define REAUTH_TIME_FIRST  0               /* 1970-01-01T00:00:00Z */
#define REAUTH_TIME_LAST   (REAUTH_TIME_MS_MAX / 1000)

/* days from 0000-03-01 (a leap day ends such a year) to 1970-01-01 */
#define REAUTH_TIME_SHIFT  719468


/* "n" digits at "p" as a number, or -1 */

static int
reauth_time_number(const unsigned char *p, int n)
{
    int  value;

    for (value = 0; n > 0; n--, p++) {

        if (*p < '0' || *p > '9') {
            return -1;
        }

        value = value * 10 + (*p - '0');
    }

    return value;
}


static int
reauth_time_days_in_month(int year, int month)
{
    static const int  days[] = {
        31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
    };

    if (month == 2
        && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0))
    {
        return 29;
    }

    return days[month - 1];
}


static int64_t
reauth_time_days(int year, int month, int day)
{
    if (month <= 2) {
        year--;
        month += 12;
    }

    return 365 * year + year / 4 - year / 100 + year / 400
           + (153 * (month - 3) + 2) / 5 + day - 1 - REAUTH_TIME_SHIFT;
}


/* an optional ".digits"; returns the position after it, or NULL */

static const unsigned char *
reauth_time_fraction(const unsigned char *p, const unsigned char *end, int *us)
{
    int  n;

    *us = 0;

    if (p == end || *p != '.') {
        return p;
    }

    p++;

    for (n = 0; p < end && *p >= '0' && *p <= '9'; n++, p++) {
        if (n < 6) {
            *us = *us * 10 + (*p - '0');
        }
    }

    if (n == 0 || n > 9) {
        return NULL;
    }

    for ( /* void */ ; n < 6; n++) {
        *us *= 10;
    }

    return p;
}


/* all that is left is "Z" or an offset of up to 23:59 */

static int
reauth_time_offset(const unsigned char *p, const unsigned char *end,
    int *seconds)
{
    int  hour, minute;

    if (end - p == 1 && (*p == 'Z' || *p == 'z')) {
        *seconds = 0;
        return 0;
    }

    if (end - p != sizeof("+00:00") - 1
        || (*p != '+' && *p != '-')
        || p[3] != ':')
    {
        return -1;
    }

    hour = reauth_time_number(p + 1, 2);
    minute = reauth_time_number(p + 4, 2);

    if (hour < 0 || hour > 23 || minute < 0 || minute > 59) {
        return -1;
    }

    *seconds = (hour * 60 + minute) * 60;

    if (*p == '-') {
        *seconds = -*seconds;
    }

    return 0;
}


int
reauth_time_parse(const reauth_string_t *text, int64_t *us)
{
    int                   year, month, day, hour, minute, second, fraction,
                          offset;
    int64_t               seconds;
    const unsigned char  *p, *end;

    if (text->len < sizeof("2025-01-01T12:00:00Z") - 1) {
        return -1;
    }

    p = text->data;
    end = p + text->len;

    if (p[4] != '-' || p[7] != '-'
        || (p[10] != 'T' && p[10] != 't')
        || p[13] != ':' || p[16] != ':')
    {
        return -1;
    }

    year = reauth_time_number(p, 4);
    month = reauth_time_number(p + 5, 2);
    day = reauth_time_number(p + 8, 2);
    hour = reauth_time_number(p + 11, 2);
    minute = reauth_time_number(p + 14, 2);
    second = reauth_time_number(p + 17, 2);

    if (year < 0
        || month < 1 || month > 12
        || day < 1 || day > reauth_time_days_in_month(year, month)
        || hour < 0 || hour > 23
        || minute < 0 || minute > 59
        || second < 0 || second > 59)
    {
        return -1;
    }

    p = reauth_time_fraction(p + 19, end, &fraction);

    if (p == NULL || reauth_time_offset(p, end, &offset) != 0) {
        return -1;
    }

    seconds = reauth_time_days(year, month, day) * REAUTH_TIME_DAY
              + (hour * 60 + minute) * 60 + second - offset;

    if (seconds < REAUTH_TIME_FIRST || seconds > REAUTH_TIME_LAST) {
        return -1;
    }

    *us = seconds * 1000000 + fraction;

    return 0;
}


static int
reauth_time_is_letter(unsigned char c)
{
    c |= 0x20;

    return c >= 'a' && c <= 'z';
}


static int
reauth_time_month(const unsigned char *p)
{
    int  i, month;

    static const char  names[] = "janfebmaraprmayjunjulaugsepoctnovdec";

    for (month = 0; month < 12; month++) {

        for (i = 0; i < 3 && (p[i] | 0x20) == names[3 * month + i]; i++) {
            /* void */
        }

        if (i == 3) {
            return month + 1;
        }
    }

    return -1;
}


/* "08:49:37"; a leap second is possible */

static int
reauth_time_clock(const unsigned char *p)
{
    int  hour, minute, second;

    hour = reauth_time_number(p, 2);
    minute = reauth_time_number(p + 3, 2);
    second = reauth_time_number(p + 6, 2);

    if (hour < 0 || hour > 23
        || p[2] != ':'
        || minute < 0 || minute > 59
        || p[5] != ':'
        || second < 0 || second > 60)
    {
        return -1;
    }

    return (hour * 60 + minute) * 60 + second;
}


static int
reauth_time_is_gmt(const unsigned char *p)
{
    return p[0] == ' '
           && (p[1] | 0x20) == 'g'
           && (p[2] | 0x20) == 'm'
           && (p[3] | 0x20) == 't';
}


static int64_t
reauth_time_http_ms(int year, int month, int day, int clock)
{
    if (year < 1970 || month < 1
        || day < 1 || day > reauth_time_days_in_month(year, month)
        || clock < 0)
    {
        return -1;
    }

    return (reauth_time_days(year, month, day) * REAUTH_TIME_DAY + clock)
           * 1000;
}


/* "06 Nov 1994 08:49:37 GMT" */

static int64_t
reauth_time_imf(const unsigned char *p)
{
    if (p[2] != ' ' || p[6] != ' ' || p[11] != ' '
        || !reauth_time_is_gmt(p + 20))
    {
        return -1;
    }

    return reauth_time_http_ms(reauth_time_number(p + 7, 4),
                               reauth_time_month(p + 3),
                               reauth_time_number(p, 2),
                               reauth_time_clock(p + 12));
}


/* "06-Nov-94 08:49:37 GMT" */

static int64_t
reauth_time_rfc850(const unsigned char *p, int64_t now_ms)
{
    int      century, year, month, day, clock;
    int64_t  at, ms, latest;

    year = reauth_time_number(p + 7, 2);

    if (p[2] != '-' || p[6] != '-' || p[9] != ' ' || year < 0
        || !reauth_time_is_gmt(p + 18))
    {
        return -1;
    }

    month = reauth_time_month(p + 3);
    day = reauth_time_number(p, 2);
    clock = reauth_time_clock(p + 10);

    latest = now_ms + (int64_t) 18263 * REAUTH_TIME_DAY * 1000;
    ms = -1;

    for (century = 1900; century <= 9900; century += 100) {
        at = reauth_time_http_ms(century + year, month, day, clock);

        if (at > latest) {
            break;
        }

        if (at >= 0) {
            ms = at;
        }
    }

    return ms;
}


/* "Sun Nov  6 08:49:37 1994" */

static int64_t
reauth_time_asctime(const unsigned char *p)
{
    int  day;

    if (p[3] != ' ' || p[7] != ' ' || p[10] != ' ' || p[19] != ' ') {
        return -1;
    }

    day = p[8] == ' ' ? reauth_time_number(p + 9, 1)
                      : reauth_time_number(p + 8, 2);

    return reauth_time_http_ms(reauth_time_number(p + 20, 4),
                               reauth_time_month(p + 4), day,
                               reauth_time_clock(p + 11));
}


int
reauth_time_parse_http(const reauth_string_t *text, int64_t now_ms,
    int64_t *ms)
{
    size_t                left, name;
    int64_t               parsed;
    const unsigned char  *p;

    p = text->data;

    for (name = 0; name < text->len && reauth_time_is_letter(p[name]); name++)
    {
        /* void */
    }

    if (name < 3) {
        return -1;
    }

    parsed = -1;
    left = text->len - name;
    p += name;

    if (left == sizeof(", 06 Nov 1994 08:49:37 GMT") - 1
        && p[0] == ',' && p[1] == ' ')
    {
        parsed = reauth_time_imf(p + 2);

    } else if (left == sizeof(", 06-Nov-94 08:49:37 GMT") - 1
               && p[0] == ',' && p[1] == ' ')
    {
        parsed = reauth_time_rfc850(p + 2, now_ms);

    } else if (name == 3
               && text->len == sizeof("Sun Nov  6 08:49:37 1994") - 1)
    {
        parsed = reauth_time_asctime(text->data);
    }

    if (parsed < 0) {
        return -1;
    }

    *ms = parsed;

    return 0;
}


static char *
reauth_time_two_digits(char *p, unsigned value)
{
    *p++ = (char) ('0' + value / 10);
    *p++ = (char) ('0' + value % 10);

    return p;
}


/* of a day since 1970-01-01: "2025-01-01T" */

static void
reauth_time_format_day(char *p, unsigned days)
{
    unsigned  era_day, era_year, year_day, year, month, day;

    days += REAUTH_TIME_SHIFT;

    /* an era is 400 years, 146097 days; years begin in March */

    era_day = days % 146097;
    era_year = (era_day - era_day / 1460 + era_day / 36524
                - era_day / 146096) / 365;
    year_day = era_day - (365 * era_year + era_year / 4 - era_year / 100);

    month = (5 * year_day + 2) / 153;
    day = year_day - (153 * month + 2) / 5 + 1;
    year = days / 146097 * 400 + era_year;

    if (month < 10) {
        month += 3;

    } else {
        month -= 9;
        year++;
    }

    p = reauth_time_two_digits(p, year / 100);
    p = reauth_time_two_digits(p, year % 100);
    *p++ = '-';
    p = reauth_time_two_digits(p, month);
    *p++ = '-';
    p = reauth_time_two_digits(p, day);
    *p = 'T';
}


/* up to the fraction: "2025-01-01T12:00:00." */

static char *
reauth_time_format(char *p, uint64_t seconds)
{
    unsigned  days, second;

    /* nearly always the same one */

    static unsigned  last_days;
    static char      last[] = "1970-01-01T";

    days = (unsigned) (seconds / REAUTH_TIME_DAY);
    second = (unsigned) (seconds % REAUTH_TIME_DAY);

    if (days != last_days) {
        reauth_time_format_day(last, days);
        last_days = days;
    }

    memcpy(p, last, sizeof(last) - 1);
    p += sizeof(last) - 1;

    p = reauth_time_two_digits(p, second / 3600);
    *p++ = ':';
    p = reauth_time_two_digits(p, second / 60 % 60);
    *p++ = ':';

    p = reauth_time_two_digits(p, second % 60);
    *p++ = '.';

    return p;
}


static int64_t
reauth_time_clamp(int64_t value, int64_t units)
{
    if (value < REAUTH_TIME_FIRST) {
        return REAUTH_TIME_FIRST;
    }

    if (value / units > REAUTH_TIME_LAST) {
        return REAUTH_TIME_LAST * units + units - 1;
    }

    return value;
}


size_t
reauth_time_format_us(char *buf, int64_t us)
{
    char      *p;
    unsigned   fraction;

    us = reauth_time_clamp(us, 1000000);

    fraction = (unsigned) (us % 1000000);

    p = reauth_time_format(buf, (uint64_t) us / 1000000);

    p = reauth_time_two_digits(p, fraction / 10000);
    p = reauth_time_two_digits(p, fraction / 100 % 100);
    p = reauth_time_two_digits(p, fraction % 100);
    *p++ = 'Z';

    *p = '\0';

    return (size_t) (p - buf);
}


size_t
reauth_time_format_ms(char *buf, int64_t ms)
{
    char      *p;
    unsigned   fraction;

    ms = reauth_time_clamp(ms, 1000);

    fraction = (unsigned) (ms % 1000);

    p = reauth_time_format(buf, (uint64_t) ms / 1000);

    *p++ = (char) ('0' + fraction / 100);
    p = reauth_time_two_digits(p, fraction % 100);
    *p++ = 'Z';

    *p = '\0';

    return (size_t) (p - buf);
}
