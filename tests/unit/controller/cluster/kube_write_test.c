/* Writes, Events, the lease and credentials against a server that misbehaves by script. */
#include "controller/cluster/kube/kube.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/metrics.h"
#include "tests/unit/controller/cluster/kube_fake.h"

#define CANARIES "GET /apis/flagger.app/v1beta1/canaries"
#define SERVICES "/api/v1/namespaces/t/services"
#define SERVICE "/api/v1/namespaces/t/services/s"
#define EVENTS "POST /api/v1/namespaces/t/events"
#define LEASES "/apis/coordination.k8s.io/v1/namespaces/ops/leases"
#define OWNED(name, rv, owner)                                                                                         \
	"{\"metadata\":{\"name\":\"" name "\",\"namespace\":\"t\",\"uid\":\"u-" name "\",\"resourceVersion\":\"" rv    \
	"\",\"ownerReferences\":[{\"uid\":\"x\"},{\"uid\":\"" owner "\",\"controller\":true}]}}"
#define ITEM(name, rv) OWNED(name, rv, "boss")
#define LIST(rv, items) "{\"kind\":\"List\",\"metadata\":{\"resourceVersion\":\"" rv "\"},\"items\":[" items "]}"
#define EVENT(type, name, rv) "{\"type\":\"" type "\",\"object\":" ITEM(name, rv) "}\n"
#define STATUS(code, message)                                                                                          \
	"{\"kind\":\"Status\",\"status\":\"Failure\",\"message\":\"" message "\",\"code\":" #code "}"

struct bed {
	struct rig g;
	struct fake f;
};

/* Service s is wanted and known not to be there. */
static void bed_open(struct bed *b)
{
	fake_open(&b->f, &b->g);
	fake_on(&b->f, CANARIES, "limit", 200, LIST("10", ""));
	fake_watch(&b->f, CANARIES, "resourceVersion=10", NULL);
	fake_on(&b->f, "GET /api/v1/services", "limit", 200, LIST("10", ""));
	fake_watch(&b->f, "GET /api/v1/services", "resourceVersion=10", NULL);
	cluster_want(b->g.cluster, KIND_SERVICE, "t", "s");
	cluster_start(b->g.cluster);
	UNTIL(&b->g, fake_stream(&b->f, "GET /api/v1/services"));
}

static struct outcome create(struct bed *b)
{
	return rig_write(&b->g, WRITE_CREATE, KIND_SERVICE, "t", "s", "", ITEM("s", ""));
}

static struct outcome patch(struct bed *b)
{
	return rig_write(&b->g, WRITE_PATCH, KIND_SERVICE, "t", "s", "", "{\"spec\":{\"a\":null}}");
}

/* ---- answers and the cache ---- */

static void test_the_answer_is_in_the_cache_first(void **state)
{
	(void)state;
	struct bed b;
	bed_open(&b);
	fake_on(&b.f, "POST " SERVICES, NULL, 201, ITEM("s", "11"));
	struct outcome o = create(&b);
	assert_string_equal(o.why, "");
	assert_true(o.has_now && o.in_cache);
	assert_int_equal(o.changes, 1);
	assert_int_equal(rig_count(&b.g, OBJECT_ADDED, "s"), 1);
	struct fake_conn *w = fake_stream(&b.f, "GET /api/v1/services");
	fake_on(&b.f, "PATCH " SERVICE, NULL, 200, ITEM("s", "15"));
	assert_string_equal(patch(&b).resource_version, "15");
	assert_string_equal(fake_last(&b.f, "PATCH " SERVICE)->content_type, "application/merge-patch+json");
	/* what the watch has to tell of all this is old */
	fake_chunk(w, EVENT("ADDED", "s", "11") EVENT("MODIFIED", "s", "13") EVENT("MODIFIED", "s", "15"));
	fake_chunk(w, EVENT("MODIFIED", "s", "16"));
	UNTIL(&b.g, text_eq(cluster_find(b.g.cluster, KIND_SERVICE, "t", "s")->resource_version, "16"));
	assert_int_equal(b.g.n, 3);
	/* and an answer that is older than the watch does not turn the cache back */
	fake_on(&b.f, "PATCH " SERVICE, NULL, 200, ITEM("s", "14"));
	struct outcome late = patch(&b);
	assert_int_equal(late.r, RC_OK);
	assert_string_equal(late.resource_version, "16");
	assert_int_equal(b.g.n, 3);
	fake_close(&b.f);
}

