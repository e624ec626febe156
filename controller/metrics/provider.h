#pragma once
/* The providers of MetricTemplates (flagger-interfaces.md 3.9). One file each and a row in providers.c. Pure: they
 * write a request and read its answer; sources.c does the asking. Strings are in the query's arena, which is wiped when
 * the answer is there, because keys are in it. */
#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "controller/model/canary.h"

enum { PROVIDER_HEADERS_MAX = 8 };

struct metric_request {
	const char *method, *url, *body; /* method NULL: GET; body NULL: none */
	const char *headers[PROVIDER_HEADERS_MAX + 1];
	size_t header_count;
	int64_t timeout_ms; /* 0: 5 s */
};
struct metric_query {
	const struct metric_provider *provider;
	const char *address; /* without a slash at its end */
	const char *query;   /* rendered; "" of a probe */
	const char *region;
	int64_t interval_ms;
	struct wall_ms now;
	bool probe;     /* only: does it answer? */
	bool no_verify; /* insecureSkipVerify */
	bool has_secret;
	struct pairs secret;  /* what secretRef holds, decoded; in no order */
	struct pairs headers; /* spec.provider.headers, one each value; in their order */
	struct arena *arena;
	unsigned stage;   /* answers so far */
	const char *kept; /* from one stage to the next */
	bool more;        /* read: ask again */
	struct metric_request request;
};
struct metric_provider {
	const char *type;
	const char *address; /* where it is when the template does not say; NULL: it must; "" : ask works it out */
	int probe_status;    /* a probe is well with this status, or any 2xx, whatever it says; 0: read judges */
	/* Fills request. RC_INVALID: a key is missing, or the query cannot be sent. */
	enum result (*ask)(struct metric_query *q, struct error *e);
	/* Of a 2xx answer. RC_NOT_FOUND: no values found. */
	enum result (*read)(struct metric_query *q, const char *body, size_t len, double *ret, struct error *e);
};
const struct metric_provider *provider_find(const char *type); /* NULL: unknown */
const char *provider_types(void);                              /* " cloudwatch datadog ..." */

/* ---- what providers share ---- */

/* The value of a key; NULL: it is not there. */
const char *query_secret(const struct metric_query *q, const char *key);
/* false: no memory. */
bool query_header(struct metric_query *q, const char *name, const char *value);
bool query_basic(struct metric_query *q, const char *user, const char *password);
const char *query_escape(struct metric_query *q, const char *text); /* for a query string; NULL: no memory */
enum result query_no_memory(struct error *e);
/* "datadog credentials does not contain WHAT" */
enum result query_no_key(const struct metric_query *q, const char *what, struct error *e);
/* JSON of the answer; the caller's. */
MUST_CHECK enum result query_json(const char *body, size_t len, cJSON **ret, struct error *e);
enum result query_no_values(struct error *e);
enum result query_many_values(struct error *e);
/* Of an answer that is not 2xx: "error response: Status 500 Internal Server Error: ..." */
enum result query_refused(int status, const char *body, struct error *e);
/* A number, or "no values found". */
enum result query_number(const cJSON *v, double *ret, struct error *e);

/* ---- the rows ---- */

#define PROVIDERS(X)                                                                                                   \
	X(cloudwatch)                                                                                                  \
	X(datadog)                                                                                                     \
	X(dynatrace)                                                                                                   \
	X(graphite)                                                                                                    \
	X(influxdb)                                                                                                    \
	X(newrelic)                                                                                                    \
	X(prometheus)                                                                                                  \
	X(stackdriver)
#define X(name) extern const struct metric_provider provider_##name;
PROVIDERS(X)
#undef X
