#include "bot/channels/dingtalk/dingapp_payload.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"

static const struct {
	const char *name, *text, *error;
	enum dingapp_frame_type type;
	const char *topic, *message_id, *data;
} frames[] = {
	{ "a callback",
	  "{\"specVersion\":\"1.0\",\"type\":\"CALLBACK\",\"headers\":{\"messageId\":\"m2\",\"topic\":\"/a/"
	  "b\"},\"data\":"
	  "\"{\\\"x\\\":1}\"}",
	  NULL, DINGAPP_FRAME_CALLBACK, "/a/b", "m2", "{\"x\":1}" },
	{ "base64",
	  "{\"type\":\"EVENT\",\"headers\":{\"messageId\":\"m\",\"contentType\":\"base64String\"},\"data\":\"e30=\"}",
	  NULL, DINGAPP_FRAME_EVENT, "", "m", "{}" },
	{ "base64 that is none",
	  "{\"type\":\"EVENT\",\"headers\":{\"messageId\":\"m\",\"contentType\":\"base64String\"},\"data\":\"*\"}",
	  NULL, DINGAPP_FRAME_EVENT, "", "m", "" },
	{ "an unknown type", "{\"type\":\"NEWS\",\"headers\":{\"messageId\":\"m\"}}", NULL, DINGAPP_FRAME_OTHER, "",
	  "m", "" },
	{ "a system frame without an id", "{\"type\":\"SYSTEM\",\"headers\":{\"topic\":\"disconnect\"}}", NULL,
	  DINGAPP_FRAME_SYSTEM, "disconnect", "", "" },
	{ "data that is no text", "{\"type\":\"EVENT\",\"headers\":{\"messageId\":\"m\"},\"data\":{}}", NULL,
	  DINGAPP_FRAME_EVENT, "", "m", "" },
	{ "no id", "{\"type\":\"CALLBACK\",\"headers\":{}}", "frame: no messageId", 0, NULL, NULL, NULL },
	{ "an id that is a number", "{\"type\":\"CALLBACK\",\"headers\":{\"messageId\":7}}", "frame: no messageId", 0,
	  NULL, NULL, NULL },
	{ "a list", "[]", "frame: not an object", 0, NULL, NULL, NULL },
	{ "half a frame", "{\"type\":", "frame: line 1 column 9", 0, NULL, NULL, NULL },
};

static void test_frames(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
		struct arena *a = arena_create(1 << 20);
		struct dingapp_frame f = { 0 };
		struct error e = { .text = "" };
		enum result r = dingapp_read_frame(frames[i].text, strlen(frames[i].text), a, &f, &e);
		if (frames[i].error) {
			if (r != RC_INVALID || strncmp(e.text, frames[i].error, strlen(frames[i].error)) != 0)
				fail_msg("%s: %s", frames[i].name, e.text);
		} else if (r != RC_OK || f.type != frames[i].type || strcmp(f.topic, frames[i].topic) != 0 ||
			   strcmp(f.message_id, frames[i].message_id) != 0 || strcmp(f.data, frames[i].data) != 0) {
			fail_msg("%s: %d %s %s %s", frames[i].name, (int)r, f.topic, f.message_id, f.data);
		}
		arena_destroy(a);
	}
}

static void test_ack(void **state)
{
	(void)state;
	char *text = dingapp_ack(200, "m\"1", "{\"response\":{}}");
	assert_string_equal(text,
			    "{\"code\":200,\"headers\":{\"contentType\":\"application/json\",\"messageId\":\"m\\\"1\"},"
			    "\"message\":\"OK\",\"data\":\"{\\\"response\\\":{}}\"}");
	free(text);
}

