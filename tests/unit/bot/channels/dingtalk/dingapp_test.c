/* The app's hand: what is called for an item, and what an answer makes of it. */
#include "bot/channels/dingtalk/dingapp.h"

#include "../web.h"
#include "bot/channels/dingtalk/dingapp_error.h"

#define TOKEN "/v1.0/oauth2/accessToken"
#define SEND "/v1.0/im/v1.0/robot/interactiveCards/send"
#define UPDATE "/v1.0/im/robots/interactiveCards"
#define TO_GROUP "/v1.0/robot/groupMessages/send"
#define TO_PERSON "/v1.0/robot/oToMessages/batchSend"
#define UPLOAD "/media/upload"
#define CARD "{\"title\":\"t\",\"standard\":{\"contents\":[{\"id\":\"body\",\"text\":\"x\"}]}}"
#define TEXT "{\"key\":\"sampleText\",\"param\":{\"content\":\"hello\"}}"
#define PICTURE "{\"png\":\"iVBORw0KGgo=\",\"alt\":\"a chart\"}"
#define GROUP "dingtalk-app:cidA=="
#define PERSON "dingtalk-app:@lin"
#define FAILED(code) "{\"code\":\"" code "\",\"message\":\"m\",\"requestid\":\"R\"}"

struct fixture {
	struct web web;
	struct channel *ding;
};
static const struct web_answer standard[] = {
	{ TOKEN, "{\"accessToken\":\"tok-1\",\"expireIn\":7200}", 200, NULL, false },
	{ SEND, "{\"processQueryKey\":\"p\"}", 200, NULL, false },
	{ UPDATE, "{\"processQueryKey\":\"p\"}", 200, NULL, false },
	{ TO_GROUP, "{\"processQueryKey\":\"p\"}", 200, NULL, false },
	{ TO_PERSON, "{\"processQueryKey\":\"p\",\"invalidStaffIdList\":[],\"flowControlledStaffIdList\":[]}", 200,
	  NULL, false },
	{ UPLOAD, "{\"errcode\":0,\"media_id\":\"@lAL1\"}", 200, NULL, false },
	{ 0 },
};

static void hear(void *owner, const struct interaction *in)
{
	(void)owner;
	in->responder->say(in->responder, NULL, false);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct error e;
	assert_non_null(f);
	web_start(&f->web, standard);
	struct channel_context ctx = { .loop = f->web.loop, .http = f->web.client, .ears = { .interaction = hear } };
	struct dingapp_options o = { .client_id = "key",
				     .client_secret = "secret",
				     .corp_id = "corp",
				     .mode = DINGAPP_HTTP, /* no connection of its own */
				     .api_url = f->web.base,
				     .oapi_url = f->web.base,
				     .public_url = "https://rollcall.example.com",
				     .callback_path = "/dingtalk/0123456789abcdef" };
	if (dingapp_create(&ctx, &o, &f->ding, &e) != RC_OK)
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
	struct outbox_result result;
	char id[320], why[512];
};

static void note(void *owner, uint64_t row, const struct outbox_result *result)
{
	struct delivered *d = owner;
	assert_int_equal(row, 7);
	d->count++;
	d->result = *result;
	(void)snprintf(d->id, sizeof d->id, "%s", result->message_id);
	(void)snprintf(d->why, sizeof d->why, "%s", result->why);
	loop_stop(d->loop);
}

static bool is_delivered(void *owner)
{
	return ((struct delivered *)owner)->count > 0;
}

static struct delivered deliver(struct fixture *f, const struct outbox_item *item)
{
	struct delivered d = { .loop = f->web.loop };
	struct outbox_item whole = *item;
	whole.row = 7;
	whole.subject = "uid/rev";
	whole.message_id = whole.message_id ? whole.message_id : "";
	f->ding->ops->deliver(f->ding, &whole, note, &d);
	assert_int_equal(d.count, 0); /* later, never at once */
	web_run_until(f->web.loop, is_delivered, &d);
	return d;
}

