/* The Slack channel through its two doors: what Slack posts to us, and what we call. */
#include "../web.h"
#include "base/crypto.h"
#include "bot/channels/slack/slack_private.h"

#define SECRET "e6b19c573432dcc6b075501d51b51bb8"
#define OLD_SECRET "0123456789abcdef0123456789abcdef"
#define FORM_TYPE "Content-Type: application/x-www-form-urlencoded"
#define JSON_TYPE "Content-Type: application/json"
#define AUTH_OK "{\"ok\":true,\"team_id\":\"T01\",\"user_id\":\"U0B\",\"bot_id\":\"B5\"}"
#define POST_OK                                                                                                        \
	"{\"ok\":true,\"channel\":\"C09\",\"ts\":\"1700000000.000200\",\"message\":{\"app_id\":\"A01\",\"text\":\"\"}" \
	"}"

static const struct web_answer standard[] = {
	{ "/api/auth.test", AUTH_OK, 200, NULL, false },
	{ "/api/chat.postMessage", POST_OK, 200, NULL, false },
	{ "/api/chat.update", "{\"ok\":true,\"channel\":\"C09\",\"ts\":\"1700000000.000200\"}", 200, NULL, false },
	{ "/api/chat.postEphemeral", "{\"ok\":true,\"message_ts\":\"1.1\"}", 200, NULL, false },
	{ "/api/views.open", "{\"ok\":true,\"view\":{\"id\":\"V1\"}}", 200, NULL, false },
	{ "/api/conversations.history", "{\"ok\":true,\"messages\":[]}", 200, NULL, false },
	{ "/api/conversations.replies", "{\"ok\":true,\"messages\":[]}", 200, NULL, false },
	{ "/respond", "ok", 200, NULL, false },
	{ NULL, NULL, 0, NULL, false },
};

struct heard {
	unsigned count;
	char user[64], team[64], name[64], channel[64], message[64], thread[64], event[160], value[256], text[256];
	bool form, can_ask, in_channel;
	struct responder *responder;
};
struct fixture {
	struct web web;
	struct channel *slack;
	struct http_server *door;
	char door_base[64], url[128], log[4096];
	struct heard heard;
	struct web_reply reply;
	unsigned signatures; /* so that two requests never sign alike */
	bool deals_later, dealt_with;
	struct timer deal;
};

static void answer_later(void *owner)
{
	struct fixture *f = owner;
	struct responder *r = TAKE(f->heard.responder);
	f->dealt_with = true;
	r->say(r, NULL, false);
}

static void hear(void *owner, const struct interaction *in)
{
	struct fixture *f = owner;
	struct heard *h = &f->heard;
	if (h->responder)
		h->responder->say(h->responder, NULL, false);
	h->count++;
	web_copy(h->user, sizeof h->user, in->person.id);
	web_copy(h->team, sizeof h->team, in->person.team);
	web_copy(h->name, sizeof h->name, in->person.name);
	web_copy(h->channel, sizeof h->channel, in->channel);
	web_copy(h->message, sizeof h->message, in->message_id);
	web_copy(h->thread, sizeof h->thread, in->thread_id);
	web_copy(h->event, sizeof h->event, in->event_id);
	web_copy(h->value, sizeof h->value, in->value);
	web_copy(h->text, sizeof h->text, in->text);
	h->form = in->form;
	h->in_channel = in->person.in_channel;
	h->can_ask = in->responder->ask_reason != NULL;
	h->responder = in->responder;
	assert_string_equal(in->person.platform, "slack");
	assert_null(in->person.groups);
	if (f->deals_later)
		timer_start(f->web.loop, &f->deal, 10, answer_later, f);
}

static void log_line(void *owner, const char *text)
{
	struct fixture *f = owner;
	size_t n = strlen(f->log);
	(void)snprintf(f->log + n, sizeof f->log - n, "%s\n", text);
}

static bool ready(void *owner)
{
	struct fixture *f = owner;
	return *SLACK_OF(f->slack)->team;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct error e;
	assert_non_null(f);
	log_capture(log_line, f);
	web_start(&f->web, standard);
	char api[96];
	(void)snprintf(api, sizeof api, "%s/api/", f->web.base);
	static const char *const groups[] = { "S1", "S2", NULL };
	struct slack_options o = { .bot_token = "xoxb-test-secret",
				   .signing_secrets = { SECRET, OLD_SECRET },
				   .api_url = api,
				   .path = "/slack/events",
				   .team = "",
				   .guests = true,
				   .patience_ms = 20, /* most tests answer later, or never */
				   .usergroups = groups };
	struct channel_context ctx = {
		.loop = f->web.loop, .http = f->web.client, .ears = { .interaction = hear, .owner = f }, .lang = LANG_EN
	};
	if (slack_create(&ctx, &o, &f->slack, &e) != RC_OK)
		fail_msg("%s", e.text);
	f->door = web_serve(f->web.loop, f->slack->ops->routes(f->slack), f->door_base);
	(void)snprintf(f->url, sizeof f->url, "%s/slack/events", f->door_base);
	(void)web_wait(&f->web, "/api/auth.test", 0);
	struct timer t = { 0 };
	while (!ready(f)) {
		timer_start(f->web.loop, &t, 1, web_tick, f->web.loop);
		loop_run(f->web.loop);
	}
	timer_stop(&t);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	if (f->heard.responder)
		f->heard.responder->say(f->heard.responder, NULL, false);
	f->slack->ops->destroy(f->slack);
	http_client_destroy(TAKE(f->web.client));
	web_close_server(f->web.loop, f->door);
	web_stop(&f->web);
	free(f->reply.body);
	log_capture(NULL, NULL);
	free(f);
	return 0;
}

/* ---- as Slack posts ---- */

static const char *signature(const char *secret, const char *timestamp, const char *body, char buf[128])
{
	struct strbuf base;
	unsigned char mac[SHA256_BYTES];
	struct error e;
	strbuf_init(&base, 2 << 20);
	strbuf_addf(&base, "v0:%s:%s", timestamp, body);
	assert_int_equal(crypto_hmac_sha256(secret, strlen(secret), base.s, base.len, mac, &e), RC_OK);
	memcpy(buf, "X-Slack-Signature: v0=", 22);
	crypto_hex(mac, sizeof mac, buf + 22);
	strbuf_finish(&base);
	return buf;
}

static void post_at(struct fixture *f, const char *type, const char *body, const char *secret, int64_t off_s,
		    const char *extra)
{
	char sign[128], stamp[64], now[32];
	/* signatures of equal bodies differ by their second: step back one for each, within the window */
	int64_t t = loop_wall(f->web.loop).v / 1000 + off_s - (off_s ? 0 : f->signatures++ % 200);
	(void)snprintf(now, sizeof now, "%lld", (long long)t);
	(void)snprintf(stamp, sizeof stamp, "X-Slack-Request-Timestamp: %s", now);
	const char *headers[] = { type, stamp, signature(secret, now, body, sign), extra ? sign : NULL, NULL };
	web_ask(&f->web, "POST", f->url, headers, body, &f->reply);
}

