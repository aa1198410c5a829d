
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The invariant of the attempts' state machine, by random interleavings: no
 * late, duplicate, reordered or replayed fact opens or closes a newer
 * attempt's gate.
 *
 * Two gateways, each with a zone, one Redis and one upstream are simulated for
 * one account.  All decisions are made by the functions of ngx_module/core
 * that nginx calls, reauth_judge_*().  A zone is what they judge by; their
 * verdicts are written to it as zone/ does (zone_carry_out), and commits are
 * sent and answered as by store/ (commit_*, sync_*).  A model knows the truth:
 * which attempt runs upstream, and which attempt each epoch is about.  It does
 * not look at the reasons of the code, only at what it does to the gates.
 *
 * REAUTH_SEED=n  one seed; REAUTH_RUNS=n  interleavings of each seed;
 * REAUTH_TRACE=run  tells all that happens in one of them; REAUTH_VIOLATIONS=n
 * ends after as many
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "reauth_judge.h"
#include "reauth_record.h"


#define INSTANCES      2
#define STEPS          240
#define RUNS           1200

#define START_MS       1763985600000LL
#define GATE_MAX       900000
#define DELAY_MAX      340000        /* of a fact, and a bit */
#define TIMEOUT        250
#define NOT_STARTED    60000
#define SKEW           3000          /* of the gateways' clocks */
#define UPSTREAM_SKEW  60000

/* test_orders.c has less, as it copies the world */

#ifndef TRUTHS_MAX
#define TRUTHS_MAX     128
#define EPOCHS_MAX     512
#define MESSAGES_MAX   512
#define EVENTS_MAX     1024
#define HISTORY_MAX    256
#define BEGINS_MAX     512
#define COMMITS_MAX    64         /* under way */
#endif

#define READS_MAX      3

#define NOBODY         -1

/* so long the upstream may still speak of the session before a login */
#define OLD_SESSION    (REAUTH_OLD_SESSION_MS - 2 * SKEW)

/* an update is at most that long on its way */
#define JUST_BEFORE    (REAUTH_CLOCKS_AGREE_MS + 2 * SKEW + 21000)


/* an attempt as it is upstream */

typedef struct {
    int64_t          started_us;     /* by the upstream's clock */
    int64_t          began;          /* by the model's */
    reauth_state_t   state;
    unsigned         shown;          /* a poll was told of it */
    unsigned         lapsed;         /* its session is over */
    char             name[16];
} truth_t;


/* what the model knows of an epoch */

typedef struct {
    uint64_t         epoch;
    int              about;          /* the truth; NOBODY: not sent, not yet */
    uint64_t         over;           /* the epoch that it replaces */
    int              before;         /* what a rejection falls back to */
    int64_t          before_until;   /* by the deadline of that */
    int              newest;         /* of all it took the place of */
    int              shown_to;       /* the instance, as long as connected */
    int64_t          forgotten;      /* when, by a person; 0: not */
} model_t;


typedef struct {
    reauth_fact_t    fact;
    int              truth;          /* what it is about; NOBODY: its epoch */
    unsigned         webhook;
    int64_t          called;         /* by the model: when a call began */
    int64_t          called_ms;      /* by the gateway */
} news_t;


typedef struct {
    reauth_begin_t   begin;
    reauth_record_t  record;
    reauth_begin_result_t  begun;
    uint64_t         over;           /* the epoch that it replaces */
    reauth_state_t   over_state;
} begin_op_t;


/* an update as it began: what its fingerprint is */

typedef struct {
    uint64_t         epoch;
    int64_t          since_ms;
    unsigned         set;
    uint8_t          fingerprint[REAUTH_FINGERPRINT_LEN];
} print_t;


typedef struct {
    int              instance;
    unsigned         tries;
    unsigned         reads;
    unsigned         flush;
    unsigned         has_begin;
    unsigned         has_fact;
    begin_op_t       op;
    news_t           news;
    uint64_t         revision;       /* in which it is written */
    reauth_record_t  record;
} commit_t;


typedef enum {
    MESSAGE_COMMIT,                  /* on its way to Redis */
    MESSAGE_REPLY,                   /* and back */
    MESSAGE_FETCH,                   /* a begin asks for the record */
    MESSAGE_FETCHED,
    MESSAGE_READ,                    /* the record is asked for */
    MESSAGE_RECORD,                  /* the reply with the record */
    MESSAGE_UPDATE,                  /* a PUT on its way to the upstream */
    MESSAGE_POLL,                    /* of our poller, to the upstream */
    MESSAGE_CALL,                    /* an ordinary call, to the upstream */
    MESSAGE_NEWS                     /* a fact on its way to an instance */
} message_type_t;


typedef struct {
    int64_t          at;
    message_type_t   type;
    int              instance;
    unsigned         written;        /* reply */
    unsigned         list;           /* poll */
    int64_t          asked_ms;
    unsigned         sync;           /* read, record: of a new connection */
    unsigned         deleted;        /* read, record: Redis has deleted it */
    unsigned         exists;         /* record, reply */
    uint64_t         epoch;          /* update */
    commit_t        *commit;
    reauth_record_t  record;
    reauth_record_t  known;          /* read, record: when it was sent */
    news_t           news;
} message_t;


typedef struct {
    reauth_stored_t  zone;
    int              unsent;         /* no commit of the record is sent */
    int64_t          skew;
    int64_t          ticks;          /* of its own clock, in test_orders.c */
    unsigned         asked;          /* poll_soon */
    uint64_t         forgotten;      /* the last epoch that was, as it knows */

    unsigned         up;             /* connected to Redis */
    unsigned         syncing;
    size_t           read;           /* events */

    int              gate_truth;     /* since when it is closed for whom */
    int64_t          gate_since;
} instance_t;


static struct {
    uint64_t         random;
    int64_t          now;
    unsigned         trace;

    unsigned         ordered;        /* test_orders.c: not at random */
    int64_t          sequence;       /* of messages */
    unsigned         chosen[8];      /* instead of chance, from the last */
    size_t           nchosen;
    commit_t         commits[COMMITS_MAX];
    unsigned char    sent[COMMITS_MAX];

    instance_t       instances[INSTANCES];

    unsigned         exists;         /* Redis */
    reauth_record_t  redis;
    unsigned         listed;         /* as active */
    unsigned         saved_exists;
    reauth_record_t  saved;
    reauth_record_t  events[EVENTS_MAX];
    size_t           nevents;
    unsigned         lost;           /* Redis has lost something */

    print_t          prints[BEGINS_MAX];
    size_t           nprints;

    unsigned         reject;         /* reauth_redis_failure reject */
    unsigned         polling;
    unsigned         fansly;         /* polls name an account and no time */
    unsigned         old_session;    /* they may speak of that */
    int64_t          upstream_skew;
    truth_t          truths[TRUTHS_MAX];
    int              ntruths;

    model_t          models[EPOCHS_MAX];
    size_t           nmodels;

    message_t        messages[MESSAGES_MAX];
    size_t           nmessages;

    news_t           history[HISTORY_MAX];
    size_t           nhistory;

    const char      *violation;
} world;


static reauth_string_t  account = reauth_string("acct_1");


static void commit_free(commit_t *commit);
static void commit_send(commit_t *commit);
static reauth_advance_result_t store_advance(int instance, news_t *news);


/* xorshift64*: the same everywhere, whatever the C library has */

static unsigned
chance(unsigned n)
{
    if (world.nchosen != 0) {
        return world.chosen[--world.nchosen];
    }

    if (world.ordered) {
        return n - 1;
    }

    world.random ^= world.random >> 12;
    world.random ^= world.random << 25;
    world.random ^= world.random >> 27;

    return (unsigned) ((world.random * 0x2545f4914f6cdd1dULL) >> 33) % n;
}


static void
trace(const char *format, ...)
{
    va_list  args;

    if (world.trace) {
        va_start(args, format);
        printf("%10lld  ", (long long) (world.now - START_MS));
        vprintf(format, args);
        printf("\n");
        va_end(args);
    }
}


static void
violated(const char *what)
{
    trace("VIOLATION: %s", what);

    if (world.violation == NULL) {
        world.violation = what;
    }
}


static int64_t
clock_of(const instance_t *in)
{
    return world.now + in->skew + in->ticks;
}


static int
is_active(const instance_t *in)
{
    return reauth_state_is_active(in->zone.record.state);
}


/* ---- the model ----------------------------------------------------------- */


