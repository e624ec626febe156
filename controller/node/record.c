#include "controller/node/record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/text.h"

#define SUFFIX ".json"
#define BOOT_FILE "/proc/sys/kernel/random/boot_id"
enum { FILE_MAX = 64 * 1024, PATH_BYTES = 4096 };

/* ---- small files ---- */

static bool read_file(const char *path, char *buf, size_t size, size_t *ret_len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	size_t len = 0;
	ssize_t n;
	while (len < size - 1 && (n = read(fd, buf + len, size - 1 - len)) > 0)
		len += (size_t)n;
	close(fd);
	buf[len] = '\0';
	*ret_len = len;
	return true;
}

static const char *boot_id(char buf[64])
{
	size_t len;
	if (!read_file(BOOT_FILE, buf, 64, &len))
		buf[0] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return buf;
}

/* A uid is part of a file's name: nothing else than hex digits and dashes gets there. */
static bool record_path(const char *folder, const char *uid, const char *end, char buf[PATH_BYTES])
{
	size_t len = strlen(uid);
	if (len == 0 || len >= RECORD_UID_MAX || strspn(uid, "0123456789abcdefABCDEF-") != len)
		return false;
	return snprintf(buf, PATH_BYTES, "%s/%s%s", folder, uid, end) < PATH_BYTES;
}

/* ---- writing ---- */

static cJSON *record_json(const struct record *r)
{
	char boot[64], key[64];
	cJSON *j = cJSON_CreateObject();
	bool ok = json_put_text(j, "boot", boot_id(boot)) && json_put_text(j, "uid", r->uid) &&
		  json_put_text(j, "namespace", r->ns) && json_put_text(j, "name", r->name) &&
		  json_put_text(j, "address", r->address) && json_put(j, "containers", cJSON_CreateArray());
	cJSON *list = cJSON_GetObjectItemCaseSensitive(j, "containers");
	for (size_t i = 0; ok && i < r->containers_len; i++) {
		const struct record_container *c = &r->containers[i];
		cJSON *item = cJSON_CreateObject();
		ok = item && cJSON_AddItemToArray(list, item);
		snprintf(key, sizeof key, "%llu", (unsigned long long)c->start_ticks);
		ok = ok && json_put_text(item, "name", c->name) && json_put_int(item, "pid", c->pid) &&
		     json_put_text(item, "startTicks", key) && json_put_int(item, "started", c->started.v) &&
		     json_put_int(item, "restarts", c->restarts);
	}
	if (!ok) {
		cJSON_Delete(j);
		return NULL;
	}
	return j;
}

static bool write_all(int fd, const char *s, size_t len)
{
	while (len) {
		ssize_t n = write(fd, s, len);
		if (n <= 0)
			return false;
		s += n;
		len -= (size_t)n;
	}
	return true;
}

enum result record_write(const char *folder, const struct record *r, struct error *e)
{
	char path[PATH_BYTES], fresh[PATH_BYTES];
	CLEANUP(json_delete_p) cJSON *j = record_json(r);
	CLEANUP(free_p) char *text = j ? json_print(j) : NULL;
	if (!text)
		return error_set(e, RC_EXHAUSTED, "no memory for a record");
	if (!record_path(folder, r->uid, SUFFIX, path) || !record_path(folder, r->uid, SUFFIX ".new", fresh))
		return error_set(e, RC_INVALID, "not a uid of a pod");
	int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	bool ok = fd >= 0 && write_all(fd, text, strlen(text));
	int problem = errno;
	if (fd >= 0)
		close(fd);
	if (ok && rename(fresh, path) == 0)
		return RC_OK;
	return error_set(e, RC_EXHAUSTED, "%s: %s", path, strerror(ok ? errno : problem));
}

void record_remove(const char *folder, const char *uid)
{
	char path[PATH_BYTES];
	if (record_path(folder, uid, SUFFIX, path))
		(void)unlink(path);
}

/* ---- reading ---- */

static void keep(char *buf, size_t size, const cJSON *j, const char *path)
{
	snprintf(buf, size, "%s", json_text(j, path, ""));
}

static void containers_read(const cJSON *list, struct record *r)
{
	const cJSON *item;
	cJSON_ArrayForEach (item, list) {
		struct record_container *c = &r->containers[r->containers_len];
		if (r->containers_len++ == POD_CONTAINERS_MAX - 1)
			return;
		keep(c->name, sizeof c->name, item, "name");
		c->pid = (int)json_int(item, "pid", 0);
		c->start_ticks = strtoull(json_text(item, "startTicks", "0"), NULL, 10);
		c->started.v = json_int(item, "started", 0);
		c->restarts = (unsigned)json_int(item, "restarts", 0);
	}
}

enum result record_read(const char *folder, const char *uid, struct record *ret, struct error *e)
{
	char path[PATH_BYTES], boot[64];
	CLEANUP(free_p) char *text = malloc(FILE_MAX);
	CLEANUP(json_delete_p) cJSON *j = NULL;
	size_t len;
	if (!text)
		return error_set(e, RC_EXHAUSTED, "no memory for a record");
	if (!record_path(folder, uid, SUFFIX, path) || !read_file(path, text, FILE_MAX, &len))
		return error_set(e, RC_NOT_FOUND, "no record of pod %.64s", uid);
	enum result r = json_parse(text, len, &j, e);
	if (r != RC_OK)
		return error_in(e, r, "%s", path);
	if (!text_eq(json_text(j, "boot", ""), boot_id(boot)))
		return error_set(e, RC_NOT_FOUND, "the record of pod %.64s is of before the last boot", uid);
	struct record found = { .containers_len = 0 };
	keep(found.uid, sizeof found.uid, j, "uid");
	keep(found.ns, sizeof found.ns, j, "namespace");
	keep(found.name, sizeof found.name, j, "name");
	keep(found.address, sizeof found.address, j, "address");
	containers_read(json_at(j, "containers"), &found);
	*ret = found;
	return RC_OK;
}

void record_each(const char *folder, void (*visit)(void *owner, const char *uid), void *owner)
{
	DIR *d = opendir(folder);
	if (!d)
		return;
	for (const struct dirent *entry; (entry = readdir(d));) {
		char uid[RECORD_UID_MAX];
		size_t len = strlen(entry->d_name), tail = strlen(SUFFIX);
		if (len <= tail || len - tail >= sizeof uid || !text_ends(entry->d_name, SUFFIX))
			continue;
		memcpy(uid, entry->d_name, len - tail);
		uid[len - tail] = '\0';
		visit(owner, uid);
	}
	closedir(d);
}
