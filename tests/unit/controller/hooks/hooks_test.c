#include "controller/hooks/hooks.h"

#include <arpa/inet.h>
#include <signal.h>

#include "base/crypto.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "controller/core/revision.h"
#include "tests/unit/controller/script_peer.h"

/* ---- payload ---- */

static struct canary canary_named(const char *name, const char *ns)
{
	return (struct canary){ .name = name,
				.ns = ns,
				.uid = "u-1",
				.status = { .last_applied_spec = "85d557f47b", .last_promoted_spec = "" } };
}

static void test_payload(void **state)
{
	(void)state;
	CLEANUP(arena_destroy_p) struct arena *a = arena_create(1 << 20);
	static const struct pair data[] = { { "cmd", "hey -z 1m -q 5 -c 2 http://podinfo-canary.test:9898/" },
					    { "type", "cmd" } };
	struct canary c = canary_named("podinfo", "test");
	struct hook h = { .name = "load", .metadata = { data, 2 } };
	struct hook_ask ask = { .canary = &c, .hook = &h, .phase = PHASE_PROGRESSING };
	char wanted[512];
	const char *sum = revision_checksum(&c.status, a);
	(void)snprintf(wanted, sizeof wanted,
		       "{\"name\":\"podinfo\",\"namespace\":\"test\",\"phase\":\"Progressing\",\"checksum\":\"%s\","
		       "\"metadata\":{\"cmd\":\"hey -z 1m -q 5 -c 2 http://podinfo-canary.test:9898/\","
		       "\"type\":\"cmd\"}}",
		       sum);
	assert_string_equal(hook_payload(&ask, false, a), wanted);

	h.metadata.count = 0;
	ask.phase = PHASE_NONE;
	(void)snprintf(wanted, sizeof wanted,
		       "{\"name\":\"podinfo\",\"namespace\":\"test\",\"phase\":\"\",\"checksum\":\"%s\"}", sum);
	assert_string_equal(hook_payload(&ask, false, a), wanted);
}

static void test_event_payload(void **state)
{
	(void)state;
	CLEANUP(arena_destroy_p) struct arena *a = arena_create(1 << 20);
	/* sorted as the model sorts; ours win */
	static const struct pair data[] = {
		{ "cluster", "flagger-test" }, { "environment", "test" }, { "eventType", "mine" }, { "zone", "<&>" }
	};
	struct canary c = canary_named("podinfo", "test");
	struct hook h = { .name = "events", .type = HOOK_EVENT, .metadata = { data, 4 } };
	struct hook_ask ask = { .canary = &c,
				.hook = &h,
				.phase = PHASE_PROGRESSING,
				.event_message = "Halt 98.69% < 99%",
				.event_warning = true,
				.at = { 1578607635167 } };
	char wanted[512];
	(void)snprintf(wanted, sizeof wanted,
		       "{\"name\":\"podinfo\",\"namespace\":\"test\",\"phase\":\"Progressing\",\"checksum\":\"%s\","
		       "\"metadata\":{\"cluster\":\"flagger-test\",\"environment\":\"test\",\"eventMessage\":"
		       "\"Halt 98.69%% \\u003c 99%%\",\"eventType\":\"Warning\",\"timestamp\":\"1578607635167\","
		       "\"zone\":\"\\u003c\\u0026\\u003e\"}}",
		       revision_checksum(&c.status, a));
	assert_string_equal(hook_payload(&ask, false, a), wanted);
}

/* The hook of the users' manifest: to a robot its text is the whole message, to anybody else it is metadata. */
static void test_robot_payload(void **state)
{
	(void)state;
	CLEANUP(arena_destroy_p) struct arena *a = arena_create(1 << 20);
	static const char text[] = "{\"msgtype\": \"text\",\"text\": {\"content\": \"deploy success\"}}";
	static const struct pair data[] = { { "data", text } };
	struct canary c = canary_named("podinfo-default", "default");
	struct hook h = { .name = "canary released", .type = HOOK_POST_ROLLOUT, .metadata = { data, 1 } };
	struct hook_ask ask = { .canary = &c, .hook = &h, .phase = PHASE_SUCCEEDED };
	assert_string_equal(hook_payload(&ask, true, a), text);
	char wanted[512];
	(void)snprintf(wanted, sizeof wanted,
		       "{\"name\":\"podinfo-default\",\"namespace\":\"default\",\"phase\":\"Succeeded\",\"checksum\":"
		       "\"%s\",\"metadata\":{\"data\":\"{\\\"msgtype\\\": \\\"text\\\",\\\"text\\\": {\\\"content\\\": "
		       "\\\"deploy success\\\"}}\"}}",
		       revision_checksum(&c.status, a));
	assert_string_equal(hook_payload(&ask, false, a), wanted);
}