static void post(struct fixture *f, const char *type, const char *body)
{
	post_at(f, type, body, SECRET, 0, NULL);
}

static void post_payload(struct fixture *f, const char *json)
{
	struct strbuf b;
	strbuf_init(&b, 64 * 1024);
	strbuf_add(&b, "payload=");
	strbuf_add_urlencoded(&b, json, strlen(json));
	post(f, FORM_TYPE, b.s);
	strbuf_finish(&b);
}

#define OUTER(type) "{\"type\":\"" type "\",\"api_app_id\":\"A01\",\"team\":{\"id\":\"T01\"},"
#define ACTOR "\"user\":{\"id\":\"U77\",\"username\":\"mira\",\"team_id\":\"T01\"},\"trigger_id\":\"11.22.ab\","
#define PLACE(url)                                                                                                     \
	"\"container\":{\"type\":\"message\",\"message_ts\":\"1700000000.000200\",\"channel_id\":\"C09\","             \
	"\"thread_ts\":\"1700000000.000100\"},\"channel\":{\"id\":\"C09\",\"name\":\"releases\"},\"response_url\":"    \
	"\"" url "\","
#define ACTION(ts)                                                                                                     \
	"\"actions\":[{\"type\":\"button\",\"action_id\":\"rollcall.approve\",\"value\":\"v1.R1.approve.tok\","        \
	"\"action_ts\":\"" ts "\"}]}"

static void press(struct fixture *f, const char *response_url, const char *action_ts)
{
	char json[1024];
	(void)snprintf(json, sizeof json, OUTER("block_actions") ACTOR PLACE("%s") ACTION("%s"), response_url,
		       action_ts);
	post_payload(f, json);
}

static char *here(struct fixture *f, char buf[128])
{
	(void)snprintf(buf, 128, "%s/respond", f->web.base);
	return buf;
}

/* ---- acknowledging ---- */

/* Killed before a vote is on disk, nothing has been acknowledged: the person sees that it did not work. */
static void test_acknowledged_once_it_is_dealt_with(void **state)
{
	struct fixture *f = *state;
	char url[128];
	SLACK_OF(f->slack)->patience_ms = 60 * 1000;
	f->deals_later = true;
	press(f, here(f, url), "1.1");
	assert_int_equal(f->reply.status, 200);
	assert_true(f->dealt_with);
}

static void test_acknowledged_before_slack_gives_up(void **state)
{
	struct fixture *f = *state;
	char url[128];
	press(f, here(f, url), "1.1");
	assert_int_equal(f->reply.status, 200);
	assert_non_null(f->heard.responder); /* nobody has answered */
}

/* ---- in: is it Slack's ---- */

static void test_challenge(void **state)
{
	struct fixture *f = *state;
	post(f, JSON_TYPE, "{\"type\":\"url_verification\",\"challenge\":\"a\\\"b\"}");
	assert_int_equal(f->reply.status, 200);
	assert_string_equal(f->reply.body, "{\"challenge\":\"a\\\"b\"}");
	post_at(f, JSON_TYPE, "{\"type\":\"url_verification\",\"challenge\":\"abc\"}", OLD_SECRET, 0, NULL);
	assert_int_equal(f->reply.status, 200);
}

static void test_refusals(void **state)
{
	struct fixture *f = *state;
	static const char body[] = "{\"type\":\"url_verification\",\"challenge\":\"abc\"}";
	post_at(f, JSON_TYPE, body, "another", 0, NULL);
	assert_int_equal(f->reply.status, 401);
	assert_string_equal(f->reply.body, "");
	post_at(f, JSON_TYPE, body, SECRET, -302, NULL);
	assert_int_equal(f->reply.status, 401);
	post_at(f, JSON_TYPE, body, SECRET, 302, NULL);
	assert_int_equal(f->reply.status, 401);
	post_at(f, JSON_TYPE, body, SECRET, 0, "twice");
	assert_int_equal(f->reply.status, 401);
	assert_non_null(strstr(f->log, "came twice"));
	const char *const unsigned_headers[] = { JSON_TYPE, NULL };
	web_ask(&f->web, "POST", f->url, unsigned_headers, body, &f->reply);
	assert_int_equal(f->reply.status, 401);
	assert_null(strstr(f->log, "challenge"));
	assert_int_equal(f->heard.count, 0);
}

static const struct {
	const char *name, *type, *body;
	int status;
	const char *why;
} malformed[] = {
	{ "no JSON", JSON_TYPE, "{\"type\":", 400, "event: " },
	{ "a key twice", JSON_TYPE, "{\"type\":\"a\",\"type\":\"b\"}", 400, "event: " },
	{ "no type", JSON_TYPE, "{}", 400, "event has no type" },
	{ "an endless challenge", JSON_TYPE,
	  "{\"type\":\"url_verification\",\"challenge\":\""
	  "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
	  "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
	  "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\"}",
	  400, "challenge is missing or longer than 256 bytes" },
	{ "a payload that is no JSON", FORM_TYPE, "payload=%7B", 400, "payload: " },
	{ "a payload without a type", FORM_TYPE, "payload=%7B%7D", 400, "payload has no type" },
	{ "a form of nothing", FORM_TYPE, "a=b", 400, "form is neither a command nor a payload" },
	{ "a command of nobody", FORM_TYPE, "command=%2Fcanary&team_id=T01", 400, "command names no user" },
	{ "another content type", "Content-Type: text/plain", "hello", 400, "content type is neither JSON nor a form" },
	{ "another workspace", FORM_TYPE, "command=%2Fcanary&team_id=T02&user_id=U1", 403, "another workspace" },
};

static void test_malformed(void **state)
{
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++) {
		f->log[0] = '\0';
		post(f, malformed[i].type, malformed[i].body);
		if (f->reply.status != malformed[i].status || *f->reply.body)
			fail_msg("%s: HTTP %d", malformed[i].name, f->reply.status);
		if (!strstr(f->log, malformed[i].why) || strchr(f->log, '\n') != strrchr(f->log, '\n'))
			fail_msg("%s: %s", malformed[i].name, f->log);
	}
	char *large = calloc(1, (1 << 20) + 2);
	memset(large, 'a', (1 << 20) + 1);
	post(f, FORM_TYPE, large);
	assert_int_equal(f->reply.status, 413);
	free(large);
	assert_int_equal(f->heard.count, 0);
}

static void test_probe(void **state)
{
	struct fixture *f = *state;
	const char *const headers[] = { FORM_TYPE, NULL };
	web_ask(&f->web, "POST", f->url, headers, "token=legacy&ssl_check=1", &f->reply);
	assert_int_equal(f->reply.status, 200);
	char url[160];
	(void)snprintf(url, sizeof url, "%s?ssl_check=1", f->url);
	web_ask(&f->web, "GET", url, NULL, NULL, &f->reply);
	assert_int_equal(f->reply.status, 200);
	web_ask(&f->web, "GET", f->url, NULL, NULL, &f->reply);
	assert_int_equal(f->reply.status, 405);
	/* what says more than that is no probe */
	web_ask(&f->web, "POST", f->url, headers, "command=%2Fcanary&xssl_check=1", &f->reply);
	assert_int_equal(f->reply.status, 401);
}

