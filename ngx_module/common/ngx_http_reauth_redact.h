
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The upstream may repeat the API key in its responses.
 */


#ifndef _NGX_HTTP_REAUTH_REDACT_H_INCLUDED_
#define _NGX_HTTP_REAUTH_REDACT_H_INCLUDED_


#include "ngx_http_reauth_conf.h"

#include "reauth_error.h"
#include "reauth_poll.h"
#include "reauth_webhook.h"


/* texts of a response, NUL-terminated, or NULL */

typedef struct {
    char              *progress;
    char              *code;
    char              *message;
    reauth_unknown_t  *unknown;
} ngx_http_reauth_kept_t;


/*
 * Overwrites all API keys, the current ones and those just rotated, by "*";
 * the length stays.  "what" is for the log.
 */
void ngx_http_reauth_redact(ngx_http_reauth_main_conf_t *mcf, ngx_log_t *log,
    const char *what, u_char *p, size_t len);

/*
 * The same for texts that were decoded and are stored or logged: they may be
 * encoded once more, or be a part of the key only since they were cleaned.
 */
void ngx_http_reauth_redact_kept(ngx_http_reauth_main_conf_t *mcf,
    ngx_log_t *log, const char *what, ngx_http_reauth_kept_t *kept);

void ngx_http_reauth_redact_error(ngx_http_reauth_main_conf_t *mcf,
    ngx_log_t *log, reauth_error_t *error);
void ngx_http_reauth_redact_poll(ngx_http_reauth_main_conf_t *mcf,
    ngx_log_t *log, reauth_poll_t *poll);
void ngx_http_reauth_redact_webhook(ngx_http_reauth_main_conf_t *mcf,
    ngx_log_t *log, reauth_webhook_t *webhook);

/*
 * Overwrites them in the head of a response.  The body is redacted when it has
 * been received: the framing of chunks, which follows the head in the buffer,
 * would divide a key.
 */
void ngx_http_reauth_redact_head(ngx_http_reauth_main_conf_t *mcf,
    ngx_log_t *log, ngx_buf_t *b);

/* whether the text contains an API key */
ngx_uint_t ngx_http_reauth_redact_find(ngx_http_reauth_main_conf_t *mcf,
    const u_char *p, size_t len);

/* the same for text of a caller, who could guess the key part by part */
ngx_uint_t ngx_http_reauth_redact_is_whole(ngx_http_reauth_main_conf_t *mcf,
    const u_char *p, size_t len);


#endif /* _NGX_HTTP_REAUTH_REDACT_H_INCLUDED_ */
