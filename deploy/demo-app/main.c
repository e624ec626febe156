/* rollouts-demo: an application to release. Answers with its colour, and can be told to fail or to be slow.
 *
 *   GET /            {"color":"green","version":"","address":"127.0.0.1:8080"}, header X-Color
 *   GET /healthz     200 while it lives
 *   GET /metrics     http_request_duration_seconds{status}
 *   GET /chaos       what it was told; PUT /chaos {"failRate":0.3,"slowMs":200,"slowRate":0.5} tells it
 *   POST /fail?rate=0.3
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/http_server.h"
#include "base/json.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/text.h"

enum {
	BODY_MAX = 4096,
	SLOW_MAX_MS = 60 * 1000,
	GRACE_MS = 20 * 1000,
	METRICS_MAX = 1024 * 1024,
	POST_MAX = 1024 * 1024,
	IDLE_MS = 90 * 1000
};

struct chaos {
	double fail_rate, slow_rate; /* 0 to 1 */
	int64_t slow_ms;
};
struct demo {
	struct loop *loop;
	struct http_server *server;
	struct metrics *metrics;
	struct metric *seconds;
	uv_signal_t on_term, on_int;
	struct chaos chaos;
	const char *address, *color, *version;
	int port;
	bool stopping;
};
/* One request that is being made to wait. */
struct answer {
	struct demo *demo;
	struct http_exchange *x;
	struct timer timer;
	struct mono_ms since;
	bool fail;
};

/* ---- chance ---- */

static bool happens(double rate)
{
	uint32_t r = 0;
	if (rate <= 0 || crypto_random(&r, sizeof r, NULL) != RC_OK)
		return false;
	return (double)r < rate * 4294967296.0;
}

/* ---- answers ---- */

static void respond(struct demo *d, struct http_exchange *x, int status, const char *body, struct mono_ms since)
{
	char color[128], code[16];
	snprintf(color, sizeof color, "X-Color: %.100s", d->color);
	snprintf(code, sizeof code, "%d", status);
	const char *const headers[] = { color, d->stopping ? "Connection: close" : NULL, NULL };
	metric_observe(d->seconds, (double)(loop_now(d->loop).v - since.v) / 1000, code);
	http_respond(x, status, "application/json", body, strlen(body), headers);
}

static void answer_now(struct demo *d, struct http_exchange *x, bool fail, struct mono_ms since)
{
	struct strbuf b;
	strbuf_init(&b, BODY_MAX);
	strbuf_add(&b, fail ? "{\"error\":\"told to fail\",\"color\":" : "{\"color\":");
	strbuf_add_json(&b, d->color);
	strbuf_add(&b, ",\"version\":");
	strbuf_add_json(&b, d->version);
	strbuf_addf(&b, ",\"address\":\"%s:%d\"}\n", d->address, d->port);
	respond(d, x, fail ? 500 : 200, b.s, since);
	strbuf_finish(&b);
}

static void answer_free(void *owner)
{
	struct answer *a = owner;
	timer_stop(&a->timer);
	free(a);
}

static void answer_due(void *owner)
{
	struct answer *a = owner;
	struct answer now = *a;
	free(a);
	answer_now(now.demo, now.x, now.fail, now.since);
}

static void handle_root(void *owner, struct http_exchange *x)
{
	struct demo *d = owner;
	bool fail = happens(d->chaos.fail_rate);
	struct answer *a = d->chaos.slow_ms && happens(d->chaos.slow_rate) ? calloc(1, sizeof *a) : NULL;
	if (!a) {
		answer_now(d, x, fail, loop_now(d->loop));
		return;
	}
	*a = (struct answer){ .demo = d, .x = x, .since = loop_now(d->loop), .fail = fail };
	http_on_close(x, answer_free, a);
	timer_start(d->loop, &a->timer, d->chaos.slow_ms, answer_due, a);
}

static void handle_health(void *owner, struct http_exchange *x)
{
	(void)owner;
	http_respond_text(x, 200, "text/plain", "ok\n");
}

static void handle_metrics(void *owner, struct http_exchange *x)
{
	struct demo *d = owner;
	struct strbuf b;
	strbuf_init(&b, METRICS_MAX);
	metrics_render(d->metrics, &b);
	http_respond_text(x, 200, "text/plain; version=0.0.4; charset=utf-8", b.s);
	strbuf_finish(&b);
}