static const struct {
	const char *name;
	struct outbox_item item;
	struct {
		const char *path, *body;
		int status;
	} answers[2]; /* before the standard ones */
	const char *called[4];
	enum result r;
	int64_t retry_after_ms;
	bool pause;
	const char *why;
} cases[] = {
	{ "a card",
	  { .kind = OUTBOX_CARD, .channel = GROUP, .body = CARD },
	  { { 0 } },
	  { SEND },
	  RC_OK,
	  -1,
	  false,
	  "" },
	{ "an update",
	  { .kind = OUTBOX_CARD, .channel = GROUP, .body = CARD, .message_id = "s.cidA==.1" },
	  { { 0 } },
	  { UPDATE },
	  RC_OK,
	  -1,
	  false,
	  "" },
	{ "a card of the other kind",
	  { .kind = OUTBOX_CARD, .channel = GROUP, .body = CARD, .message_id = "t.cidA==.1" },
	  { { 0 } },
	  { NULL },
	  RC_NOT_FOUND,
	  -1,
	  false,
	  "another kind" },
	{ "a card that is gone",
	  { .kind = OUTBOX_CARD, .channel = GROUP, .body = CARD, .message_id = "s.cidA==.1" },
	  { { UPDATE, FAILED("card.notExist"), 400 } },
	  { UPDATE },
	  RC_NOT_FOUND,
	  -1,
	  false,
	  "card.notExist" },
	{ "perhaps made, and it was",
	  { .kind = OUTBOX_CARD, .channel = GROUP, .body = CARD, .maybe_sent = true },
	  { { 0 } },
	  { UPDATE },
	  RC_OK,
	  -1,
	  false,
	  "" },
	{ "perhaps made, and it was not",
	  { .kind = OUTBOX_CARD, .channel = GROUP, .body = CARD, .maybe_sent = true },
	  { { UPDATE, FAILED("card.notExist"), 400 } },
	  { UPDATE, SEND },
	  RC_OK,
	  -1,
	  false,
	  "" },
	{ "made by an earlier try",
	  { .kind = OUTBOX_CARD, .channel = GROUP, .body = CARD },
	  { { SEND, FAILED("param.outTrackIdRepeat"), 400 } },
	  { SEND, UPDATE },
	  RC_OK,
	  -1,
	  false,
	  "" },
	{ "the content filter",
	  { .kind = OUTBOX_CARD, .channel = GROUP, .body = CARD },
	  { { SEND, FAILED("param.contentUnsafe"), 400 } },
	  { SEND, SEND },
	  RC_OK,
	  -1,
	  false,
	  "" },
	{ "a dead token",
	  { .kind = OUTBOX_CARD, .channel = GROUP, .body = CARD },
	  { { SEND, FAILED("InvalidAuthentication"), 401 } },
	  { SEND, TOKEN, SEND },
	  RC_OK,
	  -1,
	  false,
	  "" },
	{ "a token that stays dead",
	  { .kind = OUTBOX_CARD, .channel = GROUP, .body = CARD },
	  { { SEND, FAILED("InvalidAuthentication"), 401 }, { SEND, FAILED("InvalidAuthentication"), 401 } },
	  { SEND, TOKEN, SEND },
	  RC_UNREACHABLE,
	  -1,
	  true,
	  "InvalidAuthentication" },
	{ "too fast",
	  { .kind = OUTBOX_MESSAGE, .channel = GROUP, .body = TEXT },
	  { { TO_GROUP, FAILED("Forbidden.AccessDenied.QpsLimitForApi"), 403 } },
	  { TO_GROUP },
	  RC_UNREACHABLE,
	  2000,
	  false,
	  "QpsLimit" },
	{ "a permission",
	  { .kind = OUTBOX_MESSAGE, .channel = GROUP, .body = TEXT },
	  { { TO_GROUP,
	      "{\"code\":\"Forbidden.AccessDenied.AccessTokenPermissionDenied\",\"message\":\"m\","
	      "\"accessdenieddetail\":{"
	      "\"requiredScopes\":[\"qyapi_robot_sendmsg\"]}}",
	      403 } },
	  { TO_GROUP },
	  RC_UNREACHABLE,
	  -1,
	  true,
	  "grant the app the permission in the developer console: qyapi_robot" },
	{ "not in the group",
	  { .kind = OUTBOX_MESSAGE, .channel = GROUP, .body = TEXT },
	  { { TO_GROUP, FAILED("invalid.openConversationId"), 400 } },
	  { TO_GROUP },
	  RC_INVALID,
	  -1,
	  false,
	  "add the robot to the group" },
	{ "nobody can tell",
	  { .kind = OUTBOX_MESSAGE, .channel = GROUP, .body = TEXT },
	  { { TO_GROUP, "<html>", 502 } },
	  { TO_GROUP },
	  RC_CONFLICT,
	  -1,
	  false,
	  "HTTP 502" },
	{ "200 by a proxy that speaks",
	  { .kind = OUTBOX_MESSAGE, .channel = GROUP, .body = TEXT },
	  { { TO_GROUP, "<html>", 200 } },
	  { TO_GROUP },
	  RC_CONFLICT,
	  -1,
	  false,
	  "HTTP 200" },
	{ "to a person",
	  { .kind = OUTBOX_MESSAGE, .channel = PERSON, .body = TEXT },
	  { { 0 } },
	  { TO_PERSON },
	  RC_OK,
	  -1,
	  false,
	  "" },
	{ "to nobody",
	  { .kind = OUTBOX_MESSAGE, .channel = PERSON, .body = TEXT },
	  { { TO_PERSON, "{\"invalidStaffIdList\":[\"lin\"]}", 200 } },
	  { TO_PERSON },
	  RC_INVALID,
	  -1,
	  false,
	  "nobody has this staff id" },
	{ "to somebody who got too many",
	  { .kind = OUTBOX_MESSAGE, .channel = PERSON, .body = TEXT },
	  { { TO_PERSON, "{\"flowControlledStaffIdList\":[\"lin\"]}", 200 } },
	  { TO_PERSON },
	  RC_UNREACHABLE,
	  60000,
	  false,
	  "too many messages" },
	{ "a picture",
	  { .kind = OUTBOX_REPLY, .channel = GROUP, .body = PICTURE },
	  { { 0 } },
	  { UPLOAD, TO_GROUP },
	  RC_OK,
	  -1,
	  false,
	  "" },
	{ "a picture that is not taken",
	  { .kind = OUTBOX_REPLY, .channel = GROUP, .body = PICTURE },
	  { { UPLOAD, "{\"errcode\":40005,\"errmsg\":\"bad\"}", 200 } },
	  { UPLOAD },
	  RC_INVALID,
	  -1,
	  false,
	  "errcode 40005" },
	{ "a stored message that is none",
	  { .kind = OUTBOX_MESSAGE, .channel = GROUP, .body = "{" },
	  { { 0 } },
	  { NULL },
	  RC_INVALID,
	  -1,
	  false,
	  "not JSON" },
};