static void test_deleting(void **state)
{
	(void)state;
	static const char gone[] = "{\"kind\":\"Status\",\"status\":\"Success\",\"details\":{\"uid\":\"u-s\"}}";
	static const char going[] =
		"{\"metadata\":{\"name\":\"s\",\"namespace\":\"t\",\"uid\":\"u-s\",\"resourceVersion\":\"12\","
		"\"deletionTimestamp\":\"2026-11-24T21:58:22Z\",\"finalizers\":[\"f\"]}}";
	struct bed b;
	bed_open(&b);
	fake_on(&b.f, "POST " SERVICES, NULL, 201, ITEM("s", "11"));
	create(&b);
	fake_on(&b.f, "DELETE " SERVICE, NULL, 200, going);
	struct outcome o =
		rig_write(&b.g, WRITE_DELETE, KIND_SERVICE, "t", "s", "", "{\"preconditions\":{\"uid\":\"u-s\"}}");
	assert_true(o.has_now && cluster_find(b.g.cluster, KIND_SERVICE, "t", "s")->deleting);
	assert_string_equal(fake_last(&b.f, "DELETE " SERVICE)->body, "{\"preconditions\":{\"uid\":\"u-s\"}}");
	fake_on(&b.f, "DELETE " SERVICE, NULL, 200, gone);
	o = rig_write(&b.g, WRITE_DELETE, KIND_SERVICE, "t", "s", "", NULL);
	assert_int_equal(o.r, RC_OK);
	assert_false(o.has_now);
	assert_null(cluster_find(b.g.cluster, KIND_SERVICE, "t", "s"));
	/* events from before the deletion do not bring it back */
	struct fake_conn *w = fake_stream(&b.f, "GET /api/v1/services");
	fake_chunk(w, EVENT("ADDED", "s", "11") EVENT("MODIFIED", "s", "12") EVENT("DELETED", "s", "13"));
	fake_on(&b.f, "PATCH " SERVICE, NULL, 404, STATUS(404, "services \\\"s\\\" not found"));
	o = patch(&b);
	assert_int_equal(o.r, RC_NOT_FOUND);
	assert_string_equal(o.why, "patch services/s in namespace t: services \"s\" not found (404)");
	assert_int_equal(b.g.n, 3); /* added, changed, deleted */
	/* a namesake is another object */
	fake_chunk(w,
		   "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"s\",\"namespace\":\"t\",\"uid\":\"new\","
		   "\"resourceVersion\":\"20\"}}}\n");
	UNTIL(&b.g, cluster_find(b.g.cluster, KIND_SERVICE, "t", "s"));
	fake_close(&b.f);
}

/* ---- the meaning of failures ---- */

static void test_refusals(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		int status;
		const char *body;
		enum result r;
		const char *why;
	} cases[] = {
		{ "conflict", 409, STATUS(409, "the object has been modified"), RC_CONFLICT,
		  "patch services/s in namespace t: the object has been modified (409)" },
		{ "rights", 403, STATUS(403, "services is forbidden"), RC_REFUSED,
		  "not allowed to patch services/s in namespace t: services is forbidden (403)" },
		{ "validation", 422, STATUS(422, "spec.ports: Required value"), RC_INVALID,
		  "patch services/s in namespace t: spec.ports: Required value (422)" },
		{ "no Status", 400, "<html>\nno</html>", RC_INVALID, "patch services/s in namespace t: <html> (400)" },
		{ "nothing", 404, "", RC_NOT_FOUND,
		  "patch services/s in namespace t: the API server gave no reason (404)" },
		{ "credentials", 401, STATUS(401, "Unauthorized"), RC_REFUSED,
		  "patch services/s in namespace t: the API server does not accept our credentials (401): "
		  "Unauthorized" },
		{ "not JSON", 200, "<html>", RC_INVALID, NULL },
	};
	struct bed b;
	bed_open(&b);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		fake_on(&b.f, "PATCH " SERVICE, NULL, cases[i].status, cases[i].body);
		struct outcome o = patch(&b);
		if (o.r != cases[i].r || (cases[i].why && !text_eq(o.why, cases[i].why)))
			fail_msg("%s: result %d, \"%s\"", cases[i].name, (int)o.r, o.why);
	}
	fake_close(&b.f);
}

static void test_names_that_are_none(void **state)
{
	(void)state;
	static const struct {
		const char *ns, *name;
	} cases[] = { { "t", ".." }, { "t", "." },  { "t", "a/b" }, { "t", "%2e" },
		      { "t", "" },   { "..", "a" }, { "T", "a" } };
	struct bed b;
	bed_open(&b);
	size_t before = b.f.n;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct outcome o = rig_write(&b.g, WRITE_PATCH, KIND_SERVICE, cases[i].ns, cases[i].name, "", "{}");
		if (o.r != RC_INVALID)
			fail_msg("%s/%s: result %d", cases[i].ns, cases[i].name, (int)o.r);
	}
	assert_int_equal(b.f.n, before);
	fake_close(&b.f);
}

