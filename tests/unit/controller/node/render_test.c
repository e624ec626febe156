/* Ingress, Service and Pod objects in, a configuration out. What stands in it is nginx's to judge: see
 * tests/local/test_node.py for requests. */
#include "controller/node/render.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <utlist.h>

#include "base/json.h"

#define GOLDEN "tests/golden/node/seed.conf"
#define PREFIX "nginx.ingress.kubernetes.io/"
enum { OBJECTS_MAX = 16 };

/* ---- a cluster ---- */

static struct {
	cJSON *items[4][OBJECTS_MAX];
	size_t len[4];
} world;
enum { INGRESSES, SERVICES, ENDPOINTS, PODS };

static void add(int kind, const char *fmt, ...) PRINTF(2, 3);
static void add(int kind, const char *fmt, ...)
{
	char text[8192];
	struct error e;
	va_list ap;
	va_start(ap, fmt);
	int len = vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	assert_in_range(len, 1, sizeof text - 1);
	if (json_parse(text, (size_t)len, &world.items[kind][world.len[kind]], &e) != RC_OK)
		fail_msg("%s\n%s", e.text, text);
	world.len[kind]++;
}

static void add_service(const char *name, const char *app)
{
	add(SERVICES,
	    "{\"metadata\":{\"namespace\":\"default\",\"name\":\"%s\"},\"spec\":{\"selector\":{\"app\":\"%s\"},"
	    "\"ports\":[{\"name\":\"http\",\"port\":80,\"targetPort\":8080},{\"name\":\"admin\",\"port\":81,"
	    "\"targetPort\":\"admin\"}]}}",
	    name, app);
}

static void add_pod(const char *app, const char *ip, const char *ready, const char *deleted)
{
	add(PODS,
	    "{\"metadata\":{\"namespace\":\"default\",\"name\":\"p\",\"labels\":{\"app\":\"%s\",\"x\":\"y\"}%s},"
	    "\"spec\":{\"containers\":[{\"ports\":[{\"name\":\"admin\",\"containerPort\":9090}]}]},"
	    "\"status\":{\"podIP\":\"%s\",\"conditions\":[{\"type\":\"Ready\",\"status\":\"%s\"}]}}",
	    app, deleted, ip, ready);
}

static void add_ingress(const char *name, const char *annotations, const char *host, const char *paths)
{
	add(INGRESSES,
	    "{\"metadata\":{\"namespace\":\"default\",\"name\":\"%s\",\"creationTimestamp\":\"2026-01-0%zuT00:00:00Z\","
	    "\"annotations\":{%s}},\"spec\":{\"rules\":[{\"host\":%s,\"http\":{\"paths\":[%s]}}]}}",
	    name, world.len[INGRESSES] + 1, annotations, host, paths);
}

#define V1(path, type, service)                                                                                        \
	"{\"path\":" path ",\"pathType\":\"" type "\",\"backend\":{\"service\":{\"name\":\"" service                   \
	"\",\"port\":{\"number\":80}}}}"
#define BETA(service) "{\"backend\":{\"serviceName\":\"" service "\",\"servicePort\":80}}"
#define CANARY(more) "\"" PREFIX "canary\":\"true\"" more
#define NOTE(name, value) ",\"" PREFIX name "\":\"" value "\""

static int begin(void **state)
{
	(void)state;
	add_service("web", "web");
	add_service("web-canary", "web-canary");
	add_pod("web", "127.10.0.3", "True", "");
	add_pod("web", "127.10.0.2", "True", "");
	add_pod("web-canary", "127.10.0.4", "True", "");
	return 0;
}

static int end(void **state)
{
	(void)state;
	for (size_t k = 0; k < 4; k++) {
		for (size_t i = 0; i < world.len[k]; i++)
			cJSON_Delete(world.items[k][i]);
		world.len[k] = 0;
	}
	return 0;
}

static bool refused(void *owner, const char *source)
{
	return owner && strcmp(owner, source) == 0;
}

