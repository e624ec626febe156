/* The embedded platform's own promises: durable, defaults, apply, refusals, cascades, pods, Events. */
#include <signal.h>
#include <sys/wait.h>

#include "base/text.h"
#include "base/yaml.h"
#include "tests/unit/controller/cluster/embedded_rig.h"

#define POD(name, more)                                                                                                \
	"{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"" name "\"" more                             \
	"},\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"demo:1\"}]}}"
#define CONFIG(name, more) "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"" name "\"" more "}}"

static struct outcome write_to(struct embedded_rig *x, enum write_verb verb, enum kind kind, const char *name,
			       const char *sub, const char *body)
{
	return rig_write(&x->g, verb, kind, "default", name, sub, body);
}

/* ---- durable ---- */

static void test_survives_a_restart(void **state)
{
	struct embedded_rig *x = *state;
	char last[32];
	rig_want_all(x);
	struct outcome o = write_to(x, WRITE_CREATE, KIND_CONFIG_MAP, "a", "",
				    "{\"metadata\":{\"labels\":{\"x\":\"y\"}},\"data\":{\"k\":\"\xe4\xbd\xa0\"}}");
	assert_string_equal(o.why, "");
	assert_int_equal(write_to(x, WRITE_CREATE, KIND_CONFIG_MAP, "b", "", "{\"data\":{}}").r, RC_OK);
	assert_int_equal(write_to(x, WRITE_DELETE, KIND_CONFIG_MAP, "b", "", NULL).r, RC_OK);
	char before[2048];
	snprintf(before, sizeof before, "%s", cluster_find(x->g.cluster, KIND_CONFIG_MAP, "default", "a")->json);
	snprintf(last, sizeof last, "%s", o.resource_version);
	embedded_rig_reopen(x);
	rig_want_all(x);
	const struct object *is = cluster_find(x->g.cluster, KIND_CONFIG_MAP, "default", "a");
	assert_string_equal(is->json, before);
	assert_int_equal(rig_count(&x->g, OBJECT_ADDED, "a"), 1);
	assert_null(cluster_find(x->g.cluster, KIND_CONFIG_MAP, "default", "b"));
	/* One counter: it goes on where it was, also past what was given to objects that are gone. */
	o = write_to(x, WRITE_CREATE, KIND_CONFIG_MAP, "c", "", "{}");
	assert_true(strtoll(o.resource_version, NULL, 10) > strtoll(last, NULL, 10) + 2);
}

struct killed {
	struct rig *g;
	int out;
	unsigned next, acknowledged;
};

static void write_next(struct killed *k);

static void acknowledged(void *owner, enum result r, const struct object *now, const struct error *why)
{
	struct killed *k = owner;
	char line[64];
	(void)why;
	int n = snprintf(line, sizeof line, "%s %s\n", r == RC_OK ? now->name : "failed",
			 now ? now->resource_version : "");
	if (write(k->out, line, (size_t)n) != n)
		_exit(3);
	write_next(k);
}

static void write_next(struct killed *k)
{
	char name[32];
	snprintf(name, sizeof name, "n%u", k->next++);
	const struct write w = { WRITE_CREATE, KIND_CONFIG_MAP, "default", name, "{\"data\":{\"a\":\"b\"}}", "" };
	cluster_write(k->g->cluster, &w, acknowledged, k);
}

/* In the child: writes until it is killed. */
static void be_killed(const char *path, int out)
{
	struct embedded_rig x = { .closed = false };
	struct error e;
	snprintf(x.path, sizeof x.path, "%s", path);
	if (loop_create(&x.g.loop, &e) != RC_OK)
		_exit(2);
	embedded_rig_opened(&x);
	struct killed k = { .g = &x.g, .out = out };
	x.g.cluster->changed = NULL;
	cluster_start(x.g.cluster);
	for (int i = 0; i < 16; i++)
		write_next(&k);
	loop_run(x.g.loop);
	_exit(4);
}

static int kill_setup(void **state)
{
	struct embedded_rig *x = calloc(1, sizeof *x);
	if (!x)
		return -1;
	*state = x;
	snprintf(x->folder, sizeof x->folder, "/tmp/embedded_test.XXXXXX");
	if (!mkdtemp(x->folder))
		return -1;
	snprintf(x->path, sizeof x->path, "%s/db", x->folder);
	return 0;
}

