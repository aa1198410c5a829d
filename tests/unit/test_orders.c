
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The invariant of the attempts' state machine, by all orders of a few events:
 * two gateways, one account, at most three attempts.  The world, its events and
 * its model are those of test_interleavings.c; there is no chance here.
 *
 * After each event, all that may happen next is tried: an update begins at one
 * of the gateways, with the credentials of another one or its own; somebody
 * logs in elsewhere; a message arrives, of all that are under way; the upstream
 * accepts an update, rejects it or does not answer; a login ends; a gateway
 * polls, writes what it has kept, or loses Redis, whose commands are carried
 * out or not; Redis loses all data.
 *
 * What was seen before is not tried again: events at different gateways
 * commute, so most orders lead to the same worlds.  A gateway's clock advances
 * with its own events only.  The first update begins at the first gateway: the
 * gateways are the same but for their clocks, of which either is ahead in turn.
 *
 * REAUTH_DEPTH=n  events of an order without faults, at most 24;
 * REAUTH_DEPTH_FAULTS=n  with one fault and one poll
 */


/* a violation needs few of them, and the world is copied for each event */

#define TRUTHS_MAX          6
#define EPOCHS_MAX          24
#define MESSAGES_MAX        20
#define EVENTS_MAX          40
#define HISTORY_MAX         1
#define BEGINS_MAX          24
#define COMMITS_MAX         20
#define INTERLEAVINGS_ONLY  1

/* what happens at random only */
#pragma GCC diagnostic ignored "-Wunused-function"

#include "test_interleavings.c"


#define DEPTH          8
#define DEPTH_FAULTS   6
#define DEPTH_MAX      24

#define ATTEMPTS       3

/* of a gateway's clock, from one event to the next: a commit has timed out */
#define TICK           (TIMEOUT + 50)

#define SEEN_FIRST     (1 << 16)


typedef struct {
    unsigned         attempts;       /* that may still begin */
    unsigned         ends;
    unsigned         polls;
    unsigned         faults;
} left_t;


typedef enum {
    CHOICE_DELIVER = 0,
    CHOICE_FOLLOW,
    CHOICE_BEGIN,
    CHOICE_ELSEWHERE,
    CHOICE_END,
    CHOICE_POLL,
    CHOICE_FLUSH,
    CHOICE_DISCONNECT,
    CHOICE_CONNECT,
    CHOICE_RESTART,
    CHOICE_LOSE
} choice_type_t;


/* an event that may happen next */

typedef struct {
    choice_type_t    type;
    int              instance;
    size_t           message;
    unsigned         how;
} choice_t;


#define CHOICES_MAX  (MESSAGES_MAX * 4 + 64)


/*
 * A world that was seen.  The clocks of the gateways tell how many events have
 * led to it, so as many are left whenever it is seen.
 */

typedef struct {
    uint64_t         hash;           /* 0: free */
    double           orders;         /* that go on from here */
} seen_t;


static struct {
    seen_t          *table;
    size_t           size;           /* a power of two */
    size_t           n;
    uint64_t         events;         /* that were tried */
} seen;


static left_t   left;
static choice_t path[DEPTH_MAX];
static unsigned failed;              /* events of an order that violates */


/* ---- worlds that are the same -------------------------------------------- */


static uint64_t
hash_bytes(uint64_t hash, const void *data, size_t len)
{
    uint64_t              word;
    const unsigned char  *p;

    for (p = data; len >= sizeof(word); p += sizeof(word)) {
        memcpy(&word, p, sizeof(word));
        hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 29;
        len -= sizeof(word);
    }

    word = 0;
    memcpy(&word, p, len);

    hash = (hash ^ word) * UINT64_C(0xbf58476d1ce4e5b9);

    return hash ^ hash >> 32;
}


static uint64_t
hash_number(uint64_t hash, uint64_t number)
{
    return hash_bytes(hash, &number, sizeof(number));
}


/* by its text: the memory between its fields is not its own */