/* ---- in: what it is ---- */

static void test_press(void **state)
{
	struct fixture *f = *state;
	press(f, "https://hooks.slack.com/actions/1", "1700000005.1");
	assert_int_equal(f->reply.status, 200);
	assert_string_equal(f->reply.body, "");
	const struct heard *h = &f->heard;
	assert_int_equal(h->count, 1);
	assert_string_equal(h->user, "U77");
	assert_string_equal(h->team, "T01");
	assert_string_equal(h->name, "mira");
	assert_string_equal(h->channel, "slack:C09");
	assert_string_equal(h->message, "1700000000.000200");
	assert_string_equal(h->thread, "1700000000.000100");
	assert_string_equal(h->value, "v1.R1.approve.tok");
	assert_string_equal(h->event, "press:U77:1700000000.000200:rollcall.approve:1700000005.1");
	assert_string_equal(h->text, "");
	assert_false(h->form);
	assert_true(h->can_ask);
	assert_true(h->in_channel);
	/* the same press, signed anew: acknowledged, done once */
	press(f, "https://hooks.slack.com/actions/1", "1700000005.1");
	assert_int_equal(f->reply.status, 200);
	assert_int_equal(h->count, 1);
	press(f, "https://hooks.slack.com/actions/1", "1700000006.1");
	assert_int_equal(h->count, 2);
}

static void test_replay(void **state)
{
	struct fixture *f = *state;
	static const char body[] = "command=%2Fcanary&text=list&team_id=T01&user_id=U1&channel_id=C1";
	post_at(f, FORM_TYPE, body, SECRET, -100, NULL);
	assert_int_equal(f->reply.status, 200);
	post_at(f, FORM_TYPE, body, SECRET, -100, NULL);
	assert_int_equal(f->reply.status, 401);
	assert_int_equal(f->heard.count, 1);
}

static void test_strangers(void **state)
{
	struct fixture *f = *state;
	char json[1024];
	(void)snprintf(json, sizeof json,
		       OUTER("block_actions") "\"user\":{\"id\":\"U9\",\"team_id\":\"T99\"}," PLACE("https://x/")
			       ACTION("1.1"));
	post_payload(f, json);
	assert_int_equal(f->reply.status, 403);
	/* another app, once our own is known */
	SLACK_OF(f->slack)->app[0] = '\0';
	free(SLACK_OF(f->slack)->app);
	SLACK_OF(f->slack)->app = strdup("A02");
	press(f, "https://hooks.slack.com/actions/1", "1.2");
	assert_int_equal(f->reply.status, 403);
	assert_int_equal(f->heard.count, 0);
}

#define GRID_PRESS(team, enterprise, home, ts)                                                                         \
	"{\"type\":\"block_actions\",\"api_app_id\":\"A01\",\"team\":" team ",\"enterprise\":{\"id\":\"" enterprise    \
	"\"},\"is_enterprise_install\":true,\"user\":{\"id\":\"W77\",\"username\":\"mira\",\"team_id\":\"" home        \
	"\"}," PLACE("https://x/") ACTION(ts)

/* Enterprise Grid: an app for the whole organisation serves all of its workspaces, unless one is configured. */
static void test_enterprise(void **state)
{
	struct fixture *f = *state;
	struct slack *s = SLACK_OF(f->slack);
	free(s->enterprise);
	s->enterprise = strdup("E1");
	s->org_wide = true;
	static const struct {
		const char *name, *json;
		bool one_team;
		int status;
	} cases[] = {
		{ "outside of a workspace", GRID_PRESS("null", "E1", "T02", "2.1"), false, 200 },
		{ "in another of our workspaces", GRID_PRESS("{\"id\":\"T02\"}", "E1", "T03", "2.2"), false, 200 },
		{ "another enterprise", GRID_PRESS("{\"id\":\"T01\"}", "E2", "T01", "2.3"), false, 403 },
		{ "one workspace is configured: another", GRID_PRESS("{\"id\":\"T02\"}", "E1", "T02", "2.4"), true,
		  403 },
		{ "one workspace is configured: that", GRID_PRESS("{\"id\":\"T01\"}", "E1", "T03", "2.5"), true, 200 },
	};
	unsigned heard = 0;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		s->team_configured = cases[i].one_team;
		post_payload(f, cases[i].json);
		heard += cases[i].status == 200;
		if (f->reply.status != cases[i].status || f->heard.count != heard)
			fail_msg("%s: HTTP %d, heard %u", cases[i].name, f->reply.status, f->heard.count);
	}
	assert_string_equal(f->heard.user, "W77");
	assert_string_equal(f->heard.team, "E1"); /* one person in all of its workspaces */
}

/* Who is no full member is told so and heard by nobody; Slack is asked once. */
static void test_people(void **state)
{
	struct fixture *f = *state;
	SLACK_OF(f->slack)->guests = false;
	web_answers(&f->web, "/api/users.info", 200,
		    "{\"ok\":true,\"user\":{\"id\":\"U77\",\"team_id\":\"T01\",\"name\":\"mira\",\"is_ultra_"
		    "restricted\":true}}",
		    NULL);
	char url[128];
	press(f, here(f, url), "3.1");
	assert_non_null(strstr(web_wait(&f->web, "/respond", 0)->body, "Guests of this workspace"));
	press(f, here(f, url), "3.2");
	(void)web_wait(&f->web, "/respond", 1);
	assert_int_equal(f->heard.count, 0);
	assert_int_equal(web_count(&f->web, "/api/users.info"), 1);
	assert_string_equal(web_find(&f->web, "/api/users.info", 0)->body, "user=U77");
}

static void test_before_auth(void **state)
{
	struct fixture *f = *state;
	*SLACK_OF(f->slack)->team = '\0';
	press(f, "https://hooks.slack.com/actions/1", "1.3");
	assert_int_equal(f->reply.status, 503);
	assert_int_equal(f->heard.count, 0);
}

static void test_command(void **state)
{
	struct fixture *f = *state;
	post(f, FORM_TYPE,
	     "command=%2Fcanary&text=reject+podinfo+p99+%26gt%3B+%3C%40U1%7Cmira%3E+%26amp%3B+slow&team_id=T01&"
	     "user_id=U77&user_name=mira&channel_id=D5&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2F1&"
	     "trigger_id=1.2.c");
	assert_int_equal(f->reply.status, 200);
	assert_string_equal(f->reply.body, "");
	assert_string_equal(f->heard.text, "reject podinfo p99 > @mira & slow");
	assert_string_equal(f->heard.value, "");
	assert_string_equal(f->heard.channel, "slack:D5");
	assert_true(text_starts(f->heard.event, "command:"));
	assert_false(f->heard.can_ask);
	assert_false(f->heard.in_channel);
}

