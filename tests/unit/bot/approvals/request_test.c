#include "bot/approvals/request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_transitions(void **state)
{
	(void)state;
	static const enum req_state from_open[REQ_EVENT_COUNT] = {
		[REQ_ON_QUORUM] = REQ_APPROVED,  [REQ_ON_REJECT] = REQ_REJECTED, [REQ_ON_NEW_REVISION] = REQ_SUPERSEDED,
		[REQ_ON_DEADLINE] = REQ_EXPIRED, [REQ_ON_GONE] = REQ_CANCELLED,
	};
	for (int from = 0; from < REQ_STATE_COUNT; from++)
		for (int on = 0; on < REQ_EVENT_COUNT; on++) {
			enum req_state got = REQ_STATE_COUNT;
			struct error e = { 0 };
			enum result r = request_next((enum req_state)from, (enum req_event)on, &got, &e);
			if (from == REQ_OPEN) {
				if (r != RC_OK || got != from_open[on])
					fail_msg("open, event %d: %s", on, result_name(r));
				continue;
			}
			char want[64];
			(void)snprintf(want, sizeof want, "the request is already %s",
				       req_state_name((enum req_state)from));
			if (r != RC_CONFLICT || got != REQ_STATE_COUNT || strcmp(e.text, want) != 0)
				fail_msg("%s, event %d: %s \"%s\"", req_state_name((enum req_state)from), on,
					 result_name(r), e.text);
		}
}

static void test_names(void **state)
{
	(void)state;
	static const char *const names[] = { "open", "approved", "rejected", "superseded", "expired", "cancelled" };
	assert_int_equal(sizeof names / sizeof *names, REQ_STATE_COUNT);
	for (int i = 0; i < REQ_STATE_COUNT; i++)
		assert_string_equal(req_state_name((enum req_state)i), names[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_transitions), cmocka_unit_test(test_names) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