static void test_kill_loses_nothing_that_was_acknowledged(void **state)
{
	struct embedded_rig *x = *state;
	int ends[2];
	char line[64];
	struct {
		char name[64];
		long long version;
	} seen[4000];
	size_t n = 0;
	struct error e;
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork(); /* before this process has a thread */
	assert_true(child >= 0);
	if (child == 0) {
		close(ends[0]);
		be_killed(x->path, ends[1]);
	}
	close(ends[1]);
	FILE *in = fdopen(ends[0], "r");
	while (fgets(line, sizeof line, in)) {
		char *blank = strchr(line, ' ');
		if (n == sizeof seen / sizeof *seen || !blank)
			break;
		*blank = '\0';
		snprintf(seen[n].name, sizeof seen[n].name, "%s", line);
		seen[n].version = strtoll(blank + 1, NULL, 10);
		if (++n == 400)
			assert_int_equal(kill(child, SIGKILL), 0);
	}
	fclose(in);
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_true(n >= 400);
	assert_int_equal(loop_create(&x->g.loop, &e), RC_OK);
	embedded_rig_opened(x);
	x->g.cluster->changed = NULL;
	rig_want_all(x);
	long long most = 0;
	for (size_t i = 0; i < n; i++) {
		const struct object *o = cluster_find(x->g.cluster, KIND_CONFIG_MAP, "default", seen[i].name);
		if (!o || strtoll(o->resource_version, NULL, 10) != seen[i].version)
			fail_msg("%s of %zu acknowledged ones is lost", seen[i].name, n);
		most = seen[i].version > most ? seen[i].version : most;
	}
	x->g.cluster->changed = rig_changed;
	struct outcome o = write_to(x, WRITE_CREATE, KIND_CONFIG_MAP, "after", "", "{}");
	assert_true(strtoll(o.resource_version, NULL, 10) > most);
}

struct many {
	unsigned done, failed;
	long long last;
	bool in_order;
};

static void many_done(void *owner, enum result r, const struct object *now, const struct error *why)
{
	struct many *m = owner;
	(void)why;
	m->done++;
	m->failed += r != RC_OK;
	long long version = now ? strtoll(now->resource_version, NULL, 10) : 0;
	m->in_order = m->in_order && version > m->last;
	m->last = version;
}

static bool count_one(void *owner, const struct object *o)
{
	(void)o;
	++*(unsigned *)owner;
	return true;
}

static void test_ten_thousand_objects(void **state)
{
	enum { MANY = 10000 };
	struct embedded_rig *x = *state;
	struct many m = { .in_order = true };
	char name[32], body[256];
	x->g.cluster->changed = NULL;
	rig_want_all(x);
	uint64_t began = uv_hrtime();
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(name, sizeof name, "n%u", i);
		snprintf(body, sizeof body, "{\"data\":{\"n\":\"%u\"}}", i);
		const struct write w = { WRITE_CREATE, KIND_CONFIG_MAP, "default", name, body, "" };
		cluster_write(x->g.cluster, &w, many_done, &m);
	}
	UNTIL(&x->g, m.done == MANY);
	uint64_t written = uv_hrtime();
	assert_int_equal(m.failed, 0);
	assert_true(m.in_order);
	embedded_rig_reopen(x);
	x->g.cluster->changed = NULL;
	rig_want_all(x);
	uint64_t read = uv_hrtime();
	unsigned n = 0;
	cluster_each(x->g.cluster, KIND_CONFIG_MAP, NULL, count_one, &n);
	assert_int_equal(n, MANY);
	print_message("10000 objects: written in %llu ms, opened in %llu ms\n",
		      (unsigned long long)((written - began) / 1000000),
		      (unsigned long long)((read - written) / 1000000));
	assert_true((written - began) / 1000000 < 20000 && (read - written) / 1000000 < 10000);
}

static void test_writes_of_one_object_keep_their_order(void **state)
{
	struct embedded_rig *x = *state;
	struct many m = { .in_order = true };
	rig_want_all(x);
	assert_int_equal(write_to(x, WRITE_CREATE, KIND_CONFIG_MAP, "a", "", "{\"data\":{}}").r, RC_OK);
	for (int i = 0; i < 50; i++) {
		char body[64];
		snprintf(body, sizeof body, "{\"data\":{\"k%d\":\"v\",\"last\":\"%d\"}}", i, i);
		const struct write w = { WRITE_PATCH, KIND_CONFIG_MAP, "default", "a", body, "" };
		cluster_write(x->g.cluster, &w, many_done, &m);
	}
	UNTIL(&x->g, m.done == 50);
	assert_int_equal(m.failed, 0);
	assert_true(m.in_order);
	cJSON *tree = rig_tree(x, KIND_CONFIG_MAP, "default", "a");
	assert_int_equal(cJSON_GetArraySize(json_at(tree, "data")), 51); /* none is lost */
	assert_string_equal(json_text(tree, "data.last", ""), "49");
	cJSON_Delete(tree);
	/* Of two that saw the same state, one wins. */
	struct outcome a = { .rig = &x->g }, b = { .rig = &x->g };
	char body[128];
	snprintf(body, sizeof body, "{\"metadata\":{\"resourceVersion\":\"%s\"},\"data\":{\"who\":\"first\"}}",
		 cluster_find(x->g.cluster, KIND_CONFIG_MAP, "default", "a")->resource_version);
	const struct write first = { WRITE_PATCH, KIND_CONFIG_MAP, "default", "a", body, "" };
	cluster_write(x->g.cluster, &first, outcome_done, &a);
	memcpy(strstr(body, "first"), "other", 5);
	const struct write second = { WRITE_PATCH, KIND_CONFIG_MAP, "default", "a", body, "" };
	cluster_write(x->g.cluster, &second, outcome_done, &b);
	UNTIL(&x->g, a.times && b.times);
	assert_int_equal(a.r, RC_OK);
	assert_int_equal(b.r, RC_CONFLICT);
}

