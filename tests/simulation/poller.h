
/*
 * Copyright (C) the nginx-reauth authors
 */


#ifndef SIMULATION_POLLER_H
#define SIMULATION_POLLER_H


#include "ngx_http_reauth_store.h"

#include "worker.h"


void poller_init(ngx_http_reauth_store_t *store, const worker_conf_t *conf);
void poller_lease(void);
void poller_failed(const char *account, const reauth_record_t *asked,
    unsigned status, int64_t retry_after_ms);
int poller_list(worker_list_t *list);
void poller_listed(const worker_list_t *list, unsigned status,
    const char *body, size_t len, int whole);


#endif /* SIMULATION_POLLER_H */
