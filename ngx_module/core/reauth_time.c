
/*
 * Copyright (C) the nginx-reauth authors
 */


#include "reauth_time.h"


#define REAUTH_TIME_DAY    86400
#define REAUTH_TIME_FIRST  0               /* 1970-01-01T00:00:00Z */
#define REAUTH_TIME_LAST   253402300799    /* 9999-12-31T23:59:59Z */

/* days from 0000-03-01, where the leap day is a year's last, to 1970-01-01 */
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


/* ".digits" or nothing; returns what follows, or NULL */

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