static void test_destroyed_with_writes_under_way(void **state)
{
	struct embedded_rig *x = *state;
	struct outcome never[3] = { 0 };
	rig_want_all(x);
	for (int i = 0; i < 2; i++) {
		const struct write w = { WRITE_CREATE, KIND_CONFIG_MAP, "default", i ? "b" : "a", "{}", "" };
		cluster_write(x->g.cluster, &w, outcome_done, &never[i]);
		const struct write again = { WRITE_PATCH, KIND_CONFIG_MAP, "default", "a", "{\"data\":{}}", "" };
		cluster_write(x->g.cluster, &again, outcome_done, &never[2]);
	}
	cJSON *d = NULL;
	static const char json[] = "{\"apiVersion\":\"v1\",\"kind\":\"Sevrice\"}";
	assert_int_equal(json_parse(json, sizeof json - 1, &d, NULL), RC_OK);
	embedded_apply(x->g.cluster, d, outcome_done, &never[2]);
	cJSON_Delete(d);
	embedded_rig_reopen(x);
	rig_want_all(x);
	for (int i = 0; i < 3; i++)
		assert_int_equal(never[i].times, 0);
	assert_non_null(cluster_find(x->g.cluster, KIND_CONFIG_MAP, "default", "b"));
}

/* ---- the seed ---- */

/* Everything that a has is in b; lists element by element. */
static bool is_within(const cJSON *a, const cJSON *b)
{
	const cJSON *m;
	if (cJSON_IsObject(a)) {
		cJSON_ArrayForEach (m, a) {
			if (!is_within(m, cJSON_GetObjectItemCaseSensitive(b, m->string)))
				return false;
		}
		return cJSON_IsObject(b);
	}
	if (!cJSON_IsArray(a))
		return b && json_equal(a, b);
	const cJSON *y = b ? b->child : NULL;
	cJSON_ArrayForEach (m, a) {
		if (!y || !is_within(m, y))
			return false;
		y = y->next;
	}
	return !y;
}

static void apply_file(struct embedded_rig *x, const char *path)
{
	char text[8192];
	struct yaml_doc **docs;
	size_t n;
	struct error e = { .text = "" };
	FILE *f = fopen(path, "r");
	if (!f)
		fail_msg("%s is missing", path);
	size_t len = fread(text, 1, sizeof text, f);
	fclose(f);
	if (yaml_parse(path, text, len, &docs, &n, &e) != RC_OK)
		fail_msg("%s", e.text);
	for (size_t i = 0; i < n; i++) {
		struct outcome o = { .rig = &x->g };
		enum kind kind;
		const cJSON *manifest = yaml_root(docs[i]);
		embedded_apply(x->g.cluster, manifest, outcome_done, &o);
		UNTIL(&x->g, o.times);
		if (o.r != RC_OK)
			fail_msg("%s: %s", path, o.why);
		assert_int_equal(kind_parse(json_text(manifest, "kind", ""), &kind, &e), RC_OK);
		cJSON *tree = rig_tree(x, kind, "default", o.name);
		if (!is_within(manifest, tree))
			fail_msg("%s %s is not as it was applied: %s", kind_name(kind), o.name, cJSON_Print(tree));
		char version[32];
		snprintf(version, sizeof version, "%s", json_text(tree, "metadata.resourceVersion", ""));
		cJSON_Delete(tree);
		if (kind == KIND_DEPLOYMENT)
			continue; /* its status is being written */
		o.times = 0;
		embedded_apply(x->g.cluster, manifest, outcome_done, &o);
		UNTIL(&x->g, o.times);
		assert_int_equal(o.r, RC_OK);
		assert_string_equal(o.resource_version, version); /* again changes nothing */
	}
	yaml_docs_free(docs, n);
}

static void test_seed(void **state)
{
	struct embedded_rig *x = *state;
	rig_want_all(x);
	apply_file(x, "tests/fixtures/seed/podinfo.yaml");
	apply_file(x, "tests/fixtures/seed/podinfo-canary.yaml");
	UNTIL(&x->g, rig_count(&x->g, OBJECT_ADDED, "podinfo") >= 2);
	const struct object *d = cluster_find(x->g.cluster, KIND_DEPLOYMENT, "default", "podinfo");
	assert_string_equal(d->template_manager, "rollcall-apply");
	cJSON *tree = rig_tree(x, KIND_INGRESS, "default", "podinfo");
	assert_string_equal(json_text(tree, "apiVersion", ""), "extensions/v1beta1");
	assert_string_equal(json_text(tree, "spec.rules.0.http.paths.0.backend.serviceName", ""), "my-podinfo-svc");
	cJSON_Delete(tree);
	cluster_want(x->g.cluster, KIND_POD, "default", NULL);
	unsigned pods = 0;
	UNTIL(&x->g, (pods = 0, cluster_each(x->g.cluster, KIND_POD, "default", count_one, &pods), pods == 4));
}

/* ---- apply ---- */