static uint64_t
hash_record(uint64_t hash, const reauth_record_t *record)
{
    size_t         len, part;
    unsigned char  text[REAUTH_RECORD_TEXT_MAX];

    if (record->state == REAUTH_STATE_NONE && record->epoch == 0) {
        return hash_number(hash, 0);
    }

    len = reauth_record_encode(record, text, &part);
    hash = hash_bytes(hash, text, len);

    return hash_number(hash, record->missing);
}


static uint64_t
hash_base(uint64_t hash, const reauth_base_t *base)
{
    hash = hash_number(hash, base->epoch);
    hash = hash_number(hash, base->origin);
    hash = hash_number(hash, base->revision);
    hash = hash_number(hash, (uint64_t) base->updated_ms);

    return hash_number(hash, (uint64_t) base->state << 1 | base->dirty);
}


static uint64_t
hash_fact(uint64_t hash, const news_t *news)
{
    const reauth_fact_t  *fact;

    fact = &news->fact;

    hash = hash_number(hash, (uint64_t) (news->truth + 1) << 1
                             | news->webhook);
    hash = hash_number(hash, fact->epoch);
    hash = hash_number(hash, fact->new_epoch);
    hash = hash_number(hash, fact->asked_epoch);
    hash = hash_number(hash, (uint64_t) fact->asked_ms);
    hash = hash_number(hash, (uint64_t) fact->now_ms);
    hash = hash_number(hash, (uint64_t) fact->started_us);
    hash = hash_number(hash, fact->attempt.len);
    hash = hash_number(hash, (uint64_t) fact->state << 8
                             | (uint64_t) fact->source << 4
                             | fact->asked_known << 3
                             | fact->asked_sending << 2 | fact->step << 1
                             | fact->live);

    return hash_base(hash, &fact->base);
}


static uint64_t
hash_commit(uint64_t hash, const commit_t *commit)
{
    const reauth_begin_t  *begin;

    hash = hash_number(hash, commit->tries << 8 | commit->reads << 4
                             | commit->flush << 2 | commit->has_begin << 1
                             | commit->has_fact);
    hash = hash_number(hash, commit->revision);
    hash = hash_record(hash, &commit->record);

    if (commit->has_fact) {
        hash = hash_fact(hash, &commit->news);
    }

    if (!commit->has_begin) {
        return hash;
    }

    begin = &commit->op.begin;

    hash = hash_number(hash, begin->epoch);
    hash = hash_number(hash, (uint64_t) begin->now_ms);
    hash = hash_number(hash, begin->fingerprint[0] << 1 | begin->unread);
    hash = hash_base(hash, &begin->base);
    hash = hash_number(hash, commit->op.begun);
    hash = hash_number(hash, commit->op.over);
    hash = hash_number(hash, commit->op.over_state);

    return hash_record(hash, &commit->op.record);
}


static uint64_t
hash_message(const message_t *m)
{
    uint64_t  hash;

    hash = hash_number(1, (uint64_t) m->type << 8 | (uint64_t) m->instance << 4
                          | m->written << 3 | m->list << 2 | m->sync << 1
                          | m->exists);
    hash = hash_number(hash, m->epoch);
    hash = hash_number(hash, (uint64_t) m->asked_ms);
    hash = hash_record(hash, &m->record);

    if (m->type == MESSAGE_NEWS) {
        hash = hash_fact(hash, &m->news);
    }

    return m->commit != NULL ? hash_commit(hash, m->commit) : hash;
}


static uint64_t
hash_instance(uint64_t hash, const instance_t *in)
{
    size_t  n;

    hash = hash_record(hash, &in->zone.record);
    hash = hash_number(hash, in->zone.epoch);
    hash = hash_number(hash, (uint64_t) in->ticks);
    hash = hash_number(hash, in->zone.dirty << 3 | in->asked << 2 | in->up << 1
                             | in->syncing);

    if (!in->up) {
        return hash;
    }

    /* events that it has not read */

    for (n = in->read; n < world.nevents; n++) {
        hash = hash_record(hash, &world.events[n]);
    }

    return hash;
}


/* what the model knows, in any order */

