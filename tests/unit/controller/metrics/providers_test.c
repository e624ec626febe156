/* What each provider of a MetricTemplate sends, and how its answers are read (flagger-interfaces.md 3.9). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/crypto.h"
#include "base/json.h"
#include "base/text.h"
#include "controller/metrics/jwt.h"
#include "controller/metrics/provider.h"
#include "controller/metrics/sigv4.h"

#define NOW_S 1700000000
#define SIGNED(headers, signature)                                                                                     \
	"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20231114/eu-west-1/monitoring/aws4_request, SignedHeaders=" headers   \
	", Signature=" signature
#define SIGNED_PLAIN                                                                                                   \
	SIGNED("content-type;host;x-amz-date;x-amz-target",                                                            \
	       "d51666b9fbde980a9028f200f058660c9d8e908cf931faef8bdfde449ef8eddb")
#define SIGNED_WITH_TOKEN                                                                                              \
	SIGNED("content-type;host;x-amz-date;x-amz-security-token;x-amz-target",                                       \
	       "c0c101a61469c70d1d6808ae7cbdd1cd111eb0ddedf6aaad971aabced5ffb6e0")

static struct arena *arena;

static int open_arena(void **state)
{
	(void)state;
	arena = arena_create(8 << 20);
	return arena ? 0 : -1;
}

static int close_arena(void **state)
{
	(void)state;
	arena_destroy(arena);
	return 0;
}

static struct metric_query query_of(const char *type, const char *query, const struct pair *secret, size_t keys)
{
	const struct metric_provider *p = provider_find(type);
	assert_non_null(p);
	return (struct metric_query){ .provider = p,
				      .address = "https://m.example.com/base",
				      .query = query,
				      .region = "eu-west-1",
				      .interval_ms = 60 * 1000,
				      .now = { (int64_t)NOW_S * 1000 },
				      .has_secret = keys > 0,
				      .secret = { secret, keys },
				      .arena = arena };
}

static const struct pair datadog[] = { { "datadog_api_key", "ak" }, { "datadog_application_key", "pk" } };
static const struct pair newrelic[] = { { "newrelic_account_id", "42" }, { "newrelic_query_key", "qk" } };
static const struct pair basic[] = { { "username", "u" }, { "password", "p" } };
static const struct pair bearer[] = { { "token", "tk" }, { "org", "my org" } };
static const struct pair dynatrace[] = { { "dynatrace_token", "dt" } };
static const struct pair project[] = { { "project", "my-project" } };

#define NONE NULL, 0
#define ALL(keys) keys, sizeof(keys) / sizeof *(keys)

static const struct {
	const char *type, *query;
	const struct pair *secret;
	size_t keys;
	bool probe;
	const char *url, *headers, *body;
} asks[] = {
	{ "datadog", "avg:x{a:b}", ALL(datadog), false,
	  "https://m.example.com/base/api/v1/query?from=1699999400&query=avg%3Ax%7Ba%3Ab%7D&to=1700000000",
	  "DD-API-KEY: ak|DD-APPLICATION-KEY: pk|", NULL },
	{ "datadog", "", ALL(datadog), true, "https://m.example.com/base/api/v1/validate",
	  "DD-API-KEY: ak|DD-APPLICATION-KEY: pk|", NULL },
	{ "newrelic", "SELECT count(*) FROM T", ALL(newrelic), false,
	  "https://m.example.com/base/v1/accounts/42/query?nrql="
	  "SELECT%20count%28%2A%29%20FROM%20T%20SINCE%2060%20seconds%20ago",
	  "X-Query-Key: qk|", NULL },
	{ "graphite", "target=a(b.*,\"c d\")&from=-2min", NONE, false,
	  "https://m.example.com/base/render?target=a%28b.%2A%2C%22c%20d%22%29&from=-2min&format=json", "", NULL },
	{ "graphite", "target=a", ALL(basic), false, "https://m.example.com/base/render?target=a&format=json",
	  "Authorization: Basic dTpw|", NULL },
	{ "influxdb", "from(bucket: \"b\")", ALL(bearer), false, "https://m.example.com/base/api/v2/query?org=my%20org",
	  "Authorization: Token tk|Content-Type: application/vnd.flux|Accept: application/csv|",
	  "from(bucket: \"b\")" },
	{ "dynatrace", "builtin:x", ALL(dynatrace), false,
	  "https://m.example.com/base/api/v2/metrics/"
	  "query?from=1699999400000&metricSelector=builtin%3Ax&resolution=Inf&to=1700000000000",
	  "Authorization: Api-Token dt|", NULL },
	{ "dynatrace", "", ALL(dynatrace), true, "https://m.example.com/base/api/v2/metrics?pageSize=1",
	  "Authorization: Api-Token dt|", NULL },
	{ "stackdriver", "fetch x", ALL(project), false,
	  "https://m.example.com/base/v3/projects/my-project/timeSeries:query", "Content-Type: application/json|",
	  "{\"query\":\"fetch x\"}" },
	{ "prometheus", "up == 1", ALL(bearer), false, "https://m.example.com/base/api/v1/query?query=up%20%3D%3D%201",
	  "Authorization: Bearer tk|", NULL },
	{ "prometheus", "up", ALL(basic), false, "https://m.example.com/base/api/v1/query?query=up",
	  "Authorization: Basic dTpw|", NULL },
};

static void test_requests(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof asks / sizeof *asks; i++) {
		struct metric_query q = query_of(asks[i].type, asks[i].query, asks[i].secret, asks[i].keys);
		struct error e;
		char headers[512] = "";
		q.probe = asks[i].probe;
		if (q.provider->ask(&q, &e) != RC_OK)
			fail_msg("row %zu: %s", i, e.text);
		for (size_t k = 0; k < q.request.header_count; k++)
			(void)snprintf(headers + strlen(headers), sizeof headers - strlen(headers), "%s|",
				       q.request.headers[k]);
		assert_string_equal(q.request.url, asks[i].url);
		assert_string_equal(headers, asks[i].headers);
		assert_true(text_eq(q.request.body, asks[i].body));
	}
}

static const struct {
	const char *type;
	const struct pair *secret;
	size_t keys;
	const char *why;
} missing[] = {
	{ "datadog", NONE, "datadog credentials does not contain datadog_api_key" },
	{ "datadog", datadog, 1, "datadog credentials does not contain datadog_application_key" },
	{ "newrelic", NONE, "newrelic credentials does not contain the key 'newrelic_account_id'" },
	{ "dynatrace", NONE, "dynatrace credentials does not contain dynatrace_token" },
	{ "graphite", basic + 1, 1, "graphite credentials does not contain a username" },
	{ "graphite", basic, 1, "graphite credentials does not contain a password" },
	{ "prometheus", basic, 1, "prometheus credentials does not contain a password" },
	{ "influxdb", basic, 1, "influxdb credentials does not contain an authentication token" },
	{ "influxdb", bearer, 1, "influxdb credentials does not contain an organisation" },
	{ "stackdriver", NONE, "stackdriver credentials does not contain a project id" },
};

static void test_missing_keys(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof missing / sizeof *missing; i++) {
		struct metric_query q = query_of(missing[i].type, "q", missing[i].secret, missing[i].keys);
		struct error e = { .text = "" };
		assert_int_equal(q.provider->ask(&q, &e), RC_INVALID);
		assert_string_equal(e.text, missing[i].why);
	}
}

#define FLUX(type, value)                                                                                              \
	"#datatype,string,long,dateTime:RFC3339," type "\r\n,result,table,_time,_value\r\n,,0,2020," value "\r\n\r\n"

static const struct {
	const char *type, *body;
	enum result r;
	double value;
} answers[] = {
	{ "datadog", "{\"series\":[{\"pointlist\":[[1,2.5],[2,9]]}]}", RC_OK, 2.5 },
	{ "datadog", "{\"series\":[]}", RC_NOT_FOUND, 0 },
	{ "datadog", "{\"series\":[{\"pointlist\":[[1,\"x\"]]}]}", RC_INVALID, 0 },
	{ "datadog", "nonsense", RC_INVALID, 0 },
	{ "newrelic", "{\"results\":[{\"result\":7}]}", RC_OK, 7 },
	{ "newrelic", "{\"results\":[{\"result\":7},{\"result\":8}]}", RC_NOT_FOUND, 0 },
	{ "newrelic", "{\"results\":[]}", RC_NOT_FOUND, 0 },
	{ "graphite", "[{\"target\":\"a\",\"datapoints\":[[1,10],[3.5,20],[null,30]]}]", RC_OK, 3.5 },
	{ "graphite", "[{\"datapoints\":[[1,10]]},{\"datapoints\":[[2,10]]}]", RC_OK, 2 },
	{ "graphite", "[{\"datapoints\":[[1,10]]},{\"datapoints\":[]}]", RC_NOT_FOUND, 0 },
	{ "graphite", "[]", RC_NOT_FOUND, 0 },
	{ "influxdb", FLUX("double", "1.25"), RC_OK, 1.25 },
	{ "influxdb", FLUX("long", "3"), RC_INVALID, 0 },
	{ "influxdb", "\r\n", RC_OK, 0 },
	{ "influxdb", "", RC_OK, 0 },
	{ "influxdb", ",error,reference\r\n,broken query,7\r\n", RC_INVALID, 0 },
	{ "dynatrace", "{\"result\":[{\"data\":[{\"values\":[1]},{\"values\":[4,5]}]}]}", RC_OK, 4 },
	{ "dynatrace", "{\"result\":[{\"data\":[]}]}", RC_NOT_FOUND, 0 },
	{ "cloudwatch", "{\"MetricDataResults\":[{\"Values\":[99.5,1]}]}", RC_OK, 99.5 },
	{ "cloudwatch", "{\"MetricDataResults\":[{\"Values\":[]}]}", RC_NOT_FOUND, 0 },
	{ "stackdriver", "{\"timeSeriesData\":[{\"pointData\":[{\"values\":[{\"doubleValue\":0.5}]}]}]}", RC_OK, 0.5 },
	{ "stackdriver", "{\"timeSeriesData\":[{\"pointData\":[{\"values\":[{\"int64Value\":\"12\"}]}]}]}", RC_OK, 12 },
	{ "stackdriver", "{}", RC_NOT_FOUND, 0 },
};

static void test_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		struct metric_query q = query_of(answers[i].type, "q", NONE);
		struct error e = { .text = "" };
		double v = 0;
		enum result r = q.provider->read(&q, answers[i].body, strlen(answers[i].body), &v, &e);
		if (r != answers[i].r || (r == RC_OK && v != answers[i].value))
			fail_msg("row %zu: %s %g %s", i, result_name(r), v, e.text);
		if (r == RC_NOT_FOUND)
			assert_string_equal(e.text, "no values found");
	}
}

/* The signature was made by another implementation (botocore 1.34), for the same key, time and body. */
static void test_sigv4(void **state)
{
	(void)state;
	struct sigv4 s = { .key_id = "AKIDEXAMPLE",
			   .secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
			   .region = "eu-west-1",
			   .service = "monitoring",
			   .host = "monitoring.eu-west-1.amazonaws.com",
			   .content_type = "application/x-amz-json-1.0",
			   .target = "GraniteServiceVersion20100801.GetMetricData",
			   .body = "{\"StartTime\":1}",
			   .now = { (int64_t)NOW_S * 1000 } };
	const char *date, *authorization;
	struct error e;
	assert_int_equal(sigv4_sign(&s, arena, &date, &authorization, &e), RC_OK);
	assert_string_equal(date, "20231114T221320Z");
	assert_string_equal(authorization, SIGNED_PLAIN);
	s.token = "session";
	assert_int_equal(sigv4_sign(&s, arena, &date, &authorization, &e), RC_OK);
	assert_string_equal(authorization, SIGNED_WITH_TOKEN);
}

