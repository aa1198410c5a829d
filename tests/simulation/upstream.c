
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The upstream, which knows the truth of each login, and the gateways' requests
 * to it.  It says nothing wrong, but may say it late, twice or not at all; and
 * for some seconds after a login has begun it may still speak of the session
 * before.
 */


#include "world.h"


/*
 * So long after a login has begun its polls may show the one before: less than
 * REAUTH_OLD_SESSION_MS, by two fail-overs to a Redis whose clock is ahead.
 */
#define OLD_SESSION  5500

/* logins that begin at once after another are not told apart by time */
#define JUST_BEFORE  30000

#define CLOCKS_AGREE 5000

/* a fact of the upstream is under way for so long at most */
#define FACT_DELAY   300000


static const uint8_t  prints[3][REAUTH_FINGERPRINT_LEN] = {
    { 1 }, { 2 }, { 3 }
};


int
upstream_newest(int account)
{
    int  i;

    for (i = world.ntruths - 1; i >= 0; i--) {
        if (world.truths[i].account == account) {
            return i;
        }
    }

    return NOBODY;
}


/* its attempts have no ID of their own, and polls of them no time */

int
upstream_fansly(int account)
{
    return world.plan.fansly && account == 0;
}


static reauth_string_t
truth_id(int truth)
{
    int  account;

    account = world.truths[truth].account;

    return reauth_string_from(upstream_fansly(account)
                              ? account_names[account]
                              : world.truths[truth].name);
}


static int
truth_before(int truth)
{
    int  i;

    for (i = truth - 1; i >= 0; i--) {
        if (world.truths[i].account == world.truths[truth].account) {
            return i;
        }
    }

    return NOBODY;
}


static int64_t
fact_delay(void)
{
    switch (chance(16)) {

    case 0:
        return chance(FACT_DELAY);

    case 1:
        return chance(10000);

    default:
        return 1 + chance(200);
    }
}


/* ---- logins -------------------------------------------------------------- */


static void
truth_end(truth_t *truth, reauth_state_t state)
{
    truth->state = state;
    truth->ended = world.now;

    trace("upstream: %s of %s has %s", truth->name,
          account_names[truth->account],
          state == REAUTH_STATE_SUCCEEDED ? "succeeded" : "failed");
}


static void
webhook(int truth)
{
    int         i, n;
    event_t    *event;
    process_t  *process;

    n = chance(5) == 0 ? 0 : chance(5) == 0 ? 2 : 1;

    for (i = 0; i < n; i++) {
        process = some_process();

        if (process == NULL) {
            continue;
        }

        event = event_add(EVENT_WEBHOOK, fact_delay());
        event->process = process->number;
        event->account = world.truths[truth].account;
        event->truth = truth;
        event->state = world.truths[truth].state;
        event->started_us = world.truths[truth].started_us;
    }
}


/* a new login takes the place of the one before */

static int
truth_begin(int account, uint64_t epoch)
{
    int       before;
    truth_t  *truth;

    before = upstream_newest(account);

    if (before != NOBODY && world.truths[before].ended == 0) {
        truth_end(&world.truths[before], REAUTH_STATE_FAILED);
    }

    if (world.ntruths == TRUTHS_MAX) {
        violated("the simulation has room", "logins");
        return 0;
    }

    truth = &world.truths[world.ntruths];

    memset(truth, 0, sizeof(truth_t));

    truth->account = account;
    truth->began = world.now;
    truth->since = world.now;
    truth->started_us = world.now * 1000 + chance(1000);
    truth->state = REAUTH_STATE_RUNNING;
    truth->epoch = epoch;
    sprintf(truth->name, "auth_%d", world.ntruths);

    if (before != NOBODY
        && truth->started_us <= world.truths[before].started_us)
    {
        truth->started_us = world.truths[before].started_us + 1;
    }

    trace("upstream: %s of %s begins, epoch %llu", truth->name,
          account_names[account], (unsigned long long) epoch);

    return world.ntruths++;
}