static struct routes *routes_without(char *refused_source)
{
	struct object_list lists[4];
	struct routes *r = NULL;
	struct error e;
	for (size_t k = 0; k < 4; k++)
		lists[k] = (struct object_list){ (const cJSON *const *)world.items[k], world.len[k] };
	const struct routes_input in = {
		.ingresses = lists[INGRESSES],
		.services = lists[SERVICES],
		.endpoints = lists[ENDPOINTS],
		.pods = lists[PODS],
		.ingress_class = "nginx",
		.annotations = "nginx.ingress.kubernetes.io",
		.refused = refused,
		.owner = refused_source,
	};
	assert_int_equal(routes_build(&in, &r, &e), RC_OK);
	return r;
}

static const struct render_options options = { .folder = "/var/lib/rollcall/nginx",
					       .listen = "127.0.0.1:8080",
					       .workers = 2,
					       .log_socket = "/var/lib/rollcall/nginx/traffic.sock" };

/* The text, and what was complained of as "ns/name: why\n"... */
static char *rendered(char *problems, size_t size)
{
	struct routes *r = routes_without(NULL);
	struct route_problem *p;
	struct strbuf b;
	size_t len = 0;
	strbuf_init(&b, RENDER_BYTES_MAX);
	render(r, &options, &b);
	if (size)
		problems[0] = '\0';
	DL_FOREACH(r->problems, p)
	len += (size_t)snprintf(problems + len, size - len, "%s: %s\n", p->source, p->text);
	routes_destroy(r);
	return strbuf_take(&b);
}

static void expect(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("missing: %s\nin:\n%s", part, text);
}

static void expect_not(const char *text, const char *part)
{
	if (strstr(text, part))
		fail_msg("is there: %s\nin:\n%s", part, text);
}

/* ---- the whole ---- */

/* With UPDATE_GOLDEN set the file is written instead. */
static void test_golden(void **state)
{
	char problems[4096], golden[65536];
	(void)state;
	add_ingress("podinfo", "", "\"app.example.com\"", BETA("web"));
	add_ingress("podinfo-canary", CANARY(NOTE("canary-weight", "20")), "\"app.example.com\"", BETA("web-canary"));
	add_ingress("shop", "", "\"*.example.org\"",
		    V1("\"/shop\"", "Prefix", "web") "," V1("\"/shop/cart\"", "Exact", "web") "," V1(
			    "\"/gone\"", "ImplementationSpecific", "nowhere"));
	char *text = rendered(problems, sizeof problems);
	assert_string_equal(problems, "");
	FILE *f = fopen(GOLDEN, getenv("UPDATE_GOLDEN") ? "w" : "r");
	assert_non_null(f);
	if (getenv("UPDATE_GOLDEN")) {
		fputs(text, f);
	} else {
		golden[fread(golden, 1, sizeof golden - 1, f)] = '\0';
		assert_string_equal(text, golden);
	}
	fclose(f);
	free(text);
}

/* ---- annotations ---- */

