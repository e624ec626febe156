#include "app/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"

enum { OWNER_ONLY = 0600, OWNER_FOLDER = 0700 };

static void close_p(const int *fd)
{
	if (*fd > STDERR_FILENO)
		(void)close(*fd);
}

static enum result failure(const char *path, int code, struct error *e)
{
	enum result r = code == ENOENT   ? RC_NOT_FOUND
			: code == EACCES ? RC_REFUSED
			: code == ENOSPC ? RC_EXHAUSTED
					 : RC_INVALID;
	return error_set(e, r, "%s: %s", path, strerror(code));
}

enum result file_load(const char *path, char **ret, size_t *ret_len, struct error *e)
{
	CLEANUP(close_p) int fd = text_eq(path, "-") ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return failure(path, errno, e);
	CLEANUP(free_p) char *text = malloc(FILE_MAX + 1);
	if (!text)
		return error_set(e, RC_EXHAUSTED, "%s: no memory", path);
	size_t len = 0;
	for (;;) {
		ssize_t n = read(fd, text + len, FILE_MAX - len);
		if (n < 0 && errno != EINTR)
			return failure(path, errno, e);
		if (n == 0)
			break;
		len += n > 0 ? (size_t)n : 0;
		if (len == FILE_MAX)
			return error_set(e, RC_EXHAUSTED, "%s: longer than %d MiB", path, FILE_MAX >> 20);
	}
	text[len] = '\0';
	*ret = TAKE(text);
	*ret_len = len;
	return RC_OK;
}

enum result file_write_private(const char *path, const char *text, struct error *e)
{
	char fresh[4096];
	int size = snprintf(fresh, sizeof fresh, "%s.new", path);
	if (size < 0 || (size_t)size >= sizeof fresh)
		return error_set(e, RC_INVALID, "%s: the path is too long", path);
	(void)unlink(fresh); /* what a crash left, perhaps with other rights */
	CLEANUP(close_p) int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, OWNER_ONLY);
	size_t len = strlen(text);
	if (fd < 0 || write(fd, text, len) != (ssize_t)len || rename(fresh, path) != 0)
		return failure(path, errno, e);
	return RC_OK;
}

enum result folder_make_private(const char *path, struct error *e)
{
	struct stat st;
	if (mkdir(path, OWNER_FOLDER) == 0)
		return RC_OK;
	if (errno != EEXIST)
		return failure(path, errno, e);
	if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
		return failure(path, ENOTDIR, e);
	/* A volume may be ours by its group: what counts is what we may do. */
	if (access(path, W_OK | X_OK) != 0)
		return error_set(e, RC_REFUSED,
				 "%s belongs to user %u, and user %u may not write there: run as that user, or choose "
				 "another folder",
				 path, (unsigned)st.st_uid, (unsigned)geteuid());
	return RC_OK;
}
