
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Input: the upstream's response to an update, which is also the Prefer header
 * of a waiting client.  The first byte selects the platform.
 */


#include <stdint.h>
#include <stdlib.h>

#include "reauth_prefer.h"
#include "reauth_update_answer.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
check_id(const char *id, size_t max, reauth_id_kind_t kind)
{
    reauth_string_t  string;

    if (memchr(id, '\0', max + 1) == NULL) {
        abort();
    }

    string = reauth_string_from(id);

    if (string.len != 0 && reauth_id_kind(&string) != kind) {
        abort();
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned                fansly;
    reauth_string_t         text;
    reauth_unread_t         why;
    reauth_update_answer_t  answer;

    static const reauth_string_t  origin = reauth_string("https://gateway");

    if (size == 0) {
        return 0;
    }

    fansly = data[0] & 1;
    text.data = data + 1;
    text.len = size - 1;

    if (reauth_update_answer_parse(&text, fansly, &origin, &answer, &why)
        == REAUTH_UPDATE_ANSWER_OK)
    {
        if (!fansly && answer.attempt[0] == '\0') {
            abort();
        }

        if (answer.body == NULL && answer.body_len != 0) {
            abort();
        }
    }

    check_id(answer.attempt, REAUTH_ATTEMPT_MAX, REAUTH_ID_ATTEMPT);
    check_id(answer.account, REAUTH_ACCOUNT_MAX,
             fansly ? REAUTH_ID_FANSLY : REAUTH_ID_ACCOUNT);

    reauth_update_answer_free(&answer);

    if (reauth_prefer_wait(&text) > REAUTH_PREFER_WAIT_MAX) {
        abort();
    }

    return 0;
}