static model_t *
model_of(uint64_t epoch)
{
    size_t           i;
    static model_t   none;

    static const model_t  unset = {
        0, NOBODY, 0, NOBODY, 0, NOBODY, NOBODY, 0
    };

    for (i = world.nmodels; i > 0; i--) {
        if (world.models[i - 1].epoch == epoch) {
            return &world.models[i - 1];
        }
    }

    /* what is written to it is lost */

    none = unset;

    return &none;
}


static void
model_drop(uint64_t epoch)
{
    model_of(epoch)->epoch = UINT64_MAX;
}


/* an epoch that nobody has kept, may be given again */

static int
is_kept(uint64_t epoch)
{
    int  i;

    for (i = 0; i < INSTANCES; i++) {
        if (world.instances[i].zone.record.epoch == epoch) {
            return 1;
        }
    }

    return world.exists && world.redis.epoch == epoch;
}


static void
model_add(uint64_t epoch, uint64_t previous, int about)
{
    model_t  *model, *before;

    if (world.nmodels == EPOCHS_MAX) {
        violated("the model is too small");
        return;
    }

    if (model_of(epoch)->epoch == epoch) {

        if (about != NOBODY && model_of(epoch)->about == about) {

            /* one that was forgotten has shown itself again */

            return;
        }

        if (is_kept(epoch)) {
            violated("two attempts have one epoch");
        }

        model_drop(epoch);
    }

    before = model_of(previous);

    model = &world.models[world.nmodels++];
    model->epoch = epoch;
    model->about = about;
    model->over = previous;
    model->before = before->about;
    model->shown_to = NOBODY;
    model->newest = about > before->newest ? about : before->newest;
}


static void
model_cut_off(int instance)
{
    size_t  i;

    for (i = 0; i < world.nmodels; i++) {
        if (world.models[i].shown_to == instance) {
            world.models[i].shown_to = NOBODY;
        }
    }
}


static void
print_add(const reauth_record_t *record)
{
    print_t  *print;

    if (world.nprints == BEGINS_MAX) {
        violated("too many begins");
        return;
    }

    print = &world.prints[world.nprints++];

    print->epoch = record->epoch;
    print->since_ms = record->since_ms;
    print->set = record->fingerprint_set;
    memcpy(print->fingerprint, record->fingerprint, REAUTH_FINGERPRINT_LEN);
}


/*
 * The fingerprint of a record is that of its update; the record of a rejected
 * one has that of the attempt before.  "whole": it is not missing.
 */

static void
check_print(const reauth_record_t *record, int whole)
{
    int      right;
    size_t   i;
    print_t  *print;

    right = !record->fingerprint_set;

    if (!reauth_state_is_active(record->state)) {
        return;
    }

    for (i = world.nprints; i > 0; i--) {
        print = &world.prints[i - 1];

        if (print->since_ms != record->since_ms
            || print->epoch > record->epoch)
        {
            continue;
        }

        if (print->set
            && memcmp(print->fingerprint, record->fingerprint,
                      REAUTH_FINGERPRINT_LEN)
               == 0)
        {
            right = 1;
        }

        if (print->epoch == record->epoch
            && print->set
            && !record->fingerprint_set
            && whole
            && !world.lost)
        {
            violated("the fingerprint of an update is lost");
        }
    }

    if (!right) {
        violated("a record has the fingerprint of another update");
    }
}


static int
running(int truth)
{
    return truth != NOBODY
           && reauth_state_is_active(world.truths[truth].state);
}


/*
 * An account that was forgotten is unknown from then on, wherever this is
 * known: until a later attempt shows itself, which nobody has forgotten.
 */

static void
check_forgotten(instance_t *in, const model_t *model)
{
    reauth_record_t  *record, shown;

    record = &in->zone.record;

    if (record->state == REAUTH_STATE_FORGOTTEN) {

        if (!model->forgotten) {
            violated("an attempt that nobody forgot is forgotten");
        }

        shown = *record;
        reauth_record_view(&shown, clock_of(in));
        reauth_record_show(&shown);

        if (shown.state != REAUTH_STATE_NONE || shown.epoch != 0) {
            violated("a forgotten account is shown");
        }

        if (record->epoch > in->forgotten) {
            in->forgotten = record->epoch;
        }

    } else if (record->state != REAUTH_STATE_NONE
               && record->epoch <= in->forgotten)
    {
        violated("a forgotten attempt came back");
    }
}


/*
 * An instance that has followed all events, and neither has a change to write
 * nor waits for Redis, knows what Redis has: nothing would tell it later.
 */

static void
check_followed(const instance_t *in)
{
    int                     instance;
    size_t                  i;
    const reauth_record_t  *record;

    record = &in->zone.record;
    instance = (int) (in - world.instances);

    if (world.lost
        || !world.exists
        || !in->up
        || in->syncing
        || in->read != world.nevents
        || in->zone.dirty
        || record->state == REAUTH_STATE_NONE
        || (record->epoch == world.redis.epoch
            && record->state == world.redis.state)
        || (reauth_state_is_end(record->state)
            && reauth_state_is_end(world.redis.state)))
    {
        return;
    }

    for (i = 0; i < world.nmessages; i++) {
        if (world.messages[i].instance == instance
            && world.messages[i].type <= MESSAGE_RECORD)
        {
            return;
        }
    }

    violated("what Redis has escaped an instance");
}


/* what holds of an instance at any time */

static void
check(instance_t *in)
{
    int       about;
    model_t  *model;

    check_print(&in->zone.record,
                !in->zone.dirty && in->zone.record.missing == 0);

    model = model_of(in->zone.record.epoch);
    about = model->about;

    check_forgotten(in, model);
    check_followed(in);

    if (is_active(in) && clock_of(in) < in->zone.record.deadline_ms) {

        if (in->gate_truth != about || in->gate_since == 0) {
            in->gate_truth = about;
            in->gate_since = world.now;
        }

        if (about != NOBODY
            && world.now - in->gate_since > GATE_MAX + DELAY_MAX)
        {
            violated("a gate was closed for longer than reauth_gate_max");
        }

        return;
    }

    in->gate_since = 0;

    if (about != NOBODY
        && about == world.ntruths - 1
        && running(about)
        && in->zone.record.state != REAUTH_STATE_EXPIRED
        && clock_of(in) < in->zone.record.deadline_ms)
    {
        violated("the gate of the attempt that runs is open");
    }
}


/*
 * A 401 response to a call has changed the record of an instance: the account
 * needs a new login, as far as the call is about the last one.  Clocks differ
 * by up to 2 * SKEW.
 */

static void
check_call(const instance_t *in, const reauth_record_t *before,
    const reauth_record_t *after, const news_t *news)
{
    int64_t         before_call;
    const model_t  *model;

    model = model_of(before->epoch);
    before_call = news->called + 2 * SKEW;

    if (reauth_state_is_active(after->state)
        || (reauth_state_is_active(before->state)
            && clock_of(in) < before->deadline_ms))
    {
        violated("a response to a call has changed a gate");
    }

    if (model->newest != NOBODY
        && world.truths[model->newest].began > before_call)
    {
        violated("a call that began before a login has undone it");
    }

    if (before->state == REAUTH_STATE_FORGOTTEN
        && model->forgotten > before_call)
    {
        violated("a call that began before a forget has undone it");
    }

    if (before->state == REAUTH_STATE_FAILED
        && strcmp(before->error_code, REAUTH_SESSION_EXPIRED) == 0)
    {
        violated("what a call has told is told again");
    }
}


/* a fact has changed the record of an instance */

