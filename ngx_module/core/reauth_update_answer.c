
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <stdlib.h>
#include <strings.h>

#include "reauth_json.h"
#include "reauth_json_out.h"
#include "reauth_update_answer.h"


#define REAUTH_UPDATE_MESSAGE                                                 \
    "Authentication credentials updated. Re-authentication started. "         \
    "Query the polling_url to check the progress."

#define REAUTH_REAUTHENTICATE_MESSAGE                                         \
    "Re-authentication started. Query the polling_url to check the progress."


/* the size of the constant parts of the text */
#define REAUTH_UPDATE_ANSWER_SIZE  512


enum {
    REAUTH_UPDATE_ANSWER_OBJECT = 0,
    REAUTH_UPDATE_ANSWER_ATTEMPT_ID,
    REAUTH_UPDATE_ANSWER_ACCOUNT_ID,
    REAUTH_UPDATE_ANSWER_POLLING_URL,
    REAUTH_UPDATE_ANSWER_DEEPLINK,
    REAUTH_UPDATE_ANSWER_NVALUES
};


static const reauth_reader_field_t  reauth_update_answer_fields[] = {
    { "", REAUTH_UPDATE_ANSWER_OBJECT, 0 },
    { "attempt_id", REAUTH_UPDATE_ANSWER_ATTEMPT_ID, 0 },
    { "account_id", REAUTH_UPDATE_ANSWER_ACCOUNT_ID, 0 },
    { "polling_url", REAUTH_UPDATE_ANSWER_POLLING_URL, 0 },
    { "mobile_auth_session_deeplink", REAUTH_UPDATE_ANSWER_DEEPLINK, 1 }
};


static int reauth_update_answer_read(const reauth_string_t *text,
    reauth_value_t *values, reauth_unread_t *why);
static void reauth_update_answer_ids(const reauth_value_t *values,
    const reauth_string_t *url, unsigned fansly,
    reauth_update_answer_t *answer);
static void reauth_update_answer_take(const reauth_string_t *id,
    unsigned fansly, reauth_update_answer_t *answer);
static int reauth_update_answer_deeplink(const reauth_string_t *text,
    const reauth_value_t *value, reauth_update_answer_t *answer);
static int reauth_update_answer_rewrite(const reauth_string_t *text,
    const reauth_value_t *value, const reauth_string_t *url, unsigned fansly,
    const reauth_string_t *origin, reauth_update_answer_t *answer);
static int reauth_update_answer_is_poll(const reauth_string_t *url,
    unsigned fansly, const reauth_update_answer_t *answer,
    reauth_string_t *path);
static char *reauth_update_answer_url(const reauth_string_t *origin,
    unsigned fansly, const reauth_string_t *id, reauth_string_t *url);
static unsigned char *reauth_update_answer_decoded(const reauth_string_t *text,
    const reauth_value_t *value, reauth_string_t *s);
static void reauth_update_answer_string(reauth_json_out_t *out,
    const reauth_string_t *text);
static char *reauth_polling_url(const reauth_string_t *origin,
    const reauth_string_t *path, const reauth_string_t *id,
    reauth_string_t *url);
static int reauth_url_path(const reauth_string_t *url, reauth_string_t *path);
static reauth_string_t reauth_url_last_segment(const reauth_string_t *url);


