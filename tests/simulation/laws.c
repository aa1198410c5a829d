
/*
 * Copyright (C) the nginx-reauth authors
 *
 * What must hold, whatever happens: docs/state-machine.md, and what a fleet
 * promises.  The laws look at gates, records and Redis only, never at why the
 * code has done something.
 */


#include "world.h"


/* a gateway that is ready and connected knows what Redis has, after this */
#define LAW_KNOWN       3000

/* and has written all it knows, however much that is */
#define LAW_WRITTEN     6000

/* the counter of events is read when there are none, then it is written */
#define LAW_LOST        (5000 + LAW_WRITTEN)

/* it waits for so long */
#define LAW_UNREAD      1000

/* a gate is closed for reauth_gate_max, and what a clock is off by */
#define LAW_CLOSED      20000

/* every update is answered: what it waits for, and what the upstream takes */
#define LAW_ANSWERED    (UPDATE_WAIT + 60000 + 90000 + 5000)

/* what was changed while Redis was away is written in so much time */
#define LAW_BACKLOG     100

/* a pause that is in Redis is known to all after this */
#define LAW_PAUSED      2000

/* so many events apart: a list by update, and a death with the lock */
#define LAW_ORDERED     8
#define LAW_BROKEN      701

#define EPOCHS_MAX      2048


typedef struct {
    int64_t         told;          /* since when its attempt is known; 0: not */
    int             told_truth;
    int64_t         closed;        /* since when, for this attempt */
    uint64_t        closed_epoch;
    uint64_t        closed_origin;
    int64_t         wrong;         /* since when it does not do as Redis says */
    int64_t         lost;          /* since when Redis does not know it */
    uint64_t        epoch;
    uint64_t        origin;        /* of the gateway that made it */
    int64_t         since;         /* when it was seen first */
    uint64_t        forgotten;     /* the last epoch that was */
    uint64_t        forgotten_origin;
    int64_t         updated_ms;
    int64_t         ahead;         /* of Redis, and could not write, last */
    reauth_state_t  state;
    int             known;
} seen_t;


typedef struct {
    int       account;
    uint64_t  epoch;
    uint64_t  origin;
    int       truth;               /* NOBODY: not arrived */
    int       local;               /* begun without what others know */
} epoch_t;


/* what Redis has of an account */

typedef struct {
    uint64_t     changes;          /* of Redis, when it was read */
    const char  *text;             /* NULL: no record */
    int          active;           /* listed */
    uint64_t     epoch;
    uint64_t     origin;
    int64_t      deadline;
} stored_t;


/* an account that Redis lists as active, in this epoch */

typedef struct {
    int64_t   since;               /* 0: not */
    uint64_t  epoch;
} listed_t;


static seen_t   seen[GATEWAYS_MAX][ACCOUNTS_MAX];
static size_t   evicted[GATEWAYS_MAX];
static int64_t  unwritten[GATEWAYS_MAX];
static listed_t listed[ACCOUNTS_MAX];
static stored_t stored[ACCOUNTS_MAX];
static epoch_t  epochs[EPOCHS_MAX];
static size_t   nepochs;

/* when a record of a gateway was changed */
static int64_t  changed;

/* when the first change of those made without Redis was written, and the data
   of Redis that was looked at */
static int64_t   backlog_since;
static uint64_t  backlog_changes;

/* of all runs */
static laws_counts_t  counts;


void
laws_reset(void)
{
    memset(seen, 0, sizeof(seen));
    memset(evicted, 0, sizeof(evicted));
    memset(unwritten, 0, sizeof(unwritten));
    memset(listed, 0, sizeof(listed));
    nepochs = 0;
    changed = 0;
    backlog_since = 0;
}


/* what law_gate() does not judge must be rare: it could hide a fault */

const laws_counts_t *
laws_count(void)
{
    int  i;

    for (i = 0; i < world.ntruths; i++) {
        counts.attempts += world.truths[i].running;
        counts.exempt += world.truths[i].exempt;
    }

    return &counts;
}


