
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The commands that the module uses, as redis.io documents them.  Commands are
 * bytes of the protocol, and so are replies: what the module's own parser and
 * formatter do is simulated, too.
 */


#include <math.h>
#include <stdarg.h>
#include <strings.h>

#include "redis_model.h"


typedef void (*command_pt)(redis_t *redis, int argc, const arg_t *argv,
    buffer_t *out);

typedef struct {
    const char  *name;
    int          min;              /* arguments, with the name */
    int          writes;
    command_pt   run;
} command_t;


static const char  wrong_type[] = "WRONGTYPE Operation against a key holding "
                                  "the wrong kind of value";
static const char  not_integer[] = "ERR value is not an integer or out of "
                                   "range";
static const char  syntax[] = "ERR syntax error";


/* ---- replies ------------------------------------------------------------- */


static void
append(buffer_t *buffer, const char *data, size_t len)
{
    if (buffer->len + len > buffer->room) {
        buffer->room = (buffer->len + len) * 2 + 256;
        buffer->data = realloc(buffer->data, buffer->room);

        if (buffer->data == NULL) {
            abort();
        }
    }

    memcpy(buffer->data + buffer->len, data, len);
    buffer->len += len;
}


/* before "end"; where it begins */

static char *
digits(char *end, long long n)
{
    unsigned long long  u;

    u = n < 0 ? 0 - (unsigned long long) n : (unsigned long long) n;

    do {
        *--end = (char) ('0' + u % 10);
        u /= 10;
    } while (u);

    if (n < 0) {
        *--end = '-';
    }

    return end;
}


static void
append_number(buffer_t *buffer, char type, long long n)
{
    char  text[32], *p;

    p = text + sizeof(text);
    *--p = '\n';
    *--p = '\r';

    p = digits(p, n);
    *--p = type;

    append(buffer, p, (size_t) (text + sizeof(text) - p));
}


void
reply_error(buffer_t *out, const char *text)
{
    append(out, "-", 1);
    append(out, text, strlen(text));
    append(out, "\r\n", 2);
}


void
reply_status(buffer_t *out, const char *text)
{
    append(out, "+", 1);
    append(out, text, strlen(text));
    append(out, "\r\n", 2);
}


void
reply_number(buffer_t *out, long long n)
{
    append_number(out, ':', n);
}


void
reply_nil(buffer_t *out)
{
    append(out, "$-1\r\n", 5);
}


void
reply_bulk(buffer_t *out, const char *data, size_t len)
{
    append_number(out, '$', (long long) len);
    append(out, data, len);
    append(out, "\r\n", 2);
}


void
reply_array(buffer_t *out, long long n)
{
    append_number(out, '*', n);
}


/* ---- values -------------------------------------------------------------- */


static blob_t *
blob_new(const char *data, size_t len)
{
    blob_t  *blob;

    blob = malloc(sizeof(blob_t) + len + 1);

    if (blob == NULL) {
        abort();
    }

    blob->refs = 1;
    blob->len = len;
    memcpy(blob->data, data, len);
    blob->data[len] = '\0';

    return blob;
}


static blob_t *
blob_ref(blob_t *blob)
{
    if (blob != NULL) {
        blob->refs++;
    }

    return blob;
}


static void
blob_free(blob_t *blob)
{
    if (blob != NULL && --blob->refs == 0) {
        free(blob);
    }
}


static int
blob_is(const blob_t *blob, const arg_t *arg)
{
    return blob->len == arg->len
           && memcmp(blob->data, arg->data, arg->len) == 0;
}


static int
is(const arg_t *arg, const char *word)
{
    /* most words differ in their first letter */

    return arg->len != 0
           && (arg->data[0] | 0x20) == (word[0] | 0x20)
           && strlen(word) == arg->len
           && strncasecmp(arg->data, word, arg->len) == 0;
}


/* strtoll(), of what Redis itself has written; what is behind it */

const char *
number_at(const char *p, long long *n)
{
    int        negative;
    long long  value;

    negative = *p == '-';
    value = 0;

    for (p += negative; *p >= '0' && *p <= '9'; p++) {
        value = value * 10 + (*p - '0');
    }

    *n = negative ? -value : value;

    return p;
}


/* most numbers are digits only, and exact in a double; -1: this one is not */

static long long
plain(const arg_t *arg)
{
    size_t     i;
    long long  n;

    if (arg->len == 0 || arg->len > 15) {
        return -1;
    }

    n = 0;

    for (i = 0; i < arg->len; i++) {
        if (arg->data[i] < '0' || arg->data[i] > '9') {
            return -1;
        }

        n = n * 10 + (arg->data[i] - '0');
    }

    return n;
}


/* 0: no number */

static int
number(const arg_t *arg, long long *n)
{
    char  text[32], *end;

    *n = plain(arg);

    if (*n != -1) {
        return 1;
    }

    if (arg->len == 0 || arg->len >= sizeof(text)) {
        return 0;
    }

    memcpy(text, arg->data, arg->len);
    text[arg->len] = '\0';

    *n = strtoll(text, &end, 10);

    return *end == '\0';
}


static int
score_of(const arg_t *arg, double *score)
{
    char       text[64], *end;
    long long  n;

    n = plain(arg);

    if (n != -1) {
        *score = (double) n;
        return 1;
    }

    if (arg->len == 0 || arg->len >= sizeof(text)) {
        return 0;
    }

    memcpy(text, arg->data, arg->len);
    text[arg->len] = '\0';

    *score = strtod(text, &end);

    return *end == '\0';
}


/* as "%.17g"; text has 32 bytes */

size_t
number_text(char *text, double n)
{
    char    whole[32], *p;
    size_t  len;

    if (n >= 1e15 || n < 0 || signbit(n) || n != (double) (long long) n) {
        return (size_t) snprintf(text, 32, "%.17g", n);
    }

    p = digits(whole + sizeof(whole), (long long) n);
    len = (size_t) (whole + sizeof(whole) - p);
    memcpy(text, p, len);

    return len;
}


static void
bulk_number(buffer_t *out, double n)
{
    char  text[32];

    reply_bulk(out, text, number_text(text, n));
}


/* ---- keys ---------------------------------------------------------------- */


static void
entry_clear(entry_t *entry)
{
    size_t  i;

    blob_free(entry->value);
    entry->value = NULL;

    for (i = 0; i < entry->nitems; i++) {
        blob_free(entry->items[i].name);
        blob_free(entry->items[i].value);
    }

    entry->nitems = 0;
}


