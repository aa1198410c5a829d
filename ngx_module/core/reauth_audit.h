
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The audit log: who did what, and who was refused.  An entry has no
 * credentials, no tokens and no paths.  What was done to the gateway, what was
 * sent to the upstream and what was refused are kept apart, so that neither
 * takes the room of another one.
 */


#ifndef REAUTH_AUDIT_H
#define REAUTH_AUDIT_H


#include "reauth_override.h"


#define REAUTH_AUDIT_ACTION_MAX   23
#define REAUTH_AUDIT_OUTCOME_MAX  31
#define REAUTH_AUDIT_ADDRESS_MAX  45     /* IPv6, with an IPv4 address in it */

/* enough for every field at its bound */
#define REAUTH_AUDIT_TEXT_MAX     768
#define REAUTH_AUDIT_JSON_MAX     (1024                                       \
                                   + 6 * REAUTH_OVERRIDE_REASON_MAX           \
                                   + 6 * REAUTH_CALLER_MAX)

/* identical refusals within this time are one entry */
#define REAUTH_AUDIT_WINDOW_MS    60000

/* of one caller or address in this time; further ones are one entry */
#define REAUTH_AUDIT_SOURCE_MAX   8


typedef enum {
    REAUTH_AUDIT_ACTS = 0,         /* a person acted on the gateway */
    REAUTH_AUDIT_UPDATES,          /* sent to the upstream, or coalesced */
    REAUTH_AUDIT_REFUSED,          /* nothing was done */
    REAUTH_AUDIT_CLASSES
} reauth_audit_class_t;


typedef struct {
    int64_t    at_ms;              /* of the last one that it counts */
    int64_t    begun_ms;           /* of the first one */
    uint64_t   number;             /* identifies the entry */
    int64_t    until_ms;           /* of an override, of a drain; 0: none */
    uint32_t   count;
    uint8_t    kind;               /* reauth_audit_class_t */
    uint8_t    gate;               /* reauth_override_gate_t */
    char       account[REAUTH_ACCOUNT_MAX + 1];
    char       attempt[REAUTH_ATTEMPT_MAX + 1];
    char       caller[REAUTH_CALLER_MAX + 1];
    char       action[REAUTH_AUDIT_ACTION_MAX + 1];    /* empty: several */
    char       outcome[REAUTH_AUDIT_OUTCOME_MAX + 1];
    char       address[REAUTH_AUDIT_ADDRESS_MAX + 1];
    char       reason[REAUTH_OVERRIDE_REASON_MAX + 1];
} reauth_audit_t;


/* what a list contains */

typedef struct {
    char       account[REAUTH_ACCOUNT_MAX + 1];        /* empty: any */
    char       caller[REAUTH_CALLER_MAX + 1];          /* empty: any */
} reauth_audit_filter_t;


/* a ring of "size" entries, of which "added" have been added so far */

typedef struct {
    reauth_audit_t  *entries;
    size_t           size;
    uint64_t         added;
    uint64_t         written;      /* those before it are in Redis */
} reauth_audit_ring_t;


/* of the key in Redis, and in the debug log */
extern const char  *reauth_audit_class_names[REAUTH_AUDIT_CLASSES];

/*
 * The class of a request that has ended: "act", it acts on the gateway; "sent",
 * it was passed to the upstream, or shares the response to one that was;
 * "error", the gateway responded with an error of its own; "status", of the
 * response.
 */
reauth_audit_class_t reauth_audit_class(int act, int sent, int error,
    unsigned status);

/*
 * Where to count a refusal: an entry of the ring, or NULL if it is to be added;
 * then fields of *entry that differ too often have been emptied.
 */
reauth_audit_t *reauth_audit_fold(const reauth_audit_ring_t *ring,
    reauth_audit_t *entry);

/* whether it need not be added: an identical one was coalesced recently */
int reauth_audit_repeats(const reauth_audit_ring_t *ring,
    const reauth_audit_t *entry);

/*
 * Whether an act of this caller, or address, would take the room of acts that
 * are not in Redis yet: there are too many of the last minute.
 */
int reauth_audit_is_full(const reauth_audit_ring_t *ring,
    const reauth_audit_t *entry);

/* whether it can be written: it counts no more of them */
int reauth_audit_is_closed(const reauth_audit_t *entry, int64_t now_ms);

int reauth_audit_matches(const reauth_audit_t *entry,
    const reauth_audit_filter_t *filter);

/* the order of lists, newest first, for qsort() */
int reauth_audit_compare(const void *one, const void *two);

/* a text of lines "name value"; returns the length */
size_t reauth_audit_encode(const reauth_audit_t *entry, unsigned char *text);

/* unknown lines are skipped; returns 0, or -1 if the text is invalid */
int reauth_audit_decode(const reauth_string_t *text, reauth_audit_t *entry);

/* writes to buf[REAUTH_AUDIT_JSON_MAX]; returns the length, 0: no memory */
size_t reauth_audit_json(char *buf, const reauth_audit_t *entry);


#endif /* REAUTH_AUDIT_H */