void
laws_gateway_reset(int gateway)
{
    memset(seen[gateway], 0, sizeof(seen[gateway]));
    evicted[gateway] = 0;
    unwritten[gateway] = 0;
}


static epoch_t *
epoch_find(int account, uint64_t epoch, uint64_t origin)
{
    size_t  i;

    for (i = nepochs; i > 0; i--) {
        if (epochs[i - 1].epoch == epoch && epochs[i - 1].origin == origin
            && epochs[i - 1].account == account)
        {
            return &epochs[i - 1];
        }
    }

    return NULL;
}


/*
 * Gateways that cannot reach each other may make the same epoch: an attempt is
 * identified by its epoch and its origin, and ordered by both.
 */

static int
is_attempt(const reauth_record_t *record, uint64_t epoch, uint64_t origin)
{
    return record->epoch == epoch && record->origin == origin;
}


static int
is_before(const reauth_record_t *record, uint64_t epoch, uint64_t origin)
{
    return record->epoch < epoch
           || (record->epoch == epoch && record->origin < origin);
}


/* whether it was begun under a later epoch, as a merge orders them */

static int
epoch_later(const epoch_t *e, int account, uint64_t epoch, uint64_t origin)
{
    return e->account == account
           && (e->epoch > epoch
               || (e->epoch == epoch && e->origin > origin));
}


/* a gateway knows an attempt that it could not write to Redis */

static int
is_unwritten(int account)
{
    int      g;
    seen_t  *s;

    for (g = 0; g < world.plan.gateways; g++) {
        s = &seen[g][account];

        if (s->ahead != 0 && world.now - s->ahead < LAW_WRITTEN) {
            return 1;
        }
    }

    return 0;
}


/* an update is to be sent under this epoch */

void
laws_begun(int account, const reauth_record_t *record, int local)
{
    epoch_t  *e;

    e = epoch_find(account, record->epoch, record->origin);

    if (e != NULL) {
        violated("no two attempts have the same epoch and origin",
                 "%s, epoch %llu", account_names[account],
                 (unsigned long long) record->epoch);
        return;
    }

    if (nepochs == EPOCHS_MAX) {
        violated("the simulation has room", "epochs");
        return;
    }

    epochs[nepochs].account = account;
    epochs[nepochs].epoch = record->epoch;
    epochs[nepochs].origin = record->origin;
    epochs[nepochs].local = local
                            || (world.redis_lost != 0
                                && world.now - world.redis_lost < LAW_WRITTEN)
                            || is_unwritten(account);
    epochs[nepochs++].truth = NOBODY;
}


void
laws_sent(int account, uint64_t epoch, uint64_t origin, int truth)
{
    int       g;
    size_t    i;
    seen_t   *s;
    epoch_t  *e;

    e = epoch_find(account, epoch, origin);

    if (e != NULL) {
        e->truth = truth;
    }

    /* its time runs since it was begun, which may be long ago */

    for (g = 0; g < GATEWAYS_MAX; g++) {
        s = &seen[g][account];

        if (s->epoch == epoch && s->origin == origin
            && s->since < world.truths[truth].since)
        {
            world.truths[truth].since = s->since;
        }
    }

    /*
     * Gateways that cannot reach each other may send updates in another order
     * than that of their epochs: a documented limitation.
     */

    for (i = 0; i < nepochs; i++) {
        if (epoch_later(&epochs[i], account, epoch, origin)) {
            world.truths[truth].disputed = 1;
        }
    }
}


/*
 * Of two updates, one was begun by a gateway that could not reach the others,
 * or before these had written what Redis had lost.
 * If the later one is rejected, its record, which is about an attempt before,
 * has a later epoch than the attempt that runs: a documented limitation.
 */

static int
is_overtaken(int account, uint64_t epoch, uint64_t origin)
{
    size_t    i;
    epoch_t  *e;

    e = epoch_find(account, epoch, origin);

    for (i = 0; i < nepochs; i++) {
        if (epoch_later(&epochs[i], account, epoch, origin)
            && (epochs[i].local || (e != NULL && e->local)))
        {
            return 1;
        }
    }

    return 0;
}