static void test_deliveries(void **state)
{
	struct fixture *f = *state;
	(void)deliver(f, &(struct outbox_item){ .kind = OUTBOX_MESSAGE, .channel = GROUP, .body = TEXT });
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		web_forget(&f->web);
		for (size_t k = 0; k < 2 && cases[i].answers[k].path; k++)
			web_answers(&f->web, cases[i].answers[k].path, cases[i].answers[k].status,
				    cases[i].answers[k].body, NULL);
		struct delivered d = deliver(f, &cases[i].item);
		if (d.result.r != cases[i].r || d.result.retry_after_ms != cases[i].retry_after_ms ||
		    d.result.pause_channel != cases[i].pause || !strstr(d.why, cases[i].why))
			fail_msg("%s: %s, retry %lld, %s", cases[i].name, result_name(d.result.r),
				 (long long)d.result.retry_after_ms, d.why);
		size_t n = 0;
		for (; n < f->web.call_count; n++)
			if (n >= 4 || !cases[i].called[n] || strcmp(cases[i].called[n], f->web.calls[n].path) != 0)
				fail_msg("%s: called %s", cases[i].name, f->web.calls[n].path);
		if (n < 4 && cases[i].called[n])
			fail_msg("%s: did not call %s", cases[i].name, cases[i].called[n]);
		assert_false(strstr(d.why, "tok-1"));
	}
}

/* Two tries of one row are one card; its id says where it stands. */
static void test_ids(void **state)
{
	struct fixture *f = *state;
	struct outbox_item item = { .kind = OUTBOX_CARD, .channel = GROUP, .body = CARD };
	struct delivered one = deliver(f, &item), again = deliver(f, &item);
	assert_string_equal(one.id, again.id);
	assert_true(text_starts(one.id, "s.cidA==."));
	item.channel = PERSON;
	assert_true(text_starts(deliver(f, &item).id, "s.@lin."));
}

static void test_bodies(void **state)
{
	struct fixture *f = *state;
	(void)deliver(f, &(struct outbox_item){ .kind = OUTBOX_REPLY, .channel = GROUP, .body = PICTURE });
	assert_string_equal(web_find(&f->web, TO_GROUP, 0)->body,
			    "{\"robotCode\":\"key\",\"msgKey\":\"sampleImageMsg\",\"msgParam\":\"{\\\"photoURL\\\":"
			    "\\\"@lAL1\\\"}\","
			    "\"openConversationId\":\"cidA==\"}");
	assert_non_null(strstr(web_find(&f->web, UPLOAD, 0)->body, "filename=\"rollout.png\""));
	assert_true(text_starts(web_find(&f->web, UPLOAD, 0)->content_type, "multipart/form-data; boundary="));
	(void)deliver(f, &(struct outbox_item){ .kind = OUTBOX_CARD, .channel = PERSON, .body = CARD });
	const char *sent = web_find(&f->web, SEND, 0)->body;
	assert_non_null(strstr(sent, "\"singleChatReceiver\":\"{\\\"userId\\\":\\\"lin\\\"}\""));
	assert_non_null(
		strstr(sent, "\"callbackUrl\":\"https://rollcall.example.com/dingtalk/0123456789abcdef/card\""));
	assert_int_equal(web_count(&f->web, TOKEN), 1);
}

/* Nothing is answered after the channel has gone, and nothing is lost either: the outbox keeps what it has not heard
 * of. */