reauth_update_answer_result_t
reauth_update_answer_parse(const reauth_string_t *text, unsigned fansly,
    const reauth_string_t *origin, reauth_update_answer_t *answer,
    reauth_unread_t *why)
{
    unsigned char                  *decoded;
    reauth_value_t                  values[REAUTH_UPDATE_ANSWER_NVALUES];
    reauth_string_t                 url;
    reauth_update_answer_result_t   rc;

    memset(answer, 0, sizeof(reauth_update_answer_t));

    if (reauth_update_answer_read(text, values, why) != 0) {
        return REAUTH_UPDATE_ANSWER_BAD;
    }

    decoded = reauth_update_answer_decoded(text,
                                  &values[REAUTH_UPDATE_ANSWER_POLLING_URL],
                                  &url);
    if (decoded == NULL) {
        return REAUTH_UPDATE_ANSWER_NO_MEMORY;
    }

    reauth_update_answer_ids(values, &url, fansly, answer);

    if (!fansly && answer->attempt[0] == '\0') {
        why->reason = "it identifies no login attempt";
        why->offset = 0;
        rc = REAUTH_UPDATE_ANSWER_BAD;

    } else if (reauth_update_answer_deeplink(text,
                                       &values[REAUTH_UPDATE_ANSWER_DEEPLINK],
                                       answer)
               != 0
               || reauth_update_answer_rewrite(text,
                                    &values[REAUTH_UPDATE_ANSWER_POLLING_URL],
                                    &url, fansly, origin, answer)
                  != 0)
    {
        rc = REAUTH_UPDATE_ANSWER_NO_MEMORY;

    } else {
        rc = REAUTH_UPDATE_ANSWER_OK;
    }

    free(decoded);

    return rc;
}


void
reauth_update_answer_free(reauth_update_answer_t *answer)
{
    if (answer->deeplink) {
        explicit_bzero(answer->deeplink, answer->deeplink_len);
        free(answer->deeplink);
    }

    reauth_json_text_free(answer->body);

    answer->deeplink = NULL;
    answer->deeplink_len = 0;

    answer->body = NULL;
    answer->body_len = 0;
}


char *
reauth_update_answer_text(reauth_operation_t operation, unsigned fansly,
    const reauth_string_t *id, const reauth_string_t *origin,
    const reauth_string_t *deeplink, size_t *len)
{
    char               *url;
    reauth_string_t     s;
    reauth_json_out_t   out;

    url = reauth_update_answer_url(origin, fansly, id, &s);
    if (url == NULL) {
        return NULL;
    }

    if (reauth_json_out_create(&out, REAUTH_UPDATE_ANSWER_SIZE
                                     + reauth_json_out_size(id->len)
                                     + reauth_json_out_size(s.len)
                                     + reauth_json_out_size(deeplink->len))
        == NULL)
    {
        free(url);
        return NULL;
    }

    if (operation == REAUTH_OPERATION_REAUTHENTICATE) {
        reauth_json_out_literal(&out, "{\"success\":true,\"message\":\""
                                      REAUTH_REAUTHENTICATE_MESSAGE "\"");

    } else {
        reauth_json_out_literal(&out, "{\"attempt_id\":");
        reauth_update_answer_string(&out, id);
        reauth_json_out_literal(&out, ",\"message\":\""
                                      REAUTH_UPDATE_MESSAGE "\"");
    }

    reauth_json_out_literal(&out, ",\"polling_url\":");
    reauth_update_answer_string(&out, &s);

    free(url);

    if (operation != REAUTH_OPERATION_REAUTHENTICATE && deeplink->len) {
        reauth_json_out_literal(&out, ",\"mobile_auth_session_deeplink\":");
        reauth_update_answer_string(&out, deeplink);
    }

    reauth_json_out_literal(&out, "}");

    return reauth_json_out_finish(&out, len);
}


int
reauth_update_answer_is_composed(reauth_operation_t operation,
    unsigned fansly, const reauth_string_t *id, const reauth_string_t *origin,
    const reauth_string_t *deeplink, const reauth_string_t *body)
{
    int      same;
    char    *text;
    size_t   len;

    text = reauth_update_answer_text(operation, fansly, id, origin, deeplink,
                                     &len);
    if (text == NULL) {
        return 0;
    }

    same = len == body->len && memcmp(text, body->data, len) == 0;

    reauth_json_text_free(text);

    return same;
}


static void
reauth_update_answer_string(reauth_json_out_t *out, const reauth_string_t *text)
{
    if (reauth_json_out_string(out, text) != 0) {
        out->failed = 1;
    }
}


/* the response itself, which some clients see wrapped in "data" */

