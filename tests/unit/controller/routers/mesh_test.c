/* Istio and the Gateway API: matches, mirrors, sticky sessions (6.7, 6.9), and what belongs to others. */
#include "controller/routers/table.h"

#include "tests/unit/controller/effects.h"

#define CANARY_OF(provider, rest)                                                                                      \
	"apiVersion: flagger.app/v1beta1\n"                                                                            \
	"kind: Canary\n"                                                                                               \
	"metadata: {name: podinfo, namespace: test, uid: u-canary}\n"                                                  \
	"spec:\n"                                                                                                      \
	"  provider: " provider "\n"                                                                                   \
	"  targetRef: {apiVersion: apps/v1, kind: Deployment, name: podinfo}\n" rest
#define ROUTE(s, weight) DO((s), SET_ROUTES, .routes = { .primary = 100 - (weight), .canary = (weight) })
#define STEPS "  analysis: {interval: 15s, threshold: 5, stepWeight: 10}\n"
#define VS(s) fake_tree((s)->fake, KIND_VIRTUAL_SERVICE, "test", "podinfo")
#define HR(s) fake_tree((s)->fake, KIND_HTTP_ROUTE, "test", "podinfo")

static void open_with(struct stage *s, const char *manifests)
{
	stage_open(s);
	fake_apply(s->fake, manifests);
	stage_canary(s, "test", "podinfo");
}

static void reads(struct stage *s, int canary)
{
	stage_observe(s);
	if (s->seen.routes_error)
		fail_msg("%s", s->seen.routes_error);
	assert_int_equal(s->seen.routes.canary, canary);
	assert_int_equal(s->seen.routes.primary, 100 - canary);
	assert_int_equal(s->seen.router_objects, SHAPE_AS_WANTED);
}

#define ISTIO_TO(side, w) "{\"destination\":{\"host\":\"podinfo-" side "\"},\"weight\":" #w "}"
#define GATEWAY_TO(side, w)                                                                                            \
	"{\"group\":\"\",\"kind\":\"Service\",\"name\":\"podinfo-" side "\",\"port\":80,\"weight\":" #w "}"

static void test_istio_weights(void **state)
{
	(void)state;
	struct stage s;
	open_with(&s, CANARY_OF("istio", "  service:\n"
					 "    port: 80\n"
					 "    hosts: [app.example.com]\n"
					 "    gateways: [public]\n"
					 "    trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}\n"
					 "    match: [{uri: {prefix: /}}]\n"
					 "    rewrite: {uri: /x, type: ReplacePrefixMatch}\n"
					 "    timeout: 15s\n"
					 "    retries: {attempts: 3}\n"
					 "    headers: {request: {add: {x-a: b}}}\n" STEPS));
	stage_observe(&s);
	assert_int_equal(s.seen.router_objects, SHAPE_MISSING);
	assert_int_equal(DO(&s, ENSURE_ROUTER), 3);
	assert_json(fake_tree(s.fake, KIND_DESTINATION_RULE, "test", "podinfo-canary"), "spec",
		    "{\"host\":\"podinfo-canary\",\"trafficPolicy\":{\"tls\":{\"mode\":\"ISTIO_MUTUAL\"}}}");
	assert_non_null(fake_tree(s.fake, KIND_DESTINATION_RULE, "test", "podinfo-primary"));
	assert_json(VS(&s), "spec",
		    "{\"gateways\":[\"public\"],\"hosts\":[\"app.example.com\",\"podinfo\"],\"http\":[{\"headers\":{"
		    "\"request\":{\"add\":{\"x-a\":\"b\"}}},\"match\":[{\"uri\":{\"prefix\":\"/\"}}],\"retries\":{"
		    "\"attempts\":3},\"rewrite\":{\"uri\":\"/x\"},\"route\":[" ISTIO_TO("primary", 100) "," ISTIO_TO(
			    "canary", 0) "],\"timeout\":\"15s\"}]}");
	reads(&s, 0);
	assert_int_equal(ROUTE(&s, 30), 1);
	assert_json(VS(&s), "spec.http.0.route", "[" ISTIO_TO("primary", 70) "," ISTIO_TO("canary", 30) "]");
	reads(&s, 30);
	(void)DO(&s, FINALIZE_ROUTER);
	assert_null(VS(&s));
	assert_null(fake_tree(s.fake, KIND_DESTINATION_RULE, "test", "podinfo-canary"));
	stage_close(&s);
}

