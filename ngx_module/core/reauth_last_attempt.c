
/*
 * Copyright (C) the nginx-reauth authors
 */


#include "reauth_last_attempt.h"
#include "reauth_route.h"
#include "reauth_time.h"


static int64_t
reauth_last_attempt_time(const reauth_value_t *value)
{
    int64_t          us;
    reauth_string_t  text;

    text = reauth_value_string(value);

    return reauth_time_parse(&text, &us) == 0 ? us : 0;
}


void
reauth_last_attempt_read(const reauth_value_t *values,
    reauth_last_attempt_t *last)
{
    const reauth_value_t  *phone;

    memset(last, 0, sizeof(reauth_last_attempt_t));

    last->started_us =
                    reauth_last_attempt_time(&values[REAUTH_LAST_STARTED_AT]);
    last->completed_us =
                  reauth_last_attempt_time(&values[REAUTH_LAST_COMPLETED_AT]);

    last->completed = reauth_value_is_text(&values[REAUTH_LAST_COMPLETED_AT]);
    last->succeeded = reauth_value_is_true(&values[REAUTH_LAST_SUCCESS]);
    last->failed = values[REAUTH_LAST_SUCCESS].type == REAUTH_VALUE_FALSE;
    last->needs_otp = reauth_value_is_true(&values[REAUTH_LAST_NEEDS_OTP]);
    last->needs_face =
                    reauth_value_is_true(&values[REAUTH_LAST_NEEDS_FACE_OTP]);
    last->doubtful =
            reauth_value_is_doubtful(&values[REAUTH_LAST_NEEDS_OTP])
            || reauth_value_is_doubtful(&values[REAUTH_LAST_NEEDS_FACE_OTP]);
    last->face_link = reauth_value_is_text(&values[REAUTH_LAST_FACE_URL])
                      || reauth_value_is_text(&values[REAUTH_LAST_FACE_OTP]);

    phone = &values[REAUTH_LAST_PHONE];
    last->phone = reauth_value_is_text(phone)
                  || phone->type == REAUTH_VALUE_NUMBER;

    reauth_value_copy(&values[REAUTH_LAST_ERROR_CODE], last->error_code,
                      REAUTH_ERROR_CODE_MAX);
    reauth_value_copy(&values[REAUTH_LAST_ERROR_MESSAGE], last->error_message,
                      REAUTH_ERROR_MESSAGE_MAX);
}


void
reauth_value_copy(const reauth_value_t *value, char *dst, size_t max)
{
    reauth_string_t  text;

    text = reauth_value_string(value);

    reauth_copy(dst, max, &text);
}


void
reauth_value_copy_account(const reauth_value_t *value,
    char dst[REAUTH_ACCOUNT_MAX + 1])
{
    reauth_string_t  text;

    dst[0] = '\0';
    text = reauth_value_string(value);

    if (reauth_id_is_account(&text)) {
        reauth_copy(dst, REAUTH_ACCOUNT_MAX, &text);
    }
}


void
reauth_value_word(const reauth_value_t *value, char word[REAUTH_WORD_MAX + 1])
{
    reauth_string_t  text;

    static const reauth_string_t  other = reauth_string("?");

    text = reauth_value_string(value);

    switch (value->type) {

    case REAUTH_VALUE_NONE:
    case REAUTH_VALUE_NULL:
    case REAUTH_VALUE_STRING:
        break;

    case REAUTH_VALUE_ARRAY:

        /* PHP writes an empty object as an array */

        if (value->empty) {
            break;
        }

        /* fall through */

    default:
        text = other;
    }

    reauth_word(word, &text);
}
