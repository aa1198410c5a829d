
/*
 * Copyright (C) the nginx-reauth authors
 */


#include "reauth_degraded_notice.h"
#include "reauth_json_out.h"
#include "reauth_time.h"


int
reauth_degraded_notice(reauth_degraded_notice_t *notice, int degraded,
    int64_t now_ms)
{
    if (!degraded) {
        notice->since_ms = 0;
        notice->told = 0;
        return 0;
    }

    if (notice->since_ms == 0) {
        notice->since_ms = now_ms;
    }

    if (notice->told
        || now_ms - notice->since_ms < REAUTH_DEGRADED_NOTICE_MS
        || (notice->told_ms != 0
            && now_ms - notice->told_ms < REAUTH_DEGRADED_AGAIN_MS))
    {
        return 0;
    }

    notice->told = 1;
    notice->told_ms = now_ms;

    return 1;
}


static void
reauth_degraded_notice_time(reauth_json_out_t *out, int64_t ms)
{
    char  text[REAUTH_TIME_MS_SIZE];

    reauth_json_out_literal(out, "\"");
    reauth_json_out(out, text, reauth_time_format_ms(text, ms));
    reauth_json_out_literal(out, "\"");
}


size_t
reauth_degraded_notice_body(char *body, const reauth_string_t *name,
    const reauth_reason_t *reasons, unsigned n, int64_t since_ms,
    int64_t now_ms)
{
    char               text[REAUTH_REASON_LEN];
    unsigned           i;
    reauth_json_out_t  out;

    reauth_json_out_init(&out, body, REAUTH_DEGRADED_BODY_MAX);

    reauth_json_out_literal(&out, "{\"type\":\"gateway.degraded\","
                                  "\"timestamp\":");
    reauth_degraded_notice_time(&out, now_ms);
    reauth_json_out_literal(&out, ",\"data\":{\"gateway\":");

    if (reauth_json_out_string(&out, name) != 0) {
        reauth_json_out_literal(&out, "null");
    }

    reauth_json_out_literal(&out, ",\"reasons\":[");

    for (i = 0; i < n; i++) {
        if (i > 0) {
            reauth_json_out_literal(&out, ",");
        }

        /* valid in JSON */

        reauth_json_out_literal(&out, "\"");
        reauth_json_out(&out, text, reauth_reason_text(&reasons[i], text));
        reauth_json_out_literal(&out, "\"");
    }

    reauth_json_out_literal(&out, "],\"since\":");
    reauth_degraded_notice_time(&out, since_ms);
    reauth_json_out_literal(&out, "}}");

    return out.failed ? 0 : (size_t) (out.last - out.start);
}