static void
check_fact(const instance_t *in, const reauth_record_t *before,
    const reauth_record_t *after, const news_t *news)
{
    int       closed, was_closed;
    model_t  *model;

    model = model_of(before->epoch);
    closed = reauth_state_is_active(after->state);
    was_closed = reauth_state_is_active(before->state);

    if (news->called != 0) {
        check_call(in, before, after, news);
    }

    if (after->epoch < before->epoch) {
        violated("an epoch went back");
        return;
    }

    if (after->epoch == before->epoch) {

        if (!was_closed && closed) {
            violated("an end was taken back");
        }

        if (was_closed == closed) {
            return;
        }

        if (news->truth == NOBODY) {

            if (news->fact.epoch != before->epoch) {
                violated("an update was settled by the answer of another");
            }

        } else if (news->truth < model->newest) {
            violated("an older attempt's fact opened a newer one's gate");

        } else if (before->state == REAUTH_STATE_STARTING
                   && news->fact.epoch != before->epoch)
        {
            /* what names its epoch was asked for when that had been sent */

            violated("an update that is being sent was ended by another fact");
        }

        return;
    }

    /* an attempt that nobody here began */

    if (before->state == REAUTH_STATE_STARTING) {
        violated("another attempt took the place of one that is being sent");
    }

    if (before->state == REAUTH_STATE_FORGOTTEN
        && news->called == 0
        && news->truth <= model->newest && model->newest != NOBODY)
    {
        violated("a fact about an earlier attempt undid a forget");
    }

    if (closed || was_closed) {

        if (news->truth < model->newest) {
            violated("an older attempt took the place of a newer one");

        } else if (news->truth == model->newest && model->newest != NOBODY
                   && !(news->fact.live
                        && before->state == REAUTH_STATE_REJECTED))
        {
            /*
             * An update was rejected after the gate of what runs had opened by
             * its age: what is seen running then, closes it once more.
             */

            violated("an attempt that was known came as a new one");
        }
    }

    model_add(after->epoch, before->epoch, news->truth);

    /* it could ask Redis, which has what it knew */

    if (in->up && !in->syncing && world.exists
        && !in->zone.dirty && !news->fact.live)
    {
        model_of(after->epoch)->shown_to = (int) (in - world.instances);
    }
}


/* Redis or another instance has changed the record of an instance */

static void
check_merge(const instance_t *in, const reauth_record_t *before,
    const reauth_record_t *after)
{
    model_t  *model;

    model = model_of(after->epoch);

    /*
     * What an instance learned while it was cut off, may be older than what
     * the others know; not so what it learned while it could ask Redis.
     */

    if (after->epoch > before->epoch
        && in->up && !in->syncing && !in->zone.dirty
        && reauth_state_is_end(before->state)
        && reauth_state_is_active(after->state)
        && model->shown_to != NOBODY
        && model->about <= model_of(before->epoch)->newest)
    {
        violated("an attempt that was known came as a new one, by Redis");
    }

    if (after->epoch < before->epoch) {
        violated("an epoch went back");
    }

    if (after->epoch == before->epoch
        && reauth_state_is_end(before->state)
        && !reauth_state_is_end(after->state))
    {
        violated("an end was taken back by a merge");
    }
}


/* ---- messages ------------------------------------------------------------ */


static message_t *
message(message_type_t type, int instance, int64_t delay)
{
    message_t  *m;

    if (world.nmessages == MESSAGES_MAX) {
        violated("too many messages");
        world.nmessages--;
    }

    m = &world.messages[world.nmessages++];

    memset(m, 0, sizeof(message_t));

    m->type = type;
    m->instance = instance;
    m->at = world.ordered ? ++world.sequence : world.now + delay;

    return m;
}


static int64_t
delay(void)
{
    switch (chance(8)) {

    case 0:
        return chance(300000);

    case 1:
        return chance(10000);

    default:
        return 1 + chance(200);
    }
}


/* a commit, to or from Redis: events of the other connection overtake it */

static int64_t
redis_delay(void)
{
    return chance(10) == 0 ? chance(TIMEOUT) : chance(3);
}


static void
send_news(int instance, const news_t *news, int64_t when)
{
    message(MESSAGE_NEWS, instance, when)->news = *news;

    if (world.nhistory < HISTORY_MAX) {
        world.history[world.nhistory++] = *news;
    }
}


/* ---- the upstream -------------------------------------------------------- */


static void
fact_of_truth(news_t *news, int truth, reauth_source_t source)
{
    truth_t  *t;

    t = &world.truths[truth];

    memset(news, 0, sizeof(news_t));

    news->truth = truth;
    news->fact.source = source;
    news->fact.state = t->state;
    news->fact.started_us = t->started_us;
}


/*
 * What the upstream answers a poll now.  As long as nobody was told that the
 * login runs it may be what it would have said before that login.
 */

static void
fact_of_poll(news_t *news, int truth, reauth_source_t source,
    const reauth_record_t *record, int64_t asked_ms)
{
    int       about;
    truth_t  *t;

    about = truth;
    t = &world.truths[truth];

    if (truth > 0
        && world.old_session
        && !t->shown
        && world.now < t->began + OLD_SESSION
        && chance(2))
    {
        about = truth - 1;
    }

    fact_of_truth(news, about, source);

    if (world.fansly) {
        news->fact.started_us = 0;
    }

    if (about != truth) {
        news->fact.state = chance(2) ? REAUTH_STATE_SUCCEEDED
                                     : REAUTH_STATE_FAILED;

        /* a session that began just before, by wrong clocks, is not promised */

        if ((record == NULL || record->before_us < news->fact.started_us)
            && news->fact.started_us / 1000 > t->began - JUST_BEFORE)
        {
            news->fact.started_us = 0;
        }

    } else if (running(truth)) {
        t->shown = 1;
        news->fact.step = 1;
    }

    news->fact.attempt = reauth_string_from(t->name);

    reauth_fact_asked(&news->fact, record, asked_ms);
}


static void
webhook(int truth)
{
    int     i, n;
    news_t  news;

    if (chance(5) == 0) {
        return;                      /* lost */
    }

    fact_of_truth(&news, truth, REAUTH_SOURCE_WEBHOOK);
    news.webhook = 1;

    n = chance(5) == 0 ? 2 : 1;

    for (i = 0; i < n; i++) {
        send_news((int) chance(INSTANCES), &news, delay());
    }
}


static int
upstream_begin(void)
{
    truth_t  *t;

    if (world.ntruths == TRUTHS_MAX) {
        return NOBODY;
    }

    if (world.ntruths > 0 && running(world.ntruths - 1)) {

        /* earlier attempts are over, or are reported as running forever */

        t = &world.truths[world.ntruths - 1];

        if (chance(2)) {
            t->state = REAUTH_STATE_FAILED;
        }
    }

    t = &world.truths[world.ntruths];

    t->started_us = (world.now + world.upstream_skew) * 1000 + chance(1000);

    if (world.ntruths > 0 && t->started_us <= t[-1].started_us) {
        t->started_us = t[-1].started_us + 1;
    }

    t->began = world.now;
    t->state = REAUTH_STATE_RUNNING;

    if (world.fansly) {
        strcpy(t->name, "fansly_acct_1");

    } else {
        sprintf(t->name, "auth_%d", world.ntruths);
    }

    trace("upstream: %s begins", t->name);

    return world.ntruths++;
}


static void
upstream_advance(void)
{
    truth_t  *t;

    if (world.ntruths == 0 || !running(world.ntruths - 1)) {
        return;
    }

    t = &world.truths[world.ntruths - 1];

    switch (chance(5)) {

    case 0:
        t->state = REAUTH_STATE_SUCCEEDED;
        break;

    case 1:
        t->state = REAUTH_STATE_FAILED;
        break;

    case 2:
        t->state = REAUTH_STATE_NEEDS_FACE;
        break;

    case 3:
        t->state = REAUTH_STATE_NEEDS_OTP;
        break;

    default:
        t->state = REAUTH_STATE_RUNNING;
        return;
    }

    trace("upstream: %s is %s", t->name, reauth_state_name(t->state));

    webhook(world.ntruths - 1);
}


/* an ordinary call, which returns 401 without a session */

static void
upstream_call(const message_t *m)
{
    news_t         news;
    const truth_t  *t;

    if (world.ntruths == 0) {
        return;
    }

    t = &world.truths[world.ntruths - 1];

    if (reauth_state_is_active(t->state)
        || (t->state == REAUTH_STATE_SUCCEEDED && !t->lapsed))
    {
        return;
    }

    memset(&news, 0, sizeof(news_t));

    news.truth = world.ntruths - 1;
    news.called = m->news.called;
    news.called_ms = m->news.called_ms;

    /* it can't be replayed */

    message(MESSAGE_NEWS, m->instance, delay())->news = news;
}


/* how the request of an update ends, when the upstream has it or has not */

typedef struct {
    reauth_update_end_t   end;
    int                   sent;
    unsigned              status;
} end_t;


static const end_t  rejected_ends[] = {
    { REAUTH_UPDATE_ANSWERED, 1, 400 },
    { REAUTH_UPDATE_ANSWERED, 1, 429 },
    { REAUTH_UPDATE_REDIRECTED, 1, 302 },
    { REAUTH_UPDATE_ENCODED, 1, 400 },
    { REAUTH_UPDATE_TIMED_OUT, 0, 504 },
    { REAUTH_UPDATE_FAILED, 0, 502 },
    { REAUTH_UPDATE_UNFINISHED, 0, 0 }
};