/* ---- retries ---- */

static void test_what_passes_is_tried_again(void **state)
{
	(void)state;
	struct bed b;
	bed_open(&b);
	fake_on(&b.f, "GET /version", NULL, 200, "{}")->always = true;
	fake_on(&b.f, "PATCH " SERVICE, NULL, 0, NULL);
	fake_on(&b.f, "PATCH " SERVICE, NULL, 500, STATUS(500, "etcd"));
	fake_on(&b.f, "PATCH " SERVICE, NULL, 503, "");
	fake_on(&b.f, "PATCH " SERVICE, NULL, 429, STATUS(429, "slow down"))->headers = "Retry-After: 1\r\n";
	fake_on(&b.f, "PATCH " SERVICE, NULL, 200, ITEM("s", "11"));
	int64_t before = loop_now(b.g.loop).v;
	assert_string_equal(patch(&b).why, "");
	assert_true(loop_now(b.g.loop).v - before >= 900);
	assert_int_equal(fake_count(&b.f, "PATCH " SERVICE), 5);
	/* longer than we try at all */
	fake_on(&b.f, "PATCH " SERVICE, NULL, 429, STATUS(429, "slow down"))->headers = "Retry-After: 600\r\n";
	struct outcome o = patch(&b);
	assert_int_equal(o.r, RC_UNREACHABLE);
	assert_non_null(strstr(o.why, "slow down"));
	fake_close(&b.f);
}

/* The answer to a create was lost: what is there now is ours when it has our owner. */
static void test_a_create_that_may_have_succeeded(void **state)
{
	(void)state;
	struct bed b;
	char now[32], fresh[512];
	bed_open(&b);
	fake_on(&b.f, "GET /version", NULL, 200, "{}")->always = true;
	fake_on(&b.f, "POST " SERVICES, NULL, 504, "");
	fake_on(&b.f, "POST " SERVICES, NULL, 409, STATUS(409, "already exists"));
	fake_on(&b.f, "GET " SERVICE, NULL, 200, ITEM("s", "11"));
	struct outcome o = create(&b);
	assert_string_equal(o.why, "");
	assert_true(o.in_cache);
	fake_on(&b.f, "POST " SERVICES, NULL, 504, "");
	fake_on(&b.f, "POST " SERVICES, NULL, 409, STATUS(409, "already exists"));
	fake_on(&b.f, "GET " SERVICE, NULL, 200, OWNED("s", "12", "somebody"));
	assert_int_equal(create(&b).r, RC_CONFLICT);
	/* no try of ours is known to be lost, and it is old: somebody was there before */
	fake_on(&b.f, "POST " SERVICES, NULL, 409, STATUS(409, "already exists"));
	fake_on(&b.f, "GET " SERVICE, NULL, 200, ITEM("s", "12"));
	assert_int_equal(create(&b).r, RC_CONFLICT);
	/* 429 was certainly not carried out */
	fake_on(&b.f, "POST " SERVICES, NULL, 429, "");
	fake_on(&b.f, "POST " SERVICES, NULL, 409, STATUS(409, "already exists"));
	fake_on(&b.f, "GET " SERVICE, NULL, 200, ITEM("s", "12"));
	assert_int_equal(create(&b).r, RC_CONFLICT);
	/* a kept connection that is cut is tried again within libcurl */
	wall_print(loop_wall(b.g.loop), now);
	snprintf(fresh, sizeof fresh,
		 "{\"metadata\":{\"name\":\"s\",\"namespace\":\"t\",\"uid\":\"u-s\",\"resourceVersion\":\"14\","
		 "\"creationTimestamp\":\"%s\",\"ownerReferences\":[{\"uid\":\"boss\",\"controller\":true}]}}",
		 now);
	fake_on(&b.f, "POST " SERVICES, NULL, 0, NULL);
	fake_on(&b.f, "POST " SERVICES, NULL, 409, STATUS(409, "already exists"));
	fake_on(&b.f, "GET " SERVICE, NULL, 200, fresh);
	o = create(&b);
	assert_string_equal(o.why, "");
	assert_string_equal(o.resource_version, "14");
	/* a delete that was carried out although its answer was lost */
	fake_on(&b.f, "DELETE " SERVICE, NULL, 504, "");
	fake_on(&b.f, "DELETE " SERVICE, NULL, 404, STATUS(404, "not found"));
	assert_int_equal(rig_write(&b.g, WRITE_DELETE, KIND_SERVICE, "t", "s", "", NULL).r, RC_OK);
	fake_close(&b.f);
}

