#include "controller/metrics/source.h"

#include <math.h>
#include <signal.h>

#include "controller/metrics/builtin.h"
#include "controller/metrics/prometheus.h"
#include "controller/model/canary.h"
#include "tests/unit/controller/fake_cluster.h"
#include "tests/unit/controller/script_peer.h"

/* ---- reading answers ---- */

#define VECTOR(result) "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[" result "]}}"
#define SERIES(value) "{\"metric\":{},\"value\":[1545905245.458,\"" value "\"]}"

static const struct {
	int status;
	const char *body;
	enum result r;
	double value;
	const char *why;
} answers[] = {
	{ 200, VECTOR(SERIES("100")), RC_OK, 100, "" },
	{ 200, VECTOR(SERIES("98.694")), RC_OK, 98.694, "" },
	{ 200, VECTOR(SERIES("1e-3")), RC_OK, 0.001, "" },
	{ 200, VECTOR(SERIES("1") "," SERIES("2")), RC_OK, 2, "" }, /* the last series wins */
	{ 200, VECTOR(SERIES("+Inf")), RC_OK, INFINITY, "" },
	{ 200, VECTOR(SERIES("NaN")), RC_NOT_FOUND, 0, "no values found" },
	{ 200, VECTOR(""), RC_NOT_FOUND, 0, "no values found" },
	{ 200, VECTOR(SERIES("x")), RC_INVALID, 0, NULL },
	{ 200,
	  "{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[{\"metric\":{},\"values\":[[1,\"2\"]"
	  "]}]}}",
	  RC_INVALID, 0, "query returned multiple values" },
	{ 200, "{\"status\":\"success\",\"data\":{\"resultType\":\"scalar\",\"result\":[1,\"2\"]}}", RC_INVALID, 0,
	  "result type scalar is not a vector" },
	{ 200, "{\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":\"parse error\"}", RC_INVALID, 0,
	  "parse error" },
	{ 200, "<html>", RC_INVALID, 0, NULL },
	{ 200, "", RC_INVALID, 0, NULL },
	{ 500, "oops", RC_INVALID, 0, "error response: Status 500 Internal Server Error: oops" },
	{ 400, "{\"status\":\"error\"}", RC_INVALID, 0,
	  "error response: Status 400 Bad Request: {\"status\":\"error\"}" },
	{ 299, VECTOR(SERIES("1")), RC_OK, 1, "" },
};

static void test_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		double v = -7;
		struct error e = { .text = "" };
		enum result r = prometheus_read(answers[i].status, answers[i].body, strlen(answers[i].body), &v, &e);
		if (r != answers[i].r || (r == RC_OK ? v != answers[i].value : v != -7))
			fail_msg("row %zu: %s %g %s", i, result_name(r), v, e.text);
		if (r != RC_OK && answers[i].why && strcmp(e.text, answers[i].why) != 0)
			fail_msg("row %zu: %s", i, e.text);
	}
}

static void test_url(void **state)
{
	(void)state;
	CLEANUP(free_p) char *url = prometheus_url("http://p:9090/base//", "a{b=\"c\"} / 1");
	assert_string_equal(url, "http://p:9090/base/api/v1/query?query=a%7Bb%3D%22c%22%7D%20%2F%201");
}

/* ---- a canary with its sources ---- */

struct rig {
	struct loop *loop;
	struct http_client *http;
	struct script_peer *peer;
	struct fake *fake;
	struct sources *sources;
	struct controller_options options;
	struct canary *canary;
	struct arena *arena;
	struct plan plan;
};
struct heard {
	bool done;
	enum verdict verdict;
	double value;
	char text[1024];
	struct metric_ask *ask;
};

static const char canary_text[] = "apiVersion: flagger.app/v1beta1\n"
				  "kind: Canary\n"
				  "metadata: {name: podinfo, namespace: test}\n"
				  "spec:\n"
				  "  targetRef: {apiVersion: apps/v1, kind: Deployment, name: podinfo-app}\n"
				  "  ingressRef: {apiVersion: networking.k8s.io/v1, kind: Ingress, name: podinfo-in}\n"
				  "  service: {port: 80, name: podinfo-svc}\n"
				  "  analysis: {interval: 10s, threshold: 5, stepWeight: 20, metrics: [%s]}\n";