#define EVENT(id, inner)                                                                                               \
	"{\"type\":\"event_callback\",\"team_id\":\"T01\",\"api_app_id\":\"A01\",\"event_id\":\"" id                   \
	"\",\"event\":{" inner "}}"
#define MENTION(ts)                                                                                                    \
	"\"type\":\"app_mention\",\"user\":\"U77\",\"text\":\"<@U0B> status podinfo\",\"ts\":\"" ts                    \
	"\",\"channel\":\"C09\",\"team\":\"T01\""

static void test_events(void **state)
{
	struct fixture *f = *state;
	post(f, JSON_TYPE, EVENT("Ev1", MENTION("17.1")));
	assert_int_equal(f->reply.status, 200);
	assert_int_equal(f->heard.count, 1);
	assert_string_equal(f->heard.text, "status podinfo");
	assert_string_equal(f->heard.thread, "17.1");
	assert_string_equal(f->heard.event, "said:C09:17.1");
	post(f, JSON_TYPE, EVENT("Ev1", MENTION("17.1"))); /* Slack repeats */
	assert_int_equal(f->reply.status, 200);
	post(f, JSON_TYPE, EVENT("Ev2", MENTION("17.1"))); /* the same words as another event */
	assert_int_equal(f->reply.status, 200);
	assert_int_equal(f->heard.count, 1);
	post(f, JSON_TYPE,
	     EVENT("Ev3", "\"type\":\"message\",\"channel_type\":\"im\",\"user\":\"U77\",\"text\":\"list\","
			  "\"ts\":\"17.2\",\"channel\":\"D1\""));
	assert_int_equal(f->heard.count, 2);
	assert_string_equal(f->heard.text, "list");
	assert_string_equal(f->heard.thread, "");
}

#define DIRECT "\"type\":\"message\",\"channel_type\":\"im\",\"channel\":\"D1\","

static const char *const not_for_us[] = {
	(DIRECT "\"user\":\"U0B\",\"text\":\"mine\",\"ts\":\"1\""),
	(DIRECT "\"bot_id\":\"B1\",\"user\":\"U1\",\"text\":\"x\",\"ts\":\"2\""),
	(DIRECT "\"subtype\":\"message_changed\",\"user\":\"U1\",\"ts\":\"3\""),
	("\"type\":\"message\",\"channel_type\":\"channel\",\"user\":\"U1\",\"text\":\"talk\",\"ts\":\"4\""),
	("\"type\":\"reaction_added\",\"user\":\"U1\""),
};

static void test_not_for_us(void **state)
{
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof not_for_us / sizeof *not_for_us; i++) {
		char body[512];
		(void)snprintf(body, sizeof body, EVENT("Ev%zu", "%s"), i, not_for_us[i]);
		post(f, JSON_TYPE, body);
		assert_int_equal(f->reply.status, 200);
	}
	post(f, JSON_TYPE, "{\"type\":\"app_rate_limited\",\"team_id\":\"T01\",\"api_app_id\":\"A01\"}");
	assert_int_equal(f->reply.status, 200);
	/* a link button tells us too that it was pressed */
	char json[1024];
	(void)snprintf(json, sizeof json,
		       OUTER("block_actions") ACTOR PLACE("https://x/") "\"actions\":[{\"type\":\"button\","
									"\"action_id\":\"rollcall.open\"}]}");
	post_payload(f, json);
	assert_int_equal(f->reply.status, 200);
	assert_int_equal(f->heard.count, 0);
	post(f, JSON_TYPE, EVENT("EvGone", "\"type\":\"app_uninstalled\""));
	assert_int_equal(f->reply.status, 200);
	assert_non_null(strstr(f->log, "slack_app_removed"));
}

/* ---- the reason form ---- */

static void submit(struct fixture *f, const char *metadata, const char *reason)
{
	struct strbuf b;
	strbuf_init(&b, 8192);
	strbuf_add(&b, OUTER("view_submission") ACTOR "\"view\":{\"id\":\"V1\",\"hash\":\"h1\",\"callback_id\":"
						      "\"rollcall.reason\",\"private_metadata\":");
	strbuf_add_json(&b, metadata);
	strbuf_add(&b, ",\"state\":{\"values\":{\"why\":{\"text\":{\"type\":\"plain_text_input\",\"value\":");
	strbuf_add_json(&b, reason);
	strbuf_add(&b, "}}}}}}");
	post_payload(f, b.s);
	strbuf_finish(&b);
}

static void test_reason_form(void **state)
{
	struct fixture *f = *state;
	struct error e;
	press(f, "https://hooks.slack.com/actions/1", "1.4");
	struct responder *r = f->heard.responder;
	assert_int_equal(
		r->ask_reason(r, "Reject podinfo-default in production", "Reason", "Reject", "v1.R1.reject.tok", &e),
		RC_OK);
	r->say(TAKE(f->heard.responder), NULL, false); /* the form outlives it */
	const struct web_call *call = web_wait(&f->web, "/api/views.open", 0);
	assert_string_equal(call->authorization, "Bearer xoxb-test-secret");
	cJSON *j = NULL;
	assert_int_equal(json_parse(call->body, strlen(call->body), &j, &e), RC_OK);
	assert_string_equal(json_text(j, "trigger_id", ""), "11.22.ab");
	assert_string_equal(json_text(j, "view.callback_id", ""), "rollcall.reason");
	assert_true(strlen(json_text(j, "view.title.text", "")) <= 24);
	char metadata[512];
	web_copy(metadata, sizeof metadata, json_text(j, "view.private_metadata", ""));
	cJSON_Delete(j);

	submit(f, metadata, " \n x");
	assert_int_equal(f->reply.status, 200);
	assert_string_equal(f->reply.body,
			    "{\"response_action\":\"errors\",\"errors\":{\"why\":\"A reason is needed, at "
			    "least 3 characters.\"}}");
	assert_int_equal(f->heard.count, 1);
	submit(f, metadata, "p99 too high");
	assert_int_equal(f->reply.status, 200);
	assert_string_equal(f->reply.body, "");
	assert_int_equal(f->heard.count, 2);
	assert_true(f->heard.form);
	assert_string_equal(f->heard.value, "v1.R1.reject.tok");
	assert_string_equal(f->heard.text, "p99 too high");
	assert_string_equal(f->heard.channel, "slack:C09");
	assert_string_equal(f->heard.message, "1700000000.000200");
	submit(f, metadata, "p99 too high"); /* pressed twice */
	assert_int_equal(f->heard.count, 2);
}