static const end_t  unknown_ends[] = {
    { REAUTH_UPDATE_ANSWERED, 1, 500 },
    { REAUTH_UPDATE_ANSWERED, 1, 408 },
    { REAUTH_UPDATE_ENCODED, 1, 200 },
    { REAUTH_UPDATE_TIMED_OUT, 1, 504 },
    { REAUTH_UPDATE_FAILED, 1, 502 },
    { REAUTH_UPDATE_UNFINISHED, 1, 0 }
};

static const end_t  accepted_end = { REAUTH_UPDATE_ANSWERED, 1, 200 };


/* the PUT has arrived; its answer, if there is one, settles the epoch */

static void
upstream_update(message_t *m)
{
    int           truth;
    news_t        news;
    unsigned      what;
    model_t      *model;
    const char   *code;
    const end_t  *end;

    what = chance(20);
    truth = NOBODY;

    if (what < 4) {
        trace("upstream: rejects");

    } else if (what < 6) {
        trace("upstream: never had it");

    } else {
        truth = upstream_begin();
    }

    if (truth != NOBODY) {
        model = model_of(m->epoch);
        model->about = truth;
        model->newest = truth;
    }

    if (truth != NOBODY && what < 8) {
        trace("upstream: the worker that waits for its answer dies");
        return;
    }

    if (what >= 4 && what < 6) {
        end = &unknown_ends[chance(6)];

    } else if (truth == NOBODY) {
        end = &rejected_ends[chance(7)];

    } else {
        end = what < 10 ? &unknown_ends[chance(6)] : &accepted_end;
    }

    memset(&news, 0, sizeof(news_t));

    news.truth = NOBODY;
    news.fact.epoch = m->epoch;
    news.fact.source = REAUTH_SOURCE_UPDATE;
    news.fact.state = reauth_judge_ended(end->end, end->sent,
                                         reauth_upstream_status(end->status),
                                         &code);

    if (news.fact.state == REAUTH_STATE_RUNNING) {
        news.fact.attempt = reauth_string_from(world.truths[truth].name);
    }

    /* it can't be replayed: whoever sent it waits for it once */

    message(MESSAGE_NEWS, m->instance,
            chance(10) == 0 ? chance(30000) : 1 + chance(100))->news = news;
}


/* ---- the zone ------------------------------------------------------------ */


/* as ngx_http_reauth_zone_carry_out() */

static void
zone_carry_out(instance_t *in, const reauth_judgement_t *verdict)
{
    if (verdict->write == REAUTH_WRITE_NOTHING) {
        return;
    }

    if (verdict->write == REAUTH_WRITE_RECORD) {
        in->unsent = 0;

    } else if (!in->zone.dirty) {
        in->unsent = 1;
    }

    in->zone.dirty = verdict->dirty;

    if (verdict->write == REAUTH_WRITE_REVISION) {
        in->zone.record.revision = verdict->record.revision;

        if (in->zone.record.missing != verdict->record.missing) {
            reauth_attempt_complete(&in->zone.record, &verdict->record);
            in->zone.record.missing = verdict->record.missing;
        }

        return;
    }

    in->zone.record = verdict->record;

    if (verdict->record.epoch > in->zone.epoch) {
        in->zone.epoch = verdict->record.epoch;
    }
}


static void
zone_empty(instance_t *in)
{
    memset(&in->zone.record, 0, sizeof(reauth_record_t));
    reauth_copy(in->zone.record.account, REAUTH_ACCOUNT_MAX, &account);
    in->zone.dirty = 0;
    in->forgotten = 0;
}


static void
zone_begin(instance_t *in, begin_op_t *op, const reauth_record_t *remote)
{
    uint64_t                judged;
    reauth_judgement_t        verdict;
    const reauth_record_t  *before, *previous;

    before = &in->zone.record;
    judged = op->begin.epoch;

    op->begun = reauth_judge_begin(&in->zone, &op->begin, remote, &verdict);
    op->record = verdict.record;

    if (op->begun != REAUTH_BEGIN_STARTED) {

        /* a begin of ours that came to nothing may be taken back */

        if (verdict.again
            && before->epoch != judged
            && before->state != REAUTH_STATE_STARTING)
        {
            check_merge(in, before, &verdict.record);
        }

    } else if (verdict.dirty && verdict.write == REAUTH_WRITE_RECORD) {

        if (verdict.record.epoch == judged) {
            model_drop(judged);      /* the same update, judged again */

        } else if (verdict.record.epoch <= before->epoch) {
            violated("an update began with an epoch that is not new");
        }

        previous = verdict.again ? remote : before;

        op->over = previous->epoch;
        op->over_state = (reauth_state_t) previous->state;

        print_add(&verdict.record);
        model_add(verdict.record.epoch, previous->epoch, NOBODY);

        if (reauth_state_is_active(previous->state)) {
            model_of(verdict.record.epoch)->before_until
                = previous->deadline_ms;
        }
    }

    zone_carry_out(in, &verdict);
}


static void
zone_applied(const instance_t *in, const news_t *news,
    const reauth_record_t *current, const reauth_record_t *record)
{
    model_t  *model;

    trace("%d: %s %s: from %s, attempt \"%s\", epoch %llu",
          (int) (in - world.instances), reauth_source_name(news->fact.source),
          news->truth == NOBODY ? "" : world.truths[news->truth].name,
          reauth_state_name(current->state), current->attempt,
          (unsigned long long) current->epoch);

    trace("   to %s, attempt \"%s\", epoch %llu",
          reauth_state_name(record->state), record->attempt,
          (unsigned long long) record->epoch);

    check_fact(in, current, record, news);

    if (news->truth == NOBODY && news->fact.state == REAUTH_STATE_REJECTED) {
        model = model_of(record->epoch);
        model->about = clock_of(in) < model->before_until ? model->before
                                                          : NOBODY;
    }
}


static reauth_advance_result_t
zone_advance(instance_t *in, news_t *news, reauth_record_t *record)
{
    reauth_judgement_t         verdict;
    reauth_advance_result_t  result;

    result = reauth_judge_advance(&in->zone, &news->fact, &verdict);

    if (result == REAUTH_ADVANCE_APPLIED) {
        zone_applied(in, news, &in->zone.record, &verdict.record);
    }

    zone_carry_out(in, &verdict);

    *record = verdict.record;

    return result;
}


static void
zone_taken(const instance_t *in, const reauth_judgement_t *verdict)
{
    if (verdict->write != REAUTH_WRITE_RECORD) {
        return;
    }

    check_merge(in, &in->zone.record, &verdict->record);

    trace("%d: takes %s, attempt \"%s\", epoch %llu, revision %llu",
          (int) (in - world.instances),
          reauth_state_name(verdict->record.state), verdict->record.attempt,
          (unsigned long long) verdict->record.epoch,
          (unsigned long long) verdict->record.revision);
}


/*
 * An update takes the place of what Redis has, which it was not begun by: that
 * is what a rejection falls back to.
 */

static void
model_merge(const instance_t *in, const reauth_record_t *remote,
    const reauth_record_t *after)
{
    model_t  *model, *before;

    if (in->zone.record.state != REAUTH_STATE_STARTING
        || after->epoch != in->zone.record.epoch
        || remote->epoch >= after->epoch)
    {
        return;
    }

    model = model_of(after->epoch);
    before = model_of(remote->epoch);

    if (model->epoch != after->epoch
        || model->about != NOBODY
        || model->over != 0)
    {
        return;
    }

    model->over = remote->epoch;
    model->before = before->about;
    model->before_until = 0;

    if (reauth_state_is_active(remote->state)) {
        model->before_until = remote->deadline_ms;
    }

    if (before->newest > model->newest) {
        model->newest = before->newest;
    }
}


/* 1: *record is to be written to Redis */

static int
zone_conflict(instance_t *in, news_t *news, const reauth_record_t *remote,
    reauth_record_t *record)
{
    int               again;
    uint64_t          judged;
    reauth_judgement_t  verdict;

    judged = news != NULL ? news->fact.new_epoch : 0;

    again = reauth_judge_conflict(&in->zone, news != NULL ? &news->fact : NULL,
                                  remote, &verdict);

    if (!verdict.again) {
        model_merge(in, remote, &verdict.record);
    }

    if (news == NULL) {
        zone_taken(in, &verdict);

    } else if (verdict.again) {

        if (in->zone.record.epoch == judged
            && remote->epoch != judged
            && !model_of(judged)->forgotten)
        {
            model_drop(judged);      /* nobody else has seen it */
        }

        if (again) {
            zone_applied(in, news, remote, &verdict.record);
        }
    }

    zone_carry_out(in, &verdict);

    *record = verdict.record;

    return again;
}