#define WHO "\"outTrackId\":\"s.cid.1\",\"userId\":\"u\",\"corpId\":\"c\""
static const struct {
	const char *name, *text, *error, *value, *reason;
	bool union_id;
} presses[] = {
	{ "StandardCard", "{" WHO ",\"content\":\"{\\\"cardPrivateData\\\":{\\\"actionIds\\\":[\\\"v1.a.b.c\\\"]}}\"}",
	  NULL, "v1.a.b.c", "", false },
	{ "content is missing, value is there",
	  "{" WHO ",\"value\":\"{\\\"cardPrivateData\\\":{\\\"actionIds\\\":[\\\"v1.a.b.c\\\"]}}\"}", NULL, "v1.a.b.c",
	  "", false },
	{ "own template with a reason",
	  "{" WHO ",\"userIdType\":2,\"content\":\"{\\\"cardPrivateData\\\":{\\\"actionIds\\\":[\\\"node_1\\\"],"
	  "\\\"params\\\":{"
	  "\\\"value\\\":\\\"v1.a.b.c\\\",\\\"reason\\\":\\\"slow\\\\n\\\\u202enow\\\",\\\"n\\\":3}}}\"}",
	  NULL, "v1.a.b.c", "slow now", true },
	{ "no button", "{" WHO ",\"content\":\"{\\\"cardPrivateData\\\":{\\\"actionIds\\\":[]}}\"}",
	  "press: it names no button", NULL, NULL, false },
	{ "content of another shape", "{" WHO ",\"content\":\"[]\"}", "press: content: not an object", NULL, NULL,
	  false },
	{ "nobody", "{\"outTrackId\":\"x\",\"content\":\"{}\"}", "press: it names no card, or nobody", NULL, NULL,
	  false },
	{ "a number as a person", "{\"outTrackId\":\"x\",\"userId\":7,\"content\":\"{}\"}",
	  "press: it names no card, or nobody", NULL, NULL, false },
};

static void test_presses(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof presses / sizeof *presses; i++) {
		struct arena *a = arena_create(1 << 20);
		struct dingapp_press p = { 0 };
		struct error e = { .text = "" };
		enum result r = dingapp_read_press(presses[i].text, strlen(presses[i].text), a, &p, &e);
		if (presses[i].error) {
			if (r != RC_INVALID || strcmp(e.text, presses[i].error) != 0)
				fail_msg("%s: %s", presses[i].name, e.text);
		} else if (r != RC_OK || strcmp(p.value, presses[i].value) != 0 ||
			   strcmp(p.reason, presses[i].reason) != 0 || p.union_id != presses[i].union_id) {
			fail_msg("%s: %d %s %s", presses[i].name, (int)r, e.text, r == RC_OK ? p.reason : "");
		}
		arena_destroy(a);
	}
}

static void test_messages(void **state)
{
	(void)state;
	static const char text[] =
		"{\"msgId\":\"1\",\"conversationId\":\"cid\",\"conversationType\":\"2\",\"msgtype\":\"text\","
		"\"text\":{\"content\":\"  approve x\\n\"},\"senderStaffId\":\"s\"}";
	static const char rich[] = "{\"msgId\":\"1\",\"conversationId\":\"cid\",\"conversationType\":\"1\",\"msgtype\":"
				   "\"richText\",\"content\":{"
				   "\"richText\":[{\"text\":\"status\"},{\"downloadCode\":\"d\"},{\"text\":\" x\"}]}}";
	static const char none[] = "{\"msgId\":\"1\"}";
	struct arena *a = arena_create(1 << 20);
	struct dingapp_message m;
	struct error e;
	assert_int_equal(dingapp_read_message(text, strlen(text), a, &m, &e), RC_OK);
	assert_true(m.group);
	assert_string_equal(m.text, "approve x");
	assert_int_equal(dingapp_read_message(rich, strlen(rich), a, &m, &e), RC_OK);
	assert_false(m.group);
	assert_string_equal(m.text, "status x");
	assert_string_equal(m.staff, "");
	assert_int_equal(dingapp_read_message(none, strlen(none), a, &m, &e), RC_INVALID);
	assert_string_equal(e.text, "message: it has no msgId or no conversationId");
	arena_destroy(a);
}

static void test_ids_of_cards(void **state)
{
	(void)state;
	struct arena *a = arena_create(1 << 16);
	assert_string_equal(dingapp_track_channel("s.cidA.b==.00ff", a), "dingtalk-app:cidA.b==");
	assert_string_equal(dingapp_track_channel("t.@staff.00ff", a), "dingtalk-app:@staff");
	assert_null(dingapp_track_channel("x.cid.00ff", a));
	assert_null(dingapp_track_channel("s..00ff", a));
	assert_null(dingapp_track_channel("s.", a));
	assert_null(dingapp_track_channel("", a));
	assert_true(dingapp_track_is_template("t.@staff.00ff"));
	arena_destroy(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_frames), cmocka_unit_test(test_ack),
					    cmocka_unit_test(test_presses), cmocka_unit_test(test_messages),
					    cmocka_unit_test(test_ids_of_cards) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