static void test_form_too_late(void **state)
{
	struct fixture *f = *state;
	struct error e;
	char url[128];
	web_answers(&f->web, "/api/views.open", 200, "{\"ok\":false,\"error\":\"expired_trigger_id\"}", NULL);
	press(f, here(f, url), "1.5");
	struct responder *r = TAKE(f->heard.responder);
	assert_int_equal(r->ask_reason(r, "Reject", "Reason", "Reject", "v1.R1.reject.tok", &e), RC_OK);
	r->say(r, NULL, false);
	const struct web_call *call = web_wait(&f->web, "/respond", 0);
	assert_non_null(strstr(call->body, "press the button again"));
}

/* ---- out: answers to a person ---- */

static void test_say_by_url(void **state)
{
	struct fixture *f = *state;
	char url[128];
	press(f, here(f, url), "2.1");
	struct responder *r = TAKE(f->heard.responder);
	r->say(r, "already decided by <!channel> & `zhao`", false);
	const struct web_call *call = web_wait(&f->web, "/respond", 0);
	assert_string_equal(call->authorization, ""); /* the URL is the secret */
	assert_string_equal(call->body,
			    "{\"mrkdwn\":false,\"text\":\"already decided by &lt;!channel&gt; &amp; ˋzhaoˋ\","
			    "\"response_type\":\"ephemeral\",\"replace_original\":false}");
}

static void test_say_without_url(void **state)
{
	struct fixture *f = *state;
	post(f, JSON_TYPE, EVENT("EvSay", MENTION("17.5")));
	struct responder *r = TAKE(f->heard.responder);
	r->say(r, "hello", false);
	const struct web_call *call = web_wait(&f->web, "/api/chat.postEphemeral", 0);
	assert_string_equal(call->body, "{\"mrkdwn\":false,\"text\":\"hello\",\"channel\":\"C09\",\"user\":\"U77\","
					"\"thread_ts\":\"17.5\"}");
}

static void test_say_to_all(void **state)
{
	struct fixture *f = *state;
	post(f, JSON_TYPE, EVENT("EvAll", MENTION("17.6")));
	struct responder *r = TAKE(f->heard.responder);
	r->say(r, "hello", true);
	assert_non_null(strstr(web_wait(&f->web, "/api/chat.postMessage", 0)->body, "\"thread_ts\":\"17.6\""));
}

static void test_say_when_url_is_spent(void **state)
{
	struct fixture *f = *state;
	char url[128];
	web_answers(&f->web, "/respond", 404, "{\"ok\":false,\"error\":\"used_url\"}", NULL);
	press(f, here(f, url), "2.2");
	struct responder *r = TAKE(f->heard.responder);
	r->say(r, "done", false);
	assert_non_null(strstr(web_wait(&f->web, "/api/chat.postEphemeral", 0)->body, "\"done\""));
}

static const char *const bad_urls[] = {
	"https://evil.example/respond",
	"http://hooks.slack.com/actions/1",
	"https://hooks.slack.com.evil.example/1",
	"https://hooks.slack.com@evil.example/1",
	"https://hooks.slack.com:8443/1",
	"https://user@hooks.slack.com/1",
	"http://127.0.0.1:1/respond",
	"http://169.254.169.254/latest",
	"file:///etc/passwd",
	"javascript:alert(1)",
};

static void test_response_url_hosts(void **state)
{
	struct fixture *f = *state;
	const struct slack *s = SLACK_OF(f->slack);
	char url[128];
	assert_true(slack_response_url_good(s, "https://hooks.slack.com/actions/T1/1/x"));
	assert_true(slack_response_url_good(s, here(f, url)));
	for (size_t i = 0; i < sizeof bad_urls / sizeof *bad_urls; i++)
		if (slack_response_url_good(s, bad_urls[i]))
			fail_msg("%s", bad_urls[i]);
	press(f, "https://evil.example/respond", "2.3");
	struct responder *r = TAKE(f->heard.responder);
	r->say(r, "told all the same", false);
	assert_non_null(strstr(web_wait(&f->web, "/api/chat.postEphemeral", 0)->body, "told all the same"));
}

static void test_responder_outlives_channel(void **state)
{
	struct fixture *f = *state;
	struct error e;
	press(f, "https://hooks.slack.com/actions/1", "2.4");
	slack_responders_detach(SLACK_OF(f->slack));
	struct responder *r = TAKE(f->heard.responder);
	assert_int_equal(r->ask_reason(r, "t", "l", "s", "v", &e), RC_REFUSED);
	r->say(r, "nobody hears this", false);
}

/* ---- out: the outbox's hand ---- */

struct delivered {
	struct loop *loop;
	unsigned count;
	enum result r;
	int64_t retry_after_ms;
	char id[128], why[512];
	bool pause;
};

static void note(void *owner, uint64_t row, const struct outbox_result *result)
{
	struct delivered *d = owner;
	assert_int_equal(row, 7);
	d->count++;
	d->r = result->r;
	d->retry_after_ms = result->retry_after_ms;
	d->pause = result->pause_channel;
	web_copy(d->id, sizeof d->id, result->message_id);
	web_copy(d->why, sizeof d->why, result->why);
	loop_stop(d->loop);
}

static bool noted(void *owner)
{
	return ((struct delivered *)owner)->count > 0;
}

#define BODY "{\"text\":\"t\",\"blocks\":[{\"type\":\"divider\"}]}"

static struct delivered deliver_item(struct fixture *f, const struct outbox_item *item)
{
	struct delivered d = { .loop = f->web.loop };
	f->slack->ops->deliver(f->slack, item, note, &d);
	assert_int_equal(d.count, 0); /* later, never inside the call */
	web_run_until(f->web.loop, noted, &d);
	assert_int_equal(d.count, 1);
	return d;
}

static struct delivered deliver(struct fixture *f, enum outbox_kind kind, const char *channel, const char *message_id,
				bool maybe_sent)
{
	struct outbox_item item = { .row = 7,
				    .kind = kind,
				    .channel = channel,
				    .subject = "UID/REV",
				    .key = "",
				    .body = BODY,
				    .message_id = message_id,
				    .maybe_sent = maybe_sent };
	return deliver_item(f, &item);
}

static void test_post_and_update(void **state)
{
	struct fixture *f = *state;
	struct delivered d = deliver(f, OUTBOX_CARD, "slack:C09", "", false);
	assert_int_equal(d.r, RC_OK);
	assert_string_equal(d.id, "1700000000.000200");
	assert_string_equal(web_find(&f->web, "/api/chat.postMessage", 0)->body,
			    "{\"text\":\"t\",\"blocks\":[{\"type\":\"divider\"}],\"channel\":\"C09\",\"unfurl_links\":"
			    "false,\"unfurl_media\":false,\"metadata\":{\"event_type\":\"rollcall_message\","
			    "\"event_payload\":{\"id\":\"7/UID/REV\"}}}");
	assert_string_equal(SLACK_OF(f->slack)->app, "A01"); /* learnt on the way */
	d = deliver(f, OUTBOX_CARD, "slack:C09", "1700000000.000200", false);
	assert_int_equal(d.r, RC_OK);
	assert_string_equal(d.id, "");
	assert_string_equal(web_find(&f->web, "/api/chat.update", 0)->body,
			    "{\"text\":\"t\",\"blocks\":[{\"type\":\"divider\"}],\"channel\":\"C09\",\"unfurl_links\":"
			    "false,\"unfurl_media\":false,\"ts\":\"1700000000.000200\"}");
	d = deliver(f, OUTBOX_REPLY, "slack:C09", "1700000000.000200", false);
	assert_int_equal(d.r, RC_OK);
	assert_string_equal(d.id, "");
	assert_non_null(
		strstr(web_find(&f->web, "/api/chat.postMessage", 1)->body, "\"thread_ts\":\"1700000000.000200\""));
}

