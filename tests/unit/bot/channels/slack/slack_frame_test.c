#include "bot/channels/slack/slack_frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define PRESS                                                                                                          \
	"{\"type\":\"block_actions\",\"api_app_id\":\"A01\",\"team\":{\"id\":\"T01\"},\"enterprise\":{\"id\":\"E1\"}," \
	"\"user\":{\"id\":\"U77\",\"team_id\":\"T01\"},\"container\":{\"type\":\"message\",\"message_ts\":\"1.2\","    \
	"\"channel_id\":\"C09\"},\"actions\":[{\"action_id\":\"rollcall.approve\",\"value\":\"v1.R.approve.t\","       \
	"\"action_ts\":\"1.1\"}]}"
#define HOME_PRESS                                                                                                     \
	"{\"type\":\"block_actions\",\"team\":null,\"user\":{\"id\":\"U77\"},\"container\":{\"type\":\"view\","        \
	"\"view_id\":\"V1\"},\"actions\":[{\"action_id\":\"rollcall.approve\",\"value\":\"v1.R.approve.t\"}]}"
#define ENVELOPE(type, payload) "{\"envelope_id\":\"e1\",\"type\":\"" type "\",\"payload\":" payload "}"

static const struct {
	const char *name, *text;
	enum slack_frame_kind kind;
	const char *envelope_id, *reason;
	bool readable;
	enum slack_kind in;
	const char *user, *channel, *enterprise, *id;
} cases[] = {
	{ "a greeting", "{\"type\":\"hello\",\"num_connections\":2}", FRAME_HELLO, "", "", false, SLACK_IGNORED, "", "",
	  "", "" },
	{ "a farewell", "{\"type\":\"disconnect\",\"reason\":\"warning\"}", FRAME_DISCONNECT, "", "warning", false,
	  SLACK_IGNORED, "", "", "", "" },
	{ "a press", ENVELOPE("interactive", PRESS), FRAME_ENVELOPE, "e1", "", true, SLACK_PRESS, "U77", "C09", "E1",
	  "press:U77:1.2:rollcall.approve:1.1" },
	{ "a press on one's Home", ENVELOPE("interactive", HOME_PRESS), FRAME_ENVELOPE, "e1", "", true, SLACK_PRESS,
	  "U77", "U77", "", "press:U77::rollcall.approve:" },
	{ "a command", ENVELOPE("slash_commands", "{\"user_id\":\"U77\",\"channel_id\":\"C09\",\"text\":\"help\"}"),
	  FRAME_ENVELOPE, "e1", "", true, SLACK_COMMAND, "U77", "C09", "", "envelope:e1" },
	{ "a Home that is looked at",
	  ENVELOPE("events_api", "{\"type\":\"event_callback\",\"event_id\":\"Ev1\",\"event\":{\"type\":"
				 "\"app_home_opened\",\"tab\":\"home\",\"user\":\"U77\"}}"),
	  FRAME_ENVELOPE, "e1", "", true, SLACK_HOME, "U77", "", "", "event:Ev1" },
	{ "its messages",
	  ENVELOPE("events_api", "{\"type\":\"event_callback\",\"event_id\":\"Ev1\",\"event\":{\"type\":"
				 "\"app_home_opened\",\"tab\":\"messages\",\"user\":\"U77\"}}"),
	  FRAME_ENVELOPE, "e1", "", true, SLACK_IGNORED, "", "", "", "event:Ev1" },
	{ "a command of nobody", ENVELOPE("slash_commands", "{}"), FRAME_ENVELOPE, "e1", "", false, SLACK_IGNORED, "",
	  "", "", "" },
	{ "no payload", "{\"envelope_id\":\"e1\",\"type\":\"interactive\"}", FRAME_ENVELOPE, "e1", "", false,
	  SLACK_IGNORED, "", "", "", "" },
	{ "something new", "{\"envelope_id\":\"e1\",\"type\":\"new\"}", FRAME_OTHER, "e1", "", false, SLACK_IGNORED, "",
	  "", "", "" },
	{ "an event without an envelope", "{\"type\":\"events_api\",\"payload\":{}}", FRAME_OTHER, "", "", false,
	  SLACK_IGNORED, "", "", "", "" },
};

static void frames(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct slack_frame f;
		struct error e = { .text = "" };
		struct arena *a = arena_create(1 << 20);
		if (slack_read_frame(cases[i].text, strlen(cases[i].text), "U0B", a, &f, &e) != RC_OK)
			fail_msg("%s: %s", cases[i].name, e.text);
		if (f.kind != cases[i].kind || f.readable != cases[i].readable || f.in.kind != cases[i].in ||
		    !*f.why != (f.readable || f.kind != FRAME_ENVELOPE))
			fail_msg("%s: kind %d, readable %d, in %d, why %s", cases[i].name, (int)f.kind, f.readable,
				 (int)f.in.kind, f.why);
		assert_string_equal(f.envelope_id, cases[i].envelope_id);
		assert_string_equal(f.reason, cases[i].reason);
		assert_string_equal(f.in.user, cases[i].user);
		assert_string_equal(f.in.channel, cases[i].channel);
		assert_string_equal(f.in.enterprise, cases[i].enterprise);
		assert_string_equal(f.in.id, cases[i].id);
		arena_destroy(a);
	}
}

static void what_is_no_frame(void **state)
{
	(void)state;
	static const struct {
		const char *text, *why;
	} bad[] = { { "", "frame: " },
		    { "{", "frame: " },
		    { "[]", "frame is not an object" },
		    { "\"hello\"", "frame is not" } };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct slack_frame f;
		struct error e;
		struct arena *a = arena_create(1 << 20);
		assert_int_equal(slack_read_frame(bad[i].text, strlen(bad[i].text), "U0B", a, &f, &e), RC_INVALID);
		assert_non_null(strstr(e.text, bad[i].why));
		arena_destroy(a);
	}
}

static void acknowledgements(void **state)
{
	(void)state;
	struct arena *a = arena_create(1 << 20);
	assert_string_equal(slack_frame_ack("e\"1", NULL, a), "{\"envelope_id\":\"e\\\"1\"}");
	assert_string_equal(slack_frame_ack("e1", "{\"a\":1}", a), "{\"envelope_id\":\"e1\",\"payload\":{\"a\":1}}");
	arena_destroy(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames),
		cmocka_unit_test(what_is_no_frame),
		cmocka_unit_test(acknowledgements),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
