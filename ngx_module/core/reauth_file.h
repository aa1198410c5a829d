
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Files that grant rights: a user who can write one can grant any right.
 */


#ifndef REAUTH_FILE_H
#define REAUTH_FILE_H


#include <sys/stat.h>


/*
 * Checks that only root and the user that starts nginx can write the file.
 * Returns NULL, or an error text.  Directories are not checked: a file created
 * there by another user is owned by that user.
 */
const char *reauth_file_check(const struct stat *st, uid_t master);


#endif /* REAUTH_FILE_H */
