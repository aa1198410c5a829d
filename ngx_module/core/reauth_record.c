
/*
 * Copyright (C) the nginx-reauth authors
 */


#include "reauth_record.h"
#include "reauth_route.h"
#include "reauth_time.h"


typedef enum {
    REAUTH_FIELD_UINT64 = 0,
    REAUTH_FIELD_INT64,
    REAUTH_FIELD_BYTE,
    REAUTH_FIELD_UINT16,
    REAUTH_FIELD_STATE,
    REAUTH_FIELD_ACTION,
    REAUTH_FIELD_AUTH_TYPE,
    REAUTH_FIELD_SOURCE,
    REAUTH_FIELD_POLL_ERROR,
    REAUTH_FIELD_NEEDS,
    REAUTH_FIELD_FORGOTTEN,
    REAUTH_FIELD_HEAL,
    REAUTH_FIELD_SWEEP,
    REAUTH_FIELD_HAS,
    REAUTH_FIELD_STRING,
    REAUTH_FIELD_BINARY
} reauth_record_kind_t;


/* size: of a string its bound, of a binary its capacity; len: its length */

typedef struct {
    reauth_string_t       name;
    reauth_record_kind_t  kind;
    size_t                offset;
    size_t                size;
    size_t                len;
} reauth_field_spec_t;


#define reauth_spec(name, kind, member)                                       \
    { reauth_string(name), kind, offsetof(reauth_record_t, member), 0, 0 }

#define reauth_spec_string(name, member, max)                                 \
    { reauth_string(name), REAUTH_FIELD_STRING,                               \
      offsetof(reauth_record_t, member), max, 0 }

#define reauth_spec_binary(name, member, max, length)                         \
    { reauth_string(name), REAUTH_FIELD_BINARY,                               \
      offsetof(reauth_record_t, member), max,                                 \
      offsetof(reauth_record_t, length) }


/*
 * A state that a gateway of an earlier version does not know is written as
 * "running", with the word for the others in "needs": an earlier version skips
 * that field, and keeps the gate closed.  The field follows the state's.  In
 * the same way, a forgotten attempt has expired for an earlier version, and a
 * reauthentication by the gateway itself is one of a caller, and a sweep is a
 * poll.
 */

static const reauth_field_spec_t  reauth_field_specs[] = {

    /* the first: commit.lua reads it there */
    reauth_spec("revision", REAUTH_FIELD_UINT64, revision),

    reauth_spec_string("account", account, REAUTH_ACCOUNT_MAX),
    reauth_spec("epoch", REAUTH_FIELD_UINT64, epoch),
    reauth_spec("state", REAUTH_FIELD_STATE, state),
    reauth_spec("needs", REAUTH_FIELD_NEEDS, state),
    reauth_spec("forgotten", REAUTH_FIELD_FORGOTTEN, state),
    reauth_spec_string("attempt", attempt, REAUTH_ATTEMPT_MAX),
    reauth_spec("auth_type", REAUTH_FIELD_AUTH_TYPE, auth_type),
    reauth_spec("action", REAUTH_FIELD_ACTION, action),
    reauth_spec("source", REAUTH_FIELD_SOURCE, source),
    reauth_spec("heal", REAUTH_FIELD_HEAL, source),
    reauth_spec("sweep", REAUTH_FIELD_SWEEP, source),
    reauth_spec("since", REAUTH_FIELD_INT64, since_ms),
    reauth_spec("updated", REAUTH_FIELD_INT64, updated_ms),
    reauth_spec("deadline", REAUTH_FIELD_INT64, deadline_ms),
    reauth_spec("started_at", REAUTH_FIELD_INT64, started_us),
    reauth_spec("completed_at", REAUTH_FIELD_INT64, completed_us),
    reauth_spec("before", REAUTH_FIELD_INT64, before_us),
    reauth_spec("accepted", REAUTH_FIELD_INT64, accepted_ms),
    reauth_spec("stepped", REAUTH_FIELD_INT64, stepped_ms),
    reauth_spec_string("progress", progress, REAUTH_PROGRESS_MAX),
    reauth_spec_string("error_code", error_code, REAUTH_ERROR_CODE_MAX),
    reauth_spec_string("error_message", error_message,
                       REAUTH_ERROR_MESSAGE_MAX),
    reauth_spec_string("caller", caller, REAUTH_CALLER_MAX),
    reauth_spec("lost", REAUTH_FIELD_BYTE, lost),
    reauth_spec("fresh", REAUTH_FIELD_BYTE, fresh),
    reauth_spec("polled", REAUTH_FIELD_INT64, polled_ms),
    reauth_spec("poll_status", REAUTH_FIELD_UINT16, poll_status),
    reauth_spec("poll_error", REAUTH_FIELD_POLL_ERROR, poll_error),
    reauth_spec("kept", REAUTH_FIELD_BYTE, kept),
    reauth_spec("origin", REAUTH_FIELD_UINT64, origin),

    reauth_spec("prior_state", REAUTH_FIELD_STATE, prior.state),
    reauth_spec("prior_needs", REAUTH_FIELD_NEEDS, prior.state),
    reauth_spec_string("prior_attempt", prior.attempt, REAUTH_ATTEMPT_MAX),
    reauth_spec("prior_auth_type", REAUTH_FIELD_AUTH_TYPE, prior.auth_type),
    reauth_spec("prior_action", REAUTH_FIELD_ACTION, prior.action),
    reauth_spec("prior_since", REAUTH_FIELD_INT64, prior.since_ms),
    reauth_spec("prior_deadline", REAUTH_FIELD_INT64, prior.deadline_ms),
    reauth_spec("prior_started_at", REAUTH_FIELD_INT64, prior.started_us),
    reauth_spec("prior_completed_at", REAUTH_FIELD_INT64, prior.completed_us),
    reauth_spec("prior_kept", REAUTH_FIELD_BYTE, prior.kept),

    /* which of the following there are; an event ends with it */
    reauth_spec("has", REAUTH_FIELD_HAS, missing),

    reauth_spec_binary("fingerprint", fingerprint, REAUTH_FINGERPRINT_LEN,
                       fingerprint_set),
    reauth_spec_binary("sealed", sealed, REAUTH_SEALED_MAX, sealed_len),
    reauth_spec_binary("prior_fingerprint", prior.fingerprint,
                       REAUTH_FINGERPRINT_LEN, prior.fingerprint_set)
};

