/* The group robot: what is signed, sent, and understood of its answers. */
#include "../web.h"
#include "bot/channels/dingtalk/dingtalk_private.h"
#include "bot/channels/dingtalk/dingtalk_render.h"

#define SECRET "SEC0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OK "{\"errcode\":0,\"errmsg\":\"ok\"}"

static void test_sign_vector(void **state)
{
	(void)state;
	char *url = dingtalk_signed_url("https://oapi.example/robot/send?access_token=t", SECRET, 1700000000000);
	assert_string_equal(url, "https://oapi.example/robot/send?access_token=t&timestamp=1700000000000&sign="
				 "bTgY2yDbep%2BwesS7jKiNj%2BsrsHoADES4%2BC4f8LCHFtU%3D");
	free(url);
	url = dingtalk_signed_url("https://oapi.example/robot/send", SECRET, 1700000000000);
	assert_true(text_starts(url, "https://oapi.example/robot/send?timestamp=1700000000000&sign=bTgY2"));
	free(url);
	url = dingtalk_signed_url("https://oapi.example/robot/send?access_token=t", "", 1700000000000);
	assert_string_equal(url, "https://oapi.example/robot/send?access_token=t");
	free(url);
}

static const struct {
	const char *name;
	int status;
	const char *body;
	enum result r;
	int64_t retry_after_ms;
	bool plain_instead;
	const char *why;
} outcomes[] = {
	{ "taken", 200, OK, RC_OK, -1, false, "errcode 0 ok" },
	{ "busy", 200, "{\"errcode\":-1,\"errmsg\":\"system busy\"}", RC_UNREACHABLE, -1, false, "system busy" },
	{ "too fast", 200, "{\"errcode\":130101,\"errmsg\":\"send too fast\",\"status\":1111}", RC_UNREACHABLE, 600000,
	  false, "blocked for ten minutes" },
	{ "the limiter in front", 200, "{\"status\":1111,\"wait\":5}", RC_UNREACHABLE, 600000, false, "130101" },
	{ "slow", 200, "{\"errcode\":410100,\"errmsg\":\"x\"}", RC_UNREACHABLE, 60000, false, "410100" },
	{ "keyword", 200, "{\"errcode\":310000,\"errmsg\":\"keywords not in content\"}", RC_INVALID, -1, false,
	  "keyword, signing secret, address list" },
	{ "token", 200, "{\"errcode\":300001,\"errmsg\":\"token is not exist\"}", RC_INVALID, -1, false,
	  "access token" },
	{ "stopped", 200, "{\"errcode\":400102,\"errmsg\":\"\"}", RC_INVALID, -1, false, "switched off" },
	{ "content filter", 200, "{\"errcode\":430104,\"errmsg\":\"x\"}", RC_INVALID, -1, true, "430104" },
	{ "too long", 200, "{\"errcode\":460101,\"errmsg\":\"x\"}", RC_INVALID, -1, true, "460101" },
	{ "unheard of", 200, "{\"errcode\":999999,\"errmsg\":\"x\"}", RC_INVALID, -1, false, "999999" },
	{ "HTML", 200, "<html>", RC_CONFLICT, -1, false, "HTTP 200" },
	{ "neither", 200, "{}", RC_CONFLICT, -1, false, "HTTP 200" },
	{ "their trouble", 502, OK, RC_CONFLICT, -1, false, "HTTP 502" },
	{ "HTTP 429", 429, "", RC_UNREACHABLE, 60000, false, "HTTP 429" },
	{ "control characters in the text", 200, "{\"errcode\":310000,\"errmsg\":\"a\\u001b[31m\\nb\"}", RC_INVALID, -1,
	  false, "a?[31m?b" },
};

static void test_outcomes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof outcomes / sizeof *outcomes; i++) {
		struct dingtalk_outcome o;
		dingtalk_outcome(outcomes[i].status, outcomes[i].body, strlen(outcomes[i].body), &o);
		if (o.r != outcomes[i].r || o.retry_after_ms != outcomes[i].retry_after_ms ||
		    o.plain_instead != outcomes[i].plain_instead || !strstr(o.why, outcomes[i].why))
			fail_msg("%s: %s, retry %lld, %s", outcomes[i].name, result_name(o.r),
				 (long long)o.retry_after_ms, o.why);
	}
}

/* ---- sending ---- */

struct fixture {
	struct web web;
	struct channel *ding;
	char url[128];
	struct dingtalk_robot robots[3];
};

