#include "controller/node/access_log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/metrics.h"

enum { BATCH = 32, BATCHES_A_TURN = 8, LINE_BYTES = 1024 };

struct access_log {
	uv_poll_t poll; /* first: freed when it has been closed */
	struct loop *loop;
	struct traffic *traffic; /* borrowed */
	struct metric *lines, *full;
	int fd;
	char path[sizeof((struct sockaddr_un *)0)->sun_path];
	char bytes[BATCH][LINE_BYTES];
};

/* ---- reading ---- */

static const char *outcome_of(enum result r)
{
	return r == RC_OK ? "counted" : r == RC_NOT_FOUND ? "unrouted" : r == RC_EXHAUSTED ? "refused" : "malformed";
}

static void take(struct access_log *a, const struct mmsghdr *m, const char *bytes)
{
	bool cut = m->msg_hdr.msg_flags & MSG_TRUNC;
	enum result r = cut ? RC_INVALID : traffic_line(a->traffic, loop_now(a->loop), bytes, m->msg_len);
	metric_inc(a->lines, 1, outcome_of(r));
}

/* How many there were; fewer than BATCH: it is empty. */
static int take_batch(struct access_log *a)
{
	struct mmsghdr messages[BATCH];
	struct iovec pieces[BATCH];
	memset(messages, 0, sizeof messages);
	for (size_t i = 0; i < BATCH; i++) {
		pieces[i] = (struct iovec){ a->bytes[i], LINE_BYTES };
		messages[i].msg_hdr.msg_iov = &pieces[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	int n = recvmmsg(a->fd, messages, BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < n; i++)
		take(a, &messages[i], a->bytes[i]);
	return n;
}

static void readable(uv_poll_t *poll, int status, int events)
{
	struct access_log *a = poll->data;
	(void)events;
	if (status != 0)
		return;
	for (int i = 0; i < BATCHES_A_TURN; i++) {
		if (take_batch(a) < BATCH)
			return;
	}
	metric_inc(a->full, 1);
}

/* ---- life ---- */

static enum result make_socket(const char *path, mode_t mode, int *ret, struct error *e)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	if ((size_t)snprintf(address.sun_path, sizeof address.sun_path, "%s", path) >= sizeof address.sun_path)
		return error_set(e, RC_INVALID, "%s: too long for a socket, which may have %zu bytes", path,
				 sizeof address.sun_path - 1);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return error_set(e, RC_EXHAUSTED, "a socket: %s", strerror(errno));
	(void)unlink(path);
	if (bind(fd, (const struct sockaddr *)&address, sizeof address) != 0 || chmod(path, mode) != 0) {
		int problem = errno;
		close(fd);
		return error_set(e, RC_EXHAUSTED, "%s: %s", path, strerror(problem));
	}
	*ret = fd;
	return RC_OK;
}

enum result access_log_open(struct loop *l, const char *path, mode_t mode, struct traffic *traffic, struct metrics *m,
			    struct access_log **ret, struct error *e)
{
	int fd = -1;
	struct access_log *a = calloc(1, sizeof *a);
	if (!a)
		return error_set(e, RC_EXHAUSTED, "no memory for the access log");
	enum result r = make_socket(path, mode, &fd, e);
	if (r == RC_OK && uv_poll_init(loop_uv(l), &a->poll, fd) != 0) {
		close(fd);
		(void)unlink(path);
		r = error_set(e, RC_EXHAUSTED, "%s: the loop cannot watch it", path);
	}
	if (r != RC_OK) {
		free(a);
		return r;
	}
	a->poll.data = a;
	a->loop = l;
	a->fd = fd;
	a->traffic = traffic;
	(void)snprintf(a->path, sizeof a->path, "%s", path);
	a->lines =
		metrics_add(m, METRIC_COUNTER, "rollcall_access_log_lines_total",
			    "Lines of nginx that were read: counted, unrouted (of no Ingress), malformed, refused (too "
			    "many routes).",
			    "outcome", NULL);
	a->full = metrics_add(m, METRIC_COUNTER, "rollcall_access_log_full_turns_total",
			      "Turns that left lines for the next one: nginx may have left some out.", "", NULL);
	(void)uv_poll_start(&a->poll, UV_READABLE, readable);
	*ret = a;
	return RC_OK;
}

static void closed(uv_handle_t *handle)
{
	free(handle->data);
}

void access_log_close(struct access_log *a)
{
	if (!a)
		return;
	(void)uv_poll_stop(&a->poll);
	close(a->fd);
	(void)unlink(a->path);
	uv_close((uv_handle_t *)&a->poll, closed);
}