static void rig_open(struct rig *r, const char *metrics, bool private_too)
{
	struct error e;
	*r = (struct rig){ .options = { .provider = "nginx" }, .arena = arena_create(1 << 20) };
	assert_int_equal(loop_create(&r->loop, &e), RC_OK);
	assert_int_equal(http_client_create(r->loop, "rollcall/0", &r->http, &e), RC_OK);
	r->peer = script_start(r->loop);
	r->fake = fake_create(r->loop);
	r->options.metrics_server = r->peer->url;
	struct hooks_options h = { .loop = r->loop, .http = r->http, .egress_private = private_too };
	assert_int_equal(sources_create(&h, &r->sources, &e), RC_OK);
	const char *at = strstr(canary_text, "%s");
	char text[2048];
	(void)snprintf(text, sizeof text, "%.*s%s%s", (int)(at - canary_text), canary_text, metrics, at + 2);
	fake_apply(r->fake, text);
	if (canary_parse(fake_tree(r->fake, KIND_CANARY, "test", "podinfo"), &r->canary, &e) != RC_OK)
		fail_msg("%s", e.text);
	r->plan = (struct plan){
		.canary = r->canary, .cluster = &r->fake->cluster, .options = &r->options, .arena = r->arena
	};
}

static void rig_close(struct rig *r)
{
	sources_destroy(r->sources);
	http_client_destroy(r->http);
	script_stop(r->peer);
	cluster_destroy(&r->fake->cluster);
	canary_free(r->canary);
	arena_destroy(r->arena);
	loop_destroy(r->loop);
}

static void got(void *owner, enum verdict verdict, double value, const char *text)
{
	struct heard *h = owner;
	assert_false(h->done);
	h->done = true;
	h->ask = NULL;
	h->verdict = verdict;
	h->value = value;
	(void)snprintf(h->text, sizeof h->text, "%s", text);
}

static bool is_done(void *owner)
{
	return ((struct heard *)owner)->done;
}

static void ask(struct rig *r, size_t index, bool by_template, struct heard *h)
{
	*h = (struct heard){ 0 };
	h->ask = source_ask(r->sources, &r->plan, index, by_template, got, h);
	assert_non_null(h->ask);
	assert_false(h->done);
	turn_until(r->loop, is_done, h);
}

/* ---- queries ---- */

static const struct {
	const char *provider, *metric, *query;
	double scale;
} builtins[] = {
	{ "nginx", "request-success-rate",
	  " sum( rate( nginx_ingress_controller_requests{ namespace=\"test\", ingress=\"podinfo-in\", canary!=\"\", "
	  "status!~\"5.*\" }[1m] ) ) / sum( rate( nginx_ingress_controller_requests{ namespace=\"test\", "
	  "ingress=\"podinfo-in\", canary!=\"\" }[1m] ) ) * 100",
	  1 },
	{ "nginx", "request-duration",
	  " sum( rate( nginx_ingress_controller_response_duration_seconds_sum{ namespace=\"test\", "
	  "ingress=\"podinfo-in\", canary!=\"\" }[1m] ) ) / sum( rate( "
	  "nginx_ingress_controller_response_duration_seconds_count{ namespace=\"test\", ingress=\"podinfo-in\", "
	  "canary!=\"\" }[1m] ) ) * 1000",
	  1 },
	{ "kubernetes", "request-success-rate",
	  " sum( rate( http_request_duration_seconds_count{ kubernetes_namespace=\"test\", "
	  "kubernetes_pod_name=~\"podinfo-app-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)\", status!~\"5.*\" }[1m] ) ) / sum( rate( "
	  "http_request_duration_seconds_count{ kubernetes_namespace=\"test\", "
	  "kubernetes_pod_name=~\"podinfo-app-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)\" }[1m] ) ) * 100",
	  1 },
	{ "kubernetes", "request-duration",
	  " histogram_quantile( 0.99, sum( rate( http_request_duration_seconds_bucket{ kubernetes_namespace=\"test\", "
	  "kubernetes_pod_name=~\"podinfo-app-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)\" }[1m] ) ) by (le) )",
	  1000 },
	{ "gatewayapi:v1", "request-duration",
	  " histogram_quantile( 0.99, sum( rate( http_request_duration_seconds_bucket{ kubernetes_namespace=\"test\", "
	  "kubernetes_pod_name=~\"podinfo-app-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)\" }[1m] ) ) by (le) )",
	  1000 },
	{ "smi:v1alpha2", "request-duration",
	  " histogram_quantile( 0.99, sum( rate( istio_request_duration_milliseconds_bucket{ reporter=\"destination\", "
	  "destination_workload_namespace=\"test\", destination_workload=~\"podinfo-app\" }[1m] ) ) by (le) )",
	  1 },
	{ "skipper", "request-success-rate",
	  " sum(rate(skipper_response_duration_seconds_bucket{route=~\"kube(ew)?_test__podinfo_in_canary__.*__podinfo_"
	  "svc_"
	  "canary(_[0-9]+)?\",code!~\"5..\",le=\"+Inf\"}[1m])) / "
	  "sum(rate(skipper_response_duration_seconds_bucket{route=~\"kube(ew)?_test__podinfo_in_canary__.*__podinfo_"
	  "svc_"
	  "canary(_[0-9]+)?\",le=\"+Inf\"}[1m])) * 100",
	  1 },
};