static void test_cancelled_and_slow(void **state)
{
	(void)state;
	struct bed b;
	bed_open(&b);
	struct outcome o = { .rig = &b.g };
	struct write w = { WRITE_PATCH, KIND_SERVICE, "t", "s", "{}", "" };
	fake_on(&b.f, "PATCH " SERVICE, NULL, 0, NULL)->hang = true;
	uint64_t id = cluster_write(b.g.cluster, &w, outcome_done, &o);
	UNTIL(&b.g, fake_count(&b.f, "PATCH " SERVICE) == 1);
	cluster_cancel(b.g.cluster, id);
	cluster_cancel(b.g.cluster, id);
	id = cluster_write(b.g.cluster, &w, outcome_done, &o);
	cluster_cancel(b.g.cluster, id); /* before it has left */
	STAYS(&b.g, 50, o.times == 0 && fake_count(&b.f, "PATCH " SERVICE) == 1);
	fake_on(&b.f, "PATCH " SERVICE, NULL, 0, NULL)->hang = true;
	cluster_write(b.g.cluster, &w, outcome_done, &o); /* in flight when the cluster goes */
	UNTIL(&b.g, fake_count(&b.f, "PATCH " SERVICE) == 2);
	fake_close(&b.f);
	assert_int_equal(o.times, 0);
}

static void test_the_rate_is_limited(void **state)
{
	(void)state;
	enum { WRITES = 300, BURST = 250 };
	static struct outcome o[WRITES];
	struct bed b;
	bed_open(&b);
	memset(o, 0, sizeof o);
	fake_on(&b.f, "PATCH " SERVICE, NULL, 200, ITEM("s", "11"))->always = true;
	struct write w = { WRITE_PATCH, KIND_SERVICE, "t", "s", "{}", "" };
	int64_t before = loop_now(b.g.loop).v;
	for (size_t i = 0; i < WRITES; i++)
		cluster_write(b.g.cluster, &w, outcome_done, &o[i]);
	UNTIL(&b.g, o[WRITES - 1].times);
	assert_true(loop_now(b.g.loop).v - before >= (WRITES - BURST) * 10 - 20);
	fake_close(&b.f);
}

/* ---- Events ---- */

static struct cluster_event event_about(const char *key, const char *message)
{
	return (struct cluster_event){ .ns = "t",
				       .name = "podinfo",
				       .uid = "uid-1",
				       .api_version = "flagger.app/v1beta1",
				       .kind = "Canary",
				       .resource_version = "7",
				       .reason = "Synced",
				       .message = message,
				       .key = key };
}

static struct outcome record(struct bed *b, const char *key, const char *message)
{
	struct outcome o = { .rig = &b->g };
	struct cluster_event ev = event_about(key, message);
	cluster_record(b->g.cluster, &ev, outcome_done, &o);
	UNTIL(&b->g, o.times);
	return o;
}

static cJSON *sent(struct bed *b, const char *call)
{
	cJSON *tree = NULL;
	struct error e;
	const char *body = fake_last(&b->f, call)->body;
	if (json_parse(body, strlen(body), &tree, &e) != RC_OK)
		fail_msg("%s: %s", e.text, body);
	return tree;
}

static void test_an_event_with_a_key(void **state)
{
	(void)state;
	struct bed b;
	bed_open(&b);
	fake_on(&b.f, EVENTS, NULL, 201, "{}");
	assert_string_equal(record(&b, "key", "New revision \"x\"").why, "");
	cJSON *first = sent(&b, EVENTS);
	assert_string_equal(json_text(first, "message", ""), "New revision \"x\"");
	assert_string_equal(json_text(first, "type", ""), "Normal");
	assert_string_equal(json_text(first, "source.component", ""), "flagger");
	assert_string_equal(json_text(first, "reportingComponent", ""), "rollcall");
	assert_string_equal(json_text(first, "involvedObject.uid", ""), "uid-1");
	assert_string_equal(json_text(first, "involvedObject.namespace", ""), "t");
	assert_int_equal(json_int(first, "count", 0), 1);
	/* sha256("uid-1key"), the same for ever: a restart says the same name */
	assert_string_equal(json_text(first, "metadata.name", ""), "podinfo.f1e79cf17c7d92ad");
	fake_on(&b.f, EVENTS, NULL, 409, STATUS(409, "already exists"));
	assert_int_equal(record(&b, "key", "New revision \"x\"").r, RC_OK);
	cJSON_Delete(first);
	fake_close(&b.f);
}