/* Scenario 52. */
static void test_52_istio_mirror(void **state)
{
	(void)state;
	struct stage s;
	open_with(&s, CANARY_OF("istio", "  service: {port: 80}\n"
					 "  analysis: {interval: 15s, threshold: 5, stepWeight: 10, mirror: true, "
					 "mirrorWeight: 40}\n"));
	(void)DO(&s, ENSURE_ROUTER);
	assert_json(VS(&s), "spec.gateways", "[\"mesh\"]");
	(void)DO(&s, SET_ROUTES, .routes = { .primary = 100, .mirrored = true });
	assert_json(VS(&s), "spec.http.0.mirror", "{\"host\":\"podinfo-canary\"}");
	assert_json(VS(&s), "spec.http.0.mirrorPercentage", "{\"value\":40}");
	reads(&s, 0);
	assert_true(s.seen.routes.mirrored);
	assert_int_equal(ROUTE(&s, 10), 1);
	assert_null(json_at(VS(&s), "spec.http.0.mirror"));
	reads(&s, 10);
	assert_false(s.seen.routes.mirrored);
	stage_close(&s);
}

#define COOKIES                                                                                                        \
	"  analysis: {interval: 15s, threshold: 5, stepWeight: 10, sessionAffinity: {cookieName: c, "                  \
	"primaryCookieName: "                                                                                          \
	"p, path: /, secure: true}}\n"
static const struct routes at_ten = {
	.primary = 90, .canary = 10, .session = "c=abcdefghij", .primary_session = "p=klmnopqrst"
};

static void status_has(struct stage *s, const char *session, const char *previous)
{
	char patch[256];
	(void)snprintf(patch, sizeof patch,
		       "{\"status\":{\"sessionAffinityCookie\":\"%s\",\"previousSessionAffinityCookie\":\"%s\","
		       "\"primarySessionAffinityCookie\":\"p=klmnopqrst\"}}",
		       session, previous);
	fake_patch(s->fake, KIND_CANARY, "test", "podinfo", patch);
	stage_canary(s, "test", "podinfo");
}

/* Scenario 53. */
static void test_53_istio_affinity(void **state)
{
	(void)state;
	struct stage s;
	open_with(&s, CANARY_OF("istio", "  service: {port: 80, headers: {response: {add: {x-r: y}}}}\n" COOKIES));
	(void)DO(&s, ENSURE_ROUTER);
	assert_int_equal(DO(&s, SET_ROUTES, .routes = at_ten), 1);
	assert_int_equal(cJSON_GetArraySize(json_at(VS(&s), "spec.http")), 3);
	assert_json(VS(&s), "spec.http.0.match", "[{\"headers\":{\"Cookie\":{\"regex\":\".*c.*abcdefghij.*\"}}}]");
	assert_json(VS(&s), "spec.http.0.route", "[" ISTIO_TO("primary", 0) "," ISTIO_TO("canary", 100) "]");
	assert_json(VS(&s), "spec.http.1.match", "[{\"headers\":{\"Cookie\":{\"regex\":\".*p.*klmnopqrst.*\"}}}]");
	assert_json(VS(&s), "spec.http.2.route.0.headers.response.add.Set-Cookie", "\"p=klmnopqrst; Max-Age=15\"");
	assert_json(VS(&s), "spec.http.2.route.1.headers.response.add.Set-Cookie",
		    "\"c=abcdefghij; Max-Age=86400; Path=/; Secure\"");
	status_has(&s, "c=abcdefghij", "");
	reads(&s, 10);
	struct routes back = { .primary = 100, .previous_session = "c=abcdefghij" };
	assert_int_equal(DO(&s, SET_ROUTES, .routes = back), 1);
	assert_json(VS(&s), "spec.http.0.match.0.headers.Cookie.regex", "\".*c.*abcdefghij.*\"");
	assert_json(VS(&s), "spec.http.0.headers.response.add",
		    "{\"Set-Cookie\":\"c=abcdefghij; Max-Age=-1\",\"x-r\":\"y\"}");
	assert_json(VS(&s), "spec.http.1.headers.response.add", "{\"x-r\":\"y\"}"); /* E37 */
	status_has(&s, "", "c=abcdefghij");
	reads(&s, 0);
	stage_close(&s);
}