static void test_post_to_a_person(void **state)
{
	struct fixture *f = *state;
	web_answers(&f->web, "/api/chat.postMessage", 200, "{\"ok\":true,\"channel\":\"D24\",\"ts\":\"5.5\"}", NULL);
	struct delivered d = deliver(f, OUTBOX_CARD, "slack:U77", "", false);
	assert_string_equal(d.id, "D24/5.5");
	d = deliver(f, OUTBOX_CARD, "slack:U77", "D24/5.5", false);
	assert_int_equal(d.r, RC_OK);
	const char *body = web_find(&f->web, "/api/chat.update", 0)->body;
	assert_non_null(strstr(body, "\"channel\":\"D24\""));
	assert_non_null(strstr(body, "\"ts\":\"5.5\""));
}

#define NO(error) "{\"ok\":false,\"error\":\"" error "\"}"
static const struct {
	const char *name;
	int status;
	const char *body, *header;
	bool update;
	enum result r;
	int64_t retry_after_ms;
	bool pause;
	const char *why;
} troubles[] = {
	{ "too fast", 429, NO("ratelimited"), "Retry-After: 7", false, RC_UNREACHABLE, 7000, false, "ratelimited" },
	{ "too fast, no time said", 429, "slow down", NULL, true, RC_UNREACHABLE, 30000, false, "ratelimited" },
	{ "message gone", 200, NO("message_not_found"), NULL, true, RC_NOT_FOUND, -1, false, "message_not_found" },
	{ "not ours", 200, NO("cant_update_message"), NULL, true, RC_NOT_FOUND, -1, false, "cant_update_message" },
	{ "token dead", 200, NO("token_revoked"), NULL, false, RC_UNREACHABLE, -1, true, "token_revoked" },
	{ "account gone", 200, NO("account_inactive"), NULL, true, RC_UNREACHABLE, -1, true, "account_inactive" },
	{ "scope missing", 200, "{\"ok\":false,\"error\":\"missing_scope\",\"needed\":\"chat:write\"}", NULL, false,
	  RC_UNREACHABLE, -1, true, "chat.postMessage: HTTP 200 missing_scope, needs chat:write" },
	{ "no such channel", 200, NO("channel_not_found"), NULL, false, RC_INVALID, -1, false, "channel_not_found" },
	{ "archived", 200, NO("is_archived"), NULL, false, RC_INVALID, -1, false, "is_archived" },
	{ "unheard of", 200, NO("flux_error"), NULL, false, RC_INVALID, -1, false, "flux_error" },
	{ "their trouble, a post", 200, NO("internal_error"), NULL, false, RC_CONFLICT, -1, false, "internal_error" },
	{ "their trouble, an update", 200, NO("fatal_error"), NULL, true, RC_UNREACHABLE, -1, false, "fatal_error" },
	{ "HTML, a post", 502, "<html>", NULL, false, RC_CONFLICT, -1, false, "HTTP 502" },
	{ "HTML, an update", 502, "<html>", NULL, true, RC_UNREACHABLE, -1, false, "HTTP 502" },
	{ "200 without ok", 200, "{}", NULL, false, RC_CONFLICT, -1, false, "HTTP 200" },
};

static void test_troubles(void **state)
{
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof troubles / sizeof *troubles; i++) {
		const char *path = troubles[i].update ? "/api/chat.update" : "/api/chat.postMessage";
		web_forget(&f->web);
		memset(SLACK_OF(f->slack)->paces, 0, sizeof SLACK_OF(f->slack)->paces);
		web_answers(&f->web, path, troubles[i].status, troubles[i].body, troubles[i].header);
		struct delivered d =
			deliver(f, OUTBOX_CARD, "slack:C09", troubles[i].update ? "1700000000.000200" : "", false);
		if (d.r != troubles[i].r || d.retry_after_ms != troubles[i].retry_after_ms ||
		    d.pause != troubles[i].pause || !strstr(d.why, troubles[i].why))
			fail_msg("%s: %s, retry %lld, %s", troubles[i].name, result_name(d.r),
				 (long long)d.retry_after_ms, d.why);
		assert_int_equal(f->web.call_count, 1);
	}
}

/* A method that was told to slow down is left alone until its time; others go on. */
static void test_a_pause_is_kept(void **state)
{
	struct fixture *f = *state;
	web_answers(&f->web, "/api/chat.update", 429, NO("ratelimited"), "Retry-After: 7");
	struct delivered d = deliver(f, OUTBOX_CARD, "slack:C09", "1700000000.000200", false);
	assert_int_equal(d.retry_after_ms, 7000);
	d = deliver(f, OUTBOX_CARD, "slack:C10", "1700000000.000300", false);
	assert_int_equal(d.r, RC_UNREACHABLE);
	assert_true(d.retry_after_ms > 6000 && d.retry_after_ms <= 7000);
	assert_false(d.pause);
	assert_int_equal(web_count(&f->web, "/api/chat.update"), 1);
	d = deliver(f, OUTBOX_CARD, "slack:C09", "", false);
	assert_int_equal(d.r, RC_OK);
	SLACK_OF(f->slack)->paces[0].until.v = loop_now(f->web.loop).v; /* the time has come */
	d = deliver(f, OUTBOX_CARD, "slack:C10", "1700000000.000300", false);
	assert_int_equal(d.r, RC_OK);
	assert_int_equal(web_count(&f->web, "/api/chat.update"), 2);
}

/* ---- pictures ---- */

#define PNG "iVBORw0KGgo="
#define CHART "{\"mrkdwn\":false,\"chart\":\"" PNG "\",\"text\":\"how it went & why\"}"

static struct delivered deliver_chart(struct fixture *f, bool maybe_sent)
{
	struct outbox_item item = { .row = 7,
				    .kind = OUTBOX_REPLY,
				    .channel = "slack:C09",
				    .subject = "UID/REV",
				    .body = CHART,
				    .message_id = "1700000000.000200",
				    .maybe_sent = maybe_sent };
	return deliver_item(f, &item);
}

static void upload_answers(struct fixture *f, const char *base)
{
	static char url[256];
	(void)snprintf(url, sizeof url, "{\"ok\":true,\"upload_url\":\"%s/up\",\"file_id\":\"F1\"}", base);
	web_answers(&f->web, "/api/files.getUploadURLExternal", 200, url, NULL);
}

