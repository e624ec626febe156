#include "base/metrics.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(entry) ((entry)->lost = true)
#include <uthash.h>

#include "base/text.h"

enum {
	LABELS_MAX = 16,
	SERIES_MAX = 10000, /* of one metric: label values come from objects that others make */
	KEY_BYTES_MAX = 16 * 1024,
};

static const double default_buckets[] = { .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 0 };

struct series {
	char *labels; /* owned; as they are rendered, without braces; the key */
	double value; /* histograms: the sum */
	uint64_t count;
	bool lost;
	UT_hash_handle hh;
	uint64_t buckets[]; /* not cumulative; beyond the last one only count knows */
};

struct metric {
	struct metric *next; /* owned by the registry, as this one */
	enum metric_type type;
	const char *name, *help; /* borrowed, as labels and buckets */
	struct {
		const char *name;
		int len;
	} labels[LABELS_MAX];
	size_t label_count, bucket_count;
	const double *buckets;
	struct series *series; /* hash; owned */
};

struct metrics {
	struct metric *first, **end;
};

struct metrics *metrics_create(void)
{
	struct metrics *m = calloc(1, sizeof *m);
	if (m)
		m->end = &m->first;
	return m;
}

static void free_series(struct series *s)
{
	free(s->labels);
	free(s);
}

static void free_metric(struct metric *m)
{
	struct series *s, *next;
	HASH_ITER (hh, m->series, s, next) {
		HASH_DEL(m->series, s);
		free_series(s);
	}
	free(m);
}

void metrics_destroy(struct metrics *m)
{
	if (!m)
		return;
	for (struct metric *metric = m->first, *next; metric; metric = next) {
		next = metric->next;
		free_metric(metric);
	}
	free(m);
}

/* "name,namespace" to borrowed pieces. */
static void split_labels(struct metric *m, const char *labels)
{
	while (*labels) {
		size_t len = strcspn(labels, ",");
		assert(m->label_count < LABELS_MAX && len > 0);
		m->labels[m->label_count].name = labels;
		m->labels[m->label_count++].len = (int)len;
		labels += len + (labels[len] == ',');
	}
}

static struct series *make_series(struct metric *m, const char *labels)
{
	if (HASH_COUNT(m->series) >= SERIES_MAX)
		return NULL;
	struct series *s = calloc(1, sizeof *s + m->bucket_count * sizeof *s->buckets);
	char *copy = strdup(labels);
	if (!s || !copy) {
		free(s);
		free(copy);
		return NULL;
	}
	s->labels = copy;
	HASH_ADD_KEYPTR(hh, m->series, s->labels, strlen(s->labels), s);
	if (!s->lost)
		return s;
	free_series(s);
	return NULL;
}

struct metric *metrics_add(struct metrics *m, enum metric_type type, const char *name, const char *help,
			   const char *labels, const double *buckets)
{
	if (!m)
		return NULL;
	for (struct metric *known = m->first; known; known = known->next)
		if (text_eq(known->name, name))
			return known;
	struct metric *metric = calloc(1, sizeof *metric);
	if (!metric)
		return NULL;
	*metric = (struct metric){ .type = type, .name = name, .help = help };
	split_labels(metric, labels);
	if (type == METRIC_HISTOGRAM) {
		metric->buckets = buckets ? buckets : default_buckets;
		while (metric->buckets[metric->bucket_count] > 0)
			metric->bucket_count++;
	}
	*m->end = metric;
	m->end = &metric->next;
	if (!metric->label_count)
		(void)make_series(metric, ""); /* one that is always there shows its zero */
	return metric;
}

static void add_label_value(struct strbuf *b, const char *s)
{
	for (size_t left = strlen(s), n; left; s += n, left -= n) {
		n = text_utf8_step(s, left);
		if (*s == '\n')
			strbuf_add(b, "\\n");
		else if (*s == '"' || *s == '\\')
			strbuf_addn(b, (char[]){ '\\', *s }, 2);
		else if (n)
			strbuf_addn(b, s, n);
		else
			strbuf_add(b, "\xef\xbf\xbd");
		n = n ? n : 1;
	}
}

