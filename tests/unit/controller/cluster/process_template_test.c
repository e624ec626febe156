#include "controller/cluster/embedded/process_template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"

#define HEAD "{\"metadata\":{\"name\":\"shop\",\"namespace\":\"default\",\"uid\":\"u1\",\"generation\":3},\"spec\":"
#define PROCESS(more) HEAD "{\"version\":\"1.2\",\"command\":[\"./shop\",\"$PORT\"]" more "}}"
#define UNIT(more) HEAD "{\"version\":\"1.2\",\"unit\":\"shop@.service\"" more "}}"

static cJSON *parsed(const char *text)
{
	cJSON *v = NULL;
	struct error e;
	if (json_parse(text, strlen(text), &v, &e) != RC_OK)
		fail_msg("%s\n%s", e.text, text);
	return v;
}

static void assert_json(const cJSON *tree, const char *path, const char *wanted)
{
	CLEANUP(free_p) char *text = json_canonical(json_at(tree, path), false);
	if (!text || strcmp(text, wanted) != 0)
		fail_msg("%s is %s, not %s", path, text ? text : "missing", wanted);
}

static void test_process(void **state)
{
	(void)state;
	CLEANUP(json_delete_p)
	cJSON *o = parsed(PROCESS(",\"folder\":\"/srv/$VERSION\",\"instances\":3,\"env\":{\"A\":\"b\"},\"readiness\":{"
				  "\"path\":\"/up\"},\"stop\":{\"signal\":\"INT\",\"graceSeconds\":5}"));
	assert_int_equal(process_check(KIND_PROCESS, o, NULL), RC_OK);
	CLEANUP(json_delete_p) cJSON *d = process_deployment(KIND_PROCESS, o);
	assert_json(d, "metadata.annotations", "{\"rollcall.dev/generation\":\"3\",\"rollcall.dev/instances\":\"3\"}");
	assert_json(d, "metadata.ownerReferences",
		    "[{\"apiVersion\":\"rollcall.dev/v1\",\"blockOwnerDeletion\":true,\"controller\":true,\"kind\":"
		    "\"Process\",\"name\":\"shop\",\"uid\":\"u1\"}]");
	assert_json(d, "spec.replicas", "3");
	assert_json(d, "spec.selector", "{\"matchLabels\":{\"app\":\"shop\"}}");
	assert_json(
		d, "spec.template",
		"{\"metadata\":{\"annotations\":{\"rollcall.dev/command\":\"own\",\"rollcall.dev/port\":\"assign\"},"
		"\"labels\":{\"app\":\"shop\"}},\"spec\":{\"containers\":[{\"command\":[\"./shop\",\"$PORT\"],\"env\":"
		"[{\"name\":\"A\",\"value\":\"b\"}],\"image\":\"shop:1.2\",\"lifecycle\":{\"stopSignal\":\"SIGINT\"},"
		"\"name\":\"shop\",\"ports\":[{\"containerPort\":1,\"name\":\"http\"}],\"readinessProbe\":{"
		"\"failureThreshold\":3,\"httpGet\":{\"path\":\"/up\",\"port\":\"http\"},\"periodSeconds\":1},"
		"\"workingDir\":\"/srv/$VERSION\"}],\"terminationGracePeriodSeconds\":5}}");
}

static void test_unit(void **state)
{
	(void)state;
	CLEANUP(json_delete_p) cJSON *o = parsed(UNIT(",\"port\":8080"));
	assert_int_equal(process_check(KIND_SYSTEMD_UNIT, o, NULL), RC_OK);
	CLEANUP(json_delete_p) cJSON *d = process_deployment(KIND_SYSTEMD_UNIT, o);
	assert_json(d, "spec.replicas", "1");
	assert_json(d, "spec.template",
		    "{\"metadata\":{\"annotations\":{\"rollcall.dev/"
		    "unit\":\"shop@.service\"},\"labels\":{\"app\":\"shop\"}},"
		    "\"spec\":{\"containers\":[{\"image\":\"shop:1.2\",\"name\":\"shop\",\"ports\":[{\"containerPort\":"
		    "8080,"
		    "\"name\":\"http\"}],\"readinessProbe\":{\"failureThreshold\":3,\"periodSeconds\":1,\"tcpSocket\":{"
		    "\"port\":\"http\"}}}],\"terminationGracePeriodSeconds\":30}}");
}

