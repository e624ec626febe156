/* Alerts: who gets which, the bodies byte for byte, and what a provider that is wrong is told as. */
#include "controller/alerts/alerts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/strbuf.h"
#include "base/text.h"

/* ---- a cache of some objects ---- */

struct shelf {
	struct cluster cluster; /* first */
	struct object objects[4];
	size_t count;
};

static const struct object *find(const struct cluster *c, enum kind kind, const char *ns, const char *name)
{
	const struct shelf *s = (const struct shelf *)c;
	for (size_t i = 0; i < s->count; i++)
		if (s->objects[i].kind == kind && text_eq(s->objects[i].ns, ns) && text_eq(s->objects[i].name, name))
			return &s->objects[i];
	return NULL;
}

static const struct cluster_ops ops = { .find = find };

static void put(struct shelf *s, enum kind kind, const char *ns, const char *name, const char *json)
{
	s->objects[s->count++] =
		(struct object){ .kind = kind, .ns = ns, .name = name, .json = json, .json_len = strlen(json) };
}

struct room {
	struct shelf shelf;
	struct controller_options options;
	struct canary canary;
	struct alert_ref refs[2];
	struct plan plan;
};

static struct room *room_make(struct arena *a)
{
	struct room *x = arena_alloc(a, 1, sizeof *x);
	assert_non_null(x);
	x->shelf.cluster.ops = &ops;
	x->options.cluster_name = "prod";
	x->refs[0] = (struct alert_ref){ .severity = "", .provider = { .name = "on-call", .ns = "" } };
	x->canary = (struct canary){
		.ns = "test",
		.name = "podinfo",
		.target = { .kind = "Deployment", .name = "podinfo" },
		.progress_deadline_s = 60,
		.analysis = { .threshold = 5, .step_weight = 10, .max_weight = 50, .alerts = x->refs, .alert_count = 1 }
	};
	x->plan =
		(struct plan){ .canary = &x->canary, .cluster = &x->shelf.cluster, .options = &x->options, .arena = a };
	return x;
}

static int setup(void **state)
{
	return (*state = arena_create(8 << 20)) ? 0 : -1;
}

static int teardown(void **state)
{
	arena_destroy(*state);
	return 0;
}

/* ---- severities ---- */

static void test_severities(void **state)
{
	(void)state;
	static const struct {
		const char *least;
		bool info, warn, error;
	} cases[] = { { "", true, true, true },
		      { "info", true, true, true },
		      { "warn", false, true, true },
		      { "error", false, false, true },
		      { "Error", false, false, false } };
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (alert_passes(cases[i].least, SEVERITY_INFO) != cases[i].info ||
		    alert_passes(cases[i].least, SEVERITY_WARN) != cases[i].warn ||
		    alert_passes(cases[i].least, SEVERITY_ERROR) != cases[i].error)
			fail_msg("\"%s\"", cases[i].least);
}

/* ---- bodies ---- */

static const struct alert started = { .text = "New revision detected, progressing canary analysis.",
				      .severity = SEVERITY_INFO,
				      .with_metadata = true };
static const struct alert failed = { .text = "Failed checks threshold reached 5", .severity = SEVERITY_ERROR };
static const struct alert waits = { .text = "Canary is waiting for approval.", .severity = SEVERITY_WARN };
static const struct alert hostile = { .text = "<b>\"**@all", .severity = SEVERITY_ERROR };

