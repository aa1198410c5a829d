
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <inttypes.h>
#include <stdio.h>

#include "reauth_json_out.h"
#include "reauth_notice.h"
#include "reauth_time.h"


static const char  *const reauth_notice_names[REAUTH_NOTICE_LAST] = {
    NULL,
    "account.needs_person",
    "account.still_waiting",
    "account.failed",
    "account.recovered",
    "gateway.degraded"
};


const char *
reauth_notice_name(reauth_notice_event_t event)
{
    return reauth_notice_names[event];
}


reauth_notice_event_t
reauth_notice_parse(const reauth_string_t *name)
{
    int  i;

    for (i = REAUTH_NOTICE_NEEDS_PERSON; i < REAUTH_NOTICE_LAST; i++) {
        if (reauth_string_equals(name, reauth_notice_names[i])) {
            break;
        }
    }

    return (reauth_notice_event_t) i;
}


int
reauth_notice_events(const reauth_string_t *list, unsigned *events,
    reauth_string_t *wrong)
{
    size_t                 i, start;
    reauth_string_t        name;
    reauth_notice_event_t  event;

    *events = 0;
    start = 0;

    for (i = 0; i <= list->len; i++) {

        if (i < list->len && list->data[i] != ',') {
            continue;
        }

        name.data = list->data + start;
        name.len = i - start;
        start = i + 1;

        event = reauth_notice_parse(&name);

        if (event == REAUTH_NOTICE_LAST) {
            *wrong = name;
            return -1;
        }

        *events |= reauth_notice_bit(event);
    }

    return 0;
}


int
reauth_notice_after(reauth_notice_conf_t *conf, int64_t after_ms)
{
    unsigned  i, place;

    for (place = 0; place < conf->nafter; place++) {

        if (conf->after_ms[place] == after_ms) {
            return 0;
        }

        if (conf->after_ms[place] > after_ms) {
            break;
        }
    }

    if (conf->nafter == REAUTH_NOTICE_AFTER_MAX) {
        return -1;
    }

    for (i = conf->nafter; i > place; i--) {
        conf->after_ms[i] = conf->after_ms[i - 1];
    }

    conf->after_ms[place] = after_ms;
    conf->nafter++;

    return 0;
}


void
reauth_notice_judge(const reauth_record_t *record, int64_t now_ms,
    reauth_notice_verdict_t *verdict)
{
    reauth_state_t  state;

    state = reauth_record_state(record, now_ms);

    verdict->event = REAUTH_NOTICE_NONE;
    verdict->wait = REAUTH_NOTICE_ATTEMPTS;

    if (reauth_state_needs_person(state)) {
        verdict->event = REAUTH_NOTICE_NEEDS_PERSON;
        verdict->wait = REAUTH_NOTICE_WAITS;
        return;
    }

    switch (state) {

    case REAUTH_STATE_FAILED:
    case REAUTH_STATE_EXPIRED:
        verdict->event = REAUTH_NOTICE_FAILED;
        verdict->wait = REAUTH_NOTICE_WAITS;
        return;

    case REAUTH_STATE_SUCCEEDED:
        verdict->event = REAUTH_NOTICE_RECOVERED;
        verdict->wait = REAUTH_NOTICE_ENDS;
        return;

    case REAUTH_STATE_REJECTED:

        /* nothing was begun */

        verdict->wait = REAUTH_NOTICE_AS_BEFORE;
        return;

    case REAUTH_STATE_FORGOTTEN:
        verdict->wait = REAUTH_NOTICE_ENDS;
        return;

    default: /* starting, running, unknown */
        return;
    }
}


/* a view of the record, in which an attempt may have expired */

static const char *
reauth_notice_action(const reauth_record_t *view)
{
    reauth_action_t  action;

    action = (reauth_action_t) view->action;

    if (action == REAUTH_ACTION_NONE) {
        action = reauth_state_action((reauth_state_t) view->state);
    }

    return reauth_action_name(action);
}