static void
entry_free(entry_t *entry)
{
    entry_clear(entry);
    free(entry->items);
    free(entry);
}


static void
db_free(redis_db_t *db)
{
    size_t  i;

    for (i = 0; i < db->nentries; i++) {
        entry_free(db->entries[i]);
    }

    db->nentries = 0;
}


static void
db_copy(redis_db_t *to, const redis_db_t *from)
{
    size_t    i, n;
    entry_t  *entry;

    for (i = 0; i < from->nentries; i++) {
        entry = malloc(sizeof(entry_t));

        if (entry == NULL) {
            abort();
        }

        *entry = *from->entries[i];
        entry->room = entry->nitems;
        entry->items = NULL;

        (void) blob_ref(entry->value);

        if (entry->nitems) {
            entry->items = malloc(entry->nitems * sizeof(item_t));

            if (entry->items == NULL) {
                abort();
            }

            memcpy(entry->items, from->entries[i]->items,
                   entry->nitems * sizeof(item_t));
        }

        for (n = 0; n < entry->nitems; n++) {
            (void) blob_ref(entry->items[n].name);
            (void) blob_ref(entry->items[n].value);
        }

        to->entries[i] = entry;
    }

    to->nentries = from->nentries;
}


static void
entry_remove(redis_t *redis, entry_t *entry)
{
    size_t  i;

    for (i = 0; redis->db.entries[i] != entry; i++) { /* void */ }

    redis->db.entries[i] = redis->db.entries[--redis->db.nentries];
    redis->changes++;

    entry_free(entry);
}


static void
entry_expires(redis_t *redis, entry_t *entry, int64_t at)
{
    entry->expires_us = at;

    if (at && at < redis->expiry_us) {
        redis->expiry_us = at;
    }
}


static entry_t *
entry_find(redis_t *redis, const char *name, size_t len)
{
    size_t    i;
    entry_t  *entry;

    for (i = 0; i < redis->db.nentries; i++) {
        entry = redis->db.entries[i];

        if (entry->name_len == len && memcmp(entry->name, name, len) == 0) {

            if (entry->expires_us && entry->expires_us <= redis->now_us) {
                entry_remove(redis, entry);
                return NULL;
            }

            return entry;
        }
    }

    return NULL;
}


/* NULL: there is one of another type, and that is replied */

static entry_t *
entry_get(redis_t *redis, const arg_t *name, type_t type, buffer_t *out)
{
    entry_t  *entry;

    entry = entry_find(redis, name->data, name->len);

    if (entry != NULL) {
        if (entry->type != type) {
            reply_error(out, wrong_type);
            return NULL;
        }

        return entry;
    }

    if (redis->db.nentries == REDIS_KEYS || name->len >= REDIS_KEY_MAX) {
        abort();
    }

    entry = calloc(1, sizeof(entry_t));

    if (entry == NULL) {
        abort();
    }

    memcpy(entry->name, name->data, name->len);
    entry->name_len = name->len;
    entry->type = type;

    redis->db.entries[redis->db.nentries++] = entry;

    return entry;
}


/* 1: *entry, or NULL if there is none; 0: of another type, is replied */

static int
entry_look(redis_t *redis, const arg_t *name, type_t type, entry_t **entry,
    buffer_t *out)
{
    *entry = entry_find(redis, name->data, name->len);

    if (*entry != NULL && (*entry)->type != type) {
        reply_error(out, wrong_type);
        return 0;
    }

    return 1;
}


static void
entry_settle(redis_t *redis, entry_t *entry)
{
    if (entry->nitems == 0 && entry->type != TYPE_STREAM) {
        entry_remove(redis, entry);
    }
}


static item_t *
item_insert(entry_t *entry, size_t at)
{
    if (entry->nitems == entry->room) {
        entry->room = entry->room * 2 + 8;
        entry->items = realloc(entry->items, entry->room * sizeof(item_t));

        if (entry->items == NULL) {
            abort();
        }
    }

    memmove(&entry->items[at + 1], &entry->items[at],
            (entry->nitems - at) * sizeof(item_t));
    entry->nitems++;

    memset(&entry->items[at], 0, sizeof(item_t));

    return &entry->items[at];
}


static void
item_remove(entry_t *entry, size_t at, size_t n)
{
    size_t  i;

    for (i = at; i < at + n; i++) {
        blob_free(entry->items[i].name);
        blob_free(entry->items[i].value);
    }

    memmove(&entry->items[at], &entry->items[at + n],
            (entry->nitems - at - n) * sizeof(item_t));
    entry->nitems -= n;
}


static item_t *
item_find(entry_t *entry, const arg_t *name)
{
    size_t  i;

    for (i = 0; entry != NULL && i < entry->nitems; i++) {
        if (blob_is(entry->items[i].name, name)) {
            return &entry->items[i];
        }
    }

    return NULL;
}


/* ---- strings ------------------------------------------------------------- */


static void
command_get(redis_t *redis, int argc, const arg_t *argv, buffer_t *out)
{
    entry_t  *entry;

    if (!entry_look(redis, &argv[1], TYPE_STRING, &entry, out)) {
        return;
    }

    if (entry == NULL) {
        reply_nil(out);

    } else {
        reply_bulk(out, entry->value->data, entry->value->len);
    }
}


static void
command_mget(redis_t *redis, int argc, const arg_t *argv, buffer_t *out)
{
    int       i;
    entry_t  *entry;

    reply_array(out, argc - 1);

    for (i = 1; i < argc; i++) {
        entry = entry_find(redis, argv[i].data, argv[i].len);

        if (entry == NULL || entry->type != TYPE_STRING) {
            reply_nil(out);

        } else {
            reply_bulk(out, entry->value->data, entry->value->len);
        }
    }
}