static void test_istio_test_by_headers(void **state)
{
	(void)state;
	struct stage s;
	open_with(&s, CANARY_OF("istio",
				"  service: {port: 80, match: [{uri: {prefix: /a}, headers: {x: {exact: y}}}, {uri: "
				"{exact: /b}}]}\n"
				"  analysis: {interval: 15s, threshold: 5, iterations: 3, match: [{headers: {who: "
				"{regex: 'in.*'}}}, {sourceLabels: {app: q}}]}\n"));
	(void)DO(&s, ENSURE_ROUTER);
	assert_json(
		VS(&s), "spec.http.0.match",
		"[{\"headers\":{\"who\":{\"regex\":\"in.*\"}},\"uri\":{\"prefix\":\"/"
		"a\"}},{\"headers\":{\"who\":{\"regex\":"
		"\"in.*\"}},\"uri\":{\"exact\":\"/"
		"b\"}},{\"headers\":{\"x\":{\"exact\":\"y\"}},\"sourceLabels\":{\"app\":"
		"\"q\"},\"uri\":{\"prefix\":\"/a\"}},{\"sourceLabels\":{\"app\":\"q\"},\"uri\":{\"exact\":\"/b\"}}]");
	assert_json(VS(&s), "spec.http.1.route", "[" ISTIO_TO("primary", 100) "]");
	(void)ROUTE(&s, 100);
	assert_json(VS(&s), "spec.http.0.route", "[" ISTIO_TO("primary", 0) "," ISTIO_TO("canary", 100) "]");
	assert_json(VS(&s), "spec.http.1.route", "[" ISTIO_TO("primary", 0) "]"); /* E36 */
	reads(&s, 100);
	stage_close(&s);
}

static void test_istio_tcp_and_delegation(void **state)
{
	(void)state;
	struct stage s;
	open_with(&s, CANARY_OF("istio", "  service: {port: 80, appProtocol: TCP, match: [{port: 5432}]}\n" STEPS));
	(void)DO(&s, ENSURE_ROUTER);
	(void)ROUTE(&s, 20);
	assert_json(
		VS(&s), "spec.tcp",
		"[{\"match\":[{\"port\":5432}],\"route\":[" ISTIO_TO("primary", 80) "," ISTIO_TO("canary", 20) "]}]");
	assert_null(json_at(VS(&s), "spec.http"));
	reads(&s, 20);
	stage_close(&s);
	open_with(&s, CANARY_OF("istio", "  service: {port: 80, delegation: true, portDiscovery: true}\n" STEPS));
	(void)DO(&s, ENSURE_ROUTER);
	assert_null(json_at(VS(&s), "spec.hosts"));
	assert_null(json_at(VS(&s), "spec.gateways"));
	assert_json(VS(&s), "spec.http.0.route.0.destination",
		    "{\"host\":\"podinfo-primary\",\"port\":{\"number\":80}}");
	stage_close(&s);
	open_with(&s, CANARY_OF("istio", "  service: {port: 80, delegation: true, hosts: [a.example.com]}\n" STEPS));
	stage_observe(&s);
	assert_string_equal(s.seen.router_error,
			    "VirtualService podinfo.test cannot have hosts and gateways when delegation enabled");
	stage_close(&s);
}

/* A VirtualService of the user's is taken over, and given back. */
static void test_istio_takes_over_and_gives_back(void **state)
{
	(void)state;
	struct stage s;
	open_with(&s, CANARY_OF("istio", "  service: {port: 80}\n" STEPS) "---\n"
									  "apiVersion: networking.istio.io/v1beta1\n"
									  "kind: VirtualService\n"
									  "metadata: {name: podinfo, namespace: test}\n"
									  "spec: {hosts: [podinfo], http: [{route: "
									  "[{destination: {host: podinfo}}]}]}\n");
	stage_observe(&s);
	assert_null(s.seen.routes_error);
	assert_int_equal(s.seen.router_objects, SHAPE_MISSING); /* of the companions */
	(void)DO(&s, ENSURE_ROUTER);
	reads(&s, 0);
	(void)ROUTE(&s, 30);
	reads(&s, 30);
	assert_json(
		VS(&s), "metadata.annotations.flagger\\.kubernetes\\.io/original-configuration",
		"\"{\\\"hosts\\\":[\\\"podinfo\\\"],\\\"http\\\":[{\\\"route\\\":[{\\\"destination\\\":{\\\"host\\\":"
		"\\\"podinfo\\\"}}]}]}\"");
	(void)DO(&s, FINALIZE_ROUTER);
	assert_json(VS(&s), "spec",
		    "{\"hosts\":[\"podinfo\"],\"http\":[{\"route\":[{\"destination\":{\"host\":\"podinfo\"}}]}]}");
	assert_null(json_at(VS(&s), "metadata.annotations.flagger\\.kubernetes\\.io/original-configuration"));
	stage_close(&s);
}

