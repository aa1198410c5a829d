
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Reauthenticates accounts whose sessions have expired.
 */


#ifndef _NGX_HTTP_REAUTH_HEAL_H_INCLUDED_
#define _NGX_HTTP_REAUTH_HEAL_H_INCLUDED_


#include "ngx_http_reauth_poller.h"


/* the "reauth_heal" directive */
char *ngx_http_reauth_heal_slot(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* makes the tries that are due; the clerk only */
void ngx_http_reauth_heals_step(ngx_http_reauth_poller_t *poller);

/* tries that are in progress: all, those that take too long */
void ngx_http_reauth_heals_abort(ngx_http_reauth_poller_t *poller);
void ngx_http_reauth_heals_expire(ngx_http_reauth_poller_t *poller);


#endif /* _NGX_HTTP_REAUTH_HEAL_H_INCLUDED_ */