void
upstream_advance(int account)
{
    int       newest;
    truth_t  *truth;

    newest = upstream_newest(account);

    if (newest == NOBODY || world.truths[newest].ended) {
        return;
    }

    truth = &world.truths[newest];

    switch (chance(6)) {

    case 0:
    case 1:
        truth_end(truth, REAUTH_STATE_SUCCEEDED);
        break;

    case 2:
        truth_end(truth, REAUTH_STATE_FAILED);
        break;

    case 3:
        truth->state = REAUTH_STATE_NEEDS_OTP;
        break;

    case 4:
        truth->state = REAUTH_STATE_NEEDS_FACE;
        break;

    default:
        truth->state = REAUTH_STATE_RUNNING;
        return;
    }

    webhook(newest);
}


void
upstream_end(int account)
{
    int  newest;

    newest = upstream_newest(account);

    if (newest != NOBODY && world.truths[newest].ended == 0) {
        truth_end(&world.truths[newest], REAUTH_STATE_SUCCEEDED);
    }
}


/*
 * The record of an account was deleted by hand.  A gateway that did not know
 * the attempt may begin an update now, which is rejected: a documented
 * limitation.
 */

void
upstream_forgotten(int account)
{
    world.forgotten[account] = 1;
}


/* ---- updates ------------------------------------------------------------- */


static void
request_answered(request_t *request, const char *how)
{
    trace("%d: update %d is answered: %s", request->process,
          (int) (request - world.requests), how);

    request->used = 0;
}


void
requests_gone(process_t *process)
{
    int  i;

    for (i = 0; i < REQUESTS_MAX; i++) {
        if (world.requests[i].process == process->number) {
            world.requests[i].used = 0;
        }
    }
}


static void
request_begin(request_t *request, int waited)
{
    process_t  *process;

    process = &world.processes[request->process];

    if (process->api->begin(account_names[request->account],
                            prints[request->print], waited, request)
        != 0)
    {
        request_answered(request, "no memory");
    }
}


static event_t *
request_event(event_type_t type, request_t *request, int64_t delay)
{
    event_t  *event;

    event = event_add(type, delay);
    event->process = request->process;
    event->generation = world.processes[request->process].boots;
    event->request = (int) (request - world.requests);
    event->account = request->account;

    return event;
}


void
upstream_update(process_t *process, int account, int print)
{
    int         i;
    request_t  *request;

    for (i = 0; i < REQUESTS_MAX && world.requests[i].used; i++) { /* void */ }

    if (i == REQUESTS_MAX) {
        return;
    }

    request = &world.requests[i];

    if (i >= world.nrequests) {
        world.nrequests = i + 1;
    }

    memset(request, 0, sizeof(request_t));

    request->used = 1;
    request->process = process->number;
    request->boots = process->boots;
    request->account = account;
    request->print = print;
    request->since = world.now;
    request->wait_until = world.now + UPDATE_WAIT;

    trace("%d: update %d of %s, credentials %d", process->number, i,
          account_names[account], print);

    process_enter(process);
    request_begin(request, 0);
    process_leave(process);
}


void
upstream_begun(void *self, void *data, const worker_begun_t *begun)
{
    event_t    *event;
    request_t  *request = data;

    if (!request->used) {
        return;
    }

    if (begun->begun == REAUTH_BEGIN_STARTED && begun->record.epoch) {
        laws_begun(request->account, &begun->record, begun->local);
    }

    if (!begun->ok) {
        if (!begun->busy) {
            violated("an update is never refused for ended ones", "update %d",
                     (int) (request - world.requests));
        }

        request_answered(request, "no Redis");
        return;
    }

    switch (begun->begun) {

    case REAUTH_BEGIN_STARTED:
        request->epoch = begun->record.epoch;
        event = request_event(EVENT_UPDATE, request, latency());
        event->started_us = (int64_t) request->epoch;
        event->origin = begun->record.origin;
        return;

    case REAUTH_BEGIN_COALESCED:
        request_answered(request, "coalesced");
        return;

    case REAUTH_BEGIN_TOO_MANY:
        request_answered(request, "too many attempts");
        return;

    default: /* REAUTH_BEGIN_JOIN, REAUTH_BEGIN_WAIT */
        request->joined = begun->begun == REAUTH_BEGIN_JOIN
                          ? begun->record.epoch : 0;
        (void) request_event(EVENT_WAIT, request, WAIT_STEP);
    }
}