static uint64_t
hash_models(void)
{
    size_t          n;
    uint64_t        hash, sum;
    const model_t  *model;
    const print_t  *print;

    sum = 0;

    for (n = 0; n < world.nmodels; n++) {
        model = &world.models[n];

        if (model->epoch == UINT64_MAX) {
            continue;
        }

        hash = hash_number(2, model->epoch);
        hash = hash_number(hash, model->over);
        hash = hash_number(hash, (uint64_t) (model->about + 1) << 24
                                 | (uint64_t) (model->before + 1) << 16
                                 | (uint64_t) (model->newest + 1) << 8
                                 | (uint64_t) (model->shown_to + 1));
        sum += hash_number(hash, (uint64_t) model->before_until);
    }

    for (n = 0; n < world.nprints; n++) {
        print = &world.prints[n];

        hash = hash_number(3, print->epoch);
        hash = hash_number(hash, (uint64_t) print->since_ms);
        sum += hash_number(hash, print->set << 8 | print->fingerprint[0]);
    }

    return sum;
}


static uint64_t
hash_world(void)
{
    int       i;
    size_t    n;
    uint64_t  hash, sum;

    hash = hash_number(4, (uint64_t) left.attempts << 24 | left.ends << 16
                          | left.polls << 8 | left.faults);
    hash = hash_number(hash, world.exists << 1 | world.lost);

    if (world.exists) {
        hash = hash_record(hash, &world.redis);
    }

    for (i = 0; i < INSTANCES; i++) {
        hash = hash_instance(hash, &world.instances[i]);
    }

    for (i = 0; i < world.ntruths; i++) {
        hash = hash_number(hash, (uint64_t) world.truths[i].started_us);
        hash = hash_number(hash, world.truths[i].state << 1
                                 | world.truths[i].shown);
    }

    sum = hash_models();

    for (n = 0; n < world.nmessages; n++) {
        sum += hash_message(&world.messages[n]);
    }

    return hash_number(hash, sum);
}


static seen_t *
seen_find(uint64_t hash)
{
    size_t  at;

    at = hash & (seen.size - 1);

    while (seen.table[at].hash != 0 && seen.table[at].hash != hash) {
        at = (at + 1) & (seen.size - 1);
    }

    return &seen.table[at];
}


static void
seen_grow(void)
{
    seen_t  *old;
    size_t   n, size;

    old = seen.table;
    size = seen.size;

    seen.size = size == 0 ? SEEN_FIRST : size * 2;
    seen.table = calloc(seen.size, sizeof(seen_t));
    assert_non_null(seen.table);

    for (n = 0; n < size; n++) {
        if (old[n].hash != 0) {
            *seen_find(old[n].hash) = old[n];
        }
    }

    free(old);
}


static void
seen_add(uint64_t hash, double orders)
{
    seen_t  *entry;

    if (seen.n * 2 >= seen.size) {
        seen_grow();
    }

    entry = seen_find(hash);

    entry->hash = hash;
    entry->orders = orders;
    seen.n++;
}


/* ---- what may happen ----------------------------------------------------- */


static void
choice_add(choice_t *choices, size_t *n, choice_type_t type, int instance,
    size_t message, unsigned how)
{
    choice_t  *choice;

    assert_true(*n < CHOICES_MAX);

    choice = &choices[(*n)++];

    choice->type = type;
    choice->instance = instance;
    choice->message = message;
    choice->how = how;
}


/* a connection to Redis keeps the order of its commands, and of the replies */

static int
is_behind(size_t message)
{
    size_t            i;
    const message_t  *m, *other;

    m = &world.messages[message];

    if (m->type > MESSAGE_RECORD) {
        return 0;
    }

    for (i = 0; i < world.nmessages; i++) {
        other = &world.messages[i];

        if (i != message
            && other->instance == m->instance
            && other->at < m->at
            && other->type <= MESSAGE_RECORD
            && (other->type >= MESSAGE_READ) == (m->type >= MESSAGE_READ))
        {
            return 1;
        }
    }

    return 0;
}


/* the numbers of upstream_update(): rejected, not answered, accepted */

