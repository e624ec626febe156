#include "controller/targets/configs.h"

#include "controller/targets/deployment.h"
#include "tests/unit/controller/effects.h"

/* Every place that is looked at, and some that are not. */
static const char podinfo[] = "apiVersion: apps/v1\n"
			      "kind: Deployment\n"
			      "metadata: {name: podinfo, namespace: test, labels: {app: podinfo}}\n"
			      "spec:\n"
			      "  replicas: 2\n"
			      "  selector: {matchLabels: {app: podinfo}}\n"
			      "  template:\n"
			      "    metadata: {labels: {app: podinfo}}\n"
			      "    spec:\n"
			      "      imagePullSecrets: [{name: pull}]\n"
			      "      volumes:\n"
			      "      - {name: a, configMap: {name: cm-volume}}\n"
			      "      - {name: b, secret: {secretName: s-volume}}\n"
			      "      - name: c\n"
			      "        projected:\n"
			      "          sources: [{configMap: {name: cm-projected}}, {secret: {name: s-projected}}]\n"
			      "      - {name: d, csi: {driver: x, nodePublishSecretRef: {name: s-csi}}}\n"
			      "      containers:\n"
			      "      - name: podinfod\n"
			      "        image: podinfo:1\n"
			      "        env:\n"
			      "        - {name: PLAIN, value: cm-env}\n"
			      "        - {name: A, valueFrom: {configMapKeyRef: {name: cm-env, key: k}}}\n"
			      "        - {name: B, valueFrom: {secretKeyRef: {name: s-env, key: k}}}\n"
			      "        envFrom: [{configMapRef: {name: cfg}}, {secretRef: {name: s-from}}]\n"
			      "      initContainers:\n"
			      "      - name: init\n"
			      "        image: init:1\n"
			      "        env: [{name: A, valueFrom: {configMapKeyRef: {name: cm-init, key: k}}}]\n"
			      "        envFrom: [{secretRef: {name: s-init}}, {configMapRef: {name: cfg}}]\n"
			      "      ephemeralContainers:\n"
			      "      - {name: e, envFrom: [{configMapRef: {name: cm-ephemeral}}]}\n";
static const char canary[] = "apiVersion: flagger.app/v1beta1\n"
			     "kind: Canary\n"
			     "metadata: {name: podinfo, namespace: test, uid: u-canary}\n"
			     "spec:\n"
			     "  provider: nginx\n"
			     "  targetRef: {apiVersion: apps/v1, kind: Deployment, name: podinfo}\n"
			     "  ingressRef: {apiVersion: networking.k8s.io/v1, kind: Ingress, name: podinfo}\n"
			     "  service: {port: 80}\n"
			     "  analysis: {interval: 10s, threshold: 5, maxWeight: 40, stepWeight: 20}\n";
/* One reference to a ConfigMap: what most tests need. */
static const char simple[] = "apiVersion: apps/v1\n"
			     "kind: Deployment\n"
			     "metadata: {name: podinfo, namespace: test, labels: {app: podinfo}}\n"
			     "spec:\n"
			     "  replicas: 2\n"
			     "  selector: {matchLabels: {app: podinfo}}\n"
			     "  template:\n"
			     "    metadata: {labels: {app: podinfo}}\n"
			     "    spec:\n"
			     "      containers:\n"
			     "      - {name: podinfod, image: 'podinfo:1', envFrom: [{configMapRef: {name: cfg}}]}\n";
static const char cfg_red[] = "apiVersion: v1\n"
			      "kind: ConfigMap\n"
			      "metadata: {name: cfg, namespace: test, labels: {team: a}, annotations: {note: x}}\n"
			      "data: {color: red}\n"
			      "binaryData: {b: AA==}\n";
static const char owner_json[] = "[{\"apiVersion\":\"flagger.app/v1beta1\",\"blockOwnerDeletion\":true,\"controller\":"
				 "true,\"kind\":\"Canary\",\"name\":\"podinfo\",\"uid\":\"u-canary\"}]";

#define TREE(s, kind, name) fake_tree((s)->fake, KIND_##kind, "test", (name))
#define PRIMARY(s) TREE(s, DEPLOYMENT, "podinfo-primary")
#define PATCH(s, kind, name, patch) fake_patch((s)->fake, KIND_##kind, "test", (name), (patch))
#define ENV_FROM "spec.template.spec.containers.0.envFrom"
#define CONTAINER(json) "{\"spec\":{\"template\":{\"spec\":{\"containers\":[" json "]}}}}"

