/* A peer floods the socket; the loop goes on, everything that arrived is counted. */
#include "controller/node/access_log.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/metrics.h"

#define LINE "<190>Nov 25 01:02:03 rollcall: 200 0.003 canary default/podinfo"
enum { FLOOD = 20000, DEADLINE_MS = 30000 };

struct rig {
	struct loop *loop;
	struct metrics *metrics;
	struct traffic *traffic;
	struct access_log *log;
	char folder[64], path[96];
	int peer;
	uint64_t sent, turns;
	struct timer deadline;
	struct deferred more;
};

static void rig_open(struct rig *r)
{
	struct error e;
	*r = (struct rig){ .folder = "/tmp/access_log_test.XXXXXX" };
	assert_non_null(mkdtemp(r->folder));
	snprintf(r->path, sizeof r->path, "%s/log.sock", r->folder);
	assert_int_equal(loop_create(&r->loop, &e), RC_OK);
	r->metrics = metrics_create();
	r->traffic = traffic_create(r->metrics);
	if (access_log_open(r->loop, r->path, 0600, r->traffic, r->metrics, &r->log, &e) != RC_OK)
		fail_msg("%s", e.text);
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	snprintf(to.sun_path, sizeof to.sun_path, "%s", r->path);
	r->peer = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(r->peer, (const struct sockaddr *)&to, sizeof to), 0);
}

static void rig_close(struct rig *r)
{
	close(r->peer);
	access_log_close(r->log);
	loop_destroy(r->loop);
	traffic_destroy(r->traffic);
	metrics_destroy(r->metrics);
	assert_int_equal(rmdir(r->folder), 0); /* the socket is gone */
}

static double lines(struct rig *r, const char *outcome)
{
	return metric_value(
		metrics_add(r->metrics, METRIC_COUNTER, "rollcall_access_log_lines_total", "", "outcome", NULL),
		outcome);
}

static void too_late(void *owner)
{
	(void)owner;
	fail_msg("the loop was not let go on");
}

/* As a worker of nginx does: what does not fit is left out. */
static void send_more(void *owner)
{
	struct rig *r = owner;
	while (r->sent < FLOOD && send(r->peer, LINE, strlen(LINE), 0) > 0)
		r->sent++;
	r->turns++;
	if (r->sent < FLOOD || lines(r, "counted") < (double)r->sent)
		loop_defer(r->loop, &r->more, send_more, r);
	else
		loop_stop(r->loop);
}

static void run(struct rig *r)
{
	timer_start(r->loop, &r->deadline, DEADLINE_MS, too_late, r);
	loop_defer(r->loop, &r->more, send_more, r);
	loop_run(r->loop);
	timer_stop(&r->deadline);
}

static void test_flood(void **state)
{
	(void)state;
	struct rig r;
	struct traffic_sum sum;
	struct error e;
	rig_open(&r);
	run(&r);
	assert_true(r.turns > FLOOD / 1024);
	assert_true(lines(&r, "malformed") == 0);
	assert_int_equal(traffic_read(r.traffic, loop_now(r.loop), "default/podinfo", TRAFFIC_CANARY, 60000, &sum, &e),
			 RC_OK);
	assert_int_equal(sum.requests, FLOOD);
	rig_close(&r);
}

static void test_rubbish_is_counted_as_such(void **state)
{
	(void)state;
	struct rig r;
	char big[4096];
	rig_open(&r);
	memset(big, 'x', sizeof big);
	memcpy(big, LINE, strlen(LINE));
	assert_int_equal(send(r.peer, big, sizeof big, 0), sizeof big);
	assert_int_equal(send(r.peer, "", 0, 0), 0);
	assert_int_equal(send(r.peer, "\0\0", 2, 0), 2);
	r.sent = FLOOD - 1;
	timer_start(r.loop, &r.deadline, DEADLINE_MS, too_late, &r);
	while (lines(&r, "malformed") < 3)
		uv_run(loop_uv(r.loop), UV_RUN_ONCE);
	timer_stop(&r.deadline);
	rig_close(&r);
}

static void test_what_an_earlier_run_left(void **state)
{
	(void)state;
	struct rig r;
	struct access_log *again = NULL;
	struct error e;
	struct stat st;
	rig_open(&r);
	assert_int_equal(stat(r.path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(access_log_open(r.loop, r.path, 0622, r.traffic, NULL, &again, &e), RC_OK);
	assert_int_equal(stat(r.path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0622);
	access_log_close(again);
	rig_close(&r);
}

static void test_a_path_that_is_too_long(void **state)
{
	(void)state;
	struct rig r;
	struct access_log *none = NULL;
	struct error e;
	char path[200];
	rig_open(&r);
	memset(path, 'p', sizeof path);
	path[0] = '/';
	path[108] = '\0';
	assert_int_equal(access_log_open(r.loop, path, 0600, r.traffic, NULL, &none, &e), RC_INVALID);
	assert_non_null(strstr(e.text, "too long for a socket, which may have 107 bytes"));
	assert_int_equal(access_log_open(r.loop, "/nowhere/x.sock", 0600, r.traffic, NULL, &none, &e), RC_EXHAUSTED);
	assert_string_equal(e.text, "/nowhere/x.sock: No such file or directory");
	assert_null(none);
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flood),
		cmocka_unit_test(test_rubbish_is_counted_as_such),
		cmocka_unit_test(test_what_an_earlier_run_left),
		cmocka_unit_test(test_a_path_that_is_too_long),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