static void test_apply_is_three_way(void **state)
{
	struct embedded_rig *x = *state;
	rig_want_all(x);
	struct outcome o = rig_apply(x, "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\","
					"\"labels\":{\"mine\":\"1\"}},\"data\":{\"keep\":\"1\",\"drop\":\"1\"}}");
	assert_string_equal(o.why, "");
	assert_int_equal(write_to(x, WRITE_PATCH, KIND_CONFIG_MAP, "a", "",
				  "{\"metadata\":{\"labels\":{\"others\":\"2\"}},\"data\":{\"others\":\"2\"}}")
				 .r,
			 RC_OK);
	o = rig_apply(x, "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\"},"
			 "\"data\":{\"keep\":\"3\",\"new\":\"3\"}}");
	assert_string_equal(o.why, "");
	cJSON *tree = rig_tree(x, KIND_CONFIG_MAP, "default", "a");
	char *data = json_canonical(json_at(tree, "data"), false);
	assert_string_equal(data, "{\"keep\":\"3\",\"new\":\"3\",\"others\":\"2\"}");
	free(data);
	assert_null(json_at(tree, "metadata.labels.mine"));
	assert_string_equal(json_text(tree, "metadata.labels.others", ""), "2");
	const char *last =
		json_text(tree, "metadata.annotations.kubectl\\.kubernetes\\.io/last-applied-configuration", "");
	assert_non_null(strstr(last, "\"keep\":\"3\""));
	assert_null(strstr(last, "others"));
	cJSON_Delete(tree);
	/* A resourceVersion in the manifest is a precondition. */
	o = rig_apply(x, "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\","
			 "\"resourceVersion\":\"1\"},\"data\":{}}");
	assert_int_equal(o.r, RC_CONFLICT);
}

/* ---- refusals: each says where, what, and what is supported ---- */

#define DEPLOYMENT(spec, pod)                                                                                          \
	"{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"d\"},\"spec\":{" spec            \
	"\"selector\":{\"matchLabels\":{\"app\":\"d\"}},\"template\":{\"metadata\":{\"labels\":{\"app\":\"d\"}},"      \
	"\"spec\":{" pod "}}}}"
#define CONTAINER(more) "\"containers\":[{\"name\":\"a\",\"image\":\"i\"" more "}]"

static const struct {
	const char *manifest, *says[3];
} refusals[] = {
	{ "{\"apiVersion\":\"apps/v1\",\"kind\":\"DaemonSet\",\"metadata\":{\"name\":\"d\"},\"spec\":{}}",
	  { "kind: \"DaemonSet\" is not supported by the embedded platform", "Deployment, Service, Ingress" } },
	{ "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\"d\"}}",
	  { "leave this document out" } },
	{ "{\"metadata\":{\"name\":\"d\"}}", { "kind: missing" } },
	{ "{\"apiVersion\":\"apps/v1beta2\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"d\"}}",
	  { "apiVersion: \"apps/v1beta2\"", "use apps/v1" } },
	{ "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"generateName\":\"x\"}}",
	  { "metadata.name: missing", "generateName is not supported" } },
	{ "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"Upper\"}}",
	  { "metadata.name: \"Upper\" is not a name" } },
	{ "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\",\"namespace\":\"a/b\"}}",
	  { "not a namespace" } },
	{ "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\",\"labels\":{\"a\":1}}}",
	  { "metadata.labels.a: must be a text" } },
	{ "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\",\"annotations\":{\"a\":true}}}",
	  { "metadata.annotations: must be an object of texts", "quote" } },
	{ DEPLOYMENT("", "\"volumes\":[{\"name\":\"v\"}]," CONTAINER("")),
	  { "Deployment default/d", "spec.template.spec.volumes: not supported", "supported: containers" } },
	{ DEPLOYMENT("", "\"initContainers\":[{\"name\":\"v\"}]," CONTAINER("")),
	  { "spec.template.spec.initContainers" } },
	{ DEPLOYMENT("", "\"hostNetwork\":true," CONTAINER("")), { "spec.template.spec.hostNetwork" } },
	{ DEPLOYMENT("", CONTAINER(",\"volumeMounts\":[{}]")), { "spec.template.spec.containers[0].volumeMounts" } },
	{ DEPLOYMENT("", CONTAINER(",\"envFrom\":[{}]")), { "containers[0].envFrom" } },
	{ DEPLOYMENT("", CONTAINER(",\"readinessProbe\":{\"grpc\":{\"port\":1}}")), { "readinessProbe.grpc" } },
	{ DEPLOYMENT("", CONTAINER(",\"env\":[{\"name\":\"A\",\"valueFrom\":{\"secretKeyRef\":{\"name\":\"s\"}}}]")),
	  { "valueFrom of A is not supported", "fieldRef" } },
	{ DEPLOYMENT("", CONTAINER(",\"env\":[{\"name\":\"A\",\"value\":1}]")),
	  { "value of A must be a text: quote it" } },
	{ DEPLOYMENT("", CONTAINER(",\"ports\":[{\"containerPort\":70000}]")), { "containerPort must be a number" } },
	{ DEPLOYMENT("", "\"containers\":[]"), { "spec.template.spec.containers: 1 to 16" } },
	{ DEPLOYMENT("", "\"containers\":[{\"name\":\"a\"}]"), { "containers[0].image: missing" } },
	{ DEPLOYMENT("\"replicas\":-1,", CONTAINER("")), { "spec.replicas: must be a whole number from 0" } },
	{ DEPLOYMENT("\"replicas\":\"4\",", CONTAINER("")), { "spec.replicas: must be a whole number" } },
	{ DEPLOYMENT("\"minReadySeconds\":600,", CONTAINER("")), { "progressDeadlineSeconds: must be greater" } },
	{ DEPLOYMENT("\"strategy\":{\"type\":\"Blue\"},", CONTAINER("")),
	  { "spec.strategy.type: \"Blue\"; supported: RollingUpdate, Recreate" } },
	{ DEPLOYMENT("\"strategy\":{\"rollingUpdate\":{\"maxSurge\":0,\"maxUnavailable\":\"0%\"}},", CONTAINER("")),
	  { "cannot both be 0" } },
	{ DEPLOYMENT("\"strategy\":{\"rollingUpdate\":{\"maxSurge\":\"lots\"}},", CONTAINER("")),
	  { "maxSurge: must be a whole number or a percentage" } },
	{ "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"d\"},\"spec\":{\"selector\":{"
	  "\"matchLabels\":{\"app\":\"other\"}},\"template\":{\"metadata\":{\"labels\":{\"app\":\"d\"}},\"spec\":"
	  "{" CONTAINER("") "}}}}",
	  { "\"app: other\" of spec.selector.matchLabels is missing" } },
	{ "{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"s\"},\"spec\":{\"type\":"
	  "\"LoadBalancer\","
	  "\"ports\":[{\"port\":80}]}}",
	  { "spec.type: \"LoadBalancer\"", "supported: ClusterIP" } },
	{ "{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"s\"},\"spec\":{\"ports\":[{\"port\":0}]"
	  "}}",
	  { "spec.ports.0.port: must be a whole number from 1 to 65535" } },
	{ "{\"apiVersion\":\"networking.k8s.io/v1\",\"kind\":\"Ingress\",\"metadata\":{\"name\":\"i\"},\"spec\":{"
	  "\"rules\":[{\"http\":{\"paths\":[{\"backend\":{\"serviceName\":\"s\"}}]}}]}}",
	  { "backend.service.name in apiVersion networking.k8s.io/v1" } },
};