static reauth_merge_result_t
zone_merge(instance_t *in, const reauth_record_t *remote, int live)
{
    int                      unsent;
    reauth_judgement_t       verdict;
    reauth_merge_result_t  result;

    result = reauth_judge_merge(&in->zone, remote, live, &verdict);

    if (result == REAUTH_MERGE_OURS) {
        model_merge(in, remote, &verdict.record);
    }

    zone_taken(in, &verdict);

    unsent = in->unsent || !in->zone.dirty;

    zone_carry_out(in, &verdict);

    if (verdict.dirty) {
        in->unsent = unsent;
    }

    return result;
}


static void
zone_lost(instance_t *in, const reauth_record_t *record)
{
    reauth_judgement_t  verdict;

    reauth_judge_lost(&in->zone, record, &verdict);
    zone_carry_out(in, &verdict);
}


/* 1: it is to be written again */

static int
zone_deleted(instance_t *in, const reauth_record_t *record)
{
    int                 again;
    reauth_judgement_t  verdict;

    again = reauth_judge_deleted(&in->zone, record, &verdict);

    if (verdict.write == REAUTH_WRITE_REMOVED) {

        trace("%d: removes %s", (int) (in - world.instances),
              reauth_state_name(in->zone.record.state));

        if (is_active(in) || in->zone.dirty) {
            violated("a deletion has opened a gate, or an end is lost");
        }

        zone_empty(in);
        return again;
    }

    zone_carry_out(in, &verdict);

    return again;
}


static reauth_forget_t
zone_forget(instance_t *in, reauth_record_t *record)
{
    model_t               *model;
    reauth_forget_t        result;
    reauth_record_t       *before;
    reauth_judgement_t     verdict;

    before = &in->zone.record;

    result = reauth_judge_forget(&in->zone, clock_of(in), &verdict);

    if (result == REAUTH_FORGET_DONE) {

        if (before->state == REAUTH_STATE_STARTING
            && clock_of(in) < reauth_attempt_due_ms(before))
        {
            violated("an update that is being sent was forgotten");
        }

        trace("%d: forgets %s, attempt \"%s\", epoch %llu",
              (int) (in - world.instances), reauth_state_name(before->state),
              before->attempt, (unsigned long long) before->epoch);

        if (model_of(before->epoch)->epoch != before->epoch) {

            /* it was taken for one that nobody has kept */

            model_add(before->epoch, 0, NOBODY);
        }

        model = model_of(before->epoch);

        if (model->forgotten == 0) {
            model->forgotten = world.now;
        }
    }

    zone_carry_out(in, &verdict);

    *record = verdict.record;

    return result;
}


static int
zone_committed(instance_t *in, const reauth_record_t *record,
    uint64_t revision)
{
    int               again;
    reauth_judgement_t  verdict;

    again = reauth_judge_committed(&in->zone, record, revision, 0,
                                   &verdict);
    zone_carry_out(in, &verdict);

    return again;
}


/* ---- the store ----------------------------------------------------------- */


static void
begin_done(int instance, begin_op_t *op)
{
    message_t  *m;

    if (op->begun == REAUTH_BEGIN_STARTED) {
        m = message(MESSAGE_UPDATE, instance,
                    chance(10) == 0 ? chance(20000) : 1 + chance(50));
        m->epoch = op->record.epoch;
    }
}


static void
begin_local(int instance, begin_op_t *op)
{
    news_t  news;

    if (!world.reject) {
        begin_done(instance, op);
        return;
    }

    trace("%d: the begin is taken back", instance);

    memset(&news, 0, sizeof(news_t));

    news.truth = NOBODY;

    reauth_judge_unsent(&op->begin, clock_of(&world.instances[instance]),
                        "STORE_UNAVAILABLE", &news.fact);

    (void) store_advance(instance, &news);
}


static void
commit_free(commit_t *commit)
{
    if (commit != NULL) {
        world.sent[commit - world.commits] = 0;
    }
}


static void
commit_local(commit_t *commit)
{
    instance_t             *in;
    const reauth_record_t  *record;

    in = &world.instances[commit->instance];
    record = &commit->record;

    if (reauth_epoch_is(&in->zone.record, record->epoch, record->origin)
        && in->zone.record.state == record->state
        && in->zone.record.updated_ms == record->updated_ms)
    {
        in->unsent = 1;
    }

    if (commit->has_begin) {
        begin_local(commit->instance, &commit->op);
    }

    commit_free(commit);
}


static commit_t *
commit_create(int instance, const reauth_record_t *record)
{
    size_t     n;
    commit_t  *commit;

    n = 0;

    while (n < COMMITS_MAX - 1 && world.sent[n]) {
        n++;
    }

    if (world.sent[n]) {
        violated("too many commits");
    }

    world.sent[n] = 1;

    commit = &world.commits[n];
    memset(commit, 0, sizeof(commit_t));

    commit->instance = instance;
    commit->record = *record;

    return commit;
}


static void
commit_send(commit_t *commit)
{
    unsigned     random;
    instance_t  *in;

    in = &world.instances[commit->instance];

    if (!in->up) {
        commit_local(commit);
        return;
    }

    message(MESSAGE_COMMIT, commit->instance, redis_delay())->commit = commit;

    /* the upper bits of the state are random enough */

    random = (unsigned) (world.random >> 40) + (unsigned) commit->instance;

    commit->revision = reauth_revision_next(commit->record.revision,
                                            clock_of(in), random);
}


static void
flush(int instance)
{
    commit_t    *commit;
    instance_t  *in;

    in = &world.instances[instance];

    if (in->zone.record.state != REAUTH_STATE_NONE) {
        commit = commit_create(instance, &in->zone.record);
        commit->flush = 1;
        commit_send(commit);
    }
}


static void
begin_judge(commit_t *commit, const reauth_record_t *remote)
{
    instance_t  *in;

    in = &world.instances[commit->instance];

    zone_begin(in, &commit->op, remote);

    trace("%d: an update %s, epoch %llu", commit->instance,
          reauth_begin_result_name(commit->op.begun),
          (unsigned long long) commit->op.record.epoch);

    if (commit->op.begun == REAUTH_BEGIN_STARTED) {
        commit->record = commit->op.record;
        commit_send(commit);

    } else if (commit->op.begun != REAUTH_BEGIN_READ) {
        commit_free(commit);

    } else if (in->up) {
        commit->reads++;
        message(MESSAGE_FETCH, commit->instance, redis_delay())->commit
            = commit;

    } else {
        commit->op.begin.unread = 1;
        begin_judge(commit, NULL);
    }
}


static void
begin_fetched(commit_t *commit, const reauth_record_t *remote)
{
    if (remote == NULL || commit->reads == READS_MAX) {
        commit->op.begin.unread = 1;
        remote = NULL;
    }

    begin_judge(commit, remote);
}


static void
commit_again(commit_t *commit, const reauth_record_t *remote)
{
    if (zone_conflict(&world.instances[commit->instance],
                      commit->has_fact ? &commit->news : NULL, remote,
                      &commit->record))
    {
        commit_send(commit);

    } else {
        commit_free(commit);
    }
}


/* what is in an event, and how it is read */

static void
redis_event(reauth_record_t *event)
{
    size_t           len, part;
    unsigned char    text[REAUTH_RECORD_TEXT_MAX];
    unsigned char    out[REAUTH_RECORD_TEXT_MAX];
    reauth_string_t  s;

    len = reauth_record_encode(&world.redis, text, &part);

    s.data = out;
    s.len = reauth_record_event(&world.redis, text, len, part, out);

    memset(event, 0, sizeof(reauth_record_t));
    assert_int_equal(reauth_record_decode_event(&s, event), 0);
    assert_int_equal(event->revision, world.redis.revision);

    if (event->fingerprint_set || event->prior.fingerprint_set) {
        violated("an event has a fingerprint");
    }
}


/* an update replaces an attempt that is open, there and here */

static void
check_repeat(int instance, const commit_t *commit)
{
    if (world.exists
        && !world.lost
        && world.redis.epoch == commit->op.over
        && world.redis.state == commit->op.over_state
        && world.redis.state != REAUTH_STATE_STARTING
        && world.redis.state != REAUTH_STATE_UNKNOWN
        && reauth_attempt_is_open(&world.redis, commit->op.begin.now_ms)
        && commit->op.begin.fingerprint != NULL
        && reauth_attempt_same_update(&world.redis, &commit->op.begin))
    {
        trace("%d: repeats it", instance);
        violated("an identical update is sent again");
    }
}


