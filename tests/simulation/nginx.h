
/*
 * Copyright (C) the nginx-reauth authors
 */


#ifndef SIMULATION_NGINX_H
#define SIMULATION_NGINX_H


#include <ngx_config.h>
#include <ngx_core.h>

#include "worker.h"


#define SIMULATION_CONNECTIONS  8


extern const worker_conf_t  *simulation_conf;


ngx_int_t simulation_process(const worker_conf_t *conf);
void simulation_set_time(int64_t monotonic_ms, int64_t wall_ms);
void simulation_turn(void);
int64_t simulation_next(void);
void simulation_connected(int connection, int error);
void simulation_received(int connection, const u_char *data, size_t len);
void simulation_closed(int connection);


#endif /* SIMULATION_NGINX_H */