static void test_cloudwatch_request(void **state)
{
	(void)state;
	static const struct pair aws[] = { { "AWS_ACCESS_KEY_ID", "id" }, { "AWS_SECRET_ACCESS_KEY", "very secret" } };
	struct metric_query q = query_of("cloudwatch", "[{\"Id\":\"e1\"}]", ALL(aws));
	struct error e;
	q.address = "";
	assert_int_equal(q.provider->ask(&q, &e), RC_OK);
	assert_string_equal(q.request.url, "https://monitoring.eu-west-1.amazonaws.com/");
	assert_string_equal(q.request.body, "{\"MetricDataQueries\":[{\"Id\":\"e1\"}],\"StartTime\":1699999400,"
					    "\"EndTime\":1700000000,\"MaxDatapoints\":20}");
	for (size_t i = 0; i < q.request.header_count; i++)
		assert_null(strstr(q.request.headers[i], "very secret"));
	q = query_of("cloudwatch", "not json", ALL(aws));
	assert_int_equal(q.provider->ask(&q, &e), RC_INVALID);
	q = query_of("cloudwatch", "[]", ALL(aws));
	q.region = "";
	assert_int_equal(q.provider->ask(&q, &e), RC_INVALID);
	assert_string_equal(e.text, "region not specified");
}