static void stage_with(struct stage *s, const char *deployment)
{
	stage_open(s);
	s->options.track_configs = true;
	fake_apply(s->fake, deployment);
	fake_apply(s->fake, canary);
	stage_canary(s, "test", "podinfo");
}

static void stage_simple(struct stage *s)
{
	stage_with(s, simple);
	fake_apply(s->fake, cfg_red);
}

static void put_config(struct stage *s, const char *kind, const char *name)
{
	char text[256];
	(void)snprintf(text, sizeof text,
		       "{apiVersion: v1, kind: %s, metadata: {name: %s, namespace: test}, data: {k: %s}}", kind, name,
		       text_eq(kind, "Secret") ? "dGVzdA==" : "red");
	fake_apply(s->fake, text);
}

static const char *const config_maps[] = { "cfg", "cm-env", "cm-init", "cm-projected", "cm-volume" };
static const char *const secrets[] = { "s-env", "s-from", "s-init", "s-projected", "s-volume" };

static void stage_everything(struct stage *s)
{
	stage_with(s, podinfo);
	for (size_t i = 0; i < 5; i++) {
		put_config(s, "ConfigMap", config_maps[i]);
		put_config(s, "Secret", secrets[i]);
	}
}

static const char *seen_text(struct stage *s)
{
	const char *text = "";
	stage_observe(s);
	for (size_t i = 0; i < s->seen.configs.count; i++)
		text = arena_printf(s->arena, "%s%s=%s;", text, s->seen.configs.at[i].key, s->seen.configs.at[i].value);
	return text;
}

static void test_every_place(void **state)
{
	(void)state;
	struct stage s;
	stage_everything(&s);
	stage_observe(&s);
	assert_true(s.seen.configs_tracked);
	assert_null(s.seen.configs_error);
	assert_int_equal(s.seen.configs.count, 10);
	for (size_t i = 0; i < 5; i++) {
		char key[64];
		(void)snprintf(key, sizeof key, "configmap/%s", config_maps[i]);
		assert_string_equal(s.seen.configs.at[i].key, key);
		(void)snprintf(key, sizeof key, "secret/%s", secrets[i]);
		assert_string_equal(s.seen.configs.at[5 + i].key, key);
	}
	assert_int_equal(DO(&s, ENSURE_SOURCE, .replicas = 2), 11);
	const cJSON *spec = json_at(PRIMARY(&s), "spec.template.spec");
	assert_json(spec, "volumes.0.configMap.name", "\"cm-volume-primary\"");
	assert_json(spec, "volumes.1.secret.secretName", "\"s-volume-primary\"");
	assert_json(spec, "volumes.2.projected.sources",
		    "[{\"configMap\":{\"name\":\"cm-projected-primary\"}},{\"secret\":{\"name\":\"s-projected-"
		    "primary\"}}]");
	assert_json(spec, "volumes.3.csi.nodePublishSecretRef.name", "\"s-csi\"");
	assert_json(spec, "containers.0.env.0.value", "\"cm-env\"");
	assert_json(spec, "containers.0.env.1.valueFrom.configMapKeyRef.name", "\"cm-env-primary\"");
	assert_json(spec, "containers.0.env.2.valueFrom.secretKeyRef.name", "\"s-env-primary\"");
	assert_json(spec, "containers.0.envFrom",
		    "[{\"configMapRef\":{\"name\":\"cfg-primary\"}},{\"secretRef\":{\"name\":\"s-from-primary\"}}]");
	assert_json(spec, "initContainers.0.env.0.valueFrom.configMapKeyRef.name", "\"cm-init-primary\"");
	assert_json(spec, "initContainers.0.envFrom",
		    "[{\"secretRef\":{\"name\":\"s-init-primary\"}},{\"configMapRef\":{\"name\":\"cfg-primary\"}}]");
	assert_json(spec, "ephemeralContainers.0.envFrom.0.configMapRef.name", "\"cm-ephemeral\"");
	assert_json(spec, "imagePullSecrets.0.name", "\"pull\"");
	stage_observe(&s);
	assert_true(s.seen.source_same_template);
	/* and back, whole */
	CLEANUP(json_delete_p) cJSON *before = cJSON_Duplicate(json_at(TREE(&s, DEPLOYMENT, "podinfo"), "spec"), true);
	assert_int_equal(DO(&s, REVERT_TEMPLATE), 0);
	PATCH(&s, DEPLOYMENT, "podinfo", CONTAINER("{\"name\":\"podinfod\",\"image\":\"podinfo:2\"}"));
	assert_int_equal(DO(&s, REVERT_TEMPLATE), 1);
	assert_true(json_equal(before, json_at(TREE(&s, DEPLOYMENT, "podinfo"), "spec")));
	stage_close(&s);
}

