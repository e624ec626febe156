#pragma once
/* A metric provider: one query -> one number, or none, or an error. One file a provider; the table is in sources.c. */
#include "base/http_client.h"
#include "controller/core/decision.h"
#include "controller/plan.h"

struct metric_ask; /* a query under way */
/* verdict: YES with a value, NO when the provider has none (text says more), ERROR. Runs once, later. */
typedef void metric_done(void *owner, enum verdict verdict, double value, const char *text);

struct sources; /* what all queries share */
MUST_CHECK enum result sources_create(struct loop *l, struct http_client *http, struct sources **ret, struct error *e);
void sources_destroy(struct sources *s);
/* analysis.metrics[index] of the plan's canary: built-in (request-success-rate, request-duration) or inline query
 * against spec.metricsServer or the controller's; templateRef through its MetricTemplate. index SIZE_MAX: is the server
 * of the built-in and inline ones there (K7)? */
struct metric_ask *source_ask(struct sources *s, const struct plan *p, size_t index, metric_done *done, void *owner);
void source_cancel(struct metric_ask **ask);
/* The query as it is sent: {{ name }} and friends replaced, white space folded (flagger-interfaces.md 3.3, 3.4). Pure.
 * NULL: unknown variable (e says which) or arena full. */
const char *source_query(const struct plan *p, const struct metric_check *m, const char *template_, struct arena *a,
			 struct error *e);