static void test_refusals(void **state)
{
	struct embedded_rig *x = *state;
	rig_want_all(x);
	for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
		struct outcome o = rig_apply(x, refusals[i].manifest);
		if (o.r != RC_INVALID)
			fail_msg("%s: %s", refusals[i].manifest, result_name(o.r));
		for (size_t k = 0; k < 3 && refusals[i].says[k]; k++) {
			if (!strstr(o.why, refusals[i].says[k]))
				fail_msg("%s: \"%s\" does not say \"%s\"", refusals[i].manifest, o.why,
					 refusals[i].says[k]);
		}
	}
	assert_int_equal(x->g.n, 0); /* everything is as it was */
	/* And a patch that makes a good object a bad one. */
	assert_int_equal(rig_apply(x, DEPLOYMENT("\"paused\":true,", CONTAINER(""))).r, RC_OK);
	struct outcome o =
		write_to(x, WRITE_PATCH, KIND_DEPLOYMENT, "d", "",
			 "{\"spec\":{\"selector\":{\"matchLabels\":{\"app\":\"d\",\"more\":\"x\"}},\"template\":"
			 "{\"metadata\":{\"labels\":{\"more\":\"x\"}}}}}");
	assert_int_equal(o.r, RC_INVALID);
	assert_non_null(strstr(o.why, "spec.selector: cannot change"));
	o = write_to(x, WRITE_CREATE, KIND_CONFIG_MAP, "huge", "", "{");
	assert_int_equal(o.r, RC_INVALID);
	char *body = malloc(2 * 1024 * 1024);
	int n = snprintf(body, 64, "{\"data\":{\"a\":\"");
	memset(body + n, 'x', 1600 * 1024);
	memcpy(body + n + 1600 * 1024, "\"}}", 4);
	o = write_to(x, WRITE_CREATE, KIND_CONFIG_MAP, "huge", "", body);
	free(body);
	assert_int_equal(o.r, RC_INVALID);
	assert_non_null(strstr(o.why, "larger than 1.5 MiB"));
}

/* Each place of a manifest, one at a time, becomes something else: whatever the answer is, there is one, and what is
 * taken can be worked with. */
static unsigned twist(struct embedded_rig *x, const cJSON *whole, cJSON *node)
{
	static const char *const others[] = {
		"null", "5", "-1.5", "\"x\"", "true", "[]", "{}", "[null]", "{\"a\":[1]}"
	};
	unsigned answers = 0;
	for (cJSON *m = node->child; m; m = m->next) {
		answers += twist(x, whole, m);
		for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
			cJSON *other = NULL, was = *m;
			struct outcome o = { .rig = &x->g };
			assert_int_equal(json_parse(others[i], strlen(others[i]), &other, NULL), RC_OK);
			m->type = other->type;
			m->child = other->child;
			m->valuestring = other->valuestring;
			m->valueint = other->valueint;
			m->valuedouble = other->valuedouble;
			embedded_apply(x->g.cluster, whole, outcome_done, &o);
			UNTIL(&x->g, o.times);
			if (o.r != RC_OK && o.r != RC_INVALID && o.r != RC_CONFLICT)
				fail_msg("%s instead of %s: %s", others[i], m->string ? m->string : "an element",
					 o.why);
			answers++;
			m->type = was.type;
			m->child = was.child;
			m->valuestring = was.valuestring;
			m->valueint = was.valueint;
			m->valuedouble = was.valuedouble;
			cJSON_Delete(other);
		}
	}
	return answers;
}

