
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The list of all accounts, for attempts that cannot be polled by themselves:
 * one request for the fleet, at most every ten seconds, read as it arrives.
 */


#ifndef _NGX_HTTP_REAUTH_LISTS_H_INCLUDED_
#define _NGX_HTTP_REAUTH_LISTS_H_INCLUDED_


#include "ngx_http_reauth_poller.h"


/* requests the list if attempts wait for it and the interval has passed */
void ngx_http_reauth_lists_step(ngx_http_reauth_poller_t *poller);

/* looks up an account without an active attempt in the next list */
void ngx_http_reauth_lists_ask(ngx_http_reauth_poller_t *poller,
    const reauth_string_t *account);

/* ends a list that takes too long */
void ngx_http_reauth_lists_expire(ngx_http_reauth_poller_t *poller);

void ngx_http_reauth_lists_abort(ngx_http_reauth_poller_t *poller);


/* the "reauth_sweep" directive */
char *ngx_http_reauth_sweep_slot(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


#endif /* _NGX_HTTP_REAUTH_LISTS_H_INCLUDED_ */