static void test_a_picture(void **state)
{
	struct fixture *f = *state;
	upload_answers(f, f->web.base);
	web_answers(&f->web, "/up", 200, "OK - 8", NULL);
	web_answers(&f->web, "/api/files.completeUploadExternal", 200, "{\"ok\":true,\"files\":[{\"id\":\"F1\"}]}",
		    NULL);
	struct delivered d = deliver_chart(f, false);
	assert_int_equal(d.r, RC_OK);
	assert_string_equal(web_find(&f->web, "/api/files.getUploadURLExternal", 0)->body,
			    "filename=rollout-7.png&length=8&alt_txt=how%20it%20went%20%26%20why");
	assert_string_equal(web_find(&f->web, "/up", 0)->body, "\x89PNG\r\n\x1a\n");
	assert_string_equal(web_find(&f->web, "/up", 0)->authorization, "");
	assert_string_equal(web_find(&f->web, "/api/files.completeUploadExternal", 0)->body,
			    "{\"files\":[{\"id\":\"F1\",\"title\":\"how it went & why\"}],\"channel_id\":\"C09\","
			    "\"thread_ts\":\"1700000000.000200\"}");
	assert_int_equal(web_count(&f->web, "/api/chat.postMessage"), 0);
}

static void test_a_picture_that_cannot_be(void **state)
{
	struct fixture *f = *state;
	/* no right to upload: the words at least */
	web_answers(&f->web, "/api/files.getUploadURLExternal", 200,
		    "{\"ok\":false,\"error\":\"missing_scope\",\"needed\":\"files:write\"}", NULL);
	struct delivered d = deliver_chart(f, false);
	assert_int_equal(d.r, RC_OK);
	assert_false(d.pause);
	const char *words = web_find(&f->web, "/api/chat.postMessage", 0)->body;
	assert_non_null(strstr(words, "how it went & why"));
	assert_null(strstr(words, PNG));
	assert_non_null(strstr(f->log, "add the scope to the app"));
	/* an address that is not Slack's gets nothing */
	upload_answers(f, "https://evil.example");
	d = deliver_chart(f, false);
	assert_int_equal(d.r, RC_OK);
	assert_int_equal(web_count(&f->web, "/api/chat.postMessage"), 2);
	/* trouble before anybody can have seen it: again, without a doubt */
	upload_answers(f, f->web.base);
	web_answers(&f->web, "/up", 503, "no", NULL);
	d = deliver_chart(f, false);
	assert_int_equal(d.r, RC_UNREACHABLE);
	/* and after: it is looked for by its name, and not sent twice */
	upload_answers(f, f->web.base);
	web_answers(&f->web, "/up", 200, "OK - 8", NULL);
	web_answers(&f->web, "/api/files.completeUploadExternal", 502, "<html>", NULL);
	d = deliver_chart(f, false);
	assert_int_equal(d.r, RC_CONFLICT);
	web_answers(&f->web, "/api/conversations.replies", 200,
		    "{\"ok\":true,\"messages\":[{\"ts\":\"5.5\",\"files\":[{\"name\":\"rollout-7.png\"}]}]}", NULL);
	d = deliver_chart(f, true);
	assert_int_equal(d.r, RC_OK);
	assert_int_equal(web_count(&f->web, "/api/files.getUploadURLExternal"), 4);
}

static void test_plain_fallback(void **state)
{
	struct fixture *f = *state;
	web_answers(&f->web, "/api/chat.postMessage", 200, NO("invalid_blocks"), NULL);
	struct delivered d = deliver(f, OUTBOX_CARD, "slack:C09", "", false);
	assert_int_equal(d.r, RC_OK);
	assert_null(strstr(web_find(&f->web, "/api/chat.postMessage", 1)->body, "blocks"));
	/* once, not for ever; an update clears what stood there */
	web_answers(&f->web, "/api/chat.update", 200, NO("invalid_blocks"), NULL);
	web_answers(&f->web, "/api/chat.update", 200, NO("msg_too_long"), NULL);
	d = deliver(f, OUTBOX_CARD, "slack:C09", "1700000000.000200", false);
	assert_int_equal(d.r, RC_INVALID);
	assert_int_equal(web_count(&f->web, "/api/chat.update"), 2);
	assert_non_null(strstr(web_find(&f->web, "/api/chat.update", 1)->body, "\"blocks\":[]"));
}

#define STANDS(id)                                                                                                     \
	"{\"ok\":true,\"messages\":[{\"ts\":\"9.9\",\"metadata\":{\"event_type\":\"rollcall_message\","                \
	"\"event_payload\":{\"id\":\"" id "\"}}}]}"

static void test_look_back(void **state)
{
	struct fixture *f = *state;
	/* it arrived: found, not repeated */
	web_answers(&f->web, "/api/conversations.history", 200, STANDS("7/UID/REV"), NULL);
	struct delivered d = deliver(f, OUTBOX_CARD, "slack:C09", "", true);
	assert_int_equal(d.r, RC_OK);
	assert_string_equal(d.id, "9.9");
	assert_int_equal(web_count(&f->web, "/api/chat.postMessage"), 0);
	/* it did not */
	web_answers(&f->web, "/api/conversations.history", 200, STANDS("8/UID/REV"), NULL);
	d = deliver(f, OUTBOX_CARD, "slack:C09", "", true);
	assert_string_equal(d.id, "1700000000.000200");
	/* a reply is looked for in its thread */
	web_answers(&f->web, "/api/conversations.replies", 200, STANDS("7/UID/REV"), NULL);
	d = deliver(f, OUTBOX_REPLY, "slack:C09", "1700000000.000200", true);
	assert_int_equal(d.r, RC_OK);
	assert_int_equal(web_count(&f->web, "/api/chat.postMessage"), 1);
	/* Slack is away: nothing is sent before it can be asked */
	web_answers(&f->web, "/api/conversations.history", 503, "", NULL);
	d = deliver(f, OUTBOX_CARD, "slack:C09", "", true);
	assert_int_equal(d.r, RC_CONFLICT);
	assert_int_equal(web_count(&f->web, "/api/chat.postMessage"), 1);
	/* no right to look: repeat, and do not ask again */
	web_answers(&f->web, "/api/conversations.history", 200, NO("missing_scope"), NULL);
	d = deliver(f, OUTBOX_CARD, "slack:C09", "", true);
	assert_int_equal(d.r, RC_OK);
	size_t asked = web_count(&f->web, "/api/conversations.history");
	d = deliver(f, OUTBOX_CARD, "slack:C09", "", true);
	assert_int_equal(d.r, RC_OK);
	assert_int_equal(web_count(&f->web, "/api/conversations.history"), asked);
}

/* ---- out: what the bot asks to be drawn ---- */

static const char *const *people(void *owner, const char *approver)
{
	(void)owner;
	static const char *const sre[] = { "slack:U77", "slack:U78", NULL };
	return text_eq(approver, "group:sre") ? sre : NULL;
}