static const unsigned  answers[] = { 0, 8, 10 };


static void
choices_of_messages(choice_t *choices, size_t *n)
{
    size_t    i;
    unsigned  how;

    for (i = 0; i < world.nmessages; i++) {

        if (is_behind(i)) {
            continue;
        }

        if (world.messages[i].type != MESSAGE_UPDATE) {
            choice_add(choices, n, CHOICE_DELIVER,
                       world.messages[i].instance, i, 0);
            continue;
        }

        for (how = 0; how < sizeof(answers) / sizeof(answers[0]); how++) {
            choice_add(choices, n, CHOICE_DELIVER,
                       world.messages[i].instance, i, answers[how]);
        }
    }
}


static void
choices_of_attempts(choice_t *choices, size_t *n)
{
    int  i;

    if (left.attempts == 0) {
        return;
    }

    for (i = 0; i < INSTANCES; i++) {

        if (left.attempts == ATTEMPTS && i != 0) {
            break;
        }

        choice_add(choices, n, CHOICE_BEGIN, i, 0, 0);

        if (left.attempts != ATTEMPTS) {
            choice_add(choices, n, CHOICE_BEGIN, i, 0, 1);
        }
    }

    if (left.attempts != ATTEMPTS) {
        choice_add(choices, n, CHOICE_ELSEWHERE, 0, 0, 0);
    }
}


static void
choices_of_faults(choice_t *choices, size_t *n)
{
    int  i;

    if (left.faults == 0) {
        return;
    }

    for (i = 0; i < INSTANCES; i++) {

        if (world.instances[i].up) {
            choice_add(choices, n, CHOICE_DISCONNECT, i, 0, 0);
            choice_add(choices, n, CHOICE_DISCONNECT, i, 0, 1);
        }

        if (left.attempts != ATTEMPTS) {
            choice_add(choices, n, CHOICE_RESTART, i, 0, 0);
        }
    }

    if (world.exists) {
        choice_add(choices, n, CHOICE_LOSE, 0, 0, 0);
    }
}


/*
 * A commit is under way: it takes at most as long as the clerk leaves the
 * record to it.
 */

static int
is_writing(int instance)
{
    size_t  i;

    for (i = 0; i < world.nmessages; i++) {
        if (world.messages[i].commit != NULL
            && world.messages[i].instance == instance)
        {
            return 1;
        }
    }

    return 0;
}


static size_t
choices_find(choice_t *choices)
{
    int          i;
    size_t       n;
    instance_t  *in;

    n = 0;

    choices_of_messages(choices, &n);
    choices_of_attempts(choices, &n);
    choices_of_faults(choices, &n);

    for (i = 0; i < INSTANCES; i++) {
        in = &world.instances[i];

        if (!in->up) {
            choice_add(choices, &n, CHOICE_CONNECT, i, 0, 0);

        } else if (!in->syncing && in->read < world.nevents) {
            choice_add(choices, &n, CHOICE_FOLLOW, i, 0, 0);
        }

        if (in->up && in->zone.dirty && !is_writing(i)
            && reauth_judge_flush(&in->zone.record, 0, clock_of(in), TIMEOUT))
        {
            choice_add(choices, &n, CHOICE_FLUSH, i, 0, 0);
        }

        if (left.polls && is_active(in)
            && in->zone.record.state != REAUTH_STATE_STARTING)
        {
            choice_add(choices, &n, CHOICE_POLL, i, 0, 0);
        }

        if (left.ends && world.ntruths && running(world.ntruths - 1)) {
            choice_add(choices, &n, CHOICE_END, i, 0, 0);
        }
    }

    return n;
}


/* chance() returns these, the last one first */

static void
choose(unsigned a, unsigned b, unsigned c)
{
    world.chosen[0] = c;
    world.chosen[1] = b;
    world.chosen[2] = a;
    world.nchosen = 3;
}


static void
lose(void)
{
    int  i;

    for (i = 0; i < INSTANCES; i++) {
        disconnect(i);
    }

    trace("redis: restarts with nothing");

    world.lost = 1;
    world.exists = 0;
}