size_t
reauth_notice_identity(char text[REAUTH_NOTICE_IDENTITY_MAX],
    const reauth_record_t *record, reauth_notice_event_t event,
    int64_t now_ms)
{
    int              n;
    const char      *action;
    reauth_record_t  view;

    view = *record;
    reauth_record_view(&view, now_ms);

    action = reauth_notice_action(&view);

    n = snprintf(text, REAUTH_NOTICE_IDENTITY_MAX,
                 "%u %s %" PRIu64 " %" PRId64 " %s", reauth_notice_bit(event),
                 action == NULL ? "-" : action, view.epoch, view.since_ms,
                 view.attempt[0] == '\0' ? "-" : view.attempt);

    return n > 0 && n < REAUTH_NOTICE_IDENTITY_MAX ? (size_t) n : 0;
}


static void
reauth_notice_text(reauth_json_out_t *out, const char *text)
{
    reauth_string_t  s;

    if (text == NULL || text[0] == '\0') {
        reauth_json_out_literal(out, "null");
        return;
    }

    s = reauth_string_from(text);

    if (reauth_json_out_string(out, &s) != 0) {
        out->failed = 1;
    }
}


static void
reauth_notice_time(reauth_json_out_t *out, int64_t at_ms)
{
    char  text[REAUTH_TIME_MS_SIZE];

    (void) reauth_time_format_ms(text, at_ms);
    reauth_notice_text(out, text);
}


size_t
reauth_notice_body(char body[REAUTH_NOTICE_BODY_MAX],
    reauth_notice_event_t event, const reauth_record_t *record,
    int64_t now_ms, size_t *data)
{
    reauth_record_t    view;
    reauth_json_out_t  out;

    view = *record;
    reauth_record_view(&view, now_ms);

    reauth_json_out_init(&out, body, REAUTH_NOTICE_BODY_MAX);

    reauth_json_out_literal(&out, "{\"type\":");
    reauth_notice_text(&out, reauth_notice_name(event));
    reauth_json_out_literal(&out, ",\"timestamp\":");
    reauth_notice_time(&out, now_ms);
    reauth_json_out_literal(&out, ",\"data\":");

    *data = (size_t) (out.last - out.start);

    reauth_json_out_literal(&out, "{\"account_id\":");
    reauth_notice_text(&out, view.account);
    reauth_json_out_literal(&out, ",\"state\":");
    reauth_notice_text(&out, reauth_state_name((reauth_state_t) view.state));
    reauth_json_out_literal(&out, ",\"action_required\":");
    reauth_notice_text(&out, reauth_notice_action(&view));
    reauth_json_out_literal(&out, ",\"attempt_id\":");
    reauth_notice_text(&out, view.attempt);
    reauth_json_out_literal(&out, ",\"since\":");
    reauth_notice_time(&out, view.since_ms);
    reauth_json_out_literal(&out, "}}");

    return out.failed ? 0 : (size_t) (out.last - out.start);
}


int
reauth_notice_wants(const reauth_notice_conf_t *conf,
    reauth_notice_event_t event, unsigned told, int64_t from_ms,
    int64_t after_ms)
{
    unsigned  i, before;

    if (!(conf->events & reauth_notice_bit(event))) {
        return 0;
    }

    if (event == REAUTH_NOTICE_RECOVERED) {

        /* the receiver received it, or wants to know of recoveries only */

        before = conf->events
                 & (reauth_notice_bit(REAUTH_NOTICE_NEEDS_PERSON)
                    | reauth_notice_bit(REAUTH_NOTICE_STILL_WAITING)
                    | reauth_notice_bit(REAUTH_NOTICE_FAILED));

        return before == 0 || (before & told);
    }

    if (event != REAUTH_NOTICE_STILL_WAITING) {
        return 1;
    }

    for (i = 0; i < conf->nafter; i++) {
        if (conf->after_ms[i] > from_ms && conf->after_ms[i] <= after_ms) {
            return 1;
        }
    }

    return 0;
}