static void
command_set(redis_t *redis, int argc, const arg_t *argv, buffer_t *out)
{
    int        i, nx, xx, keep;
    entry_t   *entry;
    int64_t    expires;
    long long  n;

    nx = 0;
    xx = 0;
    keep = 0;
    expires = 0;

    for (i = 3; i < argc; i++) {

        if (is(&argv[i], "NX")) {
            nx = 1;

        } else if (is(&argv[i], "XX")) {
            xx = 1;

        } else if (is(&argv[i], "KEEPTTL")) {
            keep = 1;

        } else if (i + 1 < argc && (is(&argv[i], "EX") || is(&argv[i], "PX"))) {

            if (!number(&argv[i + 1], &n)) {
                reply_error(out, not_integer);
                return;
            }

            if (n <= 0) {
                reply_error(out, "ERR invalid expire time in 'set' command");
                return;
            }

            expires = redis->now_us + n * (is(&argv[i], "EX") ? 1000000 : 1000);
            i++;

        } else {
            reply_error(out, syntax);
            return;
        }
    }

    entry = entry_find(redis, argv[1].data, argv[1].len);

    if ((nx && entry != NULL) || (xx && entry == NULL)) {
        reply_nil(out);
        return;
    }

    if (entry != NULL && entry->type != TYPE_STRING) {
        entry_remove(redis, entry);
    }

    entry = entry_get(redis, &argv[1], TYPE_STRING, out);

    blob_free(entry->value);
    entry->value = blob_new(argv[2].data, argv[2].len);

    if (!keep) {
        entry_expires(redis, entry, expires);
    }

    reply_status(out, "OK");
}


static void
increment(redis_t *redis, const arg_t *key, long long by, buffer_t *out)
{
    char       text[32];
    arg_t      arg;
    entry_t   *entry;
    long long  n;

    entry = entry_get(redis, key, TYPE_STRING, out);

    if (entry == NULL) {
        return;
    }

    n = 0;

    if (entry->value != NULL) {
        arg.data = entry->value->data;
        arg.len = entry->value->len;

        if (!number(&arg, &n)) {
            reply_error(out, not_integer);
            return;
        }
    }

    n += by;

    blob_free(entry->value);
    entry->value = blob_new(text, (size_t) sprintf(text, "%lld", n));

    reply_number(out, n);
}


static void
command_incr(redis_t *redis, int argc, const arg_t *argv, buffer_t *out)
{
    increment(redis, &argv[1], 1, out);
}


static void
command_incrby(redis_t *redis, int argc, const arg_t *argv, buffer_t *out)
{
    long long  n;

    if (!number(&argv[2], &n)) {
        reply_error(out, not_integer);
        return;
    }

    increment(redis, &argv[1], n, out);
}


static void
command_del(redis_t *redis, int argc, const arg_t *argv, buffer_t *out)
{
    int       i, n;
    entry_t  *entry;

    n = 0;

    for (i = 1; i < argc; i++) {
        entry = entry_find(redis, argv[i].data, argv[i].len);

        if (entry != NULL) {
            entry_remove(redis, entry);
            n++;
        }
    }

    reply_number(out, n);
}


static void
command_exists(redis_t *redis, int argc, const arg_t *argv, buffer_t *out)
{
    int  i, n;

    n = 0;

    for (i = 1; i < argc; i++) {
        n += entry_find(redis, argv[i].data, argv[i].len) != NULL;
    }

    reply_number(out, n);
}


static void
expire(redis_t *redis, const arg_t *argv, int64_t unit, buffer_t *out)
{
    entry_t   *entry;
    long long  n;

    if (!number(&argv[2], &n)) {
        reply_error(out, not_integer);
        return;
    }

    entry = entry_find(redis, argv[1].data, argv[1].len);

    if (entry == NULL) {
        reply_number(out, 0);
        return;
    }

    if (n <= 0) {
        entry_remove(redis, entry);

    } else {
        entry_expires(redis, entry, redis->now_us + n * unit);
    }

    reply_number(out, 1);
}


static void
command_expire(redis_t *redis, int argc, const arg_t *argv, buffer_t *out)
{
    expire(redis, argv, 1000000, out);
}


static void
command_pexpire(redis_t *redis, int argc, const arg_t *argv, buffer_t *out)
{
    expire(redis, argv, 1000, out);
}


static void
command_pttl(redis_t *redis, int argc, const arg_t *argv, buffer_t *out)
{
    entry_t  *entry;

    entry = entry_find(redis, argv[1].data, argv[1].len);

    reply_number(out, entry == NULL ? -2 : entry->expires_us == 0 ? -1
                      : (entry->expires_us - redis->now_us) / 1000);
}


/* ---- sorted sets --------------------------------------------------------- */


static int
zset_before(double score, const arg_t *name, const item_t *item)
{
    int     rc;
    size_t  len;

    if (score != item->score) {
        return score < item->score;
    }

    len = name->len < item->name->len ? name->len : item->name->len;
    rc = memcmp(name->data, item->name->data, len);

    return rc ? rc < 0 : name->len < item->name->len;
}


static void
zset_put(entry_t *entry, double score, const arg_t *name)
{
    size_t   i;
    blob_t  *blob;
    item_t  *item;

    item = item_find(entry, name);

    if (item != NULL) {
        blob = blob_ref(item->name);
        item_remove(entry, (size_t) (item - entry->items), 1);

    } else {
        blob = blob_new(name->data, name->len);
    }

    for (i = 0; i < entry->nitems; i++) {
        if (zset_before(score, name, &entry->items[i])) {
            break;
        }
    }

    item = item_insert(entry, i);
    item->score = score;
    item->name = blob;
}


static void
command_zadd(redis_t *redis, int argc, const arg_t *argv, buffer_t *out)
{
    int       i, nx, xx, gt, lt, n;
    double    score;
    item_t   *item;
    entry_t  *entry;

    nx = 0;
    xx = 0;
    gt = 0;
    lt = 0;

    for (i = 2; i < argc; i++) {

        if (is(&argv[i], "NX")) {
            nx = 1;

        } else if (is(&argv[i], "XX")) {
            xx = 1;

        } else if (is(&argv[i], "GT")) {
            gt = 1;

        } else if (is(&argv[i], "LT")) {
            lt = 1;

        } else if (!is(&argv[i], "CH")) {
            break;
        }
    }

    if (i == argc || (argc - i) % 2) {
        reply_error(out, syntax);
        return;
    }

    entry = entry_get(redis, &argv[1], TYPE_ZSET, out);

    if (entry == NULL) {
        return;
    }

    n = 0;

    for ( /* void */ ; i < argc; i += 2) {

        if (!score_of(&argv[i], &score)) {
            reply_error(out, "ERR value is not a valid float");
            entry_settle(redis, entry);
            return;
        }

        item = item_find(entry, &argv[i + 1]);

        if (item == NULL ? xx
            : nx || (gt && score <= item->score)
              || (lt && score >= item->score))
        {
            continue;
        }

        n += item == NULL;
        zset_put(entry, score, &argv[i + 1]);
    }

    entry_settle(redis, entry);
    reply_number(out, n);
}


