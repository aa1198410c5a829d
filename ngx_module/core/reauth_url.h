
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The public address of the gateway.
 */


#ifndef REAUTH_URL_H
#define REAUTH_URL_H


#include "reauth_string.h"


#define REAUTH_URL_MAX  1024


/*
 * Whether "url" is http:// or https://, a host, a port where there is one, and
 * a prefix of paths where there is one.  Slashes at its end are taken off.
 * Returns NULL, or what is wrong.
 */
const char *reauth_url_check(reauth_string_t *url);


#endif /* REAUTH_URL_H */