/* a person has forgotten the account, with all logins up to this record */

void
laws_forgotten(int account, const reauth_record_t *record)
{
    int  i;

    for (i = 0; i < world.ntruths; i++) {
        if (world.truths[i].account == account
            && world.truths[i].epoch <= record->epoch)
        {
            world.truths[i].disputed = 1;
        }
    }
}


/* the gateway's poller sends a poll */

void
laws_polled(const process_t *process)
{
    const gateway_t  *gateway;

    gateway = &world.gateways[process->gateway];

    if (gateway->paused > world.now && gateway->told < world.now) {
        violated("no poll is sent before Retry-After", "gateway %d, %lld ms",
                 process->gateway, (long long) (gateway->paused - world.now));
    }

    /* while nothing else fails, as Redis may lose the pause */

    if (world.plan.faults == 0
        && world.paused - LAW_PAUSED > world.now
        && world.told + LAW_PAUSED < world.now)
    {
        violated("all gateways pause", "gateway %d, %lld ms",
                 process->gateway, (long long) (world.paused - world.now));
    }
}


/* what a record is about */

static int
truth_of(int account, const reauth_record_t *record)
{
    epoch_t  *e;

    if (record->attempt[0] != '\0' && !upstream_fansly(account)) {
        return atoi(record->attempt + 5);
    }

    e = epoch_find(account, record->epoch, record->origin);

    return e == NULL ? NOBODY : e->truth;
}


/* the field of a record's text, as a number; 0: none */

static uint64_t
field(const char *text, const char *name)
{
    size_t  len;

    len = strlen(name);

    for ( ;; ) {

        if (strncmp(text, name, len) == 0 && text[len] == ' ') {
            return strtoull(text + len + 1, NULL, 10);
        }

        text = strchr(text, '\n');

        if (text == NULL || text[1] == '\0') {
            return 0;
        }

        text++;
    }
}


/* what Redis has, read again when its data has changed */

static const stored_t *
redis_stored(int account)
{
    char       key[64];
    size_t     len;
    uint64_t   changes;
    stored_t  *s;

    s = &stored[account];
    changes = redis_changes(world.redis);

    if (s->changes == changes) {
        return s;
    }

    snprintf(key, sizeof(key), "{reauth}:a:%s", account_names[account]);

    memset(s, 0, sizeof(stored_t));

    s->changes = changes;
    s->text = redis_string(world.redis, key, &len);
    s->active = redis_zset_has(world.redis, "{reauth}:active",
                               account_names[account]);

    if (s->text != NULL) {
        s->epoch = field(s->text, "epoch");
        s->origin = field(s->text, "origin");
        s->deadline = (int64_t) field(s->text, "deadline");
    }

    return s;
}


static const char *
redis_record(int account)
{
    return redis_stored(account)->text;
}


const char *
state_name(unsigned state)
{
    static const char  *names[] = {
        "none", "starting", "running", "needs_otp", "needs_face", "needs_app",
        "needs_person", "unknown", "succeeded", "failed", "rejected", "expired",
        "forgotten"
    };

    return state < sizeof(names) / sizeof(names[0]) ? names[state] : "?";
}


static void
law_forgotten(int g, int a, seen_t *s, const reauth_record_t *record)
{
    if (record->state == REAUTH_STATE_FORGOTTEN) {
        s->forgotten = record->epoch;
        s->forgotten_origin = record->origin;
        return;
    }

    if (is_attempt(record, s->forgotten, s->forgotten_origin)
        || is_before(record, s->forgotten, s->forgotten_origin))
    {
        violated("a forgotten attempt does not come back", "gateway %d, %s: "
                 "%s", g, account_names[a], state_name(record->state));
    }
}


/*
 * What the upstream says of this attempt.  One of Fansly has no ID of its own,
 * and a list of accounts tells no IDs, so a gateway that does not know of a
 * later attempt takes it for its own.
 */