static void
remove_items(redis_t *redis, int argc, const arg_t *argv, type_t type,
    buffer_t *out)
{
    int       i, n;
    item_t   *item;
    entry_t  *entry;

    if (!entry_look(redis, &argv[1], type, &entry, out)) {
        return;
    }

    n = 0;

    for (i = 2; i < argc && entry != NULL; i++) {
        item = item_find(entry, &argv[i]);

        if (item != NULL) {
            item_remove(entry, (size_t) (item - entry->items), 1);
            n++;
        }
    }

    if (entry != NULL) {
        entry_settle(redis, entry);
    }

    reply_number(out, n);
}


static void
command_zrem(redis_t *redis, int argc, const arg_t *argv, buffer_t *out)
{
    remove_items(redis, argc, argv, TYPE_ZSET, out);
}


static void
command_zscore(redis_t *redis, int argc, const arg_t *argv, buffer_t *out)
{
    item_t   *item;
    entry_t  *entry;

    if (!entry_look(redis, &argv[1], TYPE_ZSET, &entry, out)) {
        return;
    }

    item = item_find(entry, &argv[2]);

    if (item == NULL) {
        reply_nil(out);

    } else {
        bulk_number(out, item->score);
    }
}


static void
command_card(redis_t *redis, int argc, const arg_t *argv, buffer_t *out)
{
    entry_t  *entry;

    entry = entry_find(redis, argv[1].data, argv[1].len);

    reply_number(out, entry == NULL ? 0 : (long long) entry->nitems);
}


static int
bound(const arg_t *arg, double *score, int *open)
{
    arg_t  rest;

    *open = 0;
    rest = *arg;

    if (rest.len && rest.data[0] == '(') {
        *open = 1;
        rest.data++;
        rest.len--;
    }

    if (is(&rest, "-inf")) {
        *score = -1e300;
        return 1;
    }

    if (is(&rest, "+inf") || is(&rest, "inf")) {
        *score = 1e300;
        return 1;
    }

    return score_of(&rest, score);
}


static void
command_zrangebyscore(redis_t *redis, int argc, const arg_t *argv,
    buffer_t *out)
{
    int        i, open_min, open_max, scores;
    size_t     n, at, found[REDIS_KEYS];
    double     min, max;
    entry_t   *entry;
    item_t    *item;
    long long  offset, count;

    scores = 0;
    offset = 0;
    count = REDIS_KEYS;

    if (!bound(&argv[2], &min, &open_min) || !bound(&argv[3], &max, &open_max))
    {
        reply_error(out, "ERR min or max is not a float");
        return;
    }

    for (i = 4; i < argc; i++) {

        if (is(&argv[i], "WITHSCORES")) {
            scores = 1;

        } else if (is(&argv[i], "LIMIT") && i + 2 < argc
                   && number(&argv[i + 1], &offset)
                   && number(&argv[i + 2], &count))
        {
            i += 2;

        } else {
            reply_error(out, syntax);
            return;
        }
    }

    if (!entry_look(redis, &argv[1], TYPE_ZSET, &entry, out)) {
        return;
    }

    if (count < 0 || count > REDIS_KEYS) {
        count = REDIS_KEYS;
    }

    n = 0;

    for (at = 0; entry != NULL && at < entry->nitems; at++) {
        item = &entry->items[at];

        if (item->score < min || (open_min && item->score == min)
            || item->score > max || (open_max && item->score == max)
            || offset-- > 0)
        {
            continue;
        }

        if ((long long) n == count) {
            break;
        }

        found[n++] = at;
    }

    reply_array(out, (long long) (scores ? n * 2 : n));

    for (at = 0; at < n; at++) {
        item = &entry->items[found[at]];

        reply_bulk(out, item->name->data, item->name->len);

        if (scores) {
            bulk_number(out, item->score);
        }
    }
}


static void
command_zrange(redis_t *redis, int argc, const arg_t *argv, buffer_t *out)
{
    long long  from, to, n, i;
    entry_t   *entry;

    if (argc != 4 || !number(&argv[2], &from) || !number(&argv[3], &to)) {
        reply_error(out, syntax);
        return;
    }

    if (!entry_look(redis, &argv[1], TYPE_ZSET, &entry, out)) {
        return;
    }

    n = entry == NULL ? 0 : (long long) entry->nitems;

    from = from < 0 ? from + n : from;
    to = to < 0 ? to + n : to;
    from = from < 0 ? 0 : from;
    to = to >= n ? n - 1 : to;

    reply_array(out, from > to ? 0 : to - from + 1);

    for (i = from; i <= to; i++) {
        reply_bulk(out, entry->items[i].name->data,
                   entry->items[i].name->len);
    }
}


/* a cursor is the place of the next member; small sets come in one page */

static void
command_zscan(redis_t *redis, int argc, const arg_t *argv, buffer_t *out)
{
    int        i;
    char       text[32];
    size_t     at, end;
    entry_t   *entry;
    long long  cursor, count;

    count = 10;

    for (i = 3; i + 1 < argc; i += 2) {
        if (is(&argv[i], "COUNT")) {
            (void) number(&argv[i + 1], &count);
        }
    }

    if (!number(&argv[2], &cursor)) {
        reply_error(out, "ERR invalid cursor");
        return;
    }

    if (!entry_look(redis, &argv[1], TYPE_ZSET, &entry, out)) {
        return;
    }

    at = (size_t) cursor;
    end = entry == NULL ? 0 : entry->nitems;

    if (at > end) {
        at = end;
    }

    if (end - at > (size_t) count) {
        end = at + (size_t) count;
    }

    reply_array(out, 2);
    reply_bulk(out, text,
               (size_t) sprintf(text, "%zu", entry == NULL
                                             || end == entry->nitems
                                             ? (size_t) 0 : end));
    reply_array(out, (long long) (end - at) * 2);

    for ( /* void */ ; at < end; at++) {
        reply_bulk(out, entry->items[at].name->data,
                   entry->items[at].name->len);
        bulk_number(out, entry->items[at].score);
    }
}


/* ---- hashes -------------------------------------------------------------- */