static void test_equal_texts_are_counted(void **state)
{
	(void)state;
	struct bed b;
	char call[600];
	bed_open(&b);
	fake_on(&b.f, EVENTS, NULL, 201, "{}")->always = true;
	record(&b, NULL, "waiting");
	cJSON *first = sent(&b, EVENTS);
	record(&b, NULL, "other"); /* never merged with another text */
	assert_int_equal(fake_count(&b.f, EVENTS), 2);
	snprintf(call, sizeof call, "PATCH /api/v1/namespaces/t/events/%s", json_text(first, "metadata.name", ""));
	fake_on(&b.f, call, NULL, 200, "{}");
	assert_int_equal(record(&b, NULL, "waiting").r, RC_OK);
	cJSON *second = sent(&b, call);
	assert_int_equal(json_int(second, "count", 0), 2);
	/* the server has forgotten it after an hour */
	fake_on(&b.f, call, NULL, 404, STATUS(404, "not found"));
	assert_int_equal(record(&b, NULL, "waiting").r, RC_OK);
	cJSON *third = sent(&b, EVENTS);
	assert_int_equal(fake_count(&b.f, EVENTS), 3);
	assert_string_not_equal(json_text(third, "metadata.name", ""), json_text(first, "metadata.name", ""));
	cJSON_Delete(first);
	cJSON_Delete(second);
	cJSON_Delete(third);
	fake_close(&b.f);
}

static void test_the_budget_of_an_object(void **state)
{
	(void)state;
	struct bed b;
	char message[32];
	unsigned refused = 0;
	bed_open(&b);
	fake_on(&b.f, EVENTS, NULL, 201, "{}")->always = true;
	for (int i = 0; i < 30; i++) {
		snprintf(message, sizeof message, "chatter %d", i);
		refused += record(&b, NULL, message).r == RC_EXHAUSTED;
	}
	assert_int_equal(refused, 5);
	assert_int_equal(record(&b, "k", "what counts is always said").r, RC_OK);
	fake_close(&b.f);
}

/* Recorded while the first is still in flight, and cancelled in between. */
static void test_events_at_once(void **state)
{
	(void)state;
	struct bed b;
	struct outcome o[4] = { 0 };
	uint64_t id[4];
	struct cluster_event ev = event_about(NULL, "again");
	bed_open(&b);
	fake_on(&b.f, EVENTS, NULL, 201, "{}")->always = true;
	for (size_t i = 0; i < 4; i++)
		id[i] = cluster_record(b.g.cluster, &ev, outcome_done, &o[i]);
	fake_on(&b.f, "PATCH /api/v1/namespaces/t/events/*", NULL, 200, "{}")->always = true;
	cluster_cancel(b.g.cluster, id[1]);
	UNTIL(&b.g, o[0].times && o[2].times && o[3].times);
	assert_int_equal(o[1].times, 0);
	assert_int_equal(fake_count(&b.f, EVENTS), 1);
	assert_int_equal(fake_count(&b.f, "PATCH /api/v1/namespaces/t/events/podinfo.*"), 2);
	assert_non_null(strstr(fake_last(&b.f, "PATCH *")->body, "\"count\":3,"));
	fake_close(&b.f);
}

/* ---- the lease ---- */

struct led {
	bool leading;
	unsigned changes;
};

static void led_changed(void *owner, bool leading)
{
	struct led *l = owner;
	l->leading = leading;
	l->changes++;
}

#define LEASE(rv, holder)                                                                                              \
	"{\"metadata\":{\"name\":\"r\",\"resourceVersion\":\"" rv "\"},\"spec\":{\"holderIdentity\":\"" holder         \
	"\",\"leaseDurationSeconds\":15,\"leaseTransitions\":3}}"