static void test_twisted_manifests(void **state)
{
	static const char *const manifests[] = {
		DEPLOYMENT("\"replicas\":1,\"paused\":true,\"strategy\":{\"type\":\"RollingUpdate\",\"rollingUpdate\":{"
			   "\"maxSurge\":1}},",
			   CONTAINER(",\"ports\":[{\"name\":\"h\",\"containerPort\":80}],\"env\":[{\"name\":\"A\","
				     "\"valueFrom\":{\"fieldRef\":{\"fieldPath\":\"metadata.name\"}}}],"
				     "\"readinessProbe\":{\"httpGet\":{\"port\":80}}")),
		"{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"s\",\"labels\":{\"a\":\"b\"},"
		"\"annotations\":{\"a\":\"b\"},\"ownerReferences\":[{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\","
		"\"name\":\"o\",\"uid\":\"u\"}],\"finalizers\":[\"a/b\"]},\"spec\":{\"selector\":{\"app\":\"d\"},"
		"\"ports\":[{\"name\":\"h\",\"port\":80,\"targetPort\":\"h\"}]}}",
		"{\"apiVersion\":\"networking.k8s.io/v1\",\"kind\":\"Ingress\",\"metadata\":{\"name\":\"i\"},\"spec\":{"
		"\"rules\":[{\"host\":\"a\",\"http\":{\"paths\":[{\"path\":\"/\",\"backend\":{\"service\":{\"name\":"
		"\"s\",\"port\":{\"number\":80}}}}]}}]}}",
	};
	struct embedded_rig *x = *state;
	x->g.cluster->changed = NULL;
	rig_want_all(x);
	unsigned answers = 0;
	for (size_t i = 0; i < sizeof manifests / sizeof *manifests; i++) {
		cJSON *whole = NULL;
		assert_int_equal(json_parse(manifests[i], strlen(manifests[i]), &whole, NULL), RC_OK);
		answers += twist(x, whole, whole);
		cJSON_Delete(whole);
	}
	assert_true(answers > 500);
}

/* ---- owners ---- */

static void owned_by(char *buf, size_t size, const char *uid, const char *more)
{
	snprintf(buf, size,
		 "{\"metadata\":{%s\"ownerReferences\":[{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"name\":"
		 "\"owner\","
		 "\"uid\":\"%s\",\"controller\":true}]}}",
		 more, uid);
}

static void test_what_is_owned_goes_with_its_owner(void **state)
{
	struct embedded_rig *x = *state;
	char body[512];
	rig_want_all(x);
	struct outcome owner = write_to(x, WRITE_CREATE, KIND_CONFIG_MAP, "owner", "", "{}");
	owned_by(body, sizeof body, owner.uid, "");
	struct outcome child = write_to(x, WRITE_CREATE, KIND_CONFIG_MAP, "child", "", body);
	assert_string_equal(cluster_find(x->g.cluster, KIND_CONFIG_MAP, "default", "child")->owner_uid, owner.uid);
	owned_by(body, sizeof body, child.uid, "");
	write_to(x, WRITE_CREATE, KIND_SECRET, "grandchild", "", body);
	owned_by(body, sizeof body, owner.uid, "\"finalizers\":[\"a/b\"],");
	write_to(x, WRITE_CREATE, KIND_CONFIG_MAP, "held", "", body);
	write_to(x, WRITE_CREATE, KIND_CONFIG_MAP, "stranger", "", "{}");
	assert_int_equal(write_to(x, WRITE_DELETE, KIND_CONFIG_MAP, "owner", "", NULL).r, RC_OK);
	UNTIL(&x->g, !cluster_find(x->g.cluster, KIND_CONFIG_MAP, "default", "child") &&
			     !cluster_find(x->g.cluster, KIND_SECRET, "default", "grandchild"));
	UNTIL(&x->g, cluster_find(x->g.cluster, KIND_CONFIG_MAP, "default", "held")->deleting);
	assert_non_null(cluster_find(x->g.cluster, KIND_CONFIG_MAP, "default", "stranger"));
	write_to(x, WRITE_PATCH, KIND_CONFIG_MAP, "held", "", "{\"metadata\":{\"finalizers\":[]}}");
	assert_null(cluster_find(x->g.cluster, KIND_CONFIG_MAP, "default", "held"));
	/* An owner that never was: the object goes at once. */
	owned_by(body, sizeof body, "00000000-0000-0000-0000-000000000001", "");
	assert_int_equal(write_to(x, WRITE_CREATE, KIND_CONFIG_MAP, "orphan", "", body).r, RC_OK);
	UNTIL(&x->g, !cluster_find(x->g.cluster, KIND_CONFIG_MAP, "default", "orphan"));
}