/* The checksums a stock Flagger has for these (its own test vectors are in revision_test.c). */
static void test_checksums(void **state)
{
	(void)state;
	struct stage s;
	stage_simple(&s);
	assert_string_equal(seen_text(&s), "configmap/cfg=241889ca0604e333;");
	PATCH(&s, CONFIG_MAP, "cfg", "{\"metadata\":{\"annotations\":{\"note\":\"y\"}},\"binaryData\":null}");
	assert_string_equal(seen_text(&s), "configmap/cfg=241889ca0604e333;");
	PATCH(&s, CONFIG_MAP, "cfg", "{\"data\":null}");
	assert_string_equal(seen_text(&s), "configmap/cfg=74234e98afe7498f;");
	fake_apply(s.fake, "{apiVersion: v1, kind: Secret, metadata: {name: cfg, namespace: test}, type: Opaque, data: "
			   "{apiKey: dGVzdA==}}");
	PATCH(&s, DEPLOYMENT, "podinfo",
	      CONTAINER("{\"name\":\"podinfod\",\"envFrom\":[{\"secretRef\":{\"name\":\"cfg\"}}]}"));
	assert_string_equal(seen_text(&s), "secret/cfg=3930f0692c2295eb;");
	/* nothing to track is tracked as nothing; switched off is not tracked */
	PATCH(&s, DEPLOYMENT, "podinfo", CONTAINER("{\"name\":\"podinfod\"}"));
	assert_string_equal(seen_text(&s), "");
	assert_true(s.seen.configs_tracked);
	s.options.track_configs = false;
	stage_observe(&s);
	assert_false(s.seen.configs_tracked);
	stage_close(&s);
}

static void test_copy(void **state)
{
	(void)state;
	static const char *const prefixes[] = { "team", NULL };
	struct stage s;
	stage_simple(&s);
	s.options.include_label_prefixes = prefixes;
	stage_plan(&s);
	assert_int_equal(target_effect(&s.plan, &(struct effect){ .kind = EFFECT_ENSURE_SOURCE, .replicas = 2 }, &s.e),
			 RC_OK);
	assert_int_equal(s.plan.count, 2);
	assert_int_equal(s.plan.writes[0].kind, KIND_CONFIG_MAP); /* pods must not start before it is there */
	assert_int_equal(s.plan.writes[1].kind, KIND_DEPLOYMENT);
	assert_int_equal(DO(&s, ENSURE_SOURCE, .replicas = 2), 2);
	const cJSON *copy = TREE(&s, CONFIG_MAP, "cfg-primary");
	assert_json(copy, "data", "{\"color\":\"red\"}");
	assert_json(copy, "metadata.labels", "{\"app.kubernetes.io/managed-by\":\"rollcall\",\"team\":\"a\"}");
	assert_json(copy, "metadata.ownerReferences", owner_json);
	assert_null(json_at(copy, "metadata.annotations"));
	assert_null(json_at(copy, "binaryData"));
	assert_null(json_at(copy, "type"));
	stage_close(&s);
}

static const char *id_of(struct stage *s)
{
	return arena_strdup(s->arena, json_text(PRIMARY(s), "spec.template.metadata.annotations.flagger-id", ""));
}

static const char *revision_of(struct stage *s)
{
	return revision_of_template(json_at(TREE(s, DEPLOYMENT, "podinfo"), "spec.template"), s->arena);
}

/* The same template with other contents is another revision: the primary's pods roll. */
static void test_promotion_of_contents(void **state)
{
	(void)state;
	struct stage s;
	stage_simple(&s);
	(void)DO(&s, ENSURE_SOURCE, .replicas = 2);
	const char *id = id_of(&s);
	assert_int_equal(DO(&s, PROMOTE, .expect_revision = revision_of(&s)), 0);
	PATCH(&s, CONFIG_MAP, "cfg", "{\"data\":{\"color\":null,\"size\":\"big\"}}");
	stage_observe(&s);
	assert_true(s.seen.source_same_template);
	assert_json(TREE(&s, CONFIG_MAP, "cfg-primary"), "data", "{\"color\":\"red\"}");
	assert_int_equal(DO(&s, PROMOTE, .expect_revision = revision_of(&s)), 2);
	assert_json(TREE(&s, CONFIG_MAP, "cfg-primary"), "data", "{\"size\":\"big\"}");
	assert_string_not_equal(id_of(&s), id);
	stage_close(&s);
}