static void test_builtin_queries(void **state)
{
	(void)state;
	struct rig r;
	struct error e;
	rig_open(&r, "{name: request-success-rate, thresholdRange: {min: 99}}", true);
	for (size_t i = 0; i < sizeof builtins / sizeof *builtins; i++) {
		const struct builtin_query *b = builtin_find(builtins[i].provider, builtins[i].metric);
		assert_non_null(b);
		assert_true(b->scale == builtins[i].scale);
		const char *q = source_query(&r.plan, &r.canary->analysis.metrics[0], b->query, r.arena, &e);
		assert_non_null(q);
		assert_string_equal(q, builtins[i].query);
	}
	assert_null(builtin_find("nginx", "other"));
	rig_close(&r);
}

static const struct {
	const char *written, *query, *why;
} templates[] = {
	{ "{{ name }} {{namespace}} {{ target }} {{ service }} {{ ingress }} {{ route }} {{ interval }}",
	  "podinfo test podinfo-app podinfo-svc podinfo-in podinfo-app 30s", NULL },
	{ "sum(\n\t  x ) \r\n by  (le)", "sum( x ) by (le)", NULL },
	{ "a{{- variables.x -}}b", "a<y>b", NULL },
	{ "{{ variables.none }}", NULL, "unknown variable \"variables.none\" in the query" },
	{ "{{ nonsense }}", NULL, "unknown variable \"nonsense\" in the query" },
	{ "x {{ name", NULL, "unclosed {{ in the query" },
	{ "{{ }}", NULL, "unknown variable \"\" in the query" },
	{ "{", "{", NULL },
	{ "", "", NULL },
};

static void test_templates(void **state)
{
	(void)state;
	struct rig r;
	rig_open(&r, "{name: x, interval: 30s, query: q, templateVariables: {x: <y>}, thresholdRange: {min: 1}}", true);
	for (size_t i = 0; i < sizeof templates / sizeof *templates; i++) {
		struct error e = { .text = "" };
		const char *q =
			source_query(&r.plan, &r.canary->analysis.metrics[0], templates[i].written, r.arena, &e);
		if (templates[i].query ? !q || strcmp(q, templates[i].query) != 0 : q != NULL)
			fail_msg("row %zu: %s", i, q ? q : e.text);
		if (!templates[i].query)
			assert_string_equal(e.text, templates[i].why);
	}
	rig_close(&r);
}

/* ---- asking ---- */

static const char *answer(struct rig *r, const char *body)
{
	return arena_printf(r->arena, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);
}

static void test_ask(void **state)
{
	(void)state;
	struct rig r;
	struct heard h;
	rig_open(&r,
		 "{name: request-success-rate, thresholdRange: {min: 99}}, {name: mine, query: up, thresholdRange: "
		 "{max: 1}}, {name: nothing, thresholdRange: {max: 1}}",
		 true);
	script_say(r.peer, answer(&r, VECTOR(SERIES("99.5"))));
	ask(&r, 0, false, &h);
	assert_int_equal(h.verdict, ANSWER_YES);
	assert_true(h.value == 99.5);
	assert_non_null(strstr(r.peer->requests[0], "GET /api/v1/query?query=%20sum%28%20rate%28%20nginx_"));

	script_say(r.peer, answer(&r, VECTOR("")));
	ask(&r, 1, false, &h);
	assert_int_equal(h.verdict, ANSWER_NO);
	assert_string_equal(h.text, "no values found");
	assert_non_null(strstr(r.peer->requests[1], "query?query=up HTTP"));

	script_say(r.peer, ANSWER("503 Busy", "4", "busy"));
	ask(&r, 1, false, &h);
	assert_int_equal(h.verdict, ANSWER_ERROR);
	assert_string_equal(h.text, "error response: Status 503 Service Unavailable: busy");

	ask(&r, 2, false, &h);
	assert_int_equal(h.verdict, ANSWER_ERROR);
	assert_string_equal(h.text, "no usable metrics template and query were configured");
	rig_close(&r);
}