static const struct {
	const char *type;
	const struct alert *alert;
	const char *body;
} bodies[] = {
	{ "slack", &started,
	  "{\"channel\":\"general\",\"username\":\"flagger\",\"icon_url\":\"\",\"icon_emoji\":\":rocket:\","
	  "\"attachments\":"
	  "[{\"color\":\"good\",\"author_name\":\"podinfo.test\",\"text\":\"New revision detected, progressing canary "
	  "analysis.\",\"mrkdwn_in\":[\"text\"],\"fields\":[{\"title\":\"Cluster\",\"value\":\"prod\",\"short\":false},"
	  "{\"title\":\"Target\",\"value\":\"Deployment/podinfo.test\",\"short\":false},{\"title\":\"Failed checks "
	  "threshold\",\"value\":\"5\",\"short\":false},{\"title\":\"Progress "
	  "deadline\",\"value\":\"60s\",\"short\":false},"
	  "{\"title\":\"Traffic routing\",\"value\":\"Weight step: 10 max: 50\",\"short\":false}]}]}" },
	{ "rocket", &failed,
	  "{\"channel\":\"general\",\"username\":\"flagger\",\"icon_url\":\"\",\"icon_emoji\":\":rocket:\","
	  "\"attachments\":"
	  "[{\"color\":\"#FF0000\",\"author_name\":\"podinfo.test\",\"text\":\"Failed checks threshold reached 5\","
	  "\"mrkdwn_in\":[\"text\"],\"fields\":[{\"title\":\"Cluster\",\"value\":\"prod\",\"short\":false}]}]}" },
	{ "msteams", &failed,
	  "{\"@type\":\"MessageCard\",\"@context\":\"http://schema.org/"
	  "extensions\",\"themeColor\":\"FF0000\",\"summary\":"
	  "\"podinfo.test\",\"sections\":[{\"activityTitle\":\"Failed checks threshold reached "
	  "5\",\"activitySubtitle\":"
	  "\"podinfo.test\",\"facts\":[{\"name\":\"Cluster\",\"value\":\"prod\"}]}]}" },
	{ "gchat", &waits,
	  "{\"cards\":[{\"header\":{\"title\":\"Flagger\",\"subtitle\":\"podinfo.test\",\"imageUrl\":"
	  "\"https://flagger.app/favicon.png\"},\"sections\":[{\"widgets\":[{\"textParagraph\":{\"text\":\"\\u003cfont "
	  "color=#848484\\u003e\\u003cstrong\\u003eCanary is waiting for approval.\\u003c/strong\\u003e\\u003c/"
	  "font\\u003e\"}}]},{\"widgets\":[{\"textParagraph\":{\"text\":\"Cluster\\u003cbr\\u003e\\u003cfont "
	  "color=#848484\\u003e\\u003cstrong\\u003eprod\\u003c/strong\\u003e\\u003c/font\\u003e\"}}]}]}]}" },
	{ "dingtalk", &hostile,
	  "{\"msgtype\":\"markdown\",\"markdown\":{\"title\":\"podinfo.test\",\"text\":\"### 🔴 "
	  "podinfo.test\\n\\n\\\\<b\\\\"
	  ">\\\"\\\\*\\\\*\\\\@all\\n\\n- **Cluster** prod\"}}" },
};

static void test_bodies(void **state)
{
	struct room *x = room_make(*state);
	for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
		struct alert_provider to = { .type = bodies[i].type, .channel = "general", .username = "flagger" };
		const char *body = alert_payload(&x->plan, &to, bodies[i].alert);
		cJSON *j = NULL;
		assert_non_null(body);
		if (strcmp(body, bodies[i].body) != 0)
			fail_msg("%s: %s", bodies[i].type, body);
		assert_int_equal(json_parse(body, strlen(body), &j, NULL), RC_OK);
		cJSON_Delete(j);
	}
	/* without a cluster's name and metadata there are no fields, and lists are lists all the same */
	x->options.cluster_name = "";
	struct alert_provider teams = { .type = "msteams" };
	assert_non_null(strstr(alert_payload(&x->plan, &teams, &failed), "\"facts\":[]"));
}

static void test_routing(void **state)
{
	struct room *x = room_make(*state);
	struct alert_provider to = { .type = "msteams" };
	static const int steps[] = { 1, 2, 10 };
	struct analysis *an = &x->canary.analysis;
	an->step_weight = 0;
	an->step_weights = steps;
	an->step_weight_count = 3;
	assert_non_null(strstr(alert_payload(&x->plan, &to, &started), "\"Weight steps: 1,2,10 max: 50\""));
	an->iterations = 3;
	assert_non_null(strstr(alert_payload(&x->plan, &to, &started), "\"Blue/Green\""));
	an->has_match = true;
	assert_non_null(strstr(alert_payload(&x->plan, &to, &started), "\"A/B Testing\""));
	an->has_match = false;
	an->iterations = 0;
	an->step_weight_count = 0;
	assert_null(strstr(alert_payload(&x->plan, &to, &started), "Traffic routing"));
}

