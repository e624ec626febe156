#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/strbuf.h"

static struct strbuf lines;
static struct clock_manual manual;
static const struct wall_ms start = { 1795557502123 };

static void keep(void *owner, const char *text)
{
	assert_ptr_equal(owner, &lines);
	strbuf_addf(&lines, "%s\n", text);
}

static int begin(void **state)
{
	(void)state;
	strbuf_init(&lines, 1 << 20);
	clock_manual_init(&manual, start);
	log_clock(&manual.clock);
	log_flush();
	log_capture(keep, &lines);
	return log_setup("info", "logfmt", NULL) == RC_OK ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	log_capture(NULL, NULL);
	log_flush();
	log_clock(NULL);
	strbuf_finish(&lines);
	return 0;
}

static void assert_lines(const char *text)
{
	assert_string_equal(lines.s, text);
	strbuf_clear(&lines);
}

#define TIME "2026-11-24T21:58:22.123Z"

static void test_logfmt(void **state)
{
	(void)state;
	log_info("gate_opened", "canary=%s gate=%s step=%d share=%.1f", "podinfo.test", "confirm-rollout", 2, 99.5);
	assert_lines("time=" TIME
		     " level=info event=gate_opened canary=podinfo.test gate=confirm-rollout step=2 share=99.5\n");
	log_warn("hook_failed", "error=%s after %d ms next=%s", "got 500", 30, "");
	assert_lines("time=" TIME " level=warn event=hook_failed error=\"got 500 after 30 ms\" next=\"\"\n");
	log_error("disk_full", "path=%s percent=%d%%", "/var/lib/\xe7\x81\xb0", 100);
	assert_lines("time=" TIME " level=error event=disk_full path=\"/var/lib/\xe7\x81\xb0\" percent=100%\n");
	log_info("no_key", "only words %d", 5);
	assert_lines("time=" TIME " level=info event=no_key message=\"only words 5\"\n");
	log_info("own_keys", "time=%s level=%d event=%s", "t", 1, "e");
	assert_lines("time=" TIME " level=info event=own_keys time_=t level_=1 event_=e\n");
}

static void test_json(void **state)
{
	(void)state;
	assert_int_equal(log_setup("info", "json", NULL), RC_OK);
	log_info("gate_opened", "canary=%s step=%d share=%.1f text=%d%% words=%s big=%llu", "pod\"info\n", 2, 99.5, 5,
		 "12", 18446744073709551615ULL);
	assert_lines("{\"time\":\"" TIME
		     "\",\"level\":\"info\",\"event\":\"gate_opened\",\"canary\":\"pod\\\"info\\n\","
		     "\"step\":2,\"share\":99.5,\"text\":\"5%\",\"words\":\"12\",\"big\":18446744073709551615}\n");
	log_info("not_finite", "v=%f", 1.0 / 0.0);
	assert_lines("{\"time\":\"" TIME "\",\"level\":\"info\",\"event\":\"not_finite\",\"v\":\"inf\"}\n");
}