/* Seconds of the one dialect are milliseconds to the core. */
static void test_scale(void **state)
{
	(void)state;
	struct rig r;
	struct heard h;
	rig_open(&r, "{name: request-duration, thresholdRange: {max: 500}}", true);
	r.options.provider = "kubernetes";
	script_say(r.peer, answer(&r, VECTOR(SERIES("0.25"))));
	ask(&r, 0, false, &h);
	assert_true(h.value == 250);
	rig_close(&r);
}

/* E48: by its name it is built-in, and it has a template; each is asked as itself. */
static void test_builtin_and_template(void **state)
{
	(void)state;
	struct rig r;
	struct heard h;
	char text[512];
	rig_open(&r, "{name: request-success-rate, templateRef: {name: tpl}, thresholdRange: {min: 99}}", true);
	ask(&r, 0, true, &h);
	assert_int_equal(h.verdict, ANSWER_ERROR);
	assert_string_equal(h.text, "Metric template tpl.test error: not found");
	(void)snprintf(
		text, sizeof text,
		"{apiVersion: flagger.app/v1beta1, kind: MetricTemplate, metadata: {name: tpl, namespace: test}, "
		"spec: {provider: {type: prometheus, address: '%s'}, query: 'mine{{ namespace }}'}}",
		r.peer->url);
	fake_apply(r.fake, text);
	r.peer->always = answer(&r, VECTOR(SERIES("5")));
	ask(&r, 0, true, &h);
	assert_int_equal(h.verdict, ANSWER_YES);
	assert_non_null(strstr(r.peer->requests[0], "query=minetest HTTP"));
	ask(&r, 0, false, &h);
	assert_non_null(strstr(r.peer->requests[1], "nginx_ingress_controller_requests"));
	script_say(r.peer, ANSWER("500 Oops", "1", "x"));
	ask(&r, 0, true, &h);
	assert_string_equal(h.text, "Metric query failed for request-success-rate: error response: Status 500 Internal "
				    "Server Error: x");
	script_say(r.peer, answer(&r, VECTOR("")));
	ask(&r, 0, true, &h);
	assert_int_equal(h.verdict, ANSWER_NO);
	assert_string_equal(h.text, "no values found");
	rig_close(&r);
}

static const struct {
	const char *spec, *why;
} bad_templates[] = {
	{ "provider: {type: datadog, address: 'http://x'}, query: q",
	  "Metric template tpl.test provider datadog error: datadog credentials does not contain datadog_api_key" },
	{ "provider: {type: other, address: 'http://x'}, query: q",
	  "Metric template tpl.test provider other error: it is not supported; there are cloudwatch datadog dynatrace "
	  "graphite influxdb newrelic prometheus stackdriver" },
	{ "provider: {type: prometheus, address: 'http://x', secretRef: {name: s}}, query: q",
	  "Metric template tpl.test provider prometheus error: secret s.test get query error: not found" },
	{ "provider: {type: prometheus, address: nowhere}, query: q",
	  "Metric template tpl.test provider prometheus error: prometheus address nowhere is not a valid URL" },
	{ "provider: {type: prometheus, address: 'http://x'}, query: '{{ no }}'",
	  "Metric template tpl.test query render error: unknown variable \"no\" in the query" },
};

static void test_bad_templates(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bad_templates / sizeof *bad_templates; i++) {
		struct rig r;
		struct heard h;
		char text[512];
		rig_open(&r, "{name: mine, templateRef: {name: tpl}, thresholdRange: {min: 99}}", true);
		(void)snprintf(
			text, sizeof text,
			"{apiVersion: flagger.app/v1beta1, kind: MetricTemplate, metadata: {name: tpl, namespace: "
			"test}, spec: {%s}}",
			bad_templates[i].spec);
		fake_apply(r.fake, text);
		ask(&r, 0, true, &h);
		assert_int_equal(h.verdict, ANSWER_ERROR);
		assert_string_equal(h.text, bad_templates[i].why);
		rig_close(&r);
	}
}

