#include "app/directory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "app/findings.h"
#include "base/text.h"
#include "base/yaml.h"

static const char people[] =
	"users:\n"
	"  lin: {identities: [\"slack:U1\", \"dingtalk:m1\"], groups: [sre], pin: \"${env:RC_PIN}\"}\n"
	"  wu: {identities: [\"slack:U2\"], groups: [sre, dev],"
	" pin_sha256: \"salt:5d7d10d5f2a2ad5c4c2a4c0d1bbc5c6a8f3c8c7f9d0b6e1c2a3f4b5d6e7f8091\"}\n"
	"  xu: {groups: [dev]}\n"
	"dingtalk: {robots: {rel: {url: \"${env:RC_URL}\", secret: \"${env:RC_SIGN}\"}}}\n";

static struct config *config;

static int read_people(void **state)
{
	(void)state;
	struct yaml_doc **docs = NULL;
	size_t n = 0;
	struct findings f = { 0 };
	struct error e = { .text = "" };
	if (yaml_parse("p", people, strlen(people), &docs, &n, &e) != RC_OK ||
	    config_read(docs[0], &config, &f, &e) != RC_OK) {
		findings_print(&f, "p", stderr);
		return -1;
	}
	findings_finish(&f);
	yaml_free(docs, n);
	return 0;
}

static int free_people(void **state)
{
	(void)state;
	config_free(config);
	return 0;
}

static void a_pin_names_its_person(void **state)
{
	(void)state;
	const struct person *p = directory_identify(config, "lin", "246810");
	assert_non_null(p);
	assert_string_equal(p->platform, "dingtalk");
	assert_string_equal(p->id, "m1");
	assert_string_equal(p->user, "lin");
	assert_string_equal(p->groups[0], "sre");
	assert_null(directory_identify(config, "lin", "246811"));
	assert_null(directory_identify(config, "lin", ""));
	assert_null(directory_identify(config, "wu", "246810")); /* not the PIN of that hash */
	assert_null(directory_identify(config, "xu", ""));       /* has none */
	assert_null(directory_identify(config, "nobody", "246810"));
}

/* What `rollcall pin` prints is what the configuration takes. */
static void a_hash_is_of_salt_and_pin(void **state)
{
	(void)state;
	char salted[128], plain[128], yaml[512];
	struct error e;
	assert_int_equal(directory_hash_pin("salt", "246810", salted, sizeof salted, &e), RC_OK);
	assert_true(text_starts(salted, "salt:"));
	assert_int_equal(directory_hash_pin("", "246810", plain, sizeof plain, &e), RC_OK);
	assert_int_equal(strlen(plain), 64);
	assert_string_not_equal(plain, salted + 5);
	const char *const hashes[] = { salted, plain };
	for (size_t i = 0; i < 2; i++) {
		struct yaml_doc **docs = NULL;
		size_t n = 0;
		struct findings f = { 0 };
		struct config *c = NULL;
		(void)snprintf(yaml, sizeof yaml, "users: {lin: {pin_sha256: \"%s\"}}\n", hashes[i]);
		assert_int_equal(yaml_parse("p", yaml, strlen(yaml), &docs, &n, &e), RC_OK);
		assert_int_equal(config_read(docs[0], &c, &f, &e), RC_OK);
		assert_int_equal(f.count, i); /* one without a salt is warned about */
		assert_non_null(directory_identify(c, "lin", "246810"));
		assert_null(directory_identify(c, "lin", "246811"));
		findings_finish(&f);
		yaml_free(docs, n);
		config_free(c);
	}
}

static void identities_of(const char *approver, const char *platform, char buf[256])
{
	const char *list[DIRECTORY_MENTIONS_MAX + 1];
	directory_identities(config, approver, platform, list);
	buf[0] = '\0';
	for (size_t i = 0; list[i]; i++)
		(void)snprintf(buf + strlen(buf), 256 - strlen(buf), "%s ", list[i]);
}

static void approvers_stand_for_identities(void **state)
{
	static const struct {
		const char *approver, *platform, *identities;
	} cases[] = {
		{ "user:lin", "slack:", "slack:U1 " },
		{ "user:lin", "dingtalk:", "dingtalk:m1 " },
		{ "group:sre", "slack:", "slack:U1 slack:U2 " },
		{ "group:dev", "slack:", "slack:U2 " },
		{ "group:ops", "slack:", "" },
		{ "user:sre", "slack:", "" },
		{ "slack:U1", "slack:", "" },
		{ "anyone-in-channel", "slack:", "" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char got[256];
		identities_of(cases[i].approver, cases[i].platform, got);
		if (!text_eq(got, cases[i].identities))
			fail_msg("%s %s: %s", cases[i].approver, cases[i].platform, got);
	}
}

static void a_robot_is_known_by_its_url(void **state)
{
	(void)state;
	assert_string_equal(directory_robot_secret(config, "https://oapi.dingtalk.com/robot/send?access_token=x"),
			    "SECx-y-z");
	assert_null(directory_robot_secret(config, "https://oapi.dingtalk.com/robot/send?access_token=y"));
}

int main(void)
{
	setenv("RC_PIN", "246810", 1);
	setenv("RC_URL", "https://oapi.dingtalk.com/robot/send?access_token=x", 1);
	setenv("RC_SIGN", "SECx-y-z", 1);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pin_names_its_person),
		cmocka_unit_test(a_hash_is_of_salt_and_pin),
		cmocka_unit_test(approvers_stand_for_identities),
		cmocka_unit_test(a_robot_is_known_by_its_url),
	};
	return cmocka_run_group_tests(tests, read_people, free_people);
}
