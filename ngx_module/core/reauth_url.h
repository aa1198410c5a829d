
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
 * Checks that "url" is http:// or https://, a host, an optional port and an
 * optional path prefix.  Slashes at its end are removed.  Returns NULL, or an
 * error text.
 */
const char *reauth_url_check(reauth_string_t *url);


#endif /* REAUTH_URL_H */
