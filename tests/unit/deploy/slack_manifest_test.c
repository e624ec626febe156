/* The manifests in deploy/slack against what Slack takes (slack.md 1) and what rollcall needs of an app. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/text.h"
#include "base/yaml.h"

static const struct {
	const char *file;
	bool socket;
} manifests[] = { { "deploy/slack/manifest.yaml", true }, { "deploy/slack/manifest-http.yaml", false } };

/* For each thing that rollcall does the scope that it takes. */
static const char *const scopes[] = { "chat:write",  "commands",         "app_mentions:read",
				      "im:history",  "users:read",       "usergroups:read",
				      "files:write", "channels:history", "groups:history",
				      NULL };
static const char *const events[] = { "app_mention",     "message.im",     "app_home_opened",
				      "app_uninstalled", "tokens_revoked", NULL };
static const struct {
	const char *path;
	size_t max;
} limits[] = { { "display_information.name", 35 },
	       { "display_information.description", 140 },
	       { "features.bot_user.display_name", 80 },
	       { "features.slash_commands.0.command", 32 },
	       { "features.slash_commands.0.description", 2000 },
	       { "features.slash_commands.0.usage_hint", 1000 } };
static const char *const addresses[] = { "features.slash_commands.0.url", "settings.event_subscriptions.request_url",
					 "settings.interactivity.request_url" };

static struct yaml_doc **read_manifest(const char *file, size_t *ret_count)
{
	char text[16384];
	struct yaml_doc **docs = NULL;
	struct error e;
	FILE *f = fopen(file, "r");
	assert_non_null(f);
	size_t n = fread(text, 1, sizeof text, f);
	assert_true(n < sizeof text);
	(void)fclose(f);
	if (yaml_parse(file, text, n, &docs, ret_count, &e) != RC_OK)
		fail_msg("%s", e.text);
	return docs;
}

static void expect_exactly(const cJSON *list, const char *const *wanted, const char *file)
{
	int n = 0;
	for (; wanted[n]; n++) {
		bool there = false;
		const cJSON *item;
		cJSON_ArrayForEach (item, list)
			there = there || text_eq(item->valuestring, wanted[n]);
		if (!there)
			fail_msg("%s lacks %s", file, wanted[n]);
	}
	assert_int_equal(cJSON_GetArraySize(list), n); /* nothing that it does not need */
}

static void manifests_fit(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof manifests / sizeof *manifests; i++) {
		size_t count = 0;
		struct yaml_doc **docs = read_manifest(manifests[i].file, &count);
		const cJSON *m = yaml_root(docs[0]);
		for (size_t k = 0; k < sizeof limits / sizeof *limits; k++) {
			size_t len = strlen(json_text(m, limits[k].path, ""));
			if (!len || len > limits[k].max)
				fail_msg("%s: %s has %zu characters", manifests[i].file, limits[k].path, len);
		}
		expect_exactly(json_at(m, "oauth_config.scopes.bot"), scopes, manifests[i].file);
		expect_exactly(json_at(m, "settings.event_subscriptions.bot_events"), events, manifests[i].file);
		assert_int_equal(json_bool(m, "settings.socket_mode_enabled", !manifests[i].socket),
				 manifests[i].socket);
		assert_true(json_bool(m, "settings.interactivity.is_enabled", false));
		assert_true(json_bool(m, "features.app_home.home_tab_enabled", false));
		assert_true(json_bool(m, "features.app_home.messages_tab_enabled", false));
		assert_true(json_bool(m, "features.slash_commands.0.should_escape", false));
		for (size_t k = 0; k < sizeof addresses / sizeof *addresses; k++)
			assert_int_equal(text_starts(json_text(m, addresses[k], ""), "https://"), !manifests[i].socket);
		yaml_free(docs, count);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(manifests_fit) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