/* ---- chaos ---- */

static enum result rate_check(double rate, const char *name, struct error *e)
{
	if (rate >= 0 && rate <= 1)
		return RC_OK;
	return error_set(e, RC_INVALID, "%s must be between 0 and 1", name);
}

static enum result chaos_check(const struct chaos *c, struct error *e)
{
	enum result r = rate_check(c->fail_rate, "failRate", e);
	if (r == RC_OK)
		r = rate_check(c->slow_rate, "slowRate", e);
	if (r == RC_OK && (c->slow_ms < 0 || c->slow_ms > SLOW_MAX_MS))
		r = error_set(e, RC_INVALID, "slowMs must be between 0 and %d", SLOW_MAX_MS);
	return r;
}

static enum result chaos_read(const char *body, size_t len, struct chaos *c, struct error *e)
{
	CLEANUP(json_delete_p) cJSON *j = NULL;
	enum result r = json_parse(body, len, &j, e);
	if (r != RC_OK)
		return r;
	const cJSON *item;
	cJSON_ArrayForEach (item, j) {
		bool known = text_eq(item->string, "failRate") || text_eq(item->string, "slowMs") ||
			     text_eq(item->string, "slowRate");
		if (!known || !cJSON_IsNumber(item))
			return error_set(e, RC_INVALID, "failRate, slowMs and slowRate are known, and are numbers");
	}
	c->fail_rate = json_number(j, "failRate", c->fail_rate);
	c->slow_rate = json_number(j, "slowRate", c->slow_rate);
	c->slow_ms = json_int(j, "slowMs", c->slow_ms);
	return chaos_check(c, e);
}

static void respond_chaos(struct demo *d, struct http_exchange *x)
{
	char fail[32], slow[32], body[256];
	text_from_double(d->chaos.fail_rate, fail);
	text_from_double(d->chaos.slow_rate, slow);
	snprintf(body, sizeof body, "{\"failRate\":%s,\"slowMs\":%lld,\"slowRate\":%s}\n", fail,
		 (long long)d->chaos.slow_ms, slow);
	http_respond_json(x, 200, body);
}

static void handle_chaos(void *owner, struct http_exchange *x)
{
	respond_chaos(owner, x);
}

static void handle_chaos_put(void *owner, struct http_exchange *x)
{
	struct demo *d = owner;
	struct chaos c = d->chaos;
	struct error e;
	size_t len;
	const char *body = http_body(x, &len);
	if (chaos_read(body, len, &c, &e) != RC_OK) {
		http_respond_result(x, &e);
		return;
	}
	d->chaos = c;
	respond_chaos(d, x);
}

static void handle_fail(void *owner, struct http_exchange *x)
{
	struct demo *d = owner;
	struct error e;
	double rate;
	const char *text = http_query(x, "rate");
	if (text_double(text ? text : "1", &rate, &e) != RC_OK || rate_check(rate, "rate", &e) != RC_OK) {
		http_respond_result(x, &e);
		return;
	}
	d->chaos.fail_rate = rate;
	respond_chaos(d, x);
}

/* ---- life ---- */

static void demo_closed(void *owner)
{
	struct demo *d = owner;
	d->server = NULL;
	loop_stop(d->loop);
}

/* What is being answered is answered, what comes on a kept connection too, with "Connection: close". */
static void demo_signalled(uv_signal_t *h, int number)
{
	struct demo *d = h->data;
	(void)number;
	if (d->stopping)
		return;
	d->stopping = true;
	log_info("stopping", "color=%s", d->color);
	http_server_close(d->server, GRACE_MS, demo_closed, d);
}

