
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The order of all records by the time of their last update.
 */


#ifndef SIMULATION_ORDER_H
#define SIMULATION_ORDER_H


#include "ngx_http_reauth_zone.h"


/* a worker died with the lock: the next one that takes it repairs */
void order_broken(ngx_http_reauth_zone_t *zone);

/* whether the list by update has each account once, in its order */
int order_holds(ngx_http_reauth_zone_t *zone);


#endif /* SIMULATION_ORDER_H */
