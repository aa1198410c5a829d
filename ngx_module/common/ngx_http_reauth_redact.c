
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The upstream may repeat the API key in any response, as in "bad key ...".
 * The key is overwritten in captured data before it is parsed, logged, stored
 * or passed.
 */


#include "ngx_http_reauth_redact.h"
#include "ngx_http_reauth_secret.h"
#include "ngx_http_reauth_log.h"


static void
ngx_http_reauth_redacted(ngx_http_reauth_main_conf_t *mcf, ngx_log_t *log,
    const char *what)
{
    ngx_str_t  skipped;

    static ngx_http_reauth_log_limit_t  limit;

    ngx_http_reauth_zone_count(&mcf->store.zone,
                               NGX_HTTP_REAUTH_COUNT_WITHHELD_KEY);

    if (ngx_http_reauth_log_allowed(&limit, &skipped)) {
        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "reauth: the upstream sent the API key in %s, "
                      "overwritten%V", what, &skipped);
    }
}


void
ngx_http_reauth_redact(ngx_http_reauth_main_conf_t *mcf, ngx_log_t *log,
    const char *what, u_char *p, size_t len)
{
    size_t                      n;
    ngx_uint_t                  i;
    ngx_http_reauth_secret_t  **secrets;

    secrets = mcf->secrets.elts;
    n = 0;

    for (i = 0; i < mcf->secrets.nelts; i++) {

        if (!secrets[i]->bearer) {
            continue;
        }

        n += reauth_redact(secrets[i]->redact, p, len);

        if (secrets[i]->previous_redact != NULL) {
            n += reauth_redact(secrets[i]->previous_redact, p, len);
        }
    }

    if (n != 0) {
        ngx_http_reauth_redacted(mcf, log, what);
    }
}


void
ngx_http_reauth_redact_kept(ngx_http_reauth_main_conf_t *mcf, ngx_log_t *log,
    const char *what, ngx_http_reauth_kept_t *kept)
{
    char              *text;
    ngx_uint_t         i, n;
    reauth_unknown_t  *unknown;

    char *const  texts[] = { kept->progress, kept->code, kept->message };

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (texts[i] != NULL) {
            ngx_http_reauth_redact(mcf, log, what, (u_char *) texts[i],
                                   ngx_strlen(texts[i]));
        }
    }

    unknown = kept->unknown;
    n = unknown != NULL ? unknown->nwords : 0;

    for (i = 0; i < n; i++) {
        text = unknown->words[i].text;

        ngx_http_reauth_redact(mcf, log, what, (u_char *) text,
                               ngx_strlen(text));
    }
}


void
ngx_http_reauth_redact_error(ngx_http_reauth_main_conf_t *mcf, ngx_log_t *log,
    reauth_error_t *error)
{
    ngx_http_reauth_kept_t  kept;

    ngx_memzero(&kept, sizeof(ngx_http_reauth_kept_t));

    kept.code = error->code;
    kept.message = error->message;

    ngx_http_reauth_redact_kept(mcf, log, "a response", &kept);
}


void
ngx_http_reauth_redact_poll(ngx_http_reauth_main_conf_t *mcf, ngx_log_t *log,
    reauth_poll_t *poll)
{
    ngx_http_reauth_kept_t  kept;

    kept.progress = poll->progress;
    kept.code = poll->error_code;
    kept.message = poll->error_message;
    kept.unknown = &poll->unknown;

    ngx_http_reauth_redact_kept(mcf, log, "a response", &kept);
}


void
ngx_http_reauth_redact_webhook(ngx_http_reauth_main_conf_t *mcf,
    ngx_log_t *log, reauth_webhook_t *webhook)
{
    ngx_http_reauth_kept_t  kept;

    kept.progress = webhook->progress;
    kept.code = webhook->error_code;
    kept.message = webhook->error_message;
    kept.unknown = &webhook->unknown;

    ngx_http_reauth_redact_kept(mcf, log, "a webhook", &kept);
}


/* b->last: the head is incomplete; a part of the blank line may be parsed */

static u_char *
ngx_http_reauth_redact_head_end(ngx_buf_t *b)
{
    u_char  *p, *end;

    p = b->pos - b->start > 3 ? b->pos - 3 : b->start;

    while ((p = memchr(p, LF, b->last - p)) != NULL) {
        p++;
        end = p < b->last && *p == CR ? p + 1 : p;

        if (end < b->last && end >= b->pos && *end == LF) {
            return end + 1;
        }
    }

    return b->last;
}


void
ngx_http_reauth_redact_head(ngx_http_reauth_main_conf_t *mcf, ngx_log_t *log,
    ngx_buf_t *b)
{
    ngx_http_reauth_redact(mcf, log, "a response", b->start,
                           ngx_http_reauth_redact_head_end(b) - b->start);
}


ngx_uint_t
ngx_http_reauth_redact_find(ngx_http_reauth_main_conf_t *mcf, const u_char *p,
    size_t len)
{
    ngx_uint_t                  i;
    ngx_http_reauth_secret_t  **secrets;

    secrets = mcf->secrets.elts;

    for (i = 0; i < mcf->secrets.nelts; i++) {

        if (secrets[i]->bearer
            && (reauth_redact_find(secrets[i]->redact, p, len)
                || (secrets[i]->previous_redact != NULL
                    && reauth_redact_find(secrets[i]->previous_redact, p,
                                          len))))
        {
            return 1;
        }
    }

    return 0;
}


ngx_uint_t
ngx_http_reauth_redact_is_whole(ngx_http_reauth_main_conf_t *mcf,
    const u_char *p, size_t len)
{
    ngx_uint_t                  i, found;
    ngx_http_reauth_secret_t  **secrets;

    secrets = mcf->secrets.elts;
    found = 0;

    for (i = 0; i < mcf->secrets.nelts; i++) {

        if (!secrets[i]->bearer) {
            continue;
        }

        found |= reauth_redact_is_whole(secrets[i]->redact, p, len);

        if (secrets[i]->previous_redact != NULL) {
            found |= reauth_redact_is_whole(secrets[i]->previous_redact, p,
                                            len);
        }
    }

    return found;
}
