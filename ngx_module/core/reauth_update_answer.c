
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <stdlib.h>
#include <strings.h>

#include <openssl/crypto.h>

#include "reauth_json.h"
#include "reauth_json_out.h"
#include "reauth_update_answer.h"


#define REAUTH_UPDATE_MESSAGE                                                 \
    "Authentication credentials updated. Re-authentication started. "         \
    "Query the polling_url to check the progress."

#define REAUTH_REAUTHENTICATE_MESSAGE                                         \
    "Re-authentication started. Query the polling_url to check the progress."


/* all but the strings that vary */
#define REAUTH_UPDATE_ANSWER_SIZE  512


static json_t *reauth_update_answer_object(json_t *root);
static void reauth_update_answer_ids(json_t *object, unsigned fansly,
    reauth_update_answer_t *answer);
static void reauth_update_answer_take(const reauth_string_t *id,
    unsigned fansly, reauth_update_answer_t *answer);
static int reauth_update_answer_rewrite(const reauth_string_t *text,
    json_t *root, json_t *object, const reauth_string_t *origin,
    reauth_update_answer_t *answer);
static void reauth_update_answer_string(reauth_json_out_t *out,
    const reauth_string_t *text);
static char *reauth_polling_url(const reauth_string_t *origin,
    const reauth_string_t *path, const reauth_string_t *id,
    reauth_string_t *url);
static int reauth_url_path(const reauth_string_t *url, reauth_string_t *path);
static reauth_string_t reauth_url_last_segment(const reauth_string_t *url);


reauth_update_answer_result_t
reauth_update_answer_parse(const reauth_string_t *text, unsigned fansly,
    const reauth_string_t *origin, reauth_update_answer_t *answer)
{
    json_t                         *root, *object;
    reauth_string_t                 s;
    reauth_json_error_t             error;
    reauth_update_answer_result_t   rc;

    memset(answer, 0, sizeof(reauth_update_answer_t));

    switch (reauth_json_parse(text, REAUTH_JSON_OBJECT, &root, &error)) {

    case REAUTH_JSON_OK:
        break;

    case REAUTH_JSON_INVALID:
        return REAUTH_UPDATE_ANSWER_BAD;

    default:
        return REAUTH_UPDATE_ANSWER_NO_MEMORY;
    }

    object = reauth_update_answer_object(root);

    reauth_update_answer_ids(object, fansly, answer);

    if (!fansly && answer->attempt[0] == '\0') {
        rc = REAUTH_UPDATE_ANSWER_BAD;
        goto done;
    }

    rc = REAUTH_UPDATE_ANSWER_NO_MEMORY;

    if (reauth_json_string(object, "mobile_auth_session_deeplink", &s)
        && s.len)
    {
        answer->deeplink = malloc(s.len);

        if (answer->deeplink == NULL) {
            goto done;
        }

        memcpy(answer->deeplink, s.data, s.len);
        answer->deeplink_len = s.len;
    }

    if (reauth_update_answer_rewrite(text, root, object, origin, answer)
        == 0) {
        rc = REAUTH_UPDATE_ANSWER_OK;
    }

done:

    reauth_json_cleanse_free(root);

    return rc;
}


void
reauth_update_answer_free(reauth_update_answer_t *answer)
{
    if (answer->deeplink) {
        OPENSSL_cleanse(answer->deeplink, answer->deeplink_len);
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

    static const reauth_string_t  plain = reauth_string("/api/authenticate/");
    static const reauth_string_t  other =
                                   reauth_string("/api/fansly/authenticate/");

    url = reauth_polling_url(origin, fansly ? &other : &plain, id, &s);
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


static void
reauth_update_answer_string(reauth_json_out_t *out, const reauth_string_t *text)
{
    if (reauth_json_out_string(out, text) != 0) {
        out->failed = 1;
    }
}


/* the answer itself, which some see wrapped in "data" */

static json_t *
reauth_update_answer_object(json_t *root)
{
    json_t  *data;

    data = json_object_get(root, "data");

    if (json_is_object(data) && json_object_get(root, "attempt_id") == NULL
        && json_object_get(root, "polling_url") == NULL)
    {
        return data;
    }

    return root;
}


static void
reauth_update_answer_ids(json_t *object, unsigned fansly,
    reauth_update_answer_t *answer)
{
    reauth_string_t  s;

    if (reauth_json_string(object, "attempt_id", &s)) {
        reauth_update_answer_take(&s, fansly, answer);
    }

    if (reauth_json_string(object, "account_id", &s)) {
        reauth_update_answer_take(&s, fansly, answer);
    }

    if (reauth_json_string(object, "polling_url", &s)) {
        s = reauth_url_last_segment(&s);
        reauth_update_answer_take(&s, fansly, answer);
    }
}


/* an id says by its prefix what it is; the first of a kind counts */

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
 * In place, as everything else is to stay as it came, and as writing all of it
 * anew costs more; where the place can't be told from the text, by the tree.
 */

static int
reauth_update_answer_rewrite(const reauth_string_t *text, json_t *root,
    json_t *object, const reauth_string_t *origin,
    reauth_update_answer_t *answer)
{
    char             *text_of_url;
    json_t           *url;
    reauth_string_t   s, path;

    static const reauth_string_t  none = reauth_string("");

    if (!reauth_json_string(object, "polling_url", &s)
        || !reauth_url_path(&s, &path)
        || (s.len - path.len == origin->len
            && memcmp(s.data, origin->data, origin->len) == 0))
    {
        return 0;
    }

    text_of_url = reauth_polling_url(origin, &path, &none, &s);
    if (text_of_url == NULL) {
        return -1;
    }

    answer->body = reauth_json_replace(text, "polling_url", &s,
                                       &answer->body_len);

    if (answer->body != NULL) {
        free(text_of_url);
        return 0;
    }

    url = json_stringn(text_of_url, s.len);

    free(text_of_url);

    if (json_object_set_new(object, "polling_url", url) != 0) {
        return -1;
    }

    answer->body = reauth_json_text(root, &answer->body_len);

    return answer->body ? 0 : -1;
}


/* to be freed; "url" is it with its length */

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


/* what follows scheme and host of an absolute URL, if it begins with /api/ */

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

    return path->len > 5 && memcmp(p, "/api/", 5) == 0;
}


static reauth_string_t
reauth_url_last_segment(const reauth_string_t *url)
{
    size_t           i;
    reauth_string_t  segment;

    segment.data = url->data;

    for (i = 0; i < url->len; i++) {

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
