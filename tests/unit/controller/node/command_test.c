#include "controller/node/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/command-test-XXXXXX";
static struct site site;
static struct pod_spec pod = { .name = "shop-primary-0a1b2c3d4e-x7k2p" };

static struct command_use use_of(const struct container_spec *c)
{
	return (struct command_use){ .site = &site, .pod = &pod, .container = c, .address = "127.0.0.1" };
}

static void test_words(void **state)
{
	(void)state;
	static const struct {
		const char *word, *becomes;
	} cases[] = {
		{ "plain", "plain" },
		{ "$PORT", "20001" },
		{ "--listen=$ADDRESS:${PORT}", "--listen=127.0.0.1:20001" },
		{ "/srv/${VERSION}/bin", "/srv/1.2-rc.1/bin" },
		{ "$POD", "shop-primary-0a1b2c3d4e-x7k2p" },
		{ "$$PORT costs $$5", "$PORT costs $5" },
		{ "$PORTS $HOME ${PORT $", "$PORTS $HOME ${PORT $" },
		{ "", "" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		CLEANUP(arena_destroy_p) struct arena *a = arena_create(1 << 20);
		const char *const words[] = { "./shop", cases[i].word, NULL };
		const struct container_spec c = { .image = "shop:1.2-rc.1", .port = 20001, .command = words };
		const struct command_use use = use_of(&c);
		struct process_options o = { .argv = NULL };
		struct error e;
		assert_true(command_is_own(&c));
		assert_int_equal(command_prepare(a, &use, &o, &e), RC_OK);
		assert_string_equal(o.argv[0], "./shop");
		assert_string_equal(o.argv[1], cases[i].becomes);
		assert_null(o.argv[2]);
		assert_null(o.folder);
	}
}

static void test_environment(void **state)
{
	(void)state;
	CLEANUP(arena_destroy_p) struct arena *a = arena_create(1 << 20);
	const char *const words[] = { "x", NULL };
	const struct container_spec c = { .image = "shop:2", .port = 8080, .command = words };
	const struct command_use use = use_of(&c);
	const char *const *env = command_env(a, &use);
	assert_string_equal(env[0], "PORT=8080");
	assert_string_equal(env[1], "ADDRESS=127.0.0.1");
	assert_string_equal(env[2], "VERSION=2");
	assert_string_equal(env[3], "POD=shop-primary-0a1b2c3d4e-x7k2p");
	assert_null(env[4]);
}

static void test_unit(void **state)
{
	(void)state;
	CLEANUP(arena_destroy_p) struct arena *a = arena_create(1 << 20);
	const struct env_var env[] = { { "MODE", "a \"b\" $c \\ `d`", ENV_VALUE } };
	const struct container_spec c = {
		.image = "shop:1.2", .port = 20001, .unit = "shop@.service", .env = env, .env_len = 1
	};
	const struct command_use use = use_of(&c);
	struct process_options o = { .argv = NULL };
	struct error e = { 0 };
	char path[256], text[512] = "";
	assert_int_equal(command_prepare(a, &use, &o, &e), RC_REFUSED); /* this node has no program of ours */
	site.program = "/usr/bin/rollcall";
	assert_int_equal(command_prepare(a, &use, &o, &e), RC_OK);
	assert_string_equal(o.argv[0], "/usr/bin/rollcall");
	assert_string_equal(o.argv[1], "run-unit");
	assert_string_equal(o.argv[2], "shop@1.2-x7k2p.service");
	snprintf(path, sizeof path, "%s/units/1.2-x7k2p.env", folder);
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	(void)fread(text, 1, sizeof text - 1, f);
	fclose(f);
	assert_string_equal(text, "MODE=\"a \\\"b\\\" \\$c \\\\ \\`d\\`\"\nPORT=\"20001\"\nADDRESS=\"127.0.0.1\"\n"
				  "VERSION=\"1.2\"\nPOD=\"shop-primary-0a1b2c3d4e-x7k2p\"\n");
	command_forget(&use);
	assert_int_not_equal(access(path, F_OK), 0);
	snprintf(path, sizeof path, "%s/units", folder);
	(void)rmdir(path);
	(void)rmdir(folder);
}

int main(void)
{
	static char units[64];
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_unit),
	};
	if (!mkdtemp(folder))
		return 1;
	snprintf(units, sizeof units, "%s/units", folder);
	site.units_folder = units;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