/* Killed between the copy and the Deployment: the pods must still roll. */
static void test_promotion_cut_off(void **state)
{
	(void)state;
	struct stage s;
	stage_simple(&s);
	(void)DO(&s, ENSURE_SOURCE, .replicas = 2);
	const char *id = id_of(&s);
	PATCH(&s, CONFIG_MAP, "cfg", "{\"data\":{\"color\":\"blue\"}}");
	stage_plan(&s);
	struct effect f = { .kind = EFFECT_PROMOTE, .expect_revision = revision_of(&s) };
	assert_int_equal(target_effect(&s.plan, &f, &s.e), RC_OK);
	assert_int_equal(s.plan.count, 2);
	assert_int_equal(s.plan.writes[0].kind, KIND_CONFIG_MAP);
	s.plan.count = 1;
	stage_write(&s);
	assert_string_equal(id_of(&s), id);
	assert_int_equal(DO(&s, PROMOTE, .expect_revision = revision_of(&s)), 1);
	assert_string_not_equal(id_of(&s), id);
	stage_close(&s);
}

/* What was approved is copied, or nothing. */
static void test_promotion_of_what_was_seen(void **state)
{
	(void)state;
	struct stage s;
	stage_simple(&s);
	(void)DO(&s, ENSURE_SOURCE, .replicas = 2);
	stage_observe(&s);
	struct pairs seen = s.seen.configs;
	assert_int_equal(DO(&s, PROMOTE, .expect_revision = revision_of(&s), .expect_configs = &seen), 0);
	PATCH(&s, CONFIG_MAP, "cfg", "{\"data\":{\"color\":\"blue\"}}");
	assert_int_equal(stage_effect(&s, (struct effect){ .kind = EFFECT_PROMOTE, .expect_configs = &seen }),
			 RC_CONFLICT);
	assert_string_equal(s.e.text, "configuration of deployment podinfo.test changed while it was being promoted");
	assert_json(TREE(&s, CONFIG_MAP, "cfg-primary"), "data", "{\"color\":\"red\"}");
	stage_close(&s);
}

static void test_opted_out(void **state)
{
	(void)state;
	static const char *const values[] = { "disable", "disabled", "disabled-for-now" };
	for (size_t i = 0; i < 3; i++) {
		char patch[128];
		struct stage s;
		stage_simple(&s);
		(void)snprintf(patch, sizeof patch,
			       "{\"metadata\":{\"annotations\":{\"flagger.app/config-tracking\":\"%s\"}}}", values[i]);
		PATCH(&s, CONFIG_MAP, "cfg", patch);
		assert_string_equal(seen_text(&s), "");
		assert_int_equal(DO(&s, ENSURE_SOURCE, .replicas = 2), 1);
		assert_json(PRIMARY(&s), ENV_FROM, "[{\"configMapRef\":{\"name\":\"cfg\"}}]");
		stage_close(&s);
	}
	struct stage s;
	stage_simple(&s);
	PATCH(&s, CONFIG_MAP, "cfg", "{\"metadata\":{\"annotations\":{\"flagger.app/config-tracking\":\"enabled\"}}}");
	assert_string_equal(seen_text(&s), "configmap/cfg=241889ca0604e333;");
	/* opted out of afterwards: the primary goes back to the original with the next promotion */
	(void)DO(&s, ENSURE_SOURCE, .replicas = 2);
	PATCH(&s, CONFIG_MAP, "cfg", "{\"metadata\":{\"annotations\":{\"flagger.app/config-tracking\":\"disabled\"}}}");
	stage_observe(&s);
	assert_true(s.seen.source_same_template);
	assert_int_equal(DO(&s, PROMOTE, .expect_revision = revision_of(&s)), 1);
	assert_json(PRIMARY(&s), ENV_FROM, "[{\"configMapRef\":{\"name\":\"cfg\"}}]");
	stage_close(&s);
}

