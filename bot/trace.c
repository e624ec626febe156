/* How a rollout went so far: its weights, its measurements and what was decided, bounded; the chart is drawn from it.
 * Kept in memory: after a restart a chart begins there. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "bot/room.h"

enum { POINTS_MAX = 240, MARKS_MAX = 16, NAME_BYTES = 64, POINTS_WORTH_A_CHART = 2 };

struct points {
	struct chart_point at[POINTS_MAX];
	size_t count;
};
struct series {
	char name[NAME_BYTES], limit[NAME_BYTES], last[NAME_BYTES];
	bool good, limited;
	double limit_value;
	struct points points;
};
struct mark {
	struct wall_ms at;
	enum chart_mark_kind kind;
	char text[NAME_BYTES];
};
struct trace {
	struct points weights;
	struct series series[CHART_SERIES_MAX];
	size_t series_count;
	struct mark marks[MARKS_MAX];
	size_t mark_count;
};

void trace_free(struct trace *t)
{
	free(t);
}

/* When there is no room, every second point must do. */
static void add_point(struct points *p, struct wall_ms at, double value)
{
	if (p->count == POINTS_MAX) {
		for (size_t i = 0; i < POINTS_MAX / 2; i++)
			p->at[i] = p->at[2 * i];
		p->count = POINTS_MAX / 2;
	}
	p->at[p->count++] = (struct chart_point){ at, value };
}

/* The first number in a text such as "99.97%", "≥ 99%", "812ms". */
static bool number_in(const char *text, double *ret)
{
	const char *from = text ? text : "", *p = from;
	while (*p && !isdigit((unsigned char)*p))
		p++;
	char digits[32];
	size_t len = strspn(p, "0123456789.");
	if (!len || len >= sizeof digits)
		return false;
	bool negative = p > from && p[-1] == '-';
	(void)text_copy(digits, len + 1, p);
	if (text_double(digits, ret, NULL) != RC_OK)
		return false;
	*ret = negative ? -*ret : *ret;
	return true;
}

static struct series *series_of(struct trace *t, const char *name)
{
	char kept[NAME_BYTES];
	(void)text_copy(kept, sizeof kept, name);
	for (size_t i = 0; i < t->series_count; i++)
		if (strcmp(t->series[i].name, kept) == 0)
			return &t->series[i];
	if (t->series_count == CHART_SERIES_MAX)
		return NULL;
	struct series *s = &t->series[t->series_count++];
	(void)text_copy(s->name, sizeof s->name, kept);
	return s;
}

static void note_check(struct trace *t, const struct rollout *r, const struct rollout_check *k)
{
	double value;
	if (!k->measured || !number_in(k->value, &value))
		return;
	struct series *s = series_of(t, k->name);
	if (!s)
		return;
	int64_t since = s->points.count ? r->rendered_at.v - s->points.at[s->points.count - 1].at.v : INT64_MAX;
	bool same = s->points.count && text_eq(s->last, k->value);
	if (since <= 0 || (same && since < r->interval_ms))
		return;
	s->good = k->good;
	s->limited = number_in(k->limit, &s->limit_value);
	(void)text_copy(s->last, sizeof s->last, k->value);
	(void)text_copy(s->limit, sizeof s->limit, k->limit ? k->limit : "");
	add_point(&s->points, r->rendered_at, value);
}

void trace_note(struct trace **t, const struct rollout *r)
{
	if (!*t)
		*t = calloc(1, sizeof **t);
	if (!*t || r->rendered_at.v <= 0)
		return;
	struct points *w = &(*t)->weights;
	if (!w->count ||
	    (w->at[w->count - 1].value != r->canary.weight && w->at[w->count - 1].at.v <= r->rendered_at.v))
		add_point(w, r->rendered_at, r->canary.weight);
	for (size_t i = 0; i < r->check_count; i++)
		note_check(*t, r, &r->checks[i]);
}

void trace_mark(struct trace *t, struct wall_ms at, enum chart_mark_kind kind, const char *text)
{
	if (!t || t->mark_count == MARKS_MAX)
		return;
	struct mark *m = &t->marks[t->mark_count++];
	*m = (struct mark){ .at = at, .kind = kind };
	(void)text_copy(m->text, sizeof m->text, text ? text : "");
}

bool trace_draw(const struct trace *t, const struct rollout *r, unsigned char **ret_png, size_t *ret_len)
{
	if (!t || t->weights.count < POINTS_WORTH_A_CHART || r->rendered_at.v <= t->weights.at[0].at.v)
		return false;
	struct chart_series series[CHART_SERIES_MAX];
	struct chart_mark marks[MARKS_MAX];
	for (size_t i = 0; i < t->series_count; i++) {
		const struct series *s = &t->series[i];
		series[i] = (struct chart_series){ .name = s->name,
						   .limit = s->limit,
						   .last = s->last,
						   .good = s->good,
						   .limited = s->limited,
						   .limit_value = s->limit_value,
						   .points = s->points.at,
						   .count = s->points.count };
	}
	for (size_t i = 0; i < t->mark_count; i++)
		marks[i] = (struct chart_mark){ t->marks[i].at, t->marks[i].kind, t->marks[i].text };
	char title[2 * NAME_BYTES];
	(void)snprintf(title, sizeof title, "%.63s/%.63s", r->ns, r->name);
	struct chart c = { .title = title,
			   .from = t->weights.at[0].at,
			   .until = r->rendered_at,
			   .weights = t->weights.at,
			   .weight_count = t->weights.count,
			   .marks = marks,
			   .mark_count = t->mark_count,
			   .series = series,
			   .series_count = t->series_count };
	struct error e;
	if (chart_png(&c, ret_png, ret_len, &e) == RC_OK)
		return true;
	log_warn("chart_failed", "canary=%s/%s why=%s", r->ns, r->name, e.text);
	return false;
}
