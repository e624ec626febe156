#include "controller/core/revision.h"

#include "tests/unit/controller/model/objects.h"

static const char blue[] = "{\"metadata\":{\"labels\":{\"app\":\"podinfo\"}},\"spec\":{\"containers\":[{\"name\":\"a\","
			   "\"image\":\"r:blue\",\"resources\":{}}]}}";

static const char *revision(const char *text, struct arena *a)
{
	CLEANUP(json_delete_p) cJSON *v = object_from(text);
	return revision_of_template(v, a);
}

static void test_shape(void **state)
{
	(void)state;
	CLEANUP(arena_destroy_p) struct arena *a = arena_create(65536);
	/* FNV-1a of "{}" is 1415952421 */
	assert_string_equal(revision("{}", a), "5859f96865");
	const char *r = revision(blue, a);
	assert_true(strlen(r) >= 1 && strlen(r) <= 10);
	assert_int_equal(strspn(r, "456789bcdf"), strlen(r));
}

static const struct {
	const char *name, *text;
	bool same;
} templates[] = {
	{ "another order of members",
	  "{\"spec\":{\"containers\":[{\"resources\":{},\"image\":\"r:blue\",\"name\":\"a\"}]},"
	  "\"metadata\":{\"labels\":{\"app\":\"podinfo\"}}}",
	  true },
	{ "null is absent",
	  "{\"metadata\":{\"creationTimestamp\":null,\"labels\":{\"app\":\"podinfo\"}},\"spec\":{\"containers\":[{"
	  "\"name\":"
	  "\"a\",\"image\":\"r:blue\",\"resources\":{},\"env\":null}]}}",
	  true },
	{ "another image",
	  "{\"metadata\":{\"labels\":{\"app\":\"podinfo\"}},\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"r:"
	  "green\","
	  "\"resources\":{}}]}}",
	  false },
	{ "a new annotation",
	  "{\"metadata\":{\"labels\":{\"app\":\"podinfo\"},\"annotations\":{\"thisis\":\"theway\"}},\"spec\":{"
	  "\"containers\":"
	  "[{\"name\":\"a\",\"image\":\"r:blue\",\"resources\":{}}]}}",
	  false },
	{ "a request for cpu",
	  "{\"metadata\":{\"labels\":{\"app\":\"podinfo\"}},\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"r:"
	  "blue\","
	  "\"resources\":{\"requests\":{\"cpu\":\"1\"}}}]}}",
	  false },
	{ "a number is not its text",
	  "{\"metadata\":{\"labels\":{\"app\":\"podinfo\"}},\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"r:"
	  "blue\","
	  "\"resources\":{},\"x\":1}]}}",
	  false },
};

static void test_templates(void **state)
{
	(void)state;
	CLEANUP(arena_destroy_p) struct arena *a = arena_create(65536);
	for (size_t i = 0; i < sizeof templates / sizeof *templates; i++)
		if ((strcmp(revision(templates[i].text, a), revision(blue, a)) == 0) != templates[i].same)
			fail_msg("%s", templates[i].name);
}

static void test_template_is_left_alone(void **state)
{
	(void)state;
	CLEANUP(arena_destroy_p) struct arena *a = arena_create(65536);
	CLEANUP(json_delete_p) cJSON *v = object_from("{\"b\":null,\"a\":[null,{\"c\":null}]}");
	const char *r = revision_of_template(v, a);
	CLEANUP(free_p) char *text = json_print(v);
	assert_string_equal(text, "{\"b\":null,\"a\":[null,{\"c\":null}]}");
	assert_string_equal(r, revision("{\"a\":[null,{}]}", a));
	assert_string_not_equal(r, revision("{\"a\":[{}]}", a));
}