/* ---- calls ---- */

struct rig {
	struct loop *loop;
	struct http_client *http;
	struct script_peer *peer;
	struct hooks *hooks;
	struct hooks_options options;
	struct canary canary;
	char url[128];
	struct hook hook;
};
struct asked {
	bool done;
	enum verdict verdict;
	char text[2048];
	struct hook_call *call;
};

static const char *robot_secret(void *owner, const char *url)
{
	(void)url;
	return owner;
}

static void rig_open_as(struct rig *r, bool private_too)
{
	struct error e;
	*r = (struct rig){ .canary = canary_named("podinfo", "test") };
	assert_int_equal(loop_create(&r->loop, &e), RC_OK);
	assert_int_equal(http_client_create(r->loop, "rollcall/0", &r->http, &e), RC_OK);
	r->peer = script_start(r->loop);
	r->options = (struct hooks_options){ .loop = r->loop, .http = r->http, .egress_private = private_too };
	assert_int_equal(hooks_create(&r->options, &r->hooks, &e), RC_OK);
	(void)snprintf(r->url, sizeof r->url, "%s/gate?token=secret", r->peer->url);
	r->hook = (struct hook){ .name = "gate", .url = r->url, .timeout_ms = 10000 };
}

static void rig_open(struct rig *r)
{
	rig_open_as(r, true);
}

static void rig_close(struct rig *r)
{
	hooks_destroy(r->hooks);
	http_client_destroy(r->http);
	script_stop(r->peer);
	loop_destroy(r->loop);
}

static void heard(void *owner, enum verdict verdict, const char *text)
{
	struct asked *a = owner;
	assert_false(a->done);
	a->done = true;
	a->verdict = verdict;
	a->call = NULL;
	(void)snprintf(a->text, sizeof a->text, "%s", text);
}

static bool is_done(void *owner)
{
	return ((struct asked *)owner)->done;
}

static void start(struct rig *r, struct asked *a)
{
	*a = (struct asked){ 0 };
	struct hook_ask ask = {
		.canary = &r->canary, .hook = &r->hook, .phase = PHASE_PROGRESSING, .key = "u/1/gate/\xe9\n"
	};
	a->call = hook_start(r->hooks, &ask, heard, a);
	assert_non_null(a->call);
	assert_false(a->done);
}

static void ask(struct rig *r, struct asked *a)
{
	start(r, a);
	turn_until(r->loop, is_done, a);
}

static const struct {
	const char *answers[4];
	int retries;
	const char *abort_on;
	enum verdict verdict;
	const char *text; /* %s is the peer's URL */
	size_t calls;
} talks[] = {
	{ { ANSWER("200 OK", "2", "ok") }, 0, NULL, ANSWER_YES, "ok", 1 },
	{ { ANSWER("202 Accepted", "0", "") }, 0, NULL, ANSWER_YES, "", 1 },
	{ { "HTTP/1.1 204 No Content\r\n\r\n" }, 3, NULL, ANSWER_NO, "", 1 },
	{ { ANSWER("203 Non-Authoritative Information", "2", "no") }, 0, NULL, ANSWER_NO, "no", 1 },
	{ { ANSWER("403 Forbidden", "6", "closed") }, 3, NULL, ANSWER_NO, "closed", 1 },
	{ { ANSWER("501 Not Implemented", "2", "no") }, 3, NULL, ANSWER_NO, "no", 1 },
	{ { ANSWER("500 Oops", "4", "lost") }, 0, NULL, ANSWER_NO, "POST %s/gate giving up after 1 attempt(s)", 1 },
	{ { "HTTP/1.1 503 Busy\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n", ANSWER("202 Accepted", "0", "") },
	  1,
	  NULL,
	  ANSWER_YES,
	  "",
	  2 },
	{ { "HTTP/1.1 429 Slow\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n",
	    "HTTP/1.1 429 Slow\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n" },
	  1,
	  NULL,
	  ANSWER_NO,
	  "POST %s/gate giving up after 2 attempt(s)",
	  2 },
	{ { ANSWER("500 Oops", "0", ""), ANSWER("200 OK", "0", "") }, 1, NULL, ANSWER_YES, "", 2 },
	{ { ANSWER("409 Conflict", "4", "stop") }, 0, "401, 409", ANSWER_ABORT, "stop", 1 },
	{ { ANSWER("409 Conflict", "4", "stop") }, 0, "401,4090", ANSWER_NO, "stop", 1 },
	{ { ANSWER("503 Busy", "4", "stop") }, 3, "503", ANSWER_ABORT, "stop", 1 },
	{ { "HTTP/1.1 302 Found\r\nLocation: https://example.com/\r\nContent-Length: 0\r\n\r\n" },
	  0,
	  NULL,
	  ANSWER_NO,
	  "",
	  1 },
};