#define GATEWAY_SERVICE "  service: {port: 80, gatewayRefs: [{name: gateway, namespace: infra}]"

static void test_gateway_weights(void **state)
{
	(void)state;
	struct stage s;
	open_with(&s,
		  CANARY_OF("'gatewayapi:v1'", GATEWAY_SERVICE
			    ", hosts: [app.example.com], timeout: 5s, backendTimeout: 2s, match: [{uri: {prefix: "
			    "/a}, method: {exact: GET}, headers: {z: {exact: '1'}, b: {regex: '2'}}}],\n"
			    "    headers: {request: {set: {x: y, a: b}, remove: [q]}}, rewrite: {uri: /n, authority: "
			    "h, type: ReplacePrefixMatch}}\n" STEPS));
	assert_int_equal(DO(&s, ENSURE_ROUTER), 1);
	assert_json(HR(&s), "spec.parentRefs", "[{\"name\":\"gateway\",\"namespace\":\"infra\"}]");
	assert_json(HR(&s), "spec.hostnames", "[\"app.example.com\"]");
	assert_json(
		HR(&s), "spec.rules.0.matches",
		"[{\"headers\":[{\"name\":\"b\",\"type\":\"RegularExpression\",\"value\":\"2\"},{\"name\":\"z\","
		"\"type\":"
		"\"Exact\",\"value\":\"1\"}],\"method\":\"GET\",\"path\":{\"type\":\"PathPrefix\",\"value\":\"/a\"}}]");
	assert_json(
		HR(&s), "spec.rules.0.filters",
		"[{\"requestHeaderModifier\":{\"remove\":[\"q\"],\"set\":[{\"name\":\"a\",\"value\":\"b\"},{\"name\":"
		"\"x\",\"value\":\"y\"}]},\"type\":\"RequestHeaderModifier\"},{\"type\":\"URLRewrite\",\"urlRewrite\":{"
		"\"hostname\":\"h\",\"path\":{\"replacePrefixMatch\":\"/n\",\"type\":\"ReplacePrefixMatch\"}}}]");
	assert_json(HR(&s), "spec.rules.0.timeouts", "{\"backendRequest\":\"2s\",\"request\":\"5s\"}");
	assert_int_equal(ROUTE(&s, 30), 1);
	assert_json(HR(&s), "spec.rules.0.backendRefs", "[" GATEWAY_TO("primary", 70) "," GATEWAY_TO("canary", 30) "]");
	reads(&s, 30);
	/* defaults that the server fills in, and who takes the route, are no difference */
	fake_patch(s.fake, KIND_HTTP_ROUTE, "test", "podinfo",
		   "{\"spec\":{\"parentRefs\":[{\"group\":\"gateway.networking.k8s.io\",\"kind\":\"Gateway\",\"name\":"
		   "\"gateway\",\"namespace\":\"infra\"}]}}");
	reads(&s, 30);
	stage_close(&s);
}

/* Scenario 54. */
static void test_54_gateway_blue_green_mirror(void **state)
{
	(void)state;
	struct stage s;
	open_with(&s, CANARY_OF("'gatewayapi:v1'", GATEWAY_SERVICE
				"}\n  analysis: {interval: 15s, threshold: 5, iterations: 5, mirror: true}\n"));
	(void)DO(&s, ENSURE_ROUTER);
	assert_json(HR(&s), "spec.rules.0.matches", "[{\"path\":{\"type\":\"PathPrefix\",\"value\":\"/\"}}]");
	(void)DO(&s, SET_ROUTES, .routes = { .primary = 100, .mirrored = true });
	assert_json(
		HR(&s), "spec.rules.0.filters",
		"[{\"requestMirror\":{\"backendRef\":{\"group\":\"\",\"kind\":\"Service\",\"name\":\"podinfo-canary\","
		"\"port\":80}},\"type\":\"RequestMirror\"}]");
	reads(&s, 0);
	assert_true(s.seen.routes.mirrored);
	(void)ROUTE(&s, 100);
	assert_null(json_at(HR(&s), "spec.rules.0.filters"));
	reads(&s, 100);
	stage_close(&s);
}