static void
redis_commit(message_t *m)
{
    message_t        *reply;
    commit_t         *commit;
    const uint64_t    seen = world.exists ? world.redis.revision : 0;

    commit = m->commit;

    reply = message(MESSAGE_REPLY, m->instance, redis_delay());
    reply->commit = commit;
    reply->exists = world.exists;
    reply->record = world.redis;

    if (commit->record.missing || seen != commit->record.revision) {
        return;
    }

    if (commit->has_begin) {
        check_repeat(m->instance, commit);
    }

    reply->written = 1;

    world.exists = 1;
    world.redis = commit->record;
    world.redis.revision = commit->revision;
    world.listed = (unsigned) reauth_state_is_active(world.redis.state);

    if (world.nevents == EVENTS_MAX) {
        violated("too many events");
        return;
    }

    check_print(&world.redis, 1);

    redis_event(&world.events[world.nevents++]);
}


static void
commit_reply(message_t *m)
{
    commit_t    *commit;
    instance_t  *in;

    commit = m->commit;
    in = &world.instances[m->instance];

    if (!m->written) {

        switch (reauth_judge_unwritten(&commit->tries, (int) m->exists,
                                       (int) commit->has_begin))
        {
        case REAUTH_COMMIT_GIVE_UP:
            commit_local(commit);
            break;

        case REAUTH_COMMIT_AS_NEW:
            zone_lost(in, &commit->record);
            commit->record.revision = 0;
            commit->record.missing = 0;
            commit_send(commit);
            break;

        case REAUTH_COMMIT_BEGIN_AGAIN:
            begin_judge(commit, &m->record);
            break;

        default: /* REAUTH_COMMIT_JUDGE_AGAIN */
            commit_again(commit, &m->record);
        }

        return;
    }

    if (zone_committed(in, &commit->record, commit->revision)
        && !commit->has_begin)
    {
        flush(m->instance);
    }

    if (commit->has_begin) {
        commit->op.record.revision = commit->revision;
        begin_done(m->instance, &commit->op);
    }

    commit_free(commit);
}


static void
store_begin(int instance)
{
    commit_t         *commit;
    instance_t       *in;
    begin_op_t        op;
    static uint8_t    prints[3][REAUTH_FINGERPRINT_LEN] = {
        { 1 }, { 2 }, { 3 }
    };

    in = &world.instances[instance];

    memset(&op, 0, sizeof(begin_op_t));

    op.begin.now_ms = clock_of(in);
    op.begin.gate_max_ms = GATE_MAX;
    op.begin.source = REAUTH_SOURCE_UPDATE;
    op.begin.auth_type = REAUTH_AUTH_TYPE_EMAIL_PASSWORD;
    op.begin.account = account;
    op.begin.fingerprint = prints[chance(3)];

    if (chance(6) == 0) {
        op.begin.fingerprint = NULL;
        op.begin.source = REAUTH_SOURCE_REAUTHENTICATE;
    }

    commit = commit_create(instance, &op.record);
    commit->has_begin = 1;
    commit->op = op;

    begin_judge(commit, NULL);
}


static reauth_advance_result_t
store_advance(int instance, news_t *news)
{
    commit_t                *commit;
    reauth_record_t          record;
    reauth_advance_result_t  result;

    news->fact.gate_max_ms = GATE_MAX;

    result = zone_advance(&world.instances[instance], news, &record);

    if (result == REAUTH_ADVANCE_APPLIED) {
        commit = commit_create(instance, &record);
        commit->has_fact = 1;
        commit->news = *news;
        commit_send(commit);
    }

    return result;
}


static void
store_forget(int instance)
{
    commit_t         *commit;
    reauth_record_t   record;

    if (zone_forget(&world.instances[instance], &record) == REAUTH_FORGET_DONE)
    {
        commit = commit_create(instance, &record);
        commit->flush = 1;
        commit_send(commit);
    }
}


static void
store_timer(int instance)
{
    news_t       news;
    instance_t  *in;

    in = &world.instances[instance];

    memset(&news, 0, sizeof(news_t));
    news.truth = NOBODY;

    if (in->zone.record.state != REAUTH_STATE_NONE
        && reauth_attempt_overdue(&in->zone.record, clock_of(in), &news.fact))
    {
        (void) store_advance(instance, &news);
    }

    if (in->zone.dirty && in->up
        && reauth_judge_flush(&in->zone.record, in->unsent, clock_of(in),
                              TIMEOUT))
    {
        flush(instance);
    }
}


/* ---- facts --------------------------------------------------------------- */


/* as upstream/ does with a 401 response to an ordinary call */

static void
receive_called(int instance, news_t *news)
{
    instance_t  *in;

    in = &world.instances[instance];

    if (reauth_judge_call(REAUTH_SESSION_EXPIRED, &in->zone.record,
                          news->called_ms, clock_of(in), &news->fact)
        == REAUTH_CALLED_FACT
        && store_advance(instance, news) != REAUTH_ADVANCE_APPLIED)
    {
        violated("the end of a session was not stored");
    }
}


/* as api/ does with a webhook, and with everything else */

static void
receive(int instance, news_t *news)
{
    instance_t        *in;
    reauth_webhook_t   webhook;

    in = &world.instances[instance];

    if (news->called != 0) {
        receive_called(instance, news);
        return;
    }

    if (news->webhook) {
        memset(&webhook, 0, sizeof(reauth_webhook_t));
        reauth_copy(webhook.account, REAUTH_ACCOUNT_MAX, &account);

        webhook.state = news->fact.state;
        webhook.started_us = news->fact.started_us;

        if (reauth_judge_webhook(&webhook, &in->zone.record, clock_of(in),
                                 GATE_MAX, (int) world.polling, &news->fact)
            != REAUTH_HEARD_FACT)
        {
            return;
        }

        /* it points to the webhook, which is gone when it is judged again */

        news->fact.error_code.data = NULL;
        news->fact.error_message.data = NULL;
    }

    news->fact.now_ms = clock_of(in);

    if (store_advance(instance, news) == REAUTH_ADVANCE_UNPLACED
        && news->webhook)
    {
        in->asked = 1;
    }
}


/* a caller's poll or code, seen on its way */

static void
caller(void)
{
    int                     truth, instance;
    news_t                  news;
    instance_t             *in;
    const reauth_record_t  *asked;

    if (world.ntruths == 0) {
        return;
    }

    truth = world.ntruths - 1;

    if (chance(3) == 0) {
        truth = (int) chance((unsigned) world.ntruths);
    }

    instance = (int) chance(INSTANCES);
    in = &world.instances[instance];

    if (world.fansly) {
        truth = world.ntruths - 1;
    }

    asked = world.fansly
            || strcmp(in->zone.record.attempt, world.truths[truth].name) == 0
            ? &in->zone.record : NULL;

    fact_of_poll(&news, truth, REAUTH_SOURCE_POLL, asked, clock_of(in));

    if (chance(8) == 0) {
        news.fact.started_us = 0;
    }

    if (chance(6) == 0 && running(truth)) {
        news.fact.source = REAUTH_SOURCE_SUBMIT_2FA;
        news.fact.state = REAUTH_STATE_RUNNING;
        news.fact.started_us = 0;
    }

    send_news(instance, &news, delay());
}


/* the session of the last login may be over at any time */

static void
call(int instance)
{
    truth_t    *t;
    message_t  *m;

    t = world.ntruths != 0 ? &world.truths[world.ntruths - 1] : NULL;

    if (t != NULL
        && t->state == REAUTH_STATE_SUCCEEDED
        && !t->lapsed
        && chance(4) == 0)
    {
        trace("upstream: the session of %s is over", t->name);
        t->lapsed = 1;
    }

    if (is_active(&world.instances[instance])) {
        return;
    }

    m = message(MESSAGE_CALL, instance, delay());
    m->news.called = world.now;
    m->news.called_ms = clock_of(&world.instances[instance]);
}


static void
poll_start(int instance)
{
    message_t   *m;
    instance_t  *in;

    in = &world.instances[instance];

    if (!world.polling
        || in->zone.record.state == REAUTH_STATE_STARTING
        || (!is_active(in) && !in->asked))
    {
        return;
    }

    in->asked = 0;

    m = message(MESSAGE_POLL, instance, delay());
    m->record = in->zone.record;
    m->asked_ms = clock_of(in);
    m->list = !is_active(in) || in->zone.record.attempt[0] == '\0';
}


/* it is at the upstream now; what it says comes back later */