#define REAUTH_FIELD_SPECS                                                    \
    (sizeof(reauth_field_specs) / sizeof(reauth_field_specs[0]))


/*
 * The length of a binary value is stored in a separate byte; that of a
 * fingerprint, whose length is fixed, only specifies whether it is set.
 */

static size_t
reauth_binary_len(const reauth_record_t *record,
    const reauth_field_spec_t *spec)
{
    size_t  len;

    len = ((const uint8_t *) record)[spec->len];

    if (spec->size == REAUTH_FINGERPRINT_LEN) {
        return len ? REAUTH_FINGERPRINT_LEN : 0;
    }

    return len <= spec->size ? len : 0;
}


static size_t
reauth_encode_hex(const uint8_t *data, size_t len, unsigned char *out)
{
    static const char  digits[] = "0123456789abcdef";
    size_t             i;

    for (i = 0; i < len; i++) {
        out[2 * i] = (unsigned char) digits[data[i] >> 4];
        out[2 * i + 1] = (unsigned char) digits[data[i] & 15];
    }

    return 2 * len;
}


static int
reauth_hex_digit(unsigned char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}


static const char *
reauth_encode_name(reauth_record_kind_t kind, uint8_t value)
{
    switch (kind) {

    case REAUTH_FIELD_STATE:
        if (value == REAUTH_STATE_NEEDS_PERSON) {
            value = REAUTH_STATE_RUNNING;
        }

        if (value == REAUTH_STATE_FORGOTTEN) {
            value = REAUTH_STATE_EXPIRED;
        }

        return value == REAUTH_STATE_NONE ? NULL : reauth_state_name(value);

    case REAUTH_FIELD_NEEDS:
        return value == REAUTH_STATE_NEEDS_PERSON ? "person" : NULL;

    case REAUTH_FIELD_FORGOTTEN:
        return value == REAUTH_STATE_FORGOTTEN ? "1" : NULL;

    case REAUTH_FIELD_ACTION:

        /* included in the state */

        return value == REAUTH_ACTION_PERSON ? NULL : reauth_action_name(value);

    case REAUTH_FIELD_AUTH_TYPE:
        return reauth_auth_type_name(value);

    case REAUTH_FIELD_POLL_ERROR:
        return value == REAUTH_POLL_ERROR_HTTP ? "HTTP"
                                               : reauth_poll_error_name(value);

    case REAUTH_FIELD_HEAL:
        return value == REAUTH_SOURCE_HEAL ? "1" : NULL;

    case REAUTH_FIELD_SWEEP:
        return value == REAUTH_SOURCE_SWEEP ? "1" : NULL;

    default: /* REAUTH_FIELD_SOURCE */
        return reauth_source_name(value == REAUTH_SOURCE_HEAL
                                  ? REAUTH_SOURCE_REAUTHENTICATE
                                  : value == REAUTH_SOURCE_SWEEP
                                    ? REAUTH_SOURCE_POLLER
                                    : (reauth_source_t) value);
    }
}


