
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <stdio.h>

#include "reauth_audit.h"
#include "reauth_json_out.h"
#include "reauth_time.h"


typedef struct {
    const char  *name;
    size_t       offset;
    size_t       max;
} reauth_audit_field_t;


#define reauth_audit_text(name, max)                                          \
    { #name, offsetof(reauth_audit_t, name), max }

static const reauth_audit_field_t  reauth_audit_texts[] = {
    reauth_audit_text(account, REAUTH_ACCOUNT_MAX),
    reauth_audit_text(attempt, REAUTH_ATTEMPT_MAX),
    reauth_audit_text(caller, REAUTH_CALLER_MAX),
    reauth_audit_text(action, REAUTH_AUDIT_ACTION_MAX),
    reauth_audit_text(outcome, REAUTH_AUDIT_OUTCOME_MAX),
    reauth_audit_text(address, REAUTH_AUDIT_ADDRESS_MAX),
    reauth_audit_text(reason, REAUTH_OVERRIDE_REASON_MAX),
    { NULL, 0, 0 }
};


const char  *reauth_audit_class_names[REAUTH_AUDIT_CLASSES] = {
    "acts", "updates", "refused"
};


reauth_audit_class_t
reauth_audit_class(int act, int sent, int error, unsigned status)
{
    /* a client may end any number of requests before they are complete */

    if (!act && !sent) {
        return REAUTH_AUDIT_REFUSED;
    }

    /* with 502 and 504 of the gateway, the upstream may have got the request */

    if (error && (status < 500 || status == 503)) {
        return REAUTH_AUDIT_REFUSED;
    }

    if (!act) {
        return REAUTH_AUDIT_UPDATES;
    }

    return status >= 200 && status < 300 ? REAUTH_AUDIT_ACTS
                                         : REAUTH_AUDIT_REFUSED;
}


/* a caller, or the address of one that is not known */

static int
reauth_audit_same_source(const reauth_audit_t *one, const reauth_audit_t *two)
{
    return strcmp(one->caller, two->caller) == 0
           && (one->caller[0] != '\0'
               || strcmp(one->address, two->address) == 0);
}


static int
reauth_audit_same(const reauth_audit_t *one, const reauth_audit_t *two)
{
    return reauth_audit_same_source(one, two)
           && strcmp(one->action, two->action) == 0
           && strcmp(one->outcome, two->outcome) == 0
           && strcmp(one->account, two->account) == 0
           && strcmp(one->attempt, two->attempt) == 0;
}


/* "source": open entries of the same source, "all": of any */

static reauth_audit_t *
reauth_audit_find(const reauth_audit_ring_t *ring, const reauth_audit_t *entry,
    size_t *source, size_t *all)
{
    uint64_t         i;
    reauth_audit_t  *other;

    *source = 0;
    *all = 0;

    for (i = ring->added; i > 0 && ring->added - i < ring->size; i--) {
        other = &ring->entries[(i - 1) % ring->size];

        /* entries are in the order in which they were begun */

        if (reauth_audit_is_closed(other, entry->at_ms)) {
            break;
        }

        if (reauth_audit_same(other, entry)) {
            return other;
        }

        *source += (size_t) reauth_audit_same_source(other, entry);
        (*all)++;
    }

    return NULL;
}


reauth_audit_t *
reauth_audit_fold(const reauth_audit_ring_t *ring, reauth_audit_t *entry)
{
    size_t           source, all, left;
    reauth_audit_t  *found;

    found = reauth_audit_find(ring, entry, &source, &all);

    if (found == NULL && source >= REAUTH_AUDIT_SOURCE_MAX) {
        entry->account[0] = '\0';
        entry->attempt[0] = '\0';
        entry->action[0] = '\0';

        found = reauth_audit_find(ring, entry, &source, &left);
    }

    /* half of the ring remains for what is older */

    if (found == NULL && all >= ring->size / 2) {
        entry->account[0] = '\0';
        entry->attempt[0] = '\0';
        entry->action[0] = '\0';
        entry->caller[0] = '\0';
        entry->address[0] = '\0';

        found = reauth_audit_find(ring, entry, &source, &left);
    }

    return found;
}


static int
reauth_audit_is_recent(const reauth_audit_t *entry, int64_t now_ms)
{
    /* the clock may have been set back */

    return now_ms < entry->begun_ms + REAUTH_AUDIT_WINDOW_MS
           && now_ms >= entry->begun_ms - REAUTH_AUDIT_WINDOW_MS;
}


int
reauth_audit_repeats(const reauth_audit_ring_t *ring,
    const reauth_audit_t *entry)
{
    uint64_t         i;
    reauth_audit_t  *other;

    if (entry->kind != REAUTH_AUDIT_UPDATES
        || strcmp(entry->outcome, "coalesced") != 0)
    {
        return 0;
    }

    for (i = ring->added; i > 0 && ring->added - i < ring->size; i--) {
        other = &ring->entries[(i - 1) % ring->size];

        if (!reauth_audit_is_recent(other, entry->at_ms)) {
            break;
        }

        if (reauth_audit_same(other, entry)) {
            return 1;
        }
    }

    return 0;
}


int
reauth_audit_is_full(const reauth_audit_ring_t *ring,
    const reauth_audit_t *entry)
{
    size_t           source, all;
    uint64_t         i;
    reauth_audit_t  *other;

    source = 0;
    all = 0;

    for (i = ring->added;
         i > ring->written && ring->added - i < ring->size;
         i--)
    {
        other = &ring->entries[(i - 1) % ring->size];

        if (!reauth_audit_is_recent(other, entry->at_ms)) {
            break;
        }

        source += (size_t) reauth_audit_same_source(other, entry);
        all++;
    }

    return all >= ring->size || source >= ring->size / 2;
}


int
reauth_audit_is_closed(const reauth_audit_t *entry, int64_t now_ms)
{
    return entry->kind != REAUTH_AUDIT_REFUSED
           || !reauth_audit_is_recent(entry, now_ms);
}


int
reauth_audit_matches(const reauth_audit_t *entry,
    const reauth_audit_filter_t *filter)
{
    return (filter->account[0] == '\0'
            || strcmp(filter->account, entry->account) == 0)
           && (filter->caller[0] == '\0'
               || strcmp(filter->caller, entry->caller) == 0);
}


int
reauth_audit_compare(const void *one, const void *two)
{
    const reauth_audit_t  *a, *b;

    a = one;
    b = two;

    if (a->at_ms != b->at_ms) {
        return a->at_ms > b->at_ms ? -1 : 1;
    }

    return a->number == b->number ? 0 : a->number > b->number ? -1 : 1;
}


static unsigned char *
reauth_audit_number(unsigned char *p, const char *name, uint64_t number)
{
    return number == 0 ? p : reauth_string_line_number(p, name, number);
}


size_t
reauth_audit_encode(const reauth_audit_t *entry, unsigned char *text)
{
    unsigned char               *p;
    const reauth_audit_field_t  *field;

    p = reauth_audit_number(text, "at", (uint64_t) entry->at_ms);
    p = reauth_audit_number(p, "number", entry->number);
    p = reauth_audit_number(p, "until", (uint64_t) entry->until_ms);
    p = reauth_audit_number(p, "count", entry->count);
    p = reauth_string_line(p, "gate", reauth_override_gate_name(entry->gate));

    for (field = reauth_audit_texts; field->name != NULL; field++) {
        p = reauth_string_line(p, field->name,
                               (const char *) entry + field->offset);
    }

    return (size_t) (p - text);
}


/* 1: it is not a number */

static int
reauth_audit_decode_number(reauth_audit_t *entry, const reauth_string_t *name,
    const reauth_string_t *value)
{
    uint64_t  number;

    if (!reauth_string_equals(name, "at")
        && !reauth_string_equals(name, "number")
        && !reauth_string_equals(name, "until")
        && !reauth_string_equals(name, "count"))
    {
        return 1;
    }

    if (reauth_string_parse_number(value, &number) != 0
        || number > (uint64_t) REAUTH_TIME_MS_MAX * 1000)
    {
        return -1;
    }

    switch (name->data[0]) {

    case 'a':
        entry->at_ms = (int64_t) number;
        break;

    case 'n':
        entry->number = number;
        break;

    case 'u':
        entry->until_ms = (int64_t) number;
        break;

    default: /* count */
        entry->count = number > UINT32_MAX ? UINT32_MAX : (uint32_t) number;
    }

    return 0;
}


static int
reauth_audit_decode_field(reauth_audit_t *entry, const reauth_string_t *name,
    const reauth_string_t *value)
{
    int                          rc;
    const reauth_audit_field_t  *field;

    rc = reauth_audit_decode_number(entry, name, value);

    if (rc != 1) {
        return rc;
    }

    if (reauth_string_equals(name, "gate")) {
        entry->gate = (uint8_t) reauth_override_gate_parse(value);
        return 0;
    }

    for (field = reauth_audit_texts; field->name != NULL; field++) {

        if (!reauth_string_equals(name, field->name)) {
            continue;
        }

        if (value->len > field->max) {
            return -1;
        }

        reauth_copy((char *) entry + field->offset, field->max, value);
    }

    return 0;
}


int
reauth_audit_decode(const reauth_string_t *text, reauth_audit_t *entry)
{
    int              rc;
    reauth_string_t  name, value, rest;

    memset(entry, 0, sizeof(reauth_audit_t));

    rest = *text;

    while ((rc = reauth_string_next_line(&rest, &name, &value)) == 1) {
        if (reauth_audit_decode_field(entry, &name, &value) != 0) {
            return -1;
        }
    }

    return rc == 0
           && entry->at_ms != 0
           && entry->at_ms <= REAUTH_TIME_MS_MAX
           && entry->until_ms <= REAUTH_TIME_MS_MAX
           && entry->count != 0
           && entry->outcome[0] != '\0' ? 0 : -1;
}


/* a text that is not UTF-8 is written with question marks */

static void
reauth_audit_json_text(reauth_json_out_t *out, const char *text)
{
    size_t           i;
    char             plain[REAUTH_OVERRIDE_REASON_MAX + 1];
    reauth_string_t  s;

    if (text == NULL || text[0] == '\0') {
        reauth_json_out_literal(out, "null");
        return;
    }

    s = reauth_string_from(text);

    if (reauth_json_out_string(out, &s) == 0) {
        return;
    }

    for (i = 0; i < sizeof(plain) - 1 && text[i] != '\0'; i++) {
        plain[i] = (text[i] & 0x80) ? '?' : text[i];
    }

    plain[i] = '\0';
    s = reauth_string_from(plain);

    if (reauth_json_out_string(out, &s) != 0) {
        out->failed = 1;
    }
}


static void
reauth_audit_json_time(reauth_json_out_t *out, int64_t ms)
{
    char  text[REAUTH_TIME_MS_SIZE];

    text[0] = '\0';

    if (ms != 0) {
        (void) reauth_time_format_ms(text, ms);
    }

    reauth_audit_json_text(out, text);
}


size_t
reauth_audit_json(char *buf, const reauth_audit_t *entry)
{
    int                n;
    char               number[16];
    reauth_json_out_t  out;

    reauth_json_out_init(&out, buf, REAUTH_AUDIT_JSON_MAX);

    reauth_json_out_literal(&out, "{\"at\":");
    reauth_audit_json_time(&out, entry->at_ms);

    reauth_json_out_literal(&out, ",\"caller\":");
    reauth_audit_json_text(&out, entry->caller);

    reauth_json_out_literal(&out, ",\"address\":");
    reauth_audit_json_text(&out, entry->address);

    reauth_json_out_literal(&out, ",\"action\":");
    reauth_audit_json_text(&out, entry->action);

    reauth_json_out_literal(&out, ",\"account_id\":");
    reauth_audit_json_text(&out, entry->account);

    reauth_json_out_literal(&out, ",\"attempt_id\":");
    reauth_audit_json_text(&out, entry->attempt);

    reauth_json_out_literal(&out, ",\"outcome\":");
    reauth_audit_json_text(&out, entry->outcome);

    n = snprintf(number, sizeof(number), "%u", entry->count);

    reauth_json_out_literal(&out, ",\"count\":");
    reauth_json_out(&out, number, (size_t) n);

    reauth_json_out_literal(&out, ",\"gate\":");
    reauth_audit_json_text(&out, reauth_override_gate_name(entry->gate));

    reauth_json_out_literal(&out, ",\"until\":");
    reauth_audit_json_time(&out, entry->until_ms);

    reauth_json_out_literal(&out, ",\"reason\":");
    reauth_audit_json_text(&out, entry->reason);

    reauth_json_out_literal(&out, "}");

    return out.failed ? 0 : (size_t) (out.last - buf);
}