static const struct {
	const char *annotations, *parts[4], *problem;
} canaries[] = {
	{ NOTE("canary-weight", "35"), { "split_clients $request_id $rollcall_weight_0 { 35.00% 1; * 0; }" }, "" },
	{ NOTE("canary-weight", "1") NOTE("canary-weight-total", "3"), { "{ 33.33% 1; * 0; }" }, "" },
	{ NOTE("canary-weight", "0"), { "map \"\" $rollcall_weight_0 { default 0; }" }, "" },
	{ NOTE("canary-weight", "100"), { "map \"\" $rollcall_weight_0 { default 1; }" }, "" },
	{ "", { "map \"\" $rollcall_weight_0 { default 0; }" }, "" },
	{ NOTE("canary-by-header", "X-Canary"),
	  { "map $http_x_canary $rollcall_header_0 { default $rollcall_cookie_0; \"~^always\\\\z\" 1; \"~^never\\\\z\" "
	    "0; }" },
	  "" },
	{ NOTE("canary-by-header", "X-C") NOTE("canary-by-header-value", "a.b\\\"}; x"),
	  { "$rollcall_header_0 { default $rollcall_cookie_0; \"~^a\\\\x2eb\\\\x22\\\\x7d\\\\x3b\\\\x20x\\\\z\" 1; }" },
	  "" },
	{ NOTE("canary-by-header", "X-C") NOTE("canary-by-header-pattern", "^(a|b)\\\\d\\\"$"),
	  { "$rollcall_header_0 { default $rollcall_cookie_0; \"~^(a|b)\\\\d\\\"$\" 1; }" },
	  "" },
	/* a value goes before a pattern; neither counts without a header's name */
	{ NOTE("canary-by-header", "X-C") NOTE("canary-by-header-value", "v") NOTE("canary-by-header-pattern", "p"),
	  { "\"~^v\\\\z\" 1; }" },
	  "" },
	{ NOTE("canary-by-header-value", "v"), { "map \"\" $rollcall_header_0 { default $rollcall_cookie_0; }" }, "" },
	{ NOTE("canary-by-cookie", "a-b.c"),
	  { "default $rollcall_weight_0; \"~(?:^|;[ ]*)a\\\\x2db\\\\x2ec=always[ ]*(?:;|\\\\z)\" 1; "
	    "\"~(?:^|;[ ]*)a\\\\x2db\\\\x2ec=never[ ]*(?:;|\\\\z)\" 0; }" },
	  "" },
	{ NOTE("canary-weight", "-1"),
	  { NULL },
	  "canary-weight is not a number from 0 to 100: the canary gets nothing" },
	{ NOTE("canary-weight", "101"),
	  { NULL },
	  "canary-weight is not a number from 0 to 100: the canary gets nothing" },
	{ NOTE("canary-weight", "20%"),
	  { NULL },
	  "canary-weight is not a number from 0 to 100: the canary gets nothing" },
	{ NOTE("canary-weight-total", "0"),
	  { NULL },
	  "canary-weight-total is not a number from 1 to 1000000: the canary gets nothing" },
	{ NOTE("canary-by-header", "X C"),
	  { NULL },
	  "canary-by-header is not a header's name (letters, digits, -): the canary gets nothing" },
	{ NOTE("canary-by-header", "x}{"),
	  { NULL },
	  "canary-by-header is not a header's name (letters, digits, -): the canary gets nothing" },
	{ NOTE("canary-by-cookie", "a;b"),
	  { NULL },
	  "canary-by-cookie is not a cookie's name (letters, digits, - _ .): the canary gets nothing" },
	{ NOTE("canary-by-header", "X") NOTE("canary-by-header-value", "a\\nb"),
	  { NULL },
	  "canary-by-header-value and -pattern are printable ASCII of at most 1024 characters: the canary gets "
	  "nothing" },
	{ NOTE("canary-by-header", "X") NOTE("canary-by-header-pattern", "(?<rollcall_upstream_0>.*)"),
	  { NULL },
	  "canary-by-header-pattern must not name its groups: the canary gets nothing" },
	{ NOTE("canary-by-header", "X") NOTE("canary-by-header-pattern", "(?P<a>.*)"),
	  { NULL },
	  "canary-by-header-pattern must not name its groups: the canary gets nothing" },
	{ NOTE("canary-by-header", "X") NOTE("canary-by-header-pattern", "(?<=a)b"), { "\"~(?<=a)b\" 1;" }, "" },
};

static void test_canary_annotations(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof canaries / sizeof canaries[0]; i++) {
		char annotations[1024], problems[4096], wanted[512] = "";
		snprintf(annotations, sizeof annotations, CANARY("%s"), canaries[i].annotations);
		add_ingress("main", "", "\"a.example.com\"", BETA("web"));
		add_ingress("canary", annotations, "\"a.example.com\"", BETA("web-canary"));
		char *text = rendered(problems, sizeof problems);
		if (*canaries[i].problem)
			snprintf(wanted, sizeof wanted, "default/canary: %s\n", canaries[i].problem);
		assert_string_equal(problems, wanted);
		for (size_t k = 0; canaries[i].parts[k]; k++)
			expect(text, canaries[i].parts[k]);
		if (*canaries[i].problem) {
			expect_not(text, "$rollcall_header_0");
			expect(text, "proxy_pass http://default.web.80;");
		}
		free(text);
		end(NULL);
		begin(NULL);
	}
}

