
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Determines the site that sends a request from the headers that browsers add:
 * Origin (RFC 6454) and Sec-Fetch-Site (Fetch Metadata).  Other clients send
 * neither.
 */


#ifndef REAUTH_ORIGIN_H
#define REAUTH_ORIGIN_H


#include "reauth_string.h"


#define REAUTH_ORIGIN_MAX  512


typedef enum {
    REAUTH_ORIGIN_OWN = 0,     /* of this server's pages, or of no page */
    REAUTH_ORIGIN_NAMED,       /* one of the listed origins */
    REAUTH_ORIGIN_FOREIGN
} reauth_origin_verdict_t;


typedef struct {

    /* of the request; data NULL: no such header */

    reauth_string_t         origin;
    reauth_string_t         fetch_site;
    int                     repeated;      /* a header is repeated */

    /* of this server, as addressed by the client */

    int                     tls;
    reauth_string_t         host;          /* with an optional port */
    reauth_string_t         public_url;    /* empty: none */

    /* reauth_origin */

    const reauth_string_t  *named;
    size_t                  nnamed;
} reauth_origin_t;


/*
 * Checks that "origin" has the form sent by browsers (RFC 6454, 6.2): scheme,
 * host, and a port unless it is the default one, in lower case.  Returns NULL,
 * or an error text.
 */
const char *reauth_origin_check(const reauth_string_t *origin);

reauth_origin_verdict_t reauth_origin_judge(const reauth_origin_t *o);


#endif /* REAUTH_ORIGIN_H */