static void test_destroyed_while_sending(void **state)
{
	struct fixture *f = *state;
	struct delivered d = { .loop = f->web.loop };
	struct outbox_item item = {
		.row = 7, .kind = OUTBOX_CARD, .channel = GROUP, .subject = "u", .message_id = "", .body = CARD
	};
	f->ding->ops->deliver(f->ding, &item, note, &d);
	f->ding->ops->deliver(f->ding, &item, note, &d);
	(void)web_wait(&f->web, TOKEN, 0);
	f->ding->ops->destroy(f->ding);
	f->ding = NULL;
	assert_int_equal(d.count, 0);
}

static int teardown_rest(void **state)
{
	struct fixture *f = *state;
	web_stop(&f->web);
	free(f);
	return 0;
}

static const struct {
	int64_t code, sub;
	enum dingapp_trouble trouble;
} old[] = {
	{ 0, 0, DINGAPP_FINE },        { -1, 0, DINGAPP_UNKNOWN },       { 88, 40014, DINGAPP_TOKEN_DEAD },
	{ 88, 0, DINGAPP_SLOW },       { 42001, 0, DINGAPP_TOKEN_DEAD }, { 90010, 0, DINGAPP_SLOW },
	{ 90019, 0, DINGAPP_REFUSED }, { 60011, 0, DINGAPP_SETUP },      { 60121, 0, DINGAPP_PLACE },
	{ 300001, 0, DINGAPP_GONE },   { 430104, 0, DINGAPP_CONTENT },   { 12345, 0, DINGAPP_REFUSED },
};

static void test_old_codes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof old / sizeof *old; i++)
		if (dingapp_old_meaning_of(old[i].code, old[i].sub).trouble != old[i].trouble)
			fail_msg("%lld/%lld", (long long)old[i].code, (long long)old[i].sub);
	assert_int_equal(dingapp_meaning_of(429, "").trouble, DINGAPP_SLOW);
	assert_int_equal(dingapp_meaning_of(401, "x").trouble, DINGAPP_TOKEN_DEAD);
	assert_int_equal(dingapp_meaning_of(400, "x").trouble, DINGAPP_REFUSED);
	assert_int_equal(dingapp_meaning_of(503, "x").trouble, DINGAPP_UNKNOWN);
	assert_int_equal(dingapp_meaning_of(403, "Forbidden.AccessDenied.IpNotInWhiteList").trouble, DINGAPP_SETUP);
}

static void test_groups_of_policies(void **state)
{
	(void)state;
	static const char *const who[] = { "dingtalk:role:7", "dingtalk:lin", "dingtalk:dept:1", "slack:S1", NULL };
	static const char *const may[] = { "dingtalk:role:7", "dingtalk:role:8", NULL };
	struct policy policies[2] = { { .name = "a", .approvers = who, .rights = { [RIGHT_PROMOTE] = may } } };
	struct arena *a = arena_create(1 << 16);
	const char *const *names = dingapp_group_names(policies, a);
	assert_string_equal(names[0], "dingtalk:role:7");
	assert_string_equal(names[1], "dingtalk:dept:1");
	assert_string_equal(names[2], "dingtalk:role:8");
	assert_null(names[3]);
	arena_destroy(a);
}

static const struct {
	struct dingapp_options o;
	const char *why;
} bad[] = {
	{ { .client_id = "k" }, "dingtalk: the app's client id or client secret is missing" },
	{ { .client_id = "k", .client_secret = "s" }, "dingtalk: the organisation's id (corp_id) is missing" },
	{ { .client_id = "k", .client_secret = "s", .corp_id = "c", .template = "x" },
	  "dingtalk: a card template's id ends with .schema" },
	{ { .client_id = "k", .client_secret = "s", .corp_id = "c", .api_url = "ftp://x", .oapi_url = "https://x" },
	  "dingtalk: the API's address must begin with https://" },
	{ { .client_id = "k",
	    .client_secret = "s",
	    .corp_id = "c",
	    .api_url = "https://x",
	    .oapi_url = "https://x",
	    .mode = DINGAPP_HTTP,
	    .public_url = "https://p",
	    .callback_path = "/short" },
	  "dingtalk: the callback path must begin with a slash and hold a secret of 16 characters or more" },
};

static void test_options(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct channel *c = NULL;
		struct error e = { .text = "" };
		struct channel_context ctx = { 0 };
		assert_int_equal(dingapp_create(&ctx, &bad[i].o, &c, &e), RC_INVALID);
		assert_string_equal(e.text, bad[i].why);
		assert_null(c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_deliveries, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ids, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bodies, setup, teardown),
		cmocka_unit_test_setup_teardown(test_destroyed_while_sending, setup, teardown_rest),
		cmocka_unit_test(test_old_codes),
		cmocka_unit_test(test_groups_of_policies),
		cmocka_unit_test(test_options),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