static void test_a_cascade_goes_on_after_a_restart(void **state)
{
	struct embedded_rig *x = *state;
	char body[512], name[32];
	rig_want_all(x);
	struct outcome owner = write_to(x, WRITE_CREATE, KIND_CONFIG_MAP, "owner", "", "{}");
	struct many m = { 0 };
	x->g.cluster->changed = NULL;
	owned_by(body, sizeof body, owner.uid, "");
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof name, "c%d", i);
		const struct write w = { WRITE_CREATE, KIND_SECRET, "default", name, body, "" };
		cluster_write(x->g.cluster, &w, many_done, &m);
	}
	UNTIL(&x->g, m.done == 1000);
	unsigned left = 0;
	struct write w = { WRITE_DELETE, KIND_CONFIG_MAP, "default", "owner", NULL, "" };
	cluster_write(x->g.cluster, &w, NULL, NULL);
	embedded_rig_reopen(x); /* before the cascade has begun */
	x->g.cluster->changed = NULL;
	rig_want_all(x);
	assert_null(cluster_find(x->g.cluster, KIND_CONFIG_MAP, "default", "owner"));
	UNTIL(&x->g, (left = 0, cluster_each(x->g.cluster, KIND_SECRET, NULL, count_one, &left), left == 0));
}

/* ---- pods, as the node meets them ---- */

static void test_pods(void **state)
{
	struct embedded_rig *x = *state;
	char body[512];
	rig_want_all(x);
	struct outcome pod = write_to(x, WRITE_CREATE, KIND_POD, "p", "", POD("p", ""));
	assert_string_equal(pod.why, "");
	cJSON *tree = rig_tree(x, KIND_POD, "default", "p");
	assert_string_equal(json_text(tree, "status.phase", ""), "Pending");
	assert_string_equal(json_text(tree, "spec.schedulerName", ""), "default-scheduler");
	assert_int_equal(json_int(tree, "spec.terminationGracePeriodSeconds", 0), 30);
	cJSON_Delete(tree);
	snprintf(body, sizeof body,
		 "{\"apiVersion\":\"v1\",\"kind\":\"Binding\",\"metadata\":{\"name\":\"p\",\"uid\":\"%s\"},"
		 "\"target\":{\"kind\":\"Node\",\"name\":\"here\"}}",
		 pod.uid);
	struct outcome o = write_to(x, WRITE_CREATE, KIND_POD, "p", "binding", body);
	assert_string_equal(o.why, "");
	assert_false(o.has_now);
	o = write_to(x, WRITE_CREATE, KIND_POD, "p", "binding", body);
	assert_int_equal(o.r, RC_CONFLICT);
	o = write_to(x, WRITE_PATCH, KIND_POD, "p", "", "{\"spec\":{\"nodeName\":\"there\"}}");
	assert_int_equal(o.r, RC_INVALID);
	o = write_to(x, WRITE_PATCH, KIND_POD, "p", "status",
		     "{\"metadata\":{\"uid\":\"another\"},\"status\":{\"podIP\":\"127.10.0.1\"}}");
	assert_int_equal(o.r, RC_CONFLICT);
	o = write_to(x, WRITE_DELETE, KIND_POD, "p", "", NULL); /* with grace: the node ends it */
	assert_int_equal(o.r, RC_OK);
	assert_true(o.has_now);
	tree = rig_tree(x, KIND_POD, "default", "p");
	assert_int_equal(json_int(tree, "metadata.deletionGracePeriodSeconds", 0), 30);
	assert_non_null(json_at(tree, "metadata.deletionTimestamp"));
	cJSON_Delete(tree);
	o = write_to(x, WRITE_DELETE, KIND_POD, "p", "", "{\"gracePeriodSeconds\":0}");
	assert_int_equal(o.r, RC_OK);
	assert_null(cluster_find(x->g.cluster, KIND_POD, "default", "p"));
	/* Nobody has it: nothing to wait for. */
	write_to(x, WRITE_CREATE, KIND_POD, "q", "", POD("q", ""));
	write_to(x, WRITE_DELETE, KIND_POD, "q", "", NULL);
	assert_null(cluster_find(x->g.cluster, KIND_POD, "default", "q"));
	o = write_to(x, WRITE_PATCH, KIND_POD, "q", "ephemeralcontainers", "{}");
	assert_int_equal(o.r, RC_INVALID);
}

/* ---- Events ---- */

struct read_events {
	bool done;
	char json[4096];
};

static void events_read(void *owner, enum result r, const char *json, const struct error *why)
{
	struct read_events *e = owner;
	(void)why;
	assert_int_equal(r, RC_OK);
	snprintf(e->json, sizeof e->json, "%s", json);
	e->done = true;
}

static cJSON *events_of(struct embedded_rig *x, const char *name)
{
	struct read_events e = { .done = false };
	cJSON *list = NULL;
	embedded_events(x->g.cluster, "default", name, events_read, &e);
	UNTIL(&x->g, e.done);
	assert_int_equal(json_parse(e.json, strlen(e.json), &list, NULL), RC_OK);
	return list;
}

static void record(struct embedded_rig *x, const char *message, const char *key)
{
	struct outcome o = { .rig = &x->g };
	const struct cluster_event ev = { .ns = "default",
					  .name = "podinfo",
					  .uid = "u1",
					  .kind = "Canary",
					  .api_version = "flagger.app/v1beta1",
					  .resource_version = "1",
					  .warning = true,
					  .reason = "Synced",
					  .message = message,
					  .key = key };
	cluster_record(x->g.cluster, &ev, outcome_done, &o);
	assert_int_equal(o.times, 0);
	UNTIL(&x->g, o.times);
	assert_int_equal(o.r, RC_OK);
}

