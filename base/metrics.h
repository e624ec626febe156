#pragma once
/* Prometheus registry, text format 0.0.4. Loop thread only. Names and help texts are borrowed. */
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/strbuf.h"

struct metrics;
struct metric;
enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct metrics *metrics_create(void); /* NULL: no memory */
void metrics_destroy(struct metrics *m);
/* labels: names separated by commas, "" for none. buckets (histograms): ascending, ends with 0; NULL: the default ones.
 * The same name again gives the same metric. NULL m gives NULL, and every call below takes a NULL metric. */
struct metric *metrics_add(struct metrics *m, enum metric_type type, const char *name, const char *help,
			   const char *labels, const double *buckets);
/* label values in the order of the names; as many as there are names. */
void metric_inc(struct metric *m, double by, ...);
void metric_set(struct metric *m, double value, ...);
void metric_observe(struct metric *m, double value, ...);
void metric_forget(struct metric *m, ...);  /* drops the series */
double metric_value(struct metric *m, ...); /* for tests; histograms: the count */
void metrics_render(struct metrics *m, struct strbuf *b);
DEFINE_CLEANUP(struct metrics, metrics_destroy)