static void test_mistakes(void **state)
{
	(void)state;
	static const struct {
		enum kind kind;
		const char *object, *says;
	} cases[] = {
		{ KIND_PROCESS, HEAD "{\"command\":[\"x\"]}}", "spec.version: must be a text" },
		{ KIND_PROCESS, HEAD "{\"version\":1,\"command\":[\"x\"]}}", "spec.version: must be a text" },
		{ KIND_PROCESS, HEAD "{\"version\":\"../1\",\"command\":[\"x\"]}}", "spec.version: must be a text" },
		{ KIND_PROCESS, HEAD "{\"version\":\"1/2\",\"command\":[\"x\"]}}", "spec.version: must be a text" },
		{ KIND_PROCESS, HEAD "{\"version\":\"1\"}}", "spec.command: must be a list" },
		{ KIND_PROCESS, HEAD "{\"version\":\"1\",\"command\":[\"x\",8080]}}", "spec.command: must be a list" },
		{ KIND_PROCESS, HEAD "{\"version\":\"1\",\"command\":[]}}", "spec.command: must be a list" },
		{ KIND_PROCESS, PROCESS(",\"folder\":\"srv\""), "spec.folder: must be a text that begins with /" },
		{ KIND_PROCESS, PROCESS(",\"instnaces\":1"),
		  "spec.instnaces: no such field; did you mean \"instances\"?" },
		{ KIND_PROCESS, PROCESS(",\"unit\":\"a@.service\""), "spec.unit: no such field" },
		{ KIND_PROCESS, PROCESS(",\"instances\":-1"), "spec.instances: must be a whole number from 0 to 1000" },
		{ KIND_PROCESS, PROCESS(",\"port\":0"), "spec.port: must be a whole number from 1 to 65535" },
		{ KIND_PROCESS, PROCESS(",\"env\":{\"A\":1}"), "spec.env.A: must be a text of one line" },
		{ KIND_PROCESS, PROCESS(",\"env\":{\"A-B\":\"\"}"), "\"A-B\" is not the name of a variable" },
		{ KIND_PROCESS, PROCESS(",\"env\":{\"PORT\":\"1\"}"), "spec.env.PORT: rollcall sets it" },
		{ KIND_PROCESS, PROCESS(",\"readiness\":{\"path\":\"x\"}"),
		  "spec.readiness.path: must be a text that" },
		{ KIND_PROCESS, PROCESS(",\"readiness\":7"), "spec.readiness: must be an object" },
		{ KIND_PROCESS, PROCESS(",\"readiness\":{\"pth\":\"x\"}"), "spec.readiness.pth: no such field" },
		{ KIND_PROCESS, PROCESS(",\"stop\":{\"signal\":\"KILL\"}"), "spec.stop.signal: must be one of TERM" },
		{ KIND_SYSTEMD_UNIT, HEAD "{\"version\":\"1\"}}", "spec.unit: must be the name of a template unit" },
		{ KIND_SYSTEMD_UNIT, HEAD "{\"version\":\"1\",\"unit\":\"a.service\"}}", "spec.unit: must be" },
		{ KIND_SYSTEMD_UNIT, HEAD "{\"version\":\"1\",\"unit\":\"a b@.service\"}}", "spec.unit: must be" },
		{ KIND_SYSTEMD_UNIT, HEAD "{\"version\":\"1+2\",\"unit\":\"a@.service\"}}",
		  "spec.version: must be a text" },
		{ KIND_SYSTEMD_UNIT, UNIT(",\"stop\":{\"signal\":\"INT\"}"), "spec.stop.signal: no such field" },
		{ KIND_PROCESS, "{\"metadata\":{\"name\":\"A\"},\"spec\":{}}", "metadata.name: must be lower case" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		CLEANUP(json_delete_p) cJSON *o = parsed(cases[i].object);
		struct error e = { 0 };
		if (process_check(cases[i].kind, o, &e) != RC_INVALID || !strstr(e.text, cases[i].says))
			fail_msg("%s: %s", cases[i].object, e.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_process),
		cmocka_unit_test(test_unit),
		cmocka_unit_test(test_mistakes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