static void test_verdicts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof talks / sizeof *talks; i++) {
		struct rig r;
		struct asked a;
		rig_open(&r);
		struct pair abort_on = { "rollcall.dev/abort-on", talks[i].abort_on };
		if (talks[i].abort_on)
			r.hook.metadata = (struct pairs){ &abort_on, 1 };
		r.hook.retries = talks[i].retries;
		for (size_t k = 0; k < 4 && talks[i].answers[k]; k++)
			script_say(r.peer, talks[i].answers[k]);
		ask(&r, &a);
		char wanted[256];
		const char *at = strstr(talks[i].text, "%s");
		(void)snprintf(wanted, sizeof wanted, "%.*s%s%s", at ? (int)(at - talks[i].text) : 0, talks[i].text,
			       at ? r.peer->url : "", at ? at + 2 : talks[i].text);
		if (a.verdict != talks[i].verdict || strcmp(a.text, wanted) != 0 ||
		    r.peer->request_count != talks[i].calls)
			fail_msg("row %zu: verdict %d, \"%s\" not \"%s\", %zu calls", i, (int)a.verdict, a.text, wanted,
				 r.peer->request_count);
		rig_close(&r);
	}
}

static void test_request(void **state)
{
	(void)state;
	struct rig r;
	struct asked a;
	rig_open(&r);
	ask(&r, &a);
	const char *q = r.peer->requests[0];
	assert_true(text_starts(q, "POST /gate?token=secret HTTP/1.1\r\n"));
	assert_non_null(strstr(q, "\r\nContent-Type: application/json\r\n"));
	assert_non_null(strstr(q, "\r\nIdempotency-Key: u/1/gate/%E9%0A\r\n"));
	assert_true(text_starts(script_body(r.peer, 0), "{\"name\":\"podinfo\",\"namespace\":\"test\","));
	rig_close(&r);
}

static void test_nobody_there(void **state)
{
	(void)state;
	struct rig r;
	struct asked a;
	rig_open(&r);
	r.hook.url = "http://user:pw@127.0.0.1:1/a@b?token=secret";
	ask(&r, &a);
	assert_int_equal(a.verdict, ANSWER_ERROR);
	assert_true(text_starts(a.text, "POST http://127.0.0.1:1/a@b giving up after 1 attempt(s): "));
	assert_null(strstr(a.text, "secret"));
	assert_null(strstr(a.text, "pw"));
	rig_close(&r);
}

static void test_refused_by_policy(void **state)
{
	(void)state;
	struct rig r;
	struct asked a;
	rig_open_as(&r, false);
	r.hook.retries = 3; /* there is no use in trying again */
	ask(&r, &a);
	assert_int_equal(a.verdict, ANSWER_ERROR);
	assert_non_null(strstr(a.text, "giving up after 1 attempt(s): "));
	assert_int_equal(r.peer->request_count, 0);
	rig_close(&r);
}

static void test_timeouts(void **state)
{
	(void)state;
	struct rig r;
	struct asked a;
	rig_open(&r);
	r.peer->always = NULL;
	r.hook.timeout_ms = 50;
	ask(&r, &a);
	assert_int_equal(a.verdict, ANSWER_ERROR);
	assert_non_null(strstr(a.text, "giving up after 1 attempt(s): "));
	size_t before = r.peer->request_count;
	r.hook.timeout_error = "time: invalid duration \"soon\"";
	ask(&r, &a);
	assert_int_equal(a.verdict, ANSWER_ERROR);
	assert_string_equal(a.text, "time: invalid duration \"soon\"");
	assert_int_equal(r.peer->request_count, before);
	rig_close(&r);
}