static void
request_waits(request_t *request)
{
    process_t        *process;
    reauth_record_t   record;

    process = &world.processes[request->process];

    if (!process->api->kept(account_names[request->account], &record)
        || record.state != REAUTH_STATE_STARTING
        || (request->joined && record.epoch != request->joined))
    {
        if (request->joined && record.epoch == request->joined) {
            request_answered(request, "shared");
            return;
        }

        request->joined = 0;
        request_begin(request, 1);
        return;
    }

    if (world.now >= request->wait_until) {
        request_answered(request, "waited too long");
        return;
    }

    (void) request_event(EVENT_WAIT, request, WAIT_STEP);
}


static void
update_arrives(event_t *event)
{
    int        truth;
    event_t   *answer;
    unsigned   what;
    request_t *request;

    what = chance(20);

    request = &world.requests[event->request];
    truth = NOBODY;

    if (what >= 5) {
        truth = truth_begin(event->account, (uint64_t) event->started_us);
        world.truths[truth].origin = event->origin;
        laws_sent(event->account, (uint64_t) event->started_us, event->origin,
                  truth);
    }

    if (!request->used
        || world.processes[event->process].boots != event->generation)
    {
        return;                    /* nobody waits for the response */
    }

    answer = request_event(EVENT_ANSWER, request,
                           chance(12) == 0 ? chance(60000) : 1 + chance(100));
    answer->truth = truth;
    answer->started_us = event->started_us;
    answer->origin = event->origin;
    answer->state = what < 3 ? REAUTH_STATE_REJECTED
                    : what < 7 ? REAUTH_STATE_UNKNOWN : REAUTH_STATE_RUNNING;
}


static void
update_answered(event_t *event)
{
    reauth_fact_t    fact;
    reauth_record_t  record;
    request_t       *request;

    request = &world.requests[event->request];

    memset(&fact, 0, sizeof(reauth_fact_t));

    fact.epoch = (uint64_t) event->started_us;
    fact.origin = event->origin;
    fact.source = REAUTH_SOURCE_UPDATE;
    fact.state = event->state;

    if (event->state == REAUTH_STATE_RUNNING) {
        fact.attempt = truth_id(event->truth);
    }

    (void) world.processes[event->process].api->advance(
                            account_names[event->account], &fact, &record);

    request_answered(request, event->state == REAUTH_STATE_RUNNING
                              ? "accepted"
                              : event->state == REAUTH_STATE_REJECTED
                              ? "rejected" : "unknown");
}


/* a person forgets the account: its gate opens, whatever the login does */

void
upstream_forget(process_t *process, int account)
{
    reauth_record_t  former;

    process_enter(process);

    if (process->api->forget(account_names[account], &former)) {
        trace("%d: %s of %s, epoch %llu, is forgotten", process->number,
              former.attempt, account_names[account],
              (unsigned long long) former.epoch);
        laws_forgotten(account, &former);
    }

    process_leave(process);
}


/* ---- polls --------------------------------------------------------------- */


static void
poll_send(process_t *process, int account, int own)
{
    event_t          *event;
    reauth_record_t   record;

    process_enter(process);

    if (process->api->kept(account_names[account], &record)
        && record.attempt[0] != '\0'
        && record.state != REAUTH_STATE_STARTING)
    {
        event = event_add(EVENT_POLL, 1 + chance(50));
        event->process = process->number;
        event->generation = process->boots;
        event->account = account;
        event->truth = upstream_fansly(account) ? NOBODY
                                                : atoi(record.attempt + 5);
        event->asked_ms = process->api->now();
        event->sent = process->api->monotonic();
        event->asked = malloc(sizeof(reauth_record_t));

        if (event->asked == NULL) {
            abort();
        }

        *event->asked = record;
        event->own = own;

        if (own) {
            laws_polled(process);
        }
    }

    process_leave(process);
}


/* of a client, for the attempt that the gateway knows */

void
upstream_poll(process_t *process, int account)
{
    poll_send(process, account, 0);
}


void
upstream_leased(void *self, const char *account, size_t len)
{
    int         i;
    event_t    *event;
    process_t  *process = self;

    for (i = 0; i < world.plan.accounts; i++) {
        if (strlen(account_names[i]) == len
            && memcmp(account_names[i], account, len) == 0)
        {
            event = event_add(EVENT_LEASED, 0);
            event->process = process->number;
            event->generation = process->boots;
            event->account = i;
        }
    }
}