static void test_a_canary_without_servers_gets_nothing(void **state)
{
	(void)state;
	add_service("empty", "nobody");
	add_ingress("main", "", "\"a.example.com\"", BETA("web"));
	add_ingress("canary", CANARY(NOTE("canary-weight", "100")), "\"a.example.com\"", BETA("empty"));
	char *text = rendered(NULL, 0);
	expect_not(text, "rollcall_weight");
	expect(text, "proxy_pass http://default.web.80;");
	free(text);
}

static void test_a_primary_without_servers(void **state)
{
	(void)state;
	add_service("empty", "nobody");
	add_ingress("main", "", "\"a.example.com\"", BETA("empty"));
	char *text = rendered(NULL, 0);
	expect(text, "return 503;");
	expect_not(text, "upstream default.empty.80 {");
	free(text);
	add_ingress("canary", CANARY(NOTE("canary-weight", "50")), "\"a.example.com\"", BETA("web-canary"));
	text = rendered(NULL, 0);
	expect(text, "if ($rollcall_upstream_0 = \"\") { return 503; }");
	expect(text, "map $rollcall_header_0 $rollcall_upstream_0 { default \"\"; 1 default.web-canary.80; }");
	free(text);
}

/* It stands beside the same host, path and kind of path, or nowhere. */
static void test_a_canary_needs_a_main_path(void **state)
{
	(void)state;
	add_ingress("canary", CANARY(NOTE("canary-weight", "50")), "\"b.example.com\"", BETA("web-canary"));
	add_ingress("main", "", "\"a.example.com\"", V1("\"/x\"", "Exact", "web"));
	add_ingress("canary2", CANARY(NOTE("canary-weight", "50")), "\"a.example.com\"",
		    V1("\"/x\"", "Prefix", "web-canary"));
	char *text = rendered(NULL, 0);
	expect_not(text, "b.example.com");
	expect_not(text, "rollcall_weight");
	free(text);
}

/* ---- servers ---- */