static unsigned
reauth_record_secrets(const reauth_record_t *record)
{
    return (record->fingerprint_set ? REAUTH_SECRET_FINGERPRINT : 0)
           | (record->sealed_len != 0 ? REAUTH_SECRET_SEALED : 0)
           | (record->prior.fingerprint_set ? REAUTH_SECRET_PRIOR : 0);
}


static size_t
reauth_encode_field(const reauth_record_t *record,
    const reauth_field_spec_t *spec, unsigned char *out)
{
    size_t          len;
    int64_t         number;
    uint16_t        status;
    const char     *name;
    const uint8_t  *member;

    member = (const uint8_t *) record + spec->offset;

    switch (spec->kind) {

    case REAUTH_FIELD_UINT64:
    case REAUTH_FIELD_INT64:
        memcpy(&number, member, sizeof(int64_t));

        return number > 0 ? reauth_string_number((uint64_t) number, out) : 0;

    case REAUTH_FIELD_BYTE:
        return *member != 0 ? reauth_string_number(*member, out) : 0;

    case REAUTH_FIELD_HAS:
        number = reauth_record_secrets(record);

        return number != 0 ? reauth_string_number((uint64_t) number, out) : 0;

    case REAUTH_FIELD_UINT16:
        memcpy(&status, member, sizeof(uint16_t));

        return status != 0 ? reauth_string_number(status, out) : 0;

    case REAUTH_FIELD_STRING:
        len = strlen((const char *) member);
        memcpy(out, member, len);
        return len;

    case REAUTH_FIELD_BINARY:
        return reauth_encode_hex(member, reauth_binary_len(record, spec), out);

    default:
        name = reauth_encode_name(spec->kind, *member);

        if (name == NULL) {
            return 0;
        }

        len = strlen(name);
        memcpy(out, name, len);
        return len;
    }
}


size_t
reauth_record_encode(const reauth_record_t *record, unsigned char *text,
    size_t *event)
{
    size_t                      i, len;
    unsigned char              *p, *value;
    const reauth_field_spec_t  *spec;

    p = text;

    for (i = 0; i < REAUTH_FIELD_SPECS; i++) {
        spec = &reauth_field_specs[i];

        value = p + spec->name.len + 1;
        len = reauth_encode_field(record, spec, value);

        if (len != 0) {
            memcpy(p, spec->name.data, spec->name.len);
            value[-1] = ' ';

            p = value + len;
            *p++ = '\n';
        }

        if (spec->kind == REAUTH_FIELD_HAS) {
            *event = (size_t) (p - text);
        }
    }

    return (size_t) (p - text);
}


size_t
reauth_record_event(const reauth_record_t *record, const unsigned char *text,
    size_t len, size_t event, unsigned char *out)
{
    size_t          first;
    unsigned char  *p;

    if (event == len || record->revision == 0) {
        memcpy(out, text, event);
        return event;
    }

    /* "revision " */

    first = reauth_field_specs[0].name.len + 1;
    memcpy(out, text, first);

    p = out + first;
    p += reauth_string_number(record->revision - 1, p);

    while (text[first] != '\n') {
        first++;
    }

    memcpy(p, text + first, event - first);
    p += event - first;

    return (size_t) (p - out);
}


static int
reauth_decode_name(reauth_record_kind_t kind, const reauth_string_t *value,
    uint8_t *member)
{
    unsigned  n, last;

    switch (kind) {

    case REAUTH_FIELD_STATE:
        n = reauth_state_parse(value);
        last = REAUTH_STATE_LAST;
        break;

    case REAUTH_FIELD_ACTION:
        n = reauth_action_parse(value);
        last = REAUTH_ACTION_LAST;
        break;

    case REAUTH_FIELD_AUTH_TYPE:
        n = reauth_auth_type_parse(value);
        last = REAUTH_AUTH_TYPE_LAST;
        break;

    default: /* REAUTH_FIELD_SOURCE */
        n = reauth_source_parse(value);
        last = REAUTH_SOURCE_LAST;
    }

    if (n >= last) {
        return -1;
    }

    *member = (uint8_t) n;

    return 0;
}


