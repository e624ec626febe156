#pragma once
/* Which workers of an nginx take requests: a reload is over when those of before do not any more. Reads /proc. */
#include <stdbool.h>
#include <stddef.h>

enum { NGINX_WORKERS_MAX = 512 };
struct nginx_workers {
	int pids[NGINX_WORKERS_MAX];
	size_t len;
};
/* Those that it has now. */
void nginx_workers_note(struct nginx_workers *w, int master);
/* There are new ones, and none of before takes requests. */
bool nginx_workers_replaced(const struct nginx_workers *before, int master);

/* The beginning of a small file, with NUL; "" when it cannot be read. Answers its length. */
size_t file_start(const char *path, char *buf, size_t size);