/* ---- providers ---- */

#define SPEC(spec) "{\"spec\":{" spec "}}"
static const struct {
	const char *provider, *secret, *why;
} wrong[] = {
	{ NULL, NULL, "alert provider on-call.test error: not found" },
	{ SPEC("\"type\":\"pager\",\"address\":\"https://x\""), NULL,
	  "alert provider on-call.test error: type \"pager\" is none of slack, msteams, discord, rocket, gchat, "
	  "dingtalk" },
	{ SPEC("\"type\":\"slack\""), NULL, "alert provider on-call.test error: there is no address to call" },
	{ SPEC("\"type\":\"slack\",\"address\":\"ftp://x\""), NULL,
	  "alert provider on-call.test error: there is no address to call" },
	{ SPEC("\"type\":\"slack\",\"secretRef\":{\"name\":\"s\"}"), NULL,
	  "alert provider on-call.test secretRef error: no secret s" },
	{ SPEC("\"type\":\"slack\",\"secretRef\":{\"name\":\"s\"}"), "{\"data\":{\"token\":\"eA==\"}}",
	  "alert provider on-call.test secret does not contain an address" },
	{ SPEC("\"type\":\"slack\",\"secretRef\":{\"name\":\"s\"}"), "{\"data\":{\"address\":\"%%\"}}",
	  "alert provider on-call.test secret does not contain an address" },
};

static void test_wrong_providers(void **state)
{
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct room *x = room_make(*state);
		struct alert_provider to = { .type = "untouched" };
		struct error e;
		if (wrong[i].provider)
			put(&x->shelf, KIND_ALERT_PROVIDER, "test", "on-call", wrong[i].provider);
		if (wrong[i].secret)
			put(&x->shelf, KIND_SECRET, "test", "s", wrong[i].secret);
		assert_int_not_equal(alert_provider_find(&x->plan, x->refs, &to, &e), RC_OK);
		if (strcmp(e.text, wrong[i].why) != 0)
			fail_msg("%zu: %s", i, e.text);
		assert_string_equal(to.type, "untouched");
	}
}

static void note_want(void *owner, enum kind kind, const char *ns, const char *name)
{
	char *all = owner;
	size_t n = strlen(all);
	(void)snprintf(all + n, 256 - n, "%s %s/%s\n", kind_name(kind), ns, name);
}

static void test_a_provider_with_a_secret(void **state)
{
	struct room *x = room_make(*state);
	struct alert_provider to;
	struct error e;
	char wants[256] = "";
	x->refs[0].provider.ns = "ops";
	alerts_wants(&x->plan, note_want, wants);
	assert_string_equal(wants, "AlertProvider ops/on-call\n");
	put(&x->shelf, KIND_ALERT_PROVIDER, "ops", "on-call",
	    SPEC("\"type\":\"slack\",\"channel\":\"releases\",\"address\":\"https://"
		 "elsewhere\",\"secretRef\":{\"name\":"
		 "\"s\"}"));
	put(&x->shelf, KIND_SECRET, "ops", "s",
	    "{\"data\":{\"address\":\"aHR0cHM6Ly9zbGFjay5jb20vYXBpL2NoYXQucG9zdE1lc3NhZ2UK\",\"token\":\"eG94Yg==\"}}");
	wants[0] = '\0';
	alerts_wants(&x->plan, note_want, wants);
	assert_string_equal(wants, "AlertProvider ops/on-call\nSecret ops/s\n");
	assert_int_equal(alert_provider_find(&x->plan, x->refs, &to, &e), RC_OK);
	assert_string_equal(to.url,
			    "https://slack.com/api/chat.postMessage"); /* the secret's goes before, without its \n */
	assert_string_equal(to.token, "xoxb");
	assert_string_equal(to.channel, "releases");
	assert_string_equal(to.username, "flagger");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_severities, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bodies, setup, teardown),
		cmocka_unit_test_setup_teardown(test_routing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wrong_providers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_provider_with_a_secret, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
