#pragma once
/* A metric provider: one query -> one number, or none, or an error. One file a provider; the table is in sources.c. */
#include "base/http_client.h"
#include "controller/core/decision.h"
#include "controller/hooks/hooks.h"
#include "controller/metrics/traffic.h"
#include "controller/plan.h"

struct metric_ask; /* a query under way */
/* verdict: YES with a value, NO when the provider has none (text says more), ERROR. Runs once, later. */
typedef void metric_done(void *owner, enum verdict verdict, double value, const char *text);

struct sources; /* what all queries share */
/* Of the options: loop, client, and where one may go; addresses that a Canary or a MetricTemplate names are judged like
 * hooks, the operator's own server is not. Copied. */
MUST_CHECK enum result sources_create(const struct hooks_options *o, struct sources **ret, struct error *e);
/* Where no Prometheus is configured, the built-in metrics come from there. Borrowed; NULL: from nowhere. */
void sources_set_traffic(struct sources *s, const struct traffic *t);
void sources_destroy(struct sources *s);
/* analysis.metrics[index] of the plan's canary: built-in (request-success-rate, request-duration) or inline query
 * against spec.metricsServer or the controller's, or what was served here; by_template: its templateRef's. index
 * SIZE_MAX: is the provider of the first built-in one, else of the first template, there (K7)? */
struct metric_ask *source_ask(struct sources *s, const struct plan *p, size_t index, bool by_template,
			      metric_done *done, void *owner);
void source_cancel(struct metric_ask **ask);
/* The query as it is sent: {{ name }} and friends replaced, white space folded (flagger-interfaces.md 3.3, 3.4). Pure.
 * NULL: unknown variable (e says which) or arena full. */
const char *source_query(const struct plan *p, const struct metric_check *m, const char *template_, struct arena *a,
			 struct error *e);