static int
is_said(int account, int truth, unsigned state, int listed)
{
    int       i;
    truth_t  *t;

    for (i = truth; i < world.ntruths; i++) {
        t = &world.truths[i];

        if (t->account == account && t->ended != 0 && t->state == state) {
            return 1;
        }

        if (!listed && !upstream_fansly(account)) {
            break;
        }
    }

    return 0;
}


static void
law_record(int g, int a, const seen_t *was, const reauth_record_t *record)
{
    int       truth;
    truth_t  *t;

    /* a begin that Redis does not take, since another is first, is undone */

    if (is_before(record, was->epoch, was->origin)
        && epoch_find(a, was->epoch, was->origin) != NULL)
    {
        violated("no epoch decreases", "gateway %d, %s", g, account_names[a]);
    }

    if (is_attempt(record, was->epoch, was->origin)
        && reauth_state_is_end(was->state)
        && !reauth_state_is_end(record->state))
    {
        violated("an end is final", "gateway %d, %s", g, account_names[a]);
    }

    if (record->updated_ms != was->updated_ms) {
        changed = world.now;
    }

    if (record->state == was->state
        && is_attempt(record, was->epoch, was->origin))
    {
        return;
    }

    changed = world.now;

    trace("   gateway %d, %s: from %s, epoch %llu to %s %s, epoch %llu, "
          "revision %llu", g, account_names[a], state_name(was->state),
          (unsigned long long) was->epoch, state_name(record->state),
          record->attempt, (unsigned long long) record->epoch,
          (unsigned long long) record->revision);

    if (record->state != REAUTH_STATE_SUCCEEDED
        && record->state != REAUTH_STATE_FAILED)
    {
        return;
    }

    truth = truth_of(a, record);

    if (truth == NOBODY) {
        return;
    }

    t = &world.truths[truth];

    if (!is_said(a, truth, record->state,
                 record->source == REAUTH_SOURCE_POLLER))
    {
        violated("an end is what the upstream says of this attempt",
                 "gateway %d, %s: %s is %s, by the upstream %s", g,
                 account_names[a], t->name,
                 record->state == REAUTH_STATE_FAILED ? "failed" : "succeeded",
                 t->ended == 0 ? "running" : "it has ended otherwise");
    }
}


static void
law_gate(process_t *process, int a, seen_t *s, const reauth_record_t *record,
    int known, worker_gate_t gate)
{
    int  truth, newest;

    /* closed for too long */

    if (gate != WORKER_GATE_CLOSED) {
        s->closed = 0;

    } else if (s->closed == 0
               || (known && !is_attempt(record, s->closed_epoch,
                                        s->closed_origin)))
    {
        s->closed = world.now;
        s->closed_epoch = known ? record->epoch : 0;
        s->closed_origin = known ? record->origin : 0;

    } else if (world.now - s->closed > world.plan.gate_max + LAW_CLOSED) {
        violated("no gate is closed for longer than reauth_gate_max",
                 "gateway %d, %s", process->gateway, account_names[a]);
    }

    /* open while its attempt runs */

    newest = upstream_newest(a);
    truth = known ? truth_of(a, record) : NOBODY;

    if (newest == NOBODY || world.truths[newest].ended) {
        s->told = 0;
        return;
    }

    world.truths[newest].running = 1;

    if (world.truths[newest].disputed) {
        world.truths[newest].exempt = 1;
        s->told = 0;
        return;
    }

    if (s->told_truth != newest) {
        s->told = 0;
    }

    /*
     * A login that no gateway began has an epoch by the upstream's clock, which
     * may be ahead: that of an old one may be later than that of an update.
     * What follows from that record is wrong, too, until this attempt ends: a
     * documented limitation.
     */

    if (known && (record->epoch & 1)
        && record->epoch > world.truths[newest].epoch)
    {
        world.truths[newest].disputed = 1;
        world.truths[newest].exempt = 1;
        s->told = 0;
        return;
    }

    if (truth == newest && s->told == 0
        && reauth_state_is_active(record->state))
    {
        s->told = world.now;
        s->told_truth = newest;
    }

    if (s->told && gate == WORKER_GATE_OPEN
        && !is_overtaken(a, world.truths[newest].epoch,
                         world.truths[newest].origin)
        && !(world.forgotten[a]
             && record->epoch > world.truths[newest].epoch)
        && world.now - world.truths[newest].since
           < world.plan.gate_max - LAW_CLOSED)
    {
        violated("the gate of an attempt that runs is closed",
                 "gateway %d, %s: %s", process->gateway, account_names[a],
                 world.truths[newest].name);
    }
}


