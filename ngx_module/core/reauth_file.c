
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <stddef.h>

#include "reauth_file.h"


const char *
reauth_file_check(const struct stat *st, uid_t master)
{
    if (st->st_mode & (S_IWGRP|S_IWOTH)) {
        return "may be written by others than its owner: chmod go-w it";
    }

    if (st->st_uid != 0 && st->st_uid != master) {
        return "is owned by neither root nor the user that starts nginx, and "
               "its owner may write it: chown it to root";
    }

    return NULL;
}