/* What a peer wrote cannot begin a line, a field, or a terminal command. */
static void test_hostile_values(void **state)
{
	(void)state;
	static const struct {
		const char *value, *logfmt;
	} cases[] = {
		{ "a\nlevel=error event=fake", "\"a\\nlevel=error event=fake\"" },
		{ "x next=forged", "\"x next=forged\"" },
		{ "\x1b[2J", "\"\\u001b[2J\"" },
		{ "\xc2\x9b"
		  "2J\x7f",
		  "\"\\u009b2J\\u007f\"" },
		{ "\xff\xfe", "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "a\"b", "\"a\\\"b\"" },
		{ "a\\b", "\"a\\\\b\"" },
		{ "k=v", "\"k=v\"" },
		{ "%s%n", "%s%n" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char want[200];
		snprintf(want, sizeof want, "time=" TIME " level=info event=e a=%s next=real\n", cases[i].logfmt);
		assert_int_equal(log_setup("info", "logfmt", NULL), RC_OK);
		log_info("e", "a=%s next=%s", cases[i].value, "real");
		assert_lines(want);
		assert_int_equal(log_setup("info", "json", NULL), RC_OK);
		log_info("e", "a=%s next=%s", cases[i].value, "real");
		CLEANUP(json_delete_p) cJSON *v = NULL;
		assert_int_equal(json_parse(lines.s, lines.len, &v, NULL), RC_OK);
		assert_int_equal(cJSON_GetArraySize(v), 5);
		assert_string_equal(json_text(v, "next", "?"), "real");
		strbuf_clear(&lines);
	}
}

static void test_levels(void **state)
{
	(void)state;
	log_debug("quiet", "a=%d", 1);
	assert_lines("");
	assert_int_equal(log_setup("error", "logfmt", NULL), RC_OK);
	assert_int_equal(log_level(), LOG_ERROR);
	log_warn("quiet", "a=%d", 1);
	assert_lines("");
	assert_int_equal(log_setup("debug", "logfmt", NULL), RC_OK);
	log_debug("loud", "a=%d", 1);
	assert_lines("time=" TIME " level=debug event=loud a=1\n");
}

static void test_setup_errors(void **state)
{
	(void)state;
	static const struct {
		const char *level, *format, *error;
	} cases[] = {
		{ "inof", "json", "unknown log level \"inof\" (error, warn, info, debug), did you mean \"info\"?" },
		{ "verbose", "json", "unknown log level \"verbose\" (error, warn, info, debug)" },
		{ NULL, "json", "unknown log level \"\" (error, warn, info, debug)" },
		{ "info", "jsno", "unknown log format \"jsno\" (auto, json, logfmt), did you mean \"json\"?" },
		{ "info", NULL, "unknown log format \"\" (auto, json, logfmt)" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct error e;
		assert_int_equal(log_setup(cases[i].level, cases[i].format, &e), RC_INVALID);
		assert_string_equal(e.text, cases[i].error);
	}
	assert_int_equal(log_level(), LOG_INFO);
}

static void test_repeats(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++)
		log_warn("gate_unreachable", "url=%s", "http://a");
	assert_lines("time=" TIME " level=warn event=gate_unreachable url=http://a\n");
	log_warn("gate_unreachable", "url=%s", "http://b");
	assert_lines("time=" TIME " level=warn event=repeated of=gate_unreachable count=4\n"
		     "time=" TIME " level=warn event=gate_unreachable url=http://b\n");
	log_info("other", "a=%d", 1);
	assert_lines("time=" TIME " level=info event=other a=1\n");
	log_info("other", "a=%d", 1);
	log_flush();
	assert_lines("time=" TIME " level=info event=repeated of=other count=1\n");
	log_flush();
	assert_lines("");
	log_info("other", "a=%d", 1);
	strbuf_clear(&lines);

	/* What lasts is said again each minute. */
	log_info("other", "a=%d", 1);
	clock_manual_advance(&manual, 59999);
	log_info("other", "a=%d", 1);
	assert_lines("");
	clock_manual_advance(&manual, 1);
	log_info("other", "a=%d", 1);
	assert_lines("time=2026-11-24T21:59:22.123Z level=info event=repeated of=other count=2\n"
		     "time=2026-11-24T21:59:22.123Z level=info event=other a=1\n");
	assert_int_equal(log_setup("info", "json", NULL), RC_OK);
	log_info("x", "a=%d", 1);
	log_info("x", "a=%d", 1);
	strbuf_clear(&lines);
	log_flush();
	assert_lines("{\"time\":\"2026-11-24T21:59:22.123Z\",\"level\":\"info\",\"event\":\"repeated\",\"of\":\"x\","
		     "\"count\":1}\n");
}

static void test_redaction(void **state)
{
	(void)state;
	log_redact("xoxb-12345");
	log_redact("xoxb-12345-67890");
	log_redact("67890-tail");
	log_redact("quo\"ted");
	log_redact("short");
	log_redact(NULL);
	log_redact("xoxb-12345");
	static const struct {
		const char *value, *printed;
	} cases[] = {
		{ "xoxb-12345", "***" },
		{ "Bearer xoxb-12345-67890!", "\"Bearer ***!\"" },
		{ "xoxb-12345-67890-tail", "***" }, /* two that overlap */
		{ "xoxb-12345xoxb-12345", "******" },
		{ "quo\"ted", "***" }, /* before quoting, which would hide it */
		{ "short", "short" },
		{ "xoxb-1234", "xoxb-1234" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char want[200];
		snprintf(want, sizeof want, "time=" TIME " level=info event=e a=%s b=%d\n", cases[i].printed, (int)i);
		log_info("e", "a=%s b=%d", cases[i].value, (int)i);
		assert_lines(want);
	}
	/* At the border where long values are cut, no half of a secret stays. */
	char value[1100];
	memset(value, 'a', sizeof value);
	snprintf(value + 1020, sizeof value - 1020, "xoxb-12345");
	log_info("e", "a=%s", value);
	assert_null(strstr(lines.s, "xo"));
	assert_non_null(strstr(lines.s, "aaa***\n"));
}

static void test_long_values(void **state)
{
	(void)state;
	CLEANUP(free_p) char *value = malloc(2 << 20);
	memset(value, 'a', 2 << 20);
	value[1024] = '\0';
	log_info("e", "a=%s b=%d", value, 1);
	assert_int_equal(lines.len, strlen("time=" TIME " level=info event=e a= b=1\n") + 1024);
	strbuf_clear(&lines);
	memcpy(value + 1023, "\xe7\x81\xb0", 4);
	log_info("e", "a=%s b=%d", value, 1);
	assert_non_null(strstr(lines.s, "aaa... b=1\n"));
	strbuf_clear(&lines);
	memset(value, 'a', 2 << 20);
	value[(2 << 20) - 1] = '\0';
	log_info("e", "a=%s b=%d", value, 1);
	assert_lines("time=" TIME " level=info event=e values=dropped\n");
}

static void test_errno_survives(void **state)
{
	(void)state;
	/* A descriptor that cannot be written to: the write sets errno. */
	int before = dup(STDERR_FILENO), nowhere = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_true(before >= 0 && nowhere >= 0);
	log_capture(NULL, NULL);
	dup2(nowhere, STDERR_FILENO);
	errno = EAGAIN;
	log_info("e", "a=%s", "b");
	int after = errno;
	dup2(before, STDERR_FILENO);
	close(before);
	close(nowhere);
	assert_int_equal(after, EAGAIN);
}

static void test_stderr(void **state)
{
	(void)state;
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	int before = dup(STDERR_FILENO);
	dup2(ends[1], STDERR_FILENO);
	log_capture(NULL, NULL);
	enum result r = log_setup("info", "auto", NULL); /* a pipe is no terminal */
	log_info("on_stderr", "a=%d", 1);
	dup2(before, STDERR_FILENO);
	close(before);
	close(ends[1]);
	char got[200] = "";
	ssize_t n = read(ends[0], got, sizeof got - 1);
	close(ends[0]);
	assert_int_equal(r, RC_OK);
	assert_true(n > 0);
	assert_string_equal(got, "{\"time\":\"" TIME "\",\"level\":\"info\",\"event\":\"on_stderr\",\"a\":1}\n");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		T(test_logfmt),         T(test_json),    T(test_hostile_values), T(test_levels),
		T(test_setup_errors),   T(test_repeats), T(test_redaction),      T(test_long_values),
		T(test_errno_survives), T(test_stderr),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