/* a gateway that says that all is well does as Redis says */

static void
law_known(process_t *process, int a, seen_t *s, const reauth_record_t *record,
    int known, worker_gate_t gate, const worker_health_t *health)
{
    const stored_t  *redis;

    if (!health->ready
        || world.gateways[process->gateway].calm > world.now
        || gate != WORKER_GATE_OPEN)
    {
        s->wrong = 0;
        return;
    }

    redis = redis_stored(a);

    if (redis->text == NULL
        || !redis->active
        || redis->deadline <= world.now + world.redis_skew + LAW_CLOSED
        || (known && !is_attempt(record, redis->epoch, redis->origin)
            && !is_before(record, redis->epoch, redis->origin)))
    {
        s->wrong = 0;
        return;
    }

    if (s->wrong == 0) {
        s->wrong = world.now;
        return;
    }

    if (world.now - s->wrong > LAW_KNOWN) {
        violated("a ready gateway knows what is active",
                 "gateway %d, %s: open for %lld ms", process->gateway,
                 account_names[a], (long long) (world.now - s->wrong));
    }
}


static void
listed_update(int a)
{
    const stored_t  *redis;

    redis = redis_stored(a);

    if (redis->text == NULL || !redis->active) {
        listed[a].since = 0;
        return;
    }

    if (listed[a].since == 0 || listed[a].epoch != redis->epoch) {
        listed[a].since = world.now;
        listed[a].epoch = redis->epoch;
    }
}


/* a new gateway opens nothing before it has read Redis, or tried to */

static void
law_unread(process_t *process, int a, int known, worker_gate_t gate,
    const worker_health_t *health)
{
    int         newest;
    gateway_t  *gateway;

    gateway = &world.gateways[process->gateway];
    newest = upstream_newest(a);

    if (!known && !health->ready
        && world.now - gateway->started < LAW_UNREAD
        && world.redis_calm <= gateway->started
        && world.redis_lost + LAW_WRITTEN <= gateway->started
        && newest != NOBODY
        && world.truths[newest].began < gateway->started
        && listed[a].since != 0
        && listed[a].since < gateway->started
        && listed[a].epoch == world.truths[newest].epoch
        && redis_record(a) != NULL
        && redis_stored(a)->deadline
           > world.now + world.redis_skew + LAW_CLOSED
        && gate == WORKER_GATE_OPEN)
    {
        violated("no gate opens before Redis has been read",
                 "gateway %d, %s", process->gateway, account_names[a]);
    }
}


/*
 * What Redis has lost is written again by a gateway that knows it.  What was
 * deleted by hand may wait for the next poll.
 */

static void
law_lost(process_t *process, int a, seen_t *s, const reauth_record_t *record,
    int known, const worker_health_t *health)
{
    if (!known
        || !health->ready
        || world.forgotten[a]
        || world.gateways[process->gateway].calm > world.now
        || !reauth_state_is_active(record->state)
        || redis_record(a) != NULL)
    {
        s->lost = 0;
        return;
    }

    if (s->lost == 0) {
        s->lost = world.now;

    } else if (world.now - s->lost > LAW_LOST) {
        violated("what Redis has lost is written again", "gateway %d, %s",
                 process->gateway, account_names[a]);
    }
}


/* and has written what it knows */

static void
law_written(process_t *process, const worker_health_t *health)
{
    int64_t  *since;

    since = &unwritten[process->gateway];

    if (health->dirty == 0 || !health->ready
        || world.gateways[process->gateway].calm > world.now)
    {
        *since = 0;
        return;
    }

    if (*since == 0) {
        *since = world.now;

    } else if (world.now - *since > LAW_WRITTEN) {
        violated("a ready gateway has written what it knows",
                 "gateway %d: %zu records", process->gateway, health->dirty);
    }
}


