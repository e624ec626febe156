#include "controller/node/nginx_workers.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

size_t file_start(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? 0 : read(fd, buf, size - 1);
	if (fd >= 0)
		close(fd);
	buf[len > 0 ? len : 0] = '\0';
	return len > 0 ? (size_t)len : 0;
}

void nginx_workers_note(struct nginx_workers *w, int master)
{
	char path[96], text[8192];
	snprintf(path, sizeof path, "/proc/%d/task/%d/children", master, master);
	file_start(path, text, sizeof text);
	w->len = 0;
	for (char *at = text, *end; w->len < NGINX_WORKERS_MAX; at = end) {
		long child = strtol(at, &end, 10);
		if (end == at)
			break;
		w->pids[w->len++] = (int)child;
	}
}

/* nginx writes it into the name of a worker before that closes its listening sockets, in one go. */
static bool takes_requests(int pid)
{
	char path[64], line[128];
	snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
	return file_start(path, line, sizeof line) && text_starts(line, "nginx: worker process") &&
	       !strstr(line, "shutting down");
}

static bool is_among(const struct nginx_workers *w, int pid)
{
	for (size_t i = 0; i < w->len; i++) {
		if (w->pids[i] == pid)
			return true;
	}
	return false;
}

bool nginx_workers_replaced(const struct nginx_workers *before, int master)
{
	struct nginx_workers now;
	size_t fresh = 0;
	nginx_workers_note(&now, master);
	for (size_t i = 0; i < now.len; i++) {
		bool takes = takes_requests(now.pids[i]);
		if (takes && is_among(before, now.pids[i]))
			return false;
		fresh += takes;
	}
	return fresh > 0;
}