/* a gateway has stored a pause for all in Redis */

void
upstream_paused(void *self, int64_t ms)
{
    trace("all gateways pause for %lld ms", (long long) ms);

    world.told = world.now;
    world.paused = world.now + ms;
}


/*
 * The upstream may be unavailable, or ask for a pause, and it does not find a
 * login that another one has replaced.  0: it responds.
 */

static unsigned
refusal(int truth, int64_t *retry_after)
{
    *retry_after = -1;

    if (truth != upstream_newest(world.truths[truth].account) && chance(2)) {
        return 404;
    }

    if (world.calm || chance(6)) {
        return 0;
    }

    switch (chance(4)) {

    case 0:
        return 500;

    case 1:
        return 503;

    default:
        *retry_after = 1000 * (1 + chance(20));
        return chance(2) ? 503 : 429;
    }
}


static void
poll_refused(const event_t *event)
{
    process_t  *process;
    gateway_t  *gateway;

    process = &world.processes[event->process];
    gateway = &world.gateways[process->gateway];

    trace("%d: the poll of %s has failed, %u, Retry-After %lld",
          event->process, world.truths[event->truth].name, event->status,
          (long long) event->retry_after);

    process->api->failed(account_names[event->account], event->asked,
                         event->status, event->retry_after);

    if (event->retry_after > 0
        && world.now + event->retry_after > gateway->paused)
    {
        gateway->told = world.now;
        gateway->paused = world.now + event->retry_after;
    }
}


static void
poll_arrives(event_t *event)
{
    int       before;
    event_t  *answer;
    truth_t  *truth, *about;
    unsigned  status;
    int64_t   retry_after;

    if (upstream_fansly(event->account)) {
        event->truth = upstream_newest(event->account);
    }

    if (event->truth == NOBODY) {
        return;
    }

    if (event->own) {
        status = refusal(event->truth, &retry_after);

        if (status) {
            answer = event_add(EVENT_POLLED, 1 + chance(200));
            answer->process = event->process;
            answer->generation = event->generation;
            answer->account = event->account;
            answer->truth = event->truth;
            answer->status = status;
            answer->retry_after = retry_after;
            answer->asked = event->asked;
            event->asked = NULL;
            return;
        }
    }

    truth = &world.truths[event->truth];
    about = truth;
    before = truth_before(event->truth);

    if (world.plan.old_session && before != NOBODY && !truth->shown
        && world.now < truth->began + OLD_SESSION && chance(2))
    {
        about = &world.truths[before];
    }

    answer = event_add(EVENT_POLLED, fact_delay());
    answer->process = event->process;
    answer->generation = event->generation;
    answer->account = event->account;
    answer->truth = event->truth;
    answer->state = about->state;
    answer->started_us = about->started_us;
    answer->sent = event->sent;
    answer->asked_ms = event->asked_ms;
    answer->asked = event->asked;
    event->asked = NULL;

    if (upstream_fansly(event->account)) {
        answer->started_us = 0;
    }

    /* nor where the clock of a gateway that has never seen Redis is wrong */

    if (about != truth
        && (about->began > truth->began - JUST_BEFORE
            || event->asked_ms > world.now + CLOCKS_AGREE
            || event->asked_ms < world.now - CLOCKS_AGREE))
    {
        answer->started_us = 0;
    }

    if (about == truth && truth->ended == 0) {
        truth->shown = 1;
        answer->step = 1;
    }
}


static void
poll_answered(event_t *event)
{
    reauth_fact_t    fact;
    reauth_record_t  record;
    process_t       *process;

    process = &world.processes[event->process];

    memset(&fact, 0, sizeof(reauth_fact_t));

    fact.source = REAUTH_SOURCE_POLL;
    fact.attempt = truth_id(event->truth);
    fact.state = event->state;
    fact.started_us = event->started_us;
    fact.step = event->step;

    process->api->asked(&fact, event->asked, event->sent, event->asked_ms);

    trace("%d: a poll of %s shows %s, started %lld, asked %lld",
          event->process, world.truths[event->truth].name,
          state_name(fact.state), (long long) fact.started_us,
          (long long) (fact.asked_ms - START_MS));

    (void) process->api->advance(account_names[event->account], &fact,
                                 &record);
}