static void test_only_ready_pods_serve(void **state)
{
	(void)state;
	add_pod("web", "127.10.0.5", "False", "");
	add_pod("web", "127.10.0.6", "True", ",\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"");
	add_pod("other", "127.10.0.7", "True", "");
	add_pod("web", "127.10.0.8 down; }", "True", "");
	add_pod("web", "", "True", "");
	add_pod("web", "fd00::1", "True", "");
	add_ingress("main", "", "\"a.example.com\"", BETA("web"));
	char *text = rendered(NULL, 0);
	expect(text, "\tupstream default.web.80 {\n\t\tserver 127.10.0.2:8080 max_fails=0;\n"
		     "\t\tserver 127.10.0.3:8080 max_fails=0;\n\t\tserver [fd00::1]:8080 max_fails=0;\n"
		     "\t\tkeepalive 64;\n\t}\n");
	free(text);
}

static void test_ports_by_name(void **state)
{
	static const char *const ports[][3] = {
		{ "{\"serviceName\":\"web\",\"servicePort\":\"admin\"}", "upstream default.web.admin {",
		  "127.10.0.2:9090" },
		{ "{\"serviceName\":\"web\",\"servicePort\":\"80\"}", "upstream default.web.80 {", "127.10.0.2:8080" },
		{ "{\"service\":{\"name\":\"web\",\"port\":{\"name\":\"http\"}}}", "upstream default.web.http {",
		  "127.10.0.2:8080" },
		{ "{\"service\":{\"name\":\"web\",\"port\":{\"number\":82}}}", "return 503;", "return 503;" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof ports / sizeof ports[0]; i++) {
		char path[256];
		snprintf(path, sizeof path, "{\"backend\":%s}", ports[i][0]);
		add_ingress("main", "", "\"a.example.com\"", path);
		char *text = rendered(NULL, 0);
		expect(text, ports[i][1]);
		expect(text, ports[i][2]);
		free(text);
		end(NULL);
		begin(NULL);
	}
}

static void test_endpoints_serve_services_without_a_selector(void **state)
{
	(void)state;
	add(SERVICES,
	    "{\"metadata\":{\"namespace\":\"default\",\"name\":\"far\"},\"spec\":{\"ports\":[{\"port\":80}]}}");
	add(ENDPOINTS,
	    "{\"metadata\":{\"namespace\":\"default\",\"name\":\"far\"},\"subsets\":[{\"addresses\":["
	    "{\"ip\":\"192.0.2.7\"}],\"notReadyAddresses\":[{\"ip\":\"192.0.2.8\"}],\"ports\":[{\"port\":8000}]}]}");
	add_ingress("main", "", "\"a.example.com\"", BETA("far"));
	char *text = rendered(NULL, 0);
	expect(text, "server 192.0.2.7:8000 max_fails=0;");
	expect_not(text, "192.0.2.8");
	free(text);
}

/* ---- hosts and paths ---- */

static void test_hostile_hosts_and_paths_are_left_out(void **state)
{
	static const char *const hosts[] = { "a\\\"b.com", "a.com;", "a.com}", "a\\nb.com", "a b.com",
					     "$host",      "..",     "*",      "a.*.com",   "~^x$" };
	static const char *const paths[] = { "/a\\\"b", "/a\\nb", "/a}",  "/a{",  "/a;b", "/a'b", "/a\\\\b",
					     "/$uri",   "a",      "/a b", "/%41", "/a#",  "@x",   "/a\\u0001" };
	char problems[8192];
	(void)state;
	for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
		char host[64];
		snprintf(host, sizeof host, "\"%s\"", hosts[i]);
		add_ingress("main", "", host, BETA("web"));
		char *text = rendered(problems, sizeof problems);
		expect(problems, "is left out: not a DNS name");
		expect_not(text, "proxy_pass");
		free(text);
		end(NULL);
		begin(NULL);
	}
	for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
		char path[256];
		snprintf(path, sizeof path,
			 "{\"path\":\"%s\",\"backend\":{\"serviceName\":\"web\",\"servicePort\":80}}", paths[i]);
		add_ingress("main", "", "\"a.example.com\"", path);
		char *text = rendered(problems, sizeof problems);
		expect(problems, "is left out: / first");
		expect_not(text, "proxy_pass");
		free(text);
		end(NULL);
		begin(NULL);
	}
}

static void test_backends_that_are_no_names(void **state)
{
	char problems[4096];
	(void)state;
	add_ingress("main", "", "\"a.example.com\"", BETA("web;}") "," BETA(""));
	char *text = rendered(problems, sizeof problems);
	assert_string_equal(problems, "default/main: a backend is no Service: \"web;}\"\n"
				      "default/main: a backend is no Service: \"\"\n");
	free(text);
}

static void test_the_older_ingress_has_the_path(void **state)
{
	char problems[4096];
	(void)state;
	add_ingress("z-old", "", "\"a.example.com\"", V1("\"/x/\"", "Prefix", "web"));
	add_ingress("a-new", "", "\"a.example.com\"", V1("\"/x\"", "Prefix", "web-canary"));
	char *text = rendered(problems, sizeof problems);
	assert_string_equal(
		problems,
		"default/a-new: host \"a.example.com\" path \"/x\" is default/z-old's already, which is older\n");
	expect(text, "location = \"/x\" {");
	expect(text, "location \"/x/\" {");
	expect_not(text, "proxy_pass http://default.web-canary.80;");
	free(text);
}

