/* What a flow's answers mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "bot/channels/teams/teams_private.h"

static const struct {
	const char *name;
	int status;
	const char *body;
	int64_t said_ms;
	enum result r;
	int64_t retry_after_ms;
	const char *why;
} cases[] = {
	{ "taken", 202, "", -1, RC_OK, -1, "" },
	{ "taken by an older flow", 200, "ok", -1, RC_OK, -1, "" },
	{ "another shape", 400, "", -1, RC_INVALID, -1,
	  "the flow answers HTTP 400; the flow's trigger wants another shape: make it from the template \"Post to a "
	  "channel when a webhook request is received\"" },
	{ "signature", 401, "{\"error\":{\"code\":\"DirectApiAuthorizationRequired\",\"message\":\"x\"}}", -1,
	  RC_INVALID, -1,
	  "the flow answers HTTP 401 DirectApiAuthorizationRequired; the address's signature is wrong or was renewed: "
	  "copy the flow's URL again" },
	{ "policy", 403, "{\"error\":{\"code\":\"AuthorizationFailed\"}}", -1, RC_INVALID, -1,
	  "the flow answers HTTP 403 AuthorizationFailed; the flow lets nobody call it: its trigger must allow "
	  "anyone" },
	{ "gone", 404, "{\"error\":{\"code\":\"WorkflowNotFound\"}}", -1, RC_INVALID, -1,
	  "the flow answers HTTP 404 WorkflowNotFound; the flow was deleted or is switched off" },
	{ "slow down", 429, "", 2000, RC_UNREACHABLE, 2000, "the flow answers HTTP 429" },
	{ "slow down, for how long?", 429, "", -1, RC_UNREACHABLE, 60000, "the flow answers HTTP 429" },
	{ "busy", 503, "", -1, RC_UNREACHABLE, 5000, "the flow answers HTTP 503" },
	{ "it may have run", 502, "<html>", -1, RC_CONFLICT, -1, "the flow answers HTTP 502" },
	{ "control characters", 500, "{\"error\":{\"code\":\"a\\u001b[31m\"}}", -1, RC_CONFLICT, -1,
	  "the flow answers HTTP 500 a?[31m" },
	{ "of another shape", 404, "{\"error\":[1]}", -1, RC_INVALID, -1,
	  "the flow answers HTTP 404; the flow was deleted or is switched off" },
};

static void test_outcomes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct teams_outcome o;
		teams_outcome(cases[i].status, cases[i].body, strlen(cases[i].body), cases[i].said_ms, &o);
		if (o.r != cases[i].r || o.retry_after_ms != cases[i].retry_after_ms || !text_eq(o.why, cases[i].why))
			fail_msg("%s: result %s, %lld ms, %s", cases[i].name, result_name(o.r),
				 (long long)o.retry_after_ms, o.why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_outcomes) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