static void
command_hget(redis_t *redis, int argc, const arg_t *argv, buffer_t *out)
{
    item_t   *item;
    entry_t  *entry;

    if (!entry_look(redis, &argv[1], TYPE_HASH, &entry, out)) {
        return;
    }

    item = item_find(entry, &argv[2]);

    if (item == NULL) {
        reply_nil(out);

    } else {
        reply_bulk(out, item->value->data, item->value->len);
    }
}


static void
command_hset(redis_t *redis, int argc, const arg_t *argv, buffer_t *out)
{
    int       i, n;
    item_t   *item;
    entry_t  *entry;

    if (argc % 2) {
        reply_error(out, syntax);
        return;
    }

    entry = entry_get(redis, &argv[1], TYPE_HASH, out);

    if (entry == NULL) {
        return;
    }

    n = 0;

    for (i = 2; i < argc; i += 2) {
        item = item_find(entry, &argv[i]);

        if (item == NULL) {
            item = item_insert(entry, entry->nitems);
            item->name = blob_new(argv[i].data, argv[i].len);
            n++;
        }

        blob_free(item->value);
        item->value = blob_new(argv[i + 1].data, argv[i + 1].len);
    }

    reply_number(out, n);
}


static void
command_hdel(redis_t *redis, int argc, const arg_t *argv, buffer_t *out)
{
    remove_items(redis, argc, argv, TYPE_HASH, out);
}


static void
command_hgetall(redis_t *redis, int argc, const arg_t *argv, buffer_t *out)
{
    size_t    i;
    entry_t  *entry;

    if (!entry_look(redis, &argv[1], TYPE_HASH, &entry, out)) {
        return;
    }

    reply_array(out, entry == NULL ? 0 : (long long) entry->nitems * 2);

    for (i = 0; entry != NULL && i < entry->nitems; i++) {
        reply_bulk(out, entry->items[i].name->data,
                   entry->items[i].name->len);
        reply_bulk(out, entry->items[i].value->data,
                   entry->items[i].value->len);
    }
}


/* ---- streams ------------------------------------------------------------- */


static int
id_of(const arg_t *arg, uint64_t *ms, uint64_t *seq, uint64_t missing)
{
    char  text[64], *end;

    if (arg->len == 0 || arg->len >= sizeof(text)) {
        return 0;
    }

    memcpy(text, arg->data, arg->len);
    text[arg->len] = '\0';

    *ms = strtoull(text, &end, 10);
    *seq = missing;

    if (*end == '-') {
        *seq = strtoull(end + 1, &end, 10);
    }

    return *end == '\0';
}


static int
id_after(const item_t *item, uint64_t ms, uint64_t seq)
{
    return item->ms != ms ? item->ms > ms : item->seq > seq;
}


static void
reply_entry(buffer_t *out, const item_t *item)
{
    char  id[64];

    reply_array(out, 2);
    reply_bulk(out, id, (size_t) sprintf(id, "%llu-%llu",
                                         (unsigned long long) item->ms,
                                         (unsigned long long) item->seq));
    reply_array(out, item->nfields);
    append(out, item->value->data, item->value->len);
}


static void
stream_trim(entry_t *entry, size_t most)
{
    if (entry->nitems > most) {
        item_remove(entry, 0, entry->nitems - most);
    }
}


/* MAXLEN or MINID, [~ or =], a value; the arguments that were read */

static int
trim_by(entry_t *entry, int argc, const arg_t *argv)
{
    int        i;
    size_t     n;
    uint64_t   ms, seq;
    long long  most;

    i = 1;

    if (i < argc && (is(&argv[i], "~") || is(&argv[i], "="))) {
        i++;
    }

    if (i == argc) {
        return 0;
    }

    if (is(&argv[0], "MAXLEN")) {

        if (!number(&argv[i], &most) || most < 0) {
            return 0;
        }

        stream_trim(entry, (size_t) most);
        return i + 1;
    }

    if (!id_of(&argv[i], &ms, &seq, 0)) {
        return 0;
    }

    for (n = 0; n < entry->nitems; n++) {
        if (id_after(&entry->items[n], ms, seq)
            || (entry->items[n].ms == ms && entry->items[n].seq == seq))
        {
            break;
        }
    }

    item_remove(entry, 0, n);

    return i + 1;
}


static void
command_xadd(redis_t *redis, int argc, const arg_t *argv, buffer_t *out)
{
    int        i, trim, n;
    char       id[64];
    arg_t      fields;
    item_t    *item;
    entry_t   *entry;
    uint64_t   ms;
    buffer_t   text = { NULL, 0, 0 };

    entry = entry_get(redis, &argv[1], TYPE_STREAM, out);

    if (entry == NULL) {
        return;
    }

    i = 2;
    trim = 0;

    if (is(&argv[2], "MAXLEN") || is(&argv[2], "MINID")) {
        trim = 2;
        i = 4;

        if (is(&argv[3], "~") || is(&argv[3], "=")) {
            i = 5;
        }
    }

    if (i >= argc || !is(&argv[i], "*") || (argc - i - 1) % 2
        || argc - i - 1 == 0)
    {
        reply_error(out, syntax);
        return;
    }

    ms = (uint64_t) (redis->now_us / 1000);

    if (ms > entry->last_ms) {
        entry->last_ms = ms;
        entry->last_seq = 0;

    } else {
        entry->last_seq++;
    }

    item = item_insert(entry, entry->nitems);
    item->ms = entry->last_ms;
    item->seq = entry->last_seq;
    item->nfields = (unsigned) (argc - i - 1);

    for (n = i + 1; n < argc; n++) {
        fields = argv[n];
        reply_bulk(&text, fields.data, fields.len);
    }

    item->value = blob_new(text.data, text.len);
    free(text.data);

    n = sprintf(id, "%llu-%llu", (unsigned long long) item->ms,
                (unsigned long long) item->seq);

    if (trim) {
        (void) trim_by(entry, argc - trim, argv + trim);
    }

    if (redis->stream_max) {
        stream_trim(entry, redis->stream_max);
    }

    redis->added = 1;

    reply_bulk(out, id, (size_t) n);
}


static void
command_xtrim(redis_t *redis, int argc, const arg_t *argv, buffer_t *out)
{
    size_t    n;
    entry_t  *entry;

    if (!entry_look(redis, &argv[1], TYPE_STREAM, &entry, out)) {
        return;
    }

    n = entry == NULL ? 0 : entry->nitems;

    if (entry != NULL) {
        (void) trim_by(entry, argc - 2, argv + 2);
        n -= entry->nitems;
    }

    reply_number(out, (long long) n);
}