static void
law_answered(void)
{
    int         i;
    request_t  *request;

    for (i = 0; i < world.nrequests; i++) {
        request = &world.requests[i];

        if (request->used && world.now - request->since > LAW_ANSWERED
            && world.processes[request->process].stalled <= world.now)
        {
            violated("every update is answered", "update %d of %s", i,
                     account_names[request->account]);
        }
    }
}


/* its end, or a later one, is in Redis: it may have been read just now */

static int
is_ended(int a, uint64_t epoch)
{
    const stored_t  *redis;

    redis = redis_stored(a);

    return redis->text != NULL && redis->epoch >= epoch && !redis->active;
}


/*
 * Not at random: other faults are those of the seed without this one.  A repair
 * gives what is not written to Redis another order.
 */

static void
law_ordered(process_t *process, const worker_health_t *health)
{
    if (world.counted % LAW_BROKEN == 0 && health->dirty == 0) {
        trace("   gateway %d: a worker died with the lock", process->gateway);
        process->api->broken();
    }

    if (world.counted % LAW_ORDERED == 0 && !process->api->ordered()) {
        violated("the list by update has each account once",
                 "gateway %d", process->gateway);
    }
}


/* it made room, or was deleted by hand: what comes next is as if it were new */

static void
left(int a, seen_t *s)
{
    if (reauth_state_is_end(s->state) || is_ended(a, s->epoch)) {
        s->epoch = 0;
        s->forgotten = 0;
        s->state = REAUTH_STATE_NONE;
    }
}


void
laws_check(process_t *process)
{
    int               a, known, made_room;
    seen_t           *s;
    worker_gate_t     gate;
    worker_health_t   health;
    reauth_record_t   record;

    process->api->health(&health);

    made_room = health.evicted != evicted[process->gateway];
    evicted[process->gateway] = health.evicted;

    for (a = 0; a < world.plan.accounts; a++) {
        s = &seen[process->gateway][a];
        listed_update(a);

        /* one that made room may have been read again in the same event */

        if (made_room) {
            left(a, s);
        }

        known = process->api->kept(account_names[a], &record);

        if (known) {
            law_record(process->gateway, a, s, &record);
            law_forgotten(process->gateway, a, s, &record);

            if (s->epoch != record.epoch || s->origin != record.origin) {
                s->since = world.now;
            }

            s->epoch = record.epoch;
            s->origin = record.origin;
            s->state = record.state;
            s->updated_ms = record.updated_ms;
            s->known = 1;

            if (!health.ready && redis_stored(a)->epoch < record.epoch) {
                s->ahead = world.now;
            }

        } else if (s->known) {
            s->known = 0;
            trace("   gateway %d, %s: not known any more", process->gateway,
                  account_names[a]);
        }

        if (!known) {
            left(a, s);
        }

        gate = process->api->gate(account_names[a]);

        law_gate(process, a, s, &record, known, gate);
        law_known(process, a, s, &record, known, gate, &health);
        law_unread(process, a, known, gate, &health);
        law_lost(process, a, s, &record, known, &health);
    }

    law_written(process, &health);
    law_ordered(process, &health);
    law_answered();
}


/* ---- when all messages have arrived -------------------------------------- */