static const struct web_answer standard[] = {
	{ "/robot/send", OK, 200, NULL, false },
	{ NULL, NULL, 0, NULL, false },
};
static const char *const mobiles[] = { "18600000001", "18600000002", NULL };
static const char *const users[] = { "manager4220", NULL };

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct error e;
	assert_non_null(f);
	web_start(&f->web, standard);
	(void)snprintf(f->url, sizeof f->url, "%s/robot/send?access_token=tok", f->web.base);
	f->robots[0] = (struct dingtalk_robot){ .name = "releases", .url = f->url, .secret = SECRET, .keyword = "" };
	f->robots[1] = (struct dingtalk_robot){ .name = "ops",
						.url = f->url,
						.secret = "",
						.keyword = "canary!",
						.at_mobiles = mobiles,
						.at_users = users };
	struct channel_context ctx = { .loop = f->web.loop, .http = f->web.client };
	struct dingtalk_options o = { .robots = f->robots };
	if (dingtalk_create(&ctx, &o, &f->ding, &e) != RC_OK)
		fail_msg("%s", e.text);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	f->ding->ops->destroy(f->ding);
	web_stop(&f->web);
	free(f);
	return 0;
}

struct delivered {
	struct loop *loop;
	unsigned count;
	enum result r;
	int64_t retry_after_ms;
	char why[300];
};

static void note(void *owner, uint64_t row, const struct outbox_result *result)
{
	struct delivered *d = owner;
	assert_int_equal(row, 7);
	d->count++;
	d->r = result->r;
	d->retry_after_ms = result->retry_after_ms;
	assert_string_equal(result->message_id, "");
	assert_false(result->pause_channel); /* one robot's trouble is not the platform's */
	web_copy(d->why, sizeof d->why, result->why);
	loop_stop(d->loop);
}

static bool noted(void *owner)
{
	return ((struct delivered *)owner)->count > 0;
}

#define CARD                                                                                                           \
	"{\"msgtype\":\"actionCard\",\"actionCard\":{\"title\":\"Approve?\",\"text\":\"### Approve?\","                \
	"\"btns\":[{\"title\":\"Review\",\"actionURL\":\"https://x/\"}]}}"

static struct delivered deliver(struct fixture *f, enum outbox_kind kind, const char *channel, const char *body)
{
	struct delivered d = { .loop = f->web.loop };
	struct outbox_item item = {
		.row = 7, .kind = kind, .channel = channel, .subject = "s", .key = "", .body = body, .message_id = ""
	};
	f->ding->ops->deliver(f->ding, &item, note, &d);
	assert_int_equal(d.count, 0);
	web_run_until(f->web.loop, noted, &d);
	return d;
}

static void test_delivery(void **state)
{
	struct fixture *f = *state;
	struct delivered d = deliver(f, OUTBOX_MESSAGE, "dingtalk:releases", CARD);
	assert_int_equal(d.r, RC_OK);
	const struct web_call *c = web_find(&f->web, "/robot/send", 0);
	assert_string_equal(c->body, CARD);
	assert_string_equal(c->content_type, "application/json; charset=utf-8");
	int64_t at = strtoll(c->timestamp, NULL, 10);
	char *url = dingtalk_signed_url("x", SECRET, at);
	char encoded[128] = "";
	struct strbuf b;
	strbuf_init(&b, 256);
	strbuf_add_urlencoded(&b, c->sign, strlen(c->sign));
	web_copy(encoded, sizeof encoded, b.s);
	assert_string_equal(strstr(url, "sign=") + 5, encoded);
	strbuf_finish(&b);
	free(url);
	assert_in_range(at, loop_wall(f->web.loop).v - 60000, loop_wall(f->web.loop).v);
}

static void test_keyword_and_mobiles(void **state)
{
	struct fixture *f = *state;
	struct delivered d = deliver(f, OUTBOX_REPLY, "dingtalk:ops", CARD);
	assert_int_equal(d.r, RC_OK);
	assert_non_null(strstr(web_find(&f->web, "/robot/send", 0)->body, "### Approve?\\n\\ncanary!"));
	const struct web_call *beside = web_wait(&f->web, "/robot/send", 1);
	assert_string_equal(beside->body, "{\"msgtype\":\"text\",\"text\":{\"content\":\"Approve?\\n\\ncanary!\"},"
					  "\"at\":{\"atMobiles\":[\"18600000001\",\"18600000002\"],"
					  "\"atUserIds\":[\"manager4220\"]}}");
	/* not beside what asks nothing */
	d = deliver(f, OUTBOX_MESSAGE, "dingtalk:ops", CARD);
	assert_int_equal(web_count(&f->web, "/robot/send"), 3);
}

static void test_refusals(void **state)
{
	struct fixture *f = *state;
	struct delivered d = deliver(f, OUTBOX_MESSAGE, "dingtalk:nobody", CARD);
	assert_int_equal(d.r, RC_INVALID);
	assert_string_equal(d.why, "no robot of that name is configured");
	d = deliver(f, OUTBOX_MESSAGE, "dingtalk:releases", "{");
	assert_int_equal(d.r, RC_INVALID);
	assert_int_equal(f->web.call_count, 0);
}