static void
range(redis_t *redis, int argc, const arg_t *argv, int reverse, buffer_t *out)
{
    size_t       i, n, at;
    entry_t     *entry;
    uint64_t     from_ms, from_seq, to_ms, to_seq;
    long long    count;
    const arg_t *from, *to;
    item_t      *item;
    size_t       found[1024];

    count = 1024;
    from = reverse ? &argv[3] : &argv[2];
    to = reverse ? &argv[2] : &argv[3];

    from_ms = 0;
    from_seq = 0;
    to_ms = UINT64_MAX;
    to_seq = UINT64_MAX;

    if ((!is(from, "-") && !id_of(from, &from_ms, &from_seq, 0))
        || (!is(to, "+") && !id_of(to, &to_ms, &to_seq, UINT64_MAX))
        || (argc > 4
            && (argc != 6 || !is(&argv[4], "COUNT")
                || !number(&argv[5], &count))))
    {
        reply_error(out, syntax);
        return;
    }

    if (!entry_look(redis, &argv[1], TYPE_STREAM, &entry, out)) {
        return;
    }

    n = 0;

    for (i = 0; entry != NULL && i < entry->nitems; i++) {
        at = reverse ? entry->nitems - 1 - i : i;
        item = &entry->items[at];

        if (id_after(item, to_ms, to_seq)
            || (!id_after(item, from_ms, from_seq)
                && (item->ms != from_ms || item->seq != from_seq)))
        {
            continue;
        }

        if ((long long) n == count || n == 1024) {
            break;
        }

        found[n++] = at;
    }

    reply_array(out, (long long) n);

    for (i = 0; i < n; i++) {
        reply_entry(out, &entry->items[found[i]]);
    }
}


static void
command_xrange(redis_t *redis, int argc, const arg_t *argv, buffer_t *out)
{
    range(redis, argc, argv, 0, out);
}


static void
command_xrevrange(redis_t *redis, int argc, const arg_t *argv, buffer_t *out)
{
    redis->ends++;
    range(redis, argc, argv, 1, out);
}


/* 0: nothing to read */

static int
read_stream(redis_t *redis, const char *key, size_t len, uint64_t ms,
    uint64_t seq, size_t count, buffer_t *out)
{
    size_t    i, n;
    entry_t  *entry;

    entry = entry_find(redis, key, len);

    if (entry == NULL || entry->type != TYPE_STREAM) {
        return 0;
    }

    for (i = 0; i < entry->nitems; i++) {
        if (id_after(&entry->items[i], ms, seq)) {
            break;
        }
    }

    n = entry->nitems - i;

    if (n == 0) {
        return 0;
    }

    if (count && n > count) {
        n = count;
    }

    reply_array(out, 1);
    reply_array(out, 2);
    reply_bulk(out, key, len);
    reply_array(out, (long long) n);

    for ( /* void */ ; n; n--, i++) {
        reply_entry(out, &entry->items[i]);
    }

    return 1;
}


static void
execute_xread(redis_t *redis, client_t *client, int argc, const arg_t *argv,
    buffer_t *out)
{
    int        i;
    entry_t   *entry;
    uint64_t   ms, seq;
    long long  count, block;

    count = 0;
    block = -1;

    for (i = 1; i + 1 < argc && !is(&argv[i], "STREAMS"); i += 2) {

        if (!(is(&argv[i], "COUNT") && number(&argv[i + 1], &count))
            && !(is(&argv[i], "BLOCK") && number(&argv[i + 1], &block)))
        {
            reply_error(out, syntax);
            return;
        }
    }

    if (i + 3 != argc) {
        reply_error(out, syntax);
        return;
    }

    if (is(&argv[i + 2], "$")) {
        entry = entry_find(redis, argv[i + 1].data, argv[i + 1].len);
        ms = entry ? entry->last_ms : 0;
        seq = entry ? entry->last_seq : 0;

    } else if (!id_of(&argv[i + 2], &ms, &seq, 0)) {
        reply_error(out, "ERR Invalid stream ID specified as stream command "
                         "argument");
        return;
    }

    if (read_stream(redis, argv[i + 1].data, argv[i + 1].len, ms, seq,
                    (size_t) count, out))
    {
        return;
    }

    if (block < 0 || client == NULL) {
        append(out, "*-1\r\n", 5);
        return;
    }

    client->blocked = 1;
    redis->due_us = DUE_UNKNOWN;
    memcpy(client->key, argv[i + 1].data, argv[i + 1].len);
    client->key[argv[i + 1].len] = '\0';
    client->ms = ms;
    client->seq = seq;
    client->count = (size_t) count;
    client->until_us = redis->now_us + block * 1000;
}


/* ---- the server ---------------------------------------------------------- */


static void
command_time(redis_t *redis, int argc, const arg_t *argv, buffer_t *out)
{
    char  text[32];

    reply_array(out, 2);
    reply_bulk(out, text, (size_t) sprintf(text, "%lld",
                              (long long) (redis->now_us / 1000000)));
    reply_bulk(out, text, (size_t) sprintf(text, "%lld",
                              (long long) (redis->now_us % 1000000)));
}


static void
command_ok(redis_t *redis, int argc, const arg_t *argv, buffer_t *out)
{
    reply_status(out, "OK");
}


static void
command_ping(redis_t *redis, int argc, const arg_t *argv, buffer_t *out)
{
    reply_status(out, "PONG");
}


static void
command_flush(redis_t *redis, int argc, const arg_t *argv, buffer_t *out)
{
    db_free(&redis->db);
    reply_status(out, "OK");
}


static void
command_script(redis_t *redis, int argc, const arg_t *argv, buffer_t *out)
{
    size_t  i;

    if (argc == 3 && is(&argv[1], "LOAD")) {
        redis_lua_load(redis, &argv[2], out);

    } else if (is(&argv[1], "FLUSH")) {
        for (i = 0; i < redis->nscripts; i++) {
            redis->scripts[i].known = 0;
        }

        reply_status(out, "OK");

    } else {
        reply_error(out, syntax);
    }
}


/* as Redis 7 without modules, a primary of its own */

static void
command_info(redis_t *redis, int argc, const arg_t *argv, buffer_t *out)
{
    char  text[256];

    reply_bulk(out, text,
               (size_t) sprintf(text, "# Server\r\nredis_version:7.0.15\r\n"
                                "run_id:%s\r\nrole:master\r\n",
                                redis->run_id));
}