static int
reauth_decode_binary(const reauth_field_spec_t *spec,
    const reauth_string_t *value, reauth_record_t *record)
{
    int      high, low;
    size_t   i, len;
    uint8_t  *member;

    len = value->len / 2;

    if (value->len % 2 != 0
        || len > spec->size
        || (spec->size == REAUTH_FINGERPRINT_LEN && len != spec->size))
    {
        return -1;
    }

    member = (uint8_t *) record + spec->offset;

    for (i = 0; i < len; i++) {
        high = reauth_hex_digit(value->data[2 * i]);
        low = reauth_hex_digit(value->data[2 * i + 1]);

        if (high < 0 || low < 0) {
            return -1;
        }

        member[i] = (uint8_t) (high << 4 | low);
    }

    ((uint8_t *) record)[spec->len] =
        spec->size == REAUTH_FINGERPRINT_LEN ? 1 : (uint8_t) len;

    return 0;
}


/* the search begins with the field behind the last one: that is their order */

static const reauth_field_spec_t *
reauth_field_find(const reauth_string_t *name, size_t *next)
{
    size_t                      i;
    const reauth_field_spec_t  *spec;

    for (i = 0; i < REAUTH_FIELD_SPECS; i++) {

        if (*next == REAUTH_FIELD_SPECS) {
            *next = 0;
        }

        spec = &reauth_field_specs[(*next)++];

        if (spec->name.len == name->len
            && memcmp(spec->name.data, name->data, name->len) == 0)
        {
            return spec;
        }
    }

    return NULL;
}


static int
reauth_decode_field(reauth_record_t *record, const reauth_string_t *name,
    const reauth_string_t *value, size_t *next)
{
    uint8_t                    *member;
    uint16_t                    status;
    uint64_t                    number;
    const reauth_field_spec_t  *spec;

    spec = reauth_field_find(name, next);
    if (spec == NULL) {
        return 0;
    }

    member = (uint8_t *) record + spec->offset;

    switch (spec->kind) {

    case REAUTH_FIELD_UINT64:
    case REAUTH_FIELD_INT64:
        if (reauth_string_parse_number(value, &number) != 0) {
            return -1;
        }

        memcpy(member, &number, sizeof(uint64_t));
        return 0;

    case REAUTH_FIELD_BYTE:
    case REAUTH_FIELD_HAS:
        if (reauth_string_parse_number(value, &number) != 0 || number > 255) {
            return -1;
        }

        *member = (uint8_t) number;
        return 0;

    case REAUTH_FIELD_UINT16:
        if (reauth_string_parse_number(value, &number) != 0 || number > 65535) {
            return -1;
        }

        status = (uint16_t) number;
        memcpy(member, &status, sizeof(uint16_t));
        return 0;

    case REAUTH_FIELD_POLL_ERROR:

        /* a name of a later version is represented by its status */

        number = reauth_poll_error_parse(value);
        *member = number < REAUTH_POLL_ERROR_LAST ? (uint8_t) number
                                                  : REAUTH_POLL_ERROR_HTTP;
        return 0;

    case REAUTH_FIELD_STRING:
        if (value->len > spec->size) {
            return -1;
        }

        reauth_copy((char *) member, spec->size, value);
        return 0;

    case REAUTH_FIELD_BINARY:
        return reauth_decode_binary(spec, value, record);

    case REAUTH_FIELD_NEEDS:
        if (*member == REAUTH_STATE_RUNNING
            && reauth_string_equals(value, "person"))
        {
            *member = REAUTH_STATE_NEEDS_PERSON;

            if (member == &record->state) {
                record->action = REAUTH_ACTION_PERSON;

            } else {
                record->prior.action = REAUTH_ACTION_PERSON;
            }
        }

        return 0;

    case REAUTH_FIELD_HEAL:
        if (*member == REAUTH_SOURCE_REAUTHENTICATE) {
            *member = REAUTH_SOURCE_HEAL;
        }

        return 0;

    case REAUTH_FIELD_SWEEP:
        if (*member == REAUTH_SOURCE_POLLER) {
            *member = REAUTH_SOURCE_SWEEP;
        }

        return 0;

    case REAUTH_FIELD_FORGOTTEN:
        if (*member == REAUTH_STATE_EXPIRED) {
            *member = REAUTH_STATE_FORGOTTEN;
        }

        return 0;

    default:
        return reauth_decode_name(spec->kind, value, member);
    }
}


int
reauth_record_decode(const reauth_string_t *text, reauth_record_t *record)
{
    int              rc;
    size_t           next;
    reauth_string_t  name, value, rest;

    next = 0;
    rest = *text;

    while ((rc = reauth_string_next_line(&rest, &name, &value)) == 1) {
        if (reauth_decode_field(record, &name, &value, &next) != 0) {
            return -1;
        }
    }

    if (rc != 0) {
        return -1;
    }

    record->missing &= (uint8_t) (REAUTH_SECRETS
                                  & ~reauth_record_secrets(record));

    return 0;
}