static void test_checksum(void **state)
{
	(void)state;
	CLEANUP(arena_destroy_p) struct arena *a = arena_create(65536);
	static const struct pair one[] = { { "configmap/a", "1" } }, other[] = { { "configmap/a", "2" } };
	const struct canary_status statuses[] = {
		{ .last_applied_spec = "" },
		{ .last_applied_spec = "", .has_tracked_configs = true },
		{ .last_applied_spec = "5", .has_tracked_configs = true },
		{ .last_applied_spec = "5", .has_tracked_configs = true, .tracked_configs = { one, 1 } },
		{ .last_applied_spec = "5", .has_tracked_configs = true, .tracked_configs = { other, 1 } },
		{ .last_applied_spec = "6", .has_tracked_configs = true, .tracked_configs = { one, 1 } },
	};
	enum { COUNT = sizeof statuses / sizeof *statuses };
	for (size_t i = 0; i < COUNT; i++)
		for (size_t j = 0; j < COUNT; j++) {
			const char *x = revision_checksum(&statuses[i], a), *y = revision_checksum(&statuses[j], a);
			assert_true(*x && strspn(x, "456789bcdf") == strlen(x) && strlen(x) <= 10);
			if ((strcmp(x, y) == 0) != (i == j))
				fail_msg("checksums of %zu and %zu", i, j);
		}
	/* The rest of the status does not count. */
	struct canary_status moved = statuses[3];
	moved.phase = PHASE_PROGRESSING;
	moved.weight = 40;
	assert_string_equal(revision_checksum(&moved, a), revision_checksum(&statuses[3], a));
	const struct canary_status empty = { .phase = PHASE_NONE };
	assert_string_equal(revision_checksum(&empty, a), revision_checksum(&statuses[0], a));
}

static void test_identity(void **state)
{
	(void)state;
	CLEANUP(arena_destroy_p) struct arena *a = arena_create(65536);
	static const struct pair pairs[] = { { "configmap/a", "1" }, { "secret/b", "2" } };
	const struct pairs two = { pairs, 2 }, one = { pairs, 1 }, none = { NULL, 0 };
	const char *id = revision_identity("5b6c", &two, a);
	assert_string_equal(id, revision_identity("5b6c", &two, a));
	assert_string_not_equal(id, revision_identity("5b6d", &two, a));
	assert_string_not_equal(id, revision_identity("5b6c", &one, a));
	assert_string_not_equal(id, revision_identity("5b6c", &none, a));
	assert_string_not_equal(id, revision_identity("5b6c", NULL, a));
}

static const struct {
	const char *data, *sum;
} configs[] = {
	{ "{\"color\":\"red\"}", "241889ca0604e333" },
	{ "{\"url\":\"http://a/?x=1&y=2\"}", "5827ca258084ee1f" },
	{ "{\"apiKey\":\"dGVzdA==\"}", "3930f0692c2295eb" },
	{ "null", "74234e98afe7498f" },
};

static void test_config_checksum(void **state)
{
	(void)state;
	CLEANUP(arena_destroy_p) struct arena *a = arena_create(65536);
	for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
		CLEANUP(json_delete_p) cJSON *v = object_from(configs[i].data);
		assert_string_equal(config_checksum(v, a), configs[i].sum);
	}
	assert_string_equal(config_checksum(NULL, a), "74234e98afe7498f");
	CLEANUP(json_delete_p) cJSON *x = object_from("{\"a\":\"1\",\"b\":\"2\"}");
	CLEANUP(json_delete_p) cJSON *y = object_from("{\"b\":\"2\",\"a\":\"1\"}");
	assert_string_equal(config_checksum(x, a), config_checksum(y, a));
}

static void test_no_memory(void **state)
{
	(void)state;
	CLEANUP(arena_destroy_p) struct arena *a = arena_create(1);
	CLEANUP(json_delete_p) cJSON *v = object_from(blue);
	assert_string_equal(revision_of_template(v, a), "");
	assert_string_equal(config_checksum(v, a), "");
	assert_string_equal(revision_identity("5", NULL, a), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shape),
		cmocka_unit_test(test_templates),
		cmocka_unit_test(test_template_is_left_alone),
		cmocka_unit_test(test_checksum),
		cmocka_unit_test(test_identity),
		cmocka_unit_test(test_config_checksum),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