static void
command_hello(redis_t *redis, int argc, const arg_t *argv, buffer_t *out)
{
    reply_array(out, 14);
    reply_bulk(out, "server", 6);
    reply_bulk(out, "redis", 5);
    reply_bulk(out, "version", 7);
    reply_bulk(out, "7.0.15", 6);
    reply_bulk(out, "proto", 5);
    reply_number(out, 2);
    reply_bulk(out, "id", 2);
    reply_number(out, 1);
    reply_bulk(out, "mode", 4);
    reply_bulk(out, "standalone", 10);
    reply_bulk(out, "role", 4);
    reply_bulk(out, "master", 6);
    reply_bulk(out, "modules", 7);
    reply_array(out, 0);
}


static const command_t  commands[] = {
    { "GET", 2, 0, command_get },
    { "MGET", 2, 0, command_mget },
    { "SET", 3, 1, command_set },
    { "INCR", 2, 1, command_incr },
    { "INCRBY", 3, 1, command_incrby },
    { "DEL", 2, 1, command_del },
    { "UNLINK", 2, 1, command_del },
    { "EXISTS", 2, 0, command_exists },
    { "EXPIRE", 3, 1, command_expire },
    { "PEXPIRE", 3, 1, command_pexpire },
    { "PTTL", 2, 0, command_pttl },
    { "ZADD", 4, 1, command_zadd },
    { "ZREM", 3, 1, command_zrem },
    { "ZSCORE", 3, 0, command_zscore },
    { "ZCARD", 2, 0, command_card },
    { "ZRANGE", 4, 0, command_zrange },
    { "ZRANGEBYSCORE", 4, 0, command_zrangebyscore },
    { "ZSCAN", 3, 0, command_zscan },
    { "HGET", 3, 0, command_hget },
    { "HSET", 4, 1, command_hset },
    { "HDEL", 3, 1, command_hdel },
    { "HGETALL", 2, 0, command_hgetall },
    { "XADD", 5, 1, command_xadd },
    { "XTRIM", 4, 1, command_xtrim },
    { "XLEN", 2, 0, command_card },
    { "XRANGE", 4, 0, command_xrange },
    { "XREVRANGE", 4, 0, command_xrevrange },
    { "TIME", 1, 0, command_time },
    { "PING", 1, 0, command_ping },
    { "SELECT", 2, 0, command_ok },
    { "AUTH", 2, 0, command_ok },
    { "CLIENT", 2, 0, command_ok },
    { "FLUSHALL", 1, 1, command_flush },
    { "SCRIPT", 2, 0, command_script },
    { "INFO", 1, 0, command_info },
    { "HELLO", 1, 0, command_hello },
    { NULL, 0, 0, NULL }
};


void
redis_execute(redis_t *redis, client_t *client, int argc, const arg_t *argv,
    buffer_t *out)
{
    char              text[128];
    const command_t  *command;

    redis->commands++;

    if (redis->mood == REDIS_LOADS) {
        reply_error(out, "LOADING Redis is loading the dataset in memory");
        return;
    }

    if (is(&argv[0], "XREAD")) {
        execute_xread(redis, client, argc, argv, out);
        return;
    }

    if (is(&argv[0], "EVALSHA") && client != NULL) {
        redis_lua_eval(redis, argc, argv, out);
        return;
    }

    for (command = commands; command->name != NULL; command++) {

        if (!is(&argv[0], command->name)) {
            continue;
        }

        if (argc < command->min) {
            reply_error(out, "ERR wrong number of arguments");

        } else if (command->writes && redis->mood == REDIS_REFUSES_WRITES) {
            reply_error(out, redis->error);

        } else {
            redis->changes += (uint64_t) command->writes;
            command->run(redis, argc, argv, out);
        }

        return;
    }

    snprintf(text, sizeof(text), "ERR unknown command '%.*s'",
             (int) argv[0].len, argv[0].data);
    reply_error(out, text);
}


static void
wake(redis_t *redis)
{
    int        i;
    client_t  *client;

    redis->added = 0;

    for (i = 0; i < REDIS_CLIENTS; i++) {
        client = &redis->clients[i];

        if (!client->used || !client->blocked) {
            continue;
        }

        redis->reply.len = 0;

        if (read_stream(redis, client->key, strlen(client->key), client->ms,
                        client->seq, client->count, &redis->reply))
        {
            client->blocked = 0;
            redis->due_us = DUE_UNKNOWN;
            redis->send(redis->data, i, redis->reply.data, redis->reply.len);
        }
    }
}


/* 0: the command is not complete */

static size_t
parse_number(const char *p, const char *end, char type, long long *n)
{
    const char  *cr;

    if (p == end || *p != type) {
        return 0;
    }

    cr = memchr(p, '\r', (size_t) (end - p));

    if (cr == NULL || cr + 1 == end) {
        return 0;
    }

    (void) number_at(p + 1, n);

    return (size_t) (cr + 2 - p);
}


static size_t
parse(const char *data, size_t len, int *argc, arg_t *argv)
{
    size_t       used;
    long long    n, i, size;
    const char  *p, *end;

    p = data;
    end = data + len;

    used = parse_number(p, end, '*', &n);

    if (used == 0) {
        return 0;
    }

    if (n < 1 || n > REDIS_ARGS * 4) {
        abort();
    }

    p += used;

    for (i = 0; i < n; i++) {
        used = parse_number(p, end, '$', &size);

        if (used == 0 || (long long) (end - p - used) < size + 2) {
            return 0;
        }

        argv[i].data = p + used;
        argv[i].len = (size_t) size;

        p += used + (size_t) size + 2;
    }

    *argc = (int) n;

    return (size_t) (p - data);
}


static void
serve(redis_t *redis, int i)
{
    int        argc;
    arg_t      argv[REDIS_ARGS * 4];
    size_t     used, done;
    client_t  *client;

    client = &redis->clients[i];
    done = 0;

    while (client->used && !client->blocked) {
        used = parse(client->in.data + done, client->in.len - done, &argc,
                     argv);

        if (used == 0) {
            break;
        }

        redis->reply.len = 0;

        redis_execute(redis, client, argc, argv, &redis->reply);
        done += used;

        if (!client->blocked) {
            redis->send(redis->data, i, redis->reply.data, redis->reply.len);
        }

        if (redis->added) {
            wake(redis);
        }
    }

    memmove(client->in.data, client->in.data + done, client->in.len - done);
    client->in.len -= done;
}