int
reauth_record_decode_event(const reauth_string_t *text,
    reauth_record_t *record)
{
    if (reauth_record_decode(text, record) != 0) {
        return -1;
    }

    if (record->missing != 0) {

        /* the revision before, so that earlier versions do not write over it */

        record->revision++;
    }

    return 0;
}


uint64_t
reauth_record_event_number(const reauth_string_t *text)
{
    size_t           len;
    uint64_t         number;
    reauth_string_t  value;

    static const reauth_string_t  name = reauth_string("number ");

    /* the last line */

    if (text->len == 0 || text->data[text->len - 1] != '\n') {
        return 0;
    }

    value.data = text->data + text->len - 1;
    value.len = 0;

    while (value.data != text->data && value.data[-1] != '\n') {
        value.data--;
        value.len++;
    }

    len = name.len;

    if (value.len <= len || memcmp(value.data, name.data, len) != 0) {
        return 0;
    }

    value.data += len;
    value.len -= len;

    return reauth_string_parse_number(&value, &number) == 0
           && number < (uint64_t) REAUTH_EVENT_NUMBER_MAX ? number : 0;
}


static int
reauth_record_account_valid(const reauth_record_t *record)
{
    reauth_string_t  id;

    id = reauth_string_from(record->account);

    return reauth_id_is_account(&id);
}


/* it is used unchanged in paths of polls and in responses */

static int
reauth_record_attempt_valid(const char *attempt)
{
    reauth_string_t  id;

    id = reauth_string_from(attempt);

    return id.len == 0 || reauth_id_kind(&id) != REAUTH_ID_NONE;
}


int
reauth_record_valid(const reauth_record_t *record)
{
    return reauth_record_account_valid(record)
           && reauth_record_attempt_valid(record->attempt)
           && reauth_record_attempt_valid(record->prior.attempt)
           && record->epoch != 0
           && record->epoch <= REAUTH_EPOCH_MAX
           && record->state != REAUTH_STATE_NONE
           && (!reauth_state_is_active(record->state)
               || record->deadline_ms > 0);
}


static int
reauth_record_times_valid(const reauth_record_t *record)
{
    size_t  i;

    const int64_t  ms[] = {
        record->since_ms, record->updated_ms, record->deadline_ms,
        record->accepted_ms, record->stepped_ms, record->polled_ms,
        record->prior.since_ms, record->prior.deadline_ms
    };

    const int64_t  us[] = {
        record->started_us, record->completed_us, record->before_us,
        record->prior.started_us, record->prior.completed_us
    };

    for (i = 0; i < sizeof(ms) / sizeof(ms[0]); i++) {
        if (ms[i] < 0 || ms[i] > REAUTH_TIME_MS_MAX) {
            return 0;
        }
    }

    for (i = 0; i < sizeof(us) / sizeof(us[0]); i++) {
        if (us[i] < 0 || us[i] / 1000 > REAUTH_TIME_MS_MAX) {
            return 0;
        }
    }

    return 1;
}


static void
reauth_record_bound(int64_t *ms, int64_t latest_ms, int64_t instead_ms)
{
    if (*ms > latest_ms) {
        *ms = instead_ms;
    }
}


int
reauth_record_judge(reauth_record_t *record, int64_t now_ms, int64_t life_ms)
{
    int64_t  latest_ms, ends_ms;

    if (!reauth_record_times_valid(record)
        || (int64_t) (record->epoch / REAUTH_EPOCH_TICKS)
           > now_ms + REAUTH_EPOCH_AHEAD_MS)
    {
        return -1;
    }

    latest_ms = now_ms + REAUTH_CLOCKS_DIFFER_MS;
    ends_ms = now_ms + life_ms;

    reauth_record_bound(&record->since_ms, latest_ms, now_ms);
    reauth_record_bound(&record->updated_ms, latest_ms, now_ms);
    reauth_record_bound(&record->accepted_ms, latest_ms, now_ms);
    reauth_record_bound(&record->stepped_ms, latest_ms, now_ms);
    reauth_record_bound(&record->polled_ms, latest_ms, now_ms);
    reauth_record_bound(&record->prior.since_ms, latest_ms, now_ms);

    latest_ms += life_ms;

    reauth_record_bound(&record->deadline_ms, latest_ms, ends_ms);
    reauth_record_bound(&record->prior.deadline_ms, latest_ms, ends_ms);

    return 0;
}
