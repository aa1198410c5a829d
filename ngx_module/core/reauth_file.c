
/*
 * Copyright (C) the nginx-reauth authors
 */


#include <stddef.h>

#include "reauth_file.h"


const char *
reauth_file_check(const struct stat *st, uid_t master)
{
    if (st->st_mode & (S_IWGRP|S_IWOTH)) {
        return "is writable by its group or by everybody: run \"chmod go-w\" "
               "on it";
    }

    if (st->st_uid != 0 && st->st_uid != master) {
        return "is writable by its owner, who is neither root nor the user "
               "that starts nginx: change the owner to root";
    }

    return NULL;
}