static void test_events(void **state)
{
	struct embedded_rig *x = *state;
	cluster_start(x->g.cluster);
	record(x, "once", "k1");
	record(x, "once", "k1");
	embedded_rig_reopen(x);
	cluster_start(x->g.cluster);
	record(x, "once", "k1"); /* also after a restart */
	record(x, "again", NULL);
	record(x, "again", NULL);
	record(x, "other", NULL);
	cJSON *list = events_of(x, "podinfo");
	assert_int_equal(cJSON_GetArraySize(list), 3);
	assert_string_equal(json_text(list, "0.message", ""), "once");
	assert_int_equal(json_int(list, "0.count", 0), 1);
	assert_string_equal(json_text(list, "1.message", ""), "again");
	assert_int_equal(json_int(list, "1.count", 0), 2);
	assert_string_equal(json_text(list, "1.type", ""), "Warning");
	cJSON_Delete(list);
}

static void test_scalers_are_kept_and_said_to_be_ignored(void **state)
{
	struct embedded_rig *x = *state;
	rig_want_all(x);
	struct outcome o = rig_apply(x, "{\"apiVersion\":\"autoscaling/v2\",\"kind\":\"HorizontalPodAutoscaler\","
					"\"metadata\":{\"name\":\"h\"},\"spec\":{\"maxReplicas\":4}}");
	assert_string_equal(o.why, "");
	cJSON *list = NULL;
	UNTIL(&x->g, (cJSON_Delete(list), list = events_of(x, "h"), list->child));
	assert_string_equal(json_text(list, "0.reason", ""), "NotSupported");
	assert_non_null(strstr(json_text(list, "0.message", ""), "ignored"));
	cJSON_Delete(list);
}

/* ---- two who look ---- */

static void test_views(void **state)
{
	struct embedded_rig *x = *state;
	struct rig other = { .loop = x->g.loop };
	struct error e;
	cluster_start(x->g.cluster);
	assert_int_equal(embedded_view(x->g.cluster, &other.cluster, &e), RC_OK);
	other.cluster->changed = rig_changed;
	other.cluster->changed_owner = &other;
	other.cluster->settled = rig_settled;
	cluster_want(x->g.cluster, KIND_SECRET, NULL, NULL);
	cluster_want(other.cluster, KIND_CONFIG_MAP, NULL, NULL);
	cluster_start(other.cluster);
	UNTIL(&x->g, other.settled && x->g.settled);
	struct outcome o = rig_write(&other, WRITE_CREATE, KIND_SECRET, "default", "a", "", "{}");
	assert_int_equal(o.r, RC_OK);
	assert_false(o.in_cache);
	assert_int_equal(write_to(x, WRITE_CREATE, KIND_CONFIG_MAP, "b", "", "{}").r, RC_OK);
	assert_int_equal(rig_count(&x->g, OBJECT_ADDED, "a"), 1);
	assert_int_equal(rig_count(&x->g, OBJECT_ADDED, "b"), 0);
	assert_int_equal(rig_count(&other, OBJECT_ADDED, "a"), 0);
	assert_int_equal(rig_count(&other, OBJECT_ADDED, "b"), 1);
	assert_null(cluster_find(other.cluster, KIND_SECRET, "default", "a"));
	assert_string_equal(other.cluster->name, "test");
	cluster_destroy(other.cluster);
	assert_int_equal(write_to(x, WRITE_CREATE, KIND_CONFIG_MAP, "c", "", "{}").r, RC_OK);
	assert_int_equal(rig_count(&other, OBJECT_ADDED, "c"), 0);
}

static void led(void *owner, bool leading)
{
	*(int *)owner += leading;
}

static void test_leads(void **state)
{
	struct embedded_rig *x = *state;
	int told = 0;
	cluster_lead(x->g.cluster, &(struct leadership){ .identity = "me", .changed = led, .owner = &told });
	assert_int_equal(told, 0);
	UNTIL(&x->g, told == 1);
	assert_true(cluster_leading(x->g.cluster));
}

#define EMBEDDED(f) cmocka_unit_test_setup_teardown(f, embedded_setup, embedded_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_kill_loses_nothing_that_was_acknowledged, kill_setup,
						embedded_teardown),
		EMBEDDED(test_survives_a_restart),
		EMBEDDED(test_ten_thousand_objects),
		EMBEDDED(test_writes_of_one_object_keep_their_order),
		EMBEDDED(test_destroyed_with_writes_under_way),
		EMBEDDED(test_seed),
		EMBEDDED(test_apply_is_three_way),
		EMBEDDED(test_refusals),
		EMBEDDED(test_twisted_manifests),
		EMBEDDED(test_what_is_owned_goes_with_its_owner),
		EMBEDDED(test_a_cascade_goes_on_after_a_restart),
		EMBEDDED(test_pods),
		EMBEDDED(test_events),
		EMBEDDED(test_scalers_are_kept_and_said_to_be_ignored),
		EMBEDDED(test_views),
		EMBEDDED(test_leads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