static void test_long_answers_are_cut_between_characters(void **state)
{
	(void)state;
	struct rig r;
	struct asked a;
	rig_open(&r);
	static char answer[8192];
	int n = snprintf(answer, sizeof answer, "HTTP/1.1 403 No\r\nContent-Length: 4000\r\n\r\n");
	for (int i = 0; i < 1000; i++)
		memcpy(answer + n + 4 * i, "\xf0\x9f\x98\x80", 4);
	script_say(r.peer, answer);
	ask(&r, &a);
	assert_int_equal(strlen(a.text), 1024);
	assert_true(text_is_utf8(a.text, strlen(a.text)));
	rig_close(&r);
}

/* base64 of HMAC-SHA256("MS\nSECRET") with the secret as key, for a query. */
static void robot_sign(long long ms, const char *secret, char *ret, size_t size)
{
	char message[160];
	unsigned char mac[SHA256_BYTES];
	(void)snprintf(message, sizeof message, "%lld\n%s", ms, secret);
	assert_int_equal(crypto_hmac_sha256(secret, strlen(secret), message, strlen(message), mac, NULL), RC_OK);
	CLEANUP(free_p) char *base64 = text_base64(mac, sizeof mac, false);
	struct strbuf b;
	strbuf_init(&b, 256);
	strbuf_add_urlencoded(&b, base64, strlen(base64));
	(void)snprintf(ret, size, "%s", b.s);
	strbuf_finish(&b);
}

static void test_robot(void **state)
{
	(void)state;
	static const char *const hosts[] = { "127.0.0.1", NULL };
	static const struct pair data[] = { { "data", "{\"msgtype\":\"text\",\"text\":{\"content\":\"hi\"}}" } };
	struct rig r;
	struct asked a;
	struct error e;
	rig_open(&r);
	hooks_destroy(r.hooks);
	r.options.dingtalk_hosts = hosts;
	r.options.dingtalk_secret = robot_secret;
	r.options.dingtalk_owner = (char *)(uintptr_t) "SECtest";
	assert_int_equal(hooks_create(&r.options, &r.hooks, &e), RC_OK);
	r.hook.metadata = (struct pairs){ data, 1 };
	ask(&r, &a);
	assert_int_equal(a.verdict, ANSWER_YES);
	assert_string_equal(script_body(r.peer, 0), data[0].value);
	long long ms = 0;
	char sign[256] = "", wanted[256];
	assert_int_equal(
		sscanf(r.peer->requests[0], "POST /gate?token=secret&timestamp=%lld&sign=%200s HTTP", &ms, sign), 2);

	/* the documented vector first, so that the formula is not only ours */
	robot_sign(1700000000000, "SEC0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", wanted,
		   sizeof wanted);
	assert_string_equal(wanted, "bTgY2yDbep%2BwesS7jKiNj%2BsrsHoADES4%2BC4f8LCHFtU%3D");
	robot_sign(ms, "SECtest", wanted, sizeof wanted);
	assert_string_equal(sign, wanted);
	rig_close(&r);
}

/* ---- the order of events ---- */

static bool both_done(void *owner)
{
	struct asked *a = owner;
	return a[0].done && a[1].done && a[2].done && a[3].done;
}

static void event(struct rig *r, struct asked *a, const char *text)
{
	*a = (struct asked){ 0 };
	r->hook.type = HOOK_EVENT;
	struct hook_ask q = { .canary = &r->canary, .hook = &r->hook, .event_message = text };
	a->call = hook_start(r->hooks, &q, heard, a);
	assert_non_null(a->call);
}

static bool two_requests(void *owner)
{
	return ((struct rig *)owner)->peer->request_count >= 2;
}