/* What secretRef names goes out in a header, and nowhere else. */
static void test_template_with_a_secret(void **state)
{
	(void)state;
	struct rig r;
	struct heard h;
	char text[1024];
	rig_open(&r, "{name: mine, templateRef: {name: tpl}, thresholdRange: {min: 99}}", true);
	(void)snprintf(
		text, sizeof text,
		"apiVersion: flagger.app/v1beta1\n"
		"kind: MetricTemplate\n"
		"metadata: {name: tpl, namespace: test}\n"
		"spec: {provider: {type: prometheus, address: '%s', secretRef: {name: keys}, headers: {X-Scope-OrgID: "
		"[a, b]}}, query: up}\n"
		"---\n"
		"{apiVersion: v1, kind: Secret, metadata: {name: keys, namespace: test}, data: {token: c2VzYW1l}}\n",
		r.peer->url);
	fake_apply(r.fake, text);
	r.peer->always = answer(&r, VECTOR(SERIES("5")));
	ask(&r, 0, true, &h);
	assert_int_equal(h.verdict, ANSWER_YES);
	assert_non_null(strstr(r.peer->requests[0], "Authorization: Bearer sesame\r\n"));
	assert_non_null(strstr(r.peer->requests[0], "X-Scope-OrgID: a\r\nX-Scope-OrgID: b\r\n"));
	r.peer->always = ANSWER("401 Unauthorized", "2", "no");
	ask(&r, 0, true, &h);
	assert_int_equal(h.verdict, ANSWER_ERROR);
	assert_string_equal(h.text, "Metric query failed for mine: error response: Status 401 Unauthorized: no");
	rig_close(&r);
}

/* The operator's server may be anywhere; what a Canary says is judged like a hook. */
static void test_addresses_of_a_canary_are_judged(void **state)
{
	(void)state;
	struct rig r;
	struct heard h;
	rig_open(&r, "{name: mine, query: up, thresholdRange: {min: 1}}", false);
	r.peer->always = answer(&r, VECTOR(SERIES("1")));
	ask(&r, 0, false, &h);
	assert_int_equal(h.verdict, ANSWER_YES);
	r.canary->metrics_server = r.peer->url;
	ask(&r, 0, false, &h);
	assert_int_equal(h.verdict, ANSWER_ERROR);
	assert_int_equal(r.peer->request_count, 1);
	rig_close(&r);
}

/* K7. */
static void test_probe(void **state)
{
	(void)state;
	struct rig r;
	struct heard h;
	rig_open(&r, "{name: request-success-rate, thresholdRange: {min: 99}}", true);
	script_say(r.peer, answer(&r, VECTOR(SERIES("1"))));
	ask(&r, SIZE_MAX, false, &h);
	assert_int_equal(h.verdict, ANSWER_YES);
	assert_non_null(strstr(r.peer->requests[0], "query=vector%281%29 HTTP"));
	script_say(r.peer, answer(&r, VECTOR(SERIES("2"))));
	ask(&r, SIZE_MAX, false, &h);
	assert_int_not_equal(h.verdict, ANSWER_YES);
	r.options.metrics_server = "";
	ask(&r, SIZE_MAX, false, &h);
	assert_int_equal(h.verdict, ANSWER_ERROR);
	assert_non_null(strstr(h.text, "no metrics server is configured"));
	rig_close(&r);

	/* inline queries are not checked */
	rig_open(&r, "{name: mine, query: up, thresholdRange: {min: 1}}", true);
	ask(&r, SIZE_MAX, false, &h);
	assert_int_equal(h.verdict, ANSWER_YES);
	assert_int_equal(r.peer->request_count, 0);
	rig_close(&r);
}

/* ---- without Prometheus ---- */

static void serve(struct rig *r, struct traffic *t, const char *line)
{
	assert_int_equal(traffic_line(t, loop_now(r->loop), line, strlen(line)), RC_OK);
}

