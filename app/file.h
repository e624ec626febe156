#pragma once
/* Whole small files, read and written at start and by the command line. */
#include <stddef.h>

#include "base/error.h"

enum { FILE_MAX = 4 << 20 };

/* "-" is standard input. *ret is malloc'ed and ends in NUL; e begins with the file's name. */
MUST_CHECK enum result file_load(const char *path, char **ret, size_t *ret_len, struct error *e);
/* For the owner alone, and whole or not at all: a new file takes the old one's place. */
MUST_CHECK enum result file_write_private(const char *path, const char *text, struct error *e);
/* A folder for the owner alone; parents must be there. One that exists is taken as it is. */
MUST_CHECK enum result folder_make_private(const char *path, struct error *e);
