#include "app/console_detail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"

#define ONE(inside) "{\"spec\":{\"containers\":[{\"name\":\"app\",\"image\":\"x\"" inside "}]}}"

static const struct {
	const char *name, *stable, *canary, *wanted;
} cases[] = {
	{ "nothing", ONE(""), ONE(""), "" },
	{ "an image is told elsewhere", ONE(""), "{\"spec\":{\"containers\":[{\"name\":\"app\",\"image\":\"y\"}]}}",
	  "" },
	{ "arguments", ONE(",\"args\":[\"-v\"]"), ONE(",\"args\":[\"-v\",\"-q\"]"),
	  ",\"changes\":[{\"path\":\"app args\",\"from\":\"[\\\"-v\\\"]\",\"to\":\"[\\\"-v\\\",\\\"-q\\\"]\"}]" },
	{ "variables: another value, a new one, one that went",
	  ONE(",\"env\":[{\"name\":\"A\",\"value\":\"1\"},{\"name\":\"B\",\"value\":\"2\"}]"),
	  ONE(",\"env\":[{\"name\":\"C\",\"value\":\"3\"},{\"name\":\"A\",\"value\":\"9\"}]"),
	  ",\"changes\":[{\"path\":\"app C\",\"to\":\"3\"},{\"path\":\"app A\",\"from\":\"1\",\"to\":\"9\"},"
	  "{\"path\":\"app B\",\"from\":\"2\"}]" },
	{ "the order of variables is no change",
	  ONE(",\"env\":[{\"name\":\"A\",\"value\":\"1\"},{\"name\":\"B\",\"value\":\"2\"}]"),
	  ONE(",\"env\":[{\"name\":\"B\",\"value\":\"2\"},{\"name\":\"A\",\"value\":\"1\"}]"), "" },
	{ "a container more", ONE(""),
	  "{\"spec\":{\"containers\":[{\"name\":\"app\",\"image\":\"x\"},{\"name\":\"log\",\"image\":\"l:1\"}]}}",
	  ",\"changes\":[{\"path\":\"log container\",\"to\":\"l:1\"}]" },
	{ "a container less", ONE(""), "{\"spec\":{\"containers\":[]}}",
	  ",\"changes\":[{\"path\":\"app container\",\"from\":\"x\"}]" },
	{ "labels of the copy", "{\"metadata\":{\"labels\":{\"app\":\"a-primary\"}},\"spec\":{\"containers\":[]}}",
	  "{\"metadata\":{\"labels\":{\"app\":\"a\"}},\"spec\":{\"containers\":[]}}", "" },
	{ "hostile values are JSON", ONE(",\"env\":[]"),
	  ONE(",\"env\":[{\"name\":\"\\\"]\",\"value\":\"<img>\\u0000\"}]"), NULL },
};

static void what_differs(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		cJSON *stable = cJSON_Parse(cases[i].stable), *canary = cJSON_Parse(cases[i].canary), *read = NULL;
		struct strbuf b;
		struct error e;
		strbuf_init(&b, 4096);
		strbuf_add(&b, "{\"first\":1");
		console_changes(stable, canary, &b);
		if (cases[i].wanted && strcmp(b.s + strlen("{\"first\":1"), cases[i].wanted) != 0)
			fail_msg("%s: %s", cases[i].name, b.s);
		strbuf_addc(&b, '}');
		if (json_parse(b.s, b.len, &read, &e) != RC_OK)
			fail_msg("%s: %s", cases[i].name, e.text);
		cJSON_Delete(read);
		cJSON_Delete(stable);
		cJSON_Delete(canary);
		strbuf_finish(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(what_differs) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