static void test_rendering(void **state)
{
	struct fixture *f = *state;
	struct error e;
	const struct card card = { .color = "yellow",
				   .icon = "🟡",
				   .title = "Approve?",
				   .state = "Waiting",
				   .subtitle = "default/podinfo on prod",
				   .bar = "",
				   .footer = "",
				   .plain = "Approve?" };
	static const char *const who[] = { "group:sre", "slack:S1", "slack:U9|x", "user:<lin>", NULL };
	SLACK_OF(f->slack)->identities = people;
	char *body = f->slack->ops->render_card(f->slack, &card, &e);
	assert_true(text_starts(body, "{\"text\":\"Approve?\",\"blocks\":["));
	free(body);
	body = f->slack->ops->render_ask(f->slack, &card, who, &e);
	assert_true(text_starts(
		body, "{\"text\":\"<@U77> <@U78> <!subteam^S1> slack:U9|x user:&lt;lin&gt;: please decide\\n"));
	free(body);
	body = f->slack->ops->render_ask(f->slack, &card, NULL, &e);
	assert_null(strstr(body, "please decide"));
	free(body);
	body = f->slack->ops->render_text(f->slack, "a\nb <!here>", &e);
	assert_string_equal(body, "{\"mrkdwn\":false,\"text\":\"a\\nb &lt;!here&gt;\"}");
	free(body);
}

/* ---- groups ---- */

struct groups {
	struct loop *loop;
	unsigned count;
	char text[128];
};

static void grouped(void *owner, const char *const *groups)
{
	struct groups *g = owner;
	g->count++;
	g->text[0] = '\0';
	for (; *groups; groups++) {
		size_t n = strlen(g->text);
		(void)snprintf(g->text + n, sizeof g->text - n, "%s ", *groups);
	}
	loop_stop(g->loop);
}

static bool answered(void *owner)
{
	return ((struct groups *)owner)->count > 0;
}

static const char *groups_of(struct fixture *f, const char *user, struct groups *g)
{
	*g = (struct groups){ .loop = f->web.loop };
	struct person p = { .platform = "slack", .team = "T01", .id = user };
	f->slack->ops->groups(f->slack, &p, grouped, g);
	assert_int_equal(g->count, 0);
	web_run_until(f->web.loop, answered, g);
	return g->text;
}

static void test_groups(void **state)
{
	struct fixture *f = *state;
	struct groups g;
	static const char path[] = "/api/usergroups.users.list";
	web_answers(&f->web, path, 200, "{\"ok\":true,\"users\":[\"U1\",\"U2\"]}", NULL);
	web_answers(&f->web, path, 200, "{\"ok\":true,\"users\":[\"U2\"]}", NULL);
	const char *text = groups_of(f, "U2", &g);
	assert_non_null(strstr(text, "slack:S1 "));
	assert_non_null(strstr(text, "slack:S2 "));
	assert_int_equal(web_count(&f->web, path), 2);
	assert_string_equal(groups_of(f, "U9", &g), ""); /* from memory */
	assert_int_equal(web_count(&f->web, path), 2);
	/* a minute later it is asked again, and what cannot be told is no */
	for (struct slack_group *each = SLACK_OF(f->slack)->groups; each; each = each->next)
		each->read_at.v -= 61000;
	web_answers(&f->web, path, 200, NO("plan_upgrade_required"), NULL);
	web_answers(&f->web, path, 500, "oops", NULL);
	assert_string_equal(groups_of(f, "U2", &g), "");
	assert_int_equal(web_count(&f->web, path), 4);
}

static void test_usergroups_of_policies(void **state)
{
	(void)state;
	static const char *const some[] = { "slack:S1", "user:lin", "slack:U1", NULL };
	static const char *const more[] = { "slack:S2", "slack:S1", NULL };
	const struct policy policies[] = { { .name = "a", .approvers = some },
					   { .name = "b", .rights = { [RIGHT_ROLLBACK] = more } },
					   { .name = NULL } };
	struct arena *a = arena_create(4096);
	const char *const *list = slack_usergroups(policies, a);
	assert_string_equal(list[0], "S1");
	assert_string_equal(list[1], "S2");
	assert_null(list[2]);
	arena_destroy(a);
}

/* ---- start ---- */

static const struct {
	const char *name;
	struct slack_options o;
	const char *why;
} bad_options[] = {
	{ "no token",
	  { .signing_secrets = { "s" }, .api_url = "https://slack.com/api/", .path = "/s" },
	  "slack: the bot token is missing" },
	{ "no secret",
	  { .bot_token = "xoxb-1", .api_url = "https://slack.com/api/", .path = "/s" },
	  "slack: the signing secret is missing (or an app token for Socket Mode)" },
	{ "no slash",
	  { .bot_token = "xoxb-1", .signing_secrets = { "s" }, .api_url = "https://slack.com/api", .path = "/s" },
	  "slack: the API address must end with a slash, as in https://slack.com/api/" },
	{ "no scheme",
	  { .bot_token = "xoxb-1", .signing_secrets = { "s" }, .api_url = "slack.com/", .path = "/s" },
	  "slack: the API address must begin with https://" },
	{ "no path",
	  { .bot_token = "xoxb-1", .signing_secrets = { "s" }, .api_url = "https://slack.com/api/", .path = "s" },
	  "slack: the path of the request URL must begin with a slash" },
};

static void test_bad_options(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bad_options / sizeof *bad_options; i++) {
		struct error e;
		struct channel *c = NULL;
		assert_int_equal(slack_create(&(struct channel_context){ 0 }, &bad_options[i].o, &c, &e), RC_INVALID);
		assert_null(c);
		assert_string_equal(e.text, bad_options[i].why);
	}
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(test_acknowledged_once_it_is_dealt_with),
		WITH(test_acknowledged_before_slack_gives_up),
		WITH(test_challenge),
		WITH(test_refusals),
		WITH(test_malformed),
		WITH(test_probe),
		WITH(test_press),
		WITH(test_replay),
		WITH(test_strangers),
		WITH(test_enterprise),
		WITH(test_people),
		WITH(test_before_auth),
		WITH(test_command),
		WITH(test_events),
		WITH(test_not_for_us),
		WITH(test_reason_form),
		WITH(test_form_too_late),
		WITH(test_say_by_url),
		WITH(test_say_without_url),
		WITH(test_say_to_all),
		WITH(test_say_when_url_is_spent),
		WITH(test_response_url_hosts),
		WITH(test_responder_outlives_channel),
		WITH(test_post_and_update),
		WITH(test_post_to_a_person),
		WITH(test_troubles),
		WITH(test_a_pause_is_kept),
		WITH(test_a_picture),
		WITH(test_a_picture_that_cannot_be),
		WITH(test_plain_fallback),
		WITH(test_look_back),
		WITH(test_rendering),
		WITH(test_groups),
		cmocka_unit_test(test_usergroups_of_policies),
		cmocka_unit_test(test_bad_options),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
