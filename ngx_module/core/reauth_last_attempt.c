
/*
 * Copyright (C) the nginx-reauth authors
 */


#include "reauth_last_attempt.h"
#include "reauth_route.h"
#include "reauth_time.h"


static int64_t
reauth_last_attempt_time(const json_t *object, const char *name)
{
    int64_t          us;
    reauth_string_t  text;

    if (!reauth_json_string(object, name, &text)
        || reauth_time_parse(&text, &us) != 0)
    {
        return 0;
    }

    return us;
}


void
reauth_last_attempt_read(const json_t *object, reauth_last_attempt_t *last)
{
    memset(last, 0, sizeof(reauth_last_attempt_t));

    last->started_us = reauth_last_attempt_time(object, "started_at");
    last->completed_us = reauth_last_attempt_time(object, "completed_at");

    last->completed = reauth_json_is_text(object, "completed_at");
    last->succeeded = reauth_json_is_true(object, "success");
    last->failed = json_is_false(json_object_get(object, "success"));
    last->needs_otp = reauth_json_is_true(object, "needs_otp");
    last->needs_face = reauth_json_is_true(object, "needs_face_otp");
    last->face_link = reauth_json_is_text(object,
                                          "face_otp_verification_url")
                      || reauth_json_is_text(object, "face_otp");
    last->phone = reauth_json_is_text(object, "otp_phone_ending")
                  || json_is_integer(json_object_get(object,
                                                     "otp_phone_ending"));

    reauth_json_copy(object, "error_code", last->error_code,
                     REAUTH_ERROR_CODE_MAX);
    reauth_json_copy(object, "error_message", last->error_message,
                     REAUTH_ERROR_MESSAGE_MAX);
}


int
reauth_json_is_true(const json_t *object, const char *name)
{
    json_t  *value;

    value = json_object_get(object, name);

    return json_is_true(value)
           || (json_is_integer(value) && json_integer_value(value) == 1)
           || reauth_json_is_word(object, name, "true");
}


int
reauth_json_is_text(const json_t *object, const char *name)
{
    reauth_string_t  value;

    return reauth_json_string(object, name, &value) && value.len != 0;
}


void
reauth_json_copy(const json_t *object, const char *name, char *dst, size_t max)
{
    reauth_string_t  value;

    if (!reauth_json_string(object, name, &value)) {
        dst[0] = '\0';
        return;
    }

    reauth_copy(dst, max, &value);
}


void
reauth_json_copy_account(const json_t *object, const char *name,
    char dst[REAUTH_ACCOUNT_MAX + 1])
{
    reauth_string_t  value;

    dst[0] = '\0';

    if (!reauth_json_string(object, name, &value)) {
        return;
    }

    switch (reauth_id_kind(&value)) {

    case REAUTH_ID_ACCOUNT:
    case REAUTH_ID_FANSLY:
        reauth_copy(dst, REAUTH_ACCOUNT_MAX, &value);
        break;

    default:
        break;
    }
}


void
reauth_json_word(const json_t *object, const char *name,
    char word[REAUTH_WORD_MAX + 1])
{
    json_t           *value;
    reauth_string_t   text;

    static const reauth_string_t  none = reauth_string("");
    static const reauth_string_t  other = reauth_string("?");

    if (!reauth_json_string(object, name, &text)) {
        value = json_object_get(object, name);

        /* PHP writes an empty object as an array */

        text = value == NULL || json_is_null(value)
               || (json_is_array(value) && json_array_size(value) == 0)
               ? none : other;
    }

    reauth_word(word, &text);
}


int
reauth_json_is_word(const json_t *object, const char *name, const char *word)
{
    size_t           i;
    unsigned char    c;
    reauth_string_t  value;

    if (!reauth_json_string(object, name, &value)
        || value.len != strlen(word))
    {
        return 0;
    }

    for (i = 0; i < value.len; i++) {
        c = value.data[i];

        if (c == '_') {
            c = '-';

        } else if (c >= 'A' && c <= 'Z') {
            c |= 0x20;
        }

        if (c != (unsigned char) word[i]) {
            return 0;
        }
    }

    return 1;
}