redis_t *
redis_create(redis_send_pt send, void *data)
{
    redis_t  *redis;

    redis = calloc(1, sizeof(redis_t));

    if (redis == NULL || redis_lua_init(redis) != 0) {
        abort();
    }

    redis->send = send;
    redis->data = data;

    return redis;
}


static void
reboot(redis_t *redis)
{
    int  i;

    for (i = 0; i < REDIS_CLIENTS; i++) {
        redis->clients[i].used = 0;
        redis->clients[i].blocked = 0;
        redis->clients[i].in.len = 0;
    }

    for (i = 0; i < (int) redis->nscripts; i++) {
        redis->scripts[i].known = 0;
    }

    redis->boots++;
    redis->changes++;
    redis->expiry_us = 0;
    redis->due_us = DUE_UNKNOWN;
    sprintf(redis->run_id, "%040llx", (unsigned long long) redis->boots);
}


void
redis_reset(redis_t *redis)
{
    db_free(&redis->db);

    redis->boots = 0;
    redis->commands = 0;
    redis->mood = REDIS_SERVES;

    reboot(redis);
}


void
redis_time(redis_t *redis, int64_t now_us)
{
    size_t   i;
    int64_t  at;

    /* a key expires, or its clock was set back and one has not expired yet */

    if (now_us >= redis->expiry_us || now_us < redis->now_us) {
        redis->changes++;
        redis->expiry_us = INT64_MAX;

        for (i = 0; i < redis->db.nentries; i++) {
            at = redis->db.entries[i]->expires_us;

            if (at > now_us && at < redis->expiry_us) {
                redis->expiry_us = at;
            }
        }
    }

    redis->now_us = now_us;
}


void
redis_stream_max(redis_t *redis, unsigned n)
{
    redis->stream_max = n;
}


void
redis_mood(redis_t *redis, redis_mood_t mood, const char *error)
{
    redis->mood = mood;
    redis->error = error;
}


int
redis_connect(redis_t *redis)
{
    int  i;

    for (i = 0; i < REDIS_CLIENTS; i++) {
        if (!redis->clients[i].used) {
            redis->clients[i].used = 1;
            redis->clients[i].blocked = 0;
            redis->due_us = DUE_UNKNOWN;
            redis->clients[i].in.len = 0;
            return i;
        }
    }

    return -1;
}


void
redis_disconnect(redis_t *redis, int client)
{
    redis->clients[client].used = 0;
    redis->clients[client].blocked = 0;
    redis->due_us = DUE_UNKNOWN;
}


void
redis_receive(redis_t *redis, int client, const char *bytes, size_t len)
{
    if (redis->clients[client].used) {
        append(&redis->clients[client].in, bytes, len);
        serve(redis, client);
    }
}


int64_t
redis_due(redis_t *redis)
{
    int      i;
    int64_t  due;

    if (redis->due_us != DUE_UNKNOWN) {
        return redis->due_us;
    }

    due = -1;

    for (i = 0; i < REDIS_CLIENTS; i++) {
        if (redis->clients[i].used && redis->clients[i].blocked
            && (due == -1 || redis->clients[i].until_us < due))
        {
            due = redis->clients[i].until_us;
        }
    }

    redis->due_us = due;

    return due;
}


void
redis_expire_blocked(redis_t *redis)
{
    int        i;
    client_t  *client;

    for (i = 0; i < REDIS_CLIENTS; i++) {
        client = &redis->clients[i];

        if (client->used && client->blocked
            && client->until_us <= redis->now_us)
        {
            client->blocked = 0;
            redis->due_us = DUE_UNKNOWN;
            redis->send(redis->data, i, "*-1\r\n", 5);
            serve(redis, i);
        }
    }
}


redis_db_t *
redis_copy(redis_t *redis)
{
    redis_db_t  *db;

    db = malloc(sizeof(redis_db_t));

    if (db == NULL) {
        abort();
    }

    db_copy(db, &redis->db);

    return db;
}


void
redis_free_copy(redis_db_t *db)
{
    if (db != NULL) {
        db_free(db);
        free(db);
    }
}


/* "db" may be NULL: it starts empty; all connections are gone */

void
redis_restore(redis_t *redis, const redis_db_t *db)
{
    reboot(redis);

    if (db == &redis->db) {
        return;
    }

    db_free(&redis->db);

    if (db != NULL) {
        db_copy(&redis->db, db);
    }
}


void
redis_command(redis_t *redis, int argc, const char **argv)
{
    int           i;
    arg_t         args[REDIS_ARGS];
    redis_mood_t  mood;

    for (i = 0; i < argc; i++) {
        args[i].data = argv[i];
        args[i].len = strlen(argv[i]);
    }

    mood = redis->mood;
    redis->mood = REDIS_SERVES;
    redis->reply.len = 0;

    redis_execute(redis, NULL, argc, args, &redis->reply);

    redis->mood = mood;
}


const char *
redis_string(redis_t *redis, const char *key, size_t *len)
{
    entry_t  *entry;

    entry = entry_find(redis, key, strlen(key));

    if (entry == NULL || entry->type != TYPE_STRING) {
        return NULL;
    }

    *len = entry->value->len;

    return entry->value->data;
}


static entry_t *
zset(redis_t *redis, const char *key)
{
    entry_t  *entry;

    entry = entry_find(redis, key, strlen(key));

    return entry != NULL && entry->type == TYPE_ZSET ? entry : NULL;
}


int
redis_zset_has(redis_t *redis, const char *key, const char *member)
{
    arg_t  arg;

    arg.data = member;
    arg.len = strlen(member);

    return item_find(zset(redis, key), &arg) != NULL;
}


size_t
redis_zset_len(redis_t *redis, const char *key)
{
    entry_t  *entry;

    entry = zset(redis, key);

    return entry == NULL ? 0 : entry->nitems;
}


const char *
redis_zset_member(redis_t *redis, const char *key, size_t i)
{
    return zset(redis, key)->items[i].name->data;
}


uint64_t
redis_commands(redis_t *redis)
{
    return redis->commands;
}


uint64_t
redis_changes(redis_t *redis)
{
    return redis->changes;
}


uint64_t
redis_ends(redis_t *redis)
{
    return redis->ends;
}