static const struct {
	const char *type;
	bool followed;
} types[] = {
	{ "Opaque", true },
	{ "kubernetes.io/basic-auth", true },
	{ "kubernetes.io/ssh-auth", true },
	{ "kubernetes.io/tls", true },
	{ "kubernetes.io/dockerconfigjson", false },
	{ "kubernetes.io/service-account-token", false },
	{ "example.com/own", false },
};

static void test_secret_types(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		char text[256];
		struct stage s;
		stage_with(&s, simple);
		PATCH(&s, DEPLOYMENT, "podinfo",
		      CONTAINER("{\"name\":\"podinfod\",\"envFrom\":[{\"secretRef\":{\"name\":\"key\"}}]}"));
		(void)snprintf(
			text, sizeof text,
			"{apiVersion: v1, kind: Secret, metadata: {name: key, namespace: test}, type: '%s', data: "
			"{apiKey: dGVzdA==}}",
			types[i].type);
		fake_apply(s.fake, text);
		if (!text_eq(seen_text(&s), types[i].followed ? "secret/key=3930f0692c2295eb;" : ""))
			fail_msg("%s: %s", types[i].type, seen_text(&s));
		(void)DO(&s, ENSURE_SOURCE, .replicas = 2);
		const cJSON *copy = TREE(&s, SECRET, "key-primary");
		assert_int_equal(copy != NULL, types[i].followed);
		assert_json(PRIMARY(&s), ENV_FROM,
			    copy ? "[{\"secretRef\":{\"name\":\"key-primary\"}}]"
				 : "[{\"secretRef\":{\"name\":\"key\"}}]");
		if (copy) {
			assert_string_equal(json_text(copy, "type", ""), types[i].type);
			assert_json(copy, "data", "{\"apiKey\":\"dGVzdA==\"}");
		}
		stage_close(&s);
	}
}

/* The API refuses to change the type of a Secret. */
static void test_secret_of_another_type(void **state)
{
	(void)state;
	struct stage s;
	stage_with(&s, simple);
	PATCH(&s, DEPLOYMENT, "podinfo",
	      CONTAINER("{\"name\":\"podinfod\",\"envFrom\":[{\"secretRef\":{\"name\":\"key\"}}]}"));
	put_config(&s, "Secret", "key");
	PATCH(&s, SECRET, "key", "{\"type\":\"Opaque\"}");
	(void)DO(&s, ENSURE_SOURCE, .replicas = 2);
	fake_delete(s.fake, KIND_SECRET, "test", "key");
	put_config(&s, "Secret", "key");
	PATCH(&s, SECRET, "key", "{\"type\":\"kubernetes.io/basic-auth\"}");
	assert_int_equal(DO(&s, PROMOTE), 2);
	assert_string_equal(json_text(TREE(&s, SECRET, "key-primary"), "type", ""), "kubernetes.io/basic-auth");
	stage_close(&s);
}

static const struct {
	const char *name, *containers, *error;
} missing[] = {
	{ "mandatory", "{\"name\":\"a\",\"envFrom\":[{\"configMapRef\":{\"name\":\"no\"}}]}",
	  "GetTargetConfigs failed: configmap no.test get query error: not found" },
	{ "mandatory secret", "{\"name\":\"a\",\"envFrom\":[{\"secretRef\":{\"name\":\"no\",\"optional\":false}}]}",
	  "GetTargetConfigs failed: secret no.test get query error: not found" },
	{ "optional", "{\"name\":\"a\",\"envFrom\":[{\"configMapRef\":{\"name\":\"no\",\"optional\":true}}]}", NULL },
	{ "the last place says optional",
	  "{\"name\":\"a\",\"envFrom\":[{\"configMapRef\":{\"name\":\"no\"}}]},"
	  "{\"name\":\"b\",\"envFrom\":[{\"configMapRef\":{\"name\":\"no\",\"optional\":true}}]}",
	  NULL },
	{ "the last place says mandatory",
	  "{\"name\":\"a\",\"envFrom\":[{\"configMapRef\":{\"name\":\"no\",\"optional\":true}}]},"
	  "{\"name\":\"b\",\"envFrom\":[{\"configMapRef\":{\"name\":\"no\"}}]}",
	  "GetTargetConfigs failed: configmap no.test get query error: not found" },
};