static void test_the_lease_is_lost_by_our_own_clock(void **state)
{
	(void)state;
	struct bed b;
	struct led led = { 0 };
	bed_open(&b);
	fake_on(&b.f, "GET /version", NULL, 200, "{}")->always = true;
	struct leadership l = { .lease_ns = "ops",
				.lease_name = "r",
				.identity = "me",
				.lease_ms = 900,
				.renew_deadline_ms = 600,
				.retry_ms = 50,
				.changed = led_changed,
				.owner = &led };
	assert_true(cluster_leading(b.g.cluster));
	fake_on(&b.f, "GET " LEASES "/r", NULL, 404, STATUS(404, "not found"));
	fake_on(&b.f, "POST " LEASES, NULL, 201, LEASE("5", "me"));
	fake_on(&b.f, "PATCH " LEASES "/r", NULL, 200, LEASE("6", "me"));
	struct fake_rule *broken = fake_on(&b.f, "PATCH " LEASES "/r", NULL, 500, STATUS(500, "etcd"));
	broken->always = true;
	cluster_lead(b.g.cluster, &l);
	assert_false(cluster_leading(b.g.cluster));
	UNTIL(&b.g, led.leading);
	assert_true(cluster_leading(b.g.cluster));
	int64_t before = loop_now(b.g.loop).v;
	cJSON *taken = sent(&b, "POST " LEASES);
	assert_string_equal(json_text(taken, "spec.holderIdentity", ""), "me");
	assert_int_equal(strlen(json_text(taken, "spec.renewTime", "")), strlen("2026-11-24T21:58:22.123000Z"));
	cJSON_Delete(taken);
	UNTIL(&b.g, !led.leading);
	assert_in_range(loop_now(b.g.loop).v - before, 500, 1500);
	assert_false(cluster_leading(b.g.cluster));
	size_t sent_before = fake_count(&b.f, "PATCH " SERVICE);
	struct outcome o = patch(&b);
	assert_int_equal(o.r, RC_REFUSED);
	assert_string_equal(o.why, "not the leader");
	assert_int_equal(fake_count(&b.f, "PATCH " SERVICE), sent_before);
	/* another has it; then nobody renews it */
	fake_on(&b.f, "GET " LEASES "/r", NULL, 200, LEASE("9", "other"))->always = true;
	STAYS(&b.g, 200, !led.leading);
	fake_close(&b.f);
}

static void test_a_renewal_that_conflicts(void **state)
{
	(void)state;
	struct bed b;
	struct led led = { 0 };
	bed_open(&b);
	struct leadership l = { .lease_ns = "ops",
				.lease_name = "r",
				.identity = "me",
				.lease_ms = 15000,
				.renew_deadline_ms = 10000,
				.retry_ms = 20,
				.changed = led_changed,
				.owner = &led };
	fake_on(&b.f, "GET " LEASES "/r", NULL, 200, LEASE("5", ""));
	fake_on(&b.f, "PATCH " LEASES "/r", NULL, 200, LEASE("6", "me"));
	fake_on(&b.f, "PATCH " LEASES "/r", NULL, 409, STATUS(409, "the object has been modified"));
	fake_on(&b.f, "GET " LEASES "/r", NULL, 200, LEASE("7", "thief"))->always = true;
	cluster_lead(b.g.cluster, &l);
	UNTIL(&b.g, led.changes == 1 && led.leading);
	cJSON *taken = sent(&b, "PATCH " LEASES "/r");
	assert_string_equal(json_text(taken, "metadata.resourceVersion", ""), "5");
	assert_int_equal(json_int(taken, "spec.leaseTransitions", 0), 4);
	cJSON_Delete(taken);
	UNTIL(&b.g, led.changes == 2 && !led.leading);
	fake_close(&b.f);
}

static void note(void *owner)
{
	*(bool *)owner = true;
}

static void test_releasing_takes_no_longer_than_a_second(void **state)
{
	(void)state;
	struct bed b;
	struct led led = { 0 };
	bool released = false;
	bed_open(&b);
	kube_release_lease(b.g.cluster, note, &released); /* there is none */
	assert_false(released);
	UNTIL(&b.g, released);
	struct leadership l = {
		.lease_ns = "ops", .lease_name = "r", .identity = "me", .changed = led_changed, .owner = &led
	};
	fake_on(&b.f, "GET " LEASES "/r", NULL, 200, LEASE("5", ""));
	fake_on(&b.f, "PATCH " LEASES "/r", NULL, 200, LEASE("6", "me"));
	fake_on(&b.f, "PATCH " LEASES "/r", NULL, 0, NULL)->hang = true;
	cluster_lead(b.g.cluster, &l);
	UNTIL(&b.g, led.leading);
	released = false;
	int64_t before = loop_now(b.g.loop).v;
	kube_release_lease(b.g.cluster, note, &released);
	assert_false(led.leading);
	UNTIL(&b.g, released);
	assert_in_range(loop_now(b.g.loop).v - before, 900, 1500);
	cJSON *given = sent(&b, "PATCH " LEASES "/r");
	assert_string_equal(json_text(given, "spec.holderIdentity", "?"), "");
	cJSON_Delete(given);
	fake_close(&b.f);
}

/* ---- credentials ---- */

static void bed_open_as(struct bed *b, const char *user)
{
	rig_open_loop(&b->g);
	fake_listen(&b->f, &b->g);
	fake_kubeconfig(&b->f, user);
	rig_connect(&b->g,
		    &(struct kube_options){ .kubeconfig = b->f.kubeconfig, .retry_min_ms = 20, .retry_max_ms = 200 });
}

static struct outcome patch_seen_by(struct bed *b, char seen[512])
{
	struct outcome o = patch(b);
	snprintf(seen, 512, "%s", fake_last(&b->f, "PATCH " SERVICE)->authorization);
	return o;
}