static void
happen(const choice_t *choice)
{
    int          i;
    instance_t  *in;

    in = &world.instances[choice->instance];
    world.nchosen = 0;

    switch (choice->type) {

    case CHOICE_DELIVER:

        if (world.messages[choice->message].type == MESSAGE_UPDATE) {
            world.chosen[0] = choice->how;
            world.nchosen = 1;
        }

        deliver(choice->message);
        break;

    case CHOICE_FOLLOW:
        world.chosen[0] = 0;         /* one event */
        world.nchosen = 1;
        sync_follow(choice->instance);
        break;

    case CHOICE_BEGIN:
        left.attempts--;
        choose(choice->how, 1, 0);   /* credentials, no reauthenticate */
        store_begin(choice->instance);
        break;

    case CHOICE_ELSEWHERE:
        left.attempts--;
        (void) upstream_begin();
        break;

    case CHOICE_END:
        left.ends--;
        world.truths[world.ntruths - 1].state = REAUTH_STATE_SUCCEEDED;
        trace("upstream: %s is succeeded",
              world.truths[world.ntruths - 1].name);
        choose(1, 1, (unsigned) choice->instance);   /* once, to this one */
        webhook(world.ntruths - 1);
        break;

    case CHOICE_POLL:
        left.polls--;
        poll_start(choice->instance);
        break;

    case CHOICE_FLUSH:
        flush(choice->instance);
        break;

    case CHOICE_DISCONNECT:
        left.faults--;

        for (i = 0; i < 8; i++) {
            world.chosen[i] = choice->how;
        }

        world.nchosen = 8;
        disconnect(choice->instance);
        break;

    case CHOICE_CONNECT:
        sync_start(choice->instance);
        break;

    case CHOICE_RESTART:
        left.faults--;
        restart(choice->instance);
        break;

    default: /* CHOICE_LOSE */
        left.faults--;
        lose();
    }

    world.nchosen = 0;
    in->ticks += TICK;

    for (i = 0; i < INSTANCES; i++) {
        check(&world.instances[i]);
    }
}


/* ---- all orders ---------------------------------------------------------- */


/* nothing new happens, all arrives, in the order in which it was sent */

static void
arrive(void)
{
    int          i, more;
    unsigned     turns;
    instance_t  *in;

    turns = 0;

    do {
        more = 0;

        while (world.nmessages != 0 && world.violation == NULL) {
            more = 1;

            if (world.messages[0].type == MESSAGE_UPDATE) {
                world.chosen[0] = 10;
                world.nchosen = 1;
            }

            deliver(0);
            world.nchosen = 0;
        }

        for (i = 0; i < INSTANCES && world.violation == NULL; i++) {
            in = &world.instances[i];
            in->ticks += TICK;

            if (!in->up) {
                sync_start(i);
                more = 1;
            }

            while (!in->syncing && in->read < world.nevents) {
                sync_follow(i);
                more = 1;
            }

            if (in->zone.dirty) {
                more = 1;

                if (reauth_judge_flush(&in->zone.record, 0, clock_of(in),
                                       TIMEOUT))
                {
                    flush(i);
                }
            }

            check(in);
        }

        if (++turns == 64) {
            violated("it never ends");
        }

    } while (more && world.violation == NULL);

    if (world.violation == NULL) {
        check_agreement();
    }
}


/* again, from the start */

static void
tell(unsigned depth, const left_t *first, const void *start)
{
    unsigned  n;

    static const char  *messages[] = {
        "Redis gets a commit", "the reply to it", "Redis is asked by a begin",
        "the reply to it", "Redis is asked for the record", "the record",
        "the upstream gets an update", "the upstream gets a poll", "a fact"
    };

    static const char  *choices[] = {
        "", "reads an event", "an update begins", "a login begins elsewhere",
        "a login ends", "polls", "writes what it has kept", "loses Redis",
        "connects to Redis", "is started anew", "Redis loses all"
    };

    memcpy(&world, start, sizeof(world));
    left = *first;
    world.trace = 1;

    for (n = 0; n < depth; n++) {
        trace("event %u, gateway %d: %s", n + 1, path[n].instance,
              path[n].type == CHOICE_DELIVER
              ? messages[world.messages[path[n].message].type]
              : choices[path[n].type]);
        happen(&path[n]);
    }

    if (world.violation == NULL) {
        trace("all arrives");
        arrive();
    }
}