static void test_missing(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof missing / sizeof *missing; i++) {
		char patch[512];
		struct stage s;
		stage_with(&s, simple);
		(void)snprintf(patch, sizeof patch, CONTAINER("%s"), missing[i].containers);
		PATCH(&s, DEPLOYMENT, "podinfo", patch);
		stage_observe(&s);
		assert_null(s.seen.error);
		if (!text_eq(s.seen.configs_error, missing[i].error))
			fail_msg("%s: %s", missing[i].name, s.seen.configs_error);
		if (missing[i].error) {
			struct effect f = { .kind = EFFECT_ENSURE_SOURCE, .replicas = 2 };
			assert_int_equal(stage_effect(&s, f), RC_INVALID);
			assert_non_null(strstr(s.e.text, "createPrimaryDeployment failed: "));
			assert_non_null(strstr(s.e.text, missing[i].error));
			assert_null(PRIMARY(&s));
		} else {
			assert_int_equal(s.seen.configs.count, 0);
			assert_int_equal(DO(&s, ENSURE_SOURCE, .replicas = 2), 1);
			assert_json(PRIMARY(&s), ENV_FROM ".0.configMapRef.name", "\"no\"");
		}
		stage_close(&s);
	}
}

/* An absence that is not known is none: nothing is decided on it. */
static void test_not_known_yet(void **state)
{
	(void)state;
	struct stage s;
	stage_with(&s, simple);
	s.fake->unknown = true;
	stage_plan(&s);
	s.seen = (struct observed){ .fresh = true };
	assert_int_equal(target_find("Deployment")->observe(&s.plan, &s.seen, &s.e), RC_CONFLICT);
	assert_string_equal(s.e.text, "configmap cfg.test has not been looked up yet");
	stage_close(&s);
}

static const char other_canary[] = "apiVersion: flagger.app/v1beta1\n"
				   "kind: Canary\n"
				   "metadata: {name: other, namespace: test, uid: u-other}\n"
				   "spec:\n"
				   "  provider: nginx\n"
				   "  targetRef: {apiVersion: apps/v1, kind: Deployment, name: other}\n"
				   "  ingressRef: {apiVersion: networking.k8s.io/v1, kind: Ingress, name: other}\n"
				   "  service: {port: 80}\n"
				   "  analysis: {interval: 10s, threshold: 5, maxWeight: 40, stepWeight: 20}\n";
static const char other_target[] =
	"apiVersion: apps/v1\n"
	"kind: Deployment\n"
	"metadata: {name: other, namespace: test}\n"
	"spec:\n"
	"  selector: {matchLabels: {app: other}}\n"
	"  template:\n"
	"    metadata: {labels: {app: other}}\n"
	"    spec: {containers: [{name: c, image: 'x:1', envFrom: [{configMapRef: {name: cfg}}]}]}\n";

static void test_shared_by_two(void **state)
{
	(void)state;
	struct stage s;
	stage_simple(&s);
	(void)DO(&s, ENSURE_SOURCE, .replicas = 2);
	fake_apply(s.fake, other_target);
	fake_apply(s.fake, other_canary);
	stage_canary(&s, "test", "other");
	(void)DO(&s, ENSURE_SOURCE, .replicas = 1);
	const char *owners = "metadata.ownerReferences";
	assert_json(TREE(&s, CONFIG_MAP, "cfg-primary"), owners,
		    "[{\"apiVersion\":\"flagger.app/v1beta1\",\"blockOwnerDeletion\":true,\"controller\":true,"
		    "\"kind\":\"Canary\",\"name\":\"other\",\"uid\":\"u-other\"},"
		    "{\"apiVersion\":\"flagger.app/v1beta1\",\"blockOwnerDeletion\":true,\"controller\":false,"
		    "\"kind\":\"Canary\",\"name\":\"podinfo\",\"uid\":\"u-canary\"}]");
	/* The first to leave takes its name along, and the one that stays controls it. */
	assert_int_equal(DO(&s, DELETE_OURS), 2);
	assert_json(TREE(&s, CONFIG_MAP, "cfg-primary"), owners, owner_json);
	stage_observe(&s);
	assert_false(s.seen.leftovers);
	stage_canary(&s, "test", "podinfo");
	stage_observe(&s);
	assert_true(s.seen.leftovers);
	assert_int_equal(DO(&s, DELETE_OURS), 2);
	assert_null(TREE(&s, CONFIG_MAP, "cfg-primary"));
	assert_non_null(TREE(&s, CONFIG_MAP, "cfg"));
	stage_observe(&s);
	assert_false(s.seen.leftovers);
	stage_close(&s);
}