static void test_events_keep_their_order(void **state)
{
	(void)state;
	struct rig r;
	struct asked a[4];
	rig_open(&r);
	r.peer->always = NULL; /* the first waits for ever, and holds its own canary's up */
	event(&r, &a[0], "one");
	event(&r, &a[1], "two");
	event(&r, &a[2], "three");
	r.canary.uid = "u-2";
	event(&r, &a[3], "other");
	turn_until(r.loop, two_requests, &r);
	assert_int_equal(r.peer->request_count, 2);
	assert_non_null(strstr(r.peer->requests[0], "\"one\""));
	assert_non_null(strstr(r.peer->requests[1], "\"other\""));
	/* both lines get their answer now */
	for (struct script_line *l = r.peer->lines; l; l = l->next) {
		uv_buf_t b = uv_buf_init((char *)(uintptr_t)ANSWER_200, (unsigned)strlen(ANSWER_200));
		assert_int_equal(uv_write(&l->write, (uv_stream_t *)&l->tcp, &b, 1, NULL), 0);
	}
	r.peer->always = ANSWER_200;
	turn_until(r.loop, both_done, a);
	assert_non_null(strstr(r.peer->requests[2], "\"two\""));
	assert_non_null(strstr(r.peer->requests[3], "\"three\""));
	rig_close(&r);
}

static void test_a_cancelled_event_lets_the_next_go(void **state)
{
	(void)state;
	struct rig r;
	struct asked a[4];
	rig_open(&r);
	event(&r, &a[0], "one");
	event(&r, &a[1], "two");
	event(&r, &a[2], "three");
	hook_cancel(&a[1].call);
	hook_cancel(&a[0].call);
	assert_null(a[0].call);
	turn_until(r.loop, is_done, &a[2]);
	assert_false(a[0].done || a[1].done);
	assert_non_null(strstr(r.peer->requests[r.peer->request_count - 1], "\"three\""));
	rig_close(&r);
}

static void test_a_deaf_receiver_does_not_fill_memory(void **state)
{
	(void)state;
	enum { MANY = 130 };
	struct rig r;
	static struct asked a[MANY];
	rig_open(&r);
	r.peer->always = NULL;
	for (size_t i = 0; i < MANY; i++)
		event(&r, &a[i], "x");
	turn_until(r.loop, is_done, &a[MANY - 1]);
	assert_string_equal(a[MANY - 1].text, "too many calls wait for this receiver");
	assert_false(a[99].done);
	assert_true(a[100].done);
	rig_close(&r); /* with a hundred calls under way */
}

static bool one_request(void *owner)
{
	return ((struct rig *)owner)->peer->request_count >= 1;
}

static void test_cancel_in_every_state(void **state)
{
	(void)state;
	struct rig r;
	struct asked a;
	rig_open(&r);
	start(&r, &a); /* not yet sent */
	hook_cancel(&a.call);
	r.peer->always = NULL;
	start(&r, &a); /* waiting for the answer */
	turn_until(r.loop, one_request, &r);
	hook_cancel(&a.call);
	hook_cancel(&a.call); /* NULL is fine */

	/* waiting for the next try */
	script_say(r.peer, ANSWER("500 Oops", "0", ""));
	r.hook.retries = 1;
	size_t before = r.peer->request_count;
	start(&r, &a);
	while (r.peer->request_count == before || r.peer->answered == 0)
		(void)uv_run(loop_uv(r.loop), UV_RUN_ONCE);
	for (int i = 0; i < 20; i++)
		(void)uv_run(loop_uv(r.loop), UV_RUN_NOWAIT);
	assert_false(a.done);
	hook_cancel(&a.call);

	r.hook.timeout_error = "bad";
	start(&r, &a); /* an answer that needs no call */
	hook_cancel(&a.call);
	for (int i = 0; i < 5; i++)
		(void)uv_run(loop_uv(r.loop), UV_RUN_NOWAIT);
	assert_false(a.done);
	rig_close(&r);
}

int main(void)
{
	(void)signal(SIGPIPE, SIG_IGN);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_payload),
		cmocka_unit_test(test_event_payload),
		cmocka_unit_test(test_robot_payload),
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_request),
		cmocka_unit_test(test_nobody_there),
		cmocka_unit_test(test_refused_by_policy),
		cmocka_unit_test(test_timeouts),
		cmocka_unit_test(test_long_answers_are_cut_between_characters),
		cmocka_unit_test(test_robot),
		cmocka_unit_test(test_events_keep_their_order),
		cmocka_unit_test(test_a_cancelled_event_lets_the_next_go),
		cmocka_unit_test(test_a_deaf_receiver_does_not_fill_memory),
		cmocka_unit_test(test_cancel_in_every_state),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
