
/*
 * Copyright (C) the nginx-reauth authors
 */


#include "reauth_upstream_status.h"


reauth_upstream_status_t
reauth_upstream_status(unsigned status)
{
    if (!reauth_upstream_status_is_final(status)) {
        return REAUTH_UPSTREAM_NOT_FINAL;
    }

    if (status < 300) {
        return REAUTH_UPSTREAM_ACCEPTED;
    }

    if (status < 400) {
        return REAUTH_UPSTREAM_REDIRECTED;
    }

    return status < 500 && status != 408 ? REAUTH_UPSTREAM_REJECTED
                                         : REAUTH_UPSTREAM_UNSURE;
}