static void
agree_account(int g, int a, process_t *process)
{
    char              state[32];
    const char       *text;
    reauth_record_t   record;

    text = redis_record(a);

    if (!process->api->kept(account_names[a], &record)) {

        if (text != NULL
            && redis_zset_has(world.redis, "{reauth}:active",
                              account_names[a]))
        {
            violated("all agree", "gateway %d does not know %s", g,
                     account_names[a]);
        }

        return;
    }

    if (text == NULL) {
        if (reauth_state_is_active(record.state)) {
            violated("all agree", "Redis does not know %s of gateway %d",
                     account_names[a], g);
        }

        return;
    }

    /* what has ended is read only when it changes */

    if (reauth_state_is_end(record.state)
        && !redis_zset_has(world.redis, "{reauth}:active", account_names[a]))
    {
        return;
    }

    /*
     * Redis may have the same record in a later revision, if it was written
     * again and the reply was lost.
     */

    snprintf(state, sizeof(state), "\nstate %s\n", state_name(record.state));

    if (!is_attempt(&record, field(text, "epoch"), field(text, "origin"))
        || field(text, "updated") != (uint64_t) record.updated_ms
        || strstr(text, state) == NULL)
    {
        violated("all agree", "gateway %d, %s: epoch %llu revision %llu, Redis "
                 "%llu %llu", g, account_names[a],
                 (unsigned long long) record.epoch,
                 (unsigned long long) record.revision,
                 (unsigned long long) field(text, "epoch"),
                 (unsigned long long) field(text, "revision"));
    }
}


static void
agree_index(const char *key)
{
    int          a;
    size_t       i;
    const char  *name;

    for (i = 0; i < redis_zset_len(world.redis, key); i++) {
        name = redis_zset_member(world.redis, key, i);

        for (a = 0; a < world.plan.accounts; a++) {
            if (strcmp(name, account_names[a]) == 0) {
                break;
            }
        }

        if (a == world.plan.accounts || redis_record(a) == NULL) {
            violated("no index lists what has no record", "%s in %s", name,
                     key);
        }
    }
}


/* whether any gateway has it; after a loss, nobody else can list it again */

static int
is_known_active(int a)
{
    int               g;
    process_t        *process;
    reauth_record_t   record;

    for (g = 0; g < world.plan.gateways; g++) {
        process = &world.processes[g * WORKERS_MAX];

        process_enter(process);

        if (process->api->kept(account_names[a], &record)
            && reauth_state_is_active(record.state))
        {
            return 1;
        }
    }

    return 0;
}


static void
agree_listed(void)
{
    int          a;
    size_t       i;
    const char  *text;

    static const char  *active[] = {
        "\nstate starting", "\nstate running", "\nstate needs",
        "\nstate unknown"
    };

    for (a = 0; a < world.plan.accounts; a++) {
        text = redis_record(a);

        for (i = 0; text != NULL && i < sizeof(active) / sizeof(char *); i++) {
            if (strstr(text, active[i]) != NULL
                && !redis_zset_has(world.redis, "{reauth}:active",
                                   account_names[a])
                && (!world.unlisted || is_known_active(a)))
            {
                violated("what is active is listed", "%s", account_names[a]);
            }
        }
    }
}


/*
 * Polls were leased until now, which restores what a queue has lost.  Members
 * that are not active any more hide it until their polls are due.
 */

static void
agree_queued(void)
{
    int          a;
    size_t       queued;
    const char  *name;

    queued = redis_zset_len(world.redis, "{reauth}:due")
             + redis_zset_len(world.redis, "{reauth}:due:person")
             + redis_zset_len(world.redis, "{reauth}:due:last");

    if (redis_zset_len(world.redis, "{reauth}:active") <= queued) {
        return;
    }

    for (a = 0; a < world.plan.accounts; a++) {
        name = account_names[a];

        if (redis_zset_has(world.redis, "{reauth}:active", name)
            && !redis_zset_has(world.redis, "{reauth}:due", name)
            && !redis_zset_has(world.redis, "{reauth}:due:person", name)
            && !redis_zset_has(world.redis, "{reauth}:due:last", name))
        {
            violated("what is active is in a queue of polls", "%s", name);
        }
    }
}


/* whether a gateway knows, or an index lists, what Redis has no record of */

int
laws_lost(void)
{
    int  a;

    for (a = 0; a < world.plan.accounts; a++) {

        if (redis_record(a) == NULL
            && (redis_zset_has(world.redis, "{reauth}:active",
                               account_names[a])
                || is_known_active(a)))
        {
            return 1;
        }
    }

    return 0;
}


/* whether a change was made just now: it is written and read a moment later */