static void test_a_token_file_that_rotates(void **state)
{
	(void)state;
	struct bed b;
	char user[256], path[] = "/tmp/kube_token_XXXXXX", seen[512];
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	fake_write_file(path, "first\n");
	snprintf(user, sizeof user, "{tokenFile: \"%s\"}", path);
	bed_open_as(&b, user);
	fake_on(&b.f, "PATCH " SERVICE, NULL, 200, ITEM("s", "11"));
	patch_seen_by(&b, seen);
	assert_string_equal(seen, "Bearer first");
	/* it is not the old one that is asked with a second time */
	fake_write_file(path, "second\n");
	fake_on(&b.f, "PATCH " SERVICE, NULL, 401, STATUS(401, "Unauthorized"));
	fake_on(&b.f, "PATCH " SERVICE, NULL, 200, ITEM("s", "12"));
	assert_string_equal(patch_seen_by(&b, seen).why, "");
	assert_string_equal(seen, "Bearer second");
	/* the same token again is no use */
	size_t before = b.f.n;
	fake_on(&b.f, "PATCH " SERVICE, NULL, 401, STATUS(401, "Unauthorized"));
	assert_int_equal(patch(&b).r, RC_REFUSED);
	assert_int_equal(b.f.n, before + 1);
	/* nor is an unreadable file: the token in hand goes on */
	remove(path);
	fake_on(&b.f, "PATCH " SERVICE, NULL, 200, ITEM("s", "13"));
	assert_int_equal(patch_seen_by(&b, seen).r, RC_OK);
	assert_string_equal(seen, "Bearer second");
	fake_close(&b.f);
}

static void test_basic_and_impersonation(void **state)
{
	(void)state;
	struct bed b;
	char seen[512];
	bed_open_as(&b, "{username: me, password: \"pass:word\"}");
	fake_on(&b.f, "PATCH " SERVICE, NULL, 200, ITEM("s", "11"));
	patch_seen_by(&b, seen);
	assert_string_equal(seen, "Basic bWU6cGFzczp3b3Jk");
	fake_close(&b.f);
}

/* A program that answers in its n-th run with token-n, and says what it was told. */
static void plugin_write(const char *path, const char *rest)
{
	char text[2048];
	snprintf(
		text, sizeof text,
		"#!/bin/sh\n"
		"n=$(cat \"$0.n\" 2>/dev/null || echo 0); n=$((n + 1)); echo $n > \"$0.n\"\n"
		"case \"$KUBERNETES_EXEC_INFO\" in *'\"interactive\":false'*) ;; *) echo 'no info' >&2; exit 3;; esac\n"
		"%s\n",
		rest);
	fake_write_file(path, text);
	assert_int_equal(chmod(path, 0700), 0);
}

static void plugin_open(struct bed *b, char path[64], const char *script)
{
	char user[512];
	snprintf(path, 64, "/tmp/kube_plugin_XXXXXX");
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	plugin_write(path, script);
	snprintf(user, sizeof user,
		 "{exec: {apiVersion: client.authentication.k8s.io/v1, command: \"%s\", args: [\"a b\"], "
		 "env: [{name: EXTRA, value: \"x y\"}], installHint: \"install it\", interactiveMode: Never}}",
		 path);
	bed_open_as(b, user);
}

static void plugin_close(struct bed *b, const char *path)
{
	char counter[80];
	fake_close(&b->f);
	snprintf(counter, sizeof counter, "%s.n", path);
	remove(counter);
	remove(path);
}

static void test_a_program_that_prints_tokens(void **state)
{
	(void)state;
	struct bed b;
	char path[64], seen[512];
	plugin_open(&b, path,
		    "[ \"$1\" = 'a b' ] && [ \"$EXTRA\" = 'x y' ] || exit 4\n"
		    "echo '{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"status\":"
		    "{\"token\":\"token-'$n'\",\"expirationTimestamp\":\"2099-01-01T00:00:00Z\"}}'");
	fake_on(&b.f, "PATCH " SERVICE, NULL, 200, ITEM("s", "11"))->always = true;
	struct outcome o[3] = { 0 };
	struct write w = { WRITE_PATCH, KIND_SERVICE, "t", "s", "{}", "" };
	for (size_t i = 0; i < 3; i++) /* one run serves all */
		cluster_write(b.g.cluster, &w, outcome_done, &o[i]);
	UNTIL(&b.g, o[0].times && o[1].times && o[2].times);
	assert_string_equal(o[0].why, "");
	assert_string_equal(fake_last(&b.f, "PATCH " SERVICE)->authorization, "Bearer token-1");
	b.f.rules[0].used = true;
	fake_on(&b.f, "PATCH " SERVICE, NULL, 401, STATUS(401, "Unauthorized"));
	fake_on(&b.f, "PATCH " SERVICE, NULL, 200, ITEM("s", "12"));
	assert_string_equal(patch_seen_by(&b, seen).why, "");
	assert_string_equal(seen, "Bearer token-2");
	plugin_close(&b, path);
}