static void
poll_answer(message_t *m)
{
    int          truth;
    news_t       news;
    instance_t  *in;

    if (world.ntruths == 0) {
        return;
    }

    if (!m->list) {
        for (truth = world.ntruths - 1; truth > 0; truth--) {
            if (strcmp(world.truths[truth].name, m->record.attempt) == 0) {
                break;
            }
        }

        fact_of_poll(&news, truth, REAUTH_SOURCE_POLLER, &m->record,
                     m->asked_ms);
        send_news(m->instance, &news, delay());
        return;
    }

    /* GET /api/accounts: of the account, whatever the attempt is */

    in = &world.instances[m->instance];
    truth = world.ntruths - 1;

    fact_of_truth(&news, truth, REAUTH_SOURCE_POLLER);

    news.fact.epoch = m->record.epoch;
    news.fact.live = !reauth_state_is_active(m->record.state);
    news.fact.started_us = 0;

    if (running(truth)) {
        news.fact.state = REAUTH_STATE_RUNNING;

    } else if (!reauth_state_is_active(m->record.state)
               || (m->record.state == REAUTH_STATE_UNKNOWN
                   && clock_of(in) < m->record.since_ms + NOT_STARTED))
    {
        return;
    }

    /* it is asked for each time anew, so that it can't be replayed */

    message(MESSAGE_NEWS, m->instance, delay())->news = news;
}


/* ---- following Redis ----------------------------------------------------- */


static message_t *
sync_read(int instance, unsigned sync)
{
    message_t  *m;

    m = message(MESSAGE_READ, instance, chance(3));
    m->sync = sync;
    m->known = world.instances[instance].zone.record;

    return m;
}


static void
sync_start(int instance)
{
    instance_t  *in;

    in = &world.instances[instance];

    in->up = 1;
    in->syncing = 1;
    in->read = world.nevents;

    trace("%d: connects to Redis", instance);

    (void) sync_read(instance, 1);
}


static void
sync_record(message_t *m)
{
    instance_t  *in;

    in = &world.instances[m->instance];

    if (m->sync) {
        in->syncing = 0;
    }

    if (!m->exists) {

        if (!m->deleted) {
            zone_lost(in, &in->zone.record);

        } else if (zone_deleted(in, &m->known)) {
            flush(m->instance);
        }

        return;
    }

    /* a new connection reads what is active, there or here */

    if (m->sync && !is_active(in) && !reauth_state_is_active(m->record.state))
    {
        return;
    }

    if (zone_merge(in, &m->record, 1) == REAUTH_MERGE_OURS) {
        flush(m->instance);
    }
}


/* records and events come by one connection, in order */

static int
sync_is_reading(int instance)
{
    size_t  i;

    for (i = 0; i < world.nmessages; i++) {
        if (world.messages[i].instance == instance
            && world.messages[i].type == MESSAGE_RECORD)
        {
            return 1;
        }
    }

    return 0;
}


static void
sync_follow(int instance)
{
    unsigned                n;
    instance_t             *in;
    const reauth_record_t  *event;

    in = &world.instances[instance];

    if (!in->up || in->syncing || sync_is_reading(instance)) {
        return;
    }

    for (n = 1 + chance(4); n > 0 && in->read < world.nevents; n--) {

        event = &world.events[in->read++];

        if (event->state == REAUTH_STATE_NONE) {

            if (in->zone.record.state != REAUTH_STATE_NONE) {
                sync_read(instance, 0)->deleted = 1;
            }

        } else if (zone_merge(in, event, 0) == REAUTH_MERGE_ASK) {
            (void) sync_read(instance, 0);
        }
    }
}


/* what was sent may have been done, or not; no answer comes */

static void
disconnect(int instance)
{
    size_t       i;
    commit_t    *commit;
    message_t    m;
    instance_t  *in;

    in = &world.instances[instance];

    if (!in->up) {
        return;
    }

    trace("%d: loses Redis", instance);

    in->up = 0;
    in->syncing = 0;

    model_cut_off(instance);

    for (i = 0; i < world.nmessages; /* void */) {

        m = world.messages[i];

        if (m.instance != instance || m.type > MESSAGE_RECORD) {
            i++;
            continue;
        }

        world.messages[i] = world.messages[--world.nmessages];

        commit = m.commit;

        if (m.type == MESSAGE_COMMIT && chance(2)) {
            redis_commit(&m);
            world.nmessages--;       /* the reply */
        }

        if (m.type == MESSAGE_FETCH || m.type == MESSAGE_FETCHED) {
            begin_fetched(commit, NULL);

        } else if (commit != NULL) {
            commit_local(commit);
        }

        i = 0;
    }
}


/* ---- one interleaving ---------------------------------------------------- */


static void
deliver(size_t i)
{
    message_t   m, *record;

    m = world.messages[i];
    world.messages[i] = world.messages[--world.nmessages];

    switch (m.type) {

    case MESSAGE_COMMIT:
        redis_commit(&m);
        break;

    case MESSAGE_REPLY:
        commit_reply(&m);
        break;

    case MESSAGE_FETCH:
        record = message(MESSAGE_FETCHED, m.instance, redis_delay());
        record->commit = m.commit;
        record->exists = world.exists;
        record->record = world.redis;
        break;

    case MESSAGE_FETCHED:
        begin_fetched(m.commit, m.exists ? &m.record : NULL);
        break;

    case MESSAGE_READ:
        record = message(MESSAGE_RECORD, m.instance, chance(3));
        record->sync = m.sync;
        record->deleted = m.deleted;
        record->known = m.known;
        record->exists = world.exists;
        record->record = world.redis;
        break;

    case MESSAGE_RECORD:
        sync_record(&m);
        break;

    case MESSAGE_UPDATE:
        upstream_update(&m);
        break;

    case MESSAGE_POLL:
        poll_answer(&m);
        break;

    case MESSAGE_CALL:
        upstream_call(&m);
        break;

    default: /* MESSAGE_NEWS */
        receive(m.instance, &m.news);
    }
}


/* delivers what is due until "until", in its order */

static void
pass_time(int64_t until)
{
    int     i;
    size_t  n, first;

    while (world.violation == NULL && world.nmessages != 0) {

        first = 0;

        for (n = 1; n < world.nmessages; n++) {
            if (world.messages[n].at < world.messages[first].at) {
                first = n;
            }
        }

        if (world.messages[first].at > until) {
            break;
        }

        if (world.messages[first].at > world.now) {
            world.now = world.messages[first].at;
        }

        deliver(first);

        for (i = 0; i < INSTANCES; i++) {
            check(&world.instances[i]);
        }
    }

    if (world.now < until) {
        world.now = until;
    }
}


static void
restart(int instance)
{
    size_t       i;
    instance_t  *in;

    in = &world.instances[instance];

    trace("%d: restarts", instance);

    model_cut_off(instance);

    for (i = 0; i < world.nmessages; /* void */) {

        if (world.messages[i].instance == instance
            && (world.messages[i].type != MESSAGE_NEWS
                || world.messages[i].news.truth == NOBODY
                || world.messages[i].news.called != 0
                || world.messages[i].news.fact.source == REAUTH_SOURCE_POLLER))
        {
            commit_free(world.messages[i].commit);
            world.messages[i] = world.messages[--world.nmessages];

        } else {
            i++;
        }
    }

    zone_empty(in);

    in->zone.has_redis = 1;
    in->zone.epoch = 0;
    in->asked = 0;
    in->zone.salt = (chance(REAUTH_EPOCH_SALT_MASK) & ~2U
                     & REAUTH_EPOCH_SALT_MASK)
                    | (unsigned) instance << 1;
    in->zone.origin = (uint64_t) instance + 2;
    in->gate_since = 0;
    in->up = 0;

    sync_start(instance);
}


/*
 * The record is deleted by hand, or expires.  Later, a gateway finds an active
 * one in the list but not its record: deleted.lua.
 */

static void
redis_delete(void)
{
    int  i;

    if (world.exists) {
        trace("redis: the record %s is deleted",
              reauth_state_name(world.redis.state));

        world.lost = 1;
        world.exists = 0;

        /* until it is written back, others do not learn of it from Redis */

        for (i = 0; i < INSTANCES; i++) {
            model_cut_off(i);
        }

        return;
    }

    if (!world.listed) {
        return;
    }

    if (world.nevents == EVENTS_MAX) {
        violated("too many events");
        return;
    }

    trace("redis: the deletion is noticed");

    world.listed = 0;
    memset(&world.events[world.nevents++], 0, sizeof(reauth_record_t));
}


