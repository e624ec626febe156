#pragma once
/* Small files that are read whole. */
#include <stddef.h>

#include "base/error.h"

/* *ret is malloc'ed and ends in NUL. Blocks, so only for start-up and for files of kubelet's memory file system. */
MUST_CHECK enum result file_read(const char *path, size_t max_bytes, char **ret, size_t *ret_len, struct error *e);