/* Scenario 55. What the user corrects is still written. */
static void test_55_gateway_not_accepted(void **state)
{
	(void)state;
	struct stage s;
	open_with(&s, CANARY_OF("'gatewayapi:v1'", GATEWAY_SERVICE "}\n" STEPS));
	(void)DO(&s, ENSURE_ROUTER);
	fake_patch(s.fake, KIND_HTTP_ROUTE, "test", "podinfo",
		   "{\"metadata\":{\"generation\":2},\"status\":{\"parents\":[{\"parentRef\":{\"name\":\"gateway\"},"
		   "\"conditions\":[{\"type\":\"Accepted\",\"status\":\"False\",\"observedGeneration\":1}]}]}}");
	stage_observe(&s);
	assert_string_equal(s.seen.routes_error, "HTTPRoute podinfo.test parent gateway is not ready (status: False, "
						 "observed generation: 1, current generation: 2)");
	fake_patch(s.fake, KIND_CANARY, "test", "podinfo",
		   "{\"spec\":{\"service\":{\"gatewayRefs\":[{\"name\":\"other\"}]}}}");
	stage_canary(&s, "test", "podinfo");
	stage_observe(&s);
	assert_int_equal(s.seen.router_objects, SHAPE_DIFFERENT);
	assert_int_equal(DO(&s, ENSURE_ROUTER), 1);
	stage_close(&s);
}

static void test_gateway_affinity_and_test(void **state)
{
	(void)state;
	struct stage s;
	open_with(&s, CANARY_OF("'gatewayapi:v1'", GATEWAY_SERVICE "}\n" COOKIES));
	(void)DO(&s, ENSURE_ROUTER);
	(void)DO(&s, SET_ROUTES, .routes = at_ten);
	assert_json(HR(&s), "spec.rules.0.matches.0.headers",
		    "[{\"name\":\"Cookie\",\"type\":\"RegularExpression\",\"value\":\".*c.*abcdefghij.*\"}]");
	assert_json(HR(&s), "spec.rules.0.backendRefs", "[" GATEWAY_TO("primary", 0) "," GATEWAY_TO("canary", 100) "]");
	assert_json(HR(&s), "spec.rules.2.backendRefs.1.filters",
		    "[{\"responseHeaderModifier\":{\"add\":[{\"name\":\"Set-Cookie\",\"value\":\"c=abcdefghij; "
		    "Max-Age=86400; Path=/; Secure\"}]},\"type\":\"ResponseHeaderModifier\"}]");
	status_has(&s, "c=abcdefghij", "");
	reads(&s, 10);
	(void)DO(&s, SET_ROUTES, .routes = { .primary = 100, .previous_session = "c=abcdefghij" });
	assert_json(HR(&s), "spec.rules.0.filters.0.responseHeaderModifier.add.0.value",
		    "\"c=abcdefghij; Max-Age=-1\"");
	status_has(&s, "", "c=abcdefghij");
	reads(&s, 0);
	stage_close(&s);
	open_with(
		&s,
		CANARY_OF("'gatewayapi:v1beta1'", GATEWAY_SERVICE
			  "}\n  analysis: {interval: 15s, threshold: 5, iterations: 5, match: [{headers: {a: {prefix: "
			  "b}}}]}\n"));
	stage_observe(&s);
	assert_string_equal(s.seen.router_error, "headers a: the Gateway API matches exact or regex only");
	stage_close(&s);
	open_with(&s, CANARY_OF("'gatewayapi:v1beta1'", "  service: {port: 80}\n" STEPS));
	stage_observe(&s);
	assert_string_equal(s.seen.router_error, "GatewayRefs must be specified when using Gateway API as a provider.");
	stage_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_istio_weights),
		cmocka_unit_test(test_52_istio_mirror),
		cmocka_unit_test(test_53_istio_affinity),
		cmocka_unit_test(test_istio_test_by_headers),
		cmocka_unit_test(test_istio_tcp_and_delegation),
		cmocka_unit_test(test_istio_takes_over_and_gives_back),
		cmocka_unit_test(test_gateway_weights),
		cmocka_unit_test(test_54_gateway_blue_green_mirror),
		cmocka_unit_test(test_55_gateway_not_accepted),
		cmocka_unit_test(test_gateway_affinity_and_test),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
