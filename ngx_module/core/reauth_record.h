
/*
 * Copyright (C) the nginx-reauth authors
 *
 * The wire format of one account's record: the fields of its hash in Redis,
 * which are the fields of an event in the stream too.  Numbers are decimal,
 * states and types their names, binary values lower-case hex.  A field that is
 * empty or zero is left out.  docs/architecture.md, "Redis", lists them.
 */


#ifndef REAUTH_RECORD_H
#define REAUTH_RECORD_H


#include "reauth_attempt.h"


#define REAUTH_RECORD_FIELDS_MAX   32

/* enough for the values of every field at its bound */
#define REAUTH_RECORD_BUFFER       2048


typedef struct {
    reauth_string_t  name;
    reauth_string_t  value;
} reauth_field_t;


/*
 * Fills fields[REAUTH_RECORD_FIELDS_MAX] with all but "revision", which the
 * script that writes the record counts; values point into the record or into
 * buffer[REAUTH_RECORD_BUFFER].  Returns the number of fields.
 */
size_t reauth_record_encode(const reauth_record_t *record,
    reauth_field_t *fields, unsigned char *buffer);

/*
 * Sets one field of a record that was zeroed before; fields of a later version
 * are passed over.  Returns 0, or -1 where a known field's value is none.
 */
int reauth_record_set(reauth_record_t *record, const reauth_string_t *name,
    const reauth_string_t *value);

/* a record that was put together field by field makes sense as a whole */
int reauth_record_valid(const reauth_record_t *record);


#endif /* REAUTH_RECORD_H */