static void
redis_trouble(void)
{
    int  i;

    switch (chance(7)) {

    case 0:

        /* restarted, with nothing, or with what was saved some time ago */

        for (i = 0; i < INSTANCES; i++) {
            disconnect(i);
        }

        world.lost = 1;
        world.exists = chance(2) ? 0 : world.saved_exists;
        world.redis = world.saved;
        world.listed = world.exists
                       && reauth_state_is_active(world.redis.state);

        trace("redis: restarts with %s", world.exists
              ? reauth_state_name(world.redis.state) : "nothing");
        break;

    case 1:

        /* flushed under the instances' feet */

        if (world.instances[0].read == world.nevents
            && world.instances[1].read == world.nevents)
        {
            trace("redis: flushed");
            world.lost = 1;
            world.exists = 0;
            world.listed = 0;

            for (i = 0; i < INSTANCES; i++) {
                model_cut_off(i);
            }
        }

        break;

    case 2:
        world.saved_exists = world.exists;
        world.saved = world.redis;
        break;

    case 3:
        redis_delete();
        break;

    default:
        disconnect((int) chance(INSTANCES));
    }
}


static void
step(void)
{
    int          i;
    news_t       news;
    instance_t  *in;

    i = (int) chance(INSTANCES);
    in = &world.instances[i];

    switch (chance(26)) {

    case 0:
    case 1:
    case 2:
        store_begin(i);
        break;

    case 3:
        if (chance(3) == 0) {
            (void) upstream_begin();
        }
        break;

    case 4:
    case 5:
    case 6:
    case 7:
        upstream_advance();
        break;

    case 8:
    case 9:
        caller();
        break;

    case 10:
        if (world.nhistory != 0) {
            news = world.history[chance((unsigned) world.nhistory)];
            news.fact.new_epoch = 0;
            message(MESSAGE_NEWS, i, delay())->news = news;
        }
        break;

    case 11:
    case 12:
    case 13:
        poll_start(i);
        break;

    case 14:
        in->asked = 1;               /* a 503 on an ordinary call */
        break;

    case 15:
        redis_trouble();
        break;

    case 16:
    case 17:
        if (!in->up) {
            sync_start(i);
        }
        break;

    case 18:
        if (chance(4) == 0) {

            if (chance(3) == 0) {
                restart(i);

            } else if (reauth_state_is_end(in->zone.record.state)
                       && !in->zone.dirty)
            {
                trace("%d: makes room", i);
                zone_empty(in);
            }
        }
        break;

    case 19:
        if (chance(40) == 0) {
            pass_time(world.now + GATE_MAX);
        }
        break;

    case 20:
        if (chance(2)) {
            store_forget(i);
        }
        break;

    case 21:
        call(i);
        break;

    default:
        sync_follow(i);
        store_timer(i);
    }

    for (i = 0; i < INSTANCES; i++) {
        check(&world.instances[i]);
    }
}


static void
settle(int64_t until)
{
    int          i;
    instance_t  *in;

    while (world.violation == NULL && world.now < until) {

        pass_time(world.now + 1000);

        for (i = 0; i < INSTANCES; i++) {

            in = &world.instances[i];

            if (!in->up) {
                sync_start(i);
            }

            while (!in->syncing && !sync_is_reading(i)
                   && in->read < world.nevents)
            {
                sync_follow(i);
            }

            store_timer(i);
            check(in);
        }
    }
}


/* nothing new happens; all that is known gets everywhere */

static void
check_agreement(void)
{
    int                     i;
    instance_t             *in;
    const reauth_record_t  *kept;

    /* that it was flushed, Redis tells with the next change only */

    kept = world.exists ? &world.redis
                        : &world.instances[world.instances[0].zone.record.state
                                           == REAUTH_STATE_NONE].zone.record;

    for (i = 0; i < INSTANCES; i++) {
        in = &world.instances[i];

        if (in->zone.dirty) {
            violated("what an instance knows never got to Redis");
        }

        if (!world.exists && in->zone.record.state == REAUTH_STATE_NONE) {
            continue;
        }

        if (is_active(in) != reauth_state_is_active(kept->state)) {
            violated("the instances and Redis do not agree on the gate");
        }

        if (is_active(in) && in->zone.record.epoch != kept->epoch) {
            violated("the instances and Redis do not agree on the attempt");
        }
    }
}


static void
check_truth(void)
{
    int          i, latest;
    instance_t  *in;

    latest = world.ntruths - 1;

    for (i = 0; i < INSTANCES; i++) {
        in = &world.instances[i];

        if (is_active(in) && latest != NOBODY && !running(latest)
            && clock_of(in) < in->zone.record.deadline_ms)
        {
            violated("a gate stays closed though the attempt has ended");
        }
    }
}


static const char *
interleaving(uint64_t seed, unsigned run)
{
    int       i;
    size_t    n;

    memset(&world, 0, sizeof(world));

    world.random = seed * 0x9e3779b97f4a7c15ULL + run * 0xbf58476d1ce4e5b9ULL
                   + 1;
    for (n = 0; n < 8; n++) {
        (void) chance(2);
    }

    world.now = START_MS;
    world.trace = getenv("REAUTH_TRACE") != NULL
                  && strtoul(getenv("REAUTH_TRACE"), NULL, 10) == run;
    world.reject = chance(4) == 0;
    world.polling = chance(5) != 0;
    world.fansly = chance(3) == 0;
    world.old_session = chance(2);
    world.upstream_skew = (int64_t) chance(2 * UPSTREAM_SKEW) - UPSTREAM_SKEW;

    for (i = 0; i < INSTANCES; i++) {
        world.instances[i].skew = (int64_t) chance(2 * SKEW) - SKEW;

        if (world.old_session) {

            /* a step that one gateway has seen is older than another's poll */

            world.instances[i].skew = 0;
        }

        restart(i);
    }

    for (n = 0; n < STEPS && world.violation == NULL; n++) {
        pass_time(world.now + (chance(20) == 0 ? chance(60000) : chance(60)));
        step();
    }

    trace("all settles");

    /* the last facts arrive; the longest delay of one is 300 s, and of two */

    settle(world.now + DELAY_MAX);

    if (world.violation == NULL) {
        check_agreement();
    }

    /* then the poller finds out what it can, within the gate's time */

    while (running(world.ntruths - 1)) {
        world.truths[world.ntruths - 1].state = REAUTH_STATE_FAILED;
    }

    for (n = 0; n < 8 && world.polling && world.violation == NULL; n++) {

        for (i = 0; i < INSTANCES; i++) {
            poll_start(i);
        }

        settle(world.now + DELAY_MAX);
    }

    if (world.violation == NULL && world.polling) {
        check_truth();
    }

    if (world.violation == NULL) {
        settle(world.now + GATE_MAX + 4 * SKEW);
    }

    for (i = 0; i < INSTANCES && world.violation == NULL; i++) {
        if (is_active(&world.instances[i])) {
            violated("a gate is closed after all that time");
        }
    }

    if (world.violation == NULL) {
        check_agreement();
    }

    return world.violation;
}


static void
test_interleavings(void **state)
{
    unsigned        run, runs, failed, violations;
    uint64_t        seed, seeds[] = { 1, 2, 3, 5, 8 };
    size_t          i, n;
    const char     *value, *violation;

    (void) state;

    n = sizeof(seeds) / sizeof(seeds[0]);

    value = getenv("REAUTH_SEED");

    if (value != NULL) {
        seeds[0] = strtoull(value, NULL, 10);
        n = 1;
    }

    value = getenv("REAUTH_RUNS");
    runs = value != NULL ? (unsigned) strtoul(value, NULL, 10) : RUNS;

    value = getenv("REAUTH_VIOLATIONS");
    violations = value != NULL ? (unsigned) strtoul(value, NULL, 10) : 5;

    failed = 0;

    for (i = 0; i < n; i++) {
        seed = seeds[i];

        for (run = 0; run < runs; run++) {
            violation = interleaving(seed, run);

            if (violation == NULL) {
                continue;
            }

            print_message("REAUTH_SEED=%llu REAUTH_TRACE=%u: %s\n",
                          (unsigned long long) seed, run, violation);

            if (++failed == violations) {
                fail();
            }
        }

        print_message("seed %llu: %u interleavings of %d steps\n",
                      (unsigned long long) seed, runs, STEPS);
    }

    assert_int_equal(failed, 0);
}


#ifndef INTERLEAVINGS_ONLY

int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_interleavings)
    };

    return cmocka_run_group_tests_name("interleavings", tests, NULL, NULL);
}

#endif