static void test_plain_instead(void **state)
{
	struct fixture *f = *state;
	web_answers(&f->web, "/robot/send", 200, "{\"errcode\":430104,\"errmsg\":\"unsafe\"}", NULL);
	struct delivered d = deliver(f, OUTBOX_MESSAGE, "dingtalk:releases", CARD);
	assert_int_equal(d.r, RC_OK);
	assert_string_equal(web_find(&f->web, "/robot/send", 1)->body,
			    "{\"msgtype\":\"text\",\"text\":{\"content\":\"Approve?\"}}");
	web_answers(&f->web, "/robot/send", 200, "{\"errcode\":430104,\"errmsg\":\"unsafe\"}", NULL);
	web_answers(&f->web, "/robot/send", 200, "{\"errcode\":430102,\"errmsg\":\"unsafe\"}", NULL);
	d = deliver(f, OUTBOX_MESSAGE, "dingtalk:releases", CARD);
	assert_int_equal(d.r, RC_INVALID);
	assert_int_equal(web_count(&f->web, "/robot/send"), 4);
}

static void test_own_limit(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < ROBOT_PER_MINUTE; i++)
		assert_int_equal(deliver(f, OUTBOX_MESSAGE, "dingtalk:releases", CARD).r, RC_OK);
	struct delivered d = deliver(f, OUTBOX_MESSAGE, "dingtalk:releases", CARD);
	assert_int_equal(d.r, RC_UNREACHABLE);
	assert_in_range(d.retry_after_ms, 1, 60000);
	assert_int_equal(web_count(&f->web, "/robot/send"), ROBOT_PER_MINUTE);
	/* the other robot has a limit of its own */
	assert_int_equal(deliver(f, OUTBOX_MESSAGE, "dingtalk:ops", CARD).r, RC_OK);
}

static void test_rendering(void **state)
{
	struct fixture *f = *state;
	struct error e;
	struct card_button button = {
		.label = "Review", .action = "decide", .value = "", .url = "https://x/", .confirm = ""
	};
	struct card card = { .color = "yellow",
			     .icon = "🟡",
			     .title = "Approve?",
			     .state = "Waiting",
			     .subtitle = "default/podinfo on prod",
			     .bar = "",
			     .footer = "",
			     .plain = "Approve?" };
	char *body = f->ding->ops->render_card(f->ding, &card, &e);
	assert_true(text_starts(body, "{\"msgtype\":\"markdown\",")); /* nothing to press */
	free(body);
	card.buttons = &button;
	card.button_count = 1;
	body = f->ding->ops->render_ask(f->ding, &card, NULL, &e);
	assert_true(text_starts(body, "{\"msgtype\":\"actionCard\","));
	assert_non_null(strstr(body, "\"btns\":[{\"title\":\"Review\",\"actionURL\":\"https://x/\"}]"));
	free(body);
	body = f->ding->ops->render_text(f->ding, "hello", &e);
	assert_string_equal(body, "{\"msgtype\":\"text\",\"text\":{\"content\":\"hello\"}}");
	free(body);
}

static void test_bad_options(void **state)
{
	(void)state;
	static const struct {
		struct dingtalk_robot robots[3];
		const char *why;
	} cases[] = {
		{ { { .name = "a", .url = "oapi.dingtalk.com" } },
		  "dingtalk: the address of robot a must begin with https://" },
		{ { { .name = "a", .url = "https://x/" }, { .name = "a", .url = "https://y/" } },
		  "dingtalk: two robots are named a" },
		{ { { .name = "", .url = "https://x/" } }, "dingtalk: a robot has no name" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct error e;
		struct channel *c = NULL;
		struct dingtalk_options o = { .robots = cases[i].robots };
		assert_int_equal(dingtalk_create(&(struct channel_context){ 0 }, &o, &c, &e), RC_INVALID);
		assert_string_equal(e.text, cases[i].why);
	}
}

static void test_render_text(void **state)
{
	(void)state;
	char *body = NULL;
	struct error e;
	assert_int_equal(dingtalk_render_text("a\n\"b\"\x01", &body, &e), RC_OK);
	assert_string_equal(body, "{\"msgtype\":\"text\",\"text\":{\"content\":\"a\\n\\\"b\\\"\"}}");
	free(body);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sign_vector),
		cmocka_unit_test(test_outcomes),
		WITH(test_delivery),
		WITH(test_keyword_and_mobiles),
		WITH(test_refusals),
		WITH(test_plain_instead),
		WITH(test_own_limit),
		cmocka_unit_test(test_bad_options),
		cmocka_unit_test(test_render_text),
		WITH(test_rendering),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