/* Two write one list of owners: the version it was read at goes along. */
static void test_owners_carry_a_version(void **state)
{
	(void)state;
	struct stage s;
	stage_simple(&s);
	(void)DO(&s, ENSURE_SOURCE, .replicas = 2);
	PATCH(&s, CONFIG_MAP, "cfg-primary", "{\"metadata\":{\"ownerReferences\":null}}");
	stage_plan(&s);
	struct effect f = { .kind = EFFECT_PROMOTE };
	assert_int_equal(target_effect(&s.plan, &f, &s.e), RC_OK);
	assert_int_equal(s.plan.count, 1);
	assert_non_null(strstr(s.plan.writes[0].body, "\"resourceVersion\""));
	stage_close(&s);
}

static void test_not_ours_stays(void **state)
{
	(void)state;
	struct stage s;
	stage_simple(&s);
	put_config(&s, "ConfigMap", "cfg-primary"); /* nobody's */
	assert_int_equal(DO(&s, DELETE_OURS), 0);
	assert_non_null(TREE(&s, CONFIG_MAP, "cfg-primary"));
	stage_close(&s);
}

/* Copies are found when the target, the primary or tracking itself have gone. */
static void test_leftovers(void **state)
{
	(void)state;
	static const char *const gone[] = { "podinfo", "podinfo-primary" };
	for (unsigned i = 0; i < 8; i++) {
		struct stage s;
		stage_simple(&s);
		(void)DO(&s, ENSURE_SOURCE, .replicas = 2);
		for (unsigned k = 0; k < 2; k++)
			if (i & (1U << k))
				fake_delete(s.fake, KIND_DEPLOYMENT, "test", gone[k]);
		s.options.track_configs = !(i & 4U);
		fake_patch(s.fake, KIND_CANARY, "test", "podinfo",
			   "{\"status\":{\"trackedConfigs\":{\"configmap/cfg\":\"241889ca0604e333\"}}}");
		stage_canary(&s, "test", "podinfo");
		stage_settle(&s);
		stage_observe(&s);
		assert_true(s.seen.leftovers);
		(void)DO(&s, DELETE_OURS);
		assert_null(TREE(&s, CONFIG_MAP, "cfg-primary"));
		stage_observe(&s);
		assert_false(s.seen.leftovers);
		stage_close(&s);
	}
}

/* Tracking off: nothing is copied, and the way back still knows what was. */
static void test_switched_off(void **state)
{
	(void)state;
	struct stage s;
	stage_simple(&s);
	(void)DO(&s, ENSURE_SOURCE, .replicas = 2);
	s.options.track_configs = false;
	stage_observe(&s);
	assert_true(s.seen.source_same_template);
	PATCH(&s, DEPLOYMENT, "podinfo", CONTAINER("{\"name\":\"podinfod\",\"image\":\"podinfo:2\"}"));
	assert_int_equal(DO(&s, REVERT_TEMPLATE), 1);
	assert_json(TREE(&s, DEPLOYMENT, "podinfo"), ENV_FROM, "[{\"configMapRef\":{\"name\":\"cfg\"}}]");
	assert_int_equal(DO(&s, PROMOTE), 1);
	assert_json(PRIMARY(&s), ENV_FROM, "[{\"configMapRef\":{\"name\":\"cfg\"}}]");
	stage_close(&s);
}

/* A name of the user's own that looks like one of ours. */
static void test_users_own_suffix(void **state)
{
	(void)state;
	struct stage s;
	stage_with(&s, simple);
	PATCH(&s, DEPLOYMENT, "podinfo",
	      CONTAINER("{\"name\":\"podinfod\",\"envFrom\":[{\"configMapRef\":{\"name\":\"db-primary\"}},"
			"{\"configMapRef\":{\"name\":\"no-primary\",\"optional\":true}}]}"));
	put_config(&s, "ConfigMap", "db-primary");
	(void)DO(&s, ENSURE_SOURCE, .replicas = 2);
	assert_json(PRIMARY(&s), ENV_FROM ".0.configMapRef.name", "\"db-primary-primary\"");
	assert_json(PRIMARY(&s), ENV_FROM ".1.configMapRef.name", "\"no-primary\"");
	assert_int_equal(DO(&s, REVERT_TEMPLATE), 0);
	/* used under its own name it is no copy, whatever the name */
	fake_apply(s.fake,
		   "{apiVersion: v1, kind: ConfigMap, metadata: {name: no-primary, namespace: test, annotations: "
		   "{flagger.app/config-tracking: disabled}}}");
	assert_int_equal(DO(&s, REVERT_TEMPLATE), 0);
	/* a copy that somebody deleted is still known by what it was made from */
	fake_delete(s.fake, KIND_CONFIG_MAP, "test", "db-primary-primary");
	assert_int_equal(DO(&s, REVERT_TEMPLATE), 0);
	stage_close(&s);
}