static int
reauth_update_answer_read(const reauth_string_t *text, reauth_value_t *values,
    reauth_unread_t *why)
{
    size_t           i;
    reauth_reader_t  reader;

    static const char *const  roots[] = { NULL, "data", NULL };

    for (i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {

        reauth_reader_init(&reader, reauth_update_answer_fields,
                           sizeof(reauth_update_answer_fields)
                           / sizeof(reauth_reader_field_t),
                           roots[i], values, REAUTH_UPDATE_ANSWER_NVALUES);

        if (reauth_reader_read(&reader, text) != REAUTH_READER_OK) {
            reauth_reader_unread(&reader, why);
            return -1;
        }

        if (values[REAUTH_UPDATE_ANSWER_ATTEMPT_ID].type != REAUTH_VALUE_NONE
            || values[REAUTH_UPDATE_ANSWER_POLLING_URL].type
               != REAUTH_VALUE_NONE
            || (roots[i] != NULL
                && values[REAUTH_UPDATE_ANSWER_OBJECT].type
                   == REAUTH_VALUE_OBJECT))
        {
            return 0;
        }
    }

    if (values[REAUTH_UPDATE_ANSWER_OBJECT].type != REAUTH_VALUE_OBJECT) {
        why->reason = "it is not an object";
        why->offset = 0;

        return -1;
    }

    return 0;
}


/* to be freed; empty if the value is not a string */

static unsigned char *
reauth_update_answer_decoded(const reauth_string_t *text,
    const reauth_value_t *value, reauth_string_t *s)
{
    unsigned char  *p;

    p = malloc(value->end - value->start + 1);

    if (p != NULL) {
        s->data = p;
        s->len = reauth_reader_string(text, value, p);
    }

    return p;
}


static int
reauth_update_answer_deeplink(const reauth_string_t *text,
    const reauth_value_t *value, reauth_update_answer_t *answer)
{
    reauth_string_t  s;

    if (!reauth_value_is_text(value)) {
        return 0;
    }

    answer->deeplink = (char *) reauth_update_answer_decoded(text, value, &s);

    if (answer->deeplink == NULL) {
        return -1;
    }

    answer->deeplink_len = s.len;

    return 0;
}


static void
reauth_update_answer_ids(const reauth_value_t *values,
    const reauth_string_t *url, unsigned fansly,
    reauth_update_answer_t *answer)
{
    reauth_string_t  s;

    s = reauth_value_string(&values[REAUTH_UPDATE_ANSWER_ATTEMPT_ID]);
    reauth_update_answer_take(&s, fansly, answer);

    s = reauth_value_string(&values[REAUTH_UPDATE_ANSWER_ACCOUNT_ID]);
    reauth_update_answer_take(&s, fansly, answer);

    s = reauth_url_last_segment(url);
    reauth_update_answer_take(&s, fansly, answer);
}


/* the prefix of an ID shows its kind; the first of a kind counts */

static void
reauth_update_answer_take(const reauth_string_t *id, unsigned fansly,
    reauth_update_answer_t *answer)
{
    reauth_id_kind_t  kind;

    kind = reauth_id_kind(id);

    if (kind == REAUTH_ID_ATTEMPT) {

        if (!fansly && answer->attempt[0] == '\0') {
            memcpy(answer->attempt, id->data, id->len);
        }

        return;
    }

    if (kind == (fansly ? REAUTH_ID_FANSLY : REAUTH_ID_ACCOUNT)
        && answer->account[0] == '\0')
    {
        memcpy(answer->account, id->data, id->len);
    }
}


/*
 * In place: the rest of the text is unchanged.  A URL that does not lead to the
 * poll of this attempt is replaced.
 */

static int
reauth_update_answer_rewrite(const reauth_string_t *text,
    const reauth_value_t *value, const reauth_string_t *url, unsigned fansly,
    const reauth_string_t *origin, reauth_update_answer_t *answer)
{
    char               *text_of_url;
    reauth_string_t     s, id, path;
    reauth_json_out_t   out;

    static const reauth_string_t  none = reauth_string("");

    id = none;

    if (!reauth_value_is_text(value)) {
        return 0;
    }

    if (reauth_update_answer_is_poll(url, fansly, answer, &path)) {

        if (url->len - path.len == origin->len
            && memcmp(url->data, origin->data, origin->len) == 0)
        {
            return 0;
        }

        text_of_url = reauth_polling_url(origin, &path, &none, &s);

    } else {
        answer->elsewhere = 1;

        id = reauth_string_from(fansly ? answer->account : answer->attempt);
        text_of_url = reauth_update_answer_url(origin, fansly, &id, &s);
    }

    if (text_of_url == NULL) {
        return -1;
    }

    if (reauth_json_out_create(&out, text->len + reauth_json_out_size(s.len))
        == NULL)
    {
        free(text_of_url);
        return -1;
    }

    reauth_json_out(&out, (const char *) text->data, value->start);

    if (answer->elsewhere && id.len == 0) {
        reauth_json_out_literal(&out, "null");

    } else {
        reauth_update_answer_string(&out, &s);
    }

    reauth_json_out(&out, (const char *) text->data + value->end,
                    text->len - value->end);

    free(text_of_url);

    answer->body = reauth_json_out_finish(&out, &answer->body_len);

    return answer->body ? 0 : -1;
}


/* an absolute URL, whose host does not matter, or a path alone */

static int
reauth_update_answer_is_poll(const reauth_string_t *url, unsigned fansly,
    const reauth_update_answer_t *answer, reauth_string_t *path)
{
    reauth_route_t  route;

    static const reauth_string_t  get = reauth_string("GET");

    if (!reauth_url_path(url, path)) {
        *path = *url;
    }

    if (memchr(path->data, '#', path->len) != NULL
        || reauth_string_has_control(path)
        || reauth_route(&get, path, &route) != REAUTH_ROUTE_OK
        || route.operation != REAUTH_OPERATION_POLL
        || route.fansly != fansly)
    {
        return 0;
    }

    return fansly ? answer->account[0] == '\0'
                    || reauth_string_equals(&route.id, answer->account)
                  : reauth_string_equals(&route.id, answer->attempt);
}


/* must be freed: the ID by which the attempt is polled, an account of Fansly */

static char *
reauth_update_answer_url(const reauth_string_t *origin, unsigned fansly,
    const reauth_string_t *id, reauth_string_t *url)
{
    static const reauth_string_t  plain = reauth_string("/api/authenticate/");
    static const reauth_string_t  other =
                                   reauth_string("/api/fansly/authenticate/");

    return reauth_polling_url(origin, fansly ? &other : &plain, id, url);
}


/* must be freed; sets "url" to the result */

static char *
reauth_polling_url(const reauth_string_t *origin, const reauth_string_t *path,
    const reauth_string_t *id, reauth_string_t *url)
{
    char  *p, *text;

    text = malloc(origin->len + path->len + id->len + 1);
    if (text == NULL) {
        return NULL;
    }

    p = text;

    memcpy(p, origin->data, origin->len);
    p += origin->len;

    memcpy(p, path->data, path->len);
    p += path->len;

    memcpy(p, id->data, id->len);
    p += id->len;

    url->data = (const unsigned char *) text;
    url->len = (size_t) (p - text);

    return text;
}


/* what follows scheme and host of an absolute URL */

static int
reauth_url_path(const reauth_string_t *url, reauth_string_t *path)
{
    const unsigned char  *p, *last;

    last = url->data + url->len;

    if (url->len > 8
        && strncasecmp((const char *) url->data, "https://", 8) == 0)
    {
        p = url->data + 8;

    } else if (url->len > 7
               && strncasecmp((const char *) url->data, "http://", 7) == 0)
    {
        p = url->data + 7;

    } else {
        return 0;
    }

    while (p < last && *p != '/' && *p != '?' && *p != '#') {
        p++;
    }

    path->data = p;
    path->len = (size_t) (last - p);

    return 1;
}


static reauth_string_t
reauth_url_last_segment(const reauth_string_t *url)
{
    size_t           i;
    reauth_string_t  segment;

    segment.data = url->data;

    for (i = 0; i < url->len; i++) {

        if (reauth_id_chars[url->data[i]]) {
            continue;
        }

        if (url->data[i] == '?' || url->data[i] == '#') {
            break;
        }

        if (url->data[i] == '/') {
            segment.data = url->data + i + 1;
        }
    }

    segment.len = (size_t) (url->data + i - segment.data);

    return segment;
}