/* ---- a service account's token ---- */

static char *make_key(EVP_PKEY **ret)
{
	*ret = EVP_RSA_gen(2048);
	BIO *b = BIO_new(BIO_s_mem());
	assert_int_equal(PEM_write_bio_PKCS8PrivateKey(b, *ret, NULL, NULL, 0, NULL, NULL), 1);
	char *data = NULL;
	long len = BIO_get_mem_data(b, &data);
	char *pem = strndup(data, (size_t)len);
	BIO_free(b);
	return pem;
}

static void verify(EVP_PKEY *key, const char *jwt)
{
	const char *dot = strrchr(jwt, '.');
	unsigned char *mac = NULL;
	size_t len = 0;
	struct error e;
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	assert_int_equal(text_unbase64(dot + 1, strlen(dot + 1), &mac, &len, &e), RC_OK);
	assert_int_equal(EVP_DigestVerifyInit(md, NULL, EVP_sha256(), NULL, key), 1);
	assert_int_equal(EVP_DigestVerify(md, mac, len, (const unsigned char *)jwt, (size_t)(dot - jwt)), 1);
	EVP_MD_CTX_free(md);
	free(mac);
}

static void test_stackdriver_exchanges_its_key(void **state)
{
	(void)state;
	EVP_PKEY *key;
	struct error e;
	double v = 0;
	CLEANUP(free_p) char *pem = make_key(&key);
	CLEANUP(json_delete_p) cJSON *account = cJSON_CreateObject();
	assert_true(json_put_text(account, "client_email", "a@example.com") &&
		    json_put_text(account, "token_uri", "https://t.example.com/token") &&
		    json_put_text(account, "private_key", pem));
	CLEANUP(free_p) char *text = json_print(account);
	const struct pair keys[] = { { "project", "my-project" }, { "serviceAccountKey", text } };
	struct metric_query q = query_of("stackdriver", "fetch x", keys, 2);
	assert_int_equal(q.provider->ask(&q, &e), RC_OK);
	assert_string_equal(q.request.url, "https://t.example.com/token");
	const char *jwt = strstr(q.request.body, "assertion=");
	assert_non_null(jwt);
	verify(key, jwt + strlen("assertion="));
	EVP_PKEY_free(key);
	const char *said = "{\"access_token\":\"at\"}";
	assert_int_equal(q.provider->read(&q, said, strlen(said), &v, &e), RC_OK);
	assert_true(q.more);
	q.stage++;
	q.request = (struct metric_request){ 0 };
	assert_int_equal(q.provider->ask(&q, &e), RC_OK);
	assert_string_equal(q.request.headers[1], "Authorization: Bearer at");
	const struct pair broken[] = { { "project", "p" }, { "serviceAccountKey", "{\"private_key\":\"x\"}" } };
	q = query_of("stackdriver", "fetch x", broken, 2);
	assert_int_equal(q.provider->ask(&q, &e), RC_INVALID);
	assert_string_equal(e.text, "the private key of the service account cannot be read");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_missing_keys),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_sigv4),
		cmocka_unit_test(test_cloudwatch_request),
		cmocka_unit_test(test_stackdriver_exchanges_its_key),
	};
	return cmocka_run_group_tests(tests, open_arena, close_arena);
}