int
laws_unwritten(void)
{
    int               g;
    process_t        *process;
    worker_health_t   health;

    if (world.now - changed < 1000) {
        return 1;
    }

    for (g = 0; g < world.plan.gateways; g++) {
        process = &world.processes[g * WORKERS_MAX];

        process_enter(process);
        process->api->health(&health);

        if (health.dirty) {
            return 1;
        }
    }

    return 0;
}


/*
 * What was changed while Redis was away, acct_back_1 first: the newest is
 * written first, as it is the most wanted and the first to be lost, and all in
 * a moment.  1: all are written.
 */

int
laws_backlog(unsigned n)
{
    char      key[64];
    size_t    len;
    unsigned  i, written, missing;

    if (backlog_changes != redis_changes(world.redis)) {
        backlog_changes = redis_changes(world.redis);

        written = 0;
        missing = 0;

        for (i = n; i > 0; i--) {
            snprintf(key, sizeof(key), "{reauth}:a:acct_back_%u", i);

            if (redis_string(world.redis, key, &len) == NULL) {
                missing = missing ? missing : i;
                continue;
            }

            written++;

            if (missing) {
                violated("the newest change is written first",
                         "change %u of %u before %u", i, n, missing);
                return 0;
            }
        }

        if (written && backlog_since == 0) {
            backlog_since = world.now;
        }

        if (!missing) {
            backlog_since = NEVER;
        }
    }

    if (backlog_since != 0 && backlog_since != NEVER
        && world.now - backlog_since > LAW_BACKLOG)
    {
        violated("changes are written by the thousand", "%u changes, %lld ms",
                 n, (long long) (world.now - backlog_since));
    }

    return backlog_since == NEVER;
}


static int
record_is(const char *text, const char *state)
{
    char  line[64];

    snprintf(line, sizeof(line), "\nstate %s\n", state);

    return strstr(text, line) != NULL;
}


/* what receivers were told of an account is what its record says */

static void
agree_told(int a)
{
    char                key[64];
    size_t              len;
    const char         *text, *told;
    unsigned long long  epoch;

    text = redis_record(a);

    if (text == NULL) {
        return;
    }

    snprintf(key, sizeof(key), "{reauth}:noticed:%s", account_names[a]);
    told = redis_string(world.redis, key, &len);

    if (record_is(text, "succeeded") || strstr(text, "\nforgotten 1\n")) {

        if (told != NULL) {
            violated("what was told is over", "%s: %.*s", account_names[a],
                     (int) len, told);
        }

        return;
    }

    if (!record_is(text, "needs_otp") && !record_is(text, "needs_face")
        && !record_is(text, "needs_app") && !record_is(text, "failed")
        && !record_is(text, "expired"))
    {
        return;
    }

    if (told == NULL
        || sscanf(told, "%*u %*u %*u %*u %*s %llu", &epoch) != 1
        || epoch != field(text, "epoch"))
    {
        violated("what needs a person is told", "%s: epoch %llu, Redis has "
                 "\"%.*s\"", account_names[a],
                 (unsigned long long) field(text, "epoch"),
                 told == NULL ? 0 : (int) len, told == NULL ? "" : told);
    }
}


void
laws_agree(void)
{
    int               g, a;
    process_t        *process;
    worker_health_t   health;

    for (g = 0; g < world.plan.gateways; g++) {
        process = &world.processes[g * WORKERS_MAX];

        process_enter(process);
        process->api->health(&health);

        if (!health.ready) {
            violated("all recover", "gateway %d is not ready, %u reasons", g,
                     health.nreasons);
        }

        if (health.dirty) {
            violated("all is written", "gateway %d, %zu records", g,
                     health.dirty);
        }

        for (a = 0; a < world.plan.accounts; a++) {
            agree_account(g, a, process);
        }
    }

    for (a = 0; a < world.plan.accounts; a++) {
        agree_told(a);
    }

    agree_listed();
    agree_queued();
    agree_index("{reauth}:active");

    if (world.unlisted) {

        /* an account that is in a queue only remains until its poll is due */
        return;
    }

    agree_index("{reauth}:due");
    agree_index("{reauth}:due:person");
    agree_index("{reauth}:due:last");
}
