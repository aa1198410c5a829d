
/*
 * Copyright (C) the nginx-reauth authors
 */


#include "reauth_operate.h"
#include "reauth_attempt.h"


typedef struct {
    const char  *name;
    unsigned     member;
} reauth_operate_member_t;


static const reauth_operate_member_t  reauth_operate_members[] = {
    { "gate", REAUTH_OPERATE_GATE },
    { "for", REAUTH_OPERATE_FOR },
    { "reason", REAUTH_OPERATE_REASON }
};

#define REAUTH_OPERATE_MEMBERS                                                \
    (sizeof(reauth_operate_members) / sizeof(reauth_operate_members[0]))


int64_t
reauth_operate_time(const reauth_string_t *text, int64_t max_ms)
{
    size_t   i;
    int64_t  number, unit, last, total;

    total = 0;
    last = INT64_MAX;

    for (i = 0; i < text->len; /* void */ ) {

        number = -1;

        while (i < text->len && text->data[i] >= '0' && text->data[i] <= '9') {
            number = (number < 0 ? 0 : number) * 10 + (text->data[i++] - '0');

            if (number > max_ms) {
                return -1;
            }
        }

        if (number < 0 || i == text->len) {
            return -1;
        }

        switch (text->data[i++]) {

        case 's':
            unit = 1000;
            break;

        case 'm':
            unit = 60000;
            break;

        case 'h':
            unit = 3600000;
            break;

        case 'd':
            unit = 86400000;
            break;

        default:
            return -1;
        }

        /* from the largest unit to the smallest, each once */

        if (unit >= last || number > (max_ms - total) / unit) {
            return -1;
        }

        total += number * unit;
        last = unit;
    }

    return total > 0 ? total : -1;
}


int
reauth_operate_is_printable(const reauth_string_t *text)
{
    size_t         i;
    unsigned char  c;

    for (i = 0; i < text->len; i++) {
        c = text->data[i];

        if (c < 0x20
            || c == 0x7f
            || (c == 0xc2 && i + 1 < text->len && text->data[i + 1] < 0xa0))
        {
            return 0;
        }
    }

    return 1;
}


/* NULL: the value is valid, and was taken */

static const char *
reauth_operate_value(unsigned member, const json_t *value,
    reauth_operate_t *out)
{
    reauth_string_t  s;

    if (!json_is_string(value)) {
        return "must be a string";
    }

    s.data = (const unsigned char *) json_string_value(value);
    s.len = json_string_length(value);

    switch (member) {

    case REAUTH_OPERATE_GATE:
        out->gate = reauth_override_gate_parse(&s);

        return out->gate == REAUTH_OVERRIDE_NONE ? "must be open or closed"
                                                 : NULL;

    case REAUTH_OPERATE_FOR:
        out->for_ms = reauth_operate_time(&s, REAUTH_OPERATE_FOR_MAX_MS);

        return out->for_ms < 0 ? "must be a time from 1s to 24h, such as 10m"
                               : NULL;

    default: /* REAUTH_OPERATE_REASON */

        if (s.len > REAUTH_OVERRIDE_REASON_MAX) {
            return "must not be longer than 120 bytes";
        }

        if (!reauth_operate_is_printable(&s)) {
            return "must not contain control characters";
        }

        reauth_copy(out->reason, REAUTH_OVERRIDE_REASON_MAX, &s);

        return NULL;
    }
}


static int
reauth_operate_error(json_t **errors, const char *name, const char *text)
{
    json_t  *list;

    if (*errors == NULL) {
        *errors = json_object();
    }

    list = json_pack("[s]", text);

    return json_object_set_new(*errors, name, list);
}


/* the name of a member that is unknown is not echoed: it may be anything */

static int
reauth_operate_unknown(const json_t *object, unsigned members)
{
    size_t  i, known;

    known = 0;

    for (i = 0; i < REAUTH_OPERATE_MEMBERS; i++) {
        if ((members & reauth_operate_members[i].member)
            && json_object_get(object, reauth_operate_members[i].name) != NULL)
        {
            known++;
        }
    }

    return json_object_size(object) != known;
}


reauth_operate_result_t
reauth_operate_parse(const reauth_string_t *text, unsigned members,
    reauth_operate_t *out, reauth_json_error_t *error, json_t **errors)
{
    int                             failed;
    size_t                          i;
    json_t                         *json, *value;
    const char                     *wrong;
    const reauth_operate_member_t  *member;

    memset(out, 0, sizeof(reauth_operate_t));
    *errors = NULL;

    switch (reauth_json_parse(text, REAUTH_JSON_OBJECT|REAUTH_JSON_EMPTY_OBJECT,
                              &json, error))
    {

    case REAUTH_JSON_OK:
        break;

    case REAUTH_JSON_INVALID:
        return REAUTH_OPERATE_INVALID_JSON;

    default: /* REAUTH_JSON_NO_MEMORY */
        return REAUTH_OPERATE_NO_MEMORY;
    }

    failed = 0;

    for (i = 0; i < REAUTH_OPERATE_MEMBERS; i++) {
        member = &reauth_operate_members[i];

        if (!(members & member->member)) {
            continue;
        }

        value = json_object_get(json, member->name);

        if (value == NULL) {
            wrong = member->member == REAUTH_OPERATE_REASON ? NULL
                                                            : "is required";
        } else {
            wrong = reauth_operate_value(member->member, value, out);
        }

        if (wrong != NULL) {
            failed |= reauth_operate_error(errors, member->name, wrong);
        }
    }

    if (reauth_operate_unknown(json, members)) {
        failed |= reauth_operate_error(errors, "?", "is unknown");
    }

    reauth_json_cleanse_free(json);

    if (failed) {
        json_decref(*errors);
        *errors = NULL;

        return REAUTH_OPERATE_NO_MEMORY;
    }

    return *errors != NULL ? REAUTH_OPERATE_INVALID_FIELDS : REAUTH_OPERATE_OK;
}


reauth_ask_t
reauth_operate_ask(const reauth_record_t *record, int polling)
{
    if (record->state == REAUTH_STATE_NONE) {
        return REAUTH_ASK_UNKNOWN;
    }

    if (!polling) {
        return REAUTH_ASK_NO_POLLER;
    }

    if (reauth_attempt_is_unpolled(record)) {
        return REAUTH_ASK_WEBHOOKS_ONLY;
    }

    if (record->state == REAUTH_STATE_STARTING) {
        return REAUTH_ASK_SENDING;
    }

    if (!reauth_state_is_active(record->state)) {
        return REAUTH_ASK_ACCOUNT;
    }

    return reauth_attempt_is_listed(record) ? REAUTH_ASK_LIST
                                            : REAUTH_ASK_ATTEMPT;
}