/* The user's own source (extension): it is tracked, and otherwise left alone. */
static void test_source_ref(void **state)
{
	(void)state;
	struct stage s;
	stage_simple(&s);
	fake_patch(s.fake, KIND_CANARY, "test", "podinfo",
		   "{\"metadata\":{\"annotations\":{\"alicloud.canary.extension.switch\":\"true\"}},\"spec\":{"
		   "\"sourceRef\":{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"name\":\"stable\"}}}");
	stage_canary(&s, "test", "podinfo");
	CLEANUP(json_delete_p) cJSON *stable = cJSON_Duplicate(TREE(&s, DEPLOYMENT, "podinfo"), true);
	json_remove(stable, "metadata");
	assert_true(json_put_text(stable, "metadata.name", "stable"));
	assert_true(json_put_text(stable, "metadata.namespace", "test"));
	fake_put(s.fake, TAKE(stable));
	assert_string_equal(seen_text(&s), "configmap/cfg=241889ca0604e333;");
	assert_true(s.seen.source_same_template);
	PATCH(&s, DEPLOYMENT, "podinfo",
	      CONTAINER("{\"name\":\"podinfod\",\"image\":\"podinfo:2\",\"envFrom\":[{\"configMapRef\":{\"name\":"
			"\"cfg\"}}]}"));
	assert_int_equal(DO(&s, PROMOTE, .expect_configs = &s.seen.configs), 1);
	assert_json(TREE(&s, DEPLOYMENT, "stable"), ENV_FROM, "[{\"configMapRef\":{\"name\":\"cfg\"}}]");
	assert_null(TREE(&s, CONFIG_MAP, "cfg-primary"));
	stage_close(&s);
}

struct wanted {
	char text[1024];
};

static void note_wanted(void *owner, enum kind kind, const char *ns, const char *name)
{
	struct wanted *w = owner;
	size_t n = strlen(w->text);
	assert_string_equal(ns, "test");
	if (kind == KIND_CONFIG_MAP || kind == KIND_SECRET)
		(void)snprintf(w->text + n, sizeof w->text - n, "%s/%s ", kind_name(kind), name);
}

static const char *wanted_of(struct stage *s)
{
	struct wanted w = { .text = "" };
	stage_plan(s);
	target_find("Deployment")->wants(&s->plan, note_wanted, &w);
	return arena_strdup(s->arena, w.text);
}

static void test_wants(void **state)
{
	(void)state;
	struct stage s;
	stage_simple(&s);
	assert_string_equal(wanted_of(&s), "ConfigMap/cfg ConfigMap/cfg-primary ConfigMap/cfg ");
	(void)DO(&s, ENSURE_SOURCE, .replicas = 2);
	PATCH(&s, DEPLOYMENT, "podinfo",
	      CONTAINER("{\"name\":\"podinfod\",\"envFrom\":[{\"secretRef\":{\"name\":\"key\"}}]}"));
	assert_string_equal(wanted_of(&s),
			    "Secret/key Secret/key-primary Secret/key ConfigMap/cfg-primary ConfigMap/cfg ");
	/* off: Secrets are not even asked for, there may be no right to */
	s.options.track_configs = false;
	assert_string_equal(wanted_of(&s), "ConfigMap/cfg-primary ConfigMap/cfg ");
	stage_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_place),
		cmocka_unit_test(test_checksums),
		cmocka_unit_test(test_copy),
		cmocka_unit_test(test_promotion_of_contents),
		cmocka_unit_test(test_promotion_cut_off),
		cmocka_unit_test(test_promotion_of_what_was_seen),
		cmocka_unit_test(test_opted_out),
		cmocka_unit_test(test_secret_types),
		cmocka_unit_test(test_secret_of_another_type),
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_not_known_yet),
		cmocka_unit_test(test_shared_by_two),
		cmocka_unit_test(test_owners_carry_a_version),
		cmocka_unit_test(test_not_ours_stays),
		cmocka_unit_test(test_leftovers),
		cmocka_unit_test(test_switched_off),
		cmocka_unit_test(test_users_own_suffix),
		cmocka_unit_test(test_source_ref),
		cmocka_unit_test(test_wants),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