static void test_classes(void **state)
{
	static const struct {
		const char *annotations, *class;
		bool ours;
	} cases[] = {
		{ "", "", true },
		{ "\"kubernetes.io/ingress.class\":\"nginx\"", "", true },
		{ "\"kubernetes.io/ingress.class\":\"traefik\"", "", false },
		{ "", "\"ingressClassName\":\"nginx\",", true },
		{ "", "\"ingressClassName\":\"traefik\",", false },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		add(INGRESSES,
		    "{\"metadata\":{\"namespace\":\"default\",\"name\":\"i\",\"annotations\":{%s}},\"spec\":{%s"
		    "\"defaultBackend\":{\"service\":{\"name\":\"web\",\"port\":{\"number\":80}}}}}",
		    cases[i].annotations, cases[i].class);
		char *text = rendered(NULL, 0);
		assert_int_equal(strstr(text, "proxy_pass") != NULL, cases[i].ours);
		expect(text, "listen 127.0.0.1:8080 default_server;");
		free(text);
		end(NULL);
		begin(NULL);
	}
}

/* ---- blame ---- */

static unsigned line_of(const char *text, const char *part)
{
	const char *at = strstr(text, part);
	unsigned line = 1;
	assert_non_null(at);
	for (const char *s = text; s < at; s++)
		line += *s == '\n';
	return line;
}

static void test_whom_a_line_comes_from(void **state)
{
	char source[64];
	(void)state;
	add_ingress("main", "", "\"a.example.com\"", BETA("web"));
	add_ingress("canary", CANARY(NOTE("canary-by-header", "X") NOTE("canary-by-header-pattern", "(")),
		    "\"a.example.com\"", BETA("web-canary"));
	char *text = rendered(NULL, 0);
	assert_true(render_blame(text, line_of(text, "\"~(\""), source, sizeof source));
	assert_string_equal(source, "default/canary");
	assert_true(render_blame(text, line_of(text, "location \"/\""), source, sizeof source));
	assert_string_equal(source, "default/main");
	assert_false(render_blame(text, 3, source, sizeof source));
	free(text);
	snprintf(source, sizeof source, "default/canary");
	struct routes *r = routes_without(source);
	assert_null(r->hosts->paths->canary);
	routes_destroy(r);
}

static void test_words_of_our_own(void **state)
{
	static const struct {
		const char *listen;
		bool ok;
	} listens[] = { { "127.0.0.1:8080", true }, { "8080", true },
			{ "[::1]:80", true },       { "localhost:80", false },
			{ "127.0.0.1", false },     { "127.0.0.1:", false },
			{ "127.0.0.1:0", false },   { "127.0.0.1:80; }", false },
			{ "::1:80", false },        { "", false } };
	(void)state;
	for (size_t i = 0; i < sizeof listens / sizeof listens[0]; i++) {
		if (render_listen_ok(listens[i].listen) != listens[i].ok)
			fail_msg("%s", listens[i].listen);
	}
	assert_true(render_word_ok("/var/lib/roll call/nginx"));
	assert_false(render_word_ok("/var/\"; }"));
	assert_false(render_word_ok("/var/$uid"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_golden, begin, end),
		cmocka_unit_test_setup_teardown(test_canary_annotations, begin, end),
		cmocka_unit_test_setup_teardown(test_a_canary_without_servers_gets_nothing, begin, end),
		cmocka_unit_test_setup_teardown(test_a_primary_without_servers, begin, end),
		cmocka_unit_test_setup_teardown(test_a_canary_needs_a_main_path, begin, end),
		cmocka_unit_test_setup_teardown(test_only_ready_pods_serve, begin, end),
		cmocka_unit_test_setup_teardown(test_ports_by_name, begin, end),
		cmocka_unit_test_setup_teardown(test_endpoints_serve_services_without_a_selector, begin, end),
		cmocka_unit_test_setup_teardown(test_hostile_hosts_and_paths_are_left_out, begin, end),
		cmocka_unit_test_setup_teardown(test_backends_that_are_no_names, begin, end),
		cmocka_unit_test_setup_teardown(test_the_older_ingress_has_the_path, begin, end),
		cmocka_unit_test_setup_teardown(test_classes, begin, end),
		cmocka_unit_test_setup_teardown(test_whom_a_line_comes_from, begin, end),
		cmocka_unit_test(test_words_of_our_own),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