/* ---- the list of accounts ------------------------------------------------ */


/* of the gateway, if attempts wait for it */

void
upstream_list(process_t *process)
{
    event_t        *event;
    gateway_t      *gateway;
    worker_list_t   list;

    gateway = &world.gateways[process->gateway];

    if (gateway->listing) {
        return;
    }

    process_enter(process);

    if (process->api->list(&list)) {
        trace("%d: list %u of accounts is requested", process->number,
              list.number);

        gateway->listing = 1;

        event = event_add(EVENT_LIST, 1 + chance(chance(2) ? 5 : 50));
        event->process = process->number;
        event->generation = process->boots;
        event->list = list;
    }

    process_leave(process);
}


/* accounts that have never logged in are not listed */

static void
list_arrives(event_t *event)
{
    int       i, newest;
    char      text[ACCOUNTS_MAX * 128], *p;
    event_t  *answer;
    truth_t  *truth;

    answer = event_add(EVENT_LISTED, fact_delay());
    answer->process = event->process;
    answer->generation = event->generation;
    answer->list = event->list;
    answer->whole = 1;

    if (!world.calm && chance(8) == 0) {
        answer->status = chance(2) ? 503 : 500;
        return;
    }

    p = text;
    *p++ = '[';

    for (i = 0; i < world.plan.accounts; i++) {
        newest = upstream_newest(i);

        if (newest == NOBODY) {
            continue;
        }

        truth = &world.truths[newest];

        p += sprintf(p, "%s{\"id\":\"%s\",\"is_authenticated\":%s,"
                     "\"authentication_progress\":%s}",
                     p - text > 1 ? "," : "", account_names[i],
                     truth->state == REAUTH_STATE_SUCCEEDED ? "true" : "false",
                     truth->ended ? "null" : "\"started\"");
    }

    *p++ = ']';

    answer->len = (size_t) (p - text);

    /* it may end anywhere, and its end may be seen or not */

    if (!world.calm && chance(6) == 0) {
        answer->len = chance((unsigned) answer->len);
        answer->whole = (int) chance(2);
    }

    answer->bytes = malloc(answer->len + 1);

    if (answer->bytes == NULL) {
        abort();
    }

    memcpy(answer->bytes, text, answer->len);
}


static void
list_answered(event_t *event)
{
    trace("%d: list %u of accounts, %u: %.*s", event->process,
          event->list.number, event->status, (int) event->len,
          event->bytes == NULL ? "" : event->bytes);

    world.processes[event->process].api->listed(&event->list,
                                        event->status ? event->status : 200,
                                        event->bytes == NULL ? ""
                                                             : event->bytes,
                                        event->len, event->whole);
}


void
upstream_event(event_t *event)
{
    process_t  *process;

    if (event->type == EVENT_UPDATE) {
        update_arrives(event);
        return;
    }

    if (event->type == EVENT_POLL) {
        poll_arrives(event);
        return;
    }

    if (event->type == EVENT_LEASED) {
        process = &world.processes[event->process];

        if (process->alive && process->boots == event->generation) {
            poll_send(process, event->account, 1);
        }

        return;
    }

    if (event->type == EVENT_LIST) {
        list_arrives(event);
        return;
    }

    process = &world.processes[event->process];

    if (event->type == EVENT_LISTED) {
        world.gateways[process->gateway].listing = 0;
    }

    if (!process->alive
        || (event->type != EVENT_WEBHOOK
            && process->boots != event->generation))
    {
        return;
    }

    process_enter(process);

    switch (event->type) {

    case EVENT_ANSWER:
        update_answered(event);
        break;

    case EVENT_WAIT:
        request_waits(&world.requests[event->request]);
        break;

    case EVENT_POLLED:
        if (event->status) {
            poll_refused(event);
            break;
        }

        poll_answered(event);
        break;

    case EVENT_LISTED:
        list_answered(event);
        break;

    default: /* EVENT_WEBHOOK */
        trace("%d: a webhook of %s says %s", event->process,
              world.truths[event->truth].name, state_name(event->state));

        process->api->webhook(account_names[event->account], event->state,
                              event->started_us);
    }

    process_leave(process);
}