/* returns the number of orders that go on from here */

static double
orders(unsigned depth, unsigned max)
{
    size_t     i, n;
    left_t     was;
    void      *saved;
    double     sum;
    uint64_t   hash;
    seen_t    *entry;
    choice_t   choices[CHOICES_MAX];

    hash = hash_world() | 1;
    entry = seen_find(hash);

    if (entry->hash != 0) {
        return entry->orders;
    }

    n = depth < max ? choices_find(choices) : 0;

    saved = malloc(sizeof(world));
    assert_non_null(saved);
    memcpy(saved, &world, sizeof(world));
    was = left;
    sum = 0;

    for (i = 0; i < n; i++) {
        memcpy(&world, saved, sizeof(world));
        left = was;
        path[depth] = choices[i];
        seen.events++;

        happen(&choices[i]);

        if (world.violation != NULL) {
            failed = depth + 1;

        } else {
            sum += orders(depth + 1, max);
        }

        if (failed != 0) {
            break;
        }
    }

    if (n == 0) {
        sum = 1;
        arrive();
        failed = world.violation != NULL ? depth : 0;
    }

    free(saved);

    seen_add(hash, sum);

    return sum;
}


static void
start(int64_t skew)
{
    int  i;

    memset(&world, 0, sizeof(world));

    world.now = START_MS;
    world.ordered = 1;
    world.polling = 1;
    world.instances[1].skew = skew;

    for (i = 0; i < INSTANCES; i++) {
        restart(i);
    }

    arrive();

    for (i = 0; i < INSTANCES; i++) {
        world.instances[i].zone.salt = (unsigned) (i + 1) << 1;
        world.instances[i].ticks = 0;
    }

    assert_null(world.violation);
}


static void
all_orders(int64_t skew, unsigned max, const left_t *all)
{
    void    *first;
    double   n;

    memset(&seen, 0, sizeof(seen));
    failed = 0;

    start(skew);
    left = *all;

    first = malloc(sizeof(world));
    assert_non_null(first);
    memcpy(first, &world, sizeof(world));

    seen_grow();
    n = orders(0, max);

    print_message("%u events, %u faults, clocks %lld ms apart: %.0f orders, "
                  "%llu worlds, %llu events tried\n", max, all->faults,
                  (long long) skew, n, (unsigned long long) seen.n,
                  (unsigned long long) seen.events);

    free(seen.table);

    if (failed != 0) {
        tell(failed, all, first);
        print_message("%s\n", world.violation);
        fail();
    }

    free(first);
}


static unsigned
variable(const char *name, unsigned value)
{
    const char  *text;

    text = getenv(name);

    return text != NULL ? (unsigned) strtoul(text, NULL, 10) : value;
}


static void
test_orders(void **state)
{
    size_t    i;
    left_t    all;
    unsigned  max;

    /* never equal, as an attempt is known by its millisecond, too */

    static const int64_t  skews[] = { 7, SKEW + 7, -SKEW + 7 };

    (void) state;

    all.attempts = ATTEMPTS;
    all.ends = 1;

    for (i = 0; i < sizeof(skews) / sizeof(skews[0]); i++) {

        all.polls = 0;
        all.faults = 0;
        max = variable("REAUTH_DEPTH", DEPTH);
        assert_in_range(max, 1, DEPTH_MAX);

        all_orders(skews[i], max, &all);

        all.polls = 1;
        all.faults = 1;
        max = variable("REAUTH_DEPTH_FAULTS", DEPTH_FAULTS);
        assert_in_range(max, 1, DEPTH_MAX);

        all_orders(skews[i], max, &all);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_orders)
    };

    return cmocka_run_group_tests_name("orders", tests, NULL, NULL);
}