/* The series of the label values; NULL: there is none and make is false, or it could not be made. */
static struct series *find_series(struct metric *m, bool make, va_list values)
{
	struct strbuf key;
	strbuf_init(&key, KEY_BYTES_MAX);
	for (size_t i = 0; i < m->label_count; i++) {
		const char *value = va_arg(values, const char *);
		strbuf_addf(&key, "%s%.*s=\"", i ? "," : "", m->labels[i].len, m->labels[i].name);
		add_label_value(&key, value ? value : "");
		strbuf_addc(&key, '"');
	}
	struct series *s = NULL;
	if (!key.overflow)
		HASH_FIND_STR(m->series, key.s, s);
	if (!s && make && !key.overflow)
		s = make_series(m, key.s);
	strbuf_finish(&key);
	return s;
}

void metric_inc(struct metric *m, double by, ...)
{
	if (!m || (m->type == METRIC_COUNTER && !(by >= 0)))
		return; /* a counter that falls would be read as a restart */
	va_list values;
	va_start(values, by);
	struct series *s = find_series(m, true, values);
	va_end(values);
	if (s)
		s->value += by;
}

void metric_set(struct metric *m, double value, ...)
{
	if (!m)
		return;
	va_list values;
	va_start(values, value);
	struct series *s = find_series(m, true, values);
	va_end(values);
	if (s)
		s->value = value;
}

void metric_observe(struct metric *m, double value, ...)
{
	if (!m || isnan(value))
		return;
	assert(m->type == METRIC_HISTOGRAM);
	va_list values;
	va_start(values, value);
	struct series *s = find_series(m, true, values);
	va_end(values);
	if (!s)
		return;
	s->value += value;
	s->count++;
	size_t i = 0;
	while (i < m->bucket_count && value > m->buckets[i])
		i++;
	if (i < m->bucket_count)
		s->buckets[i]++;
}

void metric_forget(struct metric *m, ...)
{
	if (!m)
		return;
	va_list values;
	va_start(values, m);
	struct series *s = find_series(m, false, values);
	va_end(values);
	if (!s)
		return;
	HASH_DEL(m->series, s);
	free_series(s);
}

double metric_value(struct metric *m, ...)
{
	if (!m)
		return 0;
	va_list values;
	va_start(values, m);
	const struct series *s = find_series(m, false, values);
	va_end(values);
	if (!s)
		return 0;
	return m->type == METRIC_HISTOGRAM ? (double)s->count : s->value;
}

static void add_sample(struct strbuf *b, const struct metric *m, const char *suffix, const char *labels, double value)
{
	char number[32];
	text_from_double(value, number);
	strbuf_addf(b, "%s%s%s%s%s %s\n", m->name, suffix, *labels ? "{" : "", labels, *labels ? "}" : "", number);
}

static void add_bucket(struct strbuf *b, const struct metric *m, const char *labels, const char *le, uint64_t count)
{
	strbuf_addf(b, "%s_bucket{%s%sle=\"%s\"} %llu\n", m->name, labels, *labels ? "," : "", le,
		    (unsigned long long)count);
}

static void add_histogram(struct strbuf *b, const struct metric *m, const struct series *s)
{
	uint64_t below = 0;
	for (size_t i = 0; i < m->bucket_count; i++) {
		char le[32];
		text_from_double(m->buckets[i], le);
		below += s->buckets[i];
		add_bucket(b, m, s->labels, le, below);
	}
	add_bucket(b, m, s->labels, "+Inf", s->count);
	add_sample(b, m, "_sum", s->labels, s->value);
	add_sample(b, m, "_count", s->labels, (double)s->count);
}

static void add_help(struct strbuf *b, const struct metric *m)
{
	static const char *const types[] = { "counter", "gauge", "histogram" };
	strbuf_addf(b, "# HELP %s ", m->name);
	for (const char *s = m->help; *s; s++)
		if (*s == '\n')
			strbuf_add(b, "\\n");
		else if (*s == '\\')
			strbuf_add(b, "\\\\");
		else
			strbuf_addc(b, *s);
	strbuf_addf(b, "\n# TYPE %s %s\n", m->name, types[m->type]);
}

static int compare_series(const struct series *a, const struct series *b)
{
	return strcmp(a->labels, b->labels);
}

static void render_metric(struct metric *m, struct strbuf *b)
{
	if (!m->series)
		return;
	add_help(b, m);
	HASH_SRT(hh, m->series, compare_series); /* so that two scrapes can be compared line by line */
	for (const struct series *s = m->series; s; s = s->hh.next) {
		if (m->type == METRIC_HISTOGRAM)
			add_histogram(b, m, s);
		else
			add_sample(b, m, "", s->labels, s->value);
	}
}

void metrics_render(struct metrics *m, struct strbuf *b)
{
	for (struct metric *metric = m ? m->first : NULL; metric; metric = metric->next)
		render_metric(metric, b);
}
