
/*
 * Copyright (C) the nginx-reauth authors
 */


#include "reauth_delivery.h"


int
reauth_delivery_id_parse(const reauth_string_t *text,
    reauth_delivery_id_t *id)
{
    reauth_string_t       part;
    const unsigned char  *dash;

    dash = memchr(text->data, '-', text->len);

    if (dash == NULL) {
        return -1;
    }

    part.data = text->data;
    part.len = (size_t) (dash - text->data);

    if (reauth_string_parse_number(&part, &id->ms) != 0) {
        return -1;
    }

    part.data = dash + 1;
    part.len = text->len - part.len - 1;

    return reauth_string_parse_number(&part, &id->number);
}


size_t
reauth_delivery_id_text(const reauth_delivery_id_t *id,
    unsigned char out[REAUTH_DELIVERY_ID_MAX])
{
    size_t  len;

    len = reauth_string_number(id->ms, out);
    out[len++] = '-';

    return len + reauth_string_number(id->number, out + len);
}


static int
reauth_delivery_compare(const reauth_delivery_id_t *a,
    const reauth_delivery_id_t *b)
{
    if (a->ms != b->ms) {
        return a->ms < b->ms ? -1 : 1;
    }

    return a->number < b->number ? -1 : a->number > b->number;
}


int
reauth_delivery_add(reauth_delivery_t *delivery,
    reauth_delivery_notice_t *notice)
{
    int                         rc;
    reauth_string_t             account;
    reauth_delivery_notice_t  **p;

    for (p = &delivery->first; *p != NULL; p = &(*p)->next) {
        rc = reauth_delivery_compare(&(*p)->id, &notice->id);

        if (rc == 0) {
            return -1;
        }

        if (rc > 0) {
            break;
        }
    }

    if (delivery->held >= REAUTH_DELIVERY_HELD_MAX) {
        return -1;
    }

    account = reauth_string_from(notice->account);

    notice->hash = reauth_string_hash(&account, 0);
    notice->state = REAUTH_DELIVERY_WAITING;
    notice->tries = 0;
    notice->failed = 0;
    notice->woken = 0;
    notice->at_ms = INT64_MIN;
    notice->next = *p;

    *p = notice;
    delivery->held++;

    return 0;
}


/* whether an earlier notice of the account is still to be accepted */