static enum result demo_start(struct demo *d, struct error *e)
{
	const struct http_route routes[] = {
		{ "GET", "/healthz", 0, handle_health, d },
		{ "GET", "/metrics", 0, handle_metrics, d },
		{ "GET", "/chaos", 0, handle_chaos, d },
		{ "PUT", "/chaos", BODY_MAX, handle_chaos_put, d },
		{ "POST", "/fail", BODY_MAX, handle_fail, d },
		{ "GET", "/{rest...}", 0, handle_root, d },
		{ "POST", "/{rest...}", POST_MAX, handle_root, d },
		{ NULL, NULL, 0, NULL, NULL },
	};
	const struct http_server_options o = {
		.host = d->address,
		.port = d->port,
		.max_connections = 8192,
		.idle_timeout_ms = IDLE_MS, /* longer than a proxy keeps a connection that it may use again */
	};
	enum result r = loop_create(&d->loop, e);
	if (r == RC_OK)
		r = http_server_create(d->loop, &o, routes, &d->server, e);
	if (r != RC_OK)
		return r;
	d->port = http_server_port(d->server);
	d->metrics = metrics_create();
	d->seconds = metrics_add(d->metrics, METRIC_HISTOGRAM, "http_request_duration_seconds",
				 "Seconds from a request to its answer.", "status", NULL);
	d->on_term.data = d->on_int.data = d;
	uv_signal_init(loop_uv(d->loop), &d->on_term);
	uv_signal_init(loop_uv(d->loop), &d->on_int);
	uv_signal_start(&d->on_term, demo_signalled, SIGTERM);
	uv_signal_start(&d->on_int, demo_signalled, SIGINT);
	log_info("listening", "address=%s port=%d color=%s", d->address, d->port, d->color);
	return RC_OK;
}

static void demo_finish(struct demo *d)
{
	uv_close((uv_handle_t *)&d->on_term, NULL);
	uv_close((uv_handle_t *)&d->on_int, NULL);
	loop_destroy(d->loop);
	metrics_destroy(d->metrics);
}

/* ---- the command line ---- */

static const char usage[] = "usage: rollouts-demo [--address A] [--port P] [--color C] [--version V]\n"
			    "                     [--fail-rate 0..1] [--slow-ms N] [--slow-rate 0..1]\n";

static enum result option_take(struct demo *d, int option, const char *value, struct error *e)
{
	uint64_t number;
	enum result r = RC_OK;
	switch (option) {
	case 'a':
		d->address = value;
		break;
	case 'c':
		d->color = value;
		break;
	case 'v':
		d->version = value;
		break;
	case 'p':
		r = text_u64(value, 0, 65535, &number, e);
		d->port = r == RC_OK ? (int)number : 0;
		break;
	case 'f':
		r = text_double(value, &d->chaos.fail_rate, e);
		break;
	case 's':
		r = text_double(value, &d->chaos.slow_rate, e);
		break;
	case 'm':
		r = text_u64(value, 0, SLOW_MAX_MS, &number, e);
		d->chaos.slow_ms = r == RC_OK ? (int64_t)number : 0;
		break;
	default:
		return error_set(e, RC_INVALID, "unknown option");
	}
	return r;
}

static enum result options_read(struct demo *d, int argc, char **argv, struct error *e)
{
	static const struct option options[] = {
		{ "address", required_argument, NULL, 'a' },   { "port", required_argument, NULL, 'p' },
		{ "color", required_argument, NULL, 'c' },     { "version", required_argument, NULL, 'v' },
		{ "fail-rate", required_argument, NULL, 'f' }, { "slow-ms", required_argument, NULL, 'm' },
		{ "slow-rate", required_argument, NULL, 's' }, { NULL, 0, NULL, 0 },
	};
	int option, at = 0;
	opterr = 0;
	while ((option = getopt_long(argc, argv, "", options, &at)) != -1) {
		enum result r = option_take(d, option, optarg, e);
		if (r != RC_OK)
			return error_in(e, r, "%s", argv[optind - 1]);
	}
	if (optind < argc)
		return error_set(e, RC_INVALID, "\"%.60s\": not an option", argv[optind]);
	if (d->chaos.slow_ms && d->chaos.slow_rate <= 0)
		d->chaos.slow_rate = 1;
	return chaos_check(&d->chaos, e);
}

int main(int argc, char **argv)
{
	struct error e;
	struct demo d = { .address = "127.0.0.1", .port = 8080, .color = "blue", .version = "" };
	if (options_read(&d, argc, argv, &e) != RC_OK) {
		fprintf(stderr, "rollouts-demo: %s\n%s", e.text, usage);
		return 2;
	}
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	(void)sigaction(SIGPIPE, &ignore, NULL); /* before the first socket */
	if (demo_start(&d, &e) != RC_OK) {
		fprintf(stderr, "rollouts-demo: %s\n", e.text);
		return 1;
	}
	loop_run(d.loop);
	demo_finish(&d);
	return 0;
}
