
/*
 * Copyright (C) the nginx-reauth authors
 *
 * Files that give rights: whoever can write one can give rights to himself.
 */


#ifndef REAUTH_FILE_H
#define REAUTH_FILE_H


#include <sys/stat.h>


/*
 * Whether nobody but root and the user that starts nginx may write the file.
 * Returns NULL, or what is wrong with it and what to do.  A directory that
 * others may write matters less: a file that they put there is theirs.
 */
const char *reauth_file_check(const struct stat *st, uid_t master);


#endif /* REAUTH_FILE_H */