static void test_what_was_served_here(void **state)
{
	(void)state;
	struct rig r;
	struct heard h;
	rig_open(&r,
		 "{name: request-success-rate, interval: 30s, thresholdRange: {min: 99}}, "
		 "{name: request-duration, thresholdRange: {max: 500}}, "
		 "{name: request-duration, interval: 2h, thresholdRange: {max: 500}}, "
		 "{name: mine, query: up, thresholdRange: {max: 500}}, "
		 "{name: request-duration, templateRef: {name: t}, thresholdRange: {max: 500}}",
		 true);
	CLEANUP(traffic_destroy_p) struct traffic *t = traffic_create(NULL);
	sources_set_traffic(r.sources, t);
	r.options.metrics_server = "";
	ask(&r, SIZE_MAX, false, &h);
	assert_int_equal(h.verdict, ANSWER_YES);
	ask(&r, 0, false, &h);
	assert_int_equal(h.verdict, ANSWER_NO);
	assert_string_equal(h.text, "no request to the canary of test/podinfo-in in the access log");
	serve(&r, t, "<190>x rollcall: 500 0.001 primary test/podinfo-in");
	serve(&r, t, "<190>x rollcall: 500 0.001 canary test/other");
	ask(&r, 0, false, &h);
	assert_int_equal(h.verdict, ANSWER_NO);
	for (int i = 0; i < 3; i++)
		serve(&r, t, "<190>x rollcall: 200 0.012 canary test/podinfo-in");
	serve(&r, t, "<190>x rollcall: 503 0.012 canary test/podinfo-in");
	ask(&r, 0, false, &h);
	assert_int_equal(h.verdict, ANSWER_YES);
	assert_true(h.value == 75);
	ask(&r, 1, false, &h);
	assert_int_equal(h.verdict, ANSWER_YES);
	assert_true(h.value == 12);
	ask(&r, 2, false, &h);
	assert_int_equal(h.verdict, ANSWER_ERROR);
	assert_string_equal(h.text, "the access log is remembered for an hour, the interval is longer");
	ask(&r, 3, false, &h); /* a query is Prometheus's */
	assert_int_equal(h.verdict, ANSWER_ERROR);
	assert_non_null(strstr(h.text, "no metrics server is configured"));
	ask(&r, 4, true, &h);
	assert_int_equal(h.verdict, ANSWER_ERROR);
	assert_non_null(strstr(h.text, "Metric template t.test error"));
	assert_int_equal(r.peer->request_count, 0);

	r.peer->always = answer(&r, VECTOR(SERIES("98")));
	r.canary->metrics_server = r.peer->url; /* the canary's own Prometheus goes first */
	ask(&r, 0, false, &h);
	assert_true(h.value == 98);
	r.canary->metrics_server = "";
	r.options.metrics_server = r.peer->url; /* and so does the operator's */
	ask(&r, 0, false, &h);
	assert_true(h.value == 98);
	rig_close(&r);
}

static void test_cancel_and_destroy(void **state)
{
	(void)state;
	struct rig r;
	struct heard h[3] = { { 0 } };
	rig_open(&r, "{name: mine, query: up, thresholdRange: {min: 1}}, {name: nothing, thresholdRange: {max: 1}}",
		 true);
	r.peer->always = NULL;
	h[0].ask = source_ask(r.sources, &r.plan, 0, false, got, &h[0]);
	h[1].ask = source_ask(r.sources, &r.plan, 1, false, got, &h[1]);
	h[2].ask = source_ask(r.sources, &r.plan, 0, false, got, &h[2]);
	source_cancel(&h[0].ask);
	source_cancel(&h[1].ask);
	assert_null(h[0].ask);
	source_cancel(&h[0].ask);
	for (int i = 0; i < 10; i++)
		fake_turn(r.fake);
	rig_close(&r);
	assert_false(h[0].done || h[1].done || h[2].done);
}

int main(void)
{
	(void)signal(SIGPIPE, SIG_IGN);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_url),
		cmocka_unit_test(test_builtin_queries),
		cmocka_unit_test(test_templates),
		cmocka_unit_test(test_ask),
		cmocka_unit_test(test_scale),
		cmocka_unit_test(test_builtin_and_template),
		cmocka_unit_test(test_bad_templates),
		cmocka_unit_test(test_template_with_a_secret),
		cmocka_unit_test(test_addresses_of_a_canary_are_judged),
		cmocka_unit_test(test_probe),
		cmocka_unit_test(test_what_was_served_here),
		cmocka_unit_test(test_cancel_and_destroy),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
