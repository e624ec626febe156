#include "bot/channels/channels.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_platforms(void **state)
{
	(void)state;
	static const char *const names[] = { "slack", "dingtalk", "teams" };
	for (size_t i = 0; i < 3; i++) {
		const struct channel_ops *ops = channels_platform(names[i]);
		assert_non_null(ops);
		assert_string_equal(ops->platform, names[i]);
		/* what the bot calls without asking */
		assert_true(ops->render_card && ops->render_ask && ops->render_text && ops->deliver && ops->destroy);
	}
	assert_null(channels_platform("webhook"));
}

static const struct {
	const char *destination, *why;
} cases[] = {
	{ "slack:C024BE91L", NULL },
	{ "dingtalk:releases", NULL },
	{ "teams:releases", NULL },
	{ "slak:C1", "channel \"slak:C1\" is not of the form slack:C012AB3CD, dingtalk:ROBOT, "
		     "dingtalk-app:CONVERSATION or teams:CHANNEL, did you "
		     "mean slack:..." },
	{ "slack:", "channel \"slack:\" is not of the form slack:C012AB3CD, dingtalk:ROBOT, dingtalk-app:CONVERSATION "
		    "or teams:CHANNEL, did you "
		    "mean slack:..." },
	{ "slack", "channel \"slack\" is not of the form slack:C012AB3CD, dingtalk:ROBOT, dingtalk-app:CONVERSATION or "
		   "teams:CHANNEL, did you "
		   "mean slack:..." },
	{ "irc:#a", "channel \"irc:#a\" is not of the form slack:C012AB3CD, dingtalk:ROBOT, dingtalk-app:CONVERSATION "
		    "or teams:CHANNEL" },
	{ "", "channel \"\" is not of the form slack:C012AB3CD, dingtalk:ROBOT, dingtalk-app:CONVERSATION or "
	      "teams:CHANNEL" },
};

static void test_check(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct error e = { .text = "" };
		enum result r = channels_check(cases[i].destination, &e);
		if (r != (cases[i].why ? RC_INVALID : RC_OK) || (cases[i].why && strcmp(e.text, cases[i].why) != 0))
			fail_msg("%s: %s", cases[i].destination, e.text);
	}
}

static void test_find(void **state)
{
	(void)state;
	struct channel slack = { channels_platform("slack") }, ding = { channels_platform("dingtalk") };
	struct channel *const list[] = { &slack, &ding, NULL };
	assert_ptr_equal(channels_find(list, "slack:C1"), &slack);
	assert_ptr_equal(channels_find(list, "dingtalk:x"), &ding);
	assert_null(channels_find(list, "slackish:x"));
	assert_null(channels_find(list, "slack"));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_platforms), cmocka_unit_test(test_check),
					    cmocka_unit_test(test_find) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