static void test_programs_that_fail(void **state)
{
	(void)state;
	static const struct {
		const char *script, *why;
	} cases[] = {
		{ "echo 'log in first' >&2; exit 7", "exit code 7: log in first" },
		{ "kill -9 $$", "ended by signal 9" },
		{ "echo not json", "what the exec program printed" },
		{ "echo '{\"kind\":\"Pod\"}'", "not an ExecCredential" },
		{ "echo '{\"apiVersion\":\"client.authentication.k8s.io/v1alpha1\",\"kind\":\"ExecCredential\"}'",
		  "another apiVersion" },
		{ "echo "
		  "'{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"status\":{}}'",
		  "neither a token nor a client certificate" },
		{ "head -c 2000000 /dev/zero", "prints more than" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct bed b;
		char path[64];
		plugin_open(&b, path, cases[i].script);
		struct outcome o = patch(&b);
		if (o.r == RC_OK || !strstr(o.why, cases[i].why))
			fail_msg("%s: result %d, \"%s\"", cases[i].script, (int)o.r, o.why);
		plugin_close(&b, path);
	}
}

static void test_a_program_that_is_not_there_or_hangs(void **state)
{
	(void)state;
	struct bed b;
	char path[64];
	bed_open_as(&b, "{exec: {apiVersion: client.authentication.k8s.io/v1, command: no-such-program-here, "
			"installHint: \"get it\"}}");
	struct outcome o = patch(&b);
	assert_int_equal(o.r, RC_UNREACHABLE);
	assert_non_null(strstr(o.why, "exec no-such-program-here: no such file or directory: get it"));
	fake_close(&b.f);

	plugin_open(&b, path, "exec sleep 1000"); /* ends with the cluster */
	struct outcome late = { .rig = &b.g };
	struct write w = { WRITE_PATCH, KIND_SERVICE, "t", "s", "{}", "" };
	cluster_write(b.g.cluster, &w, outcome_done, &late);
	STAYS(&b.g, 200, !late.times);
	plugin_close(&b, path);
	assert_int_equal(late.times, 0);
}

/* ---- metrics ---- */

static void test_requests_are_counted(void **state)
{
	(void)state;
	struct bed b;
	struct metrics *m = metrics_create();
	rig_open_loop(&b.g);
	fake_listen(&b.f, &b.g);
	fake_kubeconfig(&b.f, "{token: x}");
	rig_connect(&b.g, &(struct kube_options){ .kubeconfig = b.f.kubeconfig, .metrics = m });
	fake_on(&b.f, "PATCH " SERVICE "/status", NULL, 409, "");
	rig_write(&b.g, WRITE_PATCH, KIND_SERVICE, "t", "s", "status", "{}");
	struct metric *requests =
		metrics_add(m, METRIC_COUNTER, "rollcall_api_requests_total", "", "verb,resource,code", NULL);
	assert_int_equal((int)metric_value(requests, "patch", "services/status", "409"), 1);
	fake_close(&b.f);
	metrics_destroy(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_answer_is_in_the_cache_first),
		cmocka_unit_test(test_deleting),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_names_that_are_none),
		cmocka_unit_test(test_what_passes_is_tried_again),
		cmocka_unit_test(test_a_create_that_may_have_succeeded),
		cmocka_unit_test(test_cancelled_and_slow),
		cmocka_unit_test(test_the_rate_is_limited),
		cmocka_unit_test(test_an_event_with_a_key),
		cmocka_unit_test(test_equal_texts_are_counted),
		cmocka_unit_test(test_the_budget_of_an_object),
		cmocka_unit_test(test_events_at_once),
		cmocka_unit_test(test_the_lease_is_lost_by_our_own_clock),
		cmocka_unit_test(test_a_renewal_that_conflicts),
		cmocka_unit_test(test_releasing_takes_no_longer_than_a_second),
		cmocka_unit_test(test_a_token_file_that_rotates),
		cmocka_unit_test(test_basic_and_impersonation),
		cmocka_unit_test(test_a_program_that_prints_tokens),
		cmocka_unit_test(test_programs_that_fail),
		cmocka_unit_test(test_a_program_that_is_not_there_or_hangs),
		cmocka_unit_test(test_requests_are_counted),
	};
	return cmocka_run_group_tests_name("kube_write", tests, NULL, NULL);
}
