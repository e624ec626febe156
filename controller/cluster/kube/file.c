#include "controller/cluster/kube/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static void close_p(FILE **f)
{
	if (*f)
		fclose(*f);
}

enum result file_read(const char *path, size_t max_bytes, char **ret, size_t *ret_len, struct error *e)
{
	CLEANUP(close_p) FILE *f = fopen(path, "re");
	if (!f)
		return error_set(e, errno == ENOENT ? RC_NOT_FOUND : RC_INVALID, "%s: %s", path, strerror(errno));
	CLEANUP(free_p) char *text = malloc(max_bytes + 1);
	if (!text)
		return error_set(e, RC_EXHAUSTED, "%s: no memory", path);
	size_t len = fread(text, 1, max_bytes + 1, f);
	if (ferror(f))
		return error_set(e, RC_INVALID, "%s: %s", path, strerror(errno));
	if (len > max_bytes)
		return error_set(e, RC_INVALID, "%s: larger than %zu bytes", path, max_bytes);
	text[len] = '\0';
	char *fitting = realloc(text, len + 1);
	*ret = fitting ? fitting : text;
	*ret_len = len;
	text = NULL;
	return RC_OK;
}