static int
reauth_delivery_waits(const reauth_delivery_t *delivery,
    const reauth_delivery_notice_t *notice)
{
    const reauth_delivery_notice_t  *n;

    for (n = delivery->first; n != notice; n = n->next) {
        if (n->state != REAUTH_DELIVERY_DONE
            && n->hash == notice->hash
            && strcmp(n->account, notice->account) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* while the receiver is down, they take turns; otherwise in their order */

static int
reauth_delivery_precedes(const reauth_delivery_t *delivery,
    const reauth_delivery_notice_t *notice,
    const reauth_delivery_notice_t *next, int64_t now_ms)
{
    if (delivery->probes) {
        return next == NULL || notice->at_ms < next->at_ms;
    }

    return next == NULL && notice->at_ms <= now_ms;
}


reauth_delivery_notice_t *
reauth_delivery_next(reauth_delivery_t *delivery, int64_t now_ms)
{
    reauth_delivery_notice_t  *n, *next;

    if (delivery->flying >= REAUTH_DELIVERY_FLIGHT_MAX
        || (delivery->probes
            && (delivery->flying || now_ms < delivery->at_ms)))
    {
        return NULL;
    }

    next = NULL;

    for (n = delivery->first; n != NULL; n = n->next) {
        if (n->state == REAUTH_DELIVERY_WAITING
            && reauth_delivery_precedes(delivery, n, next, now_ms)
            && !reauth_delivery_waits(delivery, n))
        {
            next = n;
        }
    }

    if (next != NULL) {
        next->state = REAUTH_DELIVERY_SENDING;
        next->probe = delivery->probes != 0;
        delivery->flying++;
    }

    return next;
}


reauth_delivery_result_t
reauth_delivery_judge(unsigned status)
{
    if (status >= 200 && status < 300) {
        return REAUTH_DELIVERY_ACCEPTED;
    }

    /* others, such as 401, 404, 429 or a redirect, are about all of them */

    return status == 400 || status == 409 || status == 413 || status == 422
           ? REAUTH_DELIVERY_REFUSED : REAUTH_DELIVERY_FAILED;
}


/* doubled each time, up to "max"; half of it is random */

static int64_t
reauth_delivery_interval(unsigned tries, int64_t max_ms, uint32_t random)
{
    int64_t  ms;

    ms = (int64_t) REAUTH_DELIVERY_FIRST_MS << (tries > 16 ? 15 : tries - 1);

    if (ms > max_ms) {
        ms = max_ms;
    }

    return ms / 2 + (int64_t) random % (ms / 2 + 1);
}


/* the receiver has processed a request */

static int
reauth_delivery_works(reauth_delivery_t *delivery, int64_t now_ms)
{
    int                        failing;
    reauth_delivery_notice_t  *n;

    /*
     * If it was down, what it did not get is sent at once, but only once: those
     * that always fail would make it be down again.
     */

    for (n = delivery->probes ? delivery->first : NULL; n != NULL; n = n->next)
    {
        if (n->failed && !n->woken) {
            n->woken = 1;

            if (n->at_ms > now_ms) {
                n->at_ms = now_ms;
            }
        }
    }

    failing = delivery->failing;

    delivery->failures = 0;
    delivery->failing = 0;
    delivery->probes = 0;

    return failing ? -1 : 0;
}


static int
reauth_delivery_fails(reauth_delivery_t *delivery,
    const reauth_delivery_notice_t *notice, uint32_t random, int64_t now_ms)
{
    if (delivery->failures++ == 0) {
        delivery->hash = notice->hash;
    }

    /* requests that were in flight before are not counted as probes */

    if (delivery->probes ? notice->probe : notice->hash != delivery->hash) {
        delivery->probes++;
        delivery->at_ms = now_ms + reauth_delivery_interval(delivery->probes,
                                         REAUTH_DELIVERY_FAILED_MS, random);
    }

    if (delivery->failing
        || (delivery->probes == 0
            && delivery->failures < REAUTH_DELIVERY_LOGGED))
    {
        return 0;
    }

    delivery->failing = 1;

    return 1;
}


int
reauth_delivery_settle(reauth_delivery_t *delivery,
    reauth_delivery_notice_t *notice, reauth_delivery_result_t result,
    uint32_t random, int64_t now_ms)
{
    delivery->flying--;
    notice->state = REAUTH_DELIVERY_WAITING;

    switch (result) {

    case REAUTH_DELIVERY_ACCEPTED:
        notice->state = REAUTH_DELIVERY_DONE;
        return reauth_delivery_works(delivery, now_ms);

    case REAUTH_DELIVERY_REFUSED:
        notice->failed = 0;
        notice->at_ms = now_ms + reauth_delivery_interval(++notice->tries,
                                         REAUTH_DELIVERY_REFUSED_MS, random);
        return reauth_delivery_works(delivery, now_ms);

    case REAUTH_DELIVERY_FAILED:
        notice->failed = 1;
        notice->at_ms = now_ms + reauth_delivery_interval(++notice->tries,
                                         REAUTH_DELIVERY_FAILED_MS, random);
        return reauth_delivery_fails(delivery, notice, random, now_ms);

    default: /* REAUTH_DELIVERY_UNSENT */
        return 0;
    }
}


reauth_delivery_notice_t *
reauth_delivery_expire(reauth_delivery_t *delivery, int64_t now_ms)
{
    reauth_delivery_notice_t  *n;

    for (n = delivery->first; n != NULL; n = n->next) {

        if ((int64_t) n->id.ms > now_ms - REAUTH_DELIVERY_LIFE_MS) {
            break;
        }

        if (n->state == REAUTH_DELIVERY_WAITING) {
            n->state = REAUTH_DELIVERY_DONE;
            return n;
        }
    }

    return NULL;
}


void
reauth_delivery_remove(reauth_delivery_t *delivery,
    reauth_delivery_notice_t *notice)
{
    reauth_delivery_notice_t  **p;

    for (p = &delivery->first; *p != NULL; p = &(*p)->next) {
        if (*p == notice) {
            *p = notice->next;
            delivery->held--;
            return;
        }
    }
}


int64_t
reauth_delivery_age(const reauth_delivery_t *delivery, int64_t now_ms)
{
    const reauth_delivery_notice_t  *n;

    for (n = delivery->first; n != NULL; n = n->next) {
        if (n->state != REAUTH_DELIVERY_DONE) {
            return now_ms > (int64_t) n->id.ms ? now_ms - (int64_t) n->id.ms
                                               : 0;
        }
    }

    return 0;
}


unsigned
reauth_delivery_pending(const reauth_delivery_t *delivery)
{
    unsigned                         pending;
    const reauth_delivery_notice_t  *n;

    pending = 0;

    for (n = delivery->first; n != NULL; n = n->next) {
        pending += n->state != REAUTH_DELIVERY_DONE;
    }

    return pending;
}
